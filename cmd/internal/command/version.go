package command

import (
	"fmt"
	"runtime/debug"

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

// VersionFlag prints the version and ends the program.
type VersionFlag bool

// BeforeReset is called by kong as soon as the flag is seen.
func (VersionFlag) BeforeReset(app *kong.Kong, _ kong.Vars) error {
	fmt.Fprintln(app.Stdout, app.Model.Name, Version())
	app.Exit(ExitOK)
	return nil
}
