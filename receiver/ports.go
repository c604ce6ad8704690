package receiver

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Devices is where the kernel shows its devices. The zero value is right but for tests.
type Devices struct {
	Dev string // "" is /dev
	Sys string // "" is /sys
}

// Port is a serial port that is there.
type Port struct {
	Path   string // /dev/ttyUSB0
	Stable string // /dev/serial/by-id/…, which stays the same whatever was plugged in first; "" if there is none
}

// Best is the path to open.
func (p Port) Best() string {
	if p.Stable != "" {
		return p.Stable
	}
	return p.Path
}

// portPatterns are the names of ports on which a module can be, the likeliest first: USB, a board's own UARTs as the drivers in Linux'
// drivers/tty/serial name them, and the 8250 kind last, of which PCs list more than they have. deploy/dipper-agent.service
// allows the same.
var portPatterns = []string{
	"ttyUSB*", "ttyACM*",
	"ttyAMA*",           // ARM PL011
	"ttymxc*",           // NXP i.MX
	"ttyTHS*",           // NVIDIA Tegra
	"ttyMSM*", "ttyHS*", // Qualcomm
	"ttyO*",      // TI OMAP
	"ttySC*",     // SC16IS7xx on I2C or SPI, and Renesas
	"ttyS[0-9]*", // 8250
}

// Ports lists the serial ports: those with a stable name first, then by kind and name. The system's console is left out, and
// so are UARTs that the kernel has a name for but the board has not.
func (d Devices) Ports() []Port {
	dev := d.Dev
	if dev == "" {
		dev = "/dev"
	}
	var ports []Port
	taken := map[string]bool{}
	stable, _ := filepath.Glob(filepath.Join(dev, "serial", "by-id", "*")) // the pattern is right, the only error there is
	for _, name := range stable {
		if path, err := filepath.EvalSymlinks(name); err == nil && !taken[path] {
			taken[path] = true
			ports = append(ports, Port{Path: path, Stable: name})
		}
	}
	console := d.consoles()
	for _, pattern := range portPatterns {
		paths, _ := filepath.Glob(filepath.Join(dev, pattern))
		for _, path := range paths {
			name := filepath.Base(path)
			target, err := filepath.EvalSymlinks(path)
			if err != nil || taken[target] || slices.Contains(console, name) || d.absent(name) {
				continue
			}
			taken[target] = true
			ports = append(ports, Port{Path: path})
		}
	}
	return ports
}

func (d Devices) sys(elem ...string) string {
	root := d.Sys
	if root == "" {
		root = "/sys"
	}
	return filepath.Join(append([]string{root, "class", "tty"}, elem...)...)
}

// consoles are the names of the terminals on which the kernel itself speaks; changing their baud rate would silence it.
func (d Devices) consoles() []string {
	b, err := os.ReadFile(d.sys("console", "active"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b))
}

// absent reports whether the kernel has found no UART behind the name: type 0, PORT_UNKNOWN of linux/serial_core.h.
func (d Devices) absent(name string) bool {
	b, err := os.ReadFile(d.sys(name, "type"))
	return err == nil && strings.TrimSpace(string(b)) == "0"
}
