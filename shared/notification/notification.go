// Package notification manages the webhook subscriptions of a brand and delivers events to them.
package notification

import (
	"context"
	"fmt"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/uploadlink"
)

// Deliveries is where the state of deliveries is kept.
type Deliveries interface {
	// Shipment returns all that there is to know for one post, as of the last write.
	Shipment(ctx context.Context, ref kyc.DeliveryRef) (kyc.Shipment, error)
	// AdvanceDelivery stores a delivery in place of the one that it was made from, or returns what stood in the way.
	AdvanceDelivery(ctx context.Context, d kyc.Delivery) (*kyc.Delivery, error)
	// KeepAnswer stores a long answer apart from its delivery.
	KeepAnswer(ctx context.Context, d kyc.Delivery, at time.Time, answer kyc.Sealed) error
}

// Lines is where the state of the lines to endpoints is kept.
type Lines interface {
	// Line returns a subscription, nil once it is deleted, and the line to its endpoint, as of the last write.
	Line(ctx context.Context, ref kyc.SubscriptionRef) (*kyc.Subscription, kyc.Line, error)
	// AdvanceLine stores a line in place of the one that it was made from. It reports false where that one has changed.
	AdvanceLine(ctx context.Context, ref kyc.SubscriptionRef, l kyc.Line) (bool, error)
	// SetStatus stores a subscription whose status was changed, its line and the event that tells of it, all or nothing. It
	// reports false where one of the former two has changed.
	SetStatus(ctx context.Context, sub kyc.Subscription, l kyc.Line, tell *kyc.Event) (bool, error)
}

// Order is where events wait for their turn, for a subscription that wants them in order.
type Order interface {
	// Head returns the event that is first in a lane, empty where there is none.
	Head(ctx context.Context, lane kyc.Lane) (eventID string, err error)
	// Leave takes an event from its lane.
	Leave(ctx context.Context, lane kyc.Lane, eventID string) error
}

// Opener decrypts what belongs to a subscription.
type Opener interface {
	Open(ctx context.Context, place kyc.Place, sealed kyc.Sealed) (kyc.Profile, error)
}

// Sealer encrypts it too.
type Sealer interface {
	Opener
	Seal(ctx context.Context, place kyc.Place, fields kyc.Profile) (kyc.Sealed, error)
}

// Sender posts an event once.
type Sender interface {
	Send(ctx context.Context, to kyc.Endpoint, e kyc.Event) (kyc.Try, error)
}

// Queue carries deliveries to the notifier.
type Queue interface {
	// NotifyAfter sends a message that can be received after a wait of at most kyc.MaxDelay.
	NotifyAfter(ctx context.Context, d kyc.DeliveryRef, wait time.Duration) error
}

// BrandClock tells the time of a brand.
type BrandClock interface {
	Now(ctx context.Context, brandID string) (kyc.Moment, error)
}

// Notifier delivers events. It is safe for concurrent use.
//
// A delivery whose event was never posted is a message in the queue. From the first post on, or once that message comes a
// second time, it is an item of the table too, which says what is next, and when: there is always either an alarm for it,
// which timers answers with a message, or it is held, and its line's alarm or its subscription's next change comes back to
// it, or it rests. A message is then no more than a reminder: late, lost, among the dead letters, twice or in another order,
// it changes nothing but the time.
type Notifier struct {
	Deliveries Deliveries
	Lines      Lines
	Order      Order
	Vault      Sealer
	Links      uploadlink.Links
	Sender     Sender
	Queue      Queue
	Clock      BrandClock
	Now        func() time.Time // real time
	Plan       []time.Duration  // of subscriptions that have none of their own
	Spread     func() float64   // a random number of at least 0 and less than 1
}

// Outcome says what a call of Deliver did.
type Outcome string

const (
	Delivered Outcome = "delivered"
	Dropped   Outcome = "dropped"   // nothing to do: delivered before, not due yet, deleted or no longer kept
	Failing   Outcome = "failing"   // to be tried again
	Exhausted Outcome = "exhausted" // given up
	Held      Outcome = "held"      // kept until the endpoint takes events again
	Waiting   Outcome = "waiting"   // for the customer's events before it
)

// Report is what became of a delivery, for the log.
type Report struct {
	Outcome  Outcome
	Event    kyc.EventName
	Try      kyc.Try // the zero Try where nothing was posted
	Disabled string  // the cause for which the subscription was disabled, empty where it was not
}

const (
	// shortAnswer is how much of an answer is kept with the delivery itself, and of a success at all: what keeps the item of
	// a delivery below one write unit. The rest of a longer answer to a post that failed is kept apart.
	shortAnswer = 128
	// maxWrites bounds how often a write is made again that another one came before.
	maxWrites = 10
)

