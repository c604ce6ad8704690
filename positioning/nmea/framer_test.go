package nmea

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	rmc = "$GNRMC,055234.000,A,4739.71890,N,12219.58362,W,0.00,286.35,050826,,,A,V*13"
	gll = "$GNGLL,4739.71890,N,12219.58362,W,055234.200,A,A*5F"
	txt = "$GPTXT,01,01,01,ANTENNA OK*35"
	// uniheading is of a UM982.
	uniheading = `#UNIHEADINGA,78,GPS,FINE,2428,116060000,0,0,18,11;SOL_COMPUTED,NARROW_INT,1.4773,179.0284,-2.4202,0.0000,` +
		`0.8259,1.0921,"999",27,21,21,15,3,01,3,f3*5d424350`
)

func frame(pieces ...string) ([]string, FramerStats) {
	var f Framer
	var got []string
	for _, p := range pieces {
		f.Write([]byte(p), func(s []byte) { got = append(got, string(s)) })
	}
	f.Close()
	return got, f.Stats()
}

// sum gives a sentence its checksum.
func sum(body string) string {
	var c byte
	for i := range len(body) {
		c ^= body[i]
	}
	return fmt.Sprintf("$%s*%02X", body, c)
}

func TestFramer(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want []string
		stat FramerStats // Bytes and Sentences are filled in
	}{
		{name: "CR LF", in: rmc + "\r\n" + gll + "\r\n", want: []string{rmc, gll}},
		{name: "LF", in: rmc + "\n" + gll + "\n", want: []string{rmc, gll}},
		{name: "CR", in: rmc + "\r" + gll + "\r", want: []string{rmc, gll}},
		{name: "no line end", in: rmc, want: []string{rmc}},
		{name: "merged", in: rmc + gll, want: []string{rmc, gll}},
		{name: "lower-case checksum", in: strings.Replace(gll, "*5F", "*5f", 1), want: []string{strings.Replace(gll, "*5F", "*5f", 1)}},
		{name: "encapsulated", in: "!AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0*7D\r\n", want: []string{"!AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0*7D"}},
		{name: "tag block", in: `\s:r3669961,c:1120959341*51\` + gll + "\r\n", want: []string{gll}, stat: FramerStats{TagBlocks: 1}},
		{name: "cut by the next", in: rmc[:30] + gll + "\r\n", want: []string{gll}, stat: FramerStats{Cut: 1}},
		{name: "cut by the line end", in: rmc[:30] + "\r\n" + gll, want: []string{gll}, stat: FramerStats{NoChecksum: 1}},
		{name: "cut in the checksum", in: rmc[:len(rmc)-1] + "\r\n" + gll, want: []string{gll}, stat: FramerStats{NoChecksum: 1}},
		{name: "cut by the end", in: gll + rmc[:30], want: []string{gll}, stat: FramerStats{NoChecksum: 1}},
		{name: "wrong checksum", in: rmc[:len(rmc)-2] + "14\r\n" + gll, want: []string{gll}, stat: FramerStats{BadChecksum: 1}},
		{name: "wrong checksum, merged", in: rmc[:len(rmc)-2] + "14" + gll, want: []string{gll}, stat: FramerStats{BadChecksum: 1}},
		{name: "wrong checksum at the end", in: rmc[:len(rmc)-2] + "14", stat: FramerStats{BadChecksum: 1}},
		{name: "checksum missing", in: "$GPGGA,1,2,3\r\n" + gll, want: []string{gll}, stat: FramerStats{NoChecksum: 1}},
		{name: "CRC-32", in: "$KSXT,20190909084745.00,116.23662400*33736701\r\n" + gll, want: []string{gll}, stat: FramerStats{LongSum: 1}},
		{name: "binary in front", in: "\xba\xce\x10\x00\x01\x02$\x01*\x8f" + gll, want: []string{gll}, stat: FramerStats{NoiseBytes: 9}},
		{name: "stray dollar", in: "\x01$\x02\x03\r\n" + gll, want: []string{gll}, stat: FramerStats{NoiseBytes: 4}},
		{name: "dollar in the text", in: sum("GPTXT,01,01,02,5$ a day!"), want: []string{sum("GPTXT,01,01,02,5$ a day!")}},
		{name: "tag block cut by a sentence", in: "\\s:r3669961" + rmc + "\r\n\\c:1\r\n" + gll, want: []string{rmc, gll}, stat: FramerStats{NoiseBytes: 15}},
		{name: "grouped tag blocks", in: "\\g:1-2-73874,n:157036*4A\\" + rmc + "\r\n\\g:2-2-73874*58\\" + gll, want: []string{rmc, gll}, stat: FramerStats{TagBlocks: 2}},
		{name: "backslash in binary", in: "\\\x01\\" + strings.Repeat("y", 100) + gll, want: []string{gll}, stat: FramerStats{NoiseBytes: 103}},
		{name: "tag block at the end", in: gll + "\\s:x*00", want: []string{gll}, stat: FramerStats{NoiseBytes: 7}},
		{name: "KSXT with CRC-32", in: ksxtLong + "\r\n" + gll, want: []string{ksxtLong, gll}},
		{name: "KSXT with a wrong CRC-32", in: ksxtLong[:40] + "9" + ksxtLong[41:] + "\r\n" + gll, want: []string{gll}, stat: FramerStats{LongSum: 1}},
		{name: "binary before a CRC-32", in: "\x01\x02$" + ksxtLong, want: []string{ksxtLong}, stat: FramerStats{NoiseBytes: 3}},
		{name: "star in the text", in: sum("GPTXT,01,01,02,4*z")[0:18] + "x\r\n" + gll, want: []string{gll}, stat: FramerStats{NoChecksum: 1}},
		{name: "NULs", in: "\x00\x00" + rmc[:20] + "\x00" + rmc[20:] + "\r\n\x00" + gll, want: []string{rmc, gll}},
		{name: "comment", in: "# Name: x " + gll + "\n#" + rmc + "\r\n" + txt, want: []string{txt}, stat: FramerStats{Comments: 2}},
		{name: "a log", in: bestpos + "\r\n" + gll, want: []string{bestpos, gll}},
		{name: "a log without a line end", in: bestpos + gll + bestnav, want: []string{bestpos, gll}, stat: FramerStats{NoiseBytes: uint64(len(bestnav))}},
		{name: "a log of another kind", in: uniheading + "\r\n", want: []string{uniheading}},
		{name: "a log with a wrong CRC-32", in: "#UNIHEADINGA,COM1,0;SOL*1a2b3c4d\r\n" + gll, want: []string{gll}, stat: FramerStats{LongSum: 1}},
		{name: "a log cut by a sentence", in: bestpos[:60] + gll + "\r\n", want: []string{gll}, stat: FramerStats{Cut: 1}},
		{name: "a log cut by the end", in: bestpos[:60], stat: FramerStats{LongSum: 1}},
		{name: "a sentence in a comment", in: "# like " + gll + "\r\n" + rmc, want: []string{rmc}, stat: FramerStats{Comments: 1}},
		{name: "binary without a control character after a hash", in: "\xb5\x62\n#\xb5\xd3" + gll + "\r\n", want: []string{gll}, stat: FramerStats{NoiseBytes: 5}},
		{name: "a comment in Chinese", in: "# 北斗 $GP 模块\r\n" + gll, want: []string{gll}, stat: FramerStats{Comments: 1}},
		{name: "hash in binary", in: "\r\n#\x02\x03" + gll, want: []string{gll}, stat: FramerStats{NoiseBytes: 2}},
		{name: "hash in a line", in: "x#" + gll, want: []string{gll}, stat: FramerStats{NoiseBytes: 2}},
		{name: "too long", in: "$GPTXT," + strings.Repeat("x", 2*MaxLineLen) + gll, want: []string{gll}, stat: FramerStats{Overlong: 1, NoiseBytes: MaxLineLen + 6}},
		{name: "long noise after a start", in: "$GP" + strings.Repeat("x", MaxLineLen-10) + gll, want: []string{gll}, stat: FramerStats{Overlong: 1}},
		{name: "longest", in: sum("GPTXT," + strings.Repeat("x", MaxLineLen-10)), want: []string{sum("GPTXT," + strings.Repeat("x", MaxLineLen-10))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, stats := frame(tt.in)
			if !slices.Equal(got, tt.want) {
				t.Errorf("sentences %q, want %q", got, tt.want)
			}
			tt.stat.Bytes, tt.stat.Sentences = uint64(len(tt.in)), uint64(len(tt.want))
			if stats != tt.stat {
				t.Errorf("counted %+v\nwant    %+v", stats, tt.stat)
			}
		})
	}
}

// ksxtLong is a real $KSXT with a CRC-32. Source: public Android driver of a ComNav receiver.
const ksxtLong = "$KSXT,20201222075720.00,119.17084152,32.07387900,83.5770,269.94,1.19,207.28,0.001,,3,3,25,25,-3.617,-4.468,-7.860,-0.000,-0.001,-0.022,1.0,56,*33736701"

func TestFramerSlicing(t *testing.T) {
	in := bestnav + "\r\n# note\r\n\xb5\x62\x01" + rmc + "\r\n" + rmc[:20] + gll + "\x00\n" + rmc[:len(rmc)-2] + "14" + txt
	want, stats := frame(in)
	if len(want) != 4 {
		t.Fatalf("%d sentences, want 4", len(want))
	}
	for cut := range len(in) {
		got, s := frame(in[:cut], in[cut:])
		if !slices.Equal(got, want) || s != stats {
			t.Errorf("cut at %d: %q %+v, want %q %+v", cut, got, s, want, stats)
		}
	}
	pieces := strings.Split(in, "")
	if got, s := frame(pieces...); !slices.Equal(got, want) || s != stats {
		t.Errorf("byte by byte: %q %+v", got, s)
	}
}

func TestFramerAllocates(t *testing.T) {
	var f Framer
	data := []byte(strings.Repeat(rmc+"\r\n"+gll+"\r\n\x01\x02", 10))
	n := 0
	emit := func(s []byte) { n += len(s) }
	f.Write(data, emit)
	if a := testing.AllocsPerRun(100, func() { f.Write(data, emit) }); a != 0 {
		t.Errorf("%v allocations a write, want none", a)
	}
}

func FuzzFramer(f *testing.F) {
	f.Add([]byte(rmc + "\r\n" + gll))
	f.Add([]byte(`\s:r3669961,c:1*51\` + ksxtLong))
	f.Add([]byte("# x\n$\x00$GP*$!*4"))
	f.Add([]byte(bestpos + "\n" + bestnav[:40] + gll))
	f.Add([]byte("\\s:x*00\\!AIVDM,1*7D$GPGGA*5a5a5a5a5a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var whole, split Framer
		var a, b [][]byte
		whole.Write(data, func(s []byte) { a = append(a, bytes.Clone(s)) })
		for i := range data {
			split.Write(data[i:i+1], func(s []byte) { b = append(b, bytes.Clone(s)) })
		}
		whole.Close()
		split.Close()
		if !slices.EqualFunc(a, b, bytes.Equal) || whole.Stats() != split.Stats() {
			t.Fatalf("whole %q %+v\nsplit %q %+v", a, whole.Stats(), b, split.Stats())
		}
		for _, s := range a {
			if star := len(s) - 9; star > 0 && s[star] == '*' { // eight digits; bytes.LastIndexByte could not tell a '*' in the text
				if got := fmt.Sprintf("%08X", longSum(s[1:star])); strings.EqualFold(got, string(s[star+1:])) {
					continue
				}
			}
			var sum byte
			for _, c := range s[1 : len(s)-3] {
				sum ^= c
			}
			if got := fmt.Sprintf("%02X", sum); !strings.EqualFold(got, string(s[len(s)-2:])) {
				t.Fatalf("let through %q, whose sum is %s", s, got)
			}
		}
	})
}
