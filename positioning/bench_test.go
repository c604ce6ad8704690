package positioning

import (
	"testing"
	"time"
)

// BenchmarkDecode decodes a CASIC module's recording (Quectel L76K, GPS, BeiDou and GLONASS at 1 Hz, UBX-like binary between
// the sentences) from bytes to fixes, as one core does it for one receiver.
func BenchmarkDecode(b *testing.B) {
	benchDecode(b, "quectel-l76k-dual.nmea")
}

// BenchmarkDecodeHangzhou is a receiver with GPS and BeiDou and nothing else on the wire.
func BenchmarkDecodeHangzhou(b *testing.B) {
	benchDecode(b, "hangzhou-bds-gps-drive.nmea")
}

func benchDecode(b *testing.B, name string) {
	data := readRecording(b, recordings+name)
	_, stats := decodeAll(data)
	perRun := stats.Frames.Sentences
	d := NewDecoder(DecoderConfig{})
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	runs := 0
	for b.Loop() {
		d.Write(data, time.Time{})
		runs++
	}
	seconds := b.Elapsed().Seconds()
	b.ReportMetric(float64(perRun)*float64(runs)/seconds, "sentences/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(perRun)/float64(runs), "ns/sentence")
}
