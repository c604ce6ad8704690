package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"

	"dipper/fleet"
	"dipper/geofence"
	"dipper/positioning/geo"
	"dipper/receiver/uplink"
)

// leastMoveM is how far a unit goes at least before it is told the fences near it anew, however small the circle that it has.
const leastMoveM = 100

// fencesFor is what one unit was told of fences. Its agent's mu guards it.
type fencesFor struct {
	held fleet.FencesHeld // what the unit may hold from an earlier connection
	sent fleet.FencesHeld // on this connection, or found to be what the unit holds; Version 0: nothing yet
	msg  []byte           // to be sent; nil: nothing
	at   time.Time        // when msg was last set
}

// left reports whether a unit at p should be told the fences near it anew.
func (f *fencesFor) left(p geo.Point) bool { return f.sent.Version == 0 || leaves(f.sent, p) }

// leaves reports whether p is so far from the centre of a circle that the fences near p may soon be out of it.
func leaves(h fleet.FencesHeld, p geo.Point) bool {
	return geo.Distance(h.Centre, p) > max(h.RadiusM/2, leastMoveM)
}

// fencesNear makes the message with the fences near a point: those in force now and those that will be, the nearest first, as many
// as the message's limits allow. Where these cut, the circle for which the set is complete ends before the first that is left out.
// It costs 1 to 2 ms where fences are dense: BenchmarkFencesNear.
func fencesNear(ix *geofence.Index, p geo.Point, now time.Time) (h fleet.FencesHeld, msg []byte, err error) {
	near := ix.Nearby(p, uplink.MaxFencesRadiusM, now, uplink.MaxFences+1)
	f := uplink.Fences{Version: 1, Lat: p.Lat, Lon: p.Lon, RadiusM: uplink.MaxFencesRadiusM}
	total := 0
	for i := range near {
		blob, err := geofence.MarshalFence(near[i].Fence)
		if err != nil {
			return h, nil, err
		}
		if total += len(blob); total > uplink.MaxFencesBytes || i == uplink.MaxFences {
			f.RadiusM = math.Floor(near[i].DistanceM)
			break
		}
		f.Blobs = append(f.Blobs, blob)
	}
	if msg, err = uplink.AppendFences(nil, f); err != nil {
		return h, nil, err
	}
	sum := sha256.Sum256(msg) // with version 1
	f.Version = max(1, binary.BigEndian.Uint64(sum[:]))
	if msg, err = uplink.AppendFences(msg[:0], f); err != nil {
		return h, nil, err
	}
	return fleet.FencesHeld{Version: f.Version, Centre: p, RadiusM: f.RadiusM}, msg, nil
}

// fencesFrom makes the message for a unit at a place: around the centre of the set that it holds if that is not far and its content is
// still what it was, else around the place.
func fencesFrom(ix *geofence.Index, held fleet.FencesHeld, here geo.Point, now time.Time) (fleet.FencesHeld, []byte, error) {
	if held.Version != 0 && !leaves(held, here) {
		if set, msg, err := fencesNear(ix, held.Centre, now); err != nil || set.Version == held.Version {
			return set, msg, err
		}
	}
	return fencesNear(ix, here, now)
}

// changedFences is an index of the revisions that differ between two: new ones, ended ones, forgotten ones. For all times.
func changedFences(before, after *geofence.Index) *geofence.Index {
	a, b := before.Fences(), after.Fences()
	var changed []geofence.Fence
	add := func(f geofence.Fence) {
		f.ValidFrom, f.ValidUntil = time.Time{}, time.Time{}
		changed = append(changed, f)
	}
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && earlier(&a[0], &b[0]):
			add(a[0])
			a = a[1:]
		case len(a) == 0 || earlier(&b[0], &a[0]):
			add(b[0])
			b = b[1:]
		default:
			if !a[0].ValidFrom.Equal(b[0].ValidFrom) || !a[0].ValidUntil.Equal(b[0].ValidUntil) {
				add(b[0])
			}
			a, b = a[1:], b[1:]
		}
	}
	return geofence.NewIndex(changed)
}

// earlier is the order of an index's fences.
func earlier(f, g *geofence.Fence) bool {
	return f.ID < g.ID || f.ID == g.ID && f.Revision < g.Revision
}