// Deliver posts the event to the subscription, once, if it is time for that, and records what became of it. An error means
// that the message must come back; again says that it has. A receiver may so get an event twice, always with one id.
func (n *Notifier) Deliver(ctx context.Context, ref kyc.DeliveryRef, again bool) (Report, error) {
	report := Report{Outcome: Dropped}
	for range maxWrites {
		s, err := n.Deliveries.Shipment(ctx, ref)
		if err != nil {
			return report, err
		}
		if s.Subscription == nil || s.Event == nil {
			if s.Delivery.Rev > 0 && !s.Delivery.Status.Resting() {
				_, err = n.Deliveries.AdvanceDelivery(ctx, s.Delivery.GiveUp()) // or its alarm would go off until it is removed
			}
			return report, err
		}
		report.Event = s.Event.Name
		step := s.Delivery.Next(*s.Subscription, s.Line, n.Now())
		switch step {
		case kyc.StepNone:
			return report, nil
		case kyc.StepHold:
			report.Outcome = Held
			if s.Delivery.Status == kyc.Held {
				return report, nil
			}
			_, err := n.Deliveries.AdvanceDelivery(ctx, s.Delivery.Hold()) // what stood in the way has an alarm, or rests
			return report, err
		}
		if again && s.Delivery.Rev == 0 {
			// Whatever has kept it from being posted may do so until the queue sets the message aside.
			stood, err := n.Deliveries.AdvanceDelivery(ctx, s.Delivery.Watch(n.Now()))
			if err != nil || stood != nil {
				return report, err // or someone else has it in hand
			}
			s.Delivery.Rev++
		}
		if s.Subscription.StrictOrder && s.Event.CustomerID != "" && !s.Delivery.Demanded {
			if turn, err := n.turn(ctx, s); err != nil || !turn {
				report.Outcome = Waiting
				return report, err
			}
		}
		if step == kyc.StepPost {
			return n.post(ctx, s, false, report)
		}
		// The one post that a half-open line lets through is claimed by a write of the line. Where somebody else has written
		// it meanwhile, look again: nobody might wake a delivery that is held for a line that was not seen.
		s.Line = s.Line.Probe(n.Now())
		claimed, err := n.Lines.AdvanceLine(ctx, ref.Subscription(), s.Line)
		if err != nil {
			return report, err
		}
		if claimed {
			s.Line.Rev++
			return n.post(ctx, s, s.Delivery.Status == kyc.Pending, report) // one that is failing goes on by its plan
		}
	}
	return report, fmt.Errorf("line of subscription %s: others kept writing it", ref.SubscriptionID)
}

// post posts the event. A probe takes nothing from the delivery's plan where it fails.
func (n *Notifier) post(ctx context.Context, s kyc.Shipment, probe bool, report Report) (Report, error) {
	sub := *s.Subscription
	opened, err := n.Vault.Open(ctx, kyc.SubscriptionPlace(sub.BrandID, sub.ID), sub.Secret)
	if err != nil {
		return report, fmt.Errorf("open secrets of subscription %s: %w", sub.ID, err)
	}
	event, err := withLink(ctx, n.Links, *s.Event)
	if err != nil {
		return report, err
	}
	try, err := n.Sender.Send(ctx, sub.Endpoint(opened, n.Now()), event)
	if err != nil {
		return report, fmt.Errorf("subscription %s: %w", sub.ID, err)
	}
	report.Try = try
	kept, err := n.keep(ctx, s.Delivery, try)
	if err != nil {
		return report, err
	}
	d, err := n.record(ctx, s, kept, probe)
	if err != nil {
		return report, err
	}
	report.Outcome = outcomes[d.Status]
	if report.Disabled, err = n.tell(ctx, s, try); err != nil {
		return report, err
	}
	if sub.StrictOrder && s.Event.CustomerID != "" && d.Status.Resting() {
		err = n.next(ctx, s)
	}
	return report, err
}

// withLink returns an event as brands get it: with the link by which the documents can be sent that it asks for.
func withLink(ctx context.Context, links uploadlink.Links, e kyc.Event) (kyc.Event, error) {
	if e.Link == 0 {
		return e, nil
	}
	var err error
	if e.UploadLink, err = links.To(ctx, e.LinkRef()); err != nil {
		return e, fmt.Errorf("event %s: upload link: %w", e.ID, err)
	}
	return e, nil
}

var outcomes = map[kyc.DeliveryStatus]Outcome{
	kyc.Delivered: Delivered, kyc.Failing: Failing, kyc.Exhausted: Exhausted, kyc.Held: Held, kyc.Pending: Dropped,
}

// keep seals the answer of a try: it may hold anything.
func (n *Notifier) keep(ctx context.Context, d kyc.Delivery, try kyc.Try) (kyc.Try, error) {
	answer := try.Answer
	try.Answer = kyc.Secret{}
	if answer.IsZero() {
		return try, nil
	}
	long := len(answer.Reveal()) > shortAnswer
	if long && try.Error == "" {
		answer, long = kyc.NewSecret(answer.Reveal()[:shortAnswer]), false
	}
	sealed, err := n.Vault.Seal(ctx, kyc.AnswerPlace(d.DeliveryRef), kyc.Profile{kyc.AnswerField: answer})
	if err != nil {
		return try, fmt.Errorf("seal answer: %w", err)
	}
	if !long {
		try.Kept = sealed
		return try, nil
	}
	try.Apart = true
	return try, n.Deliveries.KeepAnswer(ctx, d, try.At, sealed)
}

