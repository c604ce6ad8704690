package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// service is where simulated units go and the right to register them there.
type service struct {
	Server string `help:"The service, as ws://host:port or http://host:port." required:"" placeholder:"URL"`
	Token  string `help:"An admin's token, to register the units." placeholder:"TOKEN"`
	Keys   string `help:"Keep the units' keys in this file; a later run uses the same units." placeholder:"FILE" type:"path"`
}

// registration bounds how long one request may take.
const registrationTimeout = 30 * time.Second

// httpURL is the address of an API path.
func (s service) httpURL(path string) (string, error) {
	u, err := url.Parse(s.Server)
	if err != nil {
		return "", fmt.Errorf("--server: %w", err)
	}
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	case "http", "https":
	default:
		return "", fmt.Errorf("--server %s: want ws://, wss://, http:// or https://", s.Server)
	}
	u.Path = path
	return u.String(), nil
}

// uplinkURL is the address for uplink.Dial.
func (s service) uplinkURL() string {
	return strings.Replace(s.Server, "http", "ws", 1) // http to ws, https to wss; ws stays
}

// keysOf gives a key for each unit: from the keys file, else by registering the unit.
func (s service) keysOf(ctx context.Context, units []string, kind string) (map[string]string, error) {
	keys, err := s.readKeys()
	if err != nil {
		return nil, err
	}
	address, err := s.httpURL("/api/v1/units")
	if err != nil {
		return nil, err
	}
	const parallel = 8
	results := make([]string, len(units))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, unit := range units {
		if key := keys[unit]; key != "" {
			results[i] = key
			continue
		}
		g.Go(func() (err error) {
			results[i], err = s.register(gctx, address, unit, kind)
			return err
		})
	}
	err = g.Wait()
	for i, unit := range units {
		if results[i] != "" {
			keys[unit] = results[i]
		}
	}
	return keys, errors.Join(err, s.writeKeys(keys))
}

func (s service) register(ctx context.Context, address, unit, kind string) (string, error) {
	if s.Token == "" {
		return "", fmt.Errorf("unit %s has no key: give --token of an admin to register it, or --keys", unit)
	}
	body, err := json.Marshal(map[string]string{"id": unit, "name": unit, "kind": kind})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, registrationTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+s.Token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("register %s: %w", unit, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return "", fmt.Errorf("register %s: %w", unit, err)
	}
	if response.StatusCode == http.StatusConflict {
		return "", fmt.Errorf("unit %s is registered already, and its key was told only then: choose other names with --prefix, or keep keys with --keys", unit)
	}
	var registered struct {
		Key string `json:"key"`
	}
	if response.StatusCode != http.StatusCreated || json.Unmarshal(answer, &registered) != nil || registered.Key == "" {
		return "", fmt.Errorf("register %s: %s: %s", unit, response.Status, bytes.TrimSpace(answer))
	}
	return registered.Key, nil
}

func (s service) readKeys() (map[string]string, error) {
	keys := map[string]string{}
	if s.Keys == "" {
		return keys, nil
	}
	data, err := os.ReadFile(s.Keys)
	if errors.Is(err, os.ErrNotExist) {
		return keys, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, fmt.Errorf("--keys %s: %w", s.Keys, err)
	}
	return keys, nil
}

func (s service) writeKeys(keys map[string]string) error {
	if s.Keys == "" {
		return nil
	}
	data, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	return os.WriteFile(s.Keys, data, 0o600)
}
