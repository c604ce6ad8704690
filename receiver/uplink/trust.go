package uplink

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Pin is the SHA-256 of a certificate's SubjectPublicKeyInfo, which stays the same when the certificate is renewed for the same key.
// Source: RFC 7469, section 2.4.
type Pin [sha256.Size]byte

// ParsePin reads a pin in base64, as RFC 7469 and curl write it, with or without sha256// in front, or in hexadecimal digits.
func ParsePin(text string) (Pin, error) {
	digits := strings.TrimPrefix(text, "sha256//")
	b, err := hex.DecodeString(digits)
	if err != nil {
		b, err = base64.StdEncoding.DecodeString(digits)
	}
	if err != nil || len(b) != len(Pin{}) {
		return Pin{}, fmt.Errorf("pin %q: want 64 hexadecimal digits, or 44 characters of base64", text)
	}
	return Pin(b), nil
}

// PinOf is the pin of a certificate's key.
func PinOf(c *x509.Certificate) Pin { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// String is the pin as curl writes it.
func (p Pin) String() string { return "sha256//" + base64.StdEncoding.EncodeToString(p[:]) }

// ErrNotPinned means that the server has none of the pinned keys: it is another one, or its key was changed and the pin was not.
var ErrNotPinned = errors.New("no pinned key")

// Trust says whom to take for the service at a wss address. The zero value trusts what the system does.
type Trust struct {
	Roots []byte // certificates in PEM, in place of the system's roots; nil: the system's
	Pins  []Pin  // one of these keys must be in the server's chain; none: any
}

// Config is t for Config.TLS with the server at address; nil, for the system's roots, where t is zero.
//
// A server's name and the dates of its certificates are always checked, the dates by Time of the result if the caller sets it. With roots and pins the chain must lead to a root and
// have a pinned key. With pins alone no root is needed: a certificate with a pinned key is one, so that of the server itself
// will do, self-signed or not, and so will an issuer's if the server sends it along.
func (t Trust) Config(address string) (*tls.Config, error) {
	if t.Roots == nil && len(t.Pins) == 0 {
		return nil, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("server address: %w", err)
	}
	if u.Scheme != "wss" {
		return nil, fmt.Errorf("server address %q: roots and pins are for wss only", address)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
	if t.Roots != nil {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(t.Roots) {
			return nil, errors.New("roots: no certificate in PEM")
		}
	}
	switch {
	case len(t.Pins) == 0:
	case cfg.RootCAs != nil:
		cfg.VerifyConnection = func(s tls.ConnectionState) error { return t.pinned(s.VerifiedChains, s.PeerCertificates) }
	default:
		cfg.InsecureSkipVerify = true // VerifyConnection does it, with the pinned certificates for roots
		cfg.VerifyConnection = func(s tls.ConnectionState) error { return t.verify(u.Hostname(), s.PeerCertificates, cfg.Time) }
	}
	return cfg, nil
}

// pinned wants a pinned key in one of the chains that were verified.
func (t Trust) pinned(chains [][]*x509.Certificate, sent []*x509.Certificate) error {
	for _, chain := range chains {
		if slices.ContainsFunc(chain, t.has) {
			return nil
		}
	}
	return notPinned(sent)
}

func (t Trust) has(c *x509.Certificate) bool { return slices.Contains(t.Pins, PinOf(c)) }

// verify is a server's verification with nothing trusted but the pinned keys. That a pinned certificate is sent is not enough, since
// anybody can send it: the server's own must be that one, or be signed by it.
func (t Trust) verify(name string, sent []*x509.Certificate, clock func() time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, c := range sent {
		if t.has(c) {
			roots.AddCert(c)
			found = true
		} else {
			between.AddCert(c)
		}
	}
	if !found {
		return notPinned(sent)
	}
	options := x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between}
	if clock != nil {
		options.CurrentTime = clock()
	}
	_, err := sent[0].Verify(options)
	if err != nil {
		return fmt.Errorf("server's certificate: %w", err)
	}
	return nil
}

// notPinned names the keys that the server has, so that a person can compare them.
func notPinned(sent []*x509.Certificate) error {
	var has strings.Builder
	for i, c := range sent {
		if i > 0 {
			has.WriteString(", ")
		}
		fmt.Fprintf(&has, "%v (%s)", PinOf(c), c.Subject)
	}
	return fmt.Errorf("server's certificate: %w; it has %s", ErrNotPinned, has.String())
}
