package receiver

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// startGpsd is a real gpsd that reads from feed, on a port of its own. Without gpsd on this machine the test is skipped.
func startGpsd(t *testing.T, feed string) (addr string) {
	t.Helper()
	path, err := exec.LookPath("gpsd")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/gpsd"); err != nil {
			t.Skip("no gpsd: apt-get install gpsd")
		}
	}
	addr = freeAddress(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	gpsd := exec.Command(path, "-N", "-n", "-S", port, feed)
	gpsd.Stdout, gpsd.Stderr = &said, &said
	if err := gpsd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = gpsd.Process.Kill() // it may have ended
		_ = gpsd.Wait()
		if t.Failed() {
			t.Logf("gpsd said: %s", said.Bytes())
		}
	})
	return addr
}

// A real gpsd reads a module, and we read gpsd.
func TestRealGpsd(t *testing.T) {
	l := listenTCP(t, "127.0.0.1:0")
	addr := startGpsd(t, "tcp://"+l.Addr().String())
	c := openCentre(t)
	w := work(t, config(t, c, parse(t, "gpsd://"+addr, SourceOptions{})))
	module := accept(t, l)
	eventually(t, "gpsd to be open", func() bool { return w.Counters().Bytes.Load() > 0 }) // its greeting
	// gpsd must first make out what speaks there, so the module goes on until fixes arrive.
	for n := 0; c.count() < 5; n++ {
		if n == 3000 {
			t.Fatal("no fixes through gpsd")
		}
		send(t, module, epoch(n))
		sleep(t.Context(), firstBackoff/10)
	}
	w.end(t)
	for i, f := range c.track() {
		if f.Time.Year() != 2024 || f.Point.Lat < 36 || f.Point.Lat > 37 {
			t.Errorf("fix %d is %+v", i+1, f)
		}
	}
}

// The protocol as documented, byte for byte, without a gpsd: it greets, is asked, and answers before sentences come.
func TestGpsdProtocol(t *testing.T) {
	l := listenTCP(t, "127.0.0.1:0")
	r := readWith(t, parse(t, "gpsd://"+l.Addr().String(), SourceOptions{}), newSetup("casic", 1, testLog(t)))
	c := accept(t, l)
	greeting := `{"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,"proto_minor":14}` + "\r\n"
	send(t, c, greeting)
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var watch struct{ Enable, NMEA bool }
	body, ok := strings.CutPrefix(strings.TrimSpace(line), "?WATCH=")
	if err := json.Unmarshal([]byte(strings.TrimSuffix(body, ";")), &watch); !ok || err != nil || !watch.Enable || !watch.NMEA {
		t.Fatalf("it asked %q (%v)", line, err)
	}
	answer := fmt.Sprintf("%s\r\n", `{"class":"DEVICES","devices":[]}`)
	send(t, c, answer+epoch(0))
	r.waitFor(t, greeting+answer+epoch(0))
	if st := r.setup.Status(); st.State != "unwritable" {
		t.Errorf("set-up of a module behind gpsd: %+v, want unwritable", st)
	}
}

func TestGpsdPort(t *testing.T) {
	for spec, want := range map[string]string{"gpsd://box": "gpsd://box:2947", "gpsd://[::1]": "gpsd://[::1]:2947", "gpsd://box:1": "gpsd://box:1"} {
		if src := parse(t, spec, SourceOptions{}); src.String() != want {
			t.Errorf("%s is %s, want %s", spec, src, want)
		}
	}
}
