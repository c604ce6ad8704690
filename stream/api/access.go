package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"dipper/fleet"
	"dipper/stream"
)

// right is what a route asks of the caller's role.
type right uint8

const (
	anyone     right = iota
	watch            // see vehicles, fences and events: every role
	editFences       // draw and delete fences: port operators and admins
	steerUnits       // read and change units' settings, write to drivers: dispatchers and admins
	administer       // units and tokens: admins
)

// allows is the table of roles and rights.
func allows(role fleet.Role, need right) bool {
	switch need {
	case anyone:
		return true
	case watch:
		return role == fleet.RoleAdmin || role == fleet.RoleDispatcher || role == fleet.RoleOperator
	case editFences:
		return role == fleet.RoleAdmin || role == fleet.RoleOperator
	case steerUnits:
		return role == fleet.RoleAdmin || role == fleet.RoleDispatcher
	case administer:
		return role == fleet.RoleAdmin
	}
	return false
}

// caller is who makes a request.
type caller struct {
	name  string
	role  fleet.Role
	token string // what it showed; "" for the two that need none: the control socket, and loopback in the demo
	// ambient: the browser sends the proof by itself (cookie) or none is needed, so other sites' pages could make requests
	// in this caller's name.
	ambient bool
}

const sessionCookie = "dipper_session"

// controlKey marks requests that came over the control socket.
type controlKey struct{}

// WithControl is the context of a control socket's connections: who can open the socket is an admin.
func WithControl(ctx context.Context) context.Context {
	return context.WithValue(ctx, controlKey{}, true)
}

// authorize finds the caller and checks its right. With anyone, no caller is looked for.
func (s *Server) authorize(r *http.Request, need right) (caller, error) {
	if need == anyone {
		return caller{}, nil
	}
	who, err := s.identify(r)
	switch {
	case err != nil:
		return caller{}, err
	case !allows(who.role, need):
		return caller{}, fmt.Errorf("%w: role %s", stream.ErrForbidden, who.role)
	case who.ambient && !ownPage(r):
		return caller{}, stream.ErrOrigin
	}
	return who, nil
}

// identify takes the first proof there is: the control socket, a bearer token, the session cookie, and where that is switched
// on, being on this machine. A proof that is wrong does not fall back on a weaker one.
func (s *Server) identify(r *http.Request) (caller, error) {
	if r.Context().Value(controlKey{}) != nil {
		return caller{name: "control socket", role: fleet.RoleAdmin}, nil
	}
	if r.Header.Get("Authorization") != "" {
		token, ok := stream.BearerToken(r)
		if !ok {
			return caller{}, stream.ErrUnauthorized
		}
		return s.byToken(r.Context(), token)
	}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		who, err := s.byToken(r.Context(), cookie.Value)
		who.ambient = true
		if err == nil || !s.cfg.OpenLoopback || !errors.Is(err, stream.ErrUnauthorized) {
			return who, err
		}
	}
	if s.cfg.OpenLoopback && fromLoopback(r) {
		return caller{name: "this machine", role: fleet.RoleAdmin, ambient: true}, nil
	}
	return caller{}, stream.ErrUnauthorized
}

func (s *Server) byToken(ctx context.Context, value string) (caller, error) {
	token, err := s.cfg.Fleet.TokenByValue(ctx, value)
	if errors.Is(err, fleet.ErrNotFound) {
		return caller{}, stream.ErrUnauthorized
	}
	if err != nil {
		return caller{}, err
	}
	return caller{name: token.Name, role: token.Role, token: value}, nil
}

// ownPage reports whether a request that a browser may have sent by itself comes from our page, or from no page.
func ownPage(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return stream.SameOrigin(r)
	}
	return false
}

// fromLoopback reports whether a request comes from this machine and was meant for it by name. The name matters: a site whose
// own name is made to point at 127.0.0.1 (DNS rebinding) sends that name. What a proxy on this machine passes on comes from
// somebody else.
func fromLoopback(r *http.Request) bool {
	for _, forwarded := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(forwarded) != "" {
			return false
		}
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	switch host {
	case "127.0.0.1", "localhost", "::1", "[::1]":
		return true
	}
	return false
}
