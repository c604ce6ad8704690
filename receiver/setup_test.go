package receiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// obedient is a module that is delivered with GPS and RMC alone, at one fix a second, and does what it is told in one dialect.
// It takes no notice of bytes that are not exactly a command it knows.
type obedient struct {
	*module
	dialect           dialect
	beidou, sentences bool
	interval          time.Duration
	deaf              bool // answers, and does nothing
	heard             []byte
	at                time.Duration // its time of day
}

// live runs the module until ctx ends: it hears commands, and a second of its life takes 10 ms.
func (o *obedient) live(ctx context.Context) {
	o.interval = time.Second
	commands := make(chan []byte)
	hearing := make(chan struct{})
	go func() {
		defer close(hearing)
		for buf := make([]byte, 512); ; {
			n, err := o.master.Read(buf)
			if err != nil {
				return
			}
			select {
			case commands <- bytes.Clone(buf[:n]):
			case <-ctx.Done():
				return
			}
		}
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case b := <-commands:
			o.hear(b)
		case <-tick.C:
			o.speak()
		case <-ctx.Done():
			o.unplug()
			<-hearing
			return
		}
	}
}

func (o *obedient) hear(b []byte) {
	o.heard = append(o.heard, b...)
	is := func(command string) bool { return bytes.HasSuffix(o.heard, []byte(command)) }
	if is(string(question[o.dialect])) {
		o.reply()
	}
	if o.deaf {
		return
	}
	switch o.dialect {
	case dialectCASIC:
		o.beidou = o.beidou || is("$PCAS04,3*1A\r\n")
		o.sentences = o.sentences || is("$PCAS03,1,0,1,5,1,0,0,1*07\r\n")
		o.rate(is("$PCAS02,200*1D\r\n"))
	case dialectUnicore:
		o.beidou = o.beidou || is("UNMASK BDS\r\n")
		o.sentences = o.sentences || is("GPGSA 0.2\r\n")
		o.rate(is("GNRMC 0.2\r\n"))
	case dialectUBX:
		o.beidou = o.beidou || is("\xb5\x62\x06\x8a\x09\x00\x00\x01\x00\x00\x22\x00\x31\x10\x01\xfe\x8f")
		o.sentences = o.sentences || bytes.Contains(o.heard, []byte("\xc0\x00\x91\x20\x01\xc5\x00\x91\x20\x05"))
		o.rate(bytes.Contains(o.heard, []byte("\xb5\x62\x06\x8a\x0a\x00\x00\x01\x00\x00\x01\x00\x21\x30\xc8\x00")))
	case dialectPAIR:
		o.beidou = o.beidou || is("$PAIR066,1,1,1,1,0,0*3A\r\n")
		o.sentences = o.sentences || is("$PAIR062,3,5*38\r\n")
		o.rate(is("$PAIR050,200*21\r\n"))
	case dialectPMTK:
		o.beidou = o.beidou || is("$PMTK353,1,0,0,0,1*2B\r\n")
		o.sentences = o.sentences || bytes.Contains(o.heard, []byte("$PMTK314,0,1,0,1,1,5,"))
		o.rate(is("$PMTK220,200*2C\r\n"))
	}
}

func (o *obedient) rate(told bool) {
	if told {
		o.interval = 200 * time.Millisecond
	}
}

func (o *obedient) reply() {
	switch o.dialect {
	case dialectCASIC:
		o.say([]byte(sentence("GPTXT,01,01,02,SW=URANUS5,V5.1.0.0")))
	case dialectUnicore:
		o.say([]byte("#VERSIONA,97,GPS,FINE,2190,375570000,0,0,18,889;\"UM980\",\"R4.10Build7923\"*3a5c2c1d\r\n"))
	case dialectUBX:
		version := append(make([]byte, 0, 40), "EXT CORE 1.00 (61b2dd)"...)
		o.say(ubx(ubxMonVer, version[:cap(version)]))
	case dialectPAIR:
		o.say([]byte(sentence("PQTMVERNO,LC76GABNR12A01S,2022/12/01,10:21:29")))
	case dialectPMTK:
		o.say([]byte(sentence("PMTK705,AXN_3.84_3333_16070400,0003,QUECTEL-L76,1.0")))
	}
}

func (o *obedient) speak() {
	o.at += o.interval
	s := o.at.Seconds()
	at := fmt.Sprintf("%02d%02d%05.2f", int(s)/3600, int(s)/60%60, s-float64(int(s)/60*60))
	text := sentence("GNRMC," + at + ",A,3604.0000,N,12022.9500,E,0.0,0.0,231124,,,A")
	if o.sentences {
		text += sentence("GNGGA," + at + ",3604.0000,N,12022.9500,E,1,09,0.9,12.0,M,8.0,M,,")
		text += sentence("GNGSA,A,3,01,02,03,,,,,,,,,,1.6,0.9,1.3,1") + sentence("GPGSV,1,1,01,01,45,120,40,1")
		if o.beidou {
			text += sentence("GNGSA,A,3,21,22,,,,,,,,,,,1.6,0.9,1.3,4") + sentence("GBGSV,1,1,02,21,45,120,42,22,30,080,38,1")
		}
	}
	// Like a UART, it does not wait for a reader.
	fds := []unix.PollFd{{Fd: int32(o.master.Fd()), Events: unix.POLLOUT}}
	if n, err := unix.Poll(fds, 0); n == 0 || err != nil {
		return
	}
	if _, err := io.WriteString(o.master, text); err != nil && !errors.Is(err, io.EOF) {
		o.t.Error(err)
	}
}

