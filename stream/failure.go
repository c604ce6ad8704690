package stream

import (
	"context"
	"errors"
	"net/http"

	"github.com/gorilla/websocket"

	"dipper/fleet"
	"dipper/geofence"
	"dipper/positioning/geo"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
)

// Errors of this package and of stream/api. Errors of the packages below are in the table as they are.
var (
	// ErrUnauthorized: no token or key, or one that nobody has been given.
	ErrUnauthorized = errors.New("a valid token is needed")
	// ErrForbidden: the role of the token does not reach this far.
	ErrForbidden = errors.New("the token's role does not allow this")
	// ErrOrigin: a browser asks for a page of another site.
	ErrOrigin = errors.New("the request comes from another site")
	// ErrTooLarge: the request's body is longer than the limit.
	ErrTooLarge = errors.New("the request is too large")
	// ErrNoRoute: nothing lives at this path.
	ErrNoRoute = errors.New("no such path")
	// ErrMethod: the path is there, the method is not.
	ErrMethod = errors.New("this path does not know the method")
	// ErrUpgrade: the path speaks WebSocket and the request does not.
	ErrUpgrade = errors.New("this path speaks WebSocket")
	// ErrTooMany: as many viewers or units are connected as the service takes.
	ErrTooMany = errors.New("too many connections")
	// ErrGoingAway: the service is shutting down.
	ErrGoingAway = errors.New("the service is shutting down")
	// ErrNotReady: the service has not loaded all that it needs.
	ErrNotReady = errors.New("the service is starting")
	// ErrTooSlow: a viewer does not take its events as fast as they come. It resumes after the last one it has.
	ErrTooSlow = errors.New("too slow for the events: resume after the last one")
	// ErrDisplaced: a newer connection of the same unit took over.
	ErrDisplaced = errors.New("a newer connection of the unit took over")
	// ErrHello: the first message of an agent is not a Hello that can be taken.
	ErrHello = errors.New("hello")
	// ErrHelloVersion: the agent speaks a version of the uplink that the service does not.
	ErrHelloVersion = errors.New("hello: version")
)

// InputError says which part of a request is wrong, and why.
type InputError struct{ Field, Reason string }

func (e *InputError) Error() string { return e.Field + ": " + e.Reason }

// Failure is how an error is told outside: over HTTP by Status, in a WebSocket's close frame by Close, to an agent by Refusal.
type Failure struct {
	Status  int
	Close   int
	Refusal string // one of uplink's codes
	Code    string // for programs; stable
	Field   string // the part of the request at fault; may be empty
	Message string // for people
	At      *geo.Point
}

