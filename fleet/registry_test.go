package fleet_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"dipper/fleet"
)

func TestUnitKeys(t *testing.T) {
	_, f, store := newDriver(t)
	ctx := t.Context()
	key, err := f.RegisterUnit(ctx, "鲁B12345", "Truck 1", "truck")
	if err != nil {
		t.Fatal(err)
	}
	if unit, err := f.UnitByKey(ctx, key); err != nil || unit != "鲁B12345" {
		t.Errorf("UnitByKey: %q, %v", unit, err)
	}
	if _, err := f.RegisterUnit(ctx, "鲁B12345", "", ""); !errors.Is(err, fleet.ErrExists) {
		t.Errorf("registered twice: %v", err)
	}
	for _, kind := range []string{fleet.DocKey, fleet.DocUnit} {
		for _, d := range store.docs[kind] {
			if strings.Contains(d.ID+string(d.Data), key) {
				t.Errorf("the key itself is stored in %s %s", kind, d.ID)
			}
		}
	}
	second, err := f.ReplaceKey(ctx, "鲁B12345")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.UnitByKey(ctx, key); !errors.Is(err, fleet.ErrNotFound) {
		t.Errorf("the old key: %v", err)
	}
	if unit, err := f.UnitByKey(ctx, second); err != nil || unit != "鲁B12345" {
		t.Errorf("the new key: %q, %v", unit, err)
	}
	for _, bad := range []string{"", "x", key[:47], key + "A", strings.Replace(key, "dipu_", "dipt_", 1)} {
		if _, err := f.UnitByKey(ctx, bad); !errors.Is(err, fleet.ErrNotFound) {
			t.Errorf("key %q: %v", bad, err)
		}
	}
	all, err := f.Registrations(ctx)
	if err != nil || len(all) != 1 || all[0].Name != "Truck 1" || all[0].Kind != "truck" || !all[0].Created.Equal(testStart) {
		t.Errorf("Registrations: %+v, %v", all, err)
	}
	v, err := f.Unit(ctx, "鲁B12345")
	if err != nil || v.Located || v.Name != "Truck 1" {
		t.Errorf("a unit that never sent: %+v, %v", v, err)
	}
	if c, err := f.Completeness(ctx, "鲁B12345"); err != nil || c.Highest != 0 {
		t.Errorf("its completeness: %+v, %v", c, err)
	}
}

// A crash between the two documents of a registration leaves a key that opens nothing.
func TestKeyWithoutUnitOpensNothing(t *testing.T) {
	_, f, store := newDriver(t)
	key, err := f.RegisterUnit(t.Context(), "u", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := store.DeleteDocument(t.Context(), fleet.DocUnit, "u"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UnitByKey(t.Context(), key); !errors.Is(err, fleet.ErrNotFound) {
		t.Errorf("UnitByKey: %v", err)
	}
	if _, err := f.RegisterUnit(t.Context(), "u", "", ""); err != nil {
		t.Errorf("registered again: %v", err)
	}
}

func TestRegisterRefuses(t *testing.T) {
	_, f, _ := newDriver(t)
	for _, c := range []struct{ name, id, label, kind, field string }{
		{"long name", "u", strings.Repeat("x", 101), "", "name"},
		{"control character", "u", "a\x00b", "", "name"},
		{"not UTF-8", "u", "\xff", "", "name"},
		{"kind in capitals", "u", "", "Truck", "kind"},
		{"long kind", "u", "", strings.Repeat("x", 33), "kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := f.RegisterUnit(t.Context(), fleet.UnitID(c.id), c.label, c.kind)
			var invalid *fleet.InvalidError
			if !errors.As(err, &invalid) || invalid.Field != c.field {
				t.Errorf("%v, want field %s", err, c.field)
			}
		})
	}
	if _, err := f.RegisterUnit(t.Context(), "a/b", "", ""); !errors.Is(err, fleet.ErrBadUnitID) {
		t.Errorf("bad id: %v", err)
	}
}

func TestTokens(t *testing.T) {
	_, f, _ := newDriver(t)
	ctx := t.Context()
	value, err := f.AddToken(ctx, "port office", fleet.RoleOperator)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.TokenByValue(ctx, value); err != nil || got.Name != "port office" || got.Role != fleet.RoleOperator {
		t.Errorf("TokenByValue: %+v, %v", got, err)
	}
	if err := f.DropToken(ctx, value); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{value, "", "dipt_"} {
		if _, err := f.TokenByValue(ctx, bad); !errors.Is(err, fleet.ErrNotFound) {
			t.Errorf("token %q: %v", bad, err)
		}
		if err := f.DropToken(ctx, bad); !errors.Is(err, fleet.ErrNotFound) {
			t.Errorf("drop %q: %v", bad, err)
		}
	}
	for _, c := range []struct {
		name string
		role fleet.Role
	}{{"", fleet.RoleAdmin}, {"x", "king"}, {"a\nb", fleet.RoleAdmin}} {
		var invalid *fleet.InvalidError
		if _, err := f.AddToken(ctx, c.name, c.role); !errors.As(err, &invalid) {
			t.Errorf("AddToken(%q, %q): %v", c.name, c.role, err)
		}
	}
}

func TestWatchUnits(t *testing.T) {
	_, f, _ := newDriver(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	seen := errors.New("seen")
	calls := 0
	err := f.WatchUnits(ctx, func() error {
		all, err := f.Registrations(ctx)
		switch {
		case err != nil:
			return err
		case len(all) == 3:
			return seen
		}
		calls++
		_, err = f.RegisterUnit(ctx, fleet.UnitID(rune('a'+calls)), "", "")
		return err
	})
	if !errors.Is(err, seen) {
		t.Errorf("after %d calls: %v", calls, err)
	}
}
