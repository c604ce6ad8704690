package fleet

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// Keys and tokens are 256 random bits behind a prefix that tells people, and scanners for leaked secrets, what they are: always 48
// characters. The store has their SHA-256 only; so much randomness needs no slow hash.
const (
	unitKeyPrefix  = "dipu_"
	tokenPrefix    = "dipt_"
	secretBytes    = 32
	secretAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

// newSecret makes a key or token and the hash under which it is stored.
func newSecret(prefix string) (secret, hash string) {
	var b [secretBytes]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	secret = prefix + base64.RawURLEncoding.EncodeToString(b[:])
	return secret, hashOf(secret)
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// looksLike reports whether a string has the shape of a secret, so that nonsense does not reach the store.
func looksLike(prefix, s string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	return ok && len(rest) == base64.RawURLEncoding.EncodedLen(secretBytes) && strings.Trim(rest, secretAlphabet) == ""
}
