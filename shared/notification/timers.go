package notification

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"kyc/shared/kyc"
)

// Alarms is where the deliveries and lines are found that someone must look at.
type Alarms interface {
	// DueWebhooks lists deliveries and lines whose alarm has gone off by the time now, the longest waiting line first.
	DueWebhooks(ctx context.Context, now time.Time, limit int) ([]kyc.DeliveryRef, []kyc.SubscriptionRef, error)
	// RingDelivery moves an alarm that has gone off by the time now to a later time. It reports false where that is done.
	RingDelivery(ctx context.Context, ref kyc.DeliveryRef, now, alarm time.Time) (bool, error)
	// HeldDeliveries lists the deliveries that are held for a subscription, the oldest event first.
	HeldDeliveries(ctx context.Context, sub kyc.SubscriptionRef, limit int) ([]kyc.DeliveryRef, error)
	// ReleaseDelivery makes a held delivery pending, with an alarm. It reports false where it is held no longer.
	ReleaseDelivery(ctx context.Context, ref kyc.DeliveryRef, alarm time.Time) (bool, error)
}

// Replays is where a replay finds what it sends.
type Replays interface {
	// Event returns an event of the brand.
	Event(ctx context.Context, brandID, eventID string) (kyc.Event, error)
	// EventsAfter lists events of a brand, oldest first, from a place on and before a time. It returns where to go on, the
	// zero place at the end.
	EventsAfter(ctx context.Context, brandID string, after kyc.EventAt, until time.Time, limit int) ([]kyc.Event, kyc.EventAt, error)
	// Subscribers lists the brand's subscriptions as of the last write, with what each wants.
	Subscribers(ctx context.Context, brandID string) ([]kyc.Subscription, error)
}

// Lanes is where events wait for their turn, for a subscription that wants them in order.
type Lanes interface {
	// Queue gives an event its place in a lane. Doing it again does nothing.
	Queue(ctx context.Context, lane kyc.Lane, e kyc.Event) error
}

// Timers looks at every delivery and line whose alarm has gone off.
type Timers struct {
	Alarms     Alarms
	Lines      Lines
	Deliveries Deliveries
	Replays    Replays
	Lanes      Lanes
	Queue      Queue
	Now        func() time.Time // real time
	AtOnce     int              // how many deliveries it looks at side by side
}

const (
	// dueLimit is how many alarms of one shard are answered in one sweep.
	dueLimit = 250
	// page is how many deliveries or events are looked at in one go.
	page = 100
	// sweepTime is how long one sweep begins with another page: less than half of what timers has for all its work.
	sweepTime = 20 * time.Second
)

// Sweep sends a message for every delivery whose time has come, and does what is to be done about lines. It returns how
// many alarms had gone off, and the errors of those that it could not answer; they go off again in five minutes, so that
// they do not stand before all others. Lines take turns, with a page each time: one that has much to send holds up none.
// One that there is no time for has the oldest alarm of the next sweep.
func (t *Timers) Sweep(ctx context.Context) (int, error) {
	now := t.Now()
	deliveries, lines, err := t.Alarms.DueWebhooks(ctx, now, dueLimit)
	rung := len(deliveries) + len(lines)
	failed := []error{err, t.each(deliveries, t.AtOnce, func(ref kyc.DeliveryRef) error { return t.ring(ctx, ref, now) })}
	for len(lines) > 0 && t.Now().Sub(now) < sweepTime {
		ref := lines[0]
		lines = lines[1:]
		more, err := t.look(ctx, ref, now)
		if err != nil {
			failed = append(failed, fmt.Errorf("line of subscription %s: %w", ref.SubscriptionID, err))
		} else if more {
			lines = append(lines, ref)
		}
	}
	return rung, errors.Join(failed...)
}

// ring moves a delivery's alarm before it sends the message: whatever ends it in between, the alarm goes off again.
func (t *Timers) ring(ctx context.Context, ref kyc.DeliveryRef, now time.Time) error {
	rung, err := t.Alarms.RingDelivery(ctx, ref, now, now.Add(kyc.AlarmDelay))
	if err != nil || !rung {
		return err
	}
	return t.Queue.NotifyAfter(ctx, ref, 0)
}

