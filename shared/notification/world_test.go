package notification_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/memstore"
	"kyc/shared/notification"
)

const (
	brandID = "0b7e9c4e-4a44-4c8c-9a43-0f6f0d4f3a01"
	subID   = "3c4d5e6f-7a8b-4c9d-8e1f-2a3b4c5d6e09"
	program = "5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02"
)

var (
	noon    = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	errGone = errors.New("the table is gone")
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is the notifier and timers between a table, a queue and endpoints, on a clock that a test moves.
type world struct {
	*testing.T
	store   *memstore.Store
	now     time.Time
	begin   time.Time
	letters []letter
	dead    []letter // set aside by the queue
	posts   []post
	tries   map[string]int
	subs    int
	answer  func(s kyc.Subscription, e kyc.Event, n int) kyc.Try // to the nth post of an event; nil takes everything
	sealed  error                                                // of the vault

	backwards      bool // of the messages that can be received the last one is the first
	steps, crashAt int  // a function dies at this step; never where it is negative
	crashAfter     bool
}

type letter struct {
	ref      kyc.DeliveryRef
	at       time.Time
	receives int
}

type post struct {
	subscription, event, customer string
	version                       int
	at                            time.Time
	ok                            bool
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, store: memstore.New(), now: noon, begin: noon, tries: map[string]int{}, crashAt: -1}
	must(t, w.store.CreateBrand(t.Context(), kyc.Brand{ID: brandID}, nil, kyc.AuditRecord{}))
	return w
}

func ref(s kyc.Subscription) kyc.SubscriptionRef {
	return kyc.SubscriptionRef{BrandID: brandID, SubscriptionID: s.ID}
}

func failed(code int) kyc.Try { return kyc.Try{Code: code, Error: "status"} }

func (w *world) subscribe(change func(*kyc.Subscription)) kyc.Subscription {
	w.subs++
	s := kyc.Subscription{
		BrandID: brandID, ID: fmt.Sprintf("3c4d5e6f-7a8b-4c9d-8e1f-%012d", w.subs), URL: "https://example.com/hook", Status: kyc.StatusEnabled, Version: 1,
		Events: []kyc.EventName{kyc.EventSuccess}, Keys: []kyc.SigningKey{{Field: kyc.SubscriptionSecret}},
		Secret: kyc.Sealed{Key: []byte("k"), Fields: map[kyc.Field][]byte{kyc.SubscriptionSecret: []byte("secret")}},
	}
	if change != nil {
		change(&s)
	}
	must(w.T, w.store.CreateSubscription(w.Context(), s))
	return s
}

// event returns the nth event, each a second later than the one before and of a customer of its own.
func (w *world) event(n int) kyc.Event {
	return kyc.Event{
		ID: fmt.Sprintf("evt_7b1d3e5f-2a4c-4e6f-8a0b-%012d_2", n), Name: kyc.EventSuccess, BrandID: brandID, CustomerID: customer(n), ProgramID: program,
		OccurredAt: w.begin.Add(time.Duration(n) * time.Second), StateVersion: 2, Status: kyc.Passed,
	}
}

// ofCustomer returns the event of a version of the nth customer.
func (w *world) ofCustomer(n, version int) kyc.Event {
	e := w.event(n)
	e.StateVersion, e.ID = version, kyc.EventID(customer(n), version)
	return e
}

// send keeps an event and puts it on the queue, as relay does.
func (w *world) send(s kyc.Subscription, e kyc.Event) {
	must(w.T, w.store.KeepEvent(w.Context(), e))
	w.letters = append(w.letters, letter{ref: kyc.NewDelivery(s.ID, e).DeliveryRef, at: w.now})
}

// queue lets it wait for its turn, too.
func (w *world) queue(s kyc.Subscription, e kyc.Event) {
	if s.StrictOrder {
		must(w.T, w.store.Queue(w.Context(), e.Lane(s.ID), e))
	}
	w.send(s, e)
}

