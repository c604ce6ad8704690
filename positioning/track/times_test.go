package track_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dipper/positioning/track"
)

func TestBatchTimesAgreesWithDecoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data, err := track.AppendBatch(nil, drawBatch.Draw(t, "batch"))
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := track.DecodeBatch(data)
		if err != nil {
			t.Fatal(err)
		}
		var oldest, newest time.Time
		for i, f := range b.Fixes {
			if i == 0 || f.Time.Before(oldest) {
				oldest = f.Time
			}
			if i == 0 || f.Time.After(newest) {
				newest = f.Time
			}
		}
		gotOldest, gotNewest, size, err := track.BatchTimes(append(data, "what follows"...))
		if err != nil || size != len(data) || !gotOldest.Equal(oldest) || !gotNewest.Equal(newest) {
			t.Fatalf("BatchTimes = %v, %v, %d, %v, want %v, %v, %d", gotOldest, gotNewest, size, err, oldest, newest, len(data))
		}
	})
}

func FuzzBatchTimes(f *testing.F) {
	data, err := track.AppendBatch(nil, track.Batch{Series: 7, First: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, src []byte) {
		_, _, size, err := track.BatchTimes(src)
		if err != nil && !errors.Is(err, track.ErrCorrupt) && !errors.Is(err, track.ErrVersion) {
			t.Fatal(err)
		}
		b, _, decoded := track.DecodeBatch(src)
		if decoded == nil && (err != nil || size > len(src)) {
			t.Fatalf("a batch of %d fixes decodes, but its times do not: %v", len(b.Fixes), err)
		}
	})
}
