//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// maxSocketPath is what fits the kernel's address of a unix socket, the closing zero included, on Linux and the BSDs alike.
const maxSocketPath = 103

// controlPath is where a service with this data directory listens for commands.
func controlPath(dir string) string { return filepath.Join(dir, "control.sock") }

// socketAddress gives an address for the socket that fits, for as long as release is not called. A directory with a long name is
// reached through a descriptor.
func socketAddress(dir string) (address string, release func(), err error) {
	path := controlPath(dir)
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return filepath.Join("/proc/self/fd", strconv.Itoa(int(d.Fd())), filepath.Base(path)), func() { _ = d.Close() }, nil
}

// dialControl connects to a running service.
func dialControl(ctx context.Context, dir string) (net.Conn, error) {
	address, release, err := socketAddress(dir)
	if err != nil {
		return nil, err
	}
	defer release()
	var d net.Dialer
	return d.DialContext(ctx, "unix", address)
}

// listenControl makes the socket, which only the service's own user can open. A socket that a killed service left behind is
// taken away; one that answers is somebody else's.
func listenControl(ctx context.Context, dir string) (net.Listener, error) {
	path := controlPath(dir)
	ask, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if conn, err := dialControl(ask, dir); err == nil {
		return nil, errors.Join(fmt.Errorf("another service answers on %s", path), conn.Close())
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	address, release, err := socketAddress(dir)
	if err != nil {
		return nil, err
	}
	defer release()
	mask := syscall.Umask(0o177) // from the first moment nobody else can open it
	l, err := net.Listen("unix", address)
	syscall.Umask(mask)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // its name for the socket may not be ours any more
	return &controlListener{l, path}, nil
}

// controlListener takes its socket away when it closes.
type controlListener struct {
	net.Listener
	path string
}

func (l *controlListener) Close() error {
	err := l.Listener.Close()
	if e := os.Remove(l.path); e != nil && !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}
