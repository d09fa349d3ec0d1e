package notification_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/notification"
)

func TestDelivered(t *testing.T) {
	w := newWorld(t)
	sub := w.subscribe(nil)
	e := w.event(1)
	w.send(sub, e)
	w.settle()
	d := w.delivery(sub, e)
	if d.Status != kyc.Delivered || len(d.Tries) != 1 || !d.DueAt.IsZero() {
		t.Errorf("got %+v", d)
	}
	if _, line := w.line(sub); line != (kyc.Line{}) {
		t.Errorf("a healthy endpoint has left %+v behind", line)
	}
	posts := len(w.posts)
	w.send(sub, e) // once more
	if w.settle(); len(w.posts) != posts {
		t.Error("posted again")
	}
}

// The whole plan of Standard Webhooks, without sleeping: ten tries, each at its time, and then no more.
func TestWholePlan(t *testing.T) {
	w := newWorld(t)
	sub := w.subscribe(nil)
	w.answer = func(kyc.Subscription, kyc.Event, int) kyc.Try { return failed(500) }
	e := w.event(1)
	begin := w.now
	w.send(sub, e)
	w.pass(100 * time.Hour)
	var waits []time.Duration
	at := begin
	for _, p := range w.posts {
		if !p.at.Equal(begin) {
			waits = append(waits, p.at.Sub(at))
		}
		at = p.at
	}
	// Waits beyond 15 minutes end with a tick of the schedule, up to a minute late.
	plan := kyc.DefaultRetryPlan()
	if len(waits) != len(plan) {
		t.Fatalf("%d waits: %s", len(waits), waits)
	}
	for n, wait := range waits {
		if late := wait - plan[n]; late < 0 || late > time.Minute {
			t.Errorf("wait %d is %s, want %s", n+1, wait, plan[n])
		}
	}
	if d := w.delivery(sub, e); d.Status != kyc.Exhausted || d.Failures != 10 || len(d.Tries) != 10 {
		t.Errorf("got %+v", d)
	}
}

func TestRetryAfter(t *testing.T) {
	for name, c := range map[string]struct {
		asked time.Duration
		want  time.Duration
	}{
		"longer than the plan": {7 * time.Minute, 7 * time.Minute}, "shorter than the plan": {time.Second, 5 * time.Second},
		"longer than any": {1000 * time.Hour, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			sub := w.subscribe(nil)
			w.answer = func(_ kyc.Subscription, _ kyc.Event, n int) kyc.Try {
				try := failed(500)
				try.RetryAfter = c.asked
				if n > 1 {
					return kyc.Try{Code: 200}
				}
				return try
			}
			w.send(sub, w.event(1))
			w.pass(30 * time.Hour)
			if len(w.posts) != 2 {
				t.Fatalf("%d posts", len(w.posts))
			}
			if late := w.posts[1].at.Sub(w.posts[0].at) - c.want; late < 0 || late > time.Minute {
				t.Errorf("waited %s longer than %s", late, c.want)
			}
		})
	}
}

// An endpoint that asks for it is left alone, with all its events: they are held, and come once it is over.
func TestTooManyRequestsSparesTheWholeEndpoint(t *testing.T) {
	w := newWorld(t)
	sub := w.subscribe(nil)
	w.answer = func(_ kyc.Subscription, _ kyc.Event, _ int) kyc.Try {
		if len(w.posts) == 1 {
			try := failed(429)
			try.RetryAfter = 10 * time.Minute
			return try
		}
		return kyc.Try{Code: 200}
	}
	begin := w.now
	for n := range 20 {
		w.send(sub, w.event(n))
	}
	w.pass(time.Hour)
	for _, p := range w.posts[1:] {
		if p.at.Before(begin.Add(10 * time.Minute)) {
			t.Errorf("posted %s after it had asked for ten minutes", p.at.Sub(begin))
		}
	}
	w.allDelivered(sub, 20)
}

