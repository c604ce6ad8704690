package uplink

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"dipper/positioning/track"
)

const (
	// DefaultDeadAfter is how long a link may be silent before it counts as dead. Pings go out in time for three to be lost.
	DefaultDeadAfter = 15 * time.Second
	pingsPerDead     = 3

	handshakeTimeout = 20 * time.Second
	closeTimeout     = time.Second
	bufferBytes      = 1 << 10 // per direction; a live batch is a few dozen bytes
)

// DialOptions say where and who.
type DialOptions struct {
	URL   string      // ws://host:port or wss://…; Path is added if the URL has none
	Key   string      // the unit's key
	Agent string      // User-Agent; empty for none
	TLS   *tls.Config // nil: the system's roots
	// DeadAfter is how long nothing may come, and nothing may go out, before the link counts as dead; 0 is DefaultDeadAfter.
	DeadAfter time.Duration
	// Buffers, if not nil, is shared by many connections, which then hold no write buffer while they are silent.
	Buffers websocket.BufferPool
	// Traffic, if not nil, counts the bytes of the connection both ways.
	Traffic *atomic.Uint64
}

// Conn is the agent's end of one uplink connection. One goroutine may send while another reads; Ping and Close may be
// called from any. An error of any method but SendBatch's track.ErrInvalid ends the connection: Close it.
type Conn struct {
	ws   *websocket.Conn
	dead time.Duration
	send sync.Mutex // one data message at a time
	out  []byte     // the message being sent; under send
}

// CheckURL says what is wrong with a service's address, or nil, and gives the address with Path where it had none.
func CheckURL(address string) (string, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "", fmt.Errorf("server address: %w", err)
	case u.Scheme != "ws" && u.Scheme != "wss":
		return "", fmt.Errorf("server address %q: scheme %q, want ws or wss", address, u.Scheme)
	case u.Host == "":
		return "", fmt.Errorf("server address %q: no host", address)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = Path
	}
	return u.String(), nil
}

// Dial opens a connection. If the service answers the request with an HTTP error, the error is a *Refusal: bad_key for 401
// and 403, unavailable for what may pass. Hello must follow.
func Dial(ctx context.Context, o DialOptions) (*Conn, error) {
	address, err := CheckURL(o.URL)
	if err != nil {
		return nil, err
	}
	d := websocket.Dialer{
		Proxy:            http.ProxyFromEnvironment,
		HandshakeTimeout: handshakeTimeout,
		TLSClientConfig:  o.TLS,
		ReadBufferSize:   bufferBytes,
		WriteBufferSize:  bufferBytes,
		WriteBufferPool:  o.Buffers,
	}
	if o.Traffic != nil {
		d.NetDialContext = countingDial(o.Traffic)
	}
	header := http.Header{"Authorization": {"Bearer " + o.Key}}
	if o.Agent != "" {
		header.Set("User-Agent", o.Agent)
	}
	ws, resp, err := d.DialContext(ctx, address, header)
	if err != nil {
		if resp != nil {
			defer resp.Body.Close()
			if r := refusalOf(resp); r != nil {
				return nil, r
			}
		}
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	ws.SetReadLimit(MaxMessageBytes)
	c := &Conn{ws: ws, dead: o.DeadAfter}
	if c.dead <= 0 {
		c.dead = DefaultDeadAfter
	}
	c.alive()
	ws.SetPongHandler(func(string) error { c.alive(); return nil })
	ws.SetPingHandler(func(data string) error {
		c.alive()
		err := ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(c.dead))
		if errors.Is(err, websocket.ErrCloseSent) {
			return nil
		}
		return err
	})
	return c, nil
}

// refusalOf reads the API's error body {"error":{"code","field","message"}} of an HTTP answer.
func refusalOf(resp *http.Response) *Refusal {
	if resp.StatusCode < 400 {
		return nil
	}
	var body struct {
		Error struct{ Code, Field, Message string }
	}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 4*maxTextBytes)) // half a body is as good as none
	r := Refusal{Code: CodeUnavailable, Message: resp.Status}
	if json.Unmarshal(data, &body) == nil && body.Error.Message != "" {
		r.Field, r.Message = body.Error.Field, body.Error.Message
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		r.Code = CodeBadKey
	case http.StatusBadRequest:
		r.Code = CodeBadHello
	case http.StatusTooManyRequests:
		r.Code = CodeTooFast
	}
	return &r
}

