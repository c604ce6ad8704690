package receiver

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The driver's page: small, without anything from outside, in Chinese and English.
//
//go:embed page
var pageFiles embed.FS

// pageTypes are the files of the page by path, and what they are.
var pageTypes = map[string]string{
	"index.html": "text/html; charset=utf-8",
	"page.css":   "text/css; charset=utf-8",
	"words.js":   "text/javascript; charset=utf-8",
	"sky.js":     "text/javascript; charset=utf-8",
	"page.js":    "text/javascript; charset=utf-8",
}

// pagePolicy lets the page load nothing but its own files and the status, and nobody frame it.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the driver's page, /status as JSON, and /metrics in Prometheus' text format; POST /notice/read with the id of a
// notice says that the driver has read it. It shows where the vehicle is: serve it on loopback, or to a network that may know. Requests
// for a host that is neither an address, localhost nor the one that Config.Status names get 403.
func (a *Agent) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.MarshalIndent(a.Status(), "", "  ")
		if err != nil { // a NaN, which no field can hold
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		respond(w, "application/json", append(body, '\n'))
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, "text/plain; version=0.0.4; charset=utf-8", a.appendMetrics(nil))
	})
	mux.HandleFunc("POST /notice/read", a.noticeRead)
	for name, contentType := range pageTypes {
		path := "GET /" + name
		if name == "index.html" {
			path = "GET /{$}"
		}
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			body, err := pageFiles.ReadFile("page/" + name)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Security-Policy", pagePolicy)
			respond(w, contentType, body)
		})
	}
	// No other site says for the driver that he has read.
	return onlyFor(a.cfg.Status, http.NewCrossOriginProtection().Handler(mux))
}

// onlyFor answers requests that name their host by an address, as localhost, or as in status (HOST:PORT). To a browser a site that
// has its name resolve to this address (DNS rebinding) is one with the page; what it cannot change is the name that it asks for.
func onlyFor(status string, h http.Handler) http.Handler {
	own, _, _ := net.SplitHostPort(status) // "" or no host and port: nothing more is allowed
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		_, err := netip.ParseAddr(host)
		if err != nil && !strings.EqualFold(host, "localhost") && (own == "" || !strings.EqualFold(host, own)) {
			http.Error(w, fmt.Sprintf("host %q: ask by address or as localhost, or start the agent with --status %s:PORT", host, host), http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// noticeRead takes the id of a notice as the whole body.
func (a *Agent) noticeRead(w http.ResponseWriter, r *http.Request) {
	const maxID = 256
	id, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxID))
	switch {
	case err != nil:
		http.Error(w, "id: "+err.Error(), http.StatusBadRequest)
	case !a.steering.read(string(id)):
		http.Error(w, "id: not the last notice's", http.StatusConflict)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func respond(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // whoever asked is gone, which is his affair
}

// serveStatus serves Handler on l until ctx ends.
func (a *Agent) serveStatus(ctx context.Context, l net.Listener) {
	const slow = 5 * time.Second
	server := &http.Server{Handler: a.Handler(), ReadTimeout: slow, WriteTimeout: slow, IdleTimeout: 2 * slow, MaxHeaderBytes: 8 << 10}
	a.cfg.Log.Info("status page", "address", fmt.Sprintf("http://%s/", l.Addr()))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		_ = server.Close() // an error of a listener that is closed all the same
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		a.cfg.Log.Error("status page ended", "err", err)
	}
	<-stopped
}
