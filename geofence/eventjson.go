package geofence

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"dipper/positioning/geo"
)

// EventID is the id of an event: 26 characters a–z and 2–7 (base32 of RFC 4648 in lower case), the first 128 bits of a SHA-256 over unit, fence, kind and the number
// of the first fix that shows it.
func EventID(unit, fence string, kind EventKind, series uint32, seq uint64) string {
	b := make([]byte, 0, 128)
	b = append(b, "dipper event\n"...)
	b = appendText(b, unit)
	b = appendText(b, fence)
	b = appendText(b, string(kind))
	b = binary.BigEndian.AppendUint32(b, series)
	b = binary.BigEndian.AppendUint64(b, seq)
	sum := sha256.Sum256(b)
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	var id [26]byte
	bits, n, k := 0, 0, 0
	for _, c := range sum[:16] {
		for bits, n = bits<<8|int(c), n+8; n >= 5; n -= 5 {
			id[k] = alphabet[bits>>(n-5)&31]
			k++
		}
		bits &= 1<<n - 1
	}
	id[k] = alphabet[bits<<(5-n)&31]
	return string(id[:])
}

// eventJSON is an Event in JSON, in storage and in the API alike.
type eventJSON struct {
	ID            string    `json:"id"`
	Kind          EventKind `json:"kind"`
	Unit          string    `json:"unit"`
	Fence         string    `json:"fence"`
	FenceRevision uint64    `json:"fence_revision"`
	Time          string    `json:"time"`
	PlusMinusS    float64   `json:"plus_minus_s"`
	Lat           *float64  `json:"lat"`
	Lon           *float64  `json:"lon"`
	Series        uint32    `json:"series"`
	Seq           uint64    `json:"seq"`
	FixTime       string    `json:"fix_time"`
	Reason        string    `json:"reason,omitempty"`
	Revision      uint32    `json:"revision"`
	Retracted     bool      `json:"retracted,omitempty"`
}

// MarshalJSON writes an event as in docs/openapi.yaml, with times to the millisecond.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(eventJSON{
		ID: e.ID, Kind: e.Kind, Unit: e.Unit, Fence: e.Fence, FenceRevision: e.FenceRevision,
		Time: formatTime(e.Time), PlusMinusS: e.PlusMinusS, Lat: &e.Point.Lat, Lon: &e.Point.Lon,
		Series: e.Series, Seq: e.Seq, FixTime: formatTime(e.FixTime), Reason: e.Reason, Revision: e.Revision, Retracted: e.Retracted,
	})
}

// UnmarshalJSON reads what MarshalJSON wrote. Unknown members are passed over; wrong ones are an error that names the member.
func (e *Event) UnmarshalJSON(data []byte) error {
	var j eventJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	at, err := time.Parse(time.RFC3339, j.Time)
	if err != nil {
		return fmt.Errorf("event time: %w", err)
	}
	fixAt, err := time.Parse(time.RFC3339, j.FixTime)
	if err != nil {
		return fmt.Errorf("event fix_time: %w", err)
	}
	if j.Lat == nil || j.Lon == nil {
		return errors.New("event: lat or lon is missing")
	}
	p := geo.Point{Lat: *j.Lat, Lon: *j.Lon}
	switch {
	case j.ID == "":
		return errors.New("event id is missing")
	case !j.Kind.valid():
		return fmt.Errorf("event kind %.40q", j.Kind)
	case !p.Valid():
		return fmt.Errorf("event lat %v, lon %v", p.Lat, p.Lon)
	case !(j.PlusMinusS >= 0):
		return fmt.Errorf("event plus_minus_s %v", j.PlusMinusS)
	}
	*e = Event{
		ID: j.ID, Kind: j.Kind, Unit: j.Unit, Fence: j.Fence, FenceRevision: j.FenceRevision,
		Time: at.UTC(), PlusMinusS: j.PlusMinusS, Point: p, Series: j.Series, Seq: j.Seq, FixTime: fixAt.UTC(),
		Reason: j.Reason, Revision: j.Revision, Retracted: j.Retracted,
	}
	return nil
}

func (k EventKind) valid() bool {
	switch k {
	case Enter, Exit, InsideAtStart, Dwell, Overspeed:
		return true
	}
	return false
}

// visitJSON is a Visit in JSON.
type visitJSON struct {
	Fence         string  `json:"fence"`
	FenceRevision uint64  `json:"fence_revision"`
	Since         string  `json:"since"`
	PlusMinusS    float64 `json:"plus_minus_s"`
	AtStart       bool    `json:"at_start"`
}

// MarshalJSON writes a visit as in docs/openapi.yaml.
func (v Visit) MarshalJSON() ([]byte, error) {
	return json.Marshal(visitJSON{v.Fence, v.FenceRevision, formatTime(v.Since), v.PlusMinusS, v.AtStart})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Visit) UnmarshalJSON(data []byte) error {
	var j visitJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("visit: %w", err)
	}
	since, err := time.Parse(time.RFC3339, j.Since)
	if err != nil {
		return fmt.Errorf("visit since: %w", err)
	}
	if !(j.PlusMinusS >= 0) || math.IsInf(j.PlusMinusS, 0) {
		return fmt.Errorf("visit plus_minus_s %v", j.PlusMinusS)
	}
	*v = Visit{Fence: j.Fence, FenceRevision: j.FenceRevision, Since: since.UTC(), PlusMinusS: j.PlusMinusS, AtStart: j.AtStart}
	return nil
}

func formatTime(t time.Time) string { return t.UTC().Format(timeFormat) }
