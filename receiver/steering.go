package receiver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"dipper/geofence"
	"dipper/positioning/geo"
	"dipper/positioning/track"
	"dipper/receiver/uplink"
)

// Files in the spool's directory; see safefile.go.
const (
	settingsFile = "centre-settings.json"
	fencesFile   = "centre-fences.json"
	noticeFile   = "centre-notice.json"
	visitsFile   = "visits.json"
)

// saveRetry is how long after a failure the files are tried again.
const saveRetry = time.Minute

// steering is what the centre tells this unit (settings, the fences around, the dispatcher's last notice), and how far the unit has
// got with it. It is the uplink's view of that (uplink.Steering) and keeps all of it in files, so that it counts after a restart
// without a network too. The uplink's methods only leave what came; run does the work. Safe for concurrent use.
type steering struct {
	dir      string
	log      *slog.Logger
	counters *Counters
	visits   *visits
	adopt    func(uplink.UnitSettings)
	spool    numberedFixes // nil before resume
	sync     func() error  // brings the fixes to the disk that a state of the visits is about
	changed  chan struct{} // full when Report or Told may give something else
	wake     chan struct{} // full when run has something to do

	mu       sync.Mutex
	arrived  arrived
	settings keptSettings
	fences   keptFences
	notice   keptNotice
	unsaved  map[string]bool // by file
}

// arrived is what the uplink left and nobody has looked at.
type arrived struct {
	settings *uplink.Settings
	fences   *uplink.Fences
	first    track.Seq // the lowest number that was not acknowledged when fences came
}

// keptSettings are the settings that came last, and those in force: the same unless they have a problem.
type keptSettings struct {
	Revision uint64          `json:"revision"`          // of those that came last; 0 none, or none any more
	Problem  string          `json:"problem,omitempty"` // why they are not in force
	InForce  json.RawMessage `json:"in_force,omitempty"`
}

// keptFences is a set of fences that is complete for a circle.
type keptFences struct {
	Version uint64    `json:"version"` // 0 none came yet
	Centre  geo.Point `json:"centre"`
	RadiusM float64   `json:"radius_m"`
	Blobs   [][]byte  `json:"fences"` // as they came: geofence.UnmarshalFence reads them
	decoded []geofence.Fence
}

// keptNotice is the dispatcher's last notice; without an ID there was none.
type keptNotice struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	Text string    `json:"text"`
	Read bool      `json:"read"` // the driver said so
}

func newSteering(cfg *Config, counters *Counters, v *visits) *steering {
	return &steering{
		dir: cfg.Spool, log: cfg.Log, counters: counters, visits: v,
		adopt: func(uplink.UnitSettings) {}, sync: func() error { return nil },
		changed: make(chan struct{}, 1), wake: make(chan struct{}, 1), unsaved: map[string]bool{},
	}
}

// resume takes up what the process before kept. What is damaged is counted, and the centre sends it again.
func (s *steering) resume(sp numberedFixes) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spool = sp
	var kept keptVisits
	s.load(settingsFile, &s.settings)
	s.load(fencesFile, &s.fences)
	s.load(noticeFile, &s.notice)
	s.load(visitsFile, &kept)
	s.decodeFences(&s.fences)
	settings, err := uplink.ParseUnitSettings(orEmpty(s.settings.InForce))
	if err != nil { // kept by a version that knew more
		s.settings.Problem = err.Error()
	}
	s.adopt(settings)
	err = s.visits.resume(kept, s.fences.decoded, sp)
	if errors.Is(err, geofence.ErrBadState) {
		s.damaged(visitsFile, err)
		err = nil
	}
	s.visits.wake = func() { s.later(visitsFile) }
	s.unsaved[visitsFile] = true
	signal(s.wake)
	return err
}

func orEmpty(object json.RawMessage) []byte {
	if len(object) == 0 {
		return []byte("{}")
	}
	return object
}

func (s *steering) load(name string, v any) {
	if err := loadFile(s.dir, name, v); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.damaged(name, err)
	}
}

func (s *steering) damaged(name string, err error) {
	s.counters.FilesDamaged.Add(1)
	s.log.Warn("a file of what the centre told is damaged; it goes on without", "file", name, "err", err)
}

// later has a file saved.
func (s *steering) later(name string) {
	s.mu.Lock()
	s.unsaved[name] = true
	s.mu.Unlock()
	signal(s.wake)
	signal(s.changed)
}

// signal fills a channel of capacity 1.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // there is one already
	}
}

// Report, Told, Changed and the Take methods are uplink.Steering.

func (s *steering) Report() uplink.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := uplink.Report{
		SettingsRevision: s.settings.Revision, SettingsProblem: s.settings.Problem, WantsFences: true, FencesVersion: s.fences.Version,
	}
	if s.notice.Read {
		r.NoticeShown = s.notice.ID
	}
	return r
}

func (s *steering) Told(max int) []uplink.OnboardEvent { return s.visits.toTell(max) }

func (s *steering) Changed() <-chan struct{} { return s.changed }

func (s *steering) TakeSettings(in uplink.Settings) {
	in.Body = bytes.Clone(in.Body)
	s.mu.Lock()
	s.arrived.settings = &in
	s.mu.Unlock()
	signal(s.wake)
}

func (s *steering) TakeFences(in uplink.Fences) {
	blobs := make([][]byte, len(in.Blobs))
	for i, b := range in.Blobs {
		blobs[i] = bytes.Clone(b)
	}
	in.Blobs = blobs
	first := s.firstUnacked()
	s.mu.Lock()
	s.arrived.fences, s.arrived.first = &in, first
	s.mu.Unlock()
	signal(s.wake)
}

