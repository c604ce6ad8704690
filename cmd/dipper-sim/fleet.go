package main

import (
	"context"
	"encoding/json"

	"dipper/cmd/internal/command"
)

// fleetCmd lists the demo's units, so that whoever starts the demo can register them.
type fleetCmd struct{}

// listedUnit is one line of fleetCmd's output.
type listedUnit struct {
	Unit string `json:"unit"`
	Name string `json:"name"`
	Kind string `json:"kind"`
}

func (c *fleetCmd) Run(_ context.Context, s command.Streams) error {
	out := json.NewEncoder(s.Out)
	for _, v := range simulatedFleet() {
		if err := out.Encode(listedUnit{v.unit, v.name, v.kind}); err != nil {
			return err
		}
	}
	for _, r := range playedRecordings() {
		if err := out.Encode(listedUnit{r.unit, r.name, r.kind}); err != nil {
			return err
		}
	}
	return nil
}
