package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"dipper/cmd/internal/command"
	"dipper/fleet"
)

type unitCmd struct {
	Add unitAddCmd `cmd:"" help:"Register a unit and print its key. The key is told once."`
}

type unitAddCmd struct {
	storage
	ID   string `arg:"" help:"The unit's id: letters and digits of any script, and . _ - between them."`
	Name string `help:"What people call the vehicle."`
	Kind string `help:"What it is: truck, vessel, …"`
}

// Run prints the key, alone on its line, so that a script can take it.
func (c *unitAddCmd) Run(ctx context.Context, s command.Streams) error {
	if err := fleet.CheckUnitID(c.ID); err != nil {
		return &command.UsageError{Err: err}
	}
	return c.withRegistrar(ctx, func(r registrar) error {
		key, err := r.addUnit(ctx, c.ID, c.Name, c.Kind)
		if err != nil {
			return mistake(err)
		}
		_, err = fmt.Fprintln(s.Out, key)
		return err
	})
}

type tokenCmd struct {
	Add tokenAddCmd `cmd:"" help:"Make a token and print it. It is told once."`
}

type tokenAddCmd struct {
	storage
	Role string `help:"What the token may do: ${enum}." enum:"admin,dispatcher,operator" required:""`
	Name string `arg:"" help:"Whose token it is."`
}

// Run prints the token, alone on its line.
func (c *tokenAddCmd) Run(ctx context.Context, s command.Streams) error {
	return c.withRegistrar(ctx, func(r registrar) error {
		token, err := r.addToken(ctx, c.Name, c.Role)
		if err != nil {
			return mistake(err)
		}
		_, err = fmt.Fprintln(s.Out, token)
		return err
	})
}

// mistake makes a usage error of what the caller got wrong, whether the fleet says so or a running service does.
func mistake(err error) error {
	var (
		invalid *fleet.InvalidError
		no      *refused
	)
	if errors.As(err, &invalid) || errors.As(err, &no) && no.status == http.StatusBadRequest {
		return &command.UsageError{Err: err}
	}
	return err
}
