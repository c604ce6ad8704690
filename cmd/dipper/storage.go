package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"dipper/fleet"
	"dipper/fleet/embedstore"
	"dipper/fleet/redisstore"
)

// storage are the flags that say where the fleet is kept.
type storage struct {
	Data              string        `help:"Directory of the embedded store and of the control socket." default:"data" type:"path"`
	Redis             string        `help:"Keep the fleet in this Redis in place of the embedded store: redis://host:port, more hosts after commas for a Cluster." placeholder:"URL"`
	RedisWaitReplicas int           `help:"Replicas of each Redis master that must have a fix before it is acknowledged; 0 none." default:"0" placeholder:"N"`
	RedisWaitTimeout  time.Duration `help:"How long to wait for them, 1ms to 4s. With fewer in time the fix is not acknowledged, and its agent keeps it." default:"1s"`
}

// keeping are the flags that say how long things are kept.
type keeping struct {
	Retention  time.Duration `help:"How long tracks are kept, by the time of their fixes; 0 for ever." default:"0s"`
	KeepEvents uint64        `help:"How many events the log keeps; 0 all." default:"0"`
}

// Validate is called by kong.
func (k keeping) Validate() error {
	if k.Retention != 0 && k.Retention < 24*time.Hour {
		return errors.New("--retention: want at least 24h, or 0 for ever")
	}
	return nil
}

// Validate is called by kong.
func (s storage) Validate() error {
	if s.Redis == "" {
		if s.RedisWaitReplicas != 0 {
			return errors.New("--redis-wait-replicas: only with --redis")
		}
		return nil
	}
	if s.RedisWaitReplicas < 0 {
		return errors.New("--redis-wait-replicas: want 0 or more")
	}
	if s.RedisWaitTimeout < time.Millisecond || s.RedisWaitTimeout > redisstore.LongestWait {
		return fmt.Errorf("--redis-wait-timeout: want 1ms to %v", redisstore.LongestWait)
	}
	u, err := url.Parse(s.Redis)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Host == "" {
		return errors.New("--redis: want redis://host:port or rediss://host:port")
	}
	return nil
}

// open opens the store. The caller closes it.
func (s storage) open(ctx context.Context, k keeping, log *slog.Logger) (fleet.Store, error) {
	if s.Redis != "" {
		return redisstore.Open(ctx, redisstore.Config{
			URL: s.Redis, Log: log, TrackRetention: k.Retention, EventCap: k.KeepEvents,
			WaitReplicas: s.RedisWaitReplicas, WaitTimeout: s.RedisWaitTimeout,
		})
	}
	return embedstore.Open(embedstore.Config{Dir: s.Data, Log: log, TrackRetention: k.Retention, EventCap: k.KeepEvents})
}

// registrar makes units and tokens: through a running service, or in the store itself.
type registrar interface {
	addUnit(ctx context.Context, id, name, kind string) (key string, err error)
	addToken(ctx context.Context, name, role string) (token string, err error)
}

// withRegistrar finds the way to the store: a running service's control socket, else the store itself.
func (s storage) withRegistrar(ctx context.Context, use func(registrar) error) (err error) {
	if s.Redis == "" {
		c := newControl(s.Data)
		defer c.close()
		if c.answers(ctx) {
			return use(c)
		}
	}
	store, err := s.open(ctx, keeping{}, slog.New(slog.DiscardHandler))
	if errors.Is(err, embedstore.ErrLocked) {
		return fmt.Errorf("%w, which does not answer on %s", err, controlPath(s.Data))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	f, err := fleet.New(ctx, fleet.Config{Store: store, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return use(direct{f})
}

// direct is a registrar on the store itself.
type direct struct{ fleet *fleet.Fleet }

func (d direct) addUnit(ctx context.Context, id, name, kind string) (string, error) {
	return d.fleet.RegisterUnit(ctx, fleet.UnitID(id), name, kind)
}

func (d direct) addToken(ctx context.Context, name, role string) (string, error) {
	return d.fleet.AddToken(ctx, name, fleet.Role(role))
}
