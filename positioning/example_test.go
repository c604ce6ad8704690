package positioning_test

import (
	"fmt"
	"time"

	"dipper/positioning"
)

// A receiver's bytes come in any slicing; fixes come out when their instant is over.
func ExampleDecoder() {
	d := positioning.NewDecoder(positioning.DecoderConfig{})
	show := func(fixes []positioning.Fix) {
		for _, f := range fixes {
			fmt.Printf("%s\n", positioning.AppendJSON(nil, f))
		}
	}
	now := time.Date(2026, 8, 5, 5, 52, 34, 300e6, time.UTC)
	show(d.Write([]byte("\xba\xce$GNGGA,055234.000,4739.71890,N,12219.58362,W,1,14,0.9,76.5,M,-21.6,M,,*48\r\n$GNRMC,0552"), now))
	show(d.Write([]byte("34.000,A,4739.71890,N,12219.58362,W,0.00,286.35,050826,,,A,V*13\r\n"), now))
	show(d.Idle(now.Add(250 * time.Millisecond))) // the line is silent: the instant is over
	// Output:
	// {"time":"2026-08-05T05:52:34.000Z","lat":47.6619817,"lon":-122.3263937,"alt_m":76.5,"speed_mps":0,"course_deg":286.35,"mode":3,"solution":"single","sats":{"total":14},"hdop":0.9,"err_m":4.5,"accepted":true,"reason":""}
}
