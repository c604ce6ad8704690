package nmea

import (
	"strings"
	"time"
)

// TimeOfDay is milliseconds since midnight UTC, 0 to 86,400,000, or NoTime. The upper end is there for 23:59:59.9999,
// which rounds to the midnight that follows.
type TimeOfDay int32

// NoTime is the TimeOfDay of an empty field, as receivers send it before they know the time.
const NoTime TimeOfDay = -1

const (
	// Day is the length of a day as a TimeOfDay.
	Day TimeOfDay = 24 * 3600 * 1000
	// leapSecond is where all of a leap second, 23:59:60 to 23:59:60.999, goes: a time.Time cannot say it, and the next
	// second is another fix's.
	leapSecond = Day - 1
)

// Date is a calendar day. The zero value is an unknown date.
type Date struct {
	Year  int // four digits
	Month time.Month
	Day   int
}

// Known reports whether d is a date.
func (d Date) Known() bool { return d.Day != 0 }

// At is the instant of a time of day on that date.
func (d Date) At(t TimeOfDay) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Add(time.Duration(t) * time.Millisecond)
}

// AddDays is the date n days later.
func (d Date) AddDays(n int) Date {
	y, m, day := time.Date(d.Year, d.Month, d.Day+n, 0, 0, 0, 0, time.UTC).Date()
	return Date{Year: y, Month: m, Day: day}
}

// calendar makes a Date of numbers that name a real day. 31 February is none; go-nmea would make it 3 March.
func calendar(year, month, day int) (Date, bool) {
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return Date{}, false
	}
	if time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() != day {
		return Date{}, false
	}
	return Date{Year: year, Month: time.Month(month), Day: day}, true
}

// century is the year that two digits mean: 80 to 99 are of the last century, which began with GPS time in 1980.
func century(yy int) int {
	if yy >= 80 {
		return 1900 + yy
	}
	return 2000 + yy
}

// parseDate reads ddmmyy.
func parseDate(s string) (Date, bool) {
	if len(s) != 6 {
		return Date{}, false
	}
	dd, ok1 := digits(s[0:2])
	mm, ok2 := digits(s[2:4])
	yy, ok3 := digits(s[4:6])
	if !ok1 || !ok2 || !ok3 {
		return Date{}, false
	}
	return calendar(century(yy), mm, dd)
}

// parseTime reads hhmmss with any fraction, rounded to the millisecond with the carry that go-nmea lacks (.9999 becomes
// the next second there with 1,000 ms). Second 60 is a leap second and stands only at 23:59.
func parseTime(s string) (TimeOfDay, bool) {
	whole, frac, dotted := strings.Cut(s, ".")
	if len(whole) != 6 {
		return NoTime, false
	}
	hh, ok1 := digits(whole[0:2])
	mm, ok2 := digits(whole[2:4])
	ss, ok3 := digits(whole[4:6])
	if !ok1 || !ok2 || !ok3 || hh > 23 || mm > 59 || ss > 60 {
		return NoTime, false
	}
	ms := 0
	if dotted {
		var ok bool
		if ms, ok = thousandths(frac); !ok {
			return NoTime, false
		}
	}
	if ss == 60 {
		return leapSecond, hh == 23 && mm == 59
	}
	return TimeOfDay(((hh*60+mm)*60+ss)*1000 + ms), true
}

// thousandths reads the digits after a decimal point, rounded half up: "2" is 200, "9999" is 1000.
func thousandths(s string) (int, bool) {
	n, scale := 0, 1000
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		switch {
		case i < 3:
			n, scale = n*10+int(c-'0'), scale/10
		case i == 3 && c >= '5':
			n++
		}
	}
	return n * scale, true
}

// parseAngle reads [d]ddmm.mmmm, a latitude or longitude without its hemisphere, in degrees. go-nmea lets minutes of 60
// and more, NaN, and any number of degrees pass.
func parseAngle(s string) (float64, bool) {
	dot := strings.IndexByte(s, '.')
	if dot < 0 {
		dot = len(s)
	}
	if dot < 3 || dot > 5 {
		return 0, false
	}
	deg, ok := digits(s[:dot-2])
	if !ok {
		return 0, false
	}
	minutes, ok := parseDecimal(s[dot-2:])
	if !ok || !(minutes >= 0 && minutes < 60) || s[dot-2] == '-' || s[dot-2] == '+' {
		return 0, false
	}
	return float64(deg) + minutes/60, true
}

// parseDecimal reads a plain decimal number: sign, digits, point, digits. No exponent, no nan, no inf, no hexadecimal: a
// receiver writes none of them, and strconv takes them all. Up to 18 digits are exact before the one division.
func parseDecimal(s string) (float64, bool) {
	neg := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg, s = s[0] == '-', s[1:]
	}
	mantissa, n, decimals, dotted := uint64(0), 0, 0, false
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.' && !dotted:
			dotted = true
			continue
		case c < '0' || c > '9':
			return 0, false
		}
		if n++; mantissa > 1e17 || decimals == maxDecimals { // more digits than a float64 holds: only their weight counts
			if !dotted {
				return 0, false
			}
			continue
		}
		mantissa = mantissa*10 + uint64(c-'0')
		if dotted {
			decimals++
		}
	}
	if n == 0 {
		return 0, false
	}
	v := float64(mantissa) / pow10[decimals]
	if neg {
		v = -v
	}
	return v, true
}

// maxDecimals is the most that pow10 has: 0.00…01 with more zeros is 0.
const maxDecimals = len(pow10) - 1

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// digits reads a number of 1 to 9 decimal digits and nothing else.
func digits(s string) (int, bool) {
	if s == "" || len(s) > 9 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}
