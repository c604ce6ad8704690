package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
)

// Config says which Redis to use and how. Only URL is required.
type Config struct {
	// URL is redis://[user:password@]host:port[,host:port …][/db], or rediss:// for TLS. One host is enough for a Cluster, more
	// help when that one is down. With ?master=NAME the hosts are Sentinels and NAME is the primary they watch.
	URL            string
	Log            *slog.Logger     // nil: says nothing
	TrackRetention time.Duration    // how long tracks and units' events are kept, by fix time, at least a day; 0 for ever
	EventCap       uint64           // how many entries the event log keeps; 0 all
	Now            func() time.Time // the clock of retention; nil time.Now
}

// Store is a fleet.Store in Redis.
type Store struct {
	cfg     Config
	client  redis.UniversalClient
	cluster *redis.ClusterClient // nil where there is no Cluster
	scripts scripts
	nonce   atomic.Uint64 // names each step and document change, so that one sent twice is known again

	channelPrefix string // of what nodes say to each other

	stepsPerCall int // the constant but in the benchmark that chose it

	ctx    context.Context // ends with Close; for the goroutines that wait for news
	cancel context.CancelFunc

	mu    sync.Mutex
	tails map[string]*tail // by stream
	ended bool
	wg    sync.WaitGroup // the tails' goroutines
}

var _ fleet.Store = (*Store)(nil)

// Open connects to Redis and finds out what it is. The error says in one line what is wrong: an address nobody listens
// on, a password, a version before 7.0.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	sc, err := loadScripts()
	if err != nil {
		return nil, err
	}
	target, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	redis.SetLogger(clientLog{cfg.Log}) // the client has one for the whole process
	client, err := connect(ctx, target)
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, client: client, scripts: sc, stepsPerCall: stepsPerCall, tails: map[string]*tail{}}
	s.channelPrefix = channelPrefix(target.options.DB)
	s.cluster, _ = client.(*redis.ClusterClient)
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	s.nonce.Store(binary.BigEndian.Uint64(seed[:]))
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return s, nil
}

// clientLog takes what the client library would write to stderr: details of errors that our callers get anyway.
type clientLog struct{ log *slog.Logger }

// Printf implements the library's logger.
func (l clientLog) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, "redis client", "detail", fmt.Sprintf(format, args...))
}

// Close ends the connections.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return nil
	}
	s.ended = true
	s.mu.Unlock()
	s.cancel()
	err := s.client.Close()
	s.wg.Wait()
	return err
}

// eachMaster calls fn with a client of each master, several at once.
func (s *Store) eachMaster(ctx context.Context, fn func(context.Context, redis.UniversalClient) error) error {
	if s.cluster == nil {
		return fn(ctx, s.client)
	}
	return s.cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return fn(ctx, c) })
}

// Ready says nil, or why Redis cannot take a commit now.
func (s *Store) Ready(ctx context.Context) error {
	err := s.eachMaster(ctx, func(ctx context.Context, c redis.UniversalClient) error {
		return writable(ctx, c)
	})
	if err == nil && s.cluster != nil {
		err = clusterWorks(ctx, s.cluster)
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// writable looks for the states in which a server answers but refuses writes.
func writable(ctx context.Context, c redis.UniversalClient) error {
	text, err := c.Info(ctx).Result()
	if err != nil {
		return err
	}
	info := parseInfo(text)
	switch {
	case info["loading"] == "1":
		return errors.New("redis is loading its data")
	case info["role"] != "master":
		return fmt.Errorf("redis is a %s, not a master", info["role"])
	case info["aof_enabled"] == "1" && info["aof_last_write_status"] == "err":
		return errors.New("redis cannot write its append-only file")
	}
	return nil
}

func clusterWorks(ctx context.Context, c *redis.ClusterClient) error {
	text, err := c.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	if state := parseInfo(text)["cluster_state"]; state != "ok" {
		return fmt.Errorf("redis cluster state is %s", state)
	}
	return nil
}

// Durability reads from each master what it does to keep what it acknowledged, and tells the weakest.
func (s *Store) Durability(ctx context.Context) (string, error) {
	var mu sync.Mutex
	masters, weakest := 0, 0
	err := s.eachMaster(ctx, func(ctx context.Context, c redis.UniversalClient) error {
		rank, err := durability(ctx, c)
		mu.Lock()
		defer mu.Unlock()
		masters++
		weakest = max(weakest, rank)
		return err
	})
	if err != nil {
		return "", readError(ctx, err)
	}
	text := "redis " + durabilities[weakest]
	if s.cluster != nil {
		text = fmt.Sprintf("redis cluster of %d masters, %s", masters, durabilities[weakest])
	}
	return text, nil
}

// durabilities, from the strongest to the weakest.
var durabilities = [...]string{
	"appendfsync=always",
	"appendfsync=everysec: a crash can lose about two seconds",
	"appendfsync=no: a crash of the machine can lose what the kernel had not written",
	"persistence unknown: CONFIG is not permitted",
	"appendonly=no: a crash loses all since the last snapshot",
}

func durability(ctx context.Context, c redis.UniversalClient) (rank int, err error) {
	const always, everysec, no, unknown, none = 0, 1, 2, 3, 4
	text, err := c.Info(ctx, "persistence").Result()
	if err != nil {
		return unknown, err
	}
	if parseInfo(text)["aof_enabled"] != "1" {
		return none, nil
	}
	fsync, err := c.ConfigGet(ctx, "appendfsync").Result()
	if err != nil {
		return unknown, nil // hosted Redis forbids CONFIG
	}
	switch fsync["appendfsync"] {
	case "always":
		return always, nil
	case "everysec":
		return everysec, nil
	case "no":
		return no, nil
	}
	return unknown, nil
}

// parseInfo reads the lines name:value of INFO and CLUSTER INFO.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// unavailable wraps an error of Redis or of the way to it.
func unavailable(err error) error { return fmt.Errorf("%w: redis: %w", fleet.ErrUnavailable, err) }

// readError is ctx's error if that is why reading failed, else unavailable.
func readError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return unavailable(err)
}
