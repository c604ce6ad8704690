package stream

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"dipper/positioning/geo"
)

// jsonTime is RFC 3339 in UTC with milliseconds always there, as everywhere in Dipper's JSON.
const jsonTime = "2006-01-02T15:04:05.000Z"

func appendTime(dst []byte, key string, t time.Time) []byte {
	dst = append(dst, key...)
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, jsonTime)
	return append(dst, '"')
}

// appendText appends a JSON string.
func appendText(dst []byte, s string) []byte {
	plain := utf8.ValidString(s)
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' && s[i] != '"' && s[i] != '\\' && s[i] != 0x7f
	}
	if plain {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	quoted, err := json.Marshal(s)
	if err != nil { // cannot be: json.Marshal mends bad UTF-8
		quoted = []byte(`""`)
	}
	return append(dst, quoted...)
}

func appendField(dst []byte, key, s string) []byte { return appendText(append(dst, key...), s) }

// appendNumber writes a value rounded to a number of decimals, and nothing for an unknown one.
func appendNumber(dst []byte, key string, v float64, decimals int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return dst
	}
	dst = append(dst, key...)
	unit := math.Pow10(decimals)
	return strconv.AppendFloat(dst, math.Round(v*unit)/unit+0, 'f', -1, 64)
}

// appendPoint writes "lat" and "lon" with 7 decimals: 11 mm on the ground.
func appendPoint(dst []byte, p geo.Point) []byte {
	dst = appendNumber(dst, `,"lat":`, p.Lat, 7)
	return appendNumber(dst, `,"lon":`, p.Lon, 7)
}
