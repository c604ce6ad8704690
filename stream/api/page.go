package api

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"dipper/stream"
)

// page serves the page's files at /, and answers everything that lives nowhere.
func (s *Server) page() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		s.secure(rec.Header())
		if err := s.file(rec, r); err != nil {
			s.fail(rec, r, err)
		}
		s.metrics.observe("page", r.Method, rec.status, time.Since(begin))
	})
}

func (s *Server) file(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "" {
		name = "index.html"
	}
	if s.cfg.Page == nil || strings.HasPrefix(r.URL.Path, "/api/") {
		return stream.ErrNoRoute
	}
	if info, err := fs.Stat(s.cfg.Page, name); err != nil || info.IsDir() {
		return stream.ErrNoRoute
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return stream.ErrMethod
	}
	if strings.HasPrefix(name, "assets/") { // their names carry a hash of what is in them
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "no-cache")
	}
	if name == "index.html" {
		return s.index(w, r)
	}
	http.ServeFileFS(w, r, s.cfg.Page, name)
	return nil
}

// index is written here since http.ServeFileFS sends /index.html to / and / nowhere else.
func (s *Server) index(w http.ResponseWriter, r *http.Request) error {
	data, err := fs.ReadFile(s.cfg.Page, "index.html")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if r.Method == http.MethodGet {
		_, _ = w.Write(data) // the client may be gone
	}
	return nil
}
