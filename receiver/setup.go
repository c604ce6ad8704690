package receiver

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// askFor is how long a module may take to say who it is, and settleFor how long until it does all that it was told: the
	// slowest sentence comes once a second.
	askFor    = 3 * time.Second
	settleFor = 15 * time.Second
	// commandPause is between two commands. Modules with small input buffers lose what comes faster.
	commandPause = 150 * time.Millisecond
	// rateSteps is over how many steps of the module's own time its rate is measured.
	rateSteps = 5
	// maxSetupLine bounds the sentence being looked at.
	maxSetupLine = 256
)

// SetupStatus is how far setting the module up has come, and what the module was then seen to do.
type SetupStatus struct {
	Maker   string   `json:"maker"` // asked for
	State   string   `json:"state"` // waiting, asking, sending, verifying, done, incomplete, unknown, unwritable
	Speaks  string   `json:"speaks,omitempty"`
	RateHz  float64  `json:"rate_hz,omitempty"` // measured by the module's own clock
	WantHz  int      `json:"want_hz"`
	BeiDou  bool     `json:"beidou"`            // satellites of BeiDou were in its sentences
	Missing []string `json:"missing,omitempty"` // sentences that did not come
}

// commander is a stream that can be written to.
type commander interface{ Write(p []byte) (int, error) }

// setup tells a module what to send, and looks whether it does. It lives in the goroutine that reads the module; only Status
// is for others.
//
// It waits until the module talks, asks who it is where that is not known, gives the commands once for each time that the
// source was opened, and then judges by the sentences alone: acknowledgements are worth less than what arrives.
type setup struct {
	maker string
	rate  int
	log   *slog.Logger

	ear      ear
	line     []byte // the sentence being read
	dialect  dialect
	queue    [][]byte  // to be written
	next     time.Time // when the next of queue may be
	deadline time.Time // of the state
	seen     map[string]bool
	stamps   []time.Duration // the latest times of day in the module's RMC or GGA, each once
	recent   []byte          // the latest bytes, for answers in binary

	mu     sync.Mutex
	status SetupStatus
}

// newSetup wants a maker and rate that CheckSetup likes.
func newSetup(maker string, rate int, log *slog.Logger) *setup {
	if rate == 0 {
		rate = 1
	}
	s := &setup{maker: maker, rate: rate, log: log}
	s.opened()
	return s
}

// Status may be called by any goroutine.
func (s *setup) Status() SetupStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status
	st.Missing = slices.Clone(st.Missing)
	return st
}

