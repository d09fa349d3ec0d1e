package kyc

import (
	"slices"
	"time"
)

// DeliveryRef names one event on its way to one subscription.
type DeliveryRef struct {
	BrandID, SubscriptionID, EventID string
}

// SubscriptionRef names a subscription.
type SubscriptionRef struct{ BrandID, SubscriptionID string }

// Subscription names the subscription of the delivery.
func (d DeliveryRef) Subscription() SubscriptionRef {
	return SubscriptionRef{d.BrandID, d.SubscriptionID}
}

// Lane is where the events of one customer in one program, or about the customer's data, wait for their turn at one
// subscription: in the order of their state_version.
type Lane struct{ BrandID, SubscriptionID, CustomerID, ProgramID string }

// Lane returns the lane of the event, which is about a customer, at a subscription.
func (e Event) Lane(subscriptionID string) Lane {
	return Lane{e.BrandID, subscriptionID, e.CustomerID, e.ProgramID}
}

// DeliveryStatus is the state of a delivery, spelled as on the wire.
type DeliveryStatus string

const (
	Pending   DeliveryStatus = "pending"   // about to be posted, or waiting for those before it
	Failing   DeliveryStatus = "failing"   // posted in vain, to be tried again
	Held      DeliveryStatus = "held"      // kept until its subscription is enabled, or its endpoint is up again
	Delivered DeliveryStatus = "delivered" // taken by the endpoint
	// Exhausted is given up, until someone asks for it again: after the last try of the plan, or because there is no
	// subscription, or no event, any more.
	Exhausted DeliveryStatus = "exhausted"
)

// deliveryTransitions is the only place that says which state of a delivery may follow which. What has come to rest moves
// again because someone asks for it, or because two notifiers had the same event and the other one's post was taken.
var deliveryTransitions = map[DeliveryStatus][]DeliveryStatus{
	Pending:   {Pending, Failing, Held, Delivered, Exhausted},
	Failing:   {Pending, Failing, Held, Delivered, Exhausted},
	Held:      {Pending, Failing, Held, Delivered, Exhausted},
	Exhausted: {Pending, Delivered},
	Delivered: {Pending},
}

// DeliveryStatuses lists every state that a delivery can have.
func DeliveryStatuses() []DeliveryStatus {
	return []DeliveryStatus{Pending, Failing, Held, Delivered, Exhausted}
}

// CanBecome reports whether a delivery in state s may go to state t.
func (s DeliveryStatus) CanBecome(t DeliveryStatus) bool {
	return slices.Contains(deliveryTransitions[s], t)
}

// Resting reports whether nothing happens to a delivery in state s by itself.
func (s DeliveryStatus) Resting() bool { return s == Delivered || s == Exhausted }

// Delivery is one event on its way to one subscription, and what became of it so far. Its times are real time, but for
// OccurredAt.
type Delivery struct {
	DeliveryRef
	Event      EventName
	CustomerID string    // empty for an event that is about no customer
	OccurredAt time.Time // in the brand's time
	Status     DeliveryStatus
	// Failures counts the tries that failed since the delivery was begun, or begun anew: its place in the retry plan.
	Failures int
	Tries    []Try     // oldest first, the newest MaxTries
	NextAt   time.Time // before which it is not tried again, zero for at once
	DueAt    time.Time // the alarm, at which someone must look at it; zero of one that is held or rests
	Demanded bool      // by the brand itself: the next try is made whatever the subscription's state
	ResentAt time.Time // when it was last begun anew, zero for never
	Rev      int       // raised by every write; 0 of a delivery that is not stored yet
}

const (
	// MaxTries bounds the tries that a delivery remembers.
	MaxTries = 50
	// MaxRetryAfter bounds how long an endpoint can ask to be left alone with one event: the longest wait of the plan.
	MaxRetryAfter = 24 * time.Hour
	// MaxDelay is the longest wait that a message of the queue can make by itself; SQS allows no longer one.
	MaxDelay = 15 * time.Minute
	// retrySlack is by how much a message may come before the time that it was to wait for: clocks differ.
	retrySlack = time.Second
)

// DefaultRetryPlan is the plan of Standard Webhooks 1.0.0: ten tries in 75 hours and 35 minutes.
func DefaultRetryPlan() []time.Duration {
	const h = time.Hour
	return []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * h, 5 * h, 10 * h, 14 * h, 20 * h, 24 * h}
}

// Try is one post of a delivery.
type Try struct {
	At         time.Time
	Duration   time.Duration
	Code       int           // HTTP status, 0 where there was no answer
	Error      string        // class of the failure, empty on success
	RetryAfter time.Duration // how long the endpoint asked to be left alone, 0 where it did not
	Answer     Secret        // the beginning of the endpoint's answer, at most MaxAnswer bytes: it may hold anything
	Kept       Sealed        // the answer as it is stored, under AnswerField; empty where there is none, or it is kept apart
	Apart      bool          // whether the answer is kept apart from its delivery, being long
}

// AnswerField is the field that an endpoint's answer is sealed under.
const AnswerField Field = "answer"

// MaxAnswer bounds what is read and kept of an endpoint's answer, in bytes.
const MaxAnswer = 8 << 10

// gone is the HTTP status by which an endpoint says that it wants no events any more: 410 Gone, as Standard Webhooks 1.0.0
// has it.
const gone = 410

