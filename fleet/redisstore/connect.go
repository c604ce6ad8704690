package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"dipper/fleet"
)

// minMajor is the oldest Redis that works: scripts with flags came with 7.0.
const minMajor = 7

// Time limits. A dial is short, because nothing is gained by waiting for a server that is down; an answer may be long in
// coming when the server syncs its file or forks.
const (
	dialTimeout   = 3 * time.Second
	answerTimeout = 5 * time.Second
)

// target is a URL taken apart.
type target struct {
	addrs   []string
	master  string // of the Sentinels; "" none
	options *redis.Options
}

func parseURL(text string) (target, error) {
	if text == "" {
		return target{}, errors.New("redis url is empty, want redis://host:port")
	}
	u, err := url.Parse(firstHost(text))
	if err != nil {
		return target{}, fmt.Errorf("redis url %q: %w", redact(text), errors.Unwrap(err))
	}
	if u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" {
		return target{}, fmt.Errorf("redis url %q: want redis://host:port or rediss://host:port", redact(text))
	}
	query := u.Query()
	t := target{master: query.Get("master")}
	query.Del("master")
	u.RawQuery = query.Encode()
	if t.options, err = redis.ParseURL(u.String()); err != nil {
		return target{}, fmt.Errorf("redis url %q: %w", redact(text), err)
	}
	t.addrs = append([]string{t.options.Addr}, otherHosts(text)...)
	return t, nil
}

// hostList is where the comma-separated hosts of a URL stand.
func hostList(text string) (from, to int) {
	from = strings.Index(text, "://") + len("://")
	if from < len("://") {
		return 0, 0
	}
	to = len(text)
	if i := strings.IndexAny(text[from:], "/?#"); i >= 0 {
		to = from + i
	}
	if i := strings.LastIndexByte(text[from:to], '@'); i >= 0 {
		from += i + 1
	}
	return from, to
}

// firstHost is the URL with the first of its hosts only.
func firstHost(text string) string {
	from, to := hostList(text)
	host, _, _ := strings.Cut(text[from:to], ",")
	return text[:from] + host + text[to:]
}

func otherHosts(text string) []string {
	const defaultPort = "6379"
	from, to := hostList(text)
	var hosts []string
	for _, h := range strings.Split(text[from:to], ",")[1:] {
		if !strings.Contains(h[strings.LastIndexByte(h, ']')+1:], ":") {
			h += ":" + defaultPort
		}
		hosts = append(hosts, h)
	}
	return hosts
}

// redact hides a password.
func redact(text string) string {
	from, _ := hostList(text)
	start := strings.Index(text, "://") + len("://")
	if from <= start {
		return text
	}
	user, _, _ := strings.Cut(text[start:from-1], ":")
	return text[:start] + user + ":…@" + text[from:]
}

// connect makes the client that fits what answers at the target.
func connect(ctx context.Context, t target) (redis.UniversalClient, error) {
	o := &redis.UniversalOptions{
		Addrs:                    t.addrs[:1],
		MasterName:               t.master,
		Username:                 t.options.Username,
		Password:                 t.options.Password,
		DB:                       t.options.DB,
		TLSConfig:                t.options.TLSConfig,
		DialTimeout:              dialTimeout,
		ReadTimeout:              answerTimeout,
		WriteTimeout:             answerTimeout,
		DialerRetries:            1,
		ContextTimeoutEnabled:    true,
		DisableIdentity:          true,
		ReadBufferSize:           64 << 10,
		WriteBufferSize:          64 << 10,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if t.master != "" {
		o.Addrs = t.addrs
	}
	var failed error
	for i := range t.addrs {
		if t.master == "" {
			o.Addrs = t.addrs[i : i+1]
		}
		client, err := probe(ctx, o, t)
		if err == nil {
			return client, nil
		}
		failed = err
		if !errors.Is(err, fleet.ErrUnavailable) || t.master != "" {
			break
		}
	}
	return nil, failed
}

// probe asks the server what it is and makes a client for that.
func probe(ctx context.Context, o *redis.UniversalOptions, t target) (redis.UniversalClient, error) {
	client := redis.NewUniversalClient(o)
	text, err := client.Info(ctx, "server").Result()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: redis at %s: %w", fleet.ErrUnavailable, strings.Join(o.Addrs, ","), cause(err)), client.Close())
	}
	info := parseInfo(text)
	if err := checkServer(info, strings.Join(o.Addrs, ",")); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	if info["redis_mode"] != "cluster" {
		return client, nil
	}
	if err := client.Close(); err != nil {
		return nil, err
	}
	c := *o
	c.Addrs, c.IsClusterMode = t.addrs, true
	cluster := redis.NewUniversalClient(&c)
	if err := cluster.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: redis cluster at %s: %w", fleet.ErrUnavailable, strings.Join(c.Addrs, ","), cause(err)), cluster.Close())
	}
	return cluster, nil
}

func checkServer(info map[string]string, addr string) error {
	version := info["redis_version"]
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < minMajor {
		return fmt.Errorf("redis at %s is version %q, need %d.0 or newer", addr, version, minMajor)
	}
	if info["redis_mode"] == "sentinel" {
		return fmt.Errorf("redis at %s is a sentinel: name the primary it watches, as in redis://%s?master=NAME", addr, addr)
	}
	return nil
}

// cause is the innermost of the errors that only say that a dial failed.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || !strings.HasPrefix(err.Error(), "redis: connection pool: failed to dial") {
			return err
		}
		err = inner
	}
}
