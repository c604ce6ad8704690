package api

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"dipper/fleet"
	"dipper/stream"
)

// Config sets up a Server. All is required but what says otherwise.
type Config struct {
	Fleet    *fleet.Fleet
	Store    fleet.Store // for health only
	Hub      *stream.Hub
	Uplink   *stream.Uplink
	Registry *prometheus.Registry
	Log      *slog.Logger
	Page     fs.FS // index.html and assets/; nil: no page

	// OpenLoopback signs in as admin whoever asks from this machine, by an address of this machine, without a token. For
	// the demo.
	OpenLoopback bool
	Tiles        *Tiles // nil: the page draws the base map it carries
}

// Tiles is a base map from elsewhere.
type Tiles struct {
	URL         string `json:"url"` // with {z}, {x} and {y}
	Attribution string `json:"attribution,omitempty"`
	CRS         string `json:"crs,omitempty"` // "wgs84" (default) or "gcj02"
}

// origin is the site the tiles come from, as the page's security policy names it.
func (t *Tiles) origin() string {
	u, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(t.URL))
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Server answers HTTP requests.
type Server struct {
	cfg     Config
	metrics *httpMetrics
	policy  string // Content-Security-Policy
}

// NewServer makes a Server. It starts nothing.
func NewServer(cfg Config) *Server {
	return &Server{cfg: cfg, metrics: newHTTPMetrics(cfg.Registry), policy: policy(cfg.Tiles)}
}

// policy lets the page load only from this service, and tiles from where they are. The map makes workers and images from
// blobs; nothing is ever run from text.
func policy(tiles *Tiles) string {
	from := ""
	if tiles != nil {
		from = " " + tiles.origin()
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"font-src 'self'",
		"worker-src 'self' blob:",
		"child-src 'self' blob:",
		"img-src 'self' data: blob:" + from,
		"connect-src 'self'" + from,
		"manifest-src 'self'",
		"base-uri 'none'",
		"form-action 'self'",
		"frame-ancestors 'none'",
	}, "; ")
}

func (s *Server) secure(h http.Header) {
	h.Set("Content-Security-Policy", s.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "geolocation=(), camera=(), microphone=()")
}

func (s *Server) uplink(c *call) error { return s.cfg.Uplink.Serve(c.w, c.r.WithContext(c.ctx)) }

// Check says what is wrong with the tiles, or nil.
func (t *Tiles) Check() error {
	for _, part := range []string{"{z}", "{x}", "{y}"} {
		if !strings.Contains(t.URL, part) {
			return fmt.Errorf("%q has no %s", t.URL, part)
		}
	}
	if o := t.origin(); !strings.HasPrefix(o, "https://") && !strings.HasPrefix(o, "http://") {
		return fmt.Errorf("%q: want http:// or https://", t.URL)
	}
	if strings.ContainsAny(t.origin(), " ;,'\"") {
		return fmt.Errorf("%q: bad host", t.URL)
	}
	if t.CRS != "" && t.CRS != "wgs84" && t.CRS != "gcj02" {
		return fmt.Errorf("crs %q: want wgs84 or gcj02", t.CRS)
	}
	return nil
}
