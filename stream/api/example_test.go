package api_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"dipper/fleet/embedstore"
	"dipper/stream/api"
)

// A whole central service in one process, as cmd/dipper runs it: a store, a listener, and Run until the context ends.
func ExampleService() {
	dir, err := os.MkdirTemp("", "dipper-example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	store, err := embedstore.Open(embedstore.Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	service, err := api.NewService(ctx, api.ServiceConfig{Store: store, Listener: listener, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	done := make(chan error, 1) // Run's one result
	go func() { done <- service.Run(ctx) }()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + service.Addr().String() + "/healthz")
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	fmt.Println(answer.StatusCode, string(body), err)

	stop()
	fmt.Println(<-done, store.Close())
	// Output:
	// 200 {"status":"ok"} <nil>
	// <nil> <nil>
}
