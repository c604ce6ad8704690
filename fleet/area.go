package fleet

import (
	"dipper/geofence"
	"dipper/positioning/geo"
)

// Area is a part of the earth that somebody asks about. The zero Area is the point 0,0.
type Area struct {
	box   geo.Box // all of it
	shape geofence.Shape
}

// BoxArea is a box, edges included. The error is an *InvalidError.
func BoxArea(b geo.Box) (Area, error) {
	if err := b.Check(); err != nil {
		return Area{}, &InvalidError{Field: "bbox", Reason: err.Error()}
	}
	return Area{box: b}, nil
}

// ShapeArea is a shape, with the borders that Shape.Contains takes in. The error is an *InvalidError, for the zero Shape.
func ShapeArea(s geofence.Shape) (Area, error) {
	if s.Kind() == geofence.NoShape {
		return Area{}, &InvalidError{Field: "within", Reason: "no shape"}
	}
	return Area{box: s.Box(), shape: s}, nil
}

func (a *Area) isBox() bool { return a.shape.Kind() == geofence.NoShape }

func (a *Area) contains(p geo.Point) bool {
	return a.box.Contains(p) && (a.isBox() || a.shape.Contains(p))
}

// meets reports whether the straight way from p to q has a place in the area.
func (a *Area) meets(p, q geo.Point) bool {
	return a.box.Meets(p, q) && (a.isBox() || a.shape.Meets(p, q))
}