// look does what is due about a line, a page of it, and moves its alarm. It reports whether there is more to do at once.
// What is done is done before it is noted, so that a crash makes it done again: twice is harmless.
func (t *Timers) look(ctx context.Context, ref kyc.SubscriptionRef, now time.Time) (more bool, err error) {
	sub, line, err := t.Lines.Line(ctx, ref)
	if err != nil {
		return false, err
	}
	if line.DueAt.IsZero() || line.DueAt.After(now) {
		return false, nil // deleted, or looked at by someone else; the index follows
	}
	next := line
	next.DueAt = time.Time{}
	if sub != nil { // else it was written as its subscription was being deleted
		if err = t.announce(ctx, ref, &next); err == nil && sub.Status == kyc.StatusEnabled {
			more, err = t.supply(ctx, *sub, &next, now)
		}
	}
	if err != nil {
		next = line
		next.DueAt = now.Add(kyc.AlarmDelay)
	}
	return more, errors.Join(err, t.note(ctx, ref, line, next))
}

// note stores the line as it was left. Who has written since it was seen has left the alarm on, and so only how far its
// replay has come is noted then: a line that others write all the time would have that begin at the same place for ever.
func (t *Timers) note(ctx context.Context, ref kyc.SubscriptionRef, seen, left kyc.Line) error {
	done, err := t.Lines.AdvanceLine(ctx, ref, left)
	for range maxWrites {
		if err != nil || done || left.Replay == seen.Replay {
			return err
		}
		var line kyc.Line
		if _, line, err = t.Lines.Line(ctx, ref); err != nil || line.Replay == nil || !line.Replay.RequestedAt.Equal(seen.Replay.RequestedAt) {
			return err
		}
		line.Replay = left.Replay
		done, err = t.Lines.AdvanceLine(ctx, ref, line)
	}
	return err
}

// announce tells the brand's other subscriptions that this one was disabled.
func (t *Timers) announce(ctx context.Context, ref kyc.SubscriptionRef, line *kyc.Line) error {
	if line.Announce == "" {
		return nil
	}
	subscribers, err := t.Replays.Subscribers(ctx, ref.BrandID)
	if err != nil {
		return err
	}
	for _, sub := range subscribers {
		if sub.ID == ref.SubscriptionID || !sub.Wants(kyc.EventSubscriptionDisabled) {
			continue
		}
		if err := t.Queue.NotifyAfter(ctx, kyc.DeliveryRef{BrandID: ref.BrandID, SubscriptionID: sub.ID, EventID: line.Announce}, 0); err != nil {
			return err
		}
	}
	line.Announce = ""
	return nil
}

// supply sends what the line of an enabled subscription can take: nothing while it is open, one held delivery while it is
// half open, once it is closed a page of what is held, or else of what was asked for. It reports whether there is more.
func (t *Timers) supply(ctx context.Context, sub kyc.Subscription, line *kyc.Line, now time.Time) (more bool, err error) {
	ref := kyc.SubscriptionRef{BrandID: sub.BrandID, SubscriptionID: sub.ID}
	switch {
	case line.Open(now):
		*line = line.Ring(later(line.OpenUntil, line.ProbeUntil))
		return false, nil
	case line.HalfOpen(now):
		released, all, err := t.release(ctx, ref, 1, now)
		if err == nil && released == 0 && line.Replay != nil {
			_, err = t.replay(ctx, sub, line, now) // of which one is let through
		}
		if !all || line.Replay != nil {
			*line = line.Ring(now.Add(kyc.AlarmDelay)) // for the case that nothing comes of it
		} else if settled := later(line.OpenUntil, line.ProbeUntil).Add(kyc.Settle); now.Before(settled) {
			*line = line.Ring(settled)
		}
		return false, err
	}
	if !line.DrainSince.IsZero() {
		more, err = t.drain(ctx, ref, line, now)
	}
	if err == nil && !more && line.Replay != nil {
		more, err = t.replay(ctx, sub, line, now)
	}
	return more, err
}

