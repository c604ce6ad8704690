package receiver

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// dialect is one language in which modules take commands.
type dialect int

const (
	dialectNone dialect = iota
	dialectCASIC
	dialectUnicore
	dialectUBX
	dialectPAIR
	dialectPMTK
)

var dialectNames = []string{"", "casic", "unicore", "ublox", "quectel PAIR", "quectel PMTK"}

func (d dialect) String() string { return dialectNames[d] }

// Setups are the makers that Options.Setup may name; auto asks the module. Quectel sells modules of several chip makers, so it
// is asked as well.
func Setups() []string { return []string{"casic", "unicore", "ublox", "quectel", "auto"} }

// dialectsOf are the languages that a maker's modules may speak; one is spoken without asking.
var dialectsOf = map[string][]dialect{
	"casic":   {dialectCASIC},
	"unicore": {dialectUnicore},
	"ublox":   {dialectUBX},
	"quectel": {dialectPAIR, dialectPMTK, dialectCASIC},
	"auto":    {dialectUBX, dialectCASIC, dialectPAIR, dialectPMTK, dialectUnicore},
}

// Rates are the fixes a second that may be asked for.
func Rates() []int { return []int{1, 2, 5, 10} }

// question asks a module in one dialect who it is, and answer is what one of that kind says then. A module ignores the
// questions of the others.
var (
	question = map[dialect][]byte{
		dialectCASIC:   nmeaCommand("PCAS06,0"),
		dialectUnicore: []byte("VERSIONA\r\n"),
		dialectUBX:     ubx(ubxMonVer, nil),
		dialectPAIR:    nmeaCommand("PQTMVERNO"),
		dialectPMTK:    nmeaCommand("PMTK605"),
	}
	answer = map[dialect][]string{
		dialectCASIC:   {"TXT,01,01,02,SW=", "TXT,01,01,02,HW="},
		dialectUnicore: {"#VERSIONA,", "$command,VERSIONA,"},
		dialectUBX:     {"\xb5\x62\x0a\x04"},
		dialectPAIR:    {"$PQTMVERNO,"},
		dialectPMTK:    {"$PMTK705,"},
	}
)

// wanted are the sentences that set-up turns on and then waits for.
var wanted = []string{"RMC", "GGA", "GSA", "GSV"}

// commands turn on BeiDou beside GPS, RMC and GGA and GSA with every fix, GSV once a second, and the rate. They last until the
// module loses its power: nothing is written to its flash memory. What else it sends stays.
//
// Sources: CASIC multimode receiver protocol specification V4.2.0.3, PCAS02 to PCAS04 and PCAS06; Unicore reference commands
// manual for N4 products, UNMASK and the NMEA messages, whose number is the period in seconds; u-blox F9 and M10 interface
// descriptions, UBX-CFG-VALSET and the configuration database; Quectel LC76G, LC26G and LC29H GNSS protocol
// specifications, PAIR050, PAIR062, PAIR066; Quectel L76 GNSS protocol specification, PMTK220, PMTK314, PMTK353. Read by way of
// open drivers that quote them, none of the documents at first hand, and not tried on the modules themselves.
func (d dialect) commands(rate int) [][]byte {
	interval := 1000 / rate // milliseconds
	switch d {
	case dialectCASIC:
		return [][]byte{
			nmeaCommand("PCAS04,3"), // 1 GPS + 2 BDS: all that the cheapest ones have
			// Once in how many fixes: GGA, GLL, GSA, GSV, RMC, VTG, ZDA, ANT.
			nmeaCommand(fmt.Sprintf("PCAS03,1,0,1,%d,1,0,0,1", min(rate, 9))),
			nmeaCommand(fmt.Sprintf("PCAS02,%d", interval)),
		}
	case dialectUnicore:
		period := fmt.Sprintf("%g", float64(interval)/1000)
		lines := []string{"UNMASK GPS", "UNMASK BDS", "GPGSV 1", "GPGSA " + period, "GNGGA " + period, "GNRMC " + period}
		list := make([][]byte, len(lines))
		for i, line := range lines {
			list[i] = []byte(line + "\r\n")
		}
		return list
	case dialectUBX:
		return ubxCommands(rate)
	case dialectPAIR:
		return [][]byte{
			nmeaCommand("PAIR066,1,1,1,1,0,0"), // GPS, GLONASS, Galileo, BDS, QZSS, NavIC
			nmeaCommand("PAIR062,0,1"),         // GGA
			nmeaCommand("PAIR062,4,1"),         // RMC
			nmeaCommand("PAIR062,2,1"),         // GSA
			nmeaCommand(fmt.Sprintf("PAIR062,3,%d", rate)),
			nmeaCommand(fmt.Sprintf("PAIR050,%d", interval)),
		}
	case dialectPMTK:
		return [][]byte{
			nmeaCommand("PMTK353,1,0,0,0,1"), // GPS, GLONASS, Galileo, Galileo full, BDS
			// Once in how many fixes: GLL, RMC, VTG, GGA, GSA, GSV, 11 that are reserved or not wanted, ZDA, MCHN.
			nmeaCommand(fmt.Sprintf("PMTK314,0,1,0,1,1,%d%s", min(rate, 5), strings.Repeat(",0", 13))),
			nmeaCommand(fmt.Sprintf("PMTK220,%d", interval)),
		}
	}
	return nil
}

