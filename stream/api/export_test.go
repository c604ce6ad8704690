package api

// Routes are the methods and paths of the service, for the tests that hold them against the document.
func Routes() []string {
	var all []string
	for _, r := range routes() {
		all = append(all, r.method+" "+r.path)
	}
	return all
}
