package uplink

import (
	"fmt"
	"slices"
	"testing"

	"dipper/positioning/track"
)

type ackedSource struct {
	Source
	said *[]string
}

func (a ackedSource) Ack(r track.Ranges) error {
	*a.said = append(*a.said, fmt.Sprint("ack to ", r.Highest()))
	return nil
}

type fencedSteering struct {
	Steering
	said *[]string
}

func (f fencedSteering) TakeFences(Fences) { *f.said = append(*f.said, "fences") }

// However long the loop did not look: the unit learns of fences when the fixes are acknowledged that the centre decided before it sent
// them, and no others.
func TestFencesComeBetweenAcknowledgements(t *testing.T) {
	var said []string
	s := session{client: &Client{cfg: Config{Source: ackedSource{said: &said}}}, series: 1, steer: steer{steering: fencedSteering{said: &said}}}
	ack := func(first, last track.Seq) []byte {
		return AppendAck(nil, Ack{Series: 1, Ranges: track.Ranges{{First: first, Last: last}}})
	}
	fences, err := AppendFences(nil, Fences{Version: 1, RadiusM: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, msg := range [][]byte{ack(1, 2), ack(3, 3), fences, ack(4, 5), ack(6, 6)} {
		if err := s.leave(msg); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.takeNews(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"ack to 3", "fences", "ack to 6"}; !slices.Equal(said, want) {
		t.Errorf("heard %q, want %q", said, want)
	}
}
