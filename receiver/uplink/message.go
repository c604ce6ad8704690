package uplink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"dipper/positioning/track"
)

// Path is where the service takes uplinks.
const Path = "/api/v1/uplink"

// ProtocolVersion is what this package speaks; Hello carries it.
const ProtocolVersion = 1

// Type is the first byte of every message. The numbers are wire format.
type Type uint8

const (
	TypeHello   Type = 1 // agent to service, first of all
	TypeBatch   Type = 2 // agent to service
	TypeWelcome Type = 3 // service to agent, answers Hello
	TypeAck     Type = 4 // service to agent
	TypeRefusal Type = 5 // service to agent, which then closes

	// A service sends these to an agent that sent a Report on the same connection, and to no other: older agents know none.
	TypeReport   Type = 6  // agent to service
	TypeSettings Type = 7  // service to agent
	TypeFences   Type = 8  // service to agent
	TypeNotice   Type = 9  // service to agent
	TypeTold     Type = 10 // agent to service
	TypeToldAck  Type = 11 // service to agent
)

// Limits of messages. Both ends may close a connection on which a longer one comes.
const (
	// MaxMessageBytes holds the largest batch, and ranges with some 60,000 gaps. A service with more gaps leaves some of the
	// ranges it holds out of Welcome: the agent then sends those again, to no harm.
	MaxMessageBytes = track.MaxBatchBytes + 64
	maxTextBytes    = 1024 // of any text in a message
)

// ErrMessage is returned for bytes that are not a message of the expected type.
var ErrMessage = errors.New("bad uplink message")

// Hello says who speaks and what it has. It is the first message on a connection.
type Hello struct {
	Version uint64       // ProtocolVersion
	Unit    string       // the unit's id; the key in the Authorization header must be this unit's
	Series  track.Series // what the numbers count in
	Oldest  track.Seq    // the lowest number that the agent can still send; 0 none
	Newest  track.Seq    // the highest number given so far; 0 none
	Agent   string       // program and version, for the log
}

// Welcome answers Hello: what the store holds durably of the series.
type Welcome struct {
	Series track.Series
	Held   track.Ranges
}

// Ack says that the store holds these numbers durably. They need not be one batch's.
type Ack struct {
	Series track.Series
	Ranges track.Ranges
}

// Codes of refusals.
const (
	CodeBadKey      = "bad_key"     // no such key, or not this unit's
	CodeBadVersion  = "bad_version" // the service does not speak Hello's version
	CodeBadHello    = "bad_hello"   // a field of Hello breaks its rule
	CodeBadBatch    = "bad_batch"   // a batch cannot be read, or breaks a limit
	CodeBadMessage  = "bad_message" // no message of the protocol, or not now
	CodeDisplaced   = "displaced"   // a newer connection of the same unit took over
	CodeTooFast     = "too_fast"    // more fixes or bytes than the unit may send
	CodeUnavailable = "unavailable" // the store takes nothing now
	CodeGoingAway   = "going_away"  // the service is shutting down; another node may be there
)

// Refusal says why the service will not go on. It closes the connection after it. It is an error: Conn returns it as such.
type Refusal struct {
	Code    string // one of the Code constants, or a newer one
	Field   string // the field at fault, as "unit"; may be empty
	Message string // for a person
}

// Error says what the service said.
func (r *Refusal) Error() string {
	if r.Field == "" {
		return fmt.Sprintf("refused by the service: %s: %s", r.Code, r.Message)
	}
	return fmt.Sprintf("refused by the service: %s: %s: %s", r.Code, r.Field, r.Message)
}

// Lasting reports whether trying again soon is pointless, because somebody has to change something first.
func (r *Refusal) Lasting() bool {
	switch r.Code {
	case CodeUnavailable, CodeGoingAway, CodeTooFast:
		return false
	}
	return true
}

// TypeOf is the type of a message; 0 for an empty one.
func TypeOf(msg []byte) Type {
	if len(msg) == 0 {
		return 0
	}
	return Type(msg[0])
}

