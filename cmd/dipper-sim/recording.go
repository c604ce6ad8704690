package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// recording is a real receiver's log cut into epochs, to be played in a loop with its times moved to the present. Everything
// but time and date stays as it was recorded, the checksums excepted.
type recording struct {
	name   string
	epochs []recordedEpoch
	pause  time.Duration // between the end of one loop and the start of the next
}

// recordedEpoch is the lines from one sentence with a new time to the next such.
type recordedEpoch struct {
	at    time.Duration // since the recording's first epoch
	lines [][]byte      // without line ends
}

// timeField says where a sentence type has its UTC time of day, and its date (-1: none).
type timeField struct{ clock, date int }

var timeFields = map[string]timeField{ // Source: gpsd www/NMEA.adoc
	"RMC": {1, 9}, "GGA": {1, -1}, "GNS": {1, -1}, "GLL": {5, -1}, "GST": {1, -1}, "GBS": {1, -1}, "ZDA": {1, 2},
}

// errNoTimes is returned for a file in which no sentence has a time.
var errNoTimes = errors.New("no sentence with a time of day")

// openRecording reads a file of NMEA sentences. Lines of other kinds are left out.
func openRecording(path string, pause time.Duration) (*recording, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &recording{name: path, pause: pause}
	var first, last time.Duration
	for line := range bytes.Lines(data) {
		line = bytes.TrimRight(line, "\r\n")
		line = line[max(0, bytes.LastIndexByte(line, '$')):] // a module's binary frames stand right before a sentence
		if len(line) == 0 || line[0] != '$' || bytes.IndexByte(line, '*') < 0 {
			continue
		}
		clock, ok := clockOf(line)
		switch {
		case ok && len(r.epochs) == 0:
			first, last = clock, clock
			r.epochs = append(r.epochs, recordedEpoch{})
		case ok && clock != last:
			at := clock - first
			if at < 0 { // across midnight
				at += 24 * time.Hour
			}
			last = clock
			r.epochs = append(r.epochs, recordedEpoch{at: at})
		}
		if n := len(r.epochs); n > 0 {
			r.epochs[n-1].lines = append(r.epochs[n-1].lines, bytes.Clone(line))
		}
	}
	if len(r.epochs) == 0 {
		return nil, fmt.Errorf("%s: %w", path, errNoTimes)
	}
	return r, nil
}

// appendEpoch writes an epoch as if it had been received at a time.
func (e recordedEpoch) appendEpoch(dst []byte, at time.Time) []byte {
	for _, line := range e.lines {
		dst = appendMoved(dst, line, at)
	}
	return dst
}

// appendMoved writes a sentence with its time of day and date replaced by at's, keeping the number of decimals.
func appendMoved(dst, line []byte, at time.Time) []byte {
	body := line[1:bytes.IndexByte(line, '*')]
	fields := bytes.Split(body, []byte{','})
	where, ok := timeFields[sentenceType(fields[0])]
	if !ok || where.clock >= len(fields) || len(fields[where.clock]) < 6 {
		return appendSentence(dst, string(body))
	}
	layout := "150405"
	if decimals := len(fields[where.clock]) - len("150405."); decimals > 0 {
		layout += "." + "000000000"[:min(decimals, 9)]
	}
	fields[where.clock] = []byte(at.Format(layout))
	switch {
	case sentenceType(fields[0]) == "ZDA" && len(fields) > 4:
		fields[2], fields[3], fields[4] = []byte(at.Format("02")), []byte(at.Format("01")), []byte(at.Format("2006"))
	case where.date >= 0 && where.date < len(fields) && len(fields[where.date]) == 6:
		fields[where.date] = []byte(at.Format("020106"))
	}
	return appendSentence(dst, string(bytes.Join(fields, []byte{','})))
}

// sentenceType is the last three letters of an address such as GNRMC; "" for a proprietary or short one.
func sentenceType(address []byte) string {
	if len(address) != 5 || address[0] == 'P' {
		return ""
	}
	return string(address[2:])
}

// clockOf is the time of day that a sentence carries.
func clockOf(line []byte) (time.Duration, bool) {
	fields := bytes.Split(line[1:bytes.IndexByte(line, '*')], []byte{','})
	where, ok := timeFields[sentenceType(fields[0])]
	if !ok || where.clock >= len(fields) || len(fields[where.clock]) < 6 {
		return 0, false
	}
	s := string(fields[where.clock])
	hour, errHour := strconv.Atoi(s[0:2])
	minute, errMinute := strconv.Atoi(s[2:4])
	second, errSecond := strconv.ParseFloat(s[4:], 64)
	if errHour != nil || errMinute != nil || errSecond != nil {
		return 0, false
	}
	d := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second*1000+0.5)*time.Millisecond
	return d, true
}
