package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"dipper/fleet"
	"dipper/fleet/cell"
)

var _ fleet.SharedStore = (*Store)(nil)

// relayGroups is how many slots of a Cluster the channels lie in. A connection can subscribe to channels of one slot in one command and
// stays whole when another slot moves, so a node has one connection for each group that it follows; and no master carries
// all that is said.
const relayGroups = 16

// quietFor is how long a connection may be silent before the server is asked whether it is still there, and then again before it is
// given up.
const quietFor = 2 * time.Second

// channelOf names the channel of an area and its group. Channels belong to a server, not to a database, hence the number.
func (s *Store) channelOf(area cell.ID) (name string, group int) {
	if s.cluster != nil {
		group = areaGroup(area)
	}
	tag := shardTags[areaGroup(area)*shards/relayGroups]
	if area == 0 {
		return s.channelPrefix + ":{" + tag + "}:nodes", group
	}
	return s.channelPrefix + ":{" + tag + "}:" + hexCell(area), group
}

// areaGroup spreads areas evenly, neighbours too: they are as busy as each other.
func areaGroup(area cell.ID) int {
	const multiplier = 0x9e3779b97f4a7c15 // 2^64 / golden ratio: Knuth, The Art of Computer Programming 3, 6.4
	return int(uint64(area) * multiplier >> 32 % relayGroups)
}

func channelPrefix(db int) string {
	if db == 0 {
		return "p"
	}
	return "p" + strconv.Itoa(db)
}

// Send publishes the messages in one pipeline per master.
func (s *Store) Send(ctx context.Context, messages []fleet.Message) error {
	p := s.client.Pipeline()
	for _, m := range messages {
		name, _ := s.channelOf(m.Area)
		p.SPublish(ctx, name, m.Data)
	}
	if _, err := p.Exec(ctx); err != nil {
		return unavailable(err)
	}
	return nil
}

// Positions reads the fronts of the units' records.
func (s *Store) Positions(ctx context.Context, units []fleet.UnitID) ([]fleet.Position, error) {
	var all []fleet.Position
	for part := range slices.Chunk(units, pipelined) {
		heads, err := s.heads(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, h := range heads {
			if h.position.Cell != 0 {
				all = append(all, h.position)
			}
		}
	}
	return all, nil
}

// Follow keeps one listener for each group that has channels to follow.
func (s *Store) Follow(ctx context.Context, areas <-chan []cell.ID, ear fleet.Ear) {
	listeners := map[int]*listener{}
	var running sync.WaitGroup
	defer running.Wait()
	var followed []cell.ID
	for {
		groups := map[int]map[string]cell.ID{}
		for _, area := range append(slices.Clip(followed), 0) {
			name, group := s.channelOf(area)
			if groups[group] == nil {
				groups[group] = map[string]cell.ID{}
			}
			groups[group][name] = area
		}
		for group, channels := range groups {
			if l := listeners[group]; l != nil {
				l.change(channels)
				continue
			}
			l := &listener{store: s, ear: ear, channels: channels}
			ctx, stop := context.WithCancel(ctx)
			l.stop = stop
			listeners[group] = l
			running.Go(func() { l.run(ctx) })
		}
		for group, l := range listeners {
			if groups[group] == nil {
				l.stop()
				delete(listeners, group)
			}
		}
		select {
		case followed = <-areas:
		case <-ctx.Done():
			for _, l := range listeners {
				l.stop()
			}
			return
		}
	}
}

// listener hears the channels of one group on one connection after the other.
type listener struct {
	store *Store
	ear   fleet.Ear
	stop  context.CancelFunc

	mu       sync.Mutex
	ctx      context.Context    // of the connection
	sub      *redis.PubSub      // nil while there is none
	channels map[string]cell.ID // to be followed
}

// change sets the channels. What is new is subscribed on the connection that is there.
func (l *listener) change(channels map[string]cell.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var fresh, gone []string
	for name := range channels {
		if _, has := l.channels[name]; !has {
			fresh = append(fresh, name)
		}
	}
	for name := range l.channels {
		if _, wanted := channels[name]; !wanted {
			gone = append(gone, name)
		}
	}
	l.channels = channels
	if l.sub == nil {
		return
	}
	var err error
	if len(fresh) > 0 {
		err = l.sub.SSubscribe(l.ctx, fresh...)
	}
	if len(gone) > 0 && err == nil {
		err = l.sub.SUnsubscribe(l.ctx, gone...)
	}
	if err != nil {
		_ = l.sub.Close() // run makes another, with all channels
	}
}

func (l *listener) run(ctx context.Context) {
	defer l.stop()
	for ctx.Err() == nil {
		err := l.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		l.store.cfg.Log.Debug("what other nodes say is not heard", "err", err)
		if l.store.cluster != nil {
			l.store.cluster.ReloadState(ctx) // the slot may have gone to another master
		}
		pause(ctx, retryAfter)
	}
}

// errSlotMoved: the server sent us away from a channel, as a master of a Cluster does that gives its slot to another.
var errSlotMoved = errors.New("channel moved to another master")

// listen hears what comes on one connection until it breaks. It never returns nil.
func (l *listener) listen(ctx context.Context) error {
	sub := l.connect(ctx)
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() }) // wakes the read
	defer func() {
		stop()
		l.mu.Lock()
		l.sub = nil
		l.mu.Unlock()
		_ = sub.Close()
	}()
	for asked := false; ; {
		news, err := sub.ReceiveTimeout(ctx, quietFor)
		var network net.Error
		switch {
		case err == nil:
			asked = false
			if err := l.take(news); err != nil {
				return err
			}
		case errors.As(err, &network) && network.Timeout() && !asked:
			asked = true
			if err := sub.Ping(ctx); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

func (l *listener) connect(ctx context.Context) *redis.PubSub {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ctx, l.sub = ctx, l.store.client.SSubscribe(ctx, slices.Collect(maps.Keys(l.channels))...)
	return l.sub
}

// take hands on what came.
func (l *listener) take(news any) error {
	switch n := news.(type) {
	case *redis.Message:
		if area, ok := l.area(n.Channel); ok {
			l.ear.Heard(fleet.Message{Area: area, Data: []byte(n.Payload)})
		}
	case *redis.Subscription:
		area, followed := l.area(n.Channel)
		switch {
		case followed && n.Kind == "ssubscribe":
			l.ear.Began(area)
		case followed && n.Kind == "sunsubscribe":
			return fmt.Errorf("%s: %w", n.Channel, errSlotMoved)
		}
	}
	return nil
}

func (l *listener) area(channel string) (area cell.ID, followed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	area, followed = l.channels[channel]
	return area, followed
}
