package redisstore

import (
	"context"
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

//go:embed *.lua
var sources embed.FS

// script is a Lua program that runs inside Redis.
type script struct {
	source string
	sha    string // Redis names scripts by their SHA-1
}

// scripts are the programs of this package.
type scripts struct {
	step, cells, inside, log, clear, document, days, events script
}

func loadScripts() (sc scripts, err error) {
	for name, s := range map[string]*script{
		"step": &sc.step, "cells": &sc.cells, "inside": &sc.inside, "log": &sc.log,
		"clear": &sc.clear, "document": &sc.document, "days": &sc.days, "events": &sc.events,
	} {
		source, err := sources.ReadFile(name + ".lua")
		if err != nil {
			return sc, fmt.Errorf("script %s: %w", name, err)
		}
		sum := sha1.Sum(source)
		*s = script{string(source), hex.EncodeToString(sum[:])}
	}
	return sc, nil
}

// call is one run of a script. All keys are in one slot.
type call struct {
	script *script
	keys   []string
	args   []any
	cmd    *redis.Cmd // the answer, after run
}

// sender puts a call into a pipeline.
type sender func(redis.Pipeliner, *call) *redis.Cmd

// run sends the calls in one pipeline per master and fills in their answers. A server that does not know a script, because
// it is new or was restarted or flushed, is sent its source. The answers of calls to the same slot are in order.
func (s *Store) run(ctx context.Context, calls []*call) { s.runWith(ctx, calls, s.pipe) }

func (s *Store) runWith(ctx context.Context, calls []*call, pipe func(context.Context, []*call, sender)) {
	if len(calls) == 0 {
		return
	}
	pipe(ctx, calls, func(p redis.Pipeliner, c *call) *redis.Cmd { return p.EvalSha(ctx, c.script.sha, c.keys, c.args...) })
	var unknown []*call
	for _, c := range calls {
		if err := c.cmd.Err(); err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
			unknown = append(unknown, c)
		}
	}
	if len(unknown) > 0 {
		pipe(ctx, unknown, func(p redis.Pipeliner, c *call) *redis.Cmd { return p.Eval(ctx, c.script.source, c.keys, c.args...) })
	}
}

func (s *Store) pipe(ctx context.Context, calls []*call, send sender) {
	p := s.client.Pipeline()
	for _, c := range calls {
		c.cmd = send(p, c)
	}
	_, _ = p.Exec(ctx) // each answer has its own error
}

// runOne runs one script alone.
func (s *Store) runOne(ctx context.Context, sc *script, keys []string, args ...any) (*redis.Cmd, error) {
	c := &call{script: sc, keys: keys, args: args}
	s.run(ctx, []*call{c})
	if err := c.cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable(err)
	}
	return c.cmd, nil
}
