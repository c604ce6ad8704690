package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrDamaged: files of the archive are not what its manifests say.
var ErrDamaged = errors.New("damaged archive")

const (
	manifestName = "_manifest.json" // readers of data sets pass over names that begin with _
	unfinished   = ".tmp"
)

// manifest says which files of a folder are committed.
type manifest struct {
	Version int    `json:"version"` // 1
	Day     string `json:"day"`
	Parts   []part `json:"parts"`
}

type part struct {
	File   string `json:"file"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// folder is one day of fixes or of events.
type folder struct {
	path     string
	manifest manifest
	fresh    []part // written, not committed
}

// openFolder reads a day's manifest, finishes or removes what an interrupted run left, and checks that all that is listed is there. A
// day that was never archived gets its folder with its first part.
func openFolder(path, day string) (*folder, error) {
	f := &folder{path: path, manifest: manifest{Version: 1, Day: day}}
	if err := f.readManifest(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := f.settle(e.Name()); err != nil {
			return nil, err
		}
	}
	for _, p := range f.manifest.Parts {
		info, err := os.Stat(filepath.Join(path, p.File))
		if err == nil && info.Size() != p.Bytes {
			err = fmt.Errorf("it has %d bytes, its manifest says %d", info.Size(), p.Bytes)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, filepath.Join(path, p.File), err)
		}
	}
	return f, nil
}

func (f *folder) readManifest() error {
	name := filepath.Join(f.path, manifestName)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	day := f.manifest.Day
	if err := json.Unmarshal(data, &f.manifest); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	if f.manifest.Version != 1 || f.manifest.Day != day {
		return fmt.Errorf("%w: %s is of version %d and day %q, want 1 and %s", ErrDamaged, name, f.manifest.Version, f.manifest.Day, day)
	}
	return nil
}

// settle gives a file of an interrupted run its name, or removes it. Files that are not ours stay.
func (f *folder) settle(name string) error {
	path := filepath.Join(f.path, name)
	final, temporary := strings.CutSuffix(name, unfinished)
	switch {
	case !strings.HasPrefix(name, "part-") && name != manifestName+unfinished:
		return nil
	case temporary && f.lists(final):
		return os.Rename(path, filepath.Join(f.path, final))
	case temporary, strings.HasSuffix(name, ".parquet") && !f.lists(name):
		return os.Remove(path)
	}
	return nil
}

func (f *folder) lists(file string) bool {
	return slices.ContainsFunc(f.manifest.Parts, func(p part) bool { return p.File == file })
}

// next is where the next part is to be written.
func (f *folder) next() (path string, err error) {
	if err := os.MkdirAll(f.path, 0o750); err != nil {
		return "", err
	}
	return filepath.Join(f.path, f.nextName()+unfinished), nil
}

func (f *folder) nextName() string {
	return fmt.Sprintf("part-%04d.parquet", len(f.manifest.Parts)+len(f.fresh)+1)
}

// add takes a part that was written where next said.
func (f *folder) add(rows, size int64, sum string) {
	f.fresh = append(f.fresh, part{File: f.nextName(), Rows: rows, Bytes: size, SHA256: sum})
}

// commit makes the new parts count, all or none of them.
func (f *folder) commit() error {
	if len(f.fresh) == 0 {
		return nil
	}
	m := f.manifest
	m.Parts = append(slices.Clip(m.Parts), f.fresh...)
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := syncDir(f.path); err != nil { // the parts' temporary names
		return err
	}
	if err := replaceFile(filepath.Join(f.path, manifestName), append(data, '\n')); err != nil {
		return err
	}
	for _, p := range f.fresh {
		name := filepath.Join(f.path, p.File)
		if err := os.Rename(name+unfinished, name); err != nil {
			return err
		}
	}
	f.manifest, f.fresh = m, nil
	return errors.Join(syncDir(f.path), syncDir(filepath.Dir(f.path)))
}

// replaceFile writes a file that is either all there or as it was.
func replaceFile(path string, data []byte) error {
	file, err := os.OpenFile(path+unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+unfinished, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir puts a directory's entries on the disk.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// check compares the parts with their checksums.
func (f *folder) check() error {
	for _, p := range f.manifest.Parts {
		if err := p.check(filepath.Join(f.path, p.File)); err != nil {
			return err
		}
	}
	return nil
}

func (p *part) check(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	sha := sha256.New()
	if _, err := io.Copy(sha, file); err != nil {
		return err
	}
	if sum := hex.EncodeToString(sha.Sum(nil)); sum != p.SHA256 {
		return fmt.Errorf("%w: %s has SHA-256 %s, its manifest says %s", ErrDamaged, path, sum, p.SHA256)
	}
	return nil
}
