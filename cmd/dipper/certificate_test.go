package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dipper/receiver/uplink"
)

// writeCertificate makes a certificate for 127.0.0.1 and its key, and writes both.
func writeCertificate(t *testing.T, dir string, serial int64) (certFile, keyFile string, cert *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, cert
}

// A service with a certificate takes agents at a wss address.
func TestServeTLS(t *testing.T) {
	certFile, keyFile, cert := writeCertificate(t, t.TempDir(), 1)
	data := t.TempDir()
	url, _ := serve(t, data, "--tls-cert", certFile, "--tls-key", keyFile)
	key := line(t, "unit", "add", "truck-7", "--data", data)
	address := "wss" + strings.TrimPrefix(url, "http")
	trust, err := uplink.Trust{Pins: []uplink.Pin{uplink.PinOf(cert)}}.Config(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := uplink.Dial(t.Context(), uplink.DialOptions{URL: address, Key: key, TLS: trust})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Hello(t.Context(), uplink.Hello{Version: uplink.ProtocolVersion, Unit: "truck-7", Series: 1}); err != nil {
		t.Error(err)
	}
}

// A renewed certificate is taken while the service runs; a broken one is not.
func TestCertificateRenewed(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile, _ := writeCertificate(t, dir, 1)
	c, err := openCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	serial := func(passed time.Duration) string {
		c.looked = c.looked.Add(-passed)
		pair, err := c.current(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.SerialNumber.String()
	}
	change := func(write func()) { // to a file whose time differs from the one before
		write()
		c.made = c.made.Add(-time.Hour)
	}
	change(func() { writeCertificate(t, dir, 2) })
	if got := serial(0); got != "1" {
		t.Errorf("at once: certificate %s", got)
	}
	if got := serial(lookAgain); got != "2" {
		t.Errorf("after a minute: certificate %s, want 2", got)
	}
	change(func() {
		if err := os.WriteFile(certFile, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	if got := serial(lookAgain); got != "2" {
		t.Errorf("beside a broken file: certificate %s, want 2", got)
	}
}
