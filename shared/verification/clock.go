package verification

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"time"

	"kyc/shared/kyc"
)

// Clock tells the time of a brand.
type Clock interface {
	Now(ctx context.Context, brandID string) (kyc.Moment, error)
}

// Clocks is where the clocks of brands are moved.
type Clocks interface {
	// Ahead returns by how much a brand's clock is ahead of real time.
	Ahead(ctx context.Context, brandID string) (time.Duration, error)
	// MoveClock moves a clock from one distance ahead of real time to a greater one, and sets the clock's own alarm, in one
	// write. It reports false where the clock is elsewhere by now.
	MoveClock(ctx context.Context, brandID string, from, to time.Duration, alarm time.Time) (bool, error)
}

// MovedClocks is where timers finds the clocks that were moved, and the alarms that a move makes late.
type MovedClocks interface {
	// DueClocks lists clocks whose own alarm has gone off by the real time now.
	DueClocks(ctx context.Context, now time.Time, limit int) ([]kyc.MovedClock, error)
	// SettleClock switches off the alarm of a clock that is still where it was seen.
	SettleClock(ctx context.Context, c kyc.MovedClock) error
	// BrandAlarms lists a brand's customers with an alarm later than the real time after.
	BrandAlarms(ctx context.Context, brandID string, after time.Time) iter.Seq2[kyc.CustomerRef, error]
	// Ring brings an alarm forward to the real time now, unless it has gone off already.
	Ring(ctx context.Context, ref kyc.CustomerRef, now time.Time) error
}

// Mover moves the clocks of sandbox brands. It is safe for concurrent use.
//
// Alarms are in real time, so that a move makes every alarm of its brand late. Each is therefore rung: brought forward
// to now, for someone to look at its customer and to set it anew by the brand's new time. The clock is moved first, in
// one write that sets an alarm on the clock itself. Whatever ends a move after that write, timers finds this alarm and
// rings again, and an alarm once rung is found by every sweep. It rings again after a move that went well, too: the
// index tells of a write a moment late, and a sweep that read the clock before the move may write an alarm after it.
//
// A move costs a read and a transaction, then a query per shard that reads the alarms of all brands, and per customer
// with an alarm three reads and two writes at least; all but the first two once more when timers rings.
type Mover struct {
	clocks   Clocks
	timers   *Timers
	patience time.Duration
}

// NewMover returns a mover that stops looking at customers after patience. It refuses to serve a live stage.
func NewMover(mode kyc.Mode, clocks Clocks, timers *Timers, patience time.Duration) (*Mover, error) {
	if mode != kyc.Sandbox {
		return nil, errors.New("the time of a live stage can't be moved: this function is for Mode=sandbox")
	}
	return &Mover{clocks, timers, patience}, nil
}

// Move is how a clock is to be moved, in one of two forms.
type Move struct {
	Seconds *int                // by so many
	To      *string             // to a time; where the clock is past it, it stays: the form that can be sent again
	Wrong   map[string][]string // what the reader of the body has found wrong already
}

// Moved is what a move has brought about.
type Moved struct {
	Now      time.Time     // the brand's time
	Ahead    time.Duration // of real time, in all
	By       time.Duration // zero for a clock that was there already
	Fired    []Fired
	Complete bool  // whether every customer with an alarm was looked at; timers comes to the others
	Err      error // why not all of them were, for the log alone
}

// Fired is what a look at a customer has done about one attempt.
type Fired struct {
	kyc.Pair
	Attempt kyc.Attempt // as it is now
	Done    []Done
}

// Done is a thing that a look does.
type Done string

const (
	// RelayedAgain says that what follows from the attempt's changes was not on record as sent, and was sent again.
	RelayedAgain Done = "relayed_again"
	// Ended says that the attempt's time had run out: no verifier had ended it, or its documents were not provided.
	Ended Done = "ended"
)

// maxMoves bounds how often a move is tried again that another one came before.
const maxMoves = 10

// Move moves the clock of a brand forward, and looks at once at every customer of it that has an alarm. It refuses, with
// input_error, a move that is malformed or leads too far. After any other error the clock may have moved all the same;
// once it is known to have moved there is none.
func (m *Mover) Move(ctx context.Context, brandID string, move Move) (Moved, error) {
	if wrong := move.validate(); len(wrong) > 0 {
		return Moved{}, &kyc.Error{Kind: kyc.Invalid, Code: "input_error", Fields: wrong}
	}
	for range maxMoves {
		from, err := m.clocks.Ahead(ctx, brandID)
		if err != nil {
			return Moved{}, err
		}
		now := m.timers.Now()
		to, err := move.ahead(from, now)
		if err != nil {
			return Moved{}, err
		}
		moved := to <= from
		if !moved {
			if moved, err = m.clocks.MoveClock(ctx, brandID, from, to, now.Add(kyc.AlarmDelay)); err != nil {
				return Moved{}, err
			}
		}
		if moved {
			result := m.lookAtAll(ctx, brandID)
			result.By, result.Ahead = max(0, to-from), max(from, to)
			result.Now = m.timers.Now().Add(result.Ahead)
			return result, nil
		}
	}
	return Moved{}, &kyc.Error{Kind: kyc.Conflict, Code: "resource_conflict",
		Message: "Other requests kept moving the clock, and this one has not moved it. Send it again."}
}

