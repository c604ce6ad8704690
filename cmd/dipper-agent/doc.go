// Command dipper-agent is the program on board: it reads a Beidou module and sends every fix to the centre (run), turns
// recordings into fixes (decode), and lists the serial ports (ports).
//
//	dipper-agent run --source auto --server wss://centre.example --unit truck-7 --key KEY --spool /var/lib/dipper-agent
//
// It is one static file without C code, for the small boards that vehicles carry. The work is in package receiver.
package main
