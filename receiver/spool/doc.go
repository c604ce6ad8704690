// Package spool keeps the fixes of a box on board on its disk until the centre has them. It gives each fix its number:
// 1, 2, 3 … without a gap, through restarts, kills and power cuts, and never the same number to two fixes.
//
// A spool is a directory of segment files, to which only is appended: batches of fixes in the format of package track, and
// between them what the centre acknowledged and whose fixes these are. Every record has its own checksum. A record that a
// power cut tore is dropped when the spool is opened again; a damaged one in the middle is counted and stepped over.
//
// A spool belongs to the unit whose Options.Unit was first given, for the fixes in it are sent under that name.
//
// # What survives what
//
// A fix can be read, and so sent, only once fsync has returned for it. Append does not wait for that: it writes, and the
// fix becomes readable after the next fsync, at once if the last one is longer ago than Options.SyncEvery, so that at 1 Hz
// every fix goes out directly and at 10 Hz several share one fsync. Hence:
//
//   - Killed process: nothing that Append took is lost.
//   - Power cut: at most the fixes since the last fsync are lost: with the default of half a second the newest at 1 Hz and
//     six at 10 Hz, and those that came while an fsync ran. None of them was ever sent, so their numbers are free.
//   - Disk full or read-only: fixes stay in bounded memory, readable at once; Stats says so. As soon as the disk takes
//     data again, all of them are written. On a full disk the oldest acknowledged segment makes room, and when the memory
//     is half full the oldest of all. When the memory is full its oldest fix goes. What was not acknowledged is counted.
//   - An fsync that takes half a minute is a failure of the disk too. Fixes that come faster than the disk takes them wait for it
//     when the memory is full, so that a long recording does not fill it.
//   - A disk that loses what it had confirmed, a restored image of a card, a kill while the disk took nothing: the spool
//     may then give a number that the centre knows already. Reconcile finds out, before anything is sent, because the
//     centre holds a number that this process never handed out: fixes with such numbers get new ones behind the centre's
//     highest. The numbers stay unique without trust in the disk. Restarts before that do not matter: the spool notes
//     with which number the first of them began.
//   - A segment that cannot be read, for want of file descriptors or memory or because of a bad block: it is passed over and
//     tried again, never counted as acknowledged, and goes only as the oldest of all over Options.MaxBytes.
//
// # What is kept how long
//
// Unacknowledged fixes are kept as long as they fit into Options.MaxBytes. Acknowledged ones are kept for
// Options.KeepAcked, so that a centre that lost its last seconds can ask again: what the centre says it holds (Reconcile)
// replaces all that was acknowledged before. Over the limit, whole segments go: the oldest that is fully acknowledged; if
// there is none, the oldest of all, and its fixes are counted in Stats.Dropped and logged as an error.
package spool
