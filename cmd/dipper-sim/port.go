package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// port is the module's end of a pseudo-terminal. Like a UART it never waits for a reader: what does not fit is lost.
type port struct {
	master *os.File
	slave  *os.File // kept open so that the terminal survives an agent's restart
	link   string
	lost   int // bytes that nobody read in time
}

// writeWait is how long a write may wait for room before the rest of it is lost, as on a serial line with no reader.
const writeWait = 20 * time.Millisecond

// openPort makes a raw pseudo-terminal and a symbolic link to it, which replaces one that a run before left.
func openPort(link string) (*port, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/ptmx: %w", err)
	}
	master := os.NewFile(uintptr(fd), "/dev/ptmx")
	p := &port{master: master, link: link}
	if err := p.openSlave(fd); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *port) openSlave(master int) error {
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return fmt.Errorf("unlock pseudo-terminal: %w", err)
	}
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return fmt.Errorf("number of pseudo-terminal: %w", err)
	}
	path := fmt.Sprintf("/dev/pts/%d", n)
	p.slave, err = os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return fmt.Errorf("open pseudo-terminal: %w", err)
	}
	if err := makeRaw(int(p.slave.Fd())); err != nil {
		return fmt.Errorf("set %s raw: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(p.link), 0o755); err != nil {
		return err
	}
	if err := os.Remove(p.link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(path, p.link)
}

// makeRaw turns off echo, line editing and all translation of bytes.
func makeRaw(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag = 0
	t.Oflag = 0
	t.Lflag = 0
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8 | unix.CREAD | unix.CLOCAL
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// write sends bytes down the line; what finds no room within writeWait is counted as lost.
func (p *port) write(b []byte) error {
	if err := p.master.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	n, err := p.master.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.lost += len(b) - n
		return nil
	}
	return err
}

func (p *port) close() error {
	err := p.master.Close()
	if p.slave != nil {
		err = errors.Join(err, p.slave.Close(), os.Remove(p.link))
	}
	return err
}
