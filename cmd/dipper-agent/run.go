package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"dipper/cmd/internal/command"
	"dipper/positioning"
	"dipper/receiver"
	"dipper/receiver/spool"
	"dipper/receiver/uplink"
)

type runCmd struct {
	command.Logging
	Source         []string      `help:"Where the sentences come from: auto, a serial port's path, tcp://HOST:PORT, gpsd://HOST[:PORT], udp://[HOST]:PORT, file:PATH (.gz too) or - for standard input. Given more than once, in the order of rank: the first that gives accepted fixes is used, the next takes over." default:"auto" sep:"none" placeholder:"SOURCE"`
	Failover       time.Duration `help:"With several sources: how long the one in use may give no accepted fix; a better one comes back after twice that of good fixes." default:"10s"`
	Baud           baud          `help:"Baud rate of serial ports: auto or a number." default:"auto" placeholder:"auto|N"`
	Setup          string        `help:"Tell the module to use Beidou and to send RMC, GGA, GSA and GSV: casic, unicore, ublox, quectel, or auto, which asks it. Until its power is lost; nothing is saved in it." placeholder:"MAKER"`
	Rate           int           `help:"Fixes a second to tell the module: 1, 2, 5 or 10; with --setup only, default 1. Fast ones need a fast line." placeholder:"HZ"`
	Passive        bool          `help:"Never write to the module, whatever --setup says."`
	Pace           bool          `help:"Read a file at the pace of its own time stamps."`
	Server         string        `help:"The service's address, ws://HOST:PORT or wss://HOST." required:"" placeholder:"URL"`
	TLSCA          string        `name:"tls-ca" help:"Trust the certificates in this PEM file in place of the system's roots." type:"path" placeholder:"FILE"`
	TLSPin         []string      `name:"tls-pin" help:"Trust a server only if a certificate in its chain has this key: SHA-256 of its SubjectPublicKeyInfo, base64 or hex. May be given more than once, for a key to change to. Without --tls-ca the pinned certificate needs no root." placeholder:"SHA256"`
	Unit           string        `help:"This unit's id." required:"" placeholder:"ID"`
	Key            string        `help:"This unit's key, as 'dipper unit add' printed it. Better given as DIPPER_KEY or in the config file, which no other user can read." required:"" placeholder:"KEY"`
	Spool          string        `help:"Directory in which fixes wait until the service has them." required:"" placeholder:"DIR"`
	Interval       time.Duration `help:"At most one accepted fix in so much of the fixes' own time; 0s every fix. The centre can change this and the next four." default:"0s"`
	SpoolBytes     int64         `help:"Limit of the spool's files. Over it the oldest acknowledged fixes go first; then, with an alarm, the oldest of all." default:"67108864" placeholder:"BYTES"`
	SpoolKeep      time.Duration `help:"How long the spool keeps acknowledged fixes, for a service that lost its last seconds." default:"24h"`
	Hold           bool          `help:"Keep a parked vehicle in its place instead of sending how the receiver wanders."`
	ThinError      float64       `help:"Spare the fixes that the others explain to within so many metres, 10 for instance; 0 spares none. A fix is then sent when the next is known." default:"0" placeholder:"METRES"`
	MaxBytesPerDay uint64        `help:"Data budget of the link, both ways, from midnight to midnight UTC: near it fixes are thinned harder. TCP/IP headers are not counted: a silent link counts 140000 a day without TLS, and costs about 2.8 MB on the air. 0 is no limit." default:"0" placeholder:"BYTES"`
	Linger         time.Duration `help:"How long a new fix may wait for others to share a message with: 10s at one fix a second cuts the data sent to a fifth." default:"0s"`
	Status         string        `help:"Serve the driver's page, /status and /metrics here, such as 127.0.0.1:8081. They show where the vehicle is." placeholder:"HOST:PORT"`
	Drain          time.Duration `help:"How long to go on sending after the order to stop." default:"3s"`
}

// Run reads until the source ends or ctx does.
func (c *runCmd) Run(ctx context.Context, s command.Streams) error {
	log := c.Logger(s.Err)
	var sources []receiver.Source
	for _, spec := range c.Source {
		src, err := receiver.ParseSource(spec, receiver.SourceOptions{Baud: int(c.Baud), Pace: c.Pace, Stdin: s.In, Log: log})
		if err != nil {
			return command.Usagef("--source: %w", err)
		}
		sources = append(sources, src)
	}
	if _, err := uplink.CheckURL(c.Server); err != nil {
		return command.Usagef("--server: %w", err)
	}
	trust, err := c.trust()
	if err != nil {
		return err
	}
	if c.Failover <= 0 || !(c.ThinError >= 0) || math.IsInf(c.ThinError, 0) {
		return command.Usagef("--failover must be positive, and --thin-error not negative")
	}
	if c.Drain <= 0 || c.Linger < 0 || c.Interval < 0 {
		return command.Usagef("--drain, --linger and --interval must not be negative, and --drain not 0")
	}
	if c.SpoolBytes < spool.MinMaxBytes || c.SpoolKeep <= 0 {
		return command.Usagef("--spool-bytes must be %d or more, and --spool-keep positive", spool.MinMaxBytes)
	}
	if err := receiver.CheckSetup(c.Setup, c.Rate); err != nil {
		return command.Usagef("--setup: %w", err)
	}
	if c.Passive && c.Setup != "" {
		log.Info("passive: the module is not set up", "setup", c.Setup)
		c.Setup, c.Rate = "", 0
	}
	supervisor, err := newSupervised(log)
	if err != nil {
		return err
	}
	defer supervisor.notifier.Close()
	agent, err := receiver.New(receiver.Config{
		Decoder: positioning.DecoderConfig{AsOf: command.SourceDate()},
		Source:  sources[0], Backups: sources[1:], Failover: c.Failover,
		Interval: c.Interval, Hold: c.Hold, ThinErrorM: c.ThinError, MaxBytesPerDay: c.MaxBytesPerDay,
		Spool: c.Spool, SpoolBytes: c.SpoolBytes, SpoolKeep: c.SpoolKeep, Server: c.Server, TLS: trust, Unit: c.Unit, Key: c.Key,
		Version: name + " " + command.Version(), Status: c.Status, Setup: c.Setup, Rate: c.Rate, Linger: c.Linger, Drain: c.Drain, Log: log,
		Ready: supervisor.up,
	})
	if err != nil {
		return command.Usagef("%w", err)
	}
	return supervisor.work(ctx, agent)
}

// trust is what --tls-ca and --tls-pin say.
func (c *runCmd) trust() (*tls.Config, error) {
	var t uplink.Trust
	var err error
	if c.TLSCA != "" {
		if t.Roots, err = os.ReadFile(c.TLSCA); err != nil {
			return nil, command.Usagef("--tls-ca: %w", err)
		}
	}
	for _, text := range c.TLSPin {
		pin, err := uplink.ParsePin(text)
		if err != nil {
			return nil, command.Usagef("--tls-pin: %w", err)
		}
		t.Pins = append(t.Pins, pin)
	}
	cfg, err := t.Config(c.Server)
	if err != nil {
		return nil, command.Usagef("--tls-ca, --tls-pin: %w", err)
	}
	return cfg, nil
}

// baud is a baud rate; 0 is auto.
type baud int

// Decode is called by the parser of flags: with text, or with a number out of a config file.
func (b *baud) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("rate")
	if err != nil {
		return err
	}
	text := fmt.Sprint(token.Value)
	if text == "auto" {
		*b = 0
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return fmt.Errorf("want auto or a number, got %q", text)
	}
	*b = baud(n)
	return nil
}
