package receiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
)

// gpsdPort is the one that IANA gave to gpsd.
const gpsdPort = "2947"

// watchNMEA asks gpsd for the sentences of all its receivers as they come; for receivers that speak a binary language it makes
// some up. Its own words in JSON come in between, and the decoder takes them for noise.
// Source: gpsd_json(5), WATCH.
const watchNMEA = `?WATCH={"enable":true,"nmea":true};` + "\n"

// gpsdClient reads from a gpsd, which other programs may share.
type gpsdClient struct{ tcpClient }

func parseGpsd(spec string) (Source, error) {
	rest := strings.TrimPrefix(spec, "gpsd://")
	if strings.LastIndexByte(rest, ':') <= strings.LastIndexByte(rest, ']') { // no port
		rest = net.JoinHostPort(strings.Trim(rest, "[]"), gpsdPort)
	}
	if _, err := address("tcp://"+rest, "tcp", true); err != nil {
		return nil, fmt.Errorf("gpsd: %w", err)
	}
	return &gpsdClient{tcpClient{addr: rest, silence: silence{least: minSilence, most: maxSilence}}}, nil
}

func (g *gpsdClient) String() string { return "gpsd://" + g.addr }

func (g *gpsdClient) Open(ctx context.Context) (Stream, error) {
	s, err := g.tcpClient.Open(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.(*tcpStream).Write([]byte(watchNMEA)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return readOnly{s}, nil
}

// readOnly hides that a stream can be written to: gpsd's other end is no module.
type readOnly struct{ Stream }