// An endpoint that is plainly down costs a post an hour, however many events wait for it; when it is up again all of them
// come, in order.
func TestBreaker(t *testing.T) {
	w := newWorld(t)
	sub := w.subscribe(nil)
	up := w.now.Add(20 * time.Hour)
	w.answer = func(kyc.Subscription, kyc.Event, int) kyc.Try {
		if w.now.Before(up) {
			return failed(503)
		}
		return kyc.Try{Code: 200}
	}
	for n := range 100 {
		w.send(sub, w.event(n))
	}
	w.pass(20 * time.Hour)
	if len(w.posts) > 60 {
		t.Errorf("%d posts in 20 hours to an endpoint that is down", len(w.posts))
	}
	before := len(w.posts)
	w.pass(3 * time.Hour)
	w.allDelivered(sub, 100)
	var order []string
	for _, p := range w.posts[before:] {
		order = append(order, p.event)
	}
	if late := len(order) - 100; late > 20 {
		t.Errorf("%d posts for 100 events", len(order))
	}
	if _, line := w.line(sub); !line.Steady() || !line.DueAt.IsZero() {
		t.Errorf("left behind: %+v", line)
	}
}

func TestGoneDisables(t *testing.T) {
	w := newWorld(t)
	sub, other := w.subscribe(nil), w.subscribe(func(s *kyc.Subscription) { s.Events = kyc.EventNames() })
	w.answer = func(s kyc.Subscription, _ kyc.Event, _ int) kyc.Try {
		if s.ID == sub.ID {
			return failed(410)
		}
		return kyc.Try{Code: 200}
	}
	for n := range 5 {
		w.send(sub, w.event(n))
	}
	w.pass(10 * time.Minute)
	got, _ := w.line(sub)
	if got.Status != kyc.StatusDisabled || got.DisabledCause != kyc.DisabledGone || got.Version != 2 {
		t.Fatalf("got %+v", got)
	}
	told := slices.IndexFunc(w.posts, func(p post) bool { return p.subscription == other.ID && strings.HasPrefix(p.event, "evt_"+sub.ID) })
	if told < 0 {
		t.Errorf("the brand's other subscription was not told: %v", w.posts)
	}
	for n := range 5 {
		if d := w.delivery(sub, w.event(n)); d.Status != kyc.Held {
			t.Errorf("event %d is %s", n, d.Status)
		}
	}
	// Once it is enabled again all of them come.
	w.answer = nil
	w.setStatus(*got, kyc.StatusEnabled)
	w.pass(10 * time.Minute)
	w.allDelivered(sub, 5)
}

func TestFiveDaysDisable(t *testing.T) {
	w := newWorld(t)
	sub := w.subscribe(nil)
	w.answer = func(kyc.Subscription, kyc.Event, int) kyc.Try { return failed(0) }
	for n := range 30 {
		w.send(sub, w.event(n))
		w.pass(5 * time.Hour)
		if got, _ := w.line(sub); got.Status == kyc.StatusDisabled {
			if after := w.now.Sub(w.posts[0].at); after < 5*24*time.Hour || after > 5*24*time.Hour+10*time.Hour || got.DisabledCause != kyc.DisabledFailing {
				t.Errorf("disabled after %s: %s", after, got.DisabledCause)
			}
			return
		}
	}
	t.Error("not disabled")
}

// Nothing is posted to a subscription that is paused, nothing is lost, and all of it comes once it goes on.
func TestPause(t *testing.T) {
	w := newWorld(t)
	sub := w.subscribe(func(s *kyc.Subscription) { s.Status = kyc.StatusPaused })
	for n := range 250 {
		w.send(sub, w.event(n))
	}
	w.pass(48 * time.Hour)
	if len(w.posts) != 0 {
		t.Fatalf("%d posts", len(w.posts))
	}
	got, _ := w.line(sub)
	w.setStatus(*got, kyc.StatusEnabled)
	w.pass(10 * time.Minute)
	w.allDelivered(sub, 250)
	var posted []string
	for _, p := range w.posts {
		posted = append(posted, p.event)
	}
	if !slices.IsSorted(posted) {
		t.Errorf("not oldest first: %v", posted[:10])
	}
}

// A hold that comes late, from a notifier that has read the line before it was closed, is found too.
func TestLateHoldIsFound(t *testing.T) {
	w := newWorld(t)
	sub := w.subscribe(func(s *kyc.Subscription) { s.Status = kyc.StatusPaused })
	got, _ := w.line(sub)
	w.setStatus(*got, kyc.StatusEnabled)
	w.pass(time.Minute)
	e := w.event(1)
	must(t, w.store.KeepEvent(t.Context(), e))
	_, err := w.store.AdvanceDelivery(t.Context(), kyc.NewDelivery(sub.ID, e).Hold())
	must(t, err)
	w.pass(10 * time.Minute)
	if d := w.delivery(sub, e); d.Status != kyc.Delivered {
		t.Errorf("got %+v", d)
	}
}

