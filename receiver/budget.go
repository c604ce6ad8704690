package receiver

import (
	"context"
	"time"
)

const (
	// budgetEvery is how often the data sent is looked at.
	budgetEvery = time.Minute
	// maxThrift is the highest level of thrift; what each means is in outlet.save.
	maxThrift = 5
	// thriftMargin is how much less than allowed must be used for thrift to fall: one level saves up to a half.
	thriftMargin = 3
)

// budget turns bytes into thrift, so that what is left of a day's budget lasts until midnight UTC by the host's clock. It is no
// wall: what must be sent at the highest thrift is sent, and what was used before the program started is not known.
type budget struct {
	perDay uint64 // 0 no limit
	thrift int

	day  time.Time // that is counted; zero before the first look
	base uint64    // the count at its beginning, or 0 on the day of the program's start: all it sent counts
	at   time.Time // of the last look
	seen uint64    // the count then
}

// look takes the bytes since the program started, and returns the thrift from here on.
func (b *budget) look(now time.Time, total uint64) int {
	today := now.UTC().Truncate(day)
	switch {
	case b.day.IsZero():
		b.day = today
	case !today.Equal(b.day):
		b.day, b.base = today, total
	}
	elapsed := now.Sub(b.at).Seconds()
	if b.at.IsZero() || elapsed <= 0 { // nobody said when the count began, or the clock was set back
		b.at, b.seen = now, total
		return b.thrift
	}
	rate := float64(total-b.seen) / elapsed
	b.at, b.seen = now, total
	var allowed float64
	if used := total - b.base; used < b.perDay {
		allowed = float64(b.perDay-used) / b.day.Add(day).Sub(now).Seconds()
	}
	switch {
	case b.perDay == 0:
		b.thrift = 0
	case rate > allowed:
		b.thrift = min(b.thrift+1, maxThrift)
	case rate < allowed/thriftMargin:
		b.thrift = max(b.thrift-1, 0)
	}
	return b.thrift
}

// spend keeps the budget until ctx ends. The centre may change it, or lift it, at any time.
func (a *Agent) spend(ctx context.Context) {
	b := budget{at: a.started} // before that nothing was sent
	for sleep(ctx, budgetEvery) {
		was := b.thrift
		b.perDay = a.bytesPerDay.Load()
		if is := b.look(a.cfg.Now(), a.client.Status().Bytes); is != was {
			a.cfg.Log.Info("data budget", "thrift", is, "was", was, "bytes_per_day", b.perDay)
			a.outlet.save(is)
		}
	}
}
