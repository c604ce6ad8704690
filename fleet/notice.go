package fleet

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Notice is a text for a unit's driver. A unit has one, the last.
type Notice struct {
	Revision uint64    `json:"-"` // grows with every notice of the unit
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	By       string    `json:"by,omitempty"` // who wrote it
	Text     string    `json:"text"`
}

// maxNoticeLen is the most characters of a notice: what a driver can take in at a glance, and what fits a message of the uplink
// whatever the script.
const maxNoticeLen = 250

// PutNotice writes a notice in place of the one before. The error is an *InvalidError or ErrUnavailable.
func (f *Fleet) PutNotice(ctx context.Context, unit UnitID, text, by string) (Notice, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Notice{}, &InvalidError{Field: "text", Reason: "empty"}
	}
	if n := utf8.RuneCountInString(text); n > maxNoticeLen {
		return Notice{}, &InvalidError{Field: "text", Reason: fmt.Sprintf("%d characters, at most %d", n, maxNoticeLen)}
	}
	for _, r := range text { // of bytes that are not UTF-8 too, as U+FFFD
		if r == utf8.RuneError || r != '\n' && !unicode.IsGraphic(r) { // wide spaces are graphic and not printable
			return Notice{}, &InvalidError{Field: "text", Reason: fmt.Sprintf("%q is not a printable character", r)}
		}
	}
	n := Notice{ID: rand.Text(), At: f.now().UTC().Truncate(time.Millisecond), By: by, Text: text}
	for range maxConflicts {
		stored, err := f.store.Document(ctx, DocNotice, string(unit))
		if err == nil || errors.Is(err, ErrNotFound) {
			err = f.putJSON(ctx, DocNotice, string(unit), n, stored.Revision)
		}
		if err == nil {
			n.Revision = stored.Revision + 1
			return n, nil
		}
		if !errors.Is(err, ErrConflict) {
			return Notice{}, fmt.Errorf("notice for unit %s: %w", unit, err)
		}
	}
	return Notice{}, fmt.Errorf("notice for unit %s: %w: %d conflicts in a row", unit, ErrUnavailable, maxConflicts)
}

// Notice gives a unit's last notice; ErrNotFound if there never was one.
func (f *Fleet) Notice(ctx context.Context, unit UnitID) (Notice, error) {
	stored, err := f.store.Document(ctx, DocNotice, string(unit))
	if err != nil {
		return Notice{}, fmt.Errorf("notice for unit %s: %w", unit, err)
	}
	return decodeNotice(stored)
}

func decodeNotice(stored Document) (Notice, error) {
	n := Notice{Revision: stored.Revision}
	if err := json.Unmarshal(stored.Data, &n); err != nil {
		return Notice{}, fmt.Errorf("notice for unit %s: %w: %w", stored.ID, ErrStored, err)
	}
	return n, nil
}

// WatchNotices calls fn with the last notices of the units that wanted says yes to, as WatchSettings does with settings.
func (f *Fleet) WatchNotices(ctx context.Context, wanted func(UnitID) bool, fn func(UnitID, Notice)) error {
	return f.watchDocuments(ctx, DocNotice, func(id string) bool { return wanted(UnitID(id)) }, func(d Document) {
		n, err := decodeNotice(d)
		if err != nil {
			f.log.Error("a notice is left out", "unit", d.ID, "error", err)
			return
		}
		fn(UnitID(d.ID), n)
	})
}