// Each event of a customer waits for those before it; one that fails holds up its customer alone.
func TestStrictOrder(t *testing.T) {
	w := newWorld(t)
	sub := w.subscribe(func(s *kyc.Subscription) { s.StrictOrder = true })
	w.answer = func(_ kyc.Subscription, e kyc.Event, n int) kyc.Try {
		if e.CustomerID == customer(1) && e.StateVersion == 2 && n < 4 {
			return failed(500)
		}
		return kyc.Try{Code: 200}
	}
	for _, version := range []int{4, 2, 3} { // as the queue may bring them
		for c := range 3 {
			w.queue(sub, w.ofCustomer(c, version))
		}
	}
	slices.Reverse(w.letters)
	w.pass(4 * time.Hour)
	order := map[string][]int{}
	for _, p := range w.posts {
		if p.ok {
			order[p.customer] = append(order[p.customer], p.version)
		}
	}
	for c := range 3 {
		if diff := cmp.Diff([]int{2, 3, 4}, order[customer(c)]); diff != "" {
			t.Errorf("customer %d (-want +got):\n%s", c, diff)
		}
	}
	if len(w.posts) != 9+3 {
		t.Errorf("%d posts", len(w.posts))
	}
}

// An event that was given its place, but never sent, holds up those behind it for an hour: relay died in between, and its
// repetition found that the subscription no longer asks for such events.
func TestWhoWaitsInVainHasTheFirstSent(t *testing.T) {
	w := newWorld(t)
	sub := w.subscribe(func(s *kyc.Subscription) { s.StrictOrder = true })
	never, second := w.ofCustomer(0, 1), w.ofCustomer(0, 2)
	must(t, w.store.KeepEvent(t.Context(), never))
	must(t, w.store.Queue(t.Context(), never.Lane(sub.ID), never))
	w.queue(sub, second)
	w.pass(30 * time.Minute)
	if len(w.posts) > 0 {
		t.Fatalf("posts %+v", w.posts)
	}
	w.pass(time.Hour)
	if len(w.posts) != 2 || w.posts[0].event != never.ID || w.posts[1].event != second.ID {
		t.Errorf("posts %+v", w.posts)
	}
}

// The one post that a half-open line lets through is not spent on an event that waits for those before it.
func TestWhoWaitsClaimsNoProbe(t *testing.T) {
	w := newWorld(t)
	sub := w.subscribe(func(s *kyc.Subscription) { s.StrictOrder = true })
	first, second := w.ofCustomer(0, 1), w.ofCustomer(0, 2)
	w.queue(sub, first)
	w.queue(sub, second)
	try := failed(500)
	try.At = w.now
	_, err := w.store.AdvanceDelivery(t.Context(), kyc.NewDelivery(sub.ID, first).Tried(try, kyc.DefaultRetryPlan()[2:], 0.5))
	must(t, err)
	if ok, err := w.store.AdvanceLine(t.Context(), ref(sub), kyc.Line{OpenUntil: w.now}); err != nil || !ok {
		t.Fatal(ok, err)
	}
	w.settle()
	if _, line := w.line(sub); w.delivery(sub, second).DueAt.IsZero() || len(w.posts) > 0 || !line.HalfOpen(w.now) {
		t.Fatalf("%d posts, line %+v", len(w.posts), line)
	}
	w.queue(sub, w.event(1))
	if w.settle(); w.delivery(sub, w.event(1)).Status != kyc.Delivered {
		t.Errorf("another customer's event is %s", w.delivery(sub, w.event(1)).Status)
	}
}

