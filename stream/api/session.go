package api

import (
	"context"
	"net/http"
	"time"

	"dipper/fleet"
	"dipper/stream"
)

// sessionLife is how long a browser stays signed in.
const sessionLife = 30 * 24 * time.Hour

type sessionBody struct {
	Name string     `json:"name"`
	Role fleet.Role `json:"role"`
}

// session says who is signed in.
func (s *Server) session(c *call) error {
	return c.reply(http.StatusOK, sessionBody{c.who.name, c.who.role})
}

// signIn keeps a token in a cookie that the page's own scripts cannot read and other sites cannot have sent.
func (s *Server) signIn(c *call) error {
	if !ownPage(c.r) {
		return stream.ErrOrigin
	}
	var in struct {
		Token string `json:"token"`
	}
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.Token == "" {
		return &stream.InputError{Field: "token", Reason: "missing"}
	}
	who, err := s.byToken(c.ctx, in.Token)
	if err != nil {
		return err
	}
	http.SetCookie(c.w, cookieOf(c.r, in.Token, int(sessionLife/time.Second)))
	return c.reply(http.StatusOK, sessionBody{who.name, who.role})
}

// signOut makes the browser forget.
func (s *Server) signOut(c *call) error {
	if !ownPage(c.r) {
		return stream.ErrOrigin
	}
	http.SetCookie(c.w, cookieOf(c.r, "", -1))
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func cookieOf(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	}
}

// config is what the page needs to know before it draws.
func (s *Server) config(c *call) error {
	return c.reply(http.StatusOK, struct {
		Tiles *Tiles `json:"tiles,omitempty"`
	}{s.cfg.Tiles})
}

// live makes a viewer of the request.
func (s *Server) live(c *call) error {
	seat := stream.Seat{}
	switch format := c.r.URL.Query().Get("format"); format {
	case "", "binary":
	case "json":
		seat.JSON = true
	default:
		return &stream.InputError{Field: "format", Reason: "want json or binary"}
	}
	if token := c.who.token; token != "" {
		seat.Check = func(ctx context.Context) error {
			who, err := s.byToken(ctx, token)
			if err == nil && !allows(who.role, watch) {
				return stream.ErrForbidden
			}
			return err
		}
	}
	return s.cfg.Hub.Serve(c.w, c.r, seat)
}

// addToken makes a token. Its value is in the answer and nowhere else.
func (s *Server) addToken(c *call) error {
	var in struct {
		Name string     `json:"name"`
		Role fleet.Role `json:"role"`
	}
	if err := c.decode(&in); err != nil {
		return err
	}
	token, err := s.cfg.Fleet.AddToken(c.ctx, in.Name, in.Role)
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, struct {
		Name  string     `json:"name"`
		Role  fleet.Role `json:"role"`
		Token string     `json:"token"`
	}{in.Name, in.Role, token})
}
