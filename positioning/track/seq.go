package track

// Seq is the agent's gap-free number of a fix within its Series. The first is 1; 0 means none.
type Seq uint64

// Series names one gap-free run of numbers: the Unix time in seconds at which the spool that counts them was made. A unit
// that lost its spool counts from 1 again in a new series, and both are kept.
type Series uint32
