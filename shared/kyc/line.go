package kyc

import "time"

// Line is how things stand between the product and a subscription's endpoint: whether posts get through, and what is to
// be done once they do. A line that was never in trouble is the zero Line and is stored nowhere. Its times are real time.
//
// It is a circuit breaker. Closed, every delivery is posted. After breakAfter failures in a row, or where the endpoint asks
// for it, it opens: nothing is posted until OpenUntil, and deliveries are held. Then it is half open: one delivery is
// posted, and its success closes the line, its failure opens it again for twice as long.
type Line struct {
	Failures     int       // in a row
	FailingSince time.Time // when the first of them was
	FailedAt     time.Time // when the last of them was
	OpenUntil    time.Time // zero while the line is closed
	Opened       int       // how often it was opened in a row
	ProbeUntil   time.Time // until when the one post is awaited that a half-open line lets through
	DrainSince   time.Time // since when held deliveries are to be sent, zero where they are not
	Announce     string    // id of the event that tells the brand of the subscription's disabling, until it is on its way
	Replay       *Replay   // what was asked to be sent again, until all of it is
	DueAt        time.Time // the alarm, at which someone must look at the line; zero for none
	Rev          int       // raised by every write; 0 of a line that is not stored
}

// Replay is what a brand has asked to be sent to a subscription: its events of a range of time, oldest first.
type Replay struct {
	From, Until time.Time // of occurred_at, in the brand's time; From is part of the range, Until is not
	All         bool      // those that were delivered, too
	RequestedAt time.Time
	Done        EventAt // the last one that was dealt with
}

// EventAt is the place of an event in the list of a brand's events.
type EventAt struct {
	OccurredAt time.Time
	EventID    string
}

const (
	breakAfter = 5
	// firstBreak is how long the line is open at first, lastBreak how long at the longest: a dead endpoint costs a post an
	// hour, and one that is up again waits at most so long.
	firstBreak = time.Minute
	lastBreak  = time.Hour
	// probeTime is how long the one post of a half-open line is awaited: longer than any notifier lives.
	probeTime = time.Minute
	// disableAfter is how long every post must fail before the subscription is disabled, as Standard Webhooks 1.0.0 advises
	// ("for a while, e.g. several days").
	disableAfter = 5 * 24 * time.Hour
	// calm ends a row of failures: with no post at all for so long, nobody knows how the endpoint was. It is twice the
	// longest wait of the plan.
	calm = 48 * time.Hour
	// Settle is for how long after a change of a line someone may still hold a delivery, because the change was not known
	// when the delivery was read: longer than any notifier lives and the index lags.
	Settle = 2 * time.Minute
)

// Open reports whether nothing may be posted now: the endpoint is spared, or someone is finding out.
func (l Line) Open(now time.Time) bool { return now.Before(l.OpenUntil) || now.Before(l.ProbeUntil) }

// HalfOpen reports whether one delivery may be posted now.
func (l Line) HalfOpen(now time.Time) bool { return !l.OpenUntil.IsZero() && !l.Open(now) }

// Steady reports whether a post that gets through is nothing new.
func (l Line) Steady() bool { return l.Failures == 0 && l.OpenUntil.IsZero() }

// Probe returns the half-open line with its one post on its way.
func (l Line) Probe(now time.Time) Line {
	l.ProbeUntil = now.Add(probeTime)
	return l.Ring(l.ProbeUntil)
}

// Up returns the line after a post that got through. What was held while it was open is to be sent.
func (l Line) Up(now time.Time) Line {
	open := !l.OpenUntil.IsZero()
	l = l.reset()
	if open {
		l = l.Drain(now)
	}
	return l
}

// Drain returns the line with everything that is held for it to be sent.
func (l Line) Drain(now time.Time) Line {
	l = l.reset()
	l.DrainSince = now
	return l.Ring(now)
}

func (l Line) reset() Line {
	l.Failures, l.FailingSince, l.FailedAt = 0, time.Time{}, time.Time{}
	l.OpenUntil, l.Opened, l.ProbeUntil = time.Time{}, 0, time.Time{}
	return l
}

// Down returns the line after a post that failed. A post that was on its way when the line was opened, and was no probe,
// changes nothing.
func (l Line) Down(t Try) Line {
	at := t.End()
	if at.Before(l.OpenUntil) {
		return l
	}
	if l.FailedAt.IsZero() || at.Sub(l.FailedAt) > calm {
		l.Failures, l.FailingSince = 0, at
	}
	l.Failures++
	l.FailedAt = at
	asked := time.Duration(0)
	if t.Code == 429 || t.Code == 503 {
		asked = min(t.RetryAfter, lastBreak)
	}
	if l.Failures >= breakAfter || !l.OpenUntil.IsZero() || asked > 0 {
		spare := min(firstBreak<<min(l.Opened, 10), lastBreak)
		l.OpenUntil, l.ProbeUntil, l.DrainSince = at.Add(max(spare, asked)), time.Time{}, time.Time{}
		l.Opened++
		l = l.Ring(l.OpenUntil)
	}
	return l
}

// Dead reports whether every post has failed for so long that the subscription is to be disabled.
func (l Line) Dead() bool { return l.Failures > 0 && l.FailedAt.Sub(l.FailingSince) >= disableAfter }

// Ring returns the line with an alarm at the given time, or an earlier one that it has.
func (l Line) Ring(at time.Time) Line {
	if l.DueAt.IsZero() || at.Before(l.DueAt) {
		l.DueAt = at
	}
	return l
}
