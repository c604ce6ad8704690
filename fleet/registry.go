package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"
)

// Registration is a unit as somebody registered it.
type Registration struct {
	ID      UnitID
	Name    string // for people; may be empty
	Kind    string // what it is mounted on: "truck", "vessel" …; may be empty
	Created time.Time
}

// unitDocument is a DocUnit, by unit id.
type unitDocument struct {
	Name    string    `json:"name,omitempty"`
	Kind    string    `json:"kind,omitempty"`
	Created time.Time `json:"created"`
	Key     string    `json:"key"` // hash of the key that counts
}

// keyDocument is a DocKey, by hash of the key. It counts if the unit's document names the same hash.
type keyDocument struct {
	Unit UnitID `json:"unit"`
}

// Bounds of what a registration says.
const (
	maxNameLen = 100 // characters
	maxKindLen = 32
)

// RegisterUnit makes a unit known and gives the key with which it may send. The key is told here and never again. The
// error is ErrBadUnitID, an *InvalidError, ErrExists, or ErrUnavailable.
func (f *Fleet) RegisterUnit(ctx context.Context, id UnitID, name, kind string) (key string, err error) {
	if err := errors.Join(CheckUnitID(string(id)), checkName("name", name, maxNameLen), checkKind(kind)); err != nil {
		return "", err
	}
	if _, err := f.store.Document(ctx, DocUnit, string(id)); err == nil {
		return "", fmt.Errorf("unit %s: %w", id, ErrExists)
	} else if !errors.Is(err, ErrNotFound) {
		return "", fmt.Errorf("register unit %s: %w", id, err)
	}
	key, err = f.putKey(ctx, id, unitDocument{Name: name, Kind: kind, Created: f.now().UTC()}, 0)
	if errors.Is(err, ErrConflict) {
		return "", fmt.Errorf("unit %s: %w", id, ErrExists)
	}
	return key, err
}

// ReplaceKey gives a unit a new key; the old one ends. ErrNotFound if the unit is not registered.
func (f *Fleet) ReplaceKey(ctx context.Context, id UnitID) (key string, err error) {
	doc, revision, err := f.unitDocument(ctx, id)
	if err != nil {
		return "", aboutUnit(id, err)
	}
	old := doc.Key
	if key, err = f.putKey(ctx, id, doc, revision); err != nil {
		return "", err
	}
	if err := f.store.DeleteDocument(ctx, DocKey, old); err != nil && !errors.Is(err, ErrNotFound) {
		f.log.Warn("an old key's document stays; it opens nothing", "unit", id, "error", err)
	}
	return key, nil
}

// putKey stores a new key and then the unit's document that makes it count. What a crash leaves between the two opens nothing.
func (f *Fleet) putKey(ctx context.Context, id UnitID, doc unitDocument, expect uint64) (string, error) {
	key, hash := newSecret(unitKeyPrefix)
	doc.Key = hash
	err := f.putJSON(ctx, DocKey, hash, keyDocument{Unit: id}, 0)
	if err == nil {
		err = f.putJSON(ctx, DocUnit, string(id), doc, expect)
		if errors.Is(err, ErrConflict) { // somebody else was faster: this key will never count
			_ = f.store.DeleteDocument(ctx, DocKey, hash)
		}
	}
	if err != nil {
		return "", fmt.Errorf("register unit %s: %w", id, err)
	}
	return key, nil
}

// UnitByKey is the unit that may send with a key; ErrNotFound for a key that opens nothing.
func (f *Fleet) UnitByKey(ctx context.Context, key string) (UnitID, error) {
	if !looksLike(unitKeyPrefix, key) {
		return "", fmt.Errorf("unit key: %w", ErrNotFound)
	}
	hash := hashOf(key)
	stored, err := f.store.Document(ctx, DocKey, hash)
	if err != nil {
		return "", fmt.Errorf("unit key: %w", err)
	}
	var k keyDocument
	if err := json.Unmarshal(stored.Data, &k); err != nil {
		return "", fmt.Errorf("unit key: %w: %w", ErrStored, err)
	}
	unit, _, err := f.unitDocument(ctx, k.Unit)
	if err == nil && unit.Key != hash {
		err = ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("unit key: %w", err)
	}
	return k.Unit, nil
}

