// Package cell is where a vehicle is for the index: the H3 cells of the earth, and nothing else of H3. A position is put into its
// cell at one resolution, Working; every coarser cell is that cell's Parent. A view of the map becomes the cells that it may
// show (Cover), and who asks for a view's units reads those cells and then tests each position, so a cover may name cells
// that the view does not touch, but never misses one that it does.
//
// The package is the only one that knows h3-go, which needs a C compiler; docs/decisions have the figures behind the two
// resolutions.
package cell
