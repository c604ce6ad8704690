package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"

	"dipper/stream/web"
)

// Whoever reads gzip gets every file of the page compressed, and it is the same file.
func TestPageIsSentCompressed(t *testing.T) {
	s := &Server{cfg: Config{Page: web.FS(), Log: slog.New(slog.DiscardHandler)}}
	err := fs.WalkDir(web.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, web.Packed) {
			return err
		}
		plain, err := fs.ReadFile(web.FS(), name)
		if err != nil {
			return err
		}
		for _, accept := range []string{"gzip, deflate, br", "", "gzip;q=0"} {
			r := httptest.NewRequest(http.MethodGet, "/"+name, nil)
			r.Header.Set("Accept-Encoding", accept)
			w := httptest.NewRecorder()
			if err := s.file(w, r); err != nil {
				t.Fatalf("GET /%s: %v", name, err)
			}
			body, packed := io.Reader(w.Body), w.Header().Get("Content-Encoding") == "gzip"
			if packed != strings.HasPrefix(accept, "gzip,") {
				t.Errorf("GET /%s with Accept-Encoding %q: Content-Encoding %q", name, accept, w.Header().Get("Content-Encoding"))
			}
			if packed {
				if body, err = gzip.NewReader(w.Body); err != nil {
					t.Fatal(err)
				}
			}
			got, err := io.ReadAll(body)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("GET /%s with Accept-Encoding %q gives other bytes (%v)", name, accept, err)
			}
			if path.Ext(name) == ".js" && !strings.Contains(w.Header().Get("Content-Type"), "javascript") {
				t.Errorf("GET /%s: Content-Type %q", name, w.Header().Get("Content-Type"))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
