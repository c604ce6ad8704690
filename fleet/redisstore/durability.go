package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Durability reads from each master what it does to keep what it acknowledged, and tells the weakest.
func (s *Store) Durability(ctx context.Context) (string, error) {
	var mu sync.Mutex
	masters, weakest, replicated := 0, 0, false
	err := s.eachMaster(ctx, func(ctx context.Context, c redis.UniversalClient) error {
		rank, replicas, err := durability(ctx, c)
		mu.Lock()
		defer mu.Unlock()
		masters++
		weakest = max(weakest, rank)
		replicated = replicated || replicas > 0
		return err
	})
	if err != nil {
		return "", readError(ctx, err)
	}
	text := "redis " + durabilities[weakest]
	if s.cluster != nil {
		text = fmt.Sprintf("redis cluster of %d masters, %s", masters, durabilities[weakest])
	}
	switch {
	case s.cfg.WaitReplicas > 0:
		text += fmt.Sprintf("; commits wait for %d replicas", s.cfg.WaitReplicas)
	case replicated:
		text += "; a failover can lose what the replica had not received"
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

// durability reads a server's place in durabilities, and how many replicas it has.
func durability(ctx context.Context, c redis.UniversalClient) (rank, replicas int, err error) {
	const always, everysec, no, unknown, none = 0, 1, 2, 3, 4
	text, err := c.Info(ctx).Result()
	if err != nil {
		return unknown, 0, err
	}
	info := parseInfo(text)
	replicas = replicasOf(info)
	if info["aof_enabled"] != "1" {
		return none, replicas, nil
	}
	fsync, err := c.ConfigGet(ctx, "appendfsync").Result()
	if err != nil {
		return unknown, replicas, nil // hosted Redis forbids CONFIG
	}
	switch fsync["appendfsync"] {
	case "always":
		return always, replicas, nil
	case "everysec":
		return everysec, replicas, nil
	case "no":
		return no, replicas, nil
	}
	return unknown, replicas, nil
}

// replicasOf is how many replicas are connected to a master; 0 if it does not say.
func replicasOf(info map[string]string) int {
	n, _ := strconv.Atoi(info["connected_slaves"])
	return n
}
