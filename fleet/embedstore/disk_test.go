package embedstore

import (
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fullDisk has room for so many more bytes.
type fullDisk struct {
	vfs.FS
	left atomic.Int64
}

func (d *fullDisk) take(n int) error {
	if d.left.Add(-int64(n)) < 0 {
		return syscall.ENOSPC
	}
	return nil
}

func (d *fullDisk) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &fullFile{f, d}, nil
}

// Create, ReuseForWrite and OpenReadWrite give files that share the disk's room.
func (d *fullDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(d.FS.Create(name, c))
}

func (d *fullDisk) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(d.FS.ReuseForWrite(oldname, newname, c))
}

func (d *fullDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return d.wrap(d.FS.OpenReadWrite(name, c, o...))
}

type fullFile struct {
	vfs.File
	disk *fullDisk
}

func (f *fullFile) Write(p []byte) (int, error) {
	if err := f.disk.take(len(p)); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *fullFile) WriteAt(p []byte, at int64) (int, error) {
	if err := f.disk.take(len(p)); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, at)
}
