package receiver

import (
	"dipper/positioning"
)

// SkyStatus is one constellation's satellites in view.
type SkyStatus struct {
	InView  int      `json:"in_view"`
	Tracked int      `json:"tracked"`
	Used    int      `json:"used"`                    // in the latest solution
	MaxCN0  int      `json:"max_cn0_dbhz,omitempty"`  // of the strongest
	MeanCN0 int      `json:"mean_cn0_dbhz,omitempty"` // of those tracked
	Signals []string `json:"signals,omitempty"`       // on which one is tracked: "B1I", "B1C"
}

// SatelliteStatus is one satellite in view. Unknown values are absent.
type SatelliteStatus struct {
	System    string   `json:"system"`
	Number    int      `json:"number"`
	Elevation *int     `json:"elevation_deg,omitempty"`
	Azimuth   *int     `json:"azimuth_deg,omitempty"` // from true north
	CN0       int      `json:"cn0_dbhz,omitempty"`    // absent: not tracked
	Signals   []string `json:"signals,omitempty"`
	Used      bool     `json:"used"`
}

func skyStatus(s positioning.Sky) map[string]SkyStatus {
	m := map[string]SkyStatus{}
	for c := range positioning.NumConstellations {
		if s.InView[c] > 0 {
			m[c.String()] = SkyStatus{
				InView: int(s.InView[c]), Tracked: int(s.Tracked[c]), Used: int(s.Used[c]),
				MaxCN0: int(s.MaxCN0[c]), MeanCN0: int(s.MeanCN0[c]), Signals: s.Signals[c].Names(c),
			}
		}
	}
	return m
}

func satelliteStatus(satellites []positioning.SkySatellite) []SatelliteStatus {
	known := func(deg int) *int {
		if deg < 0 {
			return nil
		}
		return &deg
	}
	var list []SatelliteStatus
	for _, s := range satellites {
		list = append(list, SatelliteStatus{
			System: s.System.String(), Number: int(s.Number), Elevation: known(int(s.ElevationDeg)), Azimuth: known(int(s.AzimuthDeg)),
			CN0: int(s.CN0), Signals: s.Signals.Names(s.System), Used: s.Used,
		})
	}
	return list
}
