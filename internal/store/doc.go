// Package store keeps Rowan's relational state on one of two engines through
// one code path: SQLite in a file (pure Go) or PostgreSQL by URL. The same
// migrations (goose) and the same generated queries (sqlc, package
// internal/store/db) run on both, and durable jobs (River) are enqueued in the
// caller's transaction on both.
//
// What keeps the path single: portable column types only, times as Unix
// microseconds, JSON as text, no reliance on the row order of RETURNING, and
// the conformance suite in package storetest, which every engine passes.
//
// Every state change of Rowan happens inside [Store.Tx] and appends its ledger
// row there (package internal/ledger), so nothing changes without a record.
package store
