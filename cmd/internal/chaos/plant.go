package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// config is what a run is.
type config struct {
	Dipper    string // the binary
	Agents    int
	Processes int // over which the agents are spread
	Duration  time.Duration
	Interval  time.Duration // between two fixes of an agent
	Every     time.Duration // mean pause between two faults of a kind
	Seed      uint64
	Dir       string

	WaitReplicas int // of the nodes; with 0 a failover may lose what was acknowledged, and agents learn it from the next hello
}

// fixes is how many each unit gives.
func (c *config) fixes() int { return max(1, int(c.Duration/c.Interval)) }

// plant is everything that runs.
type plant struct {
	config
	ctx     context.Context // of the run as a whole
	log     *slog.Logger
	begin   time.Time
	cluster *cluster
	nodes   []*node
	proxy   *proxy
	agents  []*process
}

// build starts the cluster and the nodes, registers units and fences, and notes what the nodes hold when no agent has come.
func (p *plant) build() (err error) {
	if p.cluster, err = launchCluster(p.Dir); err != nil {
		return err
	}
	output, err := exec.CommandContext(p.ctx, p.Dipper, append([]string{"token", "add", "--role", "admin", "chaos"}, p.store(0)...)...).Output()
	if err != nil {
		return fmt.Errorf("make a token: %w", err)
	}
	token := strings.TrimSpace(string(output))
	for i := range 2 {
		n, err := p.startNode(i, token)
		if err != nil {
			return err
		}
		p.nodes = append(p.nodes, n)
	}
	for id, feature := range fences() {
		if _, err := p.nodes[0].request(p.ctx, http.MethodPut, "/api/v1/fences/"+id, []byte(feature)); err != nil {
			return err
		}
	}
	if err := p.fencesAreKnown(); err != nil {
		return err
	}
	keys, err := p.register()
	if err != nil {
		return err
	}
	for _, n := range p.nodes {
		if n.baseline, err = n.load(p.ctx); err != nil {
			return err
		}
	}
	if p.proxy, err = newProxy(p.nodes[0].address, p.nodes[1].address); err != nil {
		return err
	}
	return p.startAgents(keys)
}

// store is the flags that name the store of a node.
func (p *plant) store(node int) []string {
	addresses := make([]string, len(p.cluster.servers)) // replicas too: any of them may be the only one of its slots
	for i, s := range p.cluster.servers {
		addresses[i] = s.Addr
	}
	return []string{
		"--data", filepath.Join(p.Dir, fmt.Sprintf("data-%d", node)),
		"--redis", "redis://" + strings.Join(addresses, ","), "--redis-wait-replicas", strconv.Itoa(p.WaitReplicas),
	}
}

func (p *plant) startNode(i int, token string) (*node, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("node-%d", i)
	log, err := os.Create(filepath.Join(p.Dir, name+".log"))
	if err != nil {
		return nil, err
	}
	n := &node{address: address, token: token, client: &http.Client{Transport: &http.Transport{}}}
	n.name, n.path, n.log = name, p.Dipper, log
	n.args = append([]string{"serve", "--listen", address}, p.store(i)...)
	if err := n.start(); err != nil {
		return nil, err
	}
	return n, n.ready(p.ctx)
}

// freeAddress is on a loopback address from which nobody connects: while a node is dead, no outgoing connection can take its port.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.77:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// fencesAreKnown waits until every node decides by the fences: the undisturbed run has them from the first fix on.
func (p *plant) fencesAreKnown() error {
	for _, n := range p.nodes {
		err := eventually(p.ctx, n.name+" knows the fences", func() error {
			var list struct {
				Features []json.RawMessage `json:"features"`
			}
			err := n.get(p.ctx, "/api/v1/fences", &list)
			if err == nil && len(list.Features) != len(fences()) {
				err = fmt.Errorf("%d of %d", len(list.Features), len(fences()))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// register makes the units and gives their keys.
func (p *plant) register() (map[string]string, error) {
	keys := make([]string, p.Agents)
	g, ctx := errgroup.WithContext(p.ctx)
	g.SetLimit(8)
	for i := range keys {
		g.Go(func() error {
			body, err := json.Marshal(map[string]string{"id": unitName(i), "name": unitName(i), "kind": "truck"})
			if err != nil {
				return err
			}
			answer, err := p.nodes[i%len(p.nodes)].request(ctx, http.MethodPost, "/api/v1/units", body)
			if err != nil {
				return err
			}
			var unit struct{ Key string }
			err = json.Unmarshal(answer, &unit)
			keys[i] = unit.Key
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	byUnit := map[string]string{}
	for i, key := range keys {
		byUnit[unitName(i)] = key
	}
	return byUnit, nil
}

// startAgents starts the agents' processes, each of which is this program again.
func (p *plant) startAgents(keys map[string]string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p.begin = time.Now().UTC().Truncate(time.Second)
	const syncsPerS = 200 // of all spools together
	syncEvery := max(500*time.Millisecond, time.Duration(p.Agents)*time.Second/syncsPerS)
	for i := range p.Processes {
		first, next := i*p.Agents/p.Processes, (i+1)*p.Agents/p.Processes
		a := agents{
			First: first, Count: next - first, Seed: p.Seed, Begin: p.begin, Interval: p.Interval, Fixes: p.fixes(),
			Server: "ws://" + p.proxy.address, Dir: filepath.Join(p.Dir, "spools"), SyncEvery: syncEvery, Keys: keys,
		}
		data, err := json.Marshal(a)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("agents-%d", i)
		file := filepath.Join(p.Dir, name+".json")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return err
		}
		log, err := os.Create(filepath.Join(p.Dir, name+".log"))
		if err != nil {
			return err
		}
		process := &process{name: name, path: self, args: []string{"agents", file}, log: log}
		if err := process.start(); err != nil {
			return err
		}
		p.agents = append(p.agents, process)
	}
	return nil
}

// end stops what still runs, in whatever state the run is.
func (p *plant) end() error {
	for _, a := range p.agents {
		a.kill()
	}
	if p.proxy != nil {
		p.proxy.close()
	}
	for _, n := range p.nodes {
		n.kill()
		n.client.CloseIdleConnections()
	}
	if p.cluster == nil {
		return nil
	}
	return p.cluster.Stop()
}
