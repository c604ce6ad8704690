package geofence

import (
	"fmt"
	"strings"

	"dipper/positioning/geo"
)

// InvalidError says why a fence was refused. ParseFeature, UnmarshalFence and the constructors of shapes return it, always as
// *InvalidError.
type InvalidError struct {
	Field  string // the member at fault: "geometry", "radius_m", "dwell_s"; "" for the document as a whole
	Path   string // where it stands: "geometry.coordinates[0][3]", "properties.dwell_s"; may be ""
	Reason string // in words, lower case
	At     geo.Point
	HasAt  bool // At is the place on the earth
}

// Error names the path, the reason and the place.
func (e *InvalidError) Error() string {
	var b strings.Builder
	b.WriteString("fence")
	switch {
	case e.Path != "":
		b.WriteString(" " + e.Path)
	case e.Field != "":
		b.WriteString(" " + e.Field)
	}
	b.WriteString(": " + e.Reason)
	if e.HasAt {
		fmt.Fprintf(&b, " (at lon %.7f, lat %.7f)", e.At.Lon, e.At.Lat)
	}
	return b.String()
}

// within puts the error below a path and names its field.
func (e *InvalidError) within(field, path string) *InvalidError {
	c := *e
	c.Field, c.Path = field, path+e.Path
	return &c
}

func invalid(path, format string, args ...any) *InvalidError {
	return &InvalidError{Path: path, Reason: fmt.Sprintf(format, args...)}
}

func invalidAt(p geo.Point, path, format string, args ...any) *InvalidError {
	e := invalid(path, format, args...)
	e.At, e.HasAt = p, true
	return e
}
