package command

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"
)

// version is set by the linker: -X dipper/cmd/internal/command.version=v1.2.3.
var version string

// Version is what the binary calls itself: the linker's word, else the module's version, else "dev".
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// SourceDate is the day of the commit that the binary was built from, a day before which no clock can be right that it
// meets; the zero time where the build did not record it.
func SourceDate() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, _ := time.Parse(time.RFC3339, s.Value) // the zero time is the answer to what is no time
			return t
		}
	}
	return time.Time{}
}

// VersionFlag prints the version and ends the program.
type VersionFlag bool

// BeforeReset is called by kong as soon as the flag is seen.
func (VersionFlag) BeforeReset(app *kong.Kong, _ kong.Vars) error {
	fmt.Fprintln(app.Stdout, app.Model.Name, Version())
	app.Exit(ExitOK)
	return nil
}
