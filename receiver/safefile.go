package receiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
)

// What has to survive a restart without a network lies in small files beside the spool's segments: a first line with a checksum,
// and JSON. They are replaced as a whole, so a power cut leaves the file before or the file after.

// errDamaged is wrapped by loadFile's error for a file that saveFile cannot have written.
var errDamaged = errors.New("damaged")

const (
	safeFileMode = 0o600 // where a vehicle was
	checksumLine = "crc32c %08x\n"
	// maxFileBytes bounds what is read: 128 KiB of fences are 175 kB in JSON.
	maxFileBytes = 1 << 20
)

func checksum(body []byte) uint32 { return crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) }

// saveFile replaces a file, durably.
func saveFile(dir, name string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	path := filepath.Join(dir, name)
	if err := writeDurably(path+".new", append(fmt.Appendf(nil, checksumLine, checksum(body)), body...)); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil { // the new name
		return fmt.Errorf("save %s: %w", name, err)
	}
	return nil
}

func writeDurably(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, safeFileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// loadFile reads what saveFile wrote into v. The error wraps fs.ErrNotExist where there is none, and errDamaged.
func loadFile(dir, name string, v any) error {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > maxFileBytes {
		return fmt.Errorf("%s: %w: %d bytes", path, errDamaged, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	first, body, _ := strings.Cut(string(data), "\n")
	if first+"\n" != fmt.Sprintf(checksumLine, checksum([]byte(body))) {
		return fmt.Errorf("%s: %w: wrong checksum", path, errDamaged)
	}
	if err := json.Unmarshal([]byte(body), v); err != nil {
		return fmt.Errorf("%s: %w: %w", path, errDamaged, err)
	}
	return nil
}
