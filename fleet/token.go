package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Role is what a token's bearer may do.
type Role string

const (
	RoleAdmin      Role = "admin"      // everything
	RoleDispatcher Role = "dispatcher" // follows vehicles
	RoleOperator   Role = "operator"   // keeps fences
)

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	switch r := Role(s); r {
	case RoleAdmin, RoleDispatcher, RoleOperator:
		return r, nil
	}
	return "", &InvalidError{Field: "role", Reason: fmt.Sprintf("%.40q: want admin, dispatcher or operator", s)}
}

// Token is what is known of an API token. Its value is not.
type Token struct {
	Name    string    `json:"name"` // who holds it
	Role    Role      `json:"role"`
	Created time.Time `json:"created"`
}

// AddToken makes a token and gives its value, which is told here and never again. Several tokens may have one name. The
// error is an *InvalidError or ErrUnavailable.
func (f *Fleet) AddToken(ctx context.Context, name string, role Role) (value string, err error) {
	if _, err := ParseRole(string(role)); err != nil {
		return "", err
	}
	if name == "" {
		return "", &InvalidError{Field: "name", Reason: "empty"}
	}
	if err := checkName("name", name, maxNameLen); err != nil {
		return "", err
	}
	value, hash := newSecret(tokenPrefix)
	if err := f.putJSON(ctx, DocToken, hash, Token{Name: name, Role: role, Created: f.now().UTC()}, 0); err != nil {
		return "", fmt.Errorf("add token %s: %w", name, err)
	}
	return value, nil
}

// TokenByValue is the token with a value; ErrNotFound for one that does not count.
func (f *Fleet) TokenByValue(ctx context.Context, value string) (Token, error) {
	if !looksLike(tokenPrefix, value) {
		return Token{}, fmt.Errorf("token: %w", ErrNotFound)
	}
	stored, err := f.store.Document(ctx, DocToken, hashOf(value))
	if err != nil {
		return Token{}, fmt.Errorf("token: %w", err)
	}
	var t Token
	if err := json.Unmarshal(stored.Data, &t); err != nil {
		return Token{}, fmt.Errorf("token: %w: %w", ErrStored, err)
	}
	return t, nil
}

// DropToken ends a token; ErrNotFound for one that does not count.
func (f *Fleet) DropToken(ctx context.Context, value string) error {
	if !looksLike(tokenPrefix, value) {
		return fmt.Errorf("token: %w", ErrNotFound)
	}
	if err := f.store.DeleteDocument(ctx, DocToken, hashOf(value)); err != nil {
		return fmt.Errorf("token: %w", err)
	}
	return nil
}