// Gone reports whether the endpoint wants no events any more.
func (t Try) Gone() bool { return t.Code == gone }

// End is when the try was over.
func (t Try) End() time.Time { return t.At.Add(t.Duration) }

// Shipment is all that there is to know for one post.
type Shipment struct {
	Subscription *Subscription // nil once it is deleted
	Line         Line
	Event        *Event // nil once it is no longer kept
	Delivery     Delivery
}

// NewDelivery returns the delivery of an event that was never tried.
func NewDelivery(subscriptionID string, e Event) Delivery {
	return Delivery{
		DeliveryRef: DeliveryRef{e.BrandID, subscriptionID, e.ID},
		Event:       e.Name, CustomerID: e.CustomerID, OccurredAt: e.OccurredAt, Status: Pending,
	}
}

// Step is what is to be done about a delivery.
type Step string

const (
	StepNone  Step = "none"  // it rests, or is to be looked at later
	StepPost  Step = "post"  // it is to be posted
	StepProbe Step = "probe" // it is to be posted by one alone, to see whether the endpoint is up again
	StepHold  Step = "hold"  // it is to be kept for later
)

// Next says what is to be done now about a delivery, by the state of its subscription and of the line to its endpoint.
func (d Delivery) Next(sub Subscription, line Line, now time.Time) Step {
	switch {
	case d.Status.Resting() || d.NextAt.After(now.Add(retrySlack)):
		return StepNone
	case d.Demanded:
		return StepPost
	case sub.Status != StatusEnabled:
		return StepHold
	case line.OpenUntil.IsZero():
		return StepPost
	case line.Open(now):
		return StepHold
	}
	return StepProbe
}

// Tried returns the delivery after a try, by a plan of waits and a number of at least 0 and less than 1 that spreads them:
// each is made up to a tenth shorter or longer. A try that failed changes nothing of a delivery that rests already:
// another try, made at the same time, has decided. Nor does one from before the delivery was begun anew: that has a try of
// its own coming.
func (d Delivery) Tried(t Try, plan []time.Duration, spread float64) Delivery {
	d = d.with(t)
	if t.Error == "" {
		return d.to(Delivered)
	}
	if d.Status.Resting() || t.At.Before(d.ResentAt) {
		return d
	}
	d.Failures++
	if t.Gone() {
		return d.to(Held)
	}
	if d.Failures > len(plan) {
		return d.to(Exhausted)
	}
	wait := time.Duration(float64(plan[d.Failures-1]) * (0.9 + 0.2*spread))
	d = d.to(Failing)
	d.NextAt = t.End().Add(max(wait, min(t.RetryAfter, MaxRetryAfter)))
	d.DueAt = d.NextAt
	if _, short := d.Delay(t.End()); short {
		d.DueAt = d.NextAt.Add(AlarmDelay) // a message waits for it; the alarm is for the case that it gets lost
	}
	return d
}

// Probed returns the delivery after a try that found its endpoint still down. It was let through only to find that out:
// such a try takes nothing from the plan, and the delivery is held on.
func (d Delivery) Probed(t Try) Delivery {
	if d = d.with(t); d.Status.Resting() || t.At.Before(d.ResentAt) {
		return d
	}
	return d.to(Held)
}

// with returns the delivery with one more try.
func (d Delivery) with(t Try) Delivery {
	d.Tries = append(slices.Clone(d.Tries), t)
	d.Tries = d.Tries[max(0, len(d.Tries)-MaxTries):]
	return d
}

// Delay returns for how long a message is to wait for the next try, and whether it can.
func (d Delivery) Delay(now time.Time) (time.Duration, bool) {
	wait := max(0, d.NextAt.Sub(now))
	return wait, d.Status == Failing && wait <= MaxDelay
}

// Hold returns the delivery as it is kept for later.
func (d Delivery) Hold() Delivery { return d.to(Held) }

// GiveUp returns the delivery as it is once there is nothing more to do about it.
func (d Delivery) GiveUp() Delivery { return d.to(Exhausted) }

// Watch returns the delivery with an alarm, for the case that the message gets lost by which it is to be posted now.
func (d Delivery) Watch(now time.Time) Delivery {
	d.DueAt = now.Add(AlarmDelay)
	return d
}

// Wait returns the delivery as it waits for those before it, to be looked at again after a while in any case.
func (d Delivery) Wait(now time.Time) Delivery {
	d = d.to(Pending)
	d.DueAt = now.Add(waitForTurn)
	return d
}

// waitForTurn is how long a delivery waits in a strict order before someone looks whether it is its turn. Whoever is done
// with the one before says so at once; this is for the case that the word gets lost.
const waitForTurn = time.Hour

// Resend returns the delivery begun anew. One that the brand demands is posted whatever the subscription's state.
func (d Delivery) Resend(now time.Time, demanded bool) Delivery {
	d = d.to(Pending)
	d.Failures, d.ResentAt, d.Demanded = 0, now, demanded
	d.DueAt = now.Add(AlarmDelay)
	return d
}

// to moves the delivery to a state, in which nothing waits yet. One that can't come into that state stays as it is.
func (d Delivery) to(status DeliveryStatus) Delivery {
	if !d.Status.CanBecome(status) {
		return d
	}
	d.Status, d.NextAt, d.DueAt, d.Demanded = status, time.Time{}, time.Time{}, false
	return d
}
