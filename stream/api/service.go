package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"dipper/fleet"
	"dipper/stream"
)

// ServiceConfig sets up the central service. Store, Listener and Log are required.
type ServiceConfig struct {
	Store    fleet.Store  // stays the caller's: close it after Run
	Listener net.Listener // of agents, viewers and the API; Run closes it
	Control  net.Listener // whoever reaches it is an admin; nil for none. Run closes it
	Log      *slog.Logger
	Page     fs.FS // nil: no page
	Version  string

	OpenLoopback bool   // see Config
	Tiles        *Tiles // see Config

	Hub    stream.HubConfig    // limits of viewers; Log and Metrics are filled in
	Uplink stream.UplinkConfig // limits of agents; Fleet, Log and Metrics are filled in
}

// Service is the whole central service in one process, apart from the store it is given: fleet, uplink, hub and API.
type Service struct {
	cfg    ServiceConfig
	fleet  *fleet.Fleet
	hub    *stream.Hub
	uplink *stream.Uplink
	server *Server
}

// NewService reads what it must from the store. It starts nothing.
func NewService(ctx context.Context, cfg ServiceConfig) (*Service, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics := stream.NewMetrics(registry)

	hubConfig := cfg.Hub
	hubConfig.Log, hubConfig.Metrics = cfg.Log, metrics
	hub := stream.NewHub(hubConfig)
	f, err := fleet.New(ctx, fleet.Config{Store: cfg.Store, Log: cfg.Log, Listener: hub})
	if err != nil {
		return nil, err
	}
	uplinkConfig := cfg.Uplink
	uplinkConfig.Fleet, uplinkConfig.Log, uplinkConfig.Metrics = f, cfg.Log, metrics
	up := stream.NewUplink(uplinkConfig)
	registry.MustRegister(fleetMetrics(f, hub, cfg.Version)...)
	server := NewServer(Config{
		Fleet: f, Store: cfg.Store, Hub: hub, Uplink: up, Registry: registry, Log: cfg.Log,
		Page: cfg.Page, OpenLoopback: cfg.OpenLoopback, Tiles: cfg.Tiles,
	})
	return &Service{cfg: cfg, fleet: f, hub: hub, uplink: up, server: server}, nil
}

// Fleet is the service's fleet, for what a test or a command has to do from within.
func (s *Service) Fleet() *fleet.Fleet { return s.fleet }

// Handler answers what the service's listener is asked.
func (s *Service) Handler() http.Handler { return s.server.Handler() }

// Addr is where the service listens.
func (s *Service) Addr() net.Addr { return s.cfg.Listener.Addr() }

// Run serves until ctx ends. It then takes nothing new, finishes the batches under way, sends agents and viewers away with
// "going away", and returns when all of it has stopped. The store can be closed then.
func (s *Service) Run(ctx context.Context) error {
	return runStages(ctx, []stage{
		{"store", s.cfg.Store.Run},
		{"fleet", s.fleet.Run},
		{"hub", func(ctx context.Context) error { return s.hub.Run(ctx, s.fleet) }},
		{"uplink", s.uplink.Run},
		{"http", s.serveHTTP},
	})
}

// Times of HTTP connections.
const (
	headerTimeout   = 10 * time.Second
	transferTimeout = time.Minute
	idleTimeout     = 2 * time.Minute
	shutdownGrace   = 5 * time.Second
	maxHeaderBytes  = 32 << 10
)

func (s *Service) serveHTTP(ctx context.Context) error {
	handler := s.server.Handler()
	public := s.httpServer(handler)
	serving := map[*http.Server]net.Listener{public: s.cfg.Listener}
	if s.cfg.Control != nil {
		control := s.httpServer(handler)
		control.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { return WithControl(ctx) }
		serving[control] = s.cfg.Control
	}
	failed := make(chan error, len(serving)) // one result from each; never full
	for server, listener := range serving {
		go func() { failed <- server.Serve(listener) }()
	}
	var err error
	left := len(serving)
	select {
	case <-ctx.Done():
	case err = <-failed:
		left--
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	for server := range serving {
		if server.Shutdown(grace) != nil { // somebody holds on to a request
			_ = server.Close()
		}
	}
	for range left {
		if e := <-failed; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", s.Addr(), err)
	}
	return nil
}

func (s *Service) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       transferTimeout,
		WriteTimeout:      transferTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
}
