package track

import (
	"encoding/binary"
	"hash/crc32"
)

// Reseal makes a batch whose checksum is right out of any body, so that the fuzzer gets behind the checksum.
func Reseal(body []byte) []byte {
	out := binary.AppendUvarint([]byte{BatchVersion1}, uint64(len(body)))
	out = append(out, body...)
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}
