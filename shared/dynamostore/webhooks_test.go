package dynamostore_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
)

const attemptID = "7b1d3e5f-2a4c-4e6f-8a0b-1c2d3e4f5a6b"

// nth returns an event of another customer for each n, a second later for each.
func nth(n int, at time.Time) kyc.Event {
	e := event(at.Add(time.Duration(n) * time.Second))
	e.AttemptID = fmt.Sprintf("7b1d3e5f-0000-4000-8000-%012d", n)
	e.ID = kyc.EventID(e.AttemptID, 2)
	return e
}

func sealedAnswer(text string) kyc.Sealed {
	return kyc.Sealed{Key: []byte("k"), Fields: map[kyc.Field][]byte{kyc.AnswerField: []byte(text)}}
}

// subscribed is a brand with one subscription and one event.
func subscribed(t *testing.T, tb bench) (kyc.Subscription, kyc.Event) {
	t.Helper()
	must(t, tb.CreateBrand(t.Context(), kyc.Brand{ID: brandID, Name: "Brand", CreatedAt: tb.clock.Now()}, []byte("wrapped"), kyc.AuditRecord{}))
	sub, e := subscription(1, tb.clock.Now()), event(tb.clock.Now())
	must(t, tb.CreateSubscription(t.Context(), sub))
	must(t, tb.KeepEvent(t.Context(), e))
	return sub, e
}

func (tb bench) shipment(t *testing.T, ref kyc.DeliveryRef) kyc.Shipment {
	t.Helper()
	s, err := tb.Shipment(t.Context(), ref)
	must(t, err)
	return s
}

// put stores a delivery, and returns what stood in the way.
func (tb bench) put(t *testing.T, d kyc.Delivery) *kyc.Delivery {
	t.Helper()
	stood, err := tb.AdvanceDelivery(t.Context(), d)
	must(t, err)
	return stood
}

func testShipment(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	sub, e := subscribed(t, tb)
	fresh := kyc.NewDelivery(sub.ID, e)
	if diff := cmp.Diff(kyc.Shipment{Subscription: &sub, Event: &e, Delivery: fresh}, tb.shipment(t, fresh.DeliveryRef)); diff != "" {
		t.Errorf("before the first try (-want +got):\n%s", diff)
	}
	now := tb.clock.Now()
	d := fresh.Tried(kyc.Try{At: now, Duration: time.Second, Code: 500, Error: "status", RetryAfter: time.Minute, Kept: sealedAnswer("short")}, kyc.DefaultRetryPlan(), 0)
	if stood := tb.put(t, d); stood != nil {
		t.Fatalf("%+v stands in the way", stood)
	}
	d.Rev = 1
	line := kyc.Line{}.Down(d.Tries[0])
	line.Announce, line.Replay = "evt", &kyc.Replay{From: now, Until: now, All: true, RequestedAt: now, Done: kyc.EventAt{OccurredAt: now, EventID: "e"}}
	line.OpenUntil, line.ProbeUntil, line.DrainSince, line.DueAt, line.Opened = now, now.Add(1e6), now.Add(2e6), now.Add(3e6), 4
	if ok, err := tb.AdvanceLine(t.Context(), d.Subscription(), line); !ok || err != nil {
		t.Fatal(ok, err)
	}
	line.Rev = 1
	if diff := cmp.Diff(kyc.Shipment{Subscription: &sub, Line: line, Event: &e, Delivery: d}, tb.shipment(t, d.DeliveryRef)); diff != "" {
		t.Errorf("after it (-want +got):\n%s", diff)
	}
	_, err := tb.DeleteSubscription(t.Context(), brandID, sub.ID)
	must(t, err)
	if diff := cmp.Diff(kyc.Shipment{Event: &e, Delivery: d}, tb.shipment(t, d.DeliveryRef)); diff != "" {
		t.Errorf("after the subscription's end (-want +got):\n%s", diff)
	}
	unknown := kyc.DeliveryRef{BrandID: otherBrand, SubscriptionID: sub.ID, EventID: e.ID}
	if diff := cmp.Diff(kyc.Shipment{}, tb.shipment(t, unknown)); diff != "" {
		t.Errorf("for another brand (-want +got):\n%s", diff)
	}
}

