package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// certificate is the service's certificate and key in PEM files, which whoever renews them replaces while the service runs. Safe for
// concurrent use.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex // guards the following
	pair   *tls.Certificate
	made   time.Time // modification time of certFile when pair was read
	looked time.Time
}

// lookAgain is how often the files are looked at.
const lookAgain = time.Minute

func openCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	return c, c.read(time.Now())
}

func (c *certificate) read(now time.Time) error {
	c.looked = now
	info, err := os.Stat(c.certFile)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	if c.pair != nil && info.ModTime().Equal(c.made) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", c.certFile, err)
	}
	c.pair, c.made = &pair, info.ModTime()
	return nil
}

// current is the certificate of now. When new files cannot be read, the old ones go on: a half-written renewal must not cut
// the fleet off.
func (c *certificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookAgain {
		if err := c.read(now); err != nil {
			c.log.Error("the certificate stays as it was", "error", err)
		}
	}
	return c.pair, nil
}

// listen puts TLS over a listener. WebSockets need HTTP/1.1.
func (c *certificate) listen(l net.Listener) net.Listener {
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: c.current})
}

// checkCertificate says what is wrong with the two flags together, or nil.
func checkCertificate(certFile, keyFile string) error {
	if (certFile == "") != (keyFile == "") {
		return errors.New("--tls-cert and --tls-key: give both or none")
	}
	return nil
}
