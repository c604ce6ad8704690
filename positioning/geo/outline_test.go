package geo

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

func TestInChina(t *testing.T) {
	tests := []struct {
		name string
		p    Point
		want bool
	}{
		{"Beijing", Point{39.9073, 116.3911}, true},
		{"Qingdao, Qianwan port", Point{36.0067, 120.2219}, true},
		{"Shanghai, Yangshan port", Point{30.62, 122.07}, true},
		{"Ningbo, Beilun", Point{29.935, 121.85}, true},
		{"Xiamen", Point{24.48, 118.09}, true},
		{"Shenzhen, Futian", Point{22.5431, 114.0579}, true},
		{"Shenzhen, Yantian terminal", Point{22.570, 114.270}, true},
		{"Shenzhen, Shekou", Point{22.480, 113.910}, true},
		{"Zhuhai, Gongbei", Point{22.222, 113.549}, true},
		{"Hengqin", Point{22.130, 113.530}, true},
		{"Haikou", Point{20.04, 110.32}, true},
		{"Sanya", Point{18.25, 109.51}, true},
		{"Dalian", Point{38.92, 121.64}, true},
		{"Dandong", Point{40.13, 124.37}, true},
		{"Manzhouli", Point{49.59, 117.43}, true},
		{"Erenhot", Point{43.65, 111.98}, true},
		{"Khorgos, Chinese side", Point{44.21, 80.42}, true},
		{"Kashgar", Point{39.47, 75.99}, true},
		{"Lhasa", Point{29.65, 91.13}, true},
		{"Ruili", Point{24.01, 97.86}, true},
		{"Pingxiang", Point{22.10, 106.76}, true},
		{"Heihe", Point{50.245, 127.49}, true},
		{"ten kilometres off Qingdao", Point{35.95, 120.45}, true},
		{"Bohai", Point{38.7, 119.8}, true},

		{"Hong Kong", Point{22.3027, 114.1772}, false},
		{"Hong Kong airport", Point{22.309, 113.915}, false},
		{"Hong Kong, Kwai Chung terminal", Point{22.345, 114.125}, false},
		{"Hong Kong, Sheung Shui", Point{22.502, 114.128}, false},
		{"Macao", Point{22.195, 113.545}, false},
		{"Macao, Coloane", Point{22.120, 113.565}, false},
		{"Taipei", Point{25.04, 121.56}, false},
		{"Kaohsiung", Point{22.62, 120.28}, false},
		{"Kinmen", Point{24.44, 118.36}, false},
		{"Matsu", Point{26.155, 119.93}, false},
		{"Seoul", Point{37.57, 126.98}, false},
		{"Pyongyang", Point{39.03, 125.75}, false},
		{"Sinuiju", Point{40.09, 124.41}, false},
		{"Ulaanbaatar", Point{47.92, 106.92}, false},
		{"Zamyn-Uud", Point{43.71, 111.90}, false},
		{"Vladivostok", Point{43.12, 131.89}, false},
		{"Blagoveshchensk", Point{50.30, 127.53}, false},
		{"Zabaykalsk", Point{49.65, 117.33}, false},
		{"Almaty", Point{43.24, 76.9}, false},
		{"Hanoi", Point{21.03, 105.85}, false},
		{"Lao Cai", Point{22.47, 103.99}, false},
		{"Kathmandu", Point{27.71, 85.32}, false},
		{"Fukuoka", Point{33.6, 130.4}, false},
		{"East China Sea", Point{29, 125}, false},
		{"London", Point{51.5, 0}, false},
	}
	for _, tt := range tests {
		if got := InChina(tt.p); got != tt.want {
			t.Errorf("InChina(%s, %v) = %v, want %v", tt.name, tt.p, got, tt.want)
		}
	}
}

// TestChinaBounds: the box before the search holds every ring, with a shift to spare, for FromGCJ02.
func TestChinaBounds(t *testing.T) {
	const shiftDeg = 0.01 // 700 m at 54° N
	for _, ring := range chinaOutline {
		for _, v := range ring {
			p := Point{Lat: v[1], Lon: v[0]}
			if !chinaBounds.Contains(Point{p.Lat - shiftDeg, p.Lon - shiftDeg}) || !chinaBounds.Contains(Point{p.Lat + shiftDeg, p.Lon + shiftDeg}) {
				t.Errorf("%v is not well inside %v", p, chinaBounds)
			}
		}
	}
}

