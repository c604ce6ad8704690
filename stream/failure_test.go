package stream

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"dipper/fleet"
	"dipper/geofence"
	"dipper/positioning/geo"
)

func TestEveryFailureIsToldOutside(t *testing.T) {
	for _, line := range failures {
		f, known := Explain(fmt.Errorf("somewhere: %w", line.err))
		if !known || f.Code == "" || f.Message == "" || f.Status < 400 || http.StatusText(f.Status) == "" || f.Close < 1000 || f.Close > 4999 {
			t.Errorf("%v is told as %+v", line.err, f)
		}
	}
}

func TestExplain(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want Failure
		seen bool
	}{
		{"input", &InputError{"bbox", "bad"}, Failure{Status: 400, Code: "invalid", Field: "bbox", Message: "bad"}, true},
		{"fleet's input", fmt.Errorf("x: %w", &fleet.InvalidError{Field: "kind", Reason: "bad"}), Failure{Status: 400, Code: "invalid", Field: "kind", Message: "bad"}, true},
		{"fence", &geofence.InvalidError{Field: "geometry", Reason: "crosses itself", At: geo.Point{Lat: 36, Lon: 120}, HasAt: true},
			Failure{Status: 422, Code: "invalid_fence", Field: "geometry"}, true},
		{"two at once: the first line counts", errors.Join(fleet.ErrUnavailable, ErrForbidden), Failure{Status: 403, Code: "forbidden"}, true},
		{"unknown keeps its secrets", errors.New("password is hunter2"), Failure{Status: 500, Code: "internal", Message: "an error inside the service; its log says more"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, known := Explain(tt.err)
			if f.Status != tt.want.Status || f.Code != tt.want.Code || f.Field != tt.want.Field || known != tt.seen || tt.want.Message != "" && f.Message != tt.want.Message {
				t.Errorf("%+v, %v; want %+v, %v", f, known, tt.want, tt.seen)
			}
		})
	}
	if f, _ := Explain(tests[2].err); f.At == nil || f.At.Lat != 36 {
		t.Errorf("the place is lost: %+v", f)
	}
}