const (
	byField = "advance_seconds"
	toField = "move_to"
)

func (m Move) validate() map[string][]string {
	wrong := map[string][]string{}
	maps.Copy(wrong, m.Wrong)
	switch {
	case wrong[byField] != nil || wrong[toField] != nil:
	case (m.Seconds == nil) == (m.To == nil):
		wrong[byField] = []string{"Send one of advance_seconds and move_to."}
	case m.Seconds != nil && *m.Seconds < 1:
		wrong[byField] = []string{"Must be at least 1: a clock moves forward only."}
	case m.To != nil:
		if _, err := time.Parse(time.RFC3339, *m.To); err != nil {
			wrong[toField] = []string{"Must be a time with date and offset, like 2026-01-02T03:04:05Z."}
		}
	}
	return wrong
}

// ahead returns how far ahead of real time the move leads a clock that is ahead by from: in whole seconds, rounded up,
// so that the brand's time is never before the one that was asked for.
func (m Move) ahead(from time.Duration, now time.Time) (time.Duration, error) {
	if m.Seconds != nil {
		if time.Duration(*m.Seconds) > (kyc.MaxAhead-from)/time.Second {
			return 0, tooFar(byField, from)
		}
		return from + time.Duration(*m.Seconds)*time.Second, nil
	}
	to, _ := time.Parse(time.RFC3339, *m.To) // validated
	if to.After(now.Add(kyc.MaxAhead)) {
		return 0, tooFar(toField, from)
	}
	return (max(0, to.Sub(now)) + time.Second - 1).Truncate(time.Second), nil
}

func tooFar(field string, from time.Duration) error {
	return &kyc.Error{Kind: kyc.Invalid, Code: "input_error", Fields: map[string][]string{field: {fmt.Sprintf(
		"Leads too far: a clock may be %d seconds (eleven years) ahead of real time, and yours is %d ahead.",
		kyc.MaxAhead/time.Second, from/time.Second)}}}
}

// lookAtAll rings every alarm of the brand and then looks at its customers, for as long as the mover has patience. What
// it does not come to is rung by the next sweeps, and what it has rung is looked at by them.
func (m *Mover) lookAtAll(ctx context.Context, brandID string) Moved {
	limited, cancel := context.WithTimeout(ctx, m.patience)
	defer cancel()
	rung, err := m.timers.ring(limited, brandID, time.Time{})
	failed := []error{err}
	var moved Moved
	for _, ref := range rung {
		if limited.Err() != nil {
			failed = append(failed, limited.Err())
			break
		}
		fired, err := m.timers.look(ctx, ref)
		moved.Fired = append(moved.Fired, fired...)
		failed = append(failed, err)
	}
	moved.Err = errors.Join(failed...)
	moved.Complete = moved.Err == nil
	return moved
}

// ring rings the alarms of a brand that are later than the real time after, and lists its customers. Where it fails
// it returns those that it has come to.
func (t *Timers) ring(ctx context.Context, brandID string, after time.Time) ([]kyc.CustomerRef, error) {
	var rung []kyc.CustomerRef
	for ref, err := range t.Moved.BrandAlarms(ctx, brandID, after) {
		if err == nil {
			err = t.Moved.Ring(ctx, ref, t.Now())
		}
		if err != nil {
			return rung, err
		}
		rung = append(rung, ref)
	}
	return rung, nil
}

// ringTime is how long one sweep rings: less than half of what timers has for all its work. The next one goes on, for
// what is rung already is not listed again.
const ringTime = 20 * time.Second

// ringMoved rings again, some minutes after a move, whatever the move has not rung.
func (t *Timers) ringMoved(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ringTime)
	defer cancel()
	clocks, err := t.Moved.DueClocks(ctx, t.Now(), dueLimit)
	failed := []error{err}
	for _, c := range clocks {
		_, err := t.ring(ctx, c.BrandID, t.Now())
		if err == nil {
			err = t.Moved.SettleClock(ctx, c)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}