// play puts a module into a socket and reads it with set-up.
func play(t *testing.T, o *obedient, maker string) *reading {
	t.Helper()
	o.module = plug(t)
	ctx, end := context.WithCancel(t.Context())
	lived := make(chan struct{})
	go func() {
		defer close(lived)
		o.live(ctx)
	}()
	t.Cleanup(func() {
		end()
		<-lived
	})
	return readWith(t, parse(t, o.path(), SourceOptions{Baud: 9600}), newSetup(maker, 5, testLog(t)))
}

func TestSetup(t *testing.T) {
	tests := []struct {
		maker   string
		dialect dialect
	}{
		{"casic", dialectCASIC}, {"unicore", dialectUnicore}, {"ublox", dialectUBX}, {"quectel", dialectPAIR},
		{"quectel", dialectPMTK}, {"quectel", dialectCASIC}, {"auto", dialectUBX}, {"auto", dialectUnicore}, {"auto", dialectPAIR},
	}
	for _, tt := range tests {
		t.Run(tt.maker+" "+tt.dialect.String(), func(t *testing.T) {
			t.Parallel()
			r := play(t, &obedient{dialect: tt.dialect}, tt.maker)
			eventually(t, "the module to do what it was told", func() bool { return r.setup.Status().State == "done" })
			st := r.setup.Status()
			if st.Speaks != tt.dialect.String() || !st.BeiDou || st.RateHz < 4.5 || st.RateHz > 5.5 || len(st.Missing) > 0 {
				t.Errorf("done with %+v", st)
			}
		})
	}
}

// What a module does counts, not what it says: one that does nothing is reported, and never stops being read.
func TestSetupOfADeafModule(t *testing.T) {
	t.Parallel()
	s := newSetup("casic", 5, testLog(t))
	now := time.Unix(1e9, 0)
	var wrote bytes.Buffer
	for n := range 200 {
		s.step([]byte(epoch(n)), now, &wrote)
		now = now.Add(200 * time.Millisecond)
	}
	st := s.Status()
	if st.State != "incomplete" || st.BeiDou || st.RateHz != 1 || strings.Join(st.Missing, " ") != "GSA GSV" {
		t.Errorf("%+v, want an incomplete set-up that lacks BeiDou, GSA, GSV and the rate", st)
	}
	if want := "$PCAS04,3*1A\r\n$PCAS03,1,0,1,5,1,0,0,1*07\r\n$PCAS02,200*1D\r\n"; wrote.String() != want {
		t.Errorf("wrote %q, want each command once", wrote.String())
	}
}

func TestSetupOfAnUnknownModule(t *testing.T) {
	t.Parallel()
	s := newSetup("auto", 1, testLog(t))
	now := time.Unix(1e9, 0)
	var wrote bytes.Buffer
	s.step(nil, now, &wrote)
	s.step([]byte("\x80\xf8~\x1e"), now, &wrote)
	if wrote.Len() > 0 {
		t.Fatalf("wrote %q before a sentence came: the baud rate may be wrong", wrote.Bytes())
	}
	for n := range 50 {
		s.step([]byte(epoch(n)), now, &wrote)
		now = now.Add(200 * time.Millisecond)
	}
	var questions int
	for _, q := range question {
		questions += len(q)
	}
	if st := s.Status(); st.State != "unknown" || wrote.Len() != questions {
		t.Errorf("%+v after %q, want unknown after each question once", st, wrote.Bytes())
	}
}

// brokenLine takes no commands.
type brokenLine struct{}

func (brokenLine) Write([]byte) (int, error) { return 0, errors.New("no") }

func TestSetupThatCannotWrite(t *testing.T) {
	s := newSetup("casic", 1, testLog(t))
	s.step([]byte(epoch(0)), time.Unix(1e9, 0), brokenLine{})
	if st := s.Status(); st.State != "unwritable" {
		t.Errorf("%+v, want unwritable", st)
	}
}

// Without --setup nothing at all is written to the module.
func TestNothingIsWrittenUnasked(t *testing.T) {
	m := plug(t)
	r := read(t, parse(t, m.path(), SourceOptions{Baud: 9600}))
	m.say([]byte(epochs(0, 10)))
	r.waitFor(t, epochs(0, 10))
	fds := []unix.PollFd{{Fd: int32(m.master.Fd()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 0); n != 0 || err != nil {
		t.Errorf("the module has something to read (%d, %v)", n, err)
	}
}

func FuzzSetup(f *testing.F) {
	f.Add([]byte(epoch(0)))
	f.Add([]byte("$GBGSV,1,1\r\n$GNGSA\r\n$GBGSA,,,\r\n$GNRMC,\r\n#VERSIONA,\xb5\x62\x0a\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newSetup("auto", 1, testLog(t))
		now := time.Unix(1e9, 0)
		for range 40 {
			s.step([]byte(epoch(0)), now, io.Discard)
			s.step(b, now, io.Discard)
			now = now.Add(time.Second)
		}
		if len(s.line) > maxSetupLine || len(s.recent) > 2*len(b)+maxSetupLine*2 {
			t.Errorf("keeps %d and %d bytes", len(s.line), len(s.recent))
		}
	})
}
