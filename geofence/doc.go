// Package geofence decides which vehicle was in which place, from when to when. It has three parts:
//
//   - Fence and Shape: a place with rules. Polygons with holes, several polygons, circles and corridors, read from GeoJSON
//     by ParseFeature, which refuses what is wrong with the field, the reason and the place.
//   - Index: many fences, immutable, asked for the few near a point.
//   - Ledger: Step takes a unit's State and its next fix and says what happened. It is a pure function: the same state, fix
//     and index give the same events on every machine, on board and in the centre. There is no clock, no I/O, no goroutine.
//
// # Geometry
//
// Everything lies on a lattice of 1e-7 degrees (1.1 cm or less), the resolution at which fixes travel. Vertices and points
// are rounded to it once, and containment is then decided in whole numbers, without any rounding. Edges are straight in
// longitude and latitude, as RFC 7946 section 3.1.1 says: an edge of 1 km bows from the geodesic by 0.01 m at 36° north,
// one of 10 km by 1.4 m, one of 100 km by 140 m (length² × tan latitude / 8R). An edge goes the short way round the earth, so a ring
// may cross the 180° meridian. Its west and south borders belong to a polygon, its east and north borders do not, so a point
// on a border that two polygons share vertex by vertex is in exactly one of them.
//
// Distances in metres are on the WGS-84 ellipsoid by its radii of curvature at the middle latitude. Near a border, where
// hysteresis needs them, they are good to a few millimetres; at 10 km from it to 0.1 % up to 45° of latitude and to 0.3 % at 80°.
// Circles and corridors are the places nearer than the radius, or half the width, by that distance; a corridor has round ends and bends.
//
// # Visits
//
// A vehicle on the line must not flap, and a truck that drives through a gate must be told of at once. So a visit opens at the
// first fix deeper inside than a band, and closes at the first fix farther outside than a band; Band says how wide, from the
// error of the fix itself. The time of the event is another matter: it is when the border was crossed, interpolated between the
// last fix on the old side and the first on the new side of the run that proved it, with a bound in seconds. See Ledger.
//
// # Speed
//
// Most fixes change nothing. A Ledger that is kept knows a rectangle around the vehicle that no border meets, and asks the Index
// again only when the vehicle has left it, or a fence there has come or ended. That is memory beside the State: without it every
// event and every byte of the State are the same.
package geofence
