package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dipper/positioning/geo"
)

// Reported is how far a unit has got with what it was told, as it said last. All times are when the centre first heard it.
type Reported struct {
	Settings SettingsReported `json:"settings,omitzero"`
	Notice   NoticeReported   `json:"notice,omitzero"`
	Fences   FencesHeld       `json:"fences,omitzero"`
}

// SettingsReported is which settings a unit took last. With a Problem they are not in force, and those before them still are.
type SettingsReported struct {
	Revision uint64    `json:"revision"` // 0: none, or it never reported
	At       time.Time `json:"at"`
	Problem  string    `json:"problem,omitempty"` // the field and the reason
}

// NoticeReported is the last notice that the driver said he has read.
type NoticeReported struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// FencesHeld is the set of fences that a unit holds, which is complete for a circle.
type FencesHeld struct {
	Version uint64    `json:"version"` // 0: none
	Centre  geo.Point `json:"centre"`
	RadiusM float64   `json:"radius_m"`
}

// Reported gives what a unit reported last; the zero value if it never did.
func (f *Fleet) Reported(ctx context.Context, unit UnitID) (Reported, error) {
	r, _, err := f.reported(ctx, unit)
	return r, err
}

func (f *Fleet) reported(ctx context.Context, unit UnitID) (r Reported, revision uint64, err error) {
	stored, err := f.store.Document(ctx, DocReported, string(unit))
	if errors.Is(err, ErrNotFound) {
		return Reported{}, 0, nil
	}
	if err == nil {
		if err = json.Unmarshal(stored.Data, &r); err != nil {
			err = fmt.Errorf("%w: %w", ErrStored, err)
		}
	}
	if err != nil {
		return Reported{}, stored.Revision, fmt.Errorf("what unit %s reported: %w", unit, err)
	}
	return r, stored.Revision, nil
}

// PutReported changes what is known of a unit's reports and gives what is stored then. change may be called several times.
func (f *Fleet) PutReported(ctx context.Context, unit UnitID, change func(r *Reported, now time.Time)) (Reported, error) {
	for range maxConflicts {
		r, revision, err := f.reported(ctx, unit)
		if err != nil && !errors.Is(err, ErrStored) { // what cannot be read is written anew
			return Reported{}, err
		}
		before := r
		change(&r, f.now().UTC().Truncate(time.Millisecond))
		if r == before && err == nil {
			return r, nil
		}
		err = f.putJSON(ctx, DocReported, string(unit), r, revision)
		if err == nil {
			return r, nil
		}
		if !errors.Is(err, ErrConflict) {
			return Reported{}, fmt.Errorf("what unit %s reported: %w", unit, err)
		}
	}
	return Reported{}, fmt.Errorf("what unit %s reported: %w: %d conflicts in a row", unit, ErrUnavailable, maxConflicts)
}
