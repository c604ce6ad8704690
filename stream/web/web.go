package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// FS is the built page: index.html and assets/. Files are as built, not compressed.
func FS() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("web: dist is embedded at build time: " + err.Error()) // cannot happen: the name is a constant
	}
	return sub
}
