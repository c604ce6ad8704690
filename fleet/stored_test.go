package fleet_test

import (
	"bytes"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/fleet"
	"dipper/fleet/cell"
	"dipper/positioning/geo"
)

func drawTime(t *rapid.T) time.Time {
	return time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
}

func TestStoredPositionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64()
		p := fleet.Position{
			Unit: "u", Time: drawTime(t), Point: geo.Point{Lat: f.Draw(t, "lat"), Lon: f.Draw(t, "lon")},
			SpeedMps: f.Draw(t, "speed"), CourseDeg: f.Draw(t, "course"), ErrM: f.Draw(t, "err"),
			Series: rapid.Uint32().Draw(t, "series"), Seq: rapid.Uint64().Draw(t, "seq"), Cell: cell.ID(rapid.Uint64().Draw(t, "cell")),
		}
		b := p.AppendBinary(nil)
		if len(b) != fleet.PositionSize {
			t.Fatalf("%d bytes, want PositionSize", len(b))
		}
		got, err := fleet.DecodePosition("u", append(b, "rest"...))
		if err != nil || got != p {
			t.Fatalf("decoded %+v, %v, want %+v", got, err, p)
		}
	})
}

func TestStoredPositionKeepsUnknown(t *testing.T) {
	nan := math.NaN()
	p, err := fleet.DecodePosition("u", fleet.Position{SpeedMps: nan, CourseDeg: nan, ErrM: nan}.AppendBinary(nil))
	if err != nil || !math.IsNaN(p.SpeedMps) || !math.IsNaN(p.CourseDeg) || !math.IsNaN(p.ErrM) || !p.Time.IsZero() {
		t.Fatalf("decoded %+v, %v: unknown values must stay unknown", p, err)
	}
}

func TestStoredTimesSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawTime(t), drawTime(t)
		if got, want := bytes.Compare(fleet.AppendTime(nil, a), fleet.AppendTime(nil, b)), a.Compare(b); got != want {
			t.Fatalf("bytes of %v and %v compare %d, want %d", a, b, got, want)
		}
	})
}

func TestStoredEventRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := fleet.EventRecord{ID: rapid.String().Draw(t, "id"), Revision: rapid.Uint32().Draw(t, "rev"), FixTime: drawTime(t),
			Data: rapid.SliceOf(rapid.Byte()).Draw(t, "data")}
		got, err := fleet.DecodeEventRecord(e.AppendBinary(nil))
		if err != nil || got.ID != e.ID || got.Revision != e.Revision || !got.FixTime.Equal(e.FixTime) || !bytes.Equal(got.Data, e.Data) {
			t.Fatalf("decoded %+v, %v, want %+v", got, err, e)
		}
	})
}

func FuzzDecodeEventRecord(f *testing.F) {
	f.Add(fleet.EventRecord{ID: "id", Revision: 1, Data: []byte("data")}.AppendBinary(nil))
	f.Add([]byte{})
	f.Add(append(make([]byte, 16), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01))
	f.Fuzz(func(t *testing.T, src []byte) {
		e, err := fleet.DecodeEventRecord(src)
		if err != nil {
			return
		}
		again, err := fleet.DecodeEventRecord(e.AppendBinary(nil))
		if err != nil || again.ID != e.ID || !bytes.Equal(again.Data, e.Data) {
			t.Fatalf("%+v became %+v, %v", e, again, err)
		}
	})
}
