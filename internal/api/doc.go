// Package api is Rowan over HTTP: JSON operations described by the OpenAPI 3.1
// document at /openapi.json, which is generated from the code that runs; the
// lookups of Meta's Hasher-Matcher-Actioner for its clients; and the console's
// static files. The console is a client like any other.
//
// Errors are RFC 9457 problem documents and are made in one place, problem.go.
// They never repeat what the caller sent: it may be a message or a name.
package api
