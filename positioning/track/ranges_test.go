package track_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"dipper/positioning/track"
)

// set is the slow and obvious model of Ranges for small numbers.
type set map[track.Seq]bool

func (m set) ranges() track.Ranges {
	var r track.Ranges
	for s := track.Seq(1); s <= modelTop; s++ {
		switch {
		case !m[s]:
		case len(r) > 0 && r[len(r)-1].Last == s-1:
			r[len(r)-1].Last = s
		default:
			r = append(r, track.Range{First: s, Last: s})
		}
	}
	return r
}

const modelTop = 64

func (m set) add(x track.Range) {
	for s := x.First; s <= x.Last; s++ {
		m[s] = true
	}
}

var drawRange = rapid.Custom(func(t *rapid.T) track.Range {
	first := track.Seq(rapid.IntRange(1, modelTop).Draw(t, "first"))
	return track.Range{First: first, Last: track.Seq(rapid.IntRange(int(first), min(modelTop, int(first)+9)).Draw(t, "last"))}
})

func drawSet(t *rapid.T, label string) (track.Ranges, set) {
	var r track.Ranges
	m := set{}
	for _, x := range rapid.SliceOfN(drawRange, 0, 8).Draw(t, label) {
		before := slices.Clone(r)
		next := r.Add(x)
		if !slices.Equal(r, before) {
			t.Fatalf("Add(%v) changed its receiver from %v to %v", x, before, r)
		}
		r = next
		m.add(x)
	}
	return r, m
}

func TestRangesAgreeWithSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, ma := drawSet(t, "a")
		b, mb := drawSet(t, "b")
		x := drawRange.Draw(t, "x")
		union, minus, within := set{}, set{}, set{}
		covers := true
		for s := track.Seq(1); s <= modelTop; s++ {
			in := s >= x.First && s <= x.Last
			union[s], minus[s], within[s] = ma[s] || mb[s], ma[s] && !mb[s], ma[s] && in
			covers = covers && (!in || ma[s])
			if a.Contains(s) != ma[s] {
				t.Fatalf("%v.Contains(%d) = %v", a, s, a.Contains(s))
			}
		}
		same := func(name string, got track.Ranges, want set) {
			if !slices.Equal(got, want.ranges()) {
				t.Fatalf("a %v, b %v, x %v: %s = %v, want %v", a, b, x, name, got, want.ranges())
			}
		}
		same("a", a, ma)
		same("Merge", a.Merge(b), union)
		same("Subtract", a.Subtract(b), minus)
		same("Within", a.Within(x), within)
		missing := set{}
		for s := track.Seq(1); s <= x.Last; s++ {
			missing[s] = !ma[s]
		}
		same("Missing", a.Missing(x.Last), missing)
		if a.Covers(x) != covers {
			t.Fatalf("%v.Covers(%v) = %v", a, x, a.Covers(x))
		}
		model := ma.ranges()
		var count uint64
		for _, y := range model {
			count += uint64(y.Last - y.First + 1)
		}
		if a.Count() != count {
			t.Fatalf("%v.Count() = %d, want %d", a, a.Count(), count)
		}
		if len(model) > 0 && (a.Lowest() != model[0].First || a.Highest() != model[len(model)-1].Last) {
			t.Fatalf("%v: lowest %d, highest %d", a, a.Lowest(), a.Highest())
		}
	})
}

func TestRangesBothFormsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, _ := drawSet(t, "r")
		if rapid.Bool().Draw(t, "top") {
			r = r.Add(track.Range{First: math.MaxUint64 - 3, Last: math.MaxUint64})
		}
		data := track.AppendRanges([]byte("x"), r)[1:]
		got, rest, err := track.DecodeRanges(append(data, "rest"...))
		if err != nil || !slices.Equal(got, r) || string(rest) != "rest" {
			t.Fatalf("%v came back as %v, rest %q, error %v", r, got, rest, err)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var parsed track.Ranges
		if err := json.Unmarshal(text, &parsed); err != nil || !slices.Equal(parsed, r) {
			t.Fatalf("%v came back from %s as %v, error %v", r, text, parsed, err)
		}
	})
}

func TestRangesAtTheHighestNumber(t *testing.T) {
	const top = track.Seq(math.MaxUint64)
	r := track.Ranges{}.Add(track.Range{First: top, Last: top}).Add(track.Range{First: 1, Last: 2})
	if want := (track.Ranges{{1, 2}, {top, top}}); !slices.Equal(r, want) {
		t.Fatalf("got %v, want %v", r, want)
	}
	if got := r.Missing(top); !slices.Equal(got, track.Ranges{{3, top - 1}}) {
		t.Fatalf("Missing = %v", got)
	}
	if got := r.Add(track.Range{First: 3, Last: top - 1}); !slices.Equal(got, track.Ranges{{1, top}}) {
		t.Fatalf("all numbers = %v", got)
	}
}

func TestRangesJSON(t *testing.T) {
	for _, tc := range []struct{ name, in, out string }{
		{"empty", `[]`, `[]`},
		{"one", `[[1,500]]`, `[[1,500]]`},
		{"unsorted and touching", `[[7,9],[1,3],[4,5]]`, `[[1,5],[7,9]]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r track.Ranges
			if err := json.Unmarshal([]byte(tc.in), &r); err != nil {
				t.Fatal(err)
			}
			if got, _ := json.Marshal(r); string(got) != tc.out {
				t.Fatalf("%s became %s, want %s", tc.in, got, tc.out)
			}
		})
	}
	for _, bad := range []string{`[[0,3]]`, `[[3,2]]`, `[[1]]`, `[[1,2,3]]`, `[[-1,2]]`, `{}`, `[["1",2]]`} {
		var r track.Ranges
		if err := json.Unmarshal([]byte(bad), &r); err == nil {
			t.Errorf("%s gave %v, want an error", bad, r)
		}
	}
	if got, _ := json.Marshal(struct{ Held track.Ranges }{}); string(got) != `{"Held":[]}` {
		t.Errorf("no ranges are written as %s", got)
	}
}

func FuzzDecodeRanges(f *testing.F) {
	f.Add(track.AppendRanges(nil, track.Ranges{{1, 500}, {504, 504}}))
	f.Add([]byte{2, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, rest, err := track.DecodeRanges(data)
		if err != nil {
			if !errors.Is(err, track.ErrCorrupt) {
				t.Fatalf("error %v does not wrap ErrCorrupt", err)
			}
			return
		}
		if !bytes.HasSuffix(data, rest) {
			t.Fatal("rest is not the end of the input")
		}
		for i, x := range r {
			if x.First < 1 || x.Last < x.First || i > 0 && (r[i-1].Last >= x.First-1) {
				t.Fatalf("%v is not a set in its one form", r)
			}
		}
		again, _, err := track.DecodeRanges(track.AppendRanges(nil, r))
		if err != nil || !slices.Equal(again, r) {
			t.Fatalf("%v came back as %v, %v", r, again, err)
		}
	})
}