func (w *world) setStatus(s kyc.Subscription, status string) {
	_, line := w.line(s)
	s = s.WithStatus(status, "", w.now)
	s.Version++
	if status == kyc.StatusEnabled {
		line = line.Drain(w.now)
	}
	ok, err := w.store.SetStatus(w.Context(), s, line, nil)
	if must(w.T, err); !ok {
		w.Fatal("someone else has written")
	}
}

func (w *world) line(s kyc.Subscription) (*kyc.Subscription, kyc.Line) {
	sub, line, err := w.store.Line(w.Context(), ref(s))
	must(w.T, err)
	return sub, line
}

func (w *world) shipment(s kyc.Subscription, e kyc.Event) kyc.Shipment {
	found, err := w.store.Shipment(w.Context(), kyc.NewDelivery(s.ID, e).DeliveryRef)
	must(w.T, err)
	return found
}

func (w *world) delivery(s kyc.Subscription, e kyc.Event) kyc.Delivery {
	return w.shipment(s, e).Delivery
}

// allDelivered fails the test unless the first so many events were delivered.
func (w *world) allDelivered(s kyc.Subscription, n int) bool {
	w.Helper()
	for i := range n {
		if d := w.delivery(s, w.event(i)); d.Status != kyc.Delivered {
			w.Errorf("event %d is %s, line %+v", i, d.Status, w.shipment(s, w.event(i)).Line)
			return false
		}
	}
	return true
}

func (w *world) notifier() *notification.Notifier {
	c := crashing{w.store, w}
	return &notification.Notifier{
		Deliveries: c, Lines: c, Order: c, Vault: vault{w.sealed}, Sender: c, Queue: c, Clock: c, Now: w.clock, Plan: kyc.DefaultRetryPlan(),
		Spread: func() float64 { return 0.5 },
	}
}

func (w *world) clock() time.Time { return w.now }

// step delivers the messages that can be received now. One whose notifier dies or fails comes back three minutes later, and
// is set aside after five times.
func (w *world) step() {
	var due []letter
	var left []letter
	for _, l := range w.letters {
		if l.at.After(w.now) {
			left = append(left, l)
		} else {
			due = append(due, l)
		}
	}
	w.letters = left
	if w.backwards {
		slices.Reverse(due)
	}
	for _, l := range due {
		l.receives++
		if w.alive(func() error { _, err := w.notifier().Deliver(w.Context(), l.ref, l.receives > 1); return err }) {
			continue
		}
		if l.at = w.now.Add(3 * time.Minute); l.receives < 5 {
			w.letters = append(w.letters, l)
		} else {
			w.dead = append(w.dead, l)
		}
	}
}

// settle delivers until no message can be received.
func (w *world) settle() {
	for len(w.letters) > 0 {
		before := len(w.letters)
		if w.step(); len(w.letters) == before {
			return
		}
	}
}

// pass lets time pass, with a tick of the schedule every minute.
func (w *world) pass(long time.Duration) {
	end := w.now.Add(long)
	tick := w.now.Truncate(time.Minute)
	for {
		w.settle()
		next := tick.Add(time.Minute)
		for _, l := range w.letters {
			if l.at.Before(next) && l.at.After(w.now) {
				next = l.at
			}
		}
		if next.After(end) {
			w.now = end
			return
		}
		if w.now = next; next.Equal(tick.Add(time.Minute)) {
			tick = next
			c := crashing{w.store, w}
			timers := &notification.Timers{Alarms: c, Lines: c, Deliveries: c, Replays: c, Lanes: c, Queue: c, Now: w.clock}
			w.alive(func() error { _, err := timers.Sweep(w.Context()); return err })
		}
	}
}

// alive runs a function, and reports whether it came to an end without an error.
func (w *world) alive(run func() error) (done bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, died := r.(death); !died {
				panic(r)
			}
		}
	}()
	err := run()
	return err == nil
}

type death struct{}

// crashing is the table, the queue and the endpoints of a world, at one of whose calls the caller dies.
type crashing struct {
	*memstore.Store
	w *world
}

func (c crashing) around(do func()) {
	step := c.w.steps
	c.w.steps++
	if step == c.w.crashAt && !c.w.crashAfter {
		panic(death{})
	}
	do()
	if step == c.w.crashAt {
		panic(death{})
	}
}