func testAdvanceDelivery(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	sub, e := subscribed(t, tb)
	first := kyc.NewDelivery(sub.ID, e)
	failed := first.Tried(kyc.Try{At: tb.clock.Now(), Error: "timeout"}, kyc.DefaultRetryPlan(), 0)
	if stood := tb.put(t, failed); stood != nil {
		t.Fatalf("%+v stands in the way", stood)
	}
	tb.unchanged(t, func() {
		if stood := tb.put(t, failed); stood != nil {
			t.Errorf("the very same write stands in its own way: %+v", stood)
		}
		stood := tb.put(t, first.Hold())
		if stood == nil || stood.Status != kyc.Failing || stood.Rev != 1 || len(stood.Tries) != 1 {
			t.Errorf("made of what was not there any more, %+v stood in the way", stood)
		}
	})
	failed.Rev = 1
	if stood := tb.put(t, failed.Hold()); stood != nil {
		t.Fatalf("%+v stands in the way", stood)
	}
	unknown := kyc.NewDelivery(sub.ID, nth(9, tb.clock.Now()))
	unknown.Rev = 3
	tb.unchanged(t, func() {
		if stood, err := tb.AdvanceDelivery(t.Context(), unknown); stood != nil || err == nil {
			t.Errorf("what is kept no more was advanced: %+v, %v", stood, err)
		}
	})
}

func testNoTryIsLostAmongMany(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	sub, e := subscribed(t, tb)
	ref := kyc.NewDelivery(sub.ID, e).DeliveryRef
	atOnce(20, func(i int) {
		d := tb.shipment(t, ref).Delivery
		for {
			stood, err := tb.AdvanceDelivery(t.Context(), d.Tried(kyc.Try{At: tb.clock.Now().Add(time.Duration(i) * time.Second), Error: "timeout"}, make([]time.Duration, 20), 0))
			if err != nil {
				t.Error(err)
				return
			}
			if stood == nil {
				return
			}
			d = *stood
		}
	})
	if d := tb.shipment(t, ref).Delivery; len(d.Tries) != 20 || d.Failures != 20 || d.Status != kyc.Failing || d.Rev != 20 {
		t.Errorf("%d tries, %+v", len(d.Tries), d)
	}
}

