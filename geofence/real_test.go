package geofence

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/peterstace/simplefeatures/geom"

	"dipper/positioning/geo"
)

func readShared(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(sharedData + name)
	if err != nil {
		t.Skipf("needs recorded data: %v", err)
	}
	return data
}

// TestRealPolygons: real outlines are taken, come back from both encodings, and agree with the independent library about
// points at and near their vertices and edges.
func TestRealPolygons(t *testing.T) {
	tests := []struct {
		name    string
		data    func(testing.TB) []byte
		fences  int
		refused int // outlines that are not valid at the source
	}{
		{"districts of Shandong", func(t testing.TB) []byte { return readShared(t, "geofences/shandong-coast-wgs84.geojson") }, 33, 1}, // Zhifu: an island's ring crosses itself
		{"port areas", func(t testing.TB) []byte { return readShared(t, "geofences/osm-port-areas.geojson") }, 288, 1},                 // a hole along the border
		{"urban areas", func(t testing.TB) []byte { return readGzip(t, "geofences/world-urban-areas-50m.geojson.gz") }, 2143, 0},
		{"provinces", func(t testing.TB) []byte { return readGzip(t, "geofences/world-provinces-50m.geojson.gz") }, 100, 1}, // Goiás: its ring passes a point twice
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fences, refused := collection(t, tt.data(t))
			if len(fences) != tt.fences-tt.refused || refused != tt.refused {
				t.Errorf("%d fences, %d refused; want %d, %d", len(fences), refused, tt.fences-tt.refused, tt.refused)
			}
			rng := rand.New(rand.NewPCG(8, 8))
			for _, f := range fences {
				stored, err := MarshalFence(f)
				if err != nil {
					t.Fatal(err)
				}
				g, err := UnmarshalFence(stored)
				if err != nil {
					t.Fatal(err)
				}
				if err := same(g, f); err != nil {
					t.Fatal(err)
				}
				for i := range f.Shape.parts {
					agree(t, rng, &f.Shape.parts[i])
				}
			}
		})
	}
}

// agree compares one polygon with the library on a few points.
func agree(t *testing.T, rng *rand.Rand, q *part) {
	var rs [][]geo.Point
	for _, e := range q.edges {
		var ring []geo.Point
		for _, v := range e.v {
			ring = append(ring, q.at(v.exact()))
		}
		rs = append(rs, ring)
	}
	library := libraryPolygon(t, rs)
	border := library.Boundary()
	for range 3 {
		p := adversary(rng, rs)
		if math.Abs(wrap(p.Lon-rs[0][0].Lon)) > 170 {
			continue // the library has no other side of the earth
		}
		point := units(p, rs[0][0]).AsPoint().AsGeometry()
		if geom.Intersects(point, border) {
			continue
		}
		if got, want := q.contains(placeOf(p)), geom.Intersects(point, library); got != want {
			t.Errorf("%+v: inside %v, the library says %v", p, got, want)
		}
	}
}

// TestRealTracks runs recorded vehicles through real outlines and fences across the 180° meridian, and holds the ledger's
// properties for each: see TestLedgerProperties.
func TestRealTracks(t *testing.T) {
	urban, _ := collection(t, readGzip(t, "geofences/world-urban-areas-50m.geojson.gz"))
	around := geo.Point{Lat: 37.77, Lon: -122.42}
	for i, east := range []float64{-3000, -1000, 500, 2500} {
		urban = append(urban, Fence{ID: fmt.Sprintf("sf%d", i), Revision: 1, Shape: block(t, offset(around, east, 500), 1500, 3000), SpeedLimitMps: 13, Dwell: 600e9})
	}
	// The Aleutians' vessels lie between 180° and 177° west; some cross.
	west, err := NewPolygons([][][]geo.Point{{{{Lat: 50, Lon: 178}, {Lat: 50, Lon: -178.5}, {Lat: 56, Lon: -178.5}, {Lat: 56, Lon: 178}, {Lat: 50, Lon: 178}}}}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	urban = append(urban, Fence{ID: "dateline", Revision: 1, Shape: west}, Fence{ID: "adak", Revision: 1, Shape: mustCircle(t, geo.Point{Lat: 51.87, Lon: -176.64}, 5000)})
	ix := NewIndex(urban)
	for _, name := range []string{"san-francisco-taxis-2008-05-20.csv.gz", "aleutian-vessels-ais-2017-01.csv.gz"} {
		t.Run(name, func(t *testing.T) {
			moves, vehicles := tracks(t, "tracks/"+name, 40_000)
			obs := make([][]Observation, vehicles)
			for _, m := range moves {
				obs[m.vehicle] = append(obs[m.vehicle], m.ob)
			}
			total := 0
			for _, o := range obs {
				state, events := follow(ix, o)
				checkLedger(t, state, events, o)
				total += len(events)
				decoded, err := DecodeState(state.AppendBinary(nil))
				if err != nil || !bytes.Equal(decoded.AppendBinary(nil), state.AppendBinary(nil)) {
					t.Fatalf("%v: %+v", err, state)
				}
			}
			if total < 10 {
				t.Errorf("%d events of %d vehicles", total, vehicles)
			}
		})
	}
}
