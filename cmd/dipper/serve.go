package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"

	"dipper/cmd/internal/command"
	"dipper/stream/api"
	"dipper/stream/web"
)

// serveCmd runs the central service.
type serveCmd struct {
	command.Logging
	storage
	keeping
	Listen           string `help:"Address for agents, browsers and the API." default:"127.0.0.1:8080"`
	Archive          string `help:"Keep the archive in this directory up to date; of several nodes on one Redis give it to one." placeholder:"DIR" type:"path"`
	TLSCert          string `name:"tls-cert" help:"Speak https and wss with this certificate (PEM, with its chain); a renewed file is taken within a minute. Needs --tls-key." type:"path" placeholder:"FILE"`
	TLSKey           string `name:"tls-key" help:"The certificate's key (PEM)." type:"path" placeholder:"FILE"`
	OpenLoopback     bool   `help:"Whoever comes from this machine is signed in as admin, without a token. For demos."`
	Tiles            string `help:"Base map for the page: an address with {z}, {x} and {y}. Without it the page draws the map it carries." placeholder:"URL"`
	TilesAttribution string `help:"Who made the base map; shown on the map." placeholder:"TEXT"`
	TilesCRS         string `help:"Datum of the base map: ${enum}." enum:"wgs84,gcj02" default:"wgs84" name:"tiles-crs"`
}

// Validate is called by kong.
func (c *serveCmd) Validate() error {
	if err := errors.Join(c.storage.Validate(), c.keeping.Validate(), checkCertificate(c.TLSCert, c.TLSKey)); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("--listen %q: want host:port", c.Listen)
	}
	if ip := net.ParseIP(host); c.OpenLoopback && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--open-loopback: only with a --listen address of this machine alone, as 127.0.0.1, not %q", c.Listen)
	}
	if c.Tiles != "" {
		if err := c.tiles().Check(); err != nil {
			return fmt.Errorf("--tiles: %w", err)
		}
	}
	return nil
}

func (c *serveCmd) tiles() *api.Tiles {
	if c.Tiles == "" {
		return nil
	}
	return &api.Tiles{URL: c.Tiles, Attribution: c.TilesAttribution, CRS: c.TilesCRS}
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, s command.Streams) (err error) {
	log := c.Logger(s.Err)
	var cert *certificate
	if c.TLSCert != "" {
		if cert, err = openCertificate(c.TLSCert, c.TLSKey, log); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(c.Data, 0o750); err != nil {
		return err
	}
	store, err := c.open(ctx, c.keeping, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	if cert != nil {
		listener = cert.listen(listener)
	}
	control, err := listenControl(ctx, c.Data)
	if err != nil {
		return err
	}
	defer control.Close()
	service, err := api.NewService(ctx, api.ServiceConfig{
		Store: store, Listener: listener, Control: control, Log: log, Page: web.FS(), Version: command.Version(),
		OpenLoopback: c.OpenLoopback, Tiles: c.tiles(),
	})
	if err != nil {
		return err
	}
	durability, err := store.Durability(ctx)
	if err != nil {
		return err
	}
	log.Info("service starts", "listen", listener.Addr(), "store", durability, "version", command.Version())
	if c.Archive != "" {
		archiving, stop := context.WithCancel(ctx)
		var runs sync.WaitGroup
		runs.Go(func() { keepArchive(archiving, store, c.Archive, log) })
		defer runs.Wait() // before the store is closed
		defer stop()
	}
	err = service.Run(ctx)
	log.Info("service stopped")
	return err
}
