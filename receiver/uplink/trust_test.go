package uplink_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"dipper/receiver/uplink"
)

// identity is a certificate with its key.
type identity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate for name, or of a CA if name is "", signed by issuer, or by itself.
func issue(t *testing.T, issuer *identity, name string, until time.Time) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "test " + name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until, BasicConstraintsValid: true,
	}
	switch ip := net.ParseIP(name); {
	case name == "":
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	case ip != nil:
		template.IPAddresses = []net.IP{ip}
	default:
		template.DNSNames = []string{name}
	}
	by := issuer
	if by == nil {
		by = &identity{cert: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{cert, key}
}

func (i *identity) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
}

func (i *identity) pin() uplink.Pin { return uplink.PinOf(i.cert) }

// serveTLS puts c behind TLS, with a chain that begins with the server's own certificate.
func serveTLS(t *testing.T, c *centre, chain ...*identity) (url string) {
	t.Helper()
	cert := tls.Certificate{PrivateKey: chain[0].key}
	for _, i := range chain {
		cert.Certificate = append(cert.Certificate, i.cert.Raw)
	}
	srv := httptest.NewUnstartedServer(c)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return "wss" + strings.TrimPrefix(srv.URL, "https")
}

func TestTrust(t *testing.T) {
	const here, elsewhere = "127.0.0.1", "centre.example"
	later, earlier := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	ca, stranger := issue(t, nil, "", later), issue(t, nil, "", later)
	leaf, alone := issue(t, ca, here, later), issue(t, nil, here, later)
	theirs := issue(t, stranger, here, later)
	named, expired := issue(t, ca, elsewhere, later), issue(t, ca, here, earlier)
	pins := func(list ...*identity) (p []uplink.Pin) {
		for _, i := range list {
			p = append(p, i.pin())
		}
		return p
	}
	tests := []struct {
		name    string
		chain   []*identity
		trust   uplink.Trust
		wantErr string // in the last error; "" all is sent
	}{
		{"the system's roots", []*identity{leaf}, uplink.Trust{}, "unknown authority"},
		{"its root", []*identity{leaf}, uplink.Trust{Roots: ca.pem()}, ""},
		{"another's root", []*identity{leaf}, uplink.Trust{Roots: stranger.pem()}, "unknown authority"},
		{"its key", []*identity{leaf}, uplink.Trust{Pins: pins(leaf)}, ""},
		{"its key, self-signed", []*identity{alone}, uplink.Trust{Pins: pins(alone)}, ""},
		{"one of two keys", []*identity{alone}, uplink.Trust{Pins: pins(leaf, alone)}, ""},
		{"its issuer's key", []*identity{leaf, ca}, uplink.Trust{Pins: pins(ca)}, ""},
		{"its issuer's key, not sent", []*identity{leaf}, uplink.Trust{Pins: pins(ca)}, leaf.pin().String()},
		{"a wrong key", []*identity{leaf, ca}, uplink.Trust{Pins: pins(alone)}, leaf.pin().String() + " (CN=test 127.0.0.1), " + ca.pin().String()},
		{"a pinned certificate sent by a stranger", []*identity{theirs, ca}, uplink.Trust{Pins: pins(ca)}, "unknown authority"},
		{"another's server", []*identity{named}, uplink.Trust{Pins: pins(named)}, "127.0.0.1"},
		{"expired", []*identity{expired}, uplink.Trust{Pins: pins(expired)}, "expired"},
		{"root and key", []*identity{leaf}, uplink.Trust{Roots: ca.pem(), Pins: pins(leaf)}, ""},
		{"root and its key, which is not sent", []*identity{leaf}, uplink.Trust{Roots: ca.pem(), Pins: pins(ca)}, ""},
		{"root and a wrong key", []*identity{leaf}, uplink.Trust{Roots: ca.pem(), Pins: pins(alone)}, "no pinned key"},
		{"key and another's root", []*identity{leaf}, uplink.Trust{Roots: stranger.pem(), Pins: pins(leaf)}, "unknown authority"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCentre(t)
			s := openSpool(t, t.TempDir())
			appendFixes(t, s, fixesFrom(1, 3))
			cfg := config(c, s)
			cfg.URL = serveTLS(t, c, tt.chain...)
			var err error
			if cfg.TLS, err = tt.trust.Config(cfg.URL); err != nil {
				t.Fatal(err)
			}
			client, stop := start(t, cfg)
			defer stop()
			if tt.wantErr == "" {
				eventually(t, "all sent", func() bool { return len(s.Unacked()) == 0 })
				return
			}
			eventually(t, "an error", func() bool { return client.Status().LastError != "" })
			if got := client.Status().LastError; !strings.Contains(got, tt.wantErr) {
				t.Errorf("last error %q, want %q", got, tt.wantErr)
			}
			stop()
			if got := s.Unacked(); !slices.Equal(got, upTo(3)) || c.connected() > 0 {
				t.Errorf("unacked %v, %d hellos; want all, and none", got, c.connected())
			}
		})
	}
}

