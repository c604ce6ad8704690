package command

import (
	"io"
	"log/slog"
)

// Logging are the flags of commands that log.
type Logging struct {
	LogLevel  slog.Level `help:"Least level to log: debug, info, warn or error." default:"info"`
	LogFormat string     `help:"How log lines look: ${enum}." enum:"text,json" default:"text"`
}

// Logger makes the logger that the flags ask for.
func (l Logging) Logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.LogLevel}
	if l.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
