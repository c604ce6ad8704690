package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dipper/positioning/track"
)

func FuzzScan(f *testing.F) {
	whole := appendHeader(nil, 7, 1)
	whole = appendRangesRecord(whole, kindHeld, nil)
	b, err := track.AppendBatch(nil, track.Batch{Series: 7, First: 1, Fixes: fixesFrom(1, 3)})
	if err != nil {
		f.Fatal(err)
	}
	whole = append(whole, b...)
	whole = appendRangesRecord(whole, kindAcked, upTo(2))
	whole = appendSeal(whole, upTo(3))
	f.Add(whole)
	f.Add(whole[5:])
	f.Add(append(bytes.Clone(whole[:40]), whole[20:]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := scanAll(t, data)
		if s.size+s.torn != int64(len(data)) {
			t.Fatalf("size %d + torn %d is not %d", s.size, s.torn, len(data))
		}
		again := scanAll(t, data[:s.size])
		if again.torn != 0 || !slices.Equal(again.fixes, s.fixes) || !slices.Equal(again.acked, s.acked) {
			t.Fatalf("without the torn tail: %+v, with it %+v", again, s)
		}
		in := recordReader{r: bytes.NewReader(data)}
		for {
			rec, err := in.next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, errTorn) {
					t.Fatal(err)
				}
				break
			}
			if len(rec) == 0 {
				t.Fatal("empty record")
			}
		}
	})
}

// Whatever the last segment has become: the segment before it is read back, every fix has a number of its own, and the next one
// is new; nothing appeared or went when the spool is opened once more.
func FuzzOpen(f *testing.F) {
	tail := appendRangesRecord(appendStateRecord(appendHeader(nil, 7, 4), state{unit: "net-1", open: true}), kindHeld, upTo(2))
	b, err := track.AppendBatch(nil, track.Batch{Series: 7, First: 4, Fixes: fixesFrom(4, 3)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(bytes.Clone(tail), b...), true)
	f.Add(appendSeal(append(bytes.Clone(tail), b...), track.Ranges{{First: 4, Last: 6}}), true)
	f.Add(append(appendRangesRecord(append(bytes.Clone(tail), b...), kindAcked, track.Ranges{{First: 5, Last: 900}}), b[:20]...), false)
	first, err := track.AppendBatch(appendRangesRecord(appendHeader(nil, 7, 1), kindHeld, nil), track.Batch{Series: 7, First: 1, Fixes: fixesFrom(1, 3)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, right bool) {
		last := bytes.Clone(data)
		if right {
			sumRight(last)
		}
		if lyingSeal(t, last) {
			t.Skip("a seal with a right checksum that leaves fixes out is not what a disk makes of one")
		}
		dir := t.TempDir()
		for i, data := range [][]byte{appendSeal(bytes.Clone(first), upTo(3)), last} {
			if err := os.WriteFile(filepath.Join(dir, segmentName(7, uint32(i))), data, fileMode); err != nil {
				t.Fatal(err)
			}
		}
		o := quick()
		o.disk = newBrokenDisk(dir)
		s := mustOpen(t, dir, o)
		before := all(t, s)
		for seq := range track.Seq(3) {
			if !before[seq+1].Equal(fixAt(int(seq + 1))) {
				t.Fatalf("fix %d of the finished segment is %+v", seq+1, before[seq+1])
			}
		}
		r, err := s.Append(fixesFrom(5000, 1))
		if errors.Is(err, track.ErrInvalid) {
			return // the last number there can be was given
		}
		if err != nil {
			t.Fatal(err)
		}
		for seq := range before {
			if seq >= r.First {
				t.Fatalf("number %d is given again: fix %d is there", r.First, seq)
			}
		}
		s.Close()
		after := all(t, mustOpen(t, dir, o))
		if !after[r.First].Equal(fixAt(5000)) || len(after) != len(before)+1 {
			t.Fatalf("%d fixes and one more became %d, the one more is %+v", len(before), len(after), after[r.First])
		}
		for seq, f := range before {
			if !after[seq].Equal(f) {
				t.Fatalf("fix %d was %+v and became %+v", seq, f, after[seq])
			}
		}
	})
}

// lyingSeal reports whether a segment of series 7 ends in a seal that does not name all fixes in it.
func lyingSeal(tb testing.TB, data []byte) bool {
	tb.Helper()
	var seal track.Ranges
	s, err := scanFrom(bytes.NewReader(data), 7, func(r record, _ []byte, _ int64) { seal = r.ranges })
	if err != nil {
		tb.Fatal(err)
	}
	return s.sealed && len(s.fixes.Subtract(seal)) > 0
}

// sumRight puts the checksums of the header and of the records behind it right; hardly any mutation would be a record
// otherwise.
func sumRight(data []byte) {
	for size := headerBytes; size > checksumBytes && size <= len(data); size = recordSize(data) {
		sum := data[size-checksumBytes:]
		if data[0] == kindSeal {
			sum = data[size-checksumBytes-sealFooter:]
		}
		binary.LittleEndian.PutUint32(sum, crc32.Checksum(data[:len(data)-len(sum)], castagnoli))
		data = data[size:]
	}
}

// scanAll scans in memory, for series 7.
func scanAll(tb testing.TB, data []byte) scan {
	tb.Helper()
	s, err := scanFrom(bytes.NewReader(data), 7, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
