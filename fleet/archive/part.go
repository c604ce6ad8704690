package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"math"
	"os"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// rowsPerGroup bounds the memory of a writer and of readers; a group of fixes has some ten megabytes.
const rowsPerGroup = 256 << 10

// rowsAtATime are written or read in one call.
const rowsAtATime = 1024

// dictionaryBytes is how large a column's dictionary may grow in a group before the rest is written plainly.
const dictionaryBytes = 1 << 20

// partWriter writes one file of rows with points in them.
type partWriter[T any] struct {
	file *os.File
	buf  *bufio.Writer
	sha  hash.Hash
	rows *parquet.GenericWriter[T]
	some []T // rows that wait, to be written together
	n    int64
	bbox [4]float64 // west, south, east, north
}

// newPart makes a file that must not be there.
func newPart[T any](path string) (*partWriter[T], error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return nil, err
	}
	w := &partWriter[T]{file: file, sha: sha256.New(), bbox: [4]float64{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}}
	w.buf = bufio.NewWriterSize(io.MultiWriter(file, w.sha), 1<<20)
	w.rows = parquet.NewGenericWriter[T](w.buf,
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.MaxRowsPerRowGroup(rowsPerGroup),
		parquet.DictionaryMaxBytes(dictionaryBytes),
		parquet.CreatedBy("dipper", "1", ""),
	)
	return w, nil
}

// add writes a row whose point is at lon, lat.
func (w *partWriter[T]) add(row T, lon, lat float64) error {
	b := &w.bbox
	*b = [4]float64{min(b[0], lon), min(b[1], lat), max(b[2], lon), max(b[3], lat)}
	w.n++
	if w.some = append(w.some, row); len(w.some) < rowsAtATime {
		return nil
	}
	return w.flush()
}

func (w *partWriter[T]) flush() error {
	_, err := w.rows.Write(w.some)
	clear(w.some)
	w.some = w.some[:0]
	return err
}

// geoColumn and geoMetadata are the "geo" value of a file. A coordinate system that is not named is OGC:CRS84: longitude and latitude
// on WGS-84.
// Source: GeoParquet 1.1.0, "File metadata", "Column metadata".
type geoColumn struct {
	Encoding string     `json:"encoding"`
	Types    []string   `json:"geometry_types"`
	BBox     [4]float64 `json:"bbox"`
}

type geoMetadata struct {
	Version string               `json:"version"`
	Primary string               `json:"primary_column"`
	Columns map[string]geoColumn `json:"columns"`
}

// close ends the file and puts it on the disk.
func (w *partWriter[T]) close() (rows, size int64, sum string, err error) {
	geo, err := json.Marshal(geoMetadata{
		Version: "1.1.0", Primary: "geometry",
		Columns: map[string]geoColumn{"geometry": {Encoding: "WKB", Types: []string{"Point"}, BBox: w.bbox}},
	})
	if err == nil {
		w.rows.SetKeyValueMetadata("geo", string(geo))
		err = errors.Join(w.flush(), w.rows.Close(), w.buf.Flush())
	}
	if err == nil {
		size, err = w.file.Seek(0, io.SeekCurrent)
	}
	if err == nil {
		err = w.file.Sync()
	}
	return w.n, size, hex.EncodeToString(w.sha.Sum(nil)), errors.Join(err, w.file.Close())
}

// eachRow calls fn with the rows of a file; T has the columns that are wanted.
func eachRow[T any](path string, fn func(*T)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	f, err := parquet.OpenFile(file, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return err
	}
	rows := parquet.NewGenericReader[T](f)
	buf := make([]T, rowsAtATime)
	for {
		n, err := rows.Read(buf)
		for i := range buf[:n] {
			fn(&buf[i])
		}
		if errors.Is(err, io.EOF) {
			return rows.Close()
		}
		if err != nil {
			return errors.Join(err, rows.Close())
		}
	}
}
