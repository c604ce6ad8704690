// Package track is the numbered fixes of one unit. An onboard unit numbers every fix 1, 2, 3 … without a gap; with the
// unit's id, that number is the fix's identity in the spool, on the wire and in the store. Ranges say which numbers
// somebody has, and Batch is how fixes travel and are stored: one compact, versioned encoding used alike in all three.
// docs/wire.md describes it with test vectors.
package track