// shared opens a file of the shared data beside the repository; DIPPER_DATA names another folder.
func shared(t *testing.T, name string) io.Reader {
	t.Helper()
	root := os.Getenv("DIPPER_DATA")
	if root == "" {
		root = "../../../shared/data"
	}
	f, err := os.Open(filepath.Join(root, name))
	if err != nil {
		t.Skipf("the shared data are not here (%v); set DIPPER_DATA to their folder", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestOutlineHoldsPorts: every port of the World Port Index (NGA) is on the right side. Its places are rounded to a minute of
// arc and can be two kilometres off, which the line at sea allows for.
func TestOutlineHoldsPorts(t *testing.T) {
	rows, err := csv.NewReader(shared(t, "geofences/world-port-index.csv")).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	inside := 0
	for _, r := range rows[1:] {
		lat, err1 := strconv.ParseFloat(r[6], 64)
		lon, err2 := strconv.ParseFloat(r[7], 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("row %q", r)
		}
		if r[1] == "Lon Shui Terminal" { // an oil field 150 km off the coast
			continue
		}
		want := r[3] == "China"
		if got := InChina(Point{lat, lon}); got != want {
			t.Errorf("%s (%s) at %v, %v: InChina = %v", r[1], r[3], lat, lon, got)
		}
		if want {
			inside++
		}
	}
	if inside < 60 {
		t.Errorf("only %d Chinese ports", inside)
	}
}

// TestOutlineHoldsCities: the bounds of China's prefectures, brought to WGS-84, lie inside or, along the
// border, within the outline's accuracy of it: all but one in a thousand.
func TestOutlineHoldsCities(t *testing.T) {
	const accuracyM, farthestM = 5500, 31000
	// Where the prefectures' bounds show a claim and Natural Earth the line as it is held.
	disputed := []string{"林芝市", "山南市", "阿里地区", "日喀则市", "三沙市"}
	z, err := gzip.NewReader(shared(t, "geofences/china-cities-gcj02.geojson.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Features []struct {
			Properties struct{ Name string }
			Geometry   struct {
				Type        string
				Coordinates json.RawMessage
			}
		}
	}
	if err := json.NewDecoder(z).Decode(&c); err != nil {
		t.Fatal(err)
	}
	vertices, outside, far, worst := 0, 0, 0, 0.0
	for _, f := range c.Features {
		if slices.Contains(disputed, f.Properties.Name) {
			continue
		}
		polygons := make([][][][2]float64, 1)
		into := any(&polygons)
		if f.Geometry.Type == "Polygon" {
			into = &polygons[0]
		}
		if err := json.Unmarshal(f.Geometry.Coordinates, into); err != nil {
			t.Fatal(err)
		}
		for _, polygon := range polygons {
			for i := 0; i < len(polygon[0]); i += 4 {
				p := unshifted(Point{Lat: polygon[0][i][1], Lon: polygon[0][i][0]})
				vertices++
				if InChina(p) {
					continue
				}
				outside++
				d := toOutline(p)
				worst = max(worst, d)
				if d > accuracyM {
					far++
				}
				if d > farthestM { // the island in the Amur at Fuyuan, shared since 2008, which Natural Earth leaves to Russia
					t.Errorf("%s: %v is %.0f m outside", f.Properties.Name, p, d)
				}
			}
		}
	}
	t.Logf("%d prefectures: %d of %d vertices outside, %d by more than %d m, by %.0f m at most", len(c.Features), outside, vertices, far, accuracyM, worst)
	if vertices < 20000 || far*1000 > vertices {
		t.Errorf("%d of %d vertices lie outside by more than %d m", far, vertices, accuracyM)
	}
}

// toOutline is the distance to the outline in metres, on the flat earth around p.
func toOutline(p Point) float64 {
	best := math.Inf(1)
	scale := EarthRadiusM * math.Pi / 180
	squeeze := math.Cos(radians(p.Lat))
	for _, ring := range chinaOutline {
		from := ring[len(ring)-1]
		for _, to := range ring {
			ax, ay := (from[0]-p.Lon)*squeeze*scale, (from[1]-p.Lat)*scale
			dx, dy := (to[0]-from[0])*squeeze*scale, (to[1]-from[1])*scale
			s := max(0, min(1, -(ax*dx+ay*dy)/(dx*dx+dy*dy)))
			best = min(best, math.Hypot(ax+s*dx, ay+s*dy))
			from = to
		}
	}
	return best
}