// alive is called by the reading goroutine for every sign of life.
func (c *Conn) alive() { _ = c.ws.SetReadDeadline(time.Now().Add(c.dead)) }

// Hello sends h and waits for the answer, until ctx ends or the link is dead. A *Refusal comes as the error.
func (c *Conn) Hello(ctx context.Context, h Hello) (Welcome, error) {
	stop := context.AfterFunc(ctx, c.abort) // nothing else wakes the read for good
	defer stop()
	err := c.write(func(dst []byte) ([]byte, error) { return AppendHello(dst, h), nil })
	if err != nil {
		return Welcome{}, err
	}
	msg, err := c.ReadMessage()
	if err != nil {
		if ctx.Err() != nil {
			return Welcome{}, ctx.Err()
		}
		return Welcome{}, err
	}
	w, err := DecodeWelcome(msg)
	if err == nil && w.Series != h.Series {
		err = fmt.Errorf("%w: welcome: series %d, want %d", ErrMessage, w.Series, h.Series)
	}
	return w, err
}

// SendBatch sends b and does not wait for its acknowledgement. It blocks while the link takes nothing, at most DialOptions.DeadAfter.
func (c *Conn) SendBatch(b track.Batch) error {
	return c.write(func(dst []byte) ([]byte, error) { return AppendBatch(dst, b) })
}

// SendMessage sends a message as AppendBatch made it.
func (c *Conn) SendMessage(msg []byte) error {
	c.send.Lock()
	defer c.send.Unlock()
	return c.writeLocked(msg)
}

func (c *Conn) write(encode func([]byte) ([]byte, error)) error {
	c.send.Lock()
	defer c.send.Unlock()
	msg, err := encode(c.out[:0])
	if err != nil {
		return err
	}
	c.out = msg[:0]
	return c.writeLocked(msg)
}

func (c *Conn) writeLocked(msg []byte) error {
	if err := c.ws.SetWriteDeadline(time.Now().Add(c.dead)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err := c.ws.WriteMessage(websocket.BinaryMessage, msg); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// ReadAck waits for the next acknowledgement, as ReadMessage does. It is enough for a unit that sends no Report: nothing else
// comes to it.
func (c *Conn) ReadAck() (Ack, error) {
	msg, err := c.ReadMessage()
	if err != nil {
		return Ack{}, err
	}
	return DecodeAck(msg)
}

// ReadMessage waits for the next message. A *Refusal comes as the error. It must be called all the time, even when nothing is
// expected: it is also what sees pings, and a link that is closed or dead. The message is the caller's to keep.
func (c *Conn) ReadMessage() ([]byte, error) {
	kind, msg, err := c.ws.ReadMessage()
	if err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	c.alive()
	if kind != websocket.BinaryMessage {
		return nil, fmt.Errorf("%w: a text message", ErrMessage)
	}
	if TypeOf(msg) != TypeRefusal {
		return msg, nil
	}
	r, err := DecodeRefusal(msg)
	if err != nil {
		return nil, err
	}
	return nil, &r
}

// PingEvery is how often Ping is to be called.
func (c *Conn) PingEvery() time.Duration { return c.dead / pingsPerDead }

// Ping asks for a sign of life. A link on which nothing comes for DialOptions.DeadAfter is dead, and reading from it fails.
func (c *Conn) Ping() error {
	if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.dead)); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}

// abort closes the link at once, whoever reads or writes.
func (c *Conn) abort() { _ = c.ws.NetConn().Close() } // what is cut off is sent again

// Close says good-bye, as far as the link takes it at once, and closes. It may be called more than once.
func (c *Conn) Close() error {
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = c.ws.WriteControl(websocket.CloseMessage, bye, time.Now().Add(closeTimeout)) // the close that follows counts
	return c.ws.Close()
}
