// Package watchdog shows the supervisor that the program still works: Pulse is one loop's sign of life, Notifier tells systemd.
package watchdog
