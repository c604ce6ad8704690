package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"dipper/positioning/geo"
	"dipper/stream"
)

// Limits of requests.
const (
	maxBodyBytes   = 8 << 20 // a fence of some 200,000 vertices
	maxSmallBody   = 64 << 10
	requestTimeout = 30 * time.Second
)

// call is one request to one route.
type call struct {
	w   http.ResponseWriter
	r   *http.Request
	ctx context.Context // ends after requestTimeout; not for WebSockets
	who caller
}

// handle wraps a route in what all have in common: headers, rights, time, errors, metrics.
func (s *Server) handle(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		s.secure(rec.Header())
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		c := &call{w: rec, r: r, ctx: ctx}
		var err error
		if c.who, err = s.authorize(r.WithContext(ctx), route.need); err == nil {
			err = route.serve(s, c)
		}
		if err != nil {
			s.fail(rec, r, err)
		}
		if !rec.hijacked {
			s.metrics.observe(route.path, r.Method, rec.status, time.Since(begin))
		}
	})
}

// fail answers with an error, through the one table of package stream.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	f, known := stream.Explain(err)
	switch {
	case r.Context().Err() != nil: // nobody reads the answer
	case !known:
		s.cfg.Log.Error("request", "method", r.Method, "path", r.URL.Path, "error", err)
	case f.Status >= 500:
		s.cfg.Log.Warn("request", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	switch f.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "2")
	case http.StatusUpgradeRequired:
		w.Header().Set("Upgrade", "websocket")
	}
	type place struct {
		Lat float64 `json:"lat"`
		Lon float64 `json:"lon"`
	}
	type failure struct {
		Code    string `json:"code"`
		Field   string `json:"field"`
		Message string `json:"message"`
		At      *place `json:"at,omitempty"`
	}
	body := struct {
		Error failure `json:"error"`
	}{failure{Code: f.Code, Field: f.Field, Message: f.Message}}
	if f.At != nil {
		body.Error.At = &place{f.At.Lat, f.At.Lon}
	}
	data, _ := json.Marshal(body) // of strings and numbers: cannot fail
	writeJSON(w, f.Status, data)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}

// reply answers with a value as JSON.
func (c *call) reply(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	writeJSON(c.w, status, body)
	return nil
}

// body reads the request's body, up to limit bytes.
func (c *call) body(limit int64) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, fmt.Errorf("%w: above %d bytes", stream.ErrTooLarge, large.Limit)
	case err != nil:
		return nil, &stream.InputError{Field: "body", Reason: err.Error()}
	}
	return data, nil
}

// decode reads a small body into a struct. Fields that v does not have are refused: a misspelt one must not pass in silence.
func (c *call) decode(v any) error {
	data, err := c.body(maxSmallBody)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return &stream.InputError{Field: kind.Field, Reason: "is " + kind.Value + ", want " + kind.Type.String()}
		}
		return &stream.InputError{Field: "body", Reason: err.Error()}
	}
	if d.More() {
		return &stream.InputError{Field: "body", Reason: "more than one JSON value"}
	}
	return nil
}

// box reads the parameter bbox; ok is false where there is none.
func (c *call) box() (b geo.Box, ok bool, err error) {
	if !c.r.URL.Query().Has("bbox") {
		return geo.Box{}, false, nil
	}
	text := c.r.URL.Query().Get("bbox")
	b, err = geo.ParseBox(text)
	if err != nil {
		return geo.Box{}, false, &stream.InputError{Field: "bbox", Reason: err.Error()}
	}
	return b, true, nil
}

// limit reads the parameter limit.
func (c *call) limit(missing, most int) (int, error) {
	text := c.r.URL.Query().Get("limit")
	if text == "" {
		return missing, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, &stream.InputError{Field: "limit", Reason: fmt.Sprintf("%.32q: want a whole number from 1 to %d", text, most)}
	}
	return n, nil
}

// instant reads a parameter as RFC 3339 time; the zero time where there is none.
func (c *call) instant(name string) (time.Time, error) {
	text := c.r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, &stream.InputError{Field: name, Reason: fmt.Sprintf("%.40q: want a time like 2026-11-23T04:05:06Z", text)}
	}
	return t.UTC(), nil
}

// span reads the parameters from and to, and takes what is given where one is missing.
func (c *call) span(first, last time.Time) (from, to time.Time, err error) {
	from, err1 := c.instant("from")
	to, err2 := c.instant("to")
	if err := errors.Join(err1, err2); err != nil {
		return from, to, err
	}
	if from.IsZero() {
		from = first
	}
	if to.IsZero() {
		to = last
	}
	if to.Before(from) {
		return from, to, &stream.InputError{Field: "to", Reason: "is before from"}
	}
	return from, to, nil
}

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	status   int
	hijacked bool
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Hijack is what a WebSocket needs.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(r.ResponseWriter).Hijack()
	r.hijacked = err == nil
	return conn, rw, err
}
