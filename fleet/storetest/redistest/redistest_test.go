package redistest

import (
	"context"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	srv := Start(t, Options{})
	c := redis.NewClient(&redis.Options{Addr: srv.Addr})
	defer c.Close()
	ctx := context.Background()
	for i := range 5 {
		if err := c.Set(ctx, fmt.Sprint("k", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if err := srv.Kill(); err != nil {
			t.Fatal(err)
		}
		if srv.Pid() != 0 {
			t.Fatalf("Pid() = %d after Kill, want 0", srv.Pid())
		}
		if err := srv.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.DBSize(ctx).Val(); n != 5 {
		t.Fatalf("%d keys after five kills, want 5", n)
	}
}

func TestServerWithoutAOFForgets(t *testing.T) {
	srv := Start(t, Options{NoAOF: true})
	c := redis.NewClient(&redis.Options{Addr: srv.Addr})
	defer c.Close()
	ctx := context.Background()
	if err := c.Set(ctx, "k", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := srv.Restart(); err != nil {
		t.Fatal(err)
	}
	if n := c.DBSize(ctx).Val(); n != 0 {
		t.Fatalf("%d keys, want none", n)
	}
}

func TestClusterServesEverySlot(t *testing.T) {
	cl := StartCluster(t, Options{})
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cl.Addrs[:1]})
	defer c.Close()
	ctx := context.Background()
	const n = 100
	for i := range n {
		if err := c.Set(ctx, fmt.Sprint("k", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cl.Restart(); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if got, err := c.Get(ctx, fmt.Sprint("k", i)).Int(); err != nil || got != i {
			t.Fatalf("k%d = %d, %v after a restart", i, got, err)
		}
	}
}

func TestStartFailsReadably(t *testing.T) {
	if _, err := Launch(Options{Dir: t.TempDir(), Args: []string{"--no-such-option", "1"}}); err == nil {
		t.Fatal("a server with a bad option started")
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Launch(Options{Dir: t.TempDir()}); err != ErrMissing {
		t.Fatalf("Launch without redis-server = %v, want ErrMissing", err)
	}
}
