package receiver

import (
	_ "embed"
	"net/http"
)

// The driver's page: small, without anything from outside, in Chinese and English.
var (
	//go:embed page/index.html
	pageHTML []byte
	//go:embed page/page.js
	pageScript []byte
)

// pagePolicy lets the page load nothing but its script and the status, and nobody frame it.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// handlePage serves the driver's page.
func handlePage(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", pagePolicy)
		respond(w, "text/html; charset=utf-8", pageHTML)
	})
	mux.HandleFunc("GET /page.js", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, "text/javascript; charset=utf-8", pageScript)
	})
}