// firstUnacked is the lowest number that the centre has not acknowledged, or the next one to be readable.
func (s *steering) firstUnacked() track.Seq {
	next := s.spool.Newest() + 1 // first, or a fix that comes between the two would be passed over
	if unacked := s.spool.Unacked(); len(unacked) > 0 {
		return unacked.Lowest()
	}
	return next
}

func (s *steering) TakeNotice(n uplink.Notice) {
	s.mu.Lock()
	fresh := n.ID != s.notice.ID
	if fresh {
		s.notice = keptNotice{ID: n.ID, At: n.At, Text: n.Text}
	}
	s.mu.Unlock()
	if fresh {
		s.counters.Notices.Add(1)
		s.later(noticeFile)
	}
}

func (s *steering) TakeToldAck(ids []string) {
	s.visits.acknowledged(ids)
	s.later(visitsFile)
}

// read notes that the driver has read a notice. It reports whether that is the last one.
func (s *steering) read(id string) bool {
	s.mu.Lock()
	last := id != "" && id == s.notice.ID
	if last {
		s.notice.Read = true
	}
	s.mu.Unlock()
	if last {
		s.later(noticeFile)
	}
	return last
}

// settingsTaken is the revision of the settings that came last, and why they are not in force.
func (s *steering) settingsTaken() (revision uint64, problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings.Revision, s.settings.Problem
}

// noticeStatus is the dispatcher's last notice; nil none.
func (s *steering) noticeStatus() *NoticeStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.notice.ID == "" {
		return nil
	}
	return &NoticeStatus{ID: s.notice.ID, At: s.notice.At, Text: s.notice.Text, Read: s.notice.Read}
}

// run puts into force what came, and saves, until ctx ends; then it does so a last time.
func (s *steering) run(ctx context.Context) {
	retry := time.NewTicker(saveRetry)
	defer retry.Stop()
	for ctx.Err() == nil {
		select {
		case <-s.wake:
		case <-retry.C: // for what could not be saved
		case <-ctx.Done():
		}
		s.work()
	}
	s.later(visitsFile) // however few fixes ago it was saved
	s.save()
}

// work puts into force what came, and saves.
func (s *steering) work() {
	s.mu.Lock()
	in := s.arrived
	s.arrived = arrived{}
	s.mu.Unlock()
	if in.settings != nil {
		s.applySettings(*in.settings)
	}
	if in.fences != nil {
		s.applyFences(*in.fences, in.first)
	}
	s.save()
}

// applySettings puts settings into force, all of them or, if one is wrong, none.
func (s *steering) applySettings(in uplink.Settings) {
	settings, err := uplink.ParseUnitSettings(in.Body)
	s.mu.Lock()
	next := keptSettings{Revision: in.Revision, InForce: in.Body}
	if err != nil {
		next.Problem, next.InForce = err.Error(), s.settings.InForce
	}
	s.settings = next
	s.mu.Unlock()
	if err != nil {
		s.counters.SettingsRefused.Add(1)
		s.log.Warn("the centre's settings are not applied", "revision", in.Revision, "err", err)
	} else {
		s.adopt(settings)
		s.counters.Settings.Add(1)
		s.log.Info("the centre's settings are in force", "revision", in.Revision, "settings", string(in.Body))
	}
	s.later(settingsFile)
}

// applyFences makes a set of fences the one that counts. One that cannot be read, from a newer centre, is left out.
func (s *steering) applyFences(in uplink.Fences, first track.Seq) {
	next := keptFences{Version: in.Version, Centre: geo.Point{Lat: in.Lat, Lon: in.Lon}, RadiusM: in.RadiusM, Blobs: in.Blobs}
	s.decodeFences(&next)
	s.visits.use(next.decoded, first)
	s.counters.FenceSets.Add(1)
	s.mu.Lock()
	s.fences = next
	s.unsaved[visitsFile] = true // its state is of the new set
	s.mu.Unlock()
	s.later(fencesFile)
}

func (s *steering) decodeFences(k *keptFences) {
	for _, b := range k.Blobs {
		f, err := geofence.UnmarshalFence(b)
		if err != nil {
			s.counters.FencesUnreadable.Add(1)
			s.log.Warn("a fence from the centre cannot be read and is left out", "err", err)
			continue
		}
		k.decoded = append(k.decoded, f)
	}
}

// save writes the files that have changed.
func (s *steering) save() {
	s.mu.Lock()
	todo, settings, fences, notice := s.unsaved, s.settings, s.fences, s.notice
	s.unsaved = map[string]bool{}
	s.mu.Unlock()
	for name := range todo {
		var v any
		switch name {
		case settingsFile:
			v = settings
		case fencesFile:
			v = fences
		case noticeFile:
			v = notice
		case visitsFile:
			v = s.visits.keep()
		}
		if err := s.saveOne(name, v); err != nil {
			s.counters.SaveFailures.Add(1)
			s.log.Error("what the centre told is not saved; it is tried again", "file", name, "err", err)
			s.mu.Lock()
			s.unsaved[name] = true
			s.mu.Unlock()
		}
	}
}

func (s *steering) saveOne(name string, v any) error {
	if name == visitsFile { // no state of fixes that a power cut could still take
		if err := s.sync(); err != nil {
			return fmt.Errorf("sync spool: %w", err)
		}
	}
	return saveFile(s.dir, name, v)
}
