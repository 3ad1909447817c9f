// Package web holds the reviewer's console as built files, so that the one
// binary serves it without anything beside it on disk.
//
// The files under console/dist are committed. After a change to console/src run
// `npm ci && npm run build` in web/console and commit the result; the build is
// reproducible byte for byte.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:console/dist
var dist embed.FS

// Console returns the console's files with index.html at the root. They expect
// to be served under /console/ and use no other origin.
func Console() fs.FS {
	sub, err := fs.Sub(dist, "console/dist")
	if err != nil {
		panic(err) // the path is a constant and is embedded
	}
	return sub
}
