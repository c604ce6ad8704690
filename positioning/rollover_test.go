package positioning

import (
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func decodeAsOf(data []byte, asOf time.Time) ([]Fix, Stats) {
	d := NewDecoder(DecoderConfig{AsOf: asOf})
	fixes := append([]Fix(nil), d.Write(data, time.Time{})...)
	fixes = append(fixes, d.Flush()...)
	return fixes, d.Stats()
}

// TestRolloverRecordings: a Telit HE910 that fell back to 1999 in April 2019, and a GPS-320FW that went through the same
// day unharmed because it was not restarted.
func TestRolloverRecordings(t *testing.T) {
	dir := sharedData(t, "nmea/gpsd")
	tests := []struct {
		name, file  string
		asOf, first time.Time
		rollovers   bool
	}{
		{"as sent", "april6-2019.log", time.Time{}, time.Date(1999, 8, 22, 0, 2, 31, 99e6, time.UTC), false},
		{"repaired", "april6-2019.log", day(2019, 3, 14), time.Date(2019, 4, 7, 0, 2, 31, 99e6, time.UTC), true},
		{"on the day", "april6-2019.log", day(2019, 4, 7), time.Date(2019, 4, 7, 0, 2, 31, 99e6, time.UTC), true},
		{"two cycles", "april6-2019.log", day(2026, 11, 23), time.Date(2038, 11, 21, 0, 2, 31, 99e6, time.UTC), true},
		{"before all", "april6-2019.log", day(1995, 1, 1), time.Date(1999, 8, 22, 0, 2, 31, 99e6, time.UTC), false},
		{"right as sent", "gp-320fw-2019-04-06-overflow.log", day(2019, 4, 6), time.Date(2019, 4, 6, 23, 57, 23, 20e6, time.UTC), false},
		{"late on the day", "gp-320fw-2019-04-06-overflow.log", day(2019, 4, 7).Add(-time.Second), time.Date(2019, 4, 6, 23, 57, 23, 20e6, time.UTC), false},
		{"years before", "gp-320fw-2019-04-06-overflow.log", day(2026, 11, 23), time.Date(2038, 11, 20, 23, 57, 23, 20e6, time.UTC), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent, _ := decodeAsOf(readRecording(t, filepath.Join(dir, tt.file)), time.Time{})
			fixes, stats := decodeAsOf(readRecording(t, filepath.Join(dir, tt.file)), tt.asOf)
			if len(fixes) != len(sent) || len(fixes) == 0 {
				t.Fatalf("%d fixes, %d as sent", len(fixes), len(sent))
			}
			if !fixes[0].Time.Equal(tt.first) {
				t.Errorf("first fix at %v, want %v", fixes[0].Time, tt.first)
			}
			if (stats.Epochs.Rollovers > 0) != tt.rollovers {
				t.Errorf("%d rollovers counted", stats.Epochs.Rollovers)
			}
			for i := range fixes {
				if fixes[i].Time.Sub(sent[i].Time) != fixes[0].Time.Sub(sent[0].Time) {
					t.Errorf("fix %d moved by %v, the first by %v", i, fixes[i].Time.Sub(sent[i].Time), fixes[0].Time.Sub(sent[0].Time))
				}
			}
		})
	}
}

// TestRolloverMidnight: after a repaired date, an instant without one counts on from it.
func TestRolloverMidnight(t *testing.T) {
	fixes, _ := decodeAsOf([]byte(lines(
		"GPRMC,235959.000,A,4829.0005,N,00022.0015,E,0.15,212.28,080407,,,A",
		"GPGGA,000000.000,4829.0005,N,00022.0015,E,1,06,1.2,10.0,M,8.0,M,,",
	)), day(2026, 11, 1))
	if got, want := times(fixes), "11-22T23:59:59.000 11-23T00:00:00.000"; got != want || fixes[1].Time.Year() != 2026 {
		t.Errorf("times %s of %d, want %s of 2026", got, fixes[1].Time.Year(), want)
	}
}

// TestRolloverProperties: the date moves by whole cycles, never back, and to the first that fits.
func TestRolloverProperties(t *testing.T) {
	const cycle = 7168 * 24 * time.Hour
	rapid.Check(t, func(t *rapid.T) {
		sent := day(1980, 1, 6).Add(time.Duration(rapid.IntRange(0, 99*365*24*3600).Draw(t, "sent")) * time.Second)
		asOf := day(1980, 1, 6).Add(time.Duration(rapid.IntRange(0, 99*365*24).Draw(t, "asOf")) * time.Hour)
		fixes, _ := decodeAsOf([]byte(lines(
			sent.Format("GPZDA,150405.000,02,01,2006")+",00,00",
			"GPRMC,"+sent.Format("150405.000")+",A,4829.0005,N,00022.0015,E,0.15,212.28,,,,A",
		)), asOf)
		if len(fixes) != 1 {
			t.Fatalf("%d fixes", len(fixes))
		}
		moved, first := fixes[0].Time.Sub(sent), asOf.Truncate(24*time.Hour)
		if moved < 0 || moved%cycle != 0 || fixes[0].Time.Before(first) || moved > 0 && !fixes[0].Time.Add(-cycle).Before(first) {
			t.Fatalf("%v as of %v became %v", sent, asOf, fixes[0].Time)
		}
	})
}