// What the brand asks for is posted although its subscription is paused, and held again where that fails.
func TestDemandedIsPosted(t *testing.T) {
	w := newWorld(t)
	sub := w.subscribe(func(s *kyc.Subscription) { s.Status = kyc.StatusPaused })
	w.answer = func(_ kyc.Subscription, e kyc.Event, _ int) kyc.Try {
		if e.ID == w.event(1).ID {
			return failed(500)
		}
		return kyc.Try{Code: 200}
	}
	for n := range 2 {
		w.send(sub, w.event(n))
		w.settle()
		d := w.delivery(sub, w.event(n))
		_, err := w.store.AdvanceDelivery(t.Context(), d.Resend(w.now, true))
		must(t, err)
		w.send(sub, w.event(n))
	}
	w.pass(time.Hour)
	if a, b := w.delivery(sub, w.event(0)).Status, w.delivery(sub, w.event(1)).Status; a != kyc.Delivered || b != kyc.Held || len(w.posts) != 2 {
		t.Errorf("%s, %s, %d posts", a, b, len(w.posts))
	}
}

func TestReplay(t *testing.T) {
	for name, all := range map[string]bool{"what was missed": false, "all": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.now
			sub := w.subscribe(nil)
			const many = 250
			for n := range many {
				must(t, w.store.KeepEvent(t.Context(), w.event(n)))
			}
			for n := range 10 {
				w.send(sub, w.event(n))
			}
			w.settle()
			w.posts = nil
			w.now = w.now.Add(time.Hour)
			_, line := w.line(sub)
			line.Replay = &kyc.Replay{From: first, Until: first.Add(time.Hour), All: all, RequestedAt: w.now, Done: kyc.EventAt{OccurredAt: first}}
			_, err := w.store.AdvanceLine(t.Context(), ref(sub), line.Ring(w.now))
			must(t, err)
			w.pass(20 * time.Minute)
			want := many - 10
			if all {
				want = many
			}
			if len(w.posts) != want {
				t.Errorf("%d posts, want %d", len(w.posts), want)
			}
			w.allDelivered(sub, many)
			_, done := w.line(sub)
			if done.Replay != nil || !done.DueAt.IsZero() {
				t.Errorf("left behind: %+v", done)
			}
			// The note of how far it came gets lost: what it has begun is not begun again.
			w.posts, done.Replay = nil, line.Replay
			_, err = w.store.AdvanceLine(t.Context(), ref(sub), done.Ring(w.now))
			must(t, err)
			w.pass(20 * time.Minute)
			if repeated := len(w.posts); repeated > 10 {
				t.Errorf("%d posts again", repeated)
			}
		})
	}
}

// What is sent again comes in order, too, where the subscription asks for that.
func TestReplayKeepsAStrictOrder(t *testing.T) {
	for step, crashed := 0, true; crashed; step++ {
		w := newWorld(t)
		w.crashAt = step
		sub := w.subscribe(func(s *kyc.Subscription) { s.StrictOrder = true })
		for version := 1; version <= 3; version++ {
			e := w.ofCustomer(0, version)
			e.OccurredAt = e.OccurredAt.Add(time.Duration(version) * time.Second)
			must(t, w.store.KeepEvent(t.Context(), e))
		}
		w.now = w.now.Add(time.Minute)
		replay := &kyc.Replay{From: noon, Until: w.now, RequestedAt: w.now, Done: kyc.EventAt{OccurredAt: noon}}
		if ok, err := w.store.AdvanceLine(t.Context(), ref(sub), kyc.Line{Replay: replay}.Ring(w.now)); err != nil || !ok {
			t.Fatal(ok, err)
		}
		w.backwards = true
		w.pass(3 * time.Hour)
		var order []int
		for _, p := range w.posts {
			order = append(order, p.version)
		}
		if crashed = w.steps > step; !slices.Equal(slices.Compact(order), []int{1, 2, 3}) {
			t.Fatalf("crash at step %d: order %v", step, order)
		}
	}
}

// A crash before or after any call of the table, the queue or the endpoint loses no event.
func TestCrashAtEveryStepLosesNothing(t *testing.T) {
	for _, strict := range []bool{false, true} {
		for step, crashed := 0, true; crashed; step++ {
			for _, after := range []bool{false, true} {
				w := newWorld(t)
				w.crashAt, w.crashAfter = step, after
				sub := w.subscribe(func(s *kyc.Subscription) { s.StrictOrder = strict })
				w.answer = func(_ kyc.Subscription, e kyc.Event, n int) kyc.Try {
					if e.ID == w.event(0).ID && n == 1 {
						try := failed(429)
						try.RetryAfter = time.Minute
						return try
					}
					return kyc.Try{Code: 200}
				}
				for n := range 3 {
					w.queue(sub, w.event(n))
				}
				w.pass(90 * time.Minute)
				got, _ := w.line(sub)
				w.setStatus(*got, kyc.StatusPaused)
				w.queue(sub, w.event(3))
				w.pass(10 * time.Minute)
				got, _ = w.line(sub)
				w.setStatus(*got, kyc.StatusEnabled)
				w.pass(90 * time.Minute)
				if crashed = w.steps > step; !w.allDelivered(sub, 4) {
					t.Fatalf("strict %t, crash at step %d, after it %t", strict, step, after)
				}
			}
		}
	}
}

