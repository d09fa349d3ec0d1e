// Package outbox sends what must follow from the changes of a customer's KYC and data: verification work and events. What
// follows is derived from the customer alone, with ids computed from it, so that sending again is harmless and nothing
// that a write has promised can be lost.
package outbox

import (
	"context"
	"fmt"
	"slices"

	"kyc/shared/kyc"
)

// Store keeps what has been derived.
type Store interface {
	ArchiveAttempt(ctx context.Context, brandID, customerID, programID string, a kyc.Attempt) error
	KeepEvent(ctx context.Context, e kyc.Event) error
	// Subscribers lists the brand's subscriptions as of the last write, with what each wants.
	Subscribers(ctx context.Context, brandID string) ([]kyc.Subscription, error)
	// NoteRelayed records how far relay has come, unless something before that was not sent: then all of it is to be sent
	// again.
	NoteRelayed(ctx context.Context, c kyc.Customer, n kyc.Note) error
}

// Lanes is where the events for a subscription that wants them in order wait for their turn.
type Lanes interface {
	Queue(ctx context.Context, lane kyc.Lane, e kyc.Event) error
}

// VerificationQueue carries work to the verifier.
type VerificationQueue interface {
	Verify(ctx context.Context, w kyc.Work) error
}

// NotificationQueue carries deliveries to the notifier.
type NotificationQueue interface {
	Notify(ctx context.Context, d kyc.DeliveryRef) error
}

// Relay sends what follows. It is safe for concurrent use.
type Relay struct {
	Store         Store
	Lanes         Lanes
	Verifications VerificationQueue
	Notifications NotificationQueue
}

// Changed sends what follows from the change of a customer from before, the zero Customer for a new one, to after.
func (r *Relay) Changed(ctx context.Context, before, after kyc.Customer) error {
	return r.send(ctx, after, before.Versions)
}

// CatchUp sends what follows from every change of the customer that was not noted as relayed.
func (r *Relay) CatchUp(ctx context.Context, c kyc.Customer) error {
	return r.send(ctx, c, c.Relayed)
}

// send sends what follows from the changes after the given versions, and then notes how far it came. The note is last:
// a crash before it means that the same is sent again.
func (r *Relay) send(ctx context.Context, c kyc.Customer, after map[string]int) error {
	for _, programID := range behind(c, after) {
		follows := c.Follows(programID, after[programID])
		note := kyc.Note{ProgramID: programID, From: after[programID], To: c.Versions[programID], Settled: r.settled(c, programID)}
		missed := c.Follows(programID, c.Relayed[programID]).Events
		missed = slices.DeleteFunc(missed, func(e kyc.Event) bool { return e.StateVersion > after[programID] })
		if err := r.sendAll(ctx, c, programID, follows, missed); err != nil {
			return fmt.Errorf("customer %s, state_version %d: %w", c.ID, note.To, err)
		}
		if follows.Archive != nil {
			note.Archived = follows.Archive.ID
		}
		if err := r.Store.NoteRelayed(ctx, c, note); err != nil {
			return fmt.Errorf("customer %s: note relayed: %w", c.ID, err)
		}
	}
	return nil
}

// behind lists, in a fixed order, the programs with changes after the given versions, kyc.OfProfile among them.
func behind(c kyc.Customer, after map[string]int) []string {
	var programs []string
	for programID, version := range c.Versions {
		if version > after[programID] {
			programs = append(programs, programID)
		}
	}
	slices.Sort(programs)
	return programs
}

// settled reports whether nothing is pending once the program's changes are relayed. A closed customer waits for the time
// of its records.
func (r *Relay) settled(c kyc.Customer, programID string) bool {
	if c.Closed() {
		return false
	}
	for p := range c.Versions {
		if c.Attempts[p].Awaits() || p != programID && c.Unrelayed(p) {
			return false
		}
	}
	return true
}

// sendAll sends what follows. Events that were missed are not sent, but those behind them in a strict order are to wait
// for them: another record of the stream, or timers, has them sent.
func (r *Relay) sendAll(ctx context.Context, c kyc.Customer, programID string, follows kyc.Consequences, missed []kyc.Event) error {
	if follows.Archive != nil {
		if err := r.Store.ArchiveAttempt(ctx, c.BrandID, c.ID, programID, *follows.Archive); err != nil {
			return err
		}
	}
	for _, w := range follows.Work {
		if err := r.Verifications.Verify(ctx, w); err != nil {
			return fmt.Errorf("send work: %w", err)
		}
	}
	if len(follows.Events) == 0 {
		return nil
	}
	subscribers, err := r.Store.Subscribers(ctx, c.BrandID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(subscribers, func(sub kyc.Subscription) bool { return sub.StrictOrder }) {
		for _, e := range missed {
			if err := r.keep(ctx, e, subscribers); err != nil {
				return err
			}
		}
	}
	for _, e := range follows.Events {
		if err := r.keep(ctx, e, subscribers); err != nil {
			return err
		}
		for _, sub := range subscribers {
			if !sub.Wants(e.Name) {
				continue
			}
			if err := r.Notifications.Notify(ctx, kyc.DeliveryRef{BrandID: e.BrandID, SubscriptionID: sub.ID, EventID: e.ID}); err != nil {
				return fmt.Errorf("send event %s: %w", e.ID, err)
			}
		}
	}
	return nil
}

// keep keeps an event, and gives it its place where a subscriber wants it in order.
func (r *Relay) keep(ctx context.Context, e kyc.Event, subscribers []kyc.Subscription) error {
	if err := r.Store.KeepEvent(ctx, e); err != nil {
		return err
	}
	for _, sub := range subscribers {
		if sub.StrictOrder && sub.Wants(e.Name) {
			if err := r.Lanes.Queue(ctx, e.Lane(sub.ID), e); err != nil {
				return err
			}
		}
	}
	return nil
}
