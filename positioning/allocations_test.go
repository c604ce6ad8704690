package positioning

import (
	"runtime"
	"testing"
	"time"

	gonmea "github.com/adrianmo/go-nmea"

	"dipper/positioning/nmea"
)

// BenchmarkAllocations counts what go-nmea allocates for a sentence and what the whole way from bytes to fixes does, on the
// sentences of one recording that both parse. go-nmea alone is its SentenceParser as it comes, without our corrections.
func BenchmarkAllocations(b *testing.B) {
	for _, name := range []string{"quectel-l76k-dual", "hangzhou-bds-gps-drive", "boat-amsterdam"} {
		b.Run(name, func(b *testing.B) {
			sentences, stream := bothParse(readRecording(b, recordings+name+".nmea"))
			lib := gonmea.SentenceParser{}
			d := NewDecoder(DecoderConfig{})
			var ours, theirs uint64
			n := 0
			for b.Loop() {
				theirs += mallocs(func() {
					for _, s := range sentences {
						_, _ = lib.Parse(s) // all of them parse: see bothParse
					}
				})
				ours += mallocs(func() { d.Write(stream, time.Time{}) })
				n += len(sentences)
			}
			b.ReportMetric(float64(ours)/float64(n), "allocs/sentence")
			b.ReportMetric(float64(theirs)/float64(n), "allocs/sentence-go-nmea")
			b.ReportMetric(float64(ours)/float64(n)-float64(theirs)/float64(n), "allocs/sentence-beyond-go-nmea")
			b.ReportMetric(float64(ours)/float64(theirs), "x/go-nmea-alone")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// bothParse is the sentences of a recording that go-nmea and our parser take, one by one and as the bytes of a wire.
func bothParse(data []byte) (sentences []string, stream []byte) {
	var f nmea.Framer
	ours := nmea.NewParser()
	lib := gonmea.SentenceParser{}
	f.Write(data, func(sentence []byte) {
		if _, err := ours.Parse(sentence); err != nil {
			return
		}
		if _, err := lib.Parse(string(sentence)); err != nil {
			return
		}
		sentences = append(sentences, string(sentence))
		stream = append(append(stream, sentence...), '\r', '\n')
	})
	return sentences, stream
}

// mallocs is how many objects do allocates.
func mallocs(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}
