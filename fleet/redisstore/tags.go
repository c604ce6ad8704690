package redisstore

// shards is the number of hash tags of units, and so the most masters that can share the fleet. Steps of one shard share a script
// call, so fewer shards make a Cluster faster; 256 is what still divides evenly (to within a fifth) among a hundred masters.
// Source: docs/decisions/0001-shards-and-event-log.md.
const shards = 256

// slots of a Redis Cluster. Source: Redis Cluster specification, "Key distribution model".
const slots = 16384

// shardTags are the hash tags: tag k is the smallest number, written in base 36, that falls on slot k × slots/shards. So the
// shards lie evenly on the slots, and on masters that have equal runs of slots, which tags by number alone would not.
// They stand in every key that is stored: never change one.
var shardTags = [shards]string{
	"1bz", "5n3", "53t", "d5m", "nbd", "7me", "j3j", "3xc", "8yc", "a2j", "if5", "ecd", "o4m", "cu4", "kec", "2jb",
	"dlj", "5js", "574", "92e", "3el", "bcu", "74b", "fvs", "mws", "4xr", "akm", "8dl", "23e", "cqt", "6bk", "x3",
	"5nw", "dhn", "96a", "530", "bgq", "3ah", "frw", "70f", "pt6", "ezo", "mj8", "4e9", "c1x", "ex", "oin", "6fo",
	"5j7", "9of", "d1i", "57p", "7ia", "fox", "38o", "j7n", "4x6", "89o", "mnx", "4ay", "c58", "a8", "xw", "kag",
	"17p", "h8q", "he6", "1j7", "n7n", "78o", "box", "3ia", "8ha", "4m0", "40w", "e6n", "oag", "6nf", "c9q", "mq",
	"130", "hx9", "hav", "1nw", "30f", "brw", "7ah", "fgq", "eoi", "4ip", "447", "81f", "4v", "kin", "67a", "i1",
	"h85", "174", "1js", "her", "bvs", "34b", "fcu", "7el", "4mt", "ekm", "85b", "403", "cdr", "tz", "m5", "63e",
	"qsu", "13t", "1n3", "5bz", "7xc", "n3j", "3me", "jbd", "4i4", "8le", "e2j", "44s", "6jb", "42", "iu", "k4m",
	"fjl", "7lu", "712", "3ys", "1cj", "hlk", "52d", "975", "265", "k94", "cmk", "9k", "8xs", "a3z", "4dm", "ebt",
	"ng4", "7h5", "75r", "f3k", "9n2", "5kc", "h5l", "93u", "22u", "6z4", "11a0", "2o2", "m2k", "4yb", "ice", "ef4",
	"7l1", "nc0", "3y7", "71v", "5og", "9j6", "1za", "h1h", "c0h", "dh", "2k6", "kd7", "49n", "8x7", "8ax", "any",
	"7hq", "3d8", "wu7", "756", "hho", "1gn", "931", "5rh", "6zp", "221", "yg", "cio", "asv", "1j0d", "8e8", "aj9",
	"356", "su7", "7d8", "3hq", "1rh", "h9a", "5gn", "daw", "gio", "6ov", "621", "la", "8iq", "afp", "41g", "846",
	"31v", "7y7", "jc0", "3l1", "d8p", "5za", "qkn", "1og", "5f", "6k6", "66q", "g0h", "8m1", "ab0", "i6o", "80v",
	"b3k", "35r", "3h5", "jg4", "1g2v", "l5l", "1kc", "hdb", "6o2", "1b", "2z4", "62u", "4ld", "8i5", "84r", "i2k",
	"7ys", "312", "3lu", "bjl", "hym", "12d", "des", "5cj", "6kr", "gmk", "he", "665", "abt", "8mu", "802", "45c",
}