// nmeaCommand frames text as a sentence.
func nmeaCommand(text string) []byte {
	var sum byte
	for i := range len(text) {
		sum ^= text[i]
	}
	return fmt.Appendf(nil, "$%s*%02X\r\n", text, sum)
}

// UBX messages by class and number. Source: u-blox F9 interface description, UBX messages overview.
var (
	ubxMonVer    = [2]byte{0x0a, 0x04}
	ubxCfgValset = [2]byte{0x06, 0x8a}
)

// Keys of u-blox's configuration database. Bits 28 to 30 are the size of the value: 1 and 2 one byte, 3 two bytes. Those of a
// sentence's rate are for UART1; that for USB is two more. Source: u-blox F9 interface description, configuration reference.
const (
	keyUART1Nmea uint32 = 0x10740002 // CFG-UART1OUTPROT-NMEA
	keyUSBNmea   uint32 = 0x10780002 // CFG-USBOUTPROT-NMEA
	keyBeiDou    uint32 = 0x10310022 // CFG-SIGNAL-BDS_ENA
	keyGGA       uint32 = 0x209100bb // CFG-MSGOUT-NMEA_ID_GGA_UART1
	keyRMC       uint32 = 0x209100ac // CFG-MSGOUT-NMEA_ID_RMC_UART1
	keyGSA       uint32 = 0x209100c0 // CFG-MSGOUT-NMEA_ID_GSA_UART1
	keyGSV       uint32 = 0x209100c5 // CFG-MSGOUT-NMEA_ID_GSV_UART1
	keyInterval  uint32 = 0x30210001 // CFG-RATE-MEAS, milliseconds
	ubxUSB       uint32 = 2
)

// setting is a key and its value.
type setting struct {
	key   uint32
	value uint16
}

// ubxCommands are several messages, because a module applies none of a message's settings if it lacks one of the keys, and not
// all have a USB port.
func ubxCommands(rate int) [][]byte {
	sentences := func(port uint32) []setting {
		return []setting{{keyGGA + port, 1}, {keyRMC + port, 1}, {keyGSA + port, 1}, {keyGSV + port, uint16(rate)}}
	}
	return [][]byte{
		valset(setting{keyBeiDou, 1}),
		valset(append([]setting{{keyUART1Nmea, 1}}, sentences(0)...)...),
		valset(append([]setting{{keyUSBNmea, 1}}, sentences(ubxUSB)...)...),
		valset(setting{keyInterval, uint16(1000 / rate)}),
	}
}

// valset is UBX-CFG-VALSET, version 0, into the RAM layer.
func valset(settings ...setting) []byte {
	const ramLayer = 1
	payload := []byte{0, ramLayer, 0, 0}
	for _, s := range settings {
		payload = binary.LittleEndian.AppendUint32(payload, s.key)
		if s.key>>28 == 3 {
			payload = binary.LittleEndian.AppendUint16(payload, s.value)
		} else {
			payload = append(payload, byte(s.value))
		}
	}
	return ubx(ubxCfgValset, payload)
}

// ubx frames a payload: sync characters, class and number, length, payload, and Fletcher's checksum over all but the sync
// characters. Source: u-blox F9 interface description, UBX frame structure and checksum.
func ubx(message [2]byte, payload []byte) []byte {
	b := []byte{0xb5, 0x62, message[0], message[1]}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(payload)))
	b = append(b, payload...)
	var first, second byte
	for _, c := range b[2:] {
		first += c
		second += first
	}
	return append(b, first, second)
}

// CheckSetup says what is wrong with the name of a maker or a rate; "" is no set-up, for which no rate may be asked.
func CheckSetup(maker string, rate int) error {
	switch {
	case maker == "" && rate != 0:
		return fmt.Errorf("rate %d: only a module that is set up can be given one", rate)
	case maker == "":
		return nil
	case !slices.Contains(Setups(), maker):
		return fmt.Errorf("setup %q: want one of %v", maker, Setups())
	case rate != 0 && !slices.Contains(Rates(), rate):
		return fmt.Errorf("rate %d: want one of %v", rate, Rates())
	}
	return nil
}
