// Package storetest is what a fleet.Store promises, as tests: every sentence of the interface's comments that can be seen from
// outside. A store's own tests call Run with a way to open it; what only one store can show (a killed server, a full
// disk) is tested beside that store.
package storetest
