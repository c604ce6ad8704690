package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a program that is killed, paused and started again.
type process struct {
	name string
	path string
	args []string
	log  *os.File

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended and err is set
	err  error
}

// start runs the program. It ends with this process, however that ends.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(p.path, p.args...)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	done := make(chan struct{})
	p.cmd, p.done = cmd, done
	go func() { // ends with the program, for which kill and stop wait
		p.err = cmd.Wait()
		close(done)
	}()
	return nil
}

func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(s) // it may have ended: then stop says so
	}
}

// ended reports whether the program is over.
func (p *process) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill is SIGKILL: no last words.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		<-p.done
		p.cmd = nil
	}
}

// stop is SIGTERM. The program must end by itself, in order.
func (p *process) stop() error {
	p.signal(syscall.SIGTERM)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	const patience = time.Minute
	select {
	case <-p.done:
		p.cmd = nil
		if p.err != nil {
			return fmt.Errorf("%s after SIGTERM: %w", p.name, p.err)
		}
		return nil
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("%s did not end within %v of SIGTERM", p.name, patience), p.cmd.Process.Kill())
	}
}
