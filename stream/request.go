package stream

import (
	"encoding/json"
	"fmt"
	"math"

	"dipper/positioning/geo"
)

// maxRequestBytes bounds one message of a viewer.
const maxRequestBytes = 4096

// request is what a viewer asks: exactly one of the pointers is set.
type request struct {
	view   *view
	events *string // the cursor or event id to resume after; "" from now on
	follow *string // a unit's id; "" nobody
}

// badRequest says what is wrong with a viewer's message.
type badRequest struct{ field, message string }

func (e *badRequest) Error() string {
	if e.field == "" {
		return e.message
	}
	return e.field + ": " + e.message
}

// parseRequest reads {"op":"view",…}, {"op":"events",…} or {"op":"follow",…}. The error is a *badRequest.
func parseRequest(data []byte) (request, error) {
	var in struct {
		Op    *string   `json:"op"`
		Bbox  []float64 `json:"bbox"`
		Zoom  float64   `json:"zoom"`
		Ref   int64     `json:"ref"`
		After *string   `json:"after"`
		Unit  *string   `json:"unit"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return request{}, &badRequest{"", "not a request in JSON: " + err.Error()}
	}
	if in.Op == nil {
		return request{}, &badRequest{"op", "missing"}
	}
	switch *in.Op {
	case "view":
		if len(in.Bbox) != 4 {
			return request{}, &badRequest{"bbox", "want [west,south,east,north]"}
		}
		box := geo.Box{West: in.Bbox[0], South: in.Bbox[1], East: in.Bbox[2], North: in.Bbox[3]}
		if err := box.Check(); err != nil {
			return request{}, &badRequest{"bbox", err.Error()}
		}
		if math.Abs(in.Zoom) > maxZoom {
			return request{}, &badRequest{"zoom", fmt.Sprintf("%v: not in -%d..%d", in.Zoom, maxZoom, maxZoom)}
		}
		return request{view: &view{box: box, zoom: in.Zoom, ref: in.Ref}}, nil
	case "events":
		if in.After == nil {
			return request{}, &badRequest{"after", `missing: "" is from now on`}
		}
		return request{events: in.After}, nil
	case "follow":
		if in.Unit == nil {
			return request{}, &badRequest{"unit", `missing: "" is nobody`}
		}
		return request{follow: in.Unit}, nil
	}
	return request{}, &badRequest{"op", fmt.Sprintf("%.32q is not known: view, events or follow", *in.Op)}
}

// maxZoom is beyond what any map draws.
const maxZoom = 30
