package nmea

import (
	gonmea "github.com/adrianmo/go-nmea"

	"dipper/positioning/geo"
)

// The sentences below hold what their fields say, with absence kept: NaN for an unknown number, NoTime, the zero Date, a
// zero byte for an empty letter, HasPoint false for an empty position. Fields not needed for a position are left in
// BaseSentence.Fields.

// RMC is recommended minimum data: the only common sentence that has time, date, position, speed and course.
//
// Format: $--RMC,hhmmss.ss,A,ddmm.mm,N,dddmm.mm,E,knots,course,ddmmyy,variation,E[,mode[,navstatus]]*hh
// Example: $GNRMC,055234.000,A,4739.71890,N,12219.58362,W,0.00,286.35,050826,,,A,V*13
type RMC struct {
	gonmea.BaseSentence
	Time       TimeOfDay
	Date       Date
	Status     byte // 'A' valid, 'V' warning
	Position   Position
	SpeedKnots float64
	CourseDeg  float64 // true
	Mode       byte    // FAA mode: A D E F M N P R S; Quectel also C (caution) and U (unsafe); 0 before NMEA 2.3
	// NavStatus is S, C, U or V from NMEA 4.10 on. V says that the equipment does not provide navigational status. It does
	// not say that the position is invalid: all 582 RMC with this field in gpsd's recordings have it.
	NavStatus byte
}

// GGA is fix data: time, position, quality, altitude. It has no date.
//
// Format: $--GGA,hhmmss.ss,ddmm.mm,N,dddmm.mm,E,quality,satellites,hdop,altitude,M,separation,M,age,station*hh
// Example: $GNGGA,000653.00,4404.12994,N,12118.84613,W,1,29,0.69,1109.2,M,,M,,*71
type GGA struct {
	gonmea.BaseSentence
	Time        TimeOfDay
	Position    Position
	Quality     int8    // 0 none, 1 single, 2 differential, 3 PPS, 4 RTK fixed, 5 RTK float, 6 dead reckoning, 7 manual, 8 simulator, 9 WAAS (NovAtel); -1 empty
	Satellites  int     // used; some firmware stops at 12; -1 empty
	HDOP        float64 // as sent: also 0, 50.0 or 99.99 without a fix
	AltitudeM   float64 // above mean sea level
	SeparationM float64 // geoid above ellipsoid
}

// GNS is fix data of several systems.
//
// Format: $--GNS,hhmmss.ss,ddmm.mm,N,dddmm.mm,E,modes,satellites,hdop,altitude,separation,age,station[,navstatus]*hh
// Example: $GNGNS,053232.438,3114.8789,N,12135.2442,E,ANNA,07,1.2,153.8,8.3,,0000*5F
type GNS struct {
	gonmea.BaseSentence
	Time        TimeOfDay
	Position    Position
	Modes       string // one FAA mode per system, in the order GPS, GLONASS, Galileo, BeiDou, QZSS, NavIC; 0 to 6 letters
	Satellites  int    // -1 empty
	HDOP        float64
	AltitudeM   float64 // above mean sea level
	SeparationM float64
}

// GLL is a position.
//
// Format: $--GLL,ddmm.mm,N,dddmm.mm,E,hhmmss.ss,A[,mode]*hh
// Example: $GNGLL,4739.71890,N,12219.58362,W,055234.200,A,A*5F
type GLL struct {
	gonmea.BaseSentence
	Time     TimeOfDay
	Position Position
	Status   byte // 'A', 'V'; 0 before NMEA 2.0
	Mode     byte
}

// VTG is course and speed over ground, without a time.
//
// Format: $--VTG,course,T,course,M,knots,N,km/h,K[,mode]*hh, before 2.0 $--VTG,course,course,knots,km/h*hh
// Example: $GNVTG,286.35,T,,M,0.00,N,0.00,K,A*29
type VTG struct {
	gonmea.BaseSentence
	CourseDeg  float64 // true
	SpeedKnots float64
	SpeedKmh   float64
	Mode       byte
}

// ZDA is time and date with a four-digit year. It says nothing about validity: at a cold start it shows the module's own
// clock.
//
// Format: $--ZDA,hhmmss.ss,dd,mm,yyyy,zone h,zone min*hh
// Example: $GNZDA,055234.000,05,08,2026,00,00*46
type ZDA struct {
	gonmea.BaseSentence
	Time TimeOfDay
	Date Date
}

// GST is the receiver's own error estimate, 1 sigma, metres. Many leave the ellipse empty.
//
// Format: $--GST,hhmmss.ss,rms,semi-major,semi-minor,orientation,lat,lon,altitude*hh
// Example: $GNGST,231408.00,32,0.19,0.12,97,0.049,0.078,0.088*43
type GST struct {
	gonmea.BaseSentence
	Time   TimeOfDay
	MajorM float64
	MinorM float64
	LatM   float64
	LonM   float64
	AltM   float64
}

// MaxGSASlots is the most satellite slots of one GSA. The standard has 12; NAVIOR's CH-4701 sends 24.
// Source: gpsd test/daemon/ch-4701.log.
const MaxGSASlots = 24

// GSA is the satellites used and their geometry, without a time. One sentence per system, or several.
//
// Format: $--GSA,A,mode,sv×12,pdop,hdop,vdop[,system]*hh
// Example: $GNGSA,A,3,21,34,19,12,44,11,35,36,22,,,,1.05,0.69,0.79,4*0D
type GSA struct {
	gonmea.BaseSentence
	Mode int8   // 1 no fix, 2 2D, 3 3D; 0 empty
	Sys  System // from the system ID, else from the talker, else SystemUnknown
	Used []Satellite
	PDOP float64
	HDOP float64
	VDOP float64
}

// GSV is satellites in view, up to four a sentence, without a time. A satellite comes once for each signal.
//
// Format: $--GSV,total,index,in view,(sv,elevation,azimuth,C/N0)×1..4[,signal]*hh, Quectel's PQ with signal and system
// Example: $GBGSV,4,1,14,07,01,332,,11,23,316,,12,68,259,,19,17,055,23,5*7F
type GSV struct {
	gonmea.BaseSentence
	Sys     System
	Total   int // sentences in this group
	Index   int // 1 to Total
	InView  int // as the sentence says, per talker and mostly per signal
	Signal  int // NMEA 4.11 signal ID, a hexadecimal digit; 0 unknown or all
	Visible []Visible
}

// Visible is a satellite in view.
type Visible struct {
	Satellite
	ElevationDeg int // -1 unknown
	AzimuthDeg   int // -1 unknown
	CN0          int // dB-Hz; 0 not tracked
}

// TXT is a message of the receiver, such as CASIC's "ANTENNA OPEN".
//
// Format: $--TXT,total,index,severity,text*hh
// Example: $GPTXT,01,01,01,ANTENNA OK*35
type TXT struct {
	gonmea.BaseSentence
	Severity int // -1 unknown
	Text     string
}

// DTM is the datum of the positions.
//
// Format: $--DTM,code,subcode,offset,N,offset,E,altitude,reference*hh, on some receivers cut after the subcode
// Example: $GPDTM,W84,,0.0,N,0.0,E,0.0,W84*6F
type DTM struct {
	gonmea.BaseSentence
	Code string // W84, W72, S85, P90, 999 for the user's
}

// Position is a place as a sentence gives it.
type Position struct {
	geo.Point
	Known    bool // false where the fields are empty
	Decimals int8 // of a minute of latitude: two sentences of one instant may differ in resolution
}