// Two notifiers that have the same event at once note both their tries, and what was taken stays so.
func TestTriesAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		theirs, ours kyc.Try
		want         kyc.DeliveryStatus
	}{
		"both fail": {failed(500), failed(503), kyc.Failing}, "theirs is taken": {kyc.Try{Code: 200}, failed(500), kyc.Delivered},
		"ours is taken": {failed(500), kyc.Try{Code: 200}, kyc.Delivered},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			sub, e := w.subscribe(nil), w.event(1)
			w.answer = func(kyc.Subscription, kyc.Event, int) kyc.Try {
				other := w.delivery(sub, e).Tried(c.theirs, kyc.DefaultRetryPlan(), 0.5)
				if stood, err := w.store.AdvanceDelivery(t.Context(), other); stood != nil || err != nil {
					t.Fatal(stood, err)
				}
				return c.ours
			}
			w.send(sub, e)
			w.step()
			if d := w.delivery(sub, e); d.Status != c.want || len(d.Tries) != 2 {
				t.Errorf("%s, %d tries", d.Status, len(d.Tries))
			}
		})
	}
}

// What can't be opened, or is not to be sent, comes back as a message, and has written nothing.
func TestFaultsOfADeliveryAreHandedOn(t *testing.T) {
	w := newWorld(t)
	sub := w.subscribe(nil)
	for name, fail := range map[string]func(*notification.Notifier){
		"vault":  func(n *notification.Notifier) { n.Vault = vault{errGone} },
		"sender": func(n *notification.Notifier) { n.Sender = refusing{} },
	} {
		t.Run(name, func(t *testing.T) {
			n := w.notifier()
			fail(n)
			e := w.event(1)
			must(t, w.store.KeepEvent(t.Context(), e))
			if _, err := n.Deliver(t.Context(), kyc.NewDelivery(sub.ID, e).DeliveryRef, false); !errors.Is(err, errGone) {
				t.Errorf("got %v", err)
			}
			if d := w.shipment(sub, e).Delivery; d.Rev != 0 {
				t.Errorf("stored %+v", d)
			}
		})
	}
}

// Whatever keeps an event from being posted for longer than the queue has patience: once it is over, the event is delivered,
// without anybody who sends the dead letter again.
func TestNothingIsLostWithADeadLetter(t *testing.T) {
	for name, outage := range map[string]func(*world){
		"it fails":     func(w *world) { w.sealed = errGone },
		"it is killed": func(w *world) { w.answer = func(kyc.Subscription, kyc.Event, int) kyc.Try { panic(death{}) } },
	} {
		for _, strict := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", strict ", strict), func(t *testing.T) {
				w := newWorld(t)
				sub := w.subscribe(func(s *kyc.Subscription) { s.StrictOrder = strict })
				outage(w)
				w.queue(sub, w.event(0))
				w.pass(time.Hour)
				if len(w.dead) == 0 || w.delivery(sub, w.event(0)).Status != kyc.Pending {
					t.Fatalf("%d dead letters, delivery %+v", len(w.dead), w.delivery(sub, w.event(0)))
				}
				w.sealed, w.answer, w.letters = nil, nil, nil
				w.pass(10 * time.Minute)
				w.allDelivered(sub, 1)
			})
		}
	}
}