func (s *setup) note(change func(*SetupStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
}

// opened begins again: the module may have lost its power, and may be another.
func (s *setup) opened() {
	s.ear, s.line, s.recent, s.dialect, s.queue = ear{}, s.line[:0], s.recent[:0], dialectNone, nil
	s.forget()
	s.note(func(st *SetupStatus) { *st = SetupStatus{Maker: s.maker, WantHz: s.rate, State: "waiting"} })
}

// forget drops what was seen of the module before it was told.
func (s *setup) forget() { s.seen, s.stamps = map[string]bool{}, s.stamps[:0] }

// step takes the bytes that were read, if any, and writes to the module what is due.
func (s *setup) step(b []byte, now time.Time, w commander) {
	talks := s.ear.listen(b) > 0
	s.listen(b)
	switch s.Status().State {
	case "waiting":
		if talks {
			s.begin(now)
		}
	case "asking":
		s.ask(now)
	case "sending":
		if len(s.queue) == 0 && now.After(s.next) {
			s.forget()
			s.deadline = now.Add(settleFor)
			s.enter("verifying")
		}
	case "verifying", "incomplete":
		s.verify(now)
	}
	if len(s.queue) == 0 || now.Before(s.next) {
		return
	}
	if _, err := w.Write(s.queue[0]); err != nil {
		s.log.Warn("module set-up: the line takes no commands", "err", err)
		s.queue = nil
		s.enter("unwritable")
		return
	}
	s.queue, s.next = s.queue[1:], now.Add(commandPause)
}

func (s *setup) enter(state string) { s.note(func(st *SetupStatus) { st.State = state }) }

// begin asks, or tells at once where there is only one way to do it.
func (s *setup) begin(now time.Time) {
	candidates := dialectsOf[s.maker]
	s.next = now
	if len(candidates) == 1 {
		s.tell(candidates[0])
		return
	}
	for _, d := range candidates {
		s.queue = append(s.queue, question[d])
	}
	s.deadline = now.Add(askFor)
	s.enter("asking")
}

func (s *setup) ask(now time.Time) {
	switch {
	case s.dialect != dialectNone:
		s.tell(s.dialect)
	case now.After(s.deadline):
		s.queue = nil
		s.enter("unknown")
		s.log.Warn("module set-up: the module does not say which kind it is; it stays as it was", "setup", s.maker)
	}
}

func (s *setup) tell(d dialect) {
	s.dialect, s.queue = d, d.commands(s.rate)
	s.note(func(st *SetupStatus) { st.State, st.Speaks = "sending", d.String() })
	s.log.Info("module set-up", "commands", d, "rate_hz", s.rate)
}

// verify goes on after its time is up: BeiDou may be seen when the vehicle leaves the garage.
func (s *setup) verify(now time.Time) {
	rate := s.measured()
	beidou := s.seen["BeiDou"]
	var missing []string
	for _, kind := range wanted {
		if !s.seen[kind] {
			missing = append(missing, kind)
		}
	}
	const tolerance = 0.2 // share of the rate
	right := rate > (1-tolerance)*float64(s.rate) && rate < (1+tolerance)*float64(s.rate)
	var was string
	s.note(func(st *SetupStatus) {
		was = st.State
		st.RateHz, st.BeiDou, st.Missing = rate, beidou, missing
		switch {
		case right && beidou && len(missing) == 0:
			st.State = "done"
		case now.After(s.deadline):
			st.State = "incomplete"
		}
	})
	switch is := s.Status().State; {
	case is == was:
	case is == "done":
		s.log.Info("module set-up: done", "commands", s.dialect, "rate_hz", rate, "beidou", beidou)
	default:
		s.log.Warn("module set-up: the module does not do all it was told; watching on", "commands", s.dialect,
			"want_hz", s.rate, "rate_hz", rate, "beidou", beidou, "missing", missing)
	}
}

// measured is the rate of the latest stamps in hertz; 0 while there are too few.
func (s *setup) measured() float64 {
	if len(s.stamps) <= rateSteps {
		return 0
	}
	return rateSteps / (s.stamps[rateSteps] - s.stamps[0]).Seconds()
}

// listen looks at each sentence in b.
func (s *setup) listen(b []byte) {
	if s.Status().State == "asking" {
		s.hearAnswer(b)
	}
	for _, c := range b {
		switch {
		case c == '$' || c == '#':
			s.line = append(s.line[:0], c)
		case c == '\r' || c == '\n' || c == '*':
			s.sentence(s.line)
			s.line = s.line[:0]
		case len(s.line) > 0 && len(s.line) < maxSetupLine:
			s.line = append(s.line, c)
		}
	}
}

// hearAnswer recognises the answers to questions, which may be cut anywhere.
func (s *setup) hearAnswer(b []byte) {
	const longest = 32
	s.recent = append(s.recent, b...)
	for _, d := range dialectsOf[s.maker] {
		for _, a := range answer[d] {
			if bytes.Contains(s.recent, []byte(a)) {
				s.dialect = d
				return
			}
		}
	}
	s.recent = append(s.recent[:0], s.recent[max(0, len(s.recent)-longest):]...)
}

// sentence notes what a sentence proves. A wrong checksum can prove what is not so for one sentence only, and most such
// sentences are no longer recognised.
func (s *setup) sentence(line []byte) {
	fields := strings.Split(string(line), ",")
	address := fields[0]
	if len(address) != len("$GNRMC") || address[0] != '$' {
		return
	}
	talker, kind := address[1:3], address[3:]
	s.seen[kind] = true
	if (talker == "GB" || talker == "BD") && beidouListed(kind, fields) || talker == "GN" && kind == "GSA" && beidouUsed(fields) {
		s.seen["BeiDou"] = true
	}
	if kind != "RMC" && kind != "GGA" {
		return
	}
	stamp, ok := timeOfDay(line)
	if n := len(s.stamps); ok && n > 0 && stamp < s.stamps[n-1] { // midnight, or a module that changes its mind
		s.stamps = s.stamps[:0]
	}
	if n := len(s.stamps); ok && (n == 0 || stamp > s.stamps[n-1]) {
		s.stamps = append(s.stamps[max(0, n-rateSteps):], stamp)
	}
}

// beidouListed reports whether a sentence with BeiDou's own talker names satellites.
func beidouListed(kind string, fields []string) bool {
	switch kind {
	case "GSV": // total, index, satellites in view
		return len(fields) > 3 && strings.Trim(fields[3], "0") != ""
	case "GSA":
		return len(fields) > 3 && fields[3] != ""
	}
	return false
}

// beidouUsed reports whether GSA is of BeiDou by its last field, the system id 4 of NMEA 4.10, and names a satellite.
func beidouUsed(fields []string) bool {
	const withSystem = 19
	return len(fields) == withSystem && fields[withSystem-1] == "4" && fields[3] != ""
}
