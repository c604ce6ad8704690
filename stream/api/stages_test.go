package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

// logbook notes what happened, in order.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) note(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// until is a stage that runs until it is stopped and notes its end.
func (l *logbook) until(name string) stage {
	return stage{name, func(ctx context.Context) error {
		<-ctx.Done()
		l.note(name)
		return ctx.Err()
	}}
}

func TestStagesStopTheLastFirst(t *testing.T) {
	var l logbook
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := runStages(ctx, []stage{l.until("store"), l.until("fleet"), l.until("http")}); err != nil {
		t.Error(err)
	}
	if want := []string{"http", "fleet", "store"}; !slices.Equal(l.lines, want) {
		t.Errorf("ended in the order %v, want %v", l.lines, want)
	}
}

func TestStageThatEndsStopsAll(t *testing.T) {
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		result error
		want   string
	}{
		"with an error": {broken, "fleet: broken"},
		"without one":   {nil, "fleet: ended by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			var l logbook
			err := runStages(t.Context(), []stage{
				l.until("store"),
				{"fleet", func(context.Context) error { return tt.result }},
				l.until("http"),
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.result != nil && !errors.Is(err, tt.result) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if want := []string{"http", "store"}; !slices.Equal(l.lines, want) {
				t.Errorf("ended in the order %v, want %v", l.lines, want)
			}
		})
	}
}
