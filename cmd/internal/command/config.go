package command

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"
)

// configFile is the settings of one file: flag name to value. It is a kong.Resolver.
type configFile map[string]any

func loadConfig(r io.Reader) (kong.Resolver, error) {
	settings := configFile{}
	if err := yaml.NewDecoder(r).Decode(&settings); err != nil && !errors.Is(err, io.EOF) { // an empty file is no settings
		return nil, fmt.Errorf("config file: %w", err)
	}
	return settings, nil
}

// Validate refuses a key that no command has a flag for: a misspelt setting must not be passed over in silence.
func (c configFile) Validate(app *kong.Application) error {
	known := map[string]bool{}
	nodes := []*kong.Node{app.Node}
	for len(nodes) > 0 {
		node := nodes[0]
		nodes = append(nodes[1:], node.Children...)
		for _, flag := range node.Flags {
			known[flag.Name] = true
		}
	}
	for key := range c {
		if !known[key] {
			return fmt.Errorf("config file: unknown setting %q", key)
		}
	}
	return nil
}

// Resolve gives the file's value of a flag, unless the environment has one: kong asks in either case.
func (c configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	return c[flag.Name], nil
}
