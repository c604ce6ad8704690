package archive

import (
	"path/filepath"

	"dipper/positioning/track"
)

// numbers are those that a day's files have, by unit and series.
type numbers map[string]map[track.Series]track.Ranges

// has reports whether a fix is in the files.
func (n numbers) has(unit string, series track.Series, seq track.Seq) bool {
	return n[unit][series].Contains(seq)
}

// fixKey are the columns that say which fix a row is.
type fixKey struct {
	Unit   string `parquet:"unit,dict"`
	Series uint32 `parquet:"series,delta"`
	Seq    int64  `parquet:"seq,delta"`
}

// fixesIn reads which fixes the folder has. Rows are by unit and mostly ascending, so most of them lengthen the range before.
func fixesIn(f *folder) (numbers, error) {
	all := numbers{}
	for _, p := range f.manifest.Parts {
		var unit string
		var series track.Series
		var run track.Range
		flush := func() {
			if run.First == 0 {
				return
			}
			if all[unit] == nil {
				all[unit] = map[track.Series]track.Ranges{}
			}
			all[unit][series] = all[unit][series].Add(run)
		}
		err := eachRow(filepath.Join(f.path, p.File), func(k *fixKey) {
			seq := track.Seq(k.Seq)
			if k.Unit == unit && track.Series(k.Series) == series && seq == run.Last+1 && run.First > 0 {
				run.Last = seq
				return
			}
			flush()
			unit, series, run = k.Unit, track.Series(k.Series), track.Range{First: seq, Last: seq}
		})
		if err != nil {
			return nil, err
		}
		flush()
	}
	return all, nil
}

// eventKey are the columns that say which event a row is, and at which revision.
type eventKey struct {
	ID       string `parquet:"event_id"`
	Revision uint32 `parquet:"revision"`
}

// eventsIn reads which events the folder has.
func eventsIn(f *folder) (map[eventKey]bool, error) {
	all := map[eventKey]bool{}
	for _, p := range f.manifest.Parts {
		if err := eachRow(filepath.Join(f.path, p.File), func(k *eventKey) { all[*k] = true }); err != nil {
			return nil, err
		}
	}
	return all, nil
}
