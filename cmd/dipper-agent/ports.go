package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"dipper/cmd/internal/command"
	"dipper/receiver"
)

type portsCmd struct{}

// Run lists the ports that --source auto would listen on, in its order.
func (*portsCmd) Run(_ context.Context, s command.Streams) error {
	ports := receiver.Devices{}.Ports()
	if len(ports) == 0 {
		_, err := fmt.Fprintln(s.Err, "no serial ports")
		return err
	}
	w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PORT\tSTABLE NAME")
	for _, p := range ports {
		fmt.Fprintf(w, "%s\t%s\n", p.Path, p.Stable)
	}
	return w.Flush()
}
