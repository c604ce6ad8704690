// Package nmea turns the bytes of a satellite receiver into checked, typed NMEA 0183 sentences.
//
// Two types share the work. A Framer finds sentences in a byte stream that also holds binary protocols, cut and merged
// lines, comments and noise, and lets through only those whose checksum is right. A Parser gives each of them a type.
// It is built on github.com/adrianmo/go-nmea, which splits a sentence and knows its address; what real Beidou modules send
// beyond that library is corrected in one place, corrections.go, with the reason beside each correction. Makers' own
// sentences with a position or an error are read in vendor.go, their logs, which begin with a hash sign, in log.go.
//
// Both live on one wire and are not safe for concurrent use. Neither allocates once warm except for what go-nmea needs.
// Whatever the bytes are, nothing here panics, blocks or grows.
//
// The standard itself (NMEA 0183, sold on paper) was not read at first hand; facts come from gpsd's www/NMEA.adoc and its
// driver, from makers' manuals, and from recordings of real receivers. Comments name the source.
package nmea
