package redisstore

import (
	"strconv"
	"testing"

	"dipper/fleet"
)

func TestShardsAreStable(t *testing.T) {
	// These stand in stored data: a unit whose shard changes is lost.
	for unit, want := range map[fleet.UnitID]string{"unit-1": "v:{8mu}:unit-1", "鲁B-12345": "v:{5cj}:鲁B-12345"} {
		if got := recordKey(unit); got != want {
			t.Errorf("recordKey(%s) = %s, want %s", unit, got, want)
		}
	}
	if got := trackKey("unit-1", -3); got != "t:{8mu}:unit-1:-3" {
		t.Errorf("trackKey = %s", got)
	}
	if got := cellKey(qingdao); got != "c:{8330a1fffffffff}:8730a1209ffffff" {
		t.Errorf("cellKey = %s", got)
	}
}

// slotOf is the slot of a hash tag, by the specification's CRC16 (XMODEM).
func slotOf(tag string) int {
	crc := uint16(0)
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			top := crc & 0x8000
			crc <<= 1
			if top != 0 {
				crc ^= 0x1021
			}
		}
	}
	return int(crc) % slots
}

func TestShardTagsLieEvenly(t *testing.T) {
	if slotOf("123456789") != 0x31c3 {
		t.Fatalf("slot of 123456789 = %#x, the specification says 0x31c3", slotOf("123456789"))
	}
	smallest := map[int]string{} // by slot
	for n := 0; len(smallest) < slots; n++ {
		tag := strconv.FormatInt(int64(n), 36)
		if slot := slotOf(tag); smallest[slot] == "" {
			smallest[slot] = tag
		}
	}
	for shard, tag := range shardTags {
		if want := smallest[shard*slots/shards]; tag != want {
			t.Errorf("tag of shard %d is %q, want %q", shard, tag, want)
		}
	}
}
