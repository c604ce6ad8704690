package receiver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// speech is a module talking on its pseudo-terminal as over a wire, once a second and as fast as its rate allows. What the reader
// gets is what a UART makes of that at the rate that the reader has set.
type speech struct {
	rate    atomic.Int64 // bits a second, from the next burst on; 0 is silence
	seconds atomic.Int64 // how many have begun, talking or silent
}

func (m *module) speak(list [][]byte, rate int) *speech {
	s := &speech{}
	s.rate.Store(int64(rate))
	stop, stopped := make(chan struct{}), make(chan struct{})
	m.hush = func() {
		close(stop)
		<-stopped
	}
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		var (
			u     uart
			w     = silent
			begun = time.Now()
			next  float64
		)
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			now := time.Since(begun).Seconds()
			if now >= next {
				w = silent
				if rate := s.rate.Load(); rate > 0 {
					w = wire{text: list[int(s.seconds.Load())%len(list)], rate: float64(rate), begin: now}
				}
				next = max(w.end(), now+1)
				s.seconds.Add(1)
			}
			set := m.rate()
			if set == 0 {
				continue
			}
			if got := u.until(w, now, set); len(got) > 0 {
				m.say(got)
			}
		}
	}()
	return s
}

// sentences counts those that a feed gave.
func (r *reading) sentences() int {
	var e ear
	return e.listen(r.bytes())
}

// more waits until the feed gives sentences again, and says in how many seconds of speech.
func (r *reading) more(t *testing.T, s *speech, what string) (bursts int64) {
	t.Helper()
	had, begun, first := r.sentences(), time.Now(), s.seconds.Load()
	eventually(t, what, func() bool { return r.sentences() > had+1 })
	bursts = s.seconds.Load() - first
	t.Logf("%s: after %.2f s, %d more bursts", what, time.Since(begun).Seconds(), bursts)
	return bursts
}

// set changes the rate and waits until that has come about.
func (s *speech) set(t *testing.T, rate int) {
	s.rate.Store(int64(rate))
	began := s.seconds.Load()
	eventually(t, "the next burst", func() bool { return s.seconds.Load() > began })
}

// At every rate the port is found out while a real recording is played on it, in no more bursts than are spoken in five seconds.
func TestAutobaudFindsEveryRate(t *testing.T) {
	t.Parallel()
	for i, rate := range slices.Sorted(slices.Values(autoBauds)) {
		name := []string{"hangzhou-bds-gps-drive", "quectel-l76k-dual"}[i%2]
		if rate == 4800 {
			name = "haicom-305n" // which fits through
		}
		t.Run(fmt.Sprintf("%s at %d", name, rate), func(t *testing.T) {
			t.Parallel()
			m := plug(t)
			s := m.speak(bursts(recording(t, name+".nmea"))[1:], rate)
			r := read(t, parse(t, m.path(), SourceOptions{}))
			if bursts := r.more(t, s, "sentences"); bursts > 5 {
				t.Errorf("it took %d bursts", bursts)
			}
			if got := m.rate(); got != rate {
				t.Errorf("the line is at %d", got)
			}
		})
	}
}

// A module that is told another rate while the agent listens is followed, and so is one that goes back.
func TestAutobaudFollowsTheModule(t *testing.T) {
	t.Parallel()
	for _, rates := range [][]int{{9600, 115200, 9600}, {115200, 38400, 921600}, {4800, 38400, 4800}} {
		t.Run(fmt.Sprint(rates), func(t *testing.T) {
			t.Parallel()
			m := plug(t)
			s := m.speak(bursts(recording(t, "haicom-305n.nmea")), rates[0])
			r := read(t, parse(t, m.path(), SourceOptions{}))
			r.more(t, s, fmt.Sprintf("sentences at %d", rates[0]))
			for _, rate := range rates[1:] {
				s.set(t, rate)
				r.more(t, s, fmt.Sprintf("sentences at %d", rate))
				eventually(t, "the rate", func() bool { return m.rate() == rate })
			}
			if lost := r.counters.Lost.Load(); lost != 0 {
				t.Errorf("the source was lost %d times", lost)
			}
		})
	}
}

// A module that falls silent for seconds and one that is unplugged talk on at the rate that was found, and one that comes back at
// another rate is found again.
func TestAutobaudSilenceAndReplug(t *testing.T) {
	t.Parallel()
	list := bursts(recording(t, "hangzhou-bds-gps-drive.nmea"))
	path := filepath.Join(t.TempDir(), "usb-module")
	m := plug(t)
	m.link(path)
	s := m.speak(list, 38400)
	r := read(t, parse(t, path, SourceOptions{}))
	r.more(t, s, "sentences")

	s.set(t, 0)
	began := s.seconds.Load()
	eventually(t, "three seconds of silence", func() bool { return s.seconds.Load() >= began+3 })
	if got := m.rate(); got != 38400 {
		t.Errorf("silence made it leave 38400 for %d", got)
	}
	s.set(t, 38400)
	if bursts := r.more(t, s, "sentences after silence"); bursts > 2 {
		t.Errorf("it took %d bursts", bursts)
	}

	for _, rate := range []int{38400, 9600} {
		m.unplug()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		failed := r.counters.OpenFailed.Load()
		eventually(t, "attempts in vain", func() bool { return r.counters.OpenFailed.Load() > failed+1 })
		m = plug(t)
		s = m.speak(list, rate)
		m.link(path)
		r.more(t, s, fmt.Sprintf("sentences after a replug, at %d", rate))
		eventually(t, "the rate", func() bool { return m.rate() == rate })
	}
}

// When the line is lost, the search begins where it ended.
func TestAutobaudRemembersTheRate(t *testing.T) {
	m := plug(t)
	src := parse(t, m.path(), SourceOptions{}).(*serialPort)
	src.good = 19200
	for range 2 {
		s, err := src.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m.say([]byte(epoch(0)))
		var buf [1 << 10]byte
		for heard, e := 0, (ear{}); heard == 0; {
			n, err := s.Read(buf[:])
			if err != nil {
				t.Fatal(err)
			}
			heard = e.listen(buf[:n])
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := m.rate(); got != 19200 || src.good != 19200 {
			t.Errorf("the line is at %d, remembered is %d, want 19200", got, src.good)
		}
	}
}

// A port whose driver refuses a rate is searched at the others.
func TestAutobaudSkipsWhatThePortRefuses(t *testing.T) {
	t.Parallel()
	m := plug(t)
	m.speak(bursts(recording(t, "hangzhou-bds-gps-drive.nmea")), 230400)
	a, err := openAutobaud(m.path(), 0, testLog(t), func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { a.Close() }()
	refused := 0
	a.open = func(path string, baud int) (*line, error) {
		if baud == 921600 {
			refused++
			return nil, errors.New("invalid argument")
		}
		return openLine(path, baud)
	}
	var buf [1 << 10]byte
	eventually(t, "the rate", func() bool {
		if _, err := a.Read(buf[:]); err != nil {
			t.Fatal(err)
		}
		return a.tuner.sure
	})
	if got := m.rate(); got != 230400 || refused == 0 {
		t.Errorf("the line is at %d after %d refusals", got, refused)
	}
}
