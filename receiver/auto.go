package receiver

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// rescan is how often auto looks for ports that were plugged in.
	rescan = 500 * time.Millisecond
	// maxOverheard bounds what is kept of a port until it talks; older bytes are noise by then.
	maxOverheard = 16 << 10
)

// auto is the serial port on which a module talks. It listens on all ports at once, which disturbs none: nothing is written.
type auto struct {
	devices Devices
	baud    int // 0 finds it out
	log     *slog.Logger
	taken   []string // paths of ports that other sources read

	mu   sync.Mutex
	good map[string]int // the rate at which sentences came last, by path
	last int            // the latest of these: a module that moves to another port keeps its rate
}

func newAuto(o SourceOptions) *auto {
	return &auto{devices: o.Devices, baud: o.Baud, log: o.Log, good: map[string]int{}}
}

func (a *auto) Live() bool     { return true }
func (a *auto) Ends() bool     { return false }
func (a *auto) String() string { return "auto" }

// Open waits until a sentence with a right checksum comes on some port.
func (a *auto) Open(ctx context.Context) (Stream, error) {
	var probes sync.WaitGroup
	defer probes.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		won     = make(chan Stream) // unbuffered: a probe that nobody hears any more closes its port
		ended   = make(chan string)
		probing = map[string]bool{}
		tick    = time.NewTicker(rescan)
	)
	defer tick.Stop()
	a.log.Info("listening on all serial ports")
	for scan := true; ; {
		if scan {
			for _, p := range a.devices.Ports() {
				path := p.Best()
				if probing[path] || a.isTaken(path) {
					continue
				}
				probing[path] = true
				probes.Go(func() {
					a.probe(ctx, path, won)
					select {
					case ended <- path:
					case <-ctx.Done():
					}
				})
			}
		}
		select {
		case s := <-won:
			return s, nil
		case path := <-ended:
			delete(probing, path)
			scan = false
		case <-tick.C:
			scan = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// isTaken reports whether another source reads the port: two readers would each get half of the bytes.
func (a *auto) isTaken(path string) bool {
	device, err := os.Stat(path)
	if err != nil {
		return false // opening it will tell
	}
	return slices.ContainsFunc(a.taken, func(other string) bool {
		d, err := os.Stat(other)
		return err == nil && os.SameFile(device, d)
	})
}

// probe listens on one port until it talks, it is lost, or ctx ends.
func (a *auto) probe(ctx context.Context, path string, won chan<- Stream) {
	s, err := a.open(path)
	if err != nil {
		a.log.Debug("port cannot be opened", "port", path, "err", err)
		return
	}
	overheard, err := listen(ctx, s)
	if err == nil {
		select {
		case won <- &talking{Stream: s, overheard: overheard}:
			a.log.Info("a module talks", "port", path)
			return
		case <-ctx.Done():
		}
	}
	if err := errors.Join(err, s.Close()); err != nil && ctx.Err() == nil {
		a.log.Debug("port lost while listening", "port", path, "err", err)
	}
}

func (a *auto) open(path string) (Stream, error) {
	if a.baud != 0 {
		return openLine(path, a.baud)
	}
	a.mu.Lock()
	good, known := a.good[path]
	if !known {
		good = a.last
	}
	a.mu.Unlock()
	return openAutobaud(path, good, a.log, func(baud int) {
		a.mu.Lock()
		a.good[path], a.last = baud, baud
		a.mu.Unlock()
	})
}

// listen reads s until a sentence has come, and returns what was read.
func listen(ctx context.Context, s Stream) ([]byte, error) {
	var (
		e         ear
		overheard []byte
		buf       [1 << 10]byte
	)
	for ctx.Err() == nil {
		n, err := s.Read(buf[:])
		if err != nil {
			return nil, err
		}
		if len(overheard)+n > maxOverheard {
			overheard = overheard[:0]
		}
		overheard = append(overheard, buf[:n]...)
		if e.listen(buf[:n]) > 0 {
			return overheard, nil
		}
	}
	return nil, ctx.Err()
}

// talking is a stream of which some bytes were read already.
type talking struct {
	Stream
	overheard []byte
}

// Write sends a command to the module.
func (t *talking) Write(p []byte) (int, error) { return t.Stream.(commander).Write(p) }

func (t *talking) Read(p []byte) (int, error) {
	if len(t.overheard) == 0 {
		return t.Stream.Read(p)
	}
	n := copy(p, t.overheard)
	t.overheard = t.overheard[n:]
	return n, nil
}
