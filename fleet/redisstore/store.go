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

	// WaitReplicas is how many replicas of a master must have a commit before it counts as done; 0 none. With fewer in time the commit
	// fails with ErrUnavailable, nothing is acknowledged, and the agents keep what they have. Replicas answer from memory: a
	// failover loses nothing then, a power cut of all machines at once what appendfsync says.
	WaitReplicas int
	WaitTimeout  time.Duration // for them, at most 4 s; 0: 1 s
}

// Store is a fleet.Store in Redis.
type Store struct {
	cfg     Config
	client  redis.UniversalClient
	cluster *redis.ClusterClient // nil where there is no Cluster
	scripts scripts
	nonce   atomic.Uint64 // names each step and document change, so that one sent twice is known again

	losses losses

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
	if cfg.WaitTimeout == 0 {
		cfg.WaitTimeout = defaultWait
	}
	if cfg.WaitReplicas < 0 || cfg.WaitTimeout < time.Millisecond || cfg.WaitTimeout > LongestWait {
		return nil, fmt.Errorf("redis: wait for %d replicas at most %v: want 0 or more, and 1ms to %v", cfg.WaitReplicas, cfg.WaitTimeout, LongestWait)
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
	s.losses.grew = make(chan struct{})
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
		return s.writable(ctx, c)
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
func (s *Store) writable(ctx context.Context, c redis.UniversalClient) error {
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
	if n := replicasOf(info); n < s.cfg.WaitReplicas {
		return fmt.Errorf("a redis master has %d replicas, and commits wait for %d", n, s.cfg.WaitReplicas)
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