func TestAnswersAreKept(t *testing.T) {
	long := strings.Repeat("x", 8000)
	for name, c := range map[string]struct {
		code  int
		sent  string
		want  string
		apart bool
	}{
		"none": {500, "", "", false}, "short": {500, "no", "no", false}, "long": {500, long, long, true},
		"short, of a success": {200, "thanks", "thanks", false}, "long, of a success": {200, long, long[:128], false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			sub := w.subscribe(nil)
			w.answer = func(kyc.Subscription, kyc.Event, int) kyc.Try {
				try := kyc.Try{Code: c.code, Answer: kyc.NewSecret(c.sent)}
				if c.code != 200 {
					try.Error = "status"
				}
				return try
			}
			e := w.event(1)
			w.send(sub, e)
			w.step()
			d, err := w.store.Delivery(t.Context(), kyc.NewDelivery(sub.ID, e).DeliveryRef)
			must(t, err)
			opened, err := vault{}.Open(t.Context(), kyc.AnswerPlace(d.DeliveryRef), d.Tries[0].Kept)
			if got := opened.Get(kyc.AnswerField); err != nil || got != c.want || d.Tries[0].Apart != c.apart || !d.Tries[0].Answer.IsZero() {
				t.Errorf("kept %d characters, %v", len(got), err)
			}
		})
	}
}

func customer(n int) string { return fmt.Sprintf("9d0c6f8b-2f5e-4a57-b6c7-%012d", n) }

// lagging is an index that still has, when it is first asked, what was released a moment ago.
type lagging struct {
	crashing
	stale []kyc.DeliveryRef
}

func (l *lagging) HeldDeliveries(ctx context.Context, sub kyc.SubscriptionRef, limit int) ([]kyc.DeliveryRef, error) {
	if stale := l.stale; len(stale) > 0 {
		l.stale = nil
		return stale[:min(len(stale), limit)], nil
	}
	return l.Store.HeldDeliveries(ctx, sub, limit)
}

// A page of what is held of which nothing is any more says only that the index is late, however long ago the line changed.
func TestALateIndexEndsNoDrain(t *testing.T) {
	for name, half := range map[string]bool{"closed": false, "half open": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.subscribe(func(s *kyc.Subscription) { s.Status = kyc.StatusPaused })
			w.send(s, w.event(0))
			w.settle()
			w.setStatus(s, kyc.StatusEnabled)
			if half {
				_, line := w.line(s)
				line.DrainSince, line.OpenUntil = time.Time{}, w.now
				if ok, err := w.store.AdvanceLine(t.Context(), ref(s), line); err != nil || !ok {
					t.Fatal(ok, err)
				}
			}
			w.now = w.now.Add(kyc.Settle + time.Minute)
			late := &lagging{crashing{w.store, w}, nil}
			for n := range 100 {
				late.stale = append(late.stale, kyc.NewDelivery(s.ID, w.event(1000+n)).DeliveryRef)
			}
			timers := &notification.Timers{Alarms: late, Lines: late, Deliveries: late, Replays: late, Lanes: late, Queue: late, Now: w.clock}
			_, err := timers.Sweep(t.Context())
			must(t, err)
			w.pass(10 * time.Minute)
			w.allDelivered(s, 1)
		})
	}
}

// What was left of a subscription that was deleted is looked at once more, and then rests.
func TestNoAlarmOutlivesItsSubscription(t *testing.T) {
	w := newWorld(t)
	s := w.subscribe(nil)
	w.answer = func(kyc.Subscription, kyc.Event, int) kyc.Try { return failed(500) }
	w.send(s, w.event(0))
	w.settle()
	_, err := w.store.DeleteSubscription(t.Context(), brandID, s.ID)
	must(t, err)
	// Written by someone who had read the subscription before.
	if ok, err := w.store.AdvanceLine(t.Context(), ref(s), kyc.Line{}.Drain(w.now)); err != nil || !ok {
		t.Fatal(ok, err)
	}
	w.pass(time.Hour)
	deliveries, lines, err := w.store.DueWebhooks(t.Context(), w.now.Add(24*time.Hour), 10)
	if err != nil || len(deliveries)+len(lines) > 0 {
		t.Errorf("alarms of %v and %v, err %v", deliveries, lines, err)
	}
}

// contested is a line that someone else writes just before it is written.
type contested struct{ crashing }

func (c contested) AdvanceLine(ctx context.Context, ref kyc.SubscriptionRef, l kyc.Line) (bool, error) {
	if _, line, err := c.Store.Line(ctx, ref); err != nil {
		return false, err
	} else if line.Failures == 0 {
		line.Failures++
		if _, err := c.Store.AdvanceLine(ctx, ref, line); err != nil {
			return false, err
		}
	}
	return c.Store.AdvanceLine(ctx, ref, l)
}

