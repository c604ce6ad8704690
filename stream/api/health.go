package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// healthz says that the process answers.
func (s *Server) healthz(c *call) error {
	return c.reply(http.StatusOK, map[string]string{"status": "ok"})
}

// readyz says whether the service can take fixes and show them, and what the store survives.
func (s *Server) readyz(c *call) error {
	if err := s.cfg.Hub.Ready(); err != nil {
		return err
	}
	if err := s.cfg.Store.Ready(c.ctx); err != nil {
		return err
	}
	durability, err := s.cfg.Store.Durability(c.ctx)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]string{"status": "ready", "durability": durability})
}

func (s *Server) metricsPage(c *call) error {
	promhttp.HandlerFor(s.cfg.Registry, promhttp.HandlerOpts{}).ServeHTTP(c.w, c.r)
	return nil
}

// httpMetrics counts requests. Routes are the patterns of the table, so that ids in paths do not make series without end.
type httpMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newHTTPMetrics(r prometheus.Registerer) *httpMetrics {
	m := &httpMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dipper_http_requests_total", Help: "Requests, by route, method and status. WebSockets are counted elsewhere.",
		}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "dipper_http_seconds", Help: "Time to answer a request.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"route"}),
	}
	r.MustRegister(m.requests, m.seconds)
	return m
}

func (m *httpMetrics) observe(route, method string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete:
	default:
		method = "other" // a client can make up any
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}
