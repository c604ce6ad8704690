package api

import (
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"dipper/stream"
	"dipper/stream/web"
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
	if packed := name + web.Packed; s.canSendPacked(r, packed) {
		return s.sendPacked(w, r, name, packed)
	}
	if name == "index.html" {
		return s.index(w, r)
	}
	http.ServeFileFS(w, r, s.cfg.Page, name)
	return nil
}

// canSendPacked reports whether the client reads gzip and the page has the file in that form.
func (s *Server) canSendPacked(r *http.Request, packed string) bool {
	if r.Header.Get("Range") != "" { // a range is of the plain file
		return false
	}
	for _, coding := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if name == "gzip" && strings.TrimSpace(quality) != "q=0" {
			_, err := fs.Stat(s.cfg.Page, packed)
			return err == nil
		}
	}
	return false
}

// sendPacked sends a file in its compressed form under its plain name.
func (s *Server) sendPacked(w http.ResponseWriter, r *http.Request, name, packed string) error {
	data, err := fs.ReadFile(s.cfg.Page, packed)
	if err != nil {
		return err
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Encoding", "gzip")
	h.Add("Vary", "Accept-Encoding")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(data) // the client may be gone
	}
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