// A probe is claimed by one write of the line. Who loses that to another writer, here to one who lets nobody wait, looks at
// the line again: a delivery that was held for it would be held for ever.
func TestWhoLosesTheProbeLooksAgain(t *testing.T) {
	w := newWorld(t)
	s, e := w.subscribe(nil), w.event(0)
	must(t, w.store.KeepEvent(t.Context(), e))
	if ok, err := w.store.AdvanceLine(t.Context(), ref(s), kyc.Line{OpenUntil: w.now}); err != nil || !ok {
		t.Fatal(ok, err)
	}
	n := w.notifier()
	n.Lines = contested{crashing{w.store, w}}
	report, err := n.Deliver(t.Context(), kyc.NewDelivery(s.ID, e).DeliveryRef, false)
	if err != nil || report.Outcome != notification.Delivered {
		t.Errorf("%+v, err %v", report, err)
	}
}

// An endpoint that fails now and then has its line written all the time. A long replay gets on nevertheless.
func TestAReplayGetsOnWhileOthersWriteTheLine(t *testing.T) {
	for name, c := range map[string]struct {
		events int
		done   bool
	}{"more than a sweep can": {150, false}, "the end": {50, true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.subscribe(nil)
			for n := range c.events {
				must(t, w.store.KeepEvent(t.Context(), w.event(n)))
			}
			replay := &kyc.Replay{From: noon, Until: noon.Add(time.Hour), RequestedAt: noon, Done: kyc.EventAt{OccurredAt: noon}}
			if ok, err := w.store.AdvanceLine(t.Context(), ref(s), kyc.Line{Replay: replay}.Ring(noon)); err != nil || !ok {
				t.Fatal(ok, err)
			}
			slow := contested{crashing{w.store, w}}
			timers := &notification.Timers{Alarms: slow, Lines: slow, Deliveries: slow, Replays: slow, Lanes: slow, Queue: slow, Now: func() time.Time {
				w.now = w.now.Add(time.Second)
				return w.now
			}}
			_, err := timers.Sweep(t.Context())
			must(t, err)
			_, line := w.line(s)
			if (line.Replay == nil) != c.done || line.Failures != 1 || line.DueAt.IsZero() {
				t.Fatalf("line %+v", line)
			}
			if !c.done && line.Replay.Done.EventID != w.event(99).ID {
				t.Errorf("after a page the replay stands at %+v", line.Replay.Done)
			}
		})
	}
}

// A replay, or a line with much that is held, that takes all the time of every sweep for hours holds up no other line.
func TestLinesTakeTurns(t *testing.T) {
	w := newWorld(t)
	var greedy [3]kyc.Subscription
	for n := range 500 {
		must(t, w.store.KeepEvent(t.Context(), w.event(n)))
	}
	for n := range greedy {
		greedy[n] = w.subscribe(nil)
		replay := &kyc.Replay{From: noon, Until: noon.Add(time.Hour), RequestedAt: noon, Done: kyc.EventAt{OccurredAt: noon}}
		if ok, err := w.store.AdvanceLine(t.Context(), ref(greedy[n]), kyc.Line{Replay: replay}.Ring(noon)); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	modest := w.subscribe(func(s *kyc.Subscription) { s.Status = kyc.StatusPaused })
	w.send(modest, w.event(0))
	w.settle()
	w.now = w.now.Add(time.Second)
	w.setStatus(modest, kyc.StatusEnabled)
	c := crashing{w.store, w}
	timers := &notification.Timers{Alarms: c, Lines: c, Deliveries: c, Replays: c, Lanes: c, Queue: c, Now: func() time.Time {
		w.now = w.now.Add(100 * time.Millisecond) // a delivery begun anew takes so long: a page half of a sweep
		return w.now
	}}
	for sweeps := range 10 {
		_, err := timers.Sweep(t.Context())
		must(t, err)
		w.now = w.now.Add(30 * time.Second)
		if w.delivery(modest, w.event(0)).Status == kyc.Held {
			continue
		}
		if sweeps > 1 {
			t.Errorf("its one event was sent by sweep %d", sweeps+1)
		}
		for n, s := range greedy {
			if _, line := w.line(s); line.Replay == nil || n < 2 && line.Replay.Done.EventID == "" {
				t.Errorf("replay %d stands at %+v", n, line.Replay)
			}
		}
		return
	}
	t.Error("its one event was never sent")
}
