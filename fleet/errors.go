package fleet

import "errors"

// ErrExists: a unit or token of this name is there already. A unit's key that was lost is replaced by ReplaceKey.
var ErrExists = errors.New("exists already")

// InvalidError says which part of a request is wrong. Nothing was changed.
type InvalidError struct {
	Field  string // as in the API: "name", "kind", "role", "limit" …
	Reason string
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Reason }
