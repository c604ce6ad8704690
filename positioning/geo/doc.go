// Package geo is coordinates and distances on the earth. Everything inside Dipper is WGS-84, which at the accuracy of a
// vehicle's receiver is the same as CGCS2000 (0.1 mm in the axis, decimetres in the frame). The package is pure: no I/O,
// no state.
package geo
