// Package api is the central service as seen from outside: the HTTP API, who may do what, health, metrics, and the page's files.
// docs/openapi.yaml describes it, and the tests hold every request and answer against that document.
//
// router.go lists what lives where and which right it needs; access.go finds out who asks; call.go is what all requests have
// in common. Service joins fleet, uplink, hub and API into what cmd/dipper runs and what other tests start in their own process.
package api
