package receiver

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// devices makes a /dev and a /sys of its own.
func devices(t *testing.T) Devices {
	return Devices{Dev: filepath.Join(t.TempDir(), "dev"), Sys: filepath.Join(t.TempDir(), "sys")}
}

func (d Devices) write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPorts(t *testing.T) {
	d := devices(t)
	for _, name := range []string{"ttyS0", "ttyS1", "ttyS2", "ttyUSB0", "ttyUSB1", "ttyACM0", "ttyAMA0", "ttymxc2", "ttyTHS1", "ttyMSM0", "ttyHS1", "ttyO4", "ttySC0", "tty0", "null"} {
		d.write(t, filepath.Join(d.Dev, name), "")
	}
	d.write(t, filepath.Join(d.Sys, "class/tty/console/active"), "tty0 ttyS0\n")
	d.write(t, filepath.Join(d.Sys, "class/tty/ttyS1/type"), "4\n")
	d.write(t, filepath.Join(d.Sys, "class/tty/ttyS2/type"), "0\n")
	byID := filepath.Join(d.Dev, "serial", "by-id")
	if err := os.MkdirAll(byID, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"usb-GNSS": "../../ttyUSB1", "usb-gone": "../../ttyUSB7"} {
		if err := os.Symlink(target, filepath.Join(byID, name)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, p := range d.Ports() {
		got = append(got, strings.TrimPrefix(p.Best(), d.Dev+"/"))
	}
	want := []string{"serial/by-id/usb-GNSS", "ttyUSB0", "ttyACM0", "ttyAMA0", "ttymxc2", "ttyTHS1", "ttyMSM0", "ttyHS1", "ttyO4", "ttySC0", "ttyS1"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("ports %q, want %q", got, want)
	}
	if first := d.Ports()[0]; filepath.Base(first.Path) != "ttyUSB1" || filepath.Base(first.Stable) != "usb-GNSS" {
		t.Errorf("first port %+v, want ttyUSB1 with its stable name", first)
	}
	if ports := (Devices{Dev: t.TempDir(), Sys: t.TempDir()}).Ports(); len(ports) != 0 {
		t.Errorf("an empty /dev has ports %v", ports)
	}
}

// Of a modem that is silent, one that babbles, and a module, auto takes the module, and gives all that it said.
func TestAutoTakesTheOneThatTalks(t *testing.T) {
	for _, baud := range []int{0, 9600} {
		d := devices(t)
		silent, babbler, talker := plug(t), plug(t), plug(t)
		silent.link(filepath.Join(d.Dev, "serial", "by-id", "usb-modem"))
		babbler.link(filepath.Join(d.Dev, "ttyUSB0"))
		talker.link(filepath.Join(d.Dev, "ttyUSB1"))
		babbler.say([]byte("\r\nOK\r\n+CREG: 1\r\n$GPGGA\r\n"))
		talker.say([]byte("26,,,A*12\r\n" + epoch(0)))
		r := read(t, parse(t, "auto", SourceOptions{Devices: d, Baud: baud}))
		r.waitFor(t, "26,,,A*12\r\n"+epoch(0))
		talker.say([]byte(epoch(1)))
		r.waitFor(t, "26,,,A*12\r\n"+epochs(0, 2))
	}
}

// A module that is plugged in while auto listens is found; when it moves to another port it is found there.
func TestAutoFollowsTheModule(t *testing.T) {
	d := devices(t)
	r := read(t, parse(t, "auto", SourceOptions{Devices: d}))
	first := plug(t)
	first.link(filepath.Join(d.Dev, "ttyUSB0"))
	first.say([]byte(epoch(0)))
	r.waitFor(t, epoch(0))

	first.unplug()
	if err := os.Remove(filepath.Join(d.Dev, "ttyUSB0")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the loss to be seen", func() bool { return r.counters.Lost.Load() == 1 })
	second := plug(t)
	second.link(filepath.Join(d.Dev, "ttyACM0"))
	second.say([]byte(epoch(1)))
	r.waitFor(t, epochs(0, 2))
}

func TestAutoStops(t *testing.T) {
	d := devices(t)
	plug(t).link(filepath.Join(d.Dev, "ttyUSB0"))
	d.write(t, filepath.Join(d.Dev, "ttyUSB1"), "not a port")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := parse(t, "auto", SourceOptions{Devices: d}).Open(ctx); err == nil {
		s.Close()
		t.Fatal("opened without a module")
	}
}

// A port that another source names is left to it, by whichever of its names.
func TestAutoLeavesNamedPortsAlone(t *testing.T) {
	d := devices(t)
	named, free := plug(t), plug(t)
	named.link(filepath.Join(d.Dev, "ttyUSB0"))
	free.link(filepath.Join(d.Dev, "ttyUSB1"))
	all, other := parse(t, "auto", SourceOptions{Devices: d}), parse(t, named.path(), SourceOptions{})
	if err := sharePorts([]Source{other, all}); err != nil {
		t.Fatal(err)
	}
	named.say([]byte(epoch(0)))
	free.say([]byte(epoch(1)))
	read(t, all).waitFor(t, epoch(1))
	read(t, other).waitFor(t, epoch(0))
	if err := sharePorts([]Source{all, other, all}); err == nil {
		t.Error("two auto were not refused")
	}
}

// A module that moves to another port keeps its rate, and there the search begins with it.
func TestAutoTakesTheRateAlong(t *testing.T) {
	d := devices(t)
	first := plug(t)
	first.link(filepath.Join(d.Dev, "ttyUSB0"))
	src := parse(t, "auto", SourceOptions{Devices: d}).(*auto)
	src.last = 19200
	r := read(t, src)
	eventually(t, "the port to be open", func() bool { return first.rate() == 19200 })
	first.say([]byte(epoch(0)))
	r.waitFor(t, epoch(0))
}
