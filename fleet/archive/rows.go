package archive

import (
	"errors"
	"os"
)

// rows writes new rows into the next parts of a folder.
type rows[T any] struct {
	folder *folder
	most   int64 // rows in a part after which the next begins
	part   *partWriter[T]
	made   []part // after commit
}

// add writes a row whose point is at lon, lat. The first makes a file: a day on which nothing is new gets none.
func (r *rows[T]) add(row T, lon, lat float64) error {
	if r.part == nil {
		path, err := r.folder.next()
		if err != nil {
			return err
		}
		if r.part, err = newPart[T](path); err != nil {
			return err
		}
	}
	return r.part.add(row, lon, lat)
}

// betweenUnits ends a part that is long enough, so that a unit's new rows are in one part.
func (r *rows[T]) betweenUnits() error {
	if r.part == nil || r.part.n < r.most {
		return nil
	}
	return r.end()
}

func (r *rows[T]) end() error {
	if r.part == nil {
		return nil
	}
	n, size, sum, err := r.part.close()
	r.part = nil
	if err == nil {
		r.folder.add(n, size, sum)
	}
	return err
}

// commit makes all that was added count.
func (r *rows[T]) commit() error {
	if err := r.end(); err != nil {
		return err
	}
	r.made = r.folder.fresh
	return r.folder.commit()
}

// abandon closes and removes what was begun. What it cannot remove, the next run does.
func (r *rows[T]) abandon() error {
	if r.part == nil {
		return nil
	}
	name := r.part.file.Name()
	err := r.part.file.Close()
	r.part = nil
	return errors.Join(err, os.Remove(name))
}