// Registered is what is registered of a unit; ErrNotFound if nothing is.
func (f *Fleet) Registered(ctx context.Context, id UnitID) (Registration, error) {
	doc, _, err := f.unitDocument(ctx, id)
	if err != nil {
		return Registration{}, aboutUnit(id, err)
	}
	return doc.registration(id), nil
}

// Registrations are all registered units, by id, whether or not they ever sent.
func (f *Fleet) Registrations(ctx context.Context) ([]Registration, error) {
	docs, err := f.store.Documents(ctx, DocUnit)
	if err != nil {
		return nil, fmt.Errorf("registered units: %w", err)
	}
	out := make([]Registration, 0, len(docs))
	for _, d := range docs {
		var u unitDocument
		if err := json.Unmarshal(d.Data, &u); err != nil {
			return nil, fmt.Errorf("unit %s: %w: %w", d.ID, ErrStored, err)
		}
		out = append(out, u.registration(UnitID(d.ID)))
	}
	return out, nil
}

// WatchUnits calls fn soon after any registration changed, on whichever node, until fn fails or ctx ends. Call Registrations after
// it has called fn for the first time, which it does at once.
func (f *Fleet) WatchUnits(ctx context.Context, fn func() error) error {
	for {
		version, err := f.store.DocumentsVersion(ctx, DocUnit)
		if err != nil {
			return fmt.Errorf("watch units: %w", err)
		}
		if err := fn(); err != nil {
			return err
		}
		if err := f.store.WaitDocuments(ctx, DocUnit, version); err != nil {
			return fmt.Errorf("watch units: %w", err)
		}
	}
}

func (u unitDocument) registration(id UnitID) Registration {
	return Registration{ID: id, Name: u.Name, Kind: u.Kind, Created: u.Created}
}

// aboutUnit says which unit an error is about, once: a store names what it did not find.
func aboutUnit(id UnitID, err error) error {
	if errors.Is(err, ErrNotFound) {
		err = ErrNotFound
	}
	return fmt.Errorf("unit %s: %w", id, err)
}

func (f *Fleet) unitDocument(ctx context.Context, id UnitID) (unitDocument, uint64, error) {
	stored, err := f.store.Document(ctx, DocUnit, string(id))
	if err != nil {
		return unitDocument{}, 0, err
	}
	var u unitDocument
	if err := json.Unmarshal(stored.Data, &u); err != nil {
		return unitDocument{}, 0, fmt.Errorf("%w: %w", ErrStored, err)
	}
	return u, stored.Revision, nil
}

func (f *Fleet) putJSON(ctx context.Context, kind, id string, v any, expect uint64) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = f.store.PutDocument(ctx, kind, id, data, expect)
	return err
}

// checkName says what is wrong with a text for people, or nil.
func checkName(field, s string, longest int) error {
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		return &InvalidError{Field: field, Reason: "not UTF-8"}
	case n > longest:
		return &InvalidError{Field: field, Reason: fmt.Sprintf("%d characters, at most %d", n, longest)}
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return &InvalidError{Field: field, Reason: fmt.Sprintf("%q is not a printable character", r)}
		}
	}
	return nil
}

// checkKind takes a word in small letters, since programs tell units apart by it.
func checkKind(s string) error {
	if len(s) > maxKindLen {
		return &InvalidError{Field: "kind", Reason: fmt.Sprintf("%d characters, at most %d", len(s), maxKindLen)}
	}
	for _, r := range s {
		if r != '_' && r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return &InvalidError{Field: "kind", Reason: fmt.Sprintf("%q: want a word of a-z, 0-9, _ and -, such as truck or vessel", r)}
		}
	}
	return nil
}
