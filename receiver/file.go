package receiver

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// file is a recording. It ends.
type file struct {
	path string
	pace bool
}

func (f *file) Live() bool     { return f.pace }
func (f *file) Ends() bool     { return true }
func (f *file) String() string { return "file:" + f.path }

// Open refuses what is not a regular file: opening a named pipe could wait for ever.
func (f *file) Open(context.Context) (Stream, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file; give a pipe as standard input: -", f.path)
	}
	r, err := openRecording(f.path)
	if err != nil {
		return nil, err
	}
	if f.pace {
		return struct {
			*pacer
			io.Closer
		}{newPacer(r, time.Now), r}, nil
	}
	return r, nil
}

func openRecording(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := Unpack(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{r, f}, nil
}

// Unpack gives the bytes of r, unpacked if they are packed by gzip. It reads the first of them.
func Unpack(r io.Reader) (io.Reader, error) {
	const size = 64 << 10
	b := bufio.NewReaderSize(r, size)
	head, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(head, []byte{0x1f, 0x8b}) { // RFC 1952, 2.3.1: ID1 and ID2
		return b, nil
	}
	return gzip.NewReader(b)
}

// standardInput reads what another program writes. It ends when that program does, and cannot be opened a second time.
type standardInput struct {
	in   io.Reader
	open bool
}

func (s *standardInput) Live() bool     { return true }
func (s *standardInput) Ends() bool     { return true }
func (s *standardInput) String() string { return "-" }

func (s *standardInput) Open(context.Context) (Stream, error) {
	if s.open {
		return nil, errors.New("standard input cannot be opened again")
	}
	s.open = true
	if f, ok := s.in.(*os.File); ok {
		return &polledFile{f: f}, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{s.in, io.NopCloser(nil)}, nil
}

// Interruptible is in, but a read returns ctx's error when ctx ends while nothing comes. That works for files; of any other
// reader a read ends when it does.
func Interruptible(ctx context.Context, in io.Reader) io.Reader {
	if f, ok := in.(*os.File); ok {
		return &interruptible{ctx, polledFile{f: f}}
	}
	return in
}

type interruptible struct {
	ctx context.Context
	f   polledFile
}

func (r *interruptible) Read(p []byte) (int, error) {
	for {
		n, err := r.f.Read(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
	}
}

// polledFile asks whether there is something to read before it reads, because a read of a pipe or a terminal that another
// process shares cannot be woken.
type polledFile struct{ f *os.File }

func (s *polledFile) Read(p []byte) (int, error) {
	fds := []unix.PollFd{{Fd: int32(s.f.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(patience.Milliseconds()))
	if errors.Is(err, unix.EINTR) || err == nil && n == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("wait for standard input: %w", err)
	}
	return s.f.Read(p)
}

// Close leaves the file open: it is the process's, not ours.
func (s *polledFile) Close() error { return nil }