// failures is the one table from errors to what is told outside. The first line that matches counts.
var failures = []struct {
	err error
	Failure
}{
	{ErrUnauthorized, Failure{Status: http.StatusUnauthorized, Close: 4401, Refusal: uplink.CodeBadKey, Code: "unauthorized"}},
	{ErrForbidden, Failure{Status: http.StatusForbidden, Close: 4403, Refusal: uplink.CodeBadKey, Code: "forbidden"}},
	{ErrOrigin, Failure{Status: http.StatusForbidden, Close: 4403, Refusal: uplink.CodeBadKey, Code: "origin"}},
	{ErrTooLarge, Failure{Status: http.StatusRequestEntityTooLarge, Close: websocket.CloseMessageTooBig, Refusal: uplink.CodeBadMessage, Code: "too_large"}},
	{ErrNoRoute, Failure{Status: http.StatusNotFound, Close: 4404, Code: "no_route"}},
	{ErrMethod, Failure{Status: http.StatusMethodNotAllowed, Close: 4405, Code: "method"}},
	{ErrUpgrade, Failure{Status: http.StatusUpgradeRequired, Close: websocket.CloseProtocolError, Refusal: uplink.CodeBadMessage, Code: "upgrade"}},
	{ErrTooMany, Failure{Status: http.StatusServiceUnavailable, Close: websocket.CloseTryAgainLater, Refusal: uplink.CodeUnavailable, Code: "too_many"}},
	{ErrGoingAway, Failure{Status: http.StatusServiceUnavailable, Close: websocket.CloseGoingAway, Refusal: uplink.CodeGoingAway, Code: "going_away"}},
	{ErrNotReady, Failure{Status: http.StatusServiceUnavailable, Close: websocket.CloseTryAgainLater, Refusal: uplink.CodeUnavailable, Code: "starting"}},
	{ErrTooSlow, Failure{Status: http.StatusServiceUnavailable, Close: 4008, Code: "too_slow"}},
	{ErrDisplaced, Failure{Status: http.StatusConflict, Close: 4409, Refusal: uplink.CodeDisplaced, Code: "displaced"}},
	{ErrHelloVersion, Failure{Status: http.StatusBadRequest, Close: websocket.CloseProtocolError, Refusal: uplink.CodeBadVersion, Code: "bad_version"}},
	{ErrHello, Failure{Status: http.StatusBadRequest, Close: websocket.CloseProtocolError, Refusal: uplink.CodeBadHello, Code: "bad_hello"}},
	{track.ErrCorrupt, Failure{Status: http.StatusBadRequest, Close: websocket.CloseInvalidFramePayloadData, Refusal: uplink.CodeBadBatch, Code: "bad_batch"}},
	{track.ErrVersion, Failure{Status: http.StatusBadRequest, Close: websocket.CloseInvalidFramePayloadData, Refusal: uplink.CodeBadBatch, Code: "bad_batch"}},
	{track.ErrInvalid, Failure{Status: http.StatusBadRequest, Close: websocket.CloseInvalidFramePayloadData, Refusal: uplink.CodeBadBatch, Code: "bad_batch"}},
	{uplink.ErrMessage, Failure{Status: http.StatusBadRequest, Close: websocket.CloseProtocolError, Refusal: uplink.CodeBadMessage, Code: "bad_message"}},
	{fleet.ErrNotFound, Failure{Status: http.StatusNotFound, Close: 4404, Refusal: uplink.CodeBadKey, Code: "not_found"}},
	{fleet.ErrExists, Failure{Status: http.StatusConflict, Close: 4409, Code: "exists"}},
	{fleet.ErrConflict, Failure{Status: http.StatusConflict, Close: 4409, Refusal: uplink.CodeUnavailable, Code: "conflict"}},
	{fleet.ErrUnavailable, Failure{Status: http.StatusServiceUnavailable, Close: websocket.CloseTryAgainLater, Refusal: uplink.CodeUnavailable, Code: "unavailable"}},
	{fleet.ErrBadUnitID, Failure{Status: http.StatusBadRequest, Close: websocket.ClosePolicyViolation, Refusal: uplink.CodeBadHello, Code: "invalid", Field: "id"}},
	{context.DeadlineExceeded, Failure{Status: http.StatusServiceUnavailable, Close: websocket.CloseTryAgainLater, Refusal: uplink.CodeUnavailable, Code: "timeout"}},
	{context.Canceled, Failure{Status: http.StatusServiceUnavailable, Close: websocket.CloseGoingAway, Refusal: uplink.CodeGoingAway, Code: "cancelled"}},
}

// Explain says how err is told outside. What is in no line of the table is told as "internal", without its text, which is
// for the log: the second result is false then.
func Explain(err error) (f Failure, known bool) {
	var (
		input   *InputError
		field   *fleet.InvalidError
		invalid *geofence.InvalidError
	)
	switch {
	case errors.As(err, &field):
		return Failure{
			Status: http.StatusBadRequest, Close: websocket.ClosePolicyViolation, Refusal: uplink.CodeBadBatch,
			Code: "invalid", Field: field.Field, Message: field.Reason,
		}, true
	case errors.As(err, &input):
		return Failure{
			Status: http.StatusBadRequest, Close: websocket.ClosePolicyViolation, Refusal: uplink.CodeBadMessage,
			Code: "invalid", Field: input.Field, Message: input.Reason,
		}, true
	case errors.As(err, &invalid):
		f := Failure{
			Status: http.StatusUnprocessableEntity, Close: websocket.ClosePolicyViolation, Refusal: uplink.CodeBadMessage,
			Code: "invalid_fence", Field: invalid.Field, Message: invalid.Error(),
		}
		if invalid.HasAt {
			f.At = &invalid.At
		}
		return f, true
	}
	for _, line := range failures {
		if errors.Is(err, line.err) {
			f := line.Failure
			f.Message = err.Error()
			return f, true
		}
	}
	return Failure{
		Status: http.StatusInternalServerError, Close: websocket.CloseInternalServerErr, Refusal: uplink.CodeUnavailable,
		Code: "internal", Message: "an error inside the service; its log says more",
	}, false
}
