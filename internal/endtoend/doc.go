// Package endtoend holds no code, only tests of Rowan as it is used: the built
// binary as a process of its own, a real Chromium, and package
// [github.com/rowan-safety/rowan/internal/fakes/ncmec] in place of the
// authority. Everything that is uploaded is a landscape drawn by code.
//
//	go test ./internal/endtoend                     # a few minutes
//	go test ./internal/endtoend -short              # nothing
//	go test ./internal/endtoend -run EndToEndKilled # one group
//
// Tests with a browser skip without /usr/bin/chromium (or ROWAN_CHROMIUM), and
// the accessibility test without `npm ci` in web/console; with
// ROWAN_TEST_REQUIRE set they fail instead. ROWAN_SCREENSHOTS names a folder
// that gets a picture of every screen, ROWAN_BINARY a built rowan to test
// instead of the tree's.
package endtoend
