package web_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"sync"
	"testing"

	"dipper/stream/web"
)

// maxPacked is what the whole page may weigh on the wire, base map and worker included.
const maxPacked = 900_000

func TestPageIsWhole(t *testing.T) {
	site := web.FS()
	index, err := fs.ReadFile(site, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	refs := regexp.MustCompile(`(?:src|href)="\./([^"]+)"`).FindAllSubmatch(index, -1)
	if len(refs) < 3 {
		t.Fatalf("index.html refers to %d files, want at least script, style and icon:\n%s", len(refs), index)
	}
	for _, ref := range refs {
		if _, err := fs.Stat(site, string(ref[1])); err != nil {
			t.Errorf("index.html refers to %s: %v", ref[1], err)
		}
	}
	if m := regexp.MustCompile(`(?i)<script(?:\s+(?:type|crossorigin|src)(?:="[^"]*")?)*\s*>[^<]`).Find(index); m != nil {
		t.Errorf("index.html has an inline script, which the Content-Security-Policy forbids: %s", m)
	}
}

func TestAssetsCarryTheirHash(t *testing.T) {
	hashed := regexp.MustCompile(`-[A-Za-z0-9_-]{8}\.\w+$`)
	total := int64(0)
	site := web.FS()
	err := fs.WalkDir(site, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if path.Dir(name) == "assets" && !hashed.MatchString(name) {
			t.Errorf("%s has no hash in its name, and would be cached for ever", name)
		}
		if strings.HasSuffix(name, ".map") {
			t.Errorf("%s: source maps do not belong into the page", name)
		}
		info, err := fs.Stat(site, name+web.Packed)
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if total > maxPacked {
		t.Errorf("the page is %d bytes compressed, want at most %d", total, maxPacked)
	}
}

func TestPackedIsTheSame(t *testing.T) {
	site := web.FS()
	plain, err := fs.ReadFile(site, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			packed, err := fs.ReadFile(site, "index.html"+web.Packed)
			if err != nil {
				t.Error(err)
				return
			}
			z, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				t.Error(err)
				return
			}
			got, err := io.ReadAll(z)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("index.html.gz unpacks to %d bytes, error %v, want the %d of index.html", len(got), err, len(plain))
			}
		})
	}
	wg.Wait()
	if _, err := site.Open("nowhere.js" + web.Packed); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening nowhere.js.gz: %v, want fs.ErrNotExist", err)
	}
}

func TestServes(t *testing.T) {
	srv := httptest.NewServer(http.FileServerFS(web.FS()))
	defer srv.Close()
	for name, want := range map[string]int{"/": http.StatusOK, "/index.html.gz": http.StatusOK, "/nowhere": http.StatusNotFound} {
		r, err := srv.Client().Get(srv.URL + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Body.Close(); err != nil {
			t.Error(err)
		}
		if r.StatusCode != want {
			t.Errorf("GET %s = %d, want %d", name, r.StatusCode, want)
		}
	}
}
