package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// disk is what the spool does to the files in its directory. Paths are names within it.
type disk interface {
	open(name string) (opened, error)             // to read
	create(name string) (file, error)             // a new file to append to
	reopen(name string, size int64) (file, error) // one that is there, cut to size, to append to
	remove(name string) error
	sync(name string) error // what an earlier process wrote
	syncDir() error         // makes creations and removals durable
}

// file is a segment being written.
type file interface {
	io.Writer
	Sync() error
	Truncate(size int64) error
	Close() error
}

// opened is a segment being read.
type opened interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Stat() (os.FileInfo, error)
}

type realDisk struct{ dir string }

const fileMode = 0o600 // positions of people

func (d realDisk) open(name string) (opened, error) {
	return os.Open(filepath.Join(d.dir, name))
}

func (d realDisk) create(name string) (file, error) {
	return os.OpenFile(filepath.Join(d.dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, fileMode)
}

func (d realDisk) reopen(name string, size int64) (file, error) {
	f, err := os.OpenFile(filepath.Join(d.dir, name), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (d realDisk) remove(name string) error { return os.Remove(filepath.Join(d.dir, name)) }

func (d realDisk) sync(name string) error {
	f, err := os.Open(filepath.Join(d.dir, name))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d realDisk) syncDir() error { return d.sync(".") }

// ErrLocked is returned by Open while another process has the spool open.
var ErrLocked = errors.New("spool is in use by another process")

// lock takes the directory for this process until the file is closed, by the kernel if the process dies. The directory
// itself is locked, because a file to lock could not be made on a full or read-only disk.
func lock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%s: %w", dir, ErrLocked)
	} else if err != nil {
		err = fmt.Errorf("lock %s: %w", dir, err)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