// The dates of certificates are held against the clock on board, not the host's, with roots and with pins alike.
func TestTrustByTheClockOnBoard(t *testing.T) {
	later := time.Now().Add(time.Hour)
	ca := issue(t, nil, "", later)
	leaf := issue(t, ca, "127.0.0.1", later)
	url := serveTLS(t, newCentre(t), leaf)
	for _, trust := range []uplink.Trust{{Roots: ca.pem()}, {Pins: []uplink.Pin{leaf.pin()}}} {
		cfg, err := trust.Config(url)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			clock time.Time
			ok    bool
		}{{time.Unix(1000, 0), false}, {time.Now(), true}, {later.Add(time.Hour), false}} {
			cfg.Time = func() time.Time { return tt.clock }
			conn, err := tls.Dial("tcp", strings.TrimPrefix(url, "wss://"), cfg)
			if (err == nil) != tt.ok {
				t.Errorf("pins %v at %v: %v", len(trust.Pins), tt.clock, err)
			}
			if err == nil {
				_ = conn.Close()
			}
		}
	}
}

func TestTrustNamesWhatIsWrong(t *testing.T) {
	pin := uplink.Trust{Pins: []uplink.Pin{{1}}}
	tests := []struct {
		trust     uplink.Trust
		url, want string
	}{
		{pin, "ws://centre.example", "wss only"},
		{uplink.Trust{Roots: []byte("rubbish")}, "wss://centre.example", "no certificate"},
		{pin, "wss://%", "server address"},
	}
	for _, tt := range tests {
		if _, err := tt.trust.Config(tt.url); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.url, err, tt.want)
		}
	}
	if cfg, err := (uplink.Trust{}).Config("ws://centre.example"); cfg != nil || err != nil {
		t.Errorf("no trust at all: %v, %v", cfg, err)
	}
}

func TestParsePin(t *testing.T) {
	want := uplink.Pin(sha256.Sum256([]byte("a key")))
	for _, text := range []string{want.String(), strings.TrimPrefix(want.String(), "sha256//"), hex.EncodeToString(want[:]), strings.ToUpper(hex.EncodeToString(want[:]))} {
		if got, err := uplink.ParsePin(text); err != nil || got != want {
			t.Errorf("%s gives %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "sha256//", "abcd", want.String()[:50], "sha1//" + want.String(), strings.Repeat("g", 64)} {
		if _, err := uplink.ParsePin(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func FuzzParsePin(f *testing.F) {
	f.Add(uplink.Pin{1, 2, 3}.String())
	f.Add(strings.Repeat("0f", 32))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := uplink.ParsePin(text)
		if err != nil {
			return
		}
		if again, err := uplink.ParsePin(p.String()); err != nil || again != p {
			t.Errorf("%q is %v, which reads as %v, %v", text, p, again, err)
		}
	})
}
