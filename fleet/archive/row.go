package archive

import (
	"encoding/binary"
	"math"
	"time"

	"dipper/fleet"
	"dipper/geofence"
	"dipper/positioning"
)

// fixRow is a fix in a file. Null is unknown. testdata/fixes.schema has the columns as readers see them; never rename one.
type fixRow struct {
	Unit     string `parquet:"unit,dict"`
	Series   uint32 `parquet:"series,delta"` // Unix second in which the numbering began
	Seq      int64  `parquet:"seq,delta"`
	Time     int64  `parquet:"time,timestamp(millisecond:utc),delta"`
	Geometry []byte `parquet:"geometry"`
	// The same again for readers that know no geometry.
	Lat float64 `parquet:"lat_deg,split"` // WGS-84
	Lon float64 `parquet:"lon_deg,split"`

	Altitude *float64 `parquet:"altitude_m,optional,dict"` // above mean sea level
	Speed    *float64 `parquet:"speed_mps,optional,dict"`  // over ground
	Course   *float64 `parquet:"course_deg,optional,dict"` // true
	HDOP     *float64 `parquet:"hdop,optional,dict"`
	Err      *float64 `parquet:"err_m,optional,dict"` // horizontal, 1 sigma

	Mode     *int32 `parquet:"mode,optional,dict"` // 1 none, 2 2D, 3 3D
	Solution string `parquet:"solution,optional,dict"`

	Satellites *int32 `parquet:"satellites,optional,dict"` // used, as GGA or GNS say
	BeiDou     *int32 `parquet:"satellites_beidou,optional,dict"`
	GPS        *int32 `parquet:"satellites_gps,optional,dict"`
	GLONASS    *int32 `parquet:"satellites_glonass,optional,dict"`
	Galileo    *int32 `parquet:"satellites_galileo,optional,dict"`
	QZSS       *int32 `parquet:"satellites_qzss,optional,dict"`
	NavIC      *int32 `parquet:"satellites_navic,optional,dict"`
	SBAS       *int32 `parquet:"satellites_sbas,optional,dict"`

	Accepted bool   `parquet:"accepted"`
	Reason   string `parquet:"reason,optional,dict"` // why it was refused; null: it was not
}

// eventRow is one revision of an event in a file.
type eventRow struct {
	ID            string  `parquet:"event_id"`
	Revision      uint32  `parquet:"revision"`
	Retracted     bool    `parquet:"retracted"` // later data showed that it did not happen
	Kind          string  `parquet:"kind,dict"`
	Unit          string  `parquet:"unit,dict"`
	Fence         string  `parquet:"fence,dict"`
	FenceRevision uint64  `parquet:"fence_revision"`
	Time          int64   `parquet:"time,timestamp(millisecond:utc)"`
	PlusMinus     float64 `parquet:"plus_minus_s"`
	Geometry      []byte  `parquet:"geometry"`
	Lat           float64 `parquet:"lat_deg"`
	Lon           float64 `parquet:"lon_deg"`
	Series        uint32  `parquet:"series"`
	Seq           int64   `parquet:"seq"`
	FixTime       int64   `parquet:"fix_time,timestamp(millisecond:utc)"`
	Reason        string  `parquet:"reason,optional,dict"`
}

func rowOfFix(unit fleet.UnitID, x *fleet.TrackFix) fixRow {
	f := &x.Fix
	row := fixRow{
		Unit: string(unit), Series: uint32(x.Series), Seq: int64(x.Seq), Time: f.Time.UnixMilli(),
		Geometry: appendPoint(nil, f.Point.Lon, f.Point.Lat), Lat: f.Point.Lat, Lon: f.Point.Lon,
		Altitude: known(f.AltitudeM), Speed: known(f.SpeedMps), Course: known(f.CourseDeg), HDOP: known(f.HDOP), Err: known(f.ErrM),
		Mode: said(uint8(f.Mode)), Solution: f.Solution.String(), Satellites: said(f.Sats.Total),
		Accepted: f.Verdict == positioning.Accepted, Reason: f.Verdict.String(),
	}
	if f.Sats.Used == ([positioning.NumConstellations]uint8{}) {
		return row
	}
	for c, column := range [...]**int32{
		positioning.GPS: &row.GPS, positioning.GLONASS: &row.GLONASS, positioning.Galileo: &row.Galileo, positioning.BeiDou: &row.BeiDou,
		positioning.QZSS: &row.QZSS, positioning.NavIC: &row.NavIC, positioning.SBAS: &row.SBAS,
	} {
		n := int32(f.Sats.Used[c]) // where any constellation is told, 0 is a number
		*column = &n
	}
	return row
}

// known is nil for an unknown value.
func known(v float64) *float64 {
	if !positioning.Known(v) {
		return nil
	}
	return &v
}

// said is nil for 0, which stands for not said.
func said(v uint8) *int32 {
	if v == 0 {
		return nil
	}
	n := int32(v)
	return &n
}

func rowOfEvent(e *geofence.Event) eventRow {
	return eventRow{
		ID: e.ID, Revision: e.Revision, Retracted: e.Retracted, Kind: string(e.Kind), Unit: e.Unit, Fence: e.Fence,
		FenceRevision: e.FenceRevision, Time: e.Time.UnixMilli(), PlusMinus: e.PlusMinusS,
		Geometry: appendPoint(nil, e.Point.Lon, e.Point.Lat), Lat: e.Point.Lat, Lon: e.Point.Lon,
		Series: e.Series, Seq: int64(e.Seq), FixTime: e.FixTime.UnixMilli(), Reason: e.Reason,
	}
}

// appendPoint appends a point as WKB: 1 for little-endian, 1 for a point, longitude, latitude.
// Source: OGC 06-103r4, 8.2 "Well-known Binary Representation for Geometry"; GeoParquet 1.1.0, "Encoding".
func appendPoint(dst []byte, lon, lat float64) []byte {
	dst = append(dst, 1)
	dst = binary.LittleEndian.AppendUint32(dst, 1)
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(lon))
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(lat))
}

// dayName is 2026-11-23.
func dayName(d fleet.Day) string { return startOf(d).Format(time.DateOnly) }

func startOf(d fleet.Day) time.Time { return time.Unix(int64(d)*86400, 0).UTC() }
