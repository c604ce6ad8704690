// Package command is what the three binaries' command lines have in common: flags, the same settings from DIPPER_…
// environment variables and a config file, help, and exit codes.
//
// A setting is looked for on the command line, then in the environment, then in the file named by --config (YAML, of which
// JSON is a part; keys are the flags' names), then in its default.
package command
