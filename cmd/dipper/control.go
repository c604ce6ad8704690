package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// control speaks to a running service on this machine through its control socket: the HTTP API, as admin.
type control struct{ client *http.Client }

// newControl is for the service with this data directory. It connects when it is first asked for something.
func newControl(dir string) *control {
	return &control{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialControl(ctx, dir) },
	}}}
}

func (c *control) close() { c.client.CloseIdleConnections() }

// Time for one answer, and between questions to a service that is not ready yet.
const (
	controlTimeout = 30 * time.Second
	readyPoll      = 100 * time.Millisecond
)

// refused is what the service said when it refused a request.
type refused struct {
	status        int
	Code          string
	Field         string
	Message       string
	method, where string
}

func (e *refused) Error() string {
	text := e.Message
	if text == "" {
		text = http.StatusText(e.status)
	}
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	return fmt.Sprintf("%s %s: %s", e.method, e.where, text)
}

// ask makes one request and reads the answer into out, if that is not nil.
func (c *control) ask(ctx context.Context, method, path string, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://control"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode >= 300 {
		wrapper := struct{ Error *refused }{&refused{}}
		_ = json.Unmarshal(answer, &wrapper) // an answer of another shape still has its status
		wrapper.Error.status, wrapper.Error.method, wrapper.Error.where = resp.StatusCode, method, path
		return wrapper.Error
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// answers reports whether there is a service.
func (c *control) answers(ctx context.Context) bool {
	return c.ask(ctx, http.MethodGet, "/healthz", nil, nil) == nil
}

// waitReady waits until the service is there and ready, at most for so long.
func (c *control) waitReady(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := c.ask(ctx, http.MethodGet, "/readyz", nil, nil)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("service is not ready: %w", err)
		case <-time.After(readyPoll):
		}
	}
}

func (c *control) addUnit(ctx context.Context, id, name, kind string) (string, error) {
	body, err := json.Marshal(map[string]string{"id": id, "name": name, "kind": kind})
	if err != nil {
		return "", err
	}
	var out struct{ Key string }
	err = c.ask(ctx, http.MethodPost, "/api/v1/units", body, &out)
	return out.Key, err
}

func (c *control) addToken(ctx context.Context, name, role string) (string, error) {
	body, err := json.Marshal(map[string]string{"name": name, "role": role})
	if err != nil {
		return "", err
	}
	var out struct{ Token string }
	err = c.ask(ctx, http.MethodPost, "/api/v1/tokens", body, &out)
	return out.Token, err
}

// putFenceIfAbsent leaves a fence as it is that exists already.
func (c *control) putFenceIfAbsent(ctx context.Context, id string, feature []byte) error {
	path := "/api/v1/fences/" + url.PathEscape(id)
	err := c.ask(ctx, http.MethodGet, path, nil, nil)
	var no *refused
	if err == nil || !errors.As(err, &no) || no.status != http.StatusNotFound {
		return err
	}
	return c.ask(ctx, http.MethodPut, path, feature, nil)
}
