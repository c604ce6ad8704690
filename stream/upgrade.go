package stream

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/websocket"
)

// upgrade makes a WebSocket of a request. Without one, an error is for the caller to answer with; no error means that the
// connection broke when it was too late for an answer.
func upgrade(u *websocket.Upgrader, w http.ResponseWriter, r *http.Request) (*websocket.Conn, error) {
	if !websocket.IsWebSocketUpgrade(r) {
		return nil, ErrUpgrade
	}
	if !SameOrigin(r) {
		return nil, ErrOrigin
	}
	quiet := *u
	quiet.Error = func(http.ResponseWriter, *http.Request, int, error) {} // the caller answers, as everywhere
	quiet.CheckOrigin = func(*http.Request) bool { return true }          // done above
	ws, err := quiet.Upgrade(w, r, nil)
	var handshake websocket.HandshakeError
	if errors.As(err, &handshake) {
		return nil, &InputError{Field: "handshake", Reason: handshake.Error()}
	}
	if err != nil {
		return nil, nil
	}
	return ws, nil
}

// SameOrigin reports whether a request may come from a page of this service, or from no page at all. Browsers send Origin
// with every WebSocket and do not hold WebSockets to their own rules, so that any site could otherwise open one as the
// person at the browser.
func SameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}