// drain sends a page of what is held, until nothing is and nobody can hold anything any more who does not know of the
// change.
func (t *Timers) drain(ctx context.Context, ref kyc.SubscriptionRef, line *kyc.Line, now time.Time) (more bool, err error) {
	released, all, err := t.release(ctx, ref, page, now)
	if err != nil {
		return false, err
	}
	settled := line.DrainSince.Add(kyc.Settle)
	switch {
	case !all:
		*line = line.Ring(now)
		return released > 0, nil // else the index does not know yet what was released just now; the next sweep goes on
	case now.Before(settled):
		*line = line.Ring(settled)
	default:
		line.DrainSince = time.Time{}
	}
	return false, nil
}

// release sends up to limit held deliveries, the oldest first. It returns how many, and whether those were all.
func (t *Timers) release(ctx context.Context, ref kyc.SubscriptionRef, limit int, now time.Time) (released int, all bool, err error) {
	held, err := t.Alarms.HeldDeliveries(ctx, ref, limit)
	if err != nil {
		return 0, false, err
	}
	for _, d := range held {
		free, err := t.Alarms.ReleaseDelivery(ctx, d, now.Add(kyc.AlarmDelay))
		if err != nil {
			return released, false, err
		}
		if !free {
			continue
		}
		released++
		if err := t.Queue.NotifyAfter(ctx, d, 0); err != nil {
			return released, false, err
		}
	}
	return released, len(held) < limit, nil
}

// replay sends again a page of what the brand has asked for. It reports whether there is more, and notes where to go on.
func (t *Timers) replay(ctx context.Context, sub kyc.Subscription, line *kyc.Line, now time.Time) (more bool, err error) {
	r := *line.Replay
	events, next, err := t.Replays.EventsAfter(ctx, sub.BrandID, r.Done, r.Until, page)
	if err != nil {
		return false, err
	}
	var wanted []kyc.DeliveryRef
	for _, e := range events {
		if sub.Wants(e.Name) {
			wanted = append(wanted, kyc.DeliveryRef{BrandID: e.BrandID, SubscriptionID: sub.ID, EventID: e.ID})
		}
	}
	atOnce := t.AtOnce
	if sub.StrictOrder {
		atOnce = 1 // or a later event might be sent before an earlier one has its place
	}
	if err := t.each(wanted, atOnce, func(ref kyc.DeliveryRef) error { return t.again(ctx, ref, r) }); err != nil {
		return false, err
	}
	if next == (kyc.EventAt{}) {
		line.Replay = nil
		return false, nil
	}
	r.Done = next
	line.Replay = &r
	*line = line.Ring(now)
	return true, nil
}

// again begins a delivery anew for a replay, once: a page that is repeated finds it begun, but perhaps without its place in
// a strict order.
func (t *Timers) again(ctx context.Context, ref kyc.DeliveryRef, r kyc.Replay) error {
	s, err := t.Deliveries.Shipment(ctx, ref)
	if err != nil || s.Subscription == nil || s.Event == nil {
		return err
	}
	d := s.Delivery
	begun := !d.ResentAt.Before(r.RequestedAt)
	if !begun {
		if d.Status == kyc.Delivered && !r.All || d.Rev > 0 && !d.Status.Resting() {
			return nil
		}
		if stood, err := t.Deliveries.AdvanceDelivery(ctx, d.Resend(t.Now(), false)); err != nil || stood != nil {
			return err // someone else has it in hand
		}
	}
	if s.Subscription.StrictOrder && s.Event.CustomerID != "" {
		if err := t.Lanes.Queue(ctx, s.Event.Lane(ref.SubscriptionID), *s.Event); err != nil {
			return err
		}
	}
	if begun {
		return nil
	}
	return t.Queue.NotifyAfter(ctx, ref, 0)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// each does something about each of many, in their order or atOnce of them side by side, and returns what failed.
func (t *Timers) each(all []kyc.DeliveryRef, atOnce int, do func(kyc.DeliveryRef) error) error {
	if atOnce <= 1 {
		var failed []error
		for _, one := range all {
			failed = append(failed, do(one))
		}
		return errors.Join(failed...)
	}
	errs := make([]error, len(all))
	var group sync.WaitGroup
	for first := range atOnce {
		group.Go(func() {
			for n := first; n < len(all); n += atOnce {
				errs[n] = do(all[n])
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