func (c crashing) AdvanceDelivery(ctx context.Context, d kyc.Delivery) (stood *kyc.Delivery, err error) {
	c.around(func() { stood, err = c.Store.AdvanceDelivery(ctx, d) })
	return stood, err
}

func (c crashing) AdvanceLine(ctx context.Context, ref kyc.SubscriptionRef, l kyc.Line) (done bool, err error) {
	c.around(func() { done, err = c.Store.AdvanceLine(ctx, ref, l) })
	return done, err
}

func (c crashing) SetStatus(ctx context.Context, s kyc.Subscription, l kyc.Line, e *kyc.Event) (done bool, err error) {
	c.around(func() { done, err = c.Store.SetStatus(ctx, s, l, e) })
	return done, err
}

func (c crashing) RingDelivery(ctx context.Context, ref kyc.DeliveryRef, now, alarm time.Time) (rung bool, err error) {
	c.around(func() { rung, err = c.Store.RingDelivery(ctx, ref, now, alarm) })
	return rung, err
}

func (c crashing) ReleaseDelivery(ctx context.Context, ref kyc.DeliveryRef, alarm time.Time) (free bool, err error) {
	c.around(func() { free, err = c.Store.ReleaseDelivery(ctx, ref, alarm) })
	return free, err
}

func (c crashing) Queue(ctx context.Context, lane kyc.Lane, e kyc.Event) (err error) {
	c.around(func() { err = c.Store.Queue(ctx, lane, e) })
	return err
}

func (c crashing) Leave(ctx context.Context, lane kyc.Lane, eventID string) (err error) {
	c.around(func() { err = c.Store.Leave(ctx, lane, eventID) })
	return err
}

func (c crashing) NotifyAfter(_ context.Context, d kyc.DeliveryRef, wait time.Duration) error {
	if wait < 0 || wait > kyc.MaxDelay {
		c.w.Errorf("a message is to wait for %s", wait)
	}
	c.around(func() { c.w.letters = append(c.w.letters, letter{ref: d, at: c.w.now.Add(wait)}) })
	return nil
}

func (c crashing) Now(context.Context, string) (kyc.Moment, error) {
	return kyc.Moment{Time: c.w.now}, nil
}

func (c crashing) Send(_ context.Context, to kyc.Endpoint, e kyc.Event) (try kyc.Try, err error) {
	s := kyc.Subscription{ID: to.Keys[0].Reveal()}
	c.around(func() {
		c.w.tries[s.ID+e.ID]++
		c.w.posts = append(c.w.posts, post{subscription: s.ID, event: e.ID, customer: e.CustomerID, version: e.StateVersion, at: c.w.now})
		try = kyc.Try{Code: 200}
		if c.w.answer != nil {
			try = c.w.answer(s, e, c.w.tries[s.ID+e.ID])
		}
		c.w.posts[len(c.w.posts)-1].ok = try.Error == ""
		try.At = c.w.now
	})
	return try, err
}

// vault marks what it seals with its place, and opens nothing that is marked with another. A subscription's key is its id.
type vault struct{ err error }

func (v vault) Seal(_ context.Context, place kyc.Place, fields kyc.Profile) (kyc.Sealed, error) {
	sealed := kyc.Sealed{Key: []byte(place.Owner), Fields: map[kyc.Field][]byte{}}
	for f := range fields {
		sealed.Fields[f] = []byte(fields.Get(f))
	}
	return sealed, v.err
}

func (v vault) Open(_ context.Context, place kyc.Place, s kyc.Sealed) (kyc.Profile, error) {
	opened := kyc.Profile{}
	for f, value := range s.Fields {
		if f == kyc.SubscriptionSecret {
			value = []byte(place.Owner[len("subscription/"):])
		} else if string(s.Key) != place.Owner {
			return nil, fmt.Errorf("sealed for %s, opened as %s", s.Key, place.Owner)
		}
		opened.Set(f, string(value))
	}
	return opened, v.err
}

// refusing has nothing that can be sent.
type refusing struct{}

func (refusing) Send(context.Context, kyc.Endpoint, kyc.Event) (kyc.Try, error) {
	return kyc.Try{}, errGone
}
