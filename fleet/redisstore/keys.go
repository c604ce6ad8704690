package redisstore

import (
	"strconv"

	"dipper/fleet"
	"dipper/fleet/cell"
)

// What lies where. The part in braces is the hash tag: keys with the same tag are in the same slot. s is the tag of a unit's
// shard, p a cell of cell.Directory in hexadecimal.
//
//	v:{s}:unit       string  version 8, mark 8, position 72, state; the commit point
//	t:{s}:unit:day   string  the day's segments, appended; expires with retention
//	l:{s}:unit       set     the days of the track
//	x:{s}:unit       hash    event id → latest revision
//	y:{s}:unit       zset    event id by fix time in seconds
//	f:{s}:unit       set     fences with an open visit
//	u:{s}            set     the shard's units
//	o:{s}            hash    outbox: unit → events that may not be in the log yet
//	c:{p}:cell       hash    unit → version of the step that brings it into the cell
//	d:{p}            set     occupied working cells below p
//	d                set     every p that ever was occupied: 41,162 at most
//	i:fence          hash    unit → version of the step that opens the visit
//	{e}:log          stream  n-mark: event id → event
//	{e}:ids          hash    event id → first entry, last entry, revisions in the log
//	w:{tag}          string  empty: written before waiting for replicas
//	g:{kind}         hash    document id → revision:data
//	g:{kind}:log     stream  n-0, the last fleet.ChangesKept: n counts the changes of the kind, id is the document's
//	p:{r}:area       sharded channel: what nodes say about the units in an area; r is the tag of one of relayGroups slots
//	p:{r}:nodes      sharded channel of all nodes. In database n > 0 the names begin with pn
const (
	logStream = "{e}:log"
	logIDs    = "{e}:ids"
	worldKey  = "d"
)

// shardOf is the shard of a unit: FNV-1a of its id. It must never change, or units would be looked for elsewhere.
func shardOf(unit fleet.UnitID) int {
	const offset, prime = 2166136261, 16777619
	h := uint32(offset)
	for i := range len(unit) {
		h = (h ^ uint32(unit[i])) * prime
	}
	return int(h % shards)
}

func unitKey(kind byte, unit fleet.UnitID) string {
	tag := shardTags[shardOf(unit)]
	key := make([]byte, 0, len("v:{}:")+len(tag)+len(unit))
	key = append(key, kind, ':', '{')
	key = append(append(key, tag...), '}', ':')
	return string(append(key, unit...))
}

func recordKey(unit fleet.UnitID) string { return unitKey('v', unit) }

func trackKey(unit fleet.UnitID, day fleet.Day) string {
	return unitKey('t', unit) + ":" + strconv.Itoa(int(day))
}

func shardKey(kind byte, shard int) string {
	return string([]byte{kind, ':', '{'}) + shardTags[shard] + "}"
}

func hexCell(c cell.ID) string { return strconv.FormatUint(uint64(c), 16) }

func cellKey(c cell.ID) string { return "c:{" + hexCell(directoryOf(c)) + "}:" + hexCell(c) }

func directoryKey(parent cell.ID) string { return "d:{" + hexCell(parent) + "}" }

func insideKey(fence string) string { return "i:" + fence }

func documentsKey(kind string) string { return "g:{" + kind + "}" }

func changesKey(kind string) string { return documentsKey(kind) + ":log" }

// directoryOf is the cell under which a working cell is listed.
func directoryOf(c cell.ID) cell.ID { return cell.Parent(c, cell.Directory) }
