package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"
)

//go:embed all:dist
var dist embed.FS

// Packed is what a name ends in when FS gives the file compressed with gzip.
const Packed = ".gz"

// FS is the built page: index.html and assets/. Each file is also there as NAME.gz, compressed when it is first opened and kept,
// so that a server can send the 2 MB of the page as 0.9 MB. Directories list the files as built. Safe for concurrent use.
func FS() fs.FS {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		built = dist // cannot be: the name is a constant, and embedding it failed the build otherwise
	}
	return &site{built: built, packed: map[string]packedFile{}}
}

type site struct {
	built fs.FS

	mu     sync.Mutex // guards what follows
	packed map[string]packedFile
}

// Open opens a file as built, or compressed where only the name without .gz is known.
func (s *site) Open(name string) (fs.File, error) {
	f, err := s.built.Open(name)
	base, ok := strings.CutSuffix(name, Packed)
	if err == nil || !ok {
		return f, err
	}
	p, perr := s.pack(base)
	if perr != nil {
		return nil, err
	}
	return &openPacked{Reader: bytes.NewReader(p.data), info: p}, nil
}

func (s *site) pack(base string) (packedFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.packed[base]; ok {
		return p, nil
	}
	data, err := fs.ReadFile(s.built, base)
	if err != nil {
		return packedFile{}, err
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return packedFile{}, err
	}
	if _, err := z.Write(data); err != nil {
		return packedFile{}, err
	}
	if err := z.Close(); err != nil {
		return packedFile{}, err
	}
	p := packedFile{name: base[strings.LastIndexByte(base, '/')+1:] + Packed, data: out.Bytes()}
	s.packed[base] = p
	return p, nil
}

// packedFile is a compressed file, and its fs.FileInfo.
type packedFile struct {
	name string
	data []byte
}

func (p packedFile) Name() string     { return p.name }
func (p packedFile) Size() int64      { return int64(len(p.data)) }
func (packedFile) Mode() fs.FileMode  { return 0o444 }
func (packedFile) ModTime() time.Time { return time.Time{} }
func (packedFile) IsDir() bool        { return false }
func (packedFile) Sys() any           { return nil }

type openPacked struct {
	*bytes.Reader
	info packedFile
}

var _ io.Seeker = (*openPacked)(nil) // http.ServeFileFS seeks

func (f *openPacked) Stat() (fs.FileInfo, error) { return f.info, nil }
func (*openPacked) Close() error                 { return nil }