// AppendHello appends the message.
func AppendHello(dst []byte, h Hello) []byte {
	dst = append(dst, byte(TypeHello))
	dst = binary.AppendUvarint(dst, h.Version)
	dst = appendText(dst, h.Unit)
	dst = binary.AppendUvarint(dst, uint64(h.Series))
	dst = binary.AppendUvarint(dst, uint64(h.Oldest))
	dst = binary.AppendUvarint(dst, uint64(h.Newest))
	return appendText(dst, h.Agent)
}

// DecodeHello reads a message whose version it knows. Of a newer version it reads Version alone and says so in the error,
// which wraps ErrMessage like every other.
func DecodeHello(msg []byte) (Hello, error) {
	in := open(msg, TypeHello)
	h := Hello{Version: in.number("version", 1<<32)}
	if in.err == nil && h.Version != ProtocolVersion {
		return h, fmt.Errorf("%w: hello: version %d, want %d", ErrMessage, h.Version, ProtocolVersion)
	}
	h.Unit = in.text("unit")
	h.Series = in.series()
	h.Oldest = track.Seq(in.number("oldest", 0))
	h.Newest = track.Seq(in.number("newest", 0))
	h.Agent = in.text("agent")
	if in.err == nil && h.Oldest > h.Newest {
		in.fail("oldest above newest")
	}
	return h, in.end()
}

// AppendBatch appends the message; the error wraps track.ErrInvalid.
func AppendBatch(dst []byte, b track.Batch) ([]byte, error) {
	start := len(dst)
	out, err := track.AppendBatch(append(dst, byte(TypeBatch)), b)
	if err != nil {
		return dst[:start], err
	}
	return out, nil
}

// DecodeBatch reads the message. The error wraps ErrMessage, and track.ErrCorrupt or track.ErrVersion where that is why.
func DecodeBatch(msg []byte) (track.Batch, error) {
	in := open(msg, TypeBatch)
	if in.err != nil {
		return track.Batch{}, in.err
	}
	b, rest, err := track.DecodeBatch(in.src)
	if err != nil {
		return track.Batch{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if len(rest) > 0 {
		return track.Batch{}, fmt.Errorf("%w: batch: %d bytes behind it", ErrMessage, len(rest))
	}
	return b, nil
}

// AppendWelcome appends the message.
func AppendWelcome(dst []byte, w Welcome) []byte {
	return appendHeld(append(dst, byte(TypeWelcome)), w.Series, w.Held)
}

// DecodeWelcome reads the message.
func DecodeWelcome(msg []byte) (Welcome, error) {
	series, ranges, err := decodeHeld(msg, TypeWelcome)
	return Welcome{Series: series, Held: ranges}, err
}

// AppendAck appends the message.
func AppendAck(dst []byte, a Ack) []byte {
	return appendHeld(append(dst, byte(TypeAck)), a.Series, a.Ranges)
}

// DecodeAck reads the message.
func DecodeAck(msg []byte) (Ack, error) {
	series, ranges, err := decodeHeld(msg, TypeAck)
	return Ack{Series: series, Ranges: ranges}, err
}

func appendHeld(dst []byte, series track.Series, held track.Ranges) []byte {
	return track.AppendRanges(binary.AppendUvarint(dst, uint64(series)), held)
}

func decodeHeld(msg []byte, t Type) (track.Series, track.Ranges, error) {
	in := open(msg, t)
	series := in.series()
	ranges := in.ranges()
	if err := in.end(); err != nil {
		return 0, nil, err
	}
	return series, ranges, nil
}

// AppendRefusal appends the message; texts longer than fits are cut.
func AppendRefusal(dst []byte, r Refusal) []byte {
	dst = appendText(append(dst, byte(TypeRefusal)), r.Code)
	return appendText(appendText(dst, r.Field), r.Message)
}

// DecodeRefusal reads the message.
func DecodeRefusal(msg []byte) (Refusal, error) {
	in := open(msg, TypeRefusal)
	r := Refusal{Code: in.text("code"), Field: in.text("field"), Message: in.text("message")}
	return r, in.end()
}

// appendText appends the length in bytes and valid UTF-8, cut to maxTextBytes between characters.
func appendText(dst []byte, s string) []byte {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	if len(s) > maxTextBytes {
		end := maxTextBytes
		for !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}
