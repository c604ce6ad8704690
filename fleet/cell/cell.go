package cell

// ID is an H3 cell. The zero ID is no cell.
type ID uint64

// Working is the one resolution at which vehicles are indexed: cells of about 5 km² and 1.4 km edge, a port's size. Coarser
// cells are always derived from it by parent, never computed from the position, since the two disagree for 6–7 % of points.
const Working = 7

// Directory is the coarser resolution (cells of about 12,000 km²) by which occupied working cells are listed, so that a view of a
// continent need not name a million working cells.
const Directory = 3
