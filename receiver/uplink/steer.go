package uplink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// Limits of what steers a unit.
const (
	MaxSettingsBytes = 4096      // of Settings.Body
	MaxFences        = 200       // in one Fences
	MaxFencesBytes   = 128 << 10 // of all blobs of one Fences
	MaxFencesRadiusM = 20_000
	stepsPerDegree   = 1e7 // of Fences.Lat and Lon, as in a batch
)

// Report says how far a unit has got with what the centre told it. The first one also says that the unit understands
// Settings, Fences, Notice and ToldAck: a service sends them on no other connection.
type Report struct {
	// SettingsRevision is that of the settings that the unit took last; 0 none were ever given. They are in force unless
	// SettingsProblem says why not; then those before them still are.
	SettingsRevision uint64
	SettingsProblem  string // "" none, else the field and the reason: "thin_error_m: -3 is not in 0 to 1000"
	WantsFences      bool   // the unit decides visits on board
	FencesVersion    uint64 // of the set that the unit holds; 0 none
	NoticeShown      string // id of the last notice if the driver said that he has read it; "" not, or none. Being on a screen does not count.
}

// Settings are what the centre wants of a unit, in place of its own configuration.
type Settings struct {
	// Revision grows with every change. 0 comes with an empty object and says that the centre has no settings for a unit that
	// reported some: its own configuration counts again.
	Revision uint64
	Body     []byte // JSON object; ParseUnitSettings reads it
}

// Fences are all fences near a unit, in place of those it held.
type Fences struct {
	Version  uint64  // of exactly this set: equal versions are equal sets; never 0
	Lat, Lon float64 // degrees, WGS-84: the centre of the circle for which the set is complete
	RadiusM  float64 // of that circle, whole metres; 0 to MaxFencesRadiusM
	// Blobs are one fence revision each, as geofence.MarshalFence encodes it: those in force, and those that will be.
	Blobs [][]byte
}

// Notice is a text for the driver.
type Notice struct {
	ID   string
	At   time.Time // when it was written, to the millisecond
	Text string
}

// AppendReport appends the message; a problem longer than fits is cut.
func AppendReport(dst []byte, r Report) []byte {
	dst = append(dst, byte(TypeReport))
	dst = binary.AppendUvarint(dst, r.SettingsRevision)
	dst = appendText(dst, r.SettingsProblem)
	wants := byte(0)
	if r.WantsFences {
		wants = 1
	}
	dst = append(dst, wants)
	dst = binary.AppendUvarint(dst, r.FencesVersion)
	return appendText(dst, r.NoticeShown)
}

// DecodeReport reads the message.
func DecodeReport(msg []byte) (Report, error) {
	in := open(msg, TypeReport)
	r := Report{SettingsRevision: in.number("settings revision", 0), SettingsProblem: in.text("settings problem")}
	r.WantsFences = in.number("wants fences", 1) == 1
	r.FencesVersion = in.number("fences version", 0)
	r.NoticeShown = in.text("notice shown")
	return r, in.end()
}

// AppendSettings appends the message. The error is for a body above MaxSettingsBytes.
func AppendSettings(dst []byte, s Settings) ([]byte, error) {
	if len(s.Body) > MaxSettingsBytes {
		return dst, fmt.Errorf("settings: body: %d bytes, at most %d", len(s.Body), MaxSettingsBytes)
	}
	dst = append(dst, byte(TypeSettings))
	dst = binary.AppendUvarint(dst, s.Revision)
	dst = binary.AppendUvarint(dst, uint64(len(s.Body)))
	return append(dst, s.Body...), nil
}

// DecodeSettings reads the message, but not what the body says. Body is a part of msg.
func DecodeSettings(msg []byte) (Settings, error) {
	in := open(msg, TypeSettings)
	s := Settings{Revision: in.number("revision", 0), Body: in.bytes("body", MaxSettingsBytes)}
	return s, in.end()
}

// AppendFences appends the message, with the radius rounded down, so that the set stays complete. The error names the field
// that breaks a limit.
func AppendFences(dst []byte, f Fences) ([]byte, error) {
	if err := f.check(); err != nil {
		return dst, fmt.Errorf("fences: %w", err)
	}
	dst = append(dst, byte(TypeFences))
	dst = binary.AppendUvarint(dst, f.Version)
	dst = binary.AppendVarint(dst, int64(math.Round(f.Lat*stepsPerDegree)))
	dst = binary.AppendVarint(dst, int64(math.Round(f.Lon*stepsPerDegree)))
	dst = binary.AppendUvarint(dst, uint64(f.RadiusM))
	dst = binary.AppendUvarint(dst, uint64(len(f.Blobs)))
	for _, b := range f.Blobs {
		dst = binary.AppendUvarint(dst, uint64(len(b)))
		dst = append(dst, b...)
	}
	return dst, nil
}

func (f *Fences) check() error {
	total := 0
	for i, b := range f.Blobs {
		if len(b) == 0 {
			return fmt.Errorf("blob %d: empty", i)
		}
		total += len(b)
	}
	switch {
	case f.Version == 0:
		return errors.New("version: 0")
	case !(math.Abs(f.Lat) <= 90 && math.Abs(f.Lon) <= 180): // NaN neither
		return fmt.Errorf("centre: %v, %v is no place on earth", f.Lat, f.Lon)
	case !(f.RadiusM >= 0 && f.RadiusM <= MaxFencesRadiusM):
		return fmt.Errorf("radius: %v is not in 0 to %d m", f.RadiusM, MaxFencesRadiusM)
	case len(f.Blobs) > MaxFences:
		return fmt.Errorf("fences: %d, at most %d", len(f.Blobs), MaxFences)
	case total > MaxFencesBytes:
		return fmt.Errorf("blobs: %d bytes, at most %d", total, MaxFencesBytes)
	}
	return nil
}

// DecodeFences reads the message, but not what is in the blobs, which are parts of msg.
func DecodeFences(msg []byte) (Fences, error) {
	in := open(msg, TypeFences)
	f := Fences{Version: in.number("version", 0)}
	f.Lat, f.Lon = float64(in.signed("lat"))/stepsPerDegree, float64(in.signed("lon"))/stepsPerDegree
	f.RadiusM = float64(in.number("radius", MaxFencesRadiusM))
	n := in.number("fences", MaxFences)
	for i := uint64(0); i < n && in.err == nil; i++ {
		f.Blobs = append(f.Blobs, in.bytes("blob", MaxFencesBytes))
	}
	if in.err == nil {
		if err := f.check(); err != nil {
			in.fail(err.Error())
		}
	}
	return f, in.end()
}

// AppendNotice appends the message; a text longer than fits is cut.
func AppendNotice(dst []byte, n Notice) []byte {
	dst = appendText(append(dst, byte(TypeNotice)), n.ID)
	dst = binary.AppendVarint(dst, n.At.UnixMilli())
	return appendText(dst, n.Text)
}

// DecodeNotice reads the message.
func DecodeNotice(msg []byte) (Notice, error) {
	in := open(msg, TypeNotice)
	n := Notice{ID: in.text("id"), At: in.time("time"), Text: in.text("text")}
	if in.err == nil && n.ID == "" {
		in.fail("id: empty")
	}
	return n, in.end()
}