func testAnswersAreKeptApart(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	sub, e := subscribed(t, tb)
	d := kyc.NewDelivery(sub.ID, e)
	if _, err := tb.Delivery(t.Context(), d.DeliveryRef); kyc.KindOf(err) != kyc.NotFound {
		t.Errorf("before the first try: %v", err)
	}
	at := tb.clock.Now()
	d = d.Tried(kyc.Try{At: at, Error: "status", Apart: true}, kyc.DefaultRetryPlan(), 0)
	d = d.Tried(kyc.Try{At: at.Add(time.Second), Error: "status", Kept: sealedAnswer("short")}, kyc.DefaultRetryPlan(), 0)
	d = d.Tried(kyc.Try{At: at.Add(2 * time.Second), Error: "timeout"}, kyc.DefaultRetryPlan(), 0)
	must(t, tb.KeepAnswer(t.Context(), d, at, sealedAnswer("long")))
	tb.put(t, d)
	d.Rev = 1
	d.Tries[0].Kept = sealedAnswer("long")
	got, err := tb.Delivery(t.Context(), d.DeliveryRef)
	if diff := cmp.Diff(d, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func testAdvanceLine(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	sub, _ := subscribed(t, tb)
	ref := kyc.SubscriptionRef{BrandID: brandID, SubscriptionID: sub.ID}
	first := kyc.Line{}.Down(kyc.Try{At: tb.clock.Now(), Error: "timeout"})
	var won atomic.Int64
	atOnce(10, func(n int) {
		mine := first
		mine.Failures = n + 1
		if ok, err := tb.AdvanceLine(t.Context(), ref, mine); err != nil {
			t.Error(err)
		} else if ok {
			won.Add(1)
		}
	})
	stored, line, err := tb.Line(t.Context(), ref)
	if err != nil || won.Load() != 1 || line.Rev != 1 || stored.ID != sub.ID {
		t.Errorf("%d of ten wrote, %+v, %v", won.Load(), line, err)
	}
	if ok, err := tb.AdvanceLine(t.Context(), ref, line.Up(tb.clock.Now())); !ok || err != nil {
		t.Error(ok, err)
	}
	tb.unchanged(t, func() {
		if ok, err := tb.AdvanceLine(t.Context(), ref, line.Probe(tb.clock.Now())); ok || err != nil {
			t.Error("a line was advanced from what it was before", ok, err)
		}
	})
	if unknown, line, err := tb.Line(t.Context(), kyc.SubscriptionRef{BrandID: otherBrand, SubscriptionID: sub.ID}); unknown != nil || line != (kyc.Line{}) || err != nil {
		t.Error(unknown, line, err)
	}
}

func testSetStatus(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	sub, _ := subscribed(t, tb)
	now := tb.clock.Now()
	disabled := sub.WithStatus(kyc.StatusDisabled, kyc.DisabledGone, now)
	disabled.Version++
	tell := disabled.Disabled(now)
	line := kyc.Line{Announce: tell.ID}.Ring(now)
	set := func(s kyc.Subscription, l kyc.Line, want bool) {
		t.Helper()
		if ok, err := tb.SetStatus(t.Context(), s, l, &tell); ok != want || err != nil {
			t.Errorf("got %t, %v", ok, err)
		}
	}
	stale := disabled
	stale.Version++
	other := line
	other.Rev = 7
	tb.unchanged(t, func() {
		set(stale, line, false)
		set(disabled, other, false)
	})
	set(disabled, line, true)
	stored, kept, err := tb.Line(t.Context(), kyc.SubscriptionRef{BrandID: brandID, SubscriptionID: sub.ID})
	line.Rev = 1
	if diff := cmp.Diff(&disabled, stored); err != nil || diff != "" || kept != line {
		t.Errorf("%v, line %+v (-want +got):\n%s", err, kept, diff)
	}
	told, err := tb.Event(t.Context(), brandID, tell.ID)
	if diff := cmp.Diff(tell, told, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("%v, event (-want +got):\n%s", err, diff)
	}
	subscribers, err := tb.Subscribers(t.Context(), brandID)
	if err != nil || len(subscribers) != 1 || subscribers[0].Status != kyc.StatusDisabled {
		t.Errorf("%v, directory %+v", err, subscribers)
	}
}

// The alarm of a delivery is found from its time on, and moved once: of many who find it one sends the message.
func testAlarmsOfDeliveries(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	sub, e := subscribed(t, tb)
	now := tb.clock.Now()
	d := kyc.NewDelivery(sub.ID, e).Tried(kyc.Try{At: now, Error: "timeout"}, []time.Duration{time.Hour}, 0.5)
	tb.put(t, d)
	ref := d.Subscription()
	if ok, err := tb.AdvanceLine(t.Context(), ref, kyc.Line{}.Ring(now.Add(time.Minute))); !ok || err != nil {
		t.Fatal(ok, err)
	}
	due := func(at time.Time, deliveries []kyc.DeliveryRef, lines []kyc.SubscriptionRef) {
		t.Helper()
		gotDeliveries, gotLines, err := tb.DueWebhooks(t.Context(), at, 10)
		if !slices.Equal(gotDeliveries, deliveries) || !slices.Equal(gotLines, lines) || err != nil {
			t.Errorf("at %s: %v, %v, %v", at, gotDeliveries, gotLines, err)
		}
	}
	due(now.Add(time.Minute-time.Microsecond), nil, nil)
	due(now.Add(time.Minute), nil, []kyc.SubscriptionRef{ref})
	due(now.Add(time.Hour), []kyc.DeliveryRef{d.DeliveryRef}, []kyc.SubscriptionRef{ref})
	at := now.Add(time.Hour)
	tb.unchanged(t, func() {
		if rung, err := tb.RingDelivery(t.Context(), d.DeliveryRef, at.Add(-time.Microsecond), at.Add(time.Hour)); rung || err != nil {
			t.Error("rung before its time", err)
		}
	})
	var rung atomic.Int64
	atOnce(10, func(int) {
		if ok, err := tb.RingDelivery(t.Context(), d.DeliveryRef, at, at.Add(5*time.Minute)); err != nil {
			t.Error(err)
		} else if ok {
			rung.Add(1)
		}
	})
	if rung.Load() != 1 {
		t.Errorf("rung %d times", rung.Load())
	}
	due(at, nil, []kyc.SubscriptionRef{ref})
	due(at.Add(5*time.Minute), []kyc.DeliveryRef{d.DeliveryRef}, []kyc.SubscriptionRef{ref})
	stored := tb.shipment(t, d.DeliveryRef).Delivery
	tb.put(t, stored.Tried(kyc.Try{At: at}, nil, 0))
	due(at.Add(time.Hour), nil, []kyc.SubscriptionRef{ref})
	tb.unchanged(t, func() {
		if rung, err := tb.RingDelivery(t.Context(), d.DeliveryRef, at.Add(time.Hour), at.Add(2*time.Hour)); rung || err != nil {
			t.Error("rung although it was delivered", err)
		}
	})
}

// Whatever shards of the index they are in, lines come in the order in which their alarms have gone off.
func testDueLinesComeInOrder(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	subscribed(t, tb)
	now := tb.clock.Now()
	var want []kyc.SubscriptionRef
	for n := range 12 {
		sub := subscription(n, now)
		must(t, tb.CreateSubscription(t.Context(), sub))
		ref := kyc.SubscriptionRef{BrandID: brandID, SubscriptionID: sub.ID}
		if ok, err := tb.AdvanceLine(t.Context(), ref, kyc.Line{}.Ring(now.Add(-time.Duration(n)*time.Second))); !ok || err != nil {
			t.Fatal(ok, err)
		}
		want = append([]kyc.SubscriptionRef{ref}, want...)
	}
	_, got, err := tb.DueWebhooks(t.Context(), now, 100)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func testHeldDeliveries(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	sub, _ := subscribed(t, tb)
	now := tb.clock.Now()
	ref := kyc.SubscriptionRef{BrandID: brandID, SubscriptionID: sub.ID}
	var want []kyc.DeliveryRef
	for _, n := range []int{3, 1, 2, 4} {
		e := nth(n, now)
		must(t, tb.KeepEvent(t.Context(), e))
		d := kyc.NewDelivery(sub.ID, e)
		want = append(want, d.DeliveryRef)
		tb.put(t, d.Hold())
	}
	slices.SortFunc(want, func(a, b kyc.DeliveryRef) int { return slices.Compare([]byte(a.EventID), []byte(b.EventID)) })
	held := func(limit int, want []kyc.DeliveryRef) {
		t.Helper()
		got, err := tb.HeldDeliveries(t.Context(), ref, limit)
		if !slices.Equal(got, want) || err != nil {
			t.Errorf("%v, got %v, want %v", err, got, want)
		}
	}
	held(10, want)
	held(2, want[:2])
	if deliveries, _, err := tb.DueWebhooks(t.Context(), now.Add(1000*time.Hour), 10); len(deliveries) > 0 || err != nil {
		t.Errorf("what is held has an alarm: %v, %v", deliveries, err)
	}
	var released atomic.Int64
	atOnce(5, func(int) {
		if ok, err := tb.ReleaseDelivery(t.Context(), want[0], now.Add(time.Minute)); err != nil {
			t.Error(err)
		} else if ok {
			released.Add(1)
		}
	})
	d := tb.shipment(t, want[0]).Delivery
	if released.Load() != 1 || d.Status != kyc.Pending || !d.DueAt.Equal(now.Add(time.Minute)) || d.Rev != 2 {
		t.Errorf("released %d times, %+v", released.Load(), d)
	}
	held(10, want[1:])
	if other, err := tb.HeldDeliveries(t.Context(), kyc.SubscriptionRef{BrandID: brandID, SubscriptionID: uuid.NewString()}, 10); len(other) > 0 || err != nil {
		t.Errorf("another subscription holds %v, %v", other, err)
	}
}

func testLanes(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	lane := kyc.Lane{BrandID: brandID, SubscriptionID: uuid.NewString(), CustomerID: customerID, ProgramID: programID}
	other := lane
	other.ProgramID = kyc.OfProfile
	head := func(lane kyc.Lane, want string) {
		t.Helper()
		if got, err := tb.Head(t.Context(), lane); got != want || err != nil {
			t.Errorf("first is %q, %v, want %q", got, err, want)
		}
	}
	head(lane, "")
	ids := []string{kyc.EventID(attemptID, 9), kyc.EventID(attemptID, 10), kyc.EventID(attemptID, 10) + "_fields", kyc.EventID(attemptID, 100)}
	for _, n := range []int{3, 1, 2, 0, 0} {
		e := event(tb.clock.Now())
		e.ID = ids[n]
		must(t, tb.Queue(t.Context(), lane, e))
	}
	e := event(tb.clock.Now())
	must(t, tb.Queue(t.Context(), other, e))
	for n, id := range ids {
		head(lane, id)
		must(t, tb.Leave(t.Context(), lane, id))
		must(t, tb.Leave(t.Context(), lane, ids[0]))
		if n == 0 {
			head(other, e.ID)
		}
	}
	head(lane, "")
}

// Whatever is asked of the list of events, the answer is that of a plain list: by month, shard and page none is left out.
func TestEventsAreListedInOrder(t *testing.T) {
	tb := open(t)
	var all []kyc.Event
	for n := range 60 {
		e := nth(n, time.Date(2026, 1, 30, 22, 0, 0, 0, time.UTC))
		e.OccurredAt = e.OccurredAt.Add(time.Duration(n/2) * 2 * time.Hour).Truncate(time.Hour) // two at once, in three months
		must(t, tb.KeepEvent(t.Context(), e))
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b kyc.Event) int {
		if c := a.OccurredAt.Compare(b.OccurredAt); c != 0 {
			return c
		}
		return slices.Compare([]byte(a.ID), []byte(b.ID))
	})
	ids := func(events []kyc.Event) []string {
		list := []string{}
		for _, e := range events {
			list = append(list, e.ID)
		}
		return list
	}
	rapid.Check(t, func(rt *rapid.T) {
		at := func(label string) time.Time {
			return all[0].OccurredAt.Add(time.Duration(rapid.IntRange(-3, 70).Draw(rt, label)) * time.Hour)
		}
		from, to, limit := at("from"), at("to"), rapid.IntRange(1, 25).Draw(rt, "limit")
		var want, newest []kyc.Event
		for _, e := range all {
			if !e.OccurredAt.Before(from) && e.OccurredAt.Before(to) {
				want = append(want, e)
			}
			if !e.OccurredAt.Before(to) && e.OccurredAt.Before(from) {
				newest = append(newest, e)
			}
		}
		slices.Reverse(newest)
		for name, c := range map[string]struct {
			ask  func(place kyc.EventAt) ([]kyc.Event, kyc.EventAt, error)
			want []kyc.Event
		}{
			"after": {func(place kyc.EventAt) ([]kyc.Event, kyc.EventAt, error) {
				return tb.EventsAfter(t.Context(), brandID, place, to, limit)
			}, want},
			"before": {func(place kyc.EventAt) ([]kyc.Event, kyc.EventAt, error) {
				return tb.EventsBefore(t.Context(), brandID, place, to, limit)
			}, newest},
		} {
			var got []kyc.Event
			place := kyc.EventAt{OccurredAt: from}
			for {
				page, next, err := c.ask(place)
				if err != nil || len(page) > limit {
					rt.Fatalf("%s: %d events, %v", name, len(page), err)
				}
				got = append(got, page...)
				if place = next; next == (kyc.EventAt{}) {
					break
				}
			}
			if diff := cmp.Diff(ids(c.want), ids(got)); diff != "" {
				rt.Fatalf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestDeliveriesAreListedNewestFirst(t *testing.T) {
	tb := open(t)
	sub, _ := subscribed(t, tb.bench)
	now := tb.clock.Now()
	ref := kyc.SubscriptionRef{BrandID: brandID, SubscriptionID: sub.ID}
	var want []kyc.Delivery
	for n := range 5 {
		e := nth(n, now)
		d := kyc.NewDelivery(sub.ID, e).Tried(kyc.Try{At: now, Code: 200}, nil, 0)
		tb.put(t, d)
		d.Rev = 1
		want = append([]kyc.Delivery{d}, want...)
	}
	first, next, err := tb.DeliveriesBefore(t.Context(), ref, kyc.EventAt{OccurredAt: now.Add(time.Hour)}, now, 3)
	if diff := cmp.Diff(want[:3], first); err != nil || diff != "" || next.EventID != want[2].EventID {
		t.Errorf("%v, next %v (-want +got):\n%s", err, next, diff)
	}
	rest, next, err := tb.DeliveriesBefore(t.Context(), ref, next, now, 3)
	if diff := cmp.Diff(want[3:], rest); err != nil || diff != "" || next != (kyc.EventAt{}) {
		t.Errorf("%v, next %v (-want +got):\n%s", err, next, diff)
	}
	if _, _, err := tb.DeliveriesBefore(t.Context(), kyc.SubscriptionRef{BrandID: otherBrand, SubscriptionID: sub.ID}, kyc.EventAt{OccurredAt: now.Add(time.Hour)}, now, 3); err == nil {
		t.Error("another brand reads them")
	}
}
