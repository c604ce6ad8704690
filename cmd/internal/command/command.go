package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes of every binary.
const (
	ExitOK      = 0
	ExitFailure = 1 // it was asked rightly and could not be done
	ExitUsage   = 2 // unknown flag, bad value, missing argument
)

// Streams are where a command reads and writes; tests give their own.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Program is one binary's command line.
type Program struct {
	Name string
	Help string // one or two sentences
	// Root is a pointer to a struct in kong's form whose commands have a method
	//	Run(ctx context.Context, s command.Streams) error
	// It should embed Common. ctx ends on SIGINT and SIGTERM.
	Root any
	Streams
}

// Common are the flags that every binary has.
type Common struct {
	Config  kong.ConfigFlag `help:"Read settings from this YAML file; keys are the flags' names." placeholder:"FILE" type:"path"`
	Version VersionFlag     `help:"Print the version and exit." env:"-"`
}

// UsageError is an error of the caller's making that only shows when the command runs, such as two flags that exclude each
// other. It ends the program with ExitUsage.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// Main is a binary's main: it runs p with the process's arguments, streams and signals, and exits.
func Main(name, help string, root any) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := Program{Name: name, Help: help, Root: root, Streams: Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}}
	code := p.Run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// Run parses args (without the program's name), runs the command and returns the exit code. An error is one line on Err.
// A command that stops because ctx ended has done what it was told: ExitOK.
func (p Program) Run(ctx context.Context, args []string) (code int) {
	defer func() { // --help and --version end the parse by exitRequest
		if r := recover(); r != nil {
			request, ok := r.(exitRequest)
			if !ok {
				panic(r)
			}
			code = int(request)
		}
	}()
	parser, err := p.parser(ctx)
	if err != nil {
		return p.fail(err, ExitUsage)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return p.fail(fmt.Errorf("%w (try %s --help)", err, p.Name), ExitUsage)
	}
	err = parsed.Run()
	var usage *UsageError
	switch {
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled):
		return ExitOK
	case errors.As(err, &usage):
		return p.fail(err, ExitUsage)
	}
	return p.fail(err, ExitFailure)
}

func (p Program) parser(ctx context.Context) (*kong.Kong, error) {
	return kong.New(p.Root,
		kong.Name(p.Name),
		kong.Description(p.Help),
		kong.Writers(p.Out, p.Err),
		kong.Exit(func(code int) { panic(exitRequest(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 110}),
		kong.DefaultEnvars("DIPPER"),
		kong.Configuration(loadConfig),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p.Streams),
	)
}

// fail says err in one line.
func (p Program) fail(err error, code int) int {
	line := strings.Join(strings.Fields(err.Error()), " ")
	fmt.Fprintf(p.Err, "%s: %s\n", p.Name, line)
	return code
}

// exitRequest carries an exit code out of kong's parser, which otherwise ends the process itself.
type exitRequest int