// record stores a try, on top of whatever others have stored meanwhile, and sends a message for the next one where that is
// not far. The message is last: where it is not sent, the delivery's alarm is.
func (n *Notifier) record(ctx context.Context, s kyc.Shipment, try kyc.Try, probe bool) (kyc.Delivery, error) {
	plan := s.Subscription.RetryPlan
	if len(plan) == 0 {
		plan = n.Plan
	}
	d := s.Delivery
	for range maxWrites {
		tried := d.Tried(try, plan, n.Spread())
		if probe && try.Error != "" && !try.Gone() {
			tried = d.Probed(try)
		}
		stood, err := n.Deliveries.AdvanceDelivery(ctx, tried)
		if err != nil {
			return tried, err
		}
		if stood == nil {
			if wait, short := tried.Delay(n.Now()); short {
				err = n.Queue.NotifyAfter(ctx, tried.DeliveryRef, wait)
			}
			return tried, err
		}
		d = *stood
	}
	return d, fmt.Errorf("delivery of %s: others kept writing it", d.EventID)
}

// tell notes what a try says about the line, and disables the subscription where it says so.
func (n *Notifier) tell(ctx context.Context, s kyc.Shipment, try kyc.Try) (disabled string, err error) {
	sub, line := s.Subscription, s.Line
	for range maxWrites {
		if try.Error == "" && line.Steady() {
			return "", nil
		}
		cause, done := "", false
		if try.Error == "" {
			done, err = n.Lines.AdvanceLine(ctx, s.Delivery.Subscription(), line.Up(n.Now()))
		} else if sub.URL != s.Subscription.URL {
			// It leads elsewhere by now, of which the try says nothing. What the try has made held is to be sent there.
			done, err = n.Lines.AdvanceLine(ctx, s.Delivery.Subscription(), line.Drain(n.Now()))
		} else if next := line.Down(try); sub.Status == kyc.StatusEnabled && (try.Gone() || next.Dead()) {
			if cause = kyc.DisabledFailing; try.Gone() {
				cause = kyc.DisabledGone
			}
			done, err = n.disable(ctx, *sub, next, cause)
		} else if done = next == line; !done {
			done, err = n.Lines.AdvanceLine(ctx, s.Delivery.Subscription(), next)
		}
		if done || err != nil {
			return cause, err
		}
		if sub, line, err = n.Lines.Line(ctx, s.Delivery.Subscription()); err != nil || sub == nil {
			return "", err
		}
	}
	return "", nil // others kept writing: about this line nobody needs to be told
}

// disable switches a subscription off and leaves word, for timers, that the brand's others are to be told.
func (n *Notifier) disable(ctx context.Context, sub kyc.Subscription, line kyc.Line, cause string) (bool, error) {
	now, err := n.Clock.Now(ctx, sub.BrandID)
	if err != nil {
		return false, err
	}
	sub = sub.WithStatus(kyc.StatusDisabled, cause, n.Now())
	sub.UpdatedAt = n.Now()
	sub.Version++
	event := sub.Disabled(now.Time)
	line.Announce = event.ID
	return n.Lines.SetStatus(ctx, sub, line.Ring(n.Now()), &event)
}

// turn reports whether the event is the first of its customer's that are not done with. If not, the delivery waits.
func (n *Notifier) turn(ctx context.Context, s kyc.Shipment) (bool, error) {
	lane := s.Event.Lane(s.Subscription.ID)
	for range maxWrites {
		head, err := n.Order.Head(ctx, lane)
		if err != nil || head == "" || head == s.Event.ID {
			return err == nil, err
		}
		before := s.Delivery.DeliveryRef
		before.EventID = head
		first, err := n.Deliveries.Shipment(ctx, before)
		if err != nil {
			return false, err
		}
		if first.Event != nil && !first.Delivery.Status.Resting() {
			if s.Delivery.Rev > 0 && first.Delivery.Rev == 0 {
				// Nobody has looked at the first one since this one began to wait: its message was never sent, or is lost.
				if err := n.Queue.NotifyAfter(ctx, before, 0); err != nil {
					return false, err
				}
			}
			_, err := n.Deliveries.AdvanceDelivery(ctx, s.Delivery.Wait(n.Now()))
			return false, err
		}
		// Done with, or no longer kept: it has not left the lane because the subscription did not ask for order then, or
		// because whoever was done with it had no time for that.
		if err := n.Order.Leave(ctx, lane, head); err != nil {
			return false, err
		}
	}
	return false, fmt.Errorf("event %s: too many before it were done with", s.Event.ID)
}

// next makes room for the customer's next event, and says so.
func (n *Notifier) next(ctx context.Context, s kyc.Shipment) error {
	lane := s.Event.Lane(s.Subscription.ID)
	if err := n.Order.Leave(ctx, lane, s.Event.ID); err != nil {
		return err
	}
	head, err := n.Order.Head(ctx, lane)
	if err != nil || head == "" {
		return err
	}
	ref := s.Delivery.DeliveryRef
	ref.EventID = head
	return n.Queue.NotifyAfter(ctx, ref, 0)
}
