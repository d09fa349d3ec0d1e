package verification_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/onboarding"
	"kyc/shared/platform"
	"kyc/shared/verification"
)

func by(d time.Duration) verification.Move {
	seconds := int(d / time.Second)
	return verification.Move{Seconds: &seconds}
}

func to(at time.Time) verification.Move {
	text := at.Format(time.RFC3339Nano)
	return verification.Move{To: &text}
}

func (w world) mover(t *testing.T, patience time.Duration) *verification.Mover {
	t.Helper()
	m, err := verification.NewMover(kyc.Sandbox, w.store, w.timers(), patience)
	must(t, err)
	return m
}

// move moves the brand's clock, and looks at every customer.
func (w world) move(t *testing.T, m verification.Move) verification.Moved {
	t.Helper()
	moved, err := w.mover(t, time.Minute).Move(t.Context(), brandID, m)
	if err != nil || !moved.Complete {
		t.Fatalf("moved %+v, err %v", moved, err)
	}
	return moved
}

// now is the brand's time.
func (w world) now(t *testing.T) time.Time {
	t.Helper()
	now, err := w.brands().Now(t.Context(), brandID)
	must(t, err)
	return now.Time
}

// anotherBrand makes a brand with a program and a customer.
func (w world) anotherBrand(t *testing.T) kyc.Pair {
	t.Helper()
	operator := &platform.Service{Audit: w.store, Brands: w.store, Programs: w.store, Keys: w.store, Keyring: w.vault, Now: w.clock.Now, NewID: uuid.NewString}
	b, err := operator.Begin(platform.Asked{Action: "create_brand"}).CreateBrand(t.Context(), "Another Brand")
	must(t, err)
	p, err := operator.Begin(platform.Asked{Action: "create_program", BrandID: b.ID}).CreateProgram(t.Context(), b.ID, "Everyday", "First Bank", kyc.PolicyChange{})
	must(t, err)
	return kyc.Pair{BrandID: b.ID, ProgramID: p.ID, CustomerID: w.onboard(t, b.ID, "1990-05-17").ID}
}

func (w world) onboard(t *testing.T, brandID, birthDate string) kyc.Customer {
	t.Helper()
	desk := &onboarding.Service{Customers: w.store, Programs: w.store, Vault: w.vault, Clock: w.brands(), NewID: uuid.NewString}
	view, err := desk.Create(t.Context(), brandID, onboarding.Input{
		Fields:    map[kyc.Field]string{kyc.FirstName: "Ada", kyc.LastName: "Example", kyc.BirthDate: birthDate, kyc.SSN: "123-45-6780"},
		Addresses: []kyc.Address{{Type: "PHYSICAL", Street: "1 Main St", City: "Springfield", State: "CA", ZipCode: "94104", Country: "US", IsPrimary: true}},
	})
	must(t, err)
	return view.Customer
}

func TestMovedClockFreesAKey(t *testing.T) {
	w := open(t)
	key := "once"
	r := request(customerID)
	r.IdempotencyKey, r.Fields = &key, map[kyc.Field]string{kyc.SSN: "999-99-0000"}
	start := func() (kyc.Start, error) { return w.service().Start(t.Context(), r) }
	w.clock.Move(time.Second - time.Duration(w.clock.Now().Nanosecond())) // keys expire at whole seconds
	first, err := start()
	must(t, err)
	must(t, w.worker().Run(t.Context(), kyc.Work{BrandID: brandID, CustomerID: customerID, ProgramID: programID, AttemptID: first.Attempt.ID}))

	moved := w.move(t, by(kyc.KeyWindow-time.Second))
	if moved.By != kyc.KeyWindow-time.Second || moved.Ahead != moved.By || !moved.Now.Equal(w.clock.Now().Add(moved.By)) {
		t.Errorf("moved %+v", moved)
	}
	_, err = start()
	if e := refusal(t, err); e.Code != "idempotency_key_exists" || e.Extra["kyc_status"] != "failed" {
		t.Errorf("a second too early: %+v", e)
	}
	w.move(t, by(time.Second))
	second, err := start()
	must(t, err)
	if !second.Attempt.SubmittedAt.Equal(first.Attempt.SubmittedAt.Add(kyc.KeyWindow)) || !second.KeyRecord().ExpiresAt.Equal(w.now(t).Add(kyc.KeyWindow)) {
		t.Errorf("submitted at %v, the key is taken until %v", second.Attempt.SubmittedAt, second.KeyRecord().ExpiresAt)
	}
	if c := w.read(t, customerID); !c.DueAt.Equal(w.clock.Now().Add(kyc.AlarmDelay)) {
		t.Errorf("the alarm is at %v, want it in real time", c.DueAt)
	}
}

func TestMovedClockEndsWhatHasRunOut(t *testing.T) {
	w := open(t)
	w.subscribe(t)
	other := w.anotherBrand(t)
	r := request(other.CustomerID)
	r.BrandID, r.ProgramID = other.BrandID, other.ProgramID
	_, err := w.service().Start(t.Context(), r)
	must(t, err)
	theirs, err := w.store.Customer(t.Context(), other.BrandID, other.CustomerID)
	must(t, err)

	sent, unsent, settled := uuid.NewString(), uuid.NewString(), uuid.NewString()
	for _, id := range []string{sent, unsent, settled} {
		w.bed.Customer(t, id, "123-45-6799")
	}
	work := w.start(t, settled, nil)
	must(t, w.worker().Run(t.Context(), work))
	w.start(t, sent, nil)
	for _, id := range []string{sent, settled} {
		must(t, w.relay().CatchUp(t.Context(), w.read(t, id)))
	}
	w.start(t, unsent, nil)

	ours := func(id string) kyc.Pair { return kyc.Pair{BrandID: brandID, CustomerID: id, ProgramID: programID} }
	fired := func(m verification.Moved) map[kyc.Pair]string {
		all := map[kyc.Pair]string{}
		for _, f := range m.Fired {
			all[f.Pair] = fmt.Sprintf("%s %s", f.Attempt.Status, f.Done)
		}
		return all
	}
	moved := w.move(t, by(kyc.WorkerDeadline-time.Second))
	if diff := cmp.Diff(map[kyc.Pair]string{ours(unsent): "submitted [relayed_again]"}, fired(moved)); diff != "" {
		t.Errorf("a second before the deadline (-want +got):\n%s", diff)
	}
	moved = w.move(t, by(time.Second))
	want := map[kyc.Pair]string{ours(unsent): "error [ended]", ours(sent): "error [ended]"}
	if diff := cmp.Diff(want, fired(moved)); diff != "" {
		t.Errorf("at the deadline (-want +got):\n%s", diff)
	}
	for _, id := range []string{sent, unsent} {
		c := w.read(t, id)
		if a := c.Attempts[programID]; !a.ChangedAt().Equal(a.SubmittedAt.Add(kyc.WorkerDeadline)) || !c.Ended[programID].Equal(a.ChangedAt()) ||
			!c.DueAt.Equal(w.clock.Now().Add(kyc.AlarmDelay)) {
			t.Errorf("customer %+v", c)
		}
		must(t, w.relay().CatchUp(t.Context(), c))
	}
	var events []string
	for _, body := range w.bed.Messages(t, w.bed.NotificationQueue) {
		d, err := message.DecodeDelivery([]byte(body))
		must(t, err)
		e, err := w.store.Event(t.Context(), d.BrandID, d.EventID)
		must(t, err)
		events = append(events, fmt.Sprint(e.Name, " ", e.OccurredAt.Sub(w.clock.Now())))
	}
	slices.Sort(events)
	if want := []string{"kyc.verification.error 15m0s", "kyc.verification.error 15m0s", "kyc.verification.success 0s"}; !slices.Equal(events, want) {
		t.Errorf("events %q, want %q", events, want)
	}
	if moved = w.move(t, by(time.Hour)); len(moved.Fired) != 0 {
		t.Errorf("all is settled, and a move fires %+v", moved.Fired)
	}

	still, err := w.store.Customer(t.Context(), other.BrandID, other.CustomerID)
	must(t, err)
	if diff := cmp.Diff(theirs, still); diff != "" {
		t.Errorf("another brand's customer (-before +after):\n%s", diff)
	}
	if now, err := w.brands().Now(t.Context(), other.BrandID); err != nil || now.Ahead != 0 || !now.Time.Equal(w.clock.Now()) {
		t.Errorf("another brand's time is %+v, err %v", now, err)
	}
}

func TestMovedClocksAlarmsGoOffInRealTime(t *testing.T) {
	w := open(t)
	w.start(t, customerID, nil)
	must(t, w.relay().CatchUp(t.Context(), w.read(t, customerID)))
	submitted := w.clock.Now()
	if moved := w.move(t, by(10*time.Minute)); len(moved.Fired) != 0 {
		t.Errorf("fired %+v", moved.Fired)
	}
	if c := w.read(t, customerID); !c.DueAt.Equal(submitted.Add(kyc.WorkerDeadline - 10*time.Minute)) {
		t.Errorf("the alarm is at %v", c.DueAt)
	}
	w.clock.Move(5*time.Minute - time.Microsecond)
	w.unchanged(t, func() { w.sweep(t, 0) })
	w.clock.Move(time.Microsecond)
	w.sweep(t, 1)
	if a := w.read(t, customerID).Attempts[programID]; a.Status != kyc.Errored || !a.ChangedAt().Equal(submitted.Add(kyc.WorkerDeadline)) {
		t.Errorf("attempt %+v", a)
	}
}

func TestMoveToATimeCanBeSentAgain(t *testing.T) {
	w := open(t)
	goal := w.now(t).Add(36*time.Hour + 300*time.Millisecond)
	moved := w.move(t, to(goal))
	if moved.Ahead != 36*time.Hour+time.Second || moved.By != moved.Ahead || moved.Now.Before(goal) || moved.Now.Sub(goal) >= time.Second {
		t.Errorf("moved %+v", moved)
	}
	for _, past := range []time.Time{goal, goal.Add(-time.Hour), w.clock.Now().Add(-time.Hour), moved.Now} {
		w.clock.Move(time.Minute)
		w.unchanged(t, func() {
			if again := w.move(t, to(past)); again.By != 0 || again.Ahead != moved.Ahead || !again.Now.Equal(w.now(t)) {
				t.Errorf("moved again: %+v", again)
			}
		})
	}
	if later := w.move(t, to(w.now(t).Add(time.Hour))); later.By != time.Hour || later.Ahead != moved.Ahead+time.Hour {
		t.Errorf("moved on: %+v", later)
	}
}

func TestMovesAtOnce(t *testing.T) {
	const callers = 6
	w := open(t)
	m := w.mover(t, time.Minute)
	move := func(move verification.Move) verification.Moved {
		moved, err := m.Move(t.Context(), brandID, move)
		if err != nil || !moved.Complete {
			t.Errorf("moved %+v, err %v", moved, err)
		}
		return moved
	}
	ahead := make([]time.Duration, callers)
	atOnce(callers, func(i int) { ahead[i] = move(by(time.Minute)).Ahead })
	slices.Sort(ahead)
	for i, a := range ahead {
		if a != time.Duration(i+1)*time.Minute {
			t.Errorf("%d moves by a minute lead to %v", callers, ahead)
			break
		}
	}
	goal, moved := w.now(t).Add(time.Hour), make([]time.Duration, callers)
	atOnce(callers, func(i int) { moved[i] = move(to(goal)).By })
	slices.Sort(moved)
	if moved[callers-1] != time.Hour || moved[callers-2] != 0 || !w.now(t).Equal(goal) {
		t.Errorf("%d moves to one time: %v", callers, moved)
	}
}

func TestMoveIsRefused(t *testing.T) {
	w := open(t)
	most := int(kyc.MaxAhead / time.Second)
	w.move(t, by(time.Hour))
	text := func(s string) verification.Move { return verification.Move{To: &s} }
	seconds := func(n int) verification.Move { return verification.Move{Seconds: &n} }
	unknown := map[string][]string{"when": {"Unknown field."}}
	both := seconds(1)
	both.To = text("2999-01-01T00:00:00Z").To
	for name, c := range map[string]struct {
		move   verification.Move
		fields []string
	}{
		"neither form":                   {verification.Move{}, []string{"advance_seconds"}},
		"both forms":                     {both, []string{"advance_seconds"}},
		"not at all":                     {seconds(0), []string{"advance_seconds"}},
		"backward":                       {seconds(-1), []string{"advance_seconds"}},
		"a second too far":               {seconds(most - 3600 + 1), []string{"advance_seconds"}},
		"beyond all bounds":              {seconds(1<<63 - 1), []string{"advance_seconds"}},
		"no time":                        {text("tomorrow"), []string{"move_to"}},
		"no offset":                      {text("2027-01-02T03:04:05"), []string{"move_to"}},
		"too far":                        {to(w.clock.Now().Add(kyc.MaxAhead + time.Microsecond)), []string{"move_to"}},
		"centuries":                      {text("9999-12-31T23:59:59Z"), []string{"move_to"}},
		"what the reader has found, too": {verification.Move{Seconds: new(int), Wrong: unknown}, []string{"advance_seconds", "when"}},
		"what only the reader has found": {verification.Move{Wrong: map[string][]string{"move_to": {"Must be a string."}}}, []string{"move_to"}},
	} {
		w.unchanged(t, func() {
			_, err := w.mover(t, time.Minute).Move(t.Context(), brandID, c.move)
			if e := refusal(t, err); e.Kind != kyc.Invalid || e.Code != "input_error" || !slices.Equal(slices.Sorted(maps.Keys(e.Fields)), c.fields) {
				t.Errorf("%s: %+v", name, e)
			}
		})
	}
	if moved := w.move(t, seconds(most-3600)); moved.Ahead != kyc.MaxAhead {
		t.Errorf("moved %+v", moved)
	}
	if m, err := verification.NewMover(kyc.Live, w.store, w.timers(), time.Minute); err == nil || m != nil {
		t.Error("the time of a live stage can be moved")
	}
}

// A move that ends after its first write, for whatever reason, has lost nothing: timers comes to every customer, a few
// minutes late, and the same request as an absolute one does it at once.
func TestMoveThatIsCutShortLosesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		cut  func(*testing.T, world) verification.Moved
		rest time.Duration // until the first sweep that rings
	}{
		"before any alarm is rung": {func(t *testing.T, w world) verification.Moved {
			moved, err := w.mover(t, 0).Move(t.Context(), brandID, by(kyc.WorkerDeadline))
			must(t, err)
			return moved
		}, kyc.AlarmDelay},
		"after all are rung": {func(t *testing.T, w world) verification.Moved {
			ctx, end := context.WithCancel(t.Context())
			timers := w.timers()
			timers.Outbox = ending{timers.Outbox, end}
			m, err := verification.NewMover(kyc.Sandbox, w.store, timers, time.Minute)
			must(t, err)
			moved, err := m.Move(ctx, brandID, by(kyc.WorkerDeadline))
			must(t, err)
			return moved
		}, 0},
		"when time is up after all are rung": {func(t *testing.T, w world) verification.Moved {
			timers := w.timers()
			timers.Moved = slow{timers.Moved}
			m, err := verification.NewMover(kyc.Sandbox, w.store, timers, time.Nanosecond)
			must(t, err)
			moved, err := m.Move(t.Context(), brandID, by(kyc.WorkerDeadline))
			must(t, err)
			return moved
		}, 0},
	} {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, sent again %t", name, again), func(t *testing.T) {
				w := open(t)
				ids := []string{customerID, uuid.NewString(), uuid.NewString()}
				for _, id := range ids[1:] {
					w.bed.Customer(t, id, "123-45-6799")
				}
				for _, id := range ids {
					w.start(t, id, nil)
					must(t, w.relay().CatchUp(t.Context(), w.read(t, id)))
					must(t, w.store.MoveAlarm(t.Context(), w.read(t, id), w.clock.Now().Add(kyc.WorkerDeadline)))
				}
				moved := c.cut(t, w)
				if moved.Complete || moved.Err == nil || moved.By != kyc.WorkerDeadline || len(moved.Fired) != 0 {
					t.Fatalf("cut short: %+v", moved)
				}
				if again {
					if rest := w.move(t, to(moved.Now)); rest.By != 0 || len(rest.Fired) != len(ids) {
						t.Errorf("sent again: %+v", rest)
					}
				}
				w.clock.Move(c.rest)
				for range 2 { // one to ring, one to look
					_, err := w.timers().Sweep(t.Context())
					must(t, err)
				}
				for _, id := range ids {
					if a := w.read(t, id).Attempts[programID]; a.Status != kyc.Errored {
						t.Errorf("customer %s is %s", id, a.Status)
					}
				}
			})
		}
	}
}

// ending is an outbox that the invocation ends at.
type ending struct {
	verification.Outbox
	end context.CancelFunc
}

func (e ending) CatchUp(ctx context.Context, c kyc.Customer) error {
	e.end()
	return e.Outbox.CatchUp(ctx, c)
}

// slow rings all alarms, and takes all the time that there is for it.
type slow struct{ verification.MovedClocks }

func (s slow) BrandAlarms(ctx context.Context, brandID string, after time.Time) iter.Seq2[kyc.CustomerRef, error] {
	return func(yield func(kyc.CustomerRef, error) bool) {
		for ref, err := range s.MovedClocks.BrandAlarms(context.WithoutCancel(ctx), brandID, after) {
			if !yield(ref, err) {
				return
			}
		}
		<-ctx.Done()
	}
}

func (s slow) Ring(ctx context.Context, ref kyc.CustomerRef, now time.Time) error {
	return s.MovedClocks.Ring(context.WithoutCancel(ctx), ref, now)
}

func TestOneFailingCustomerHoldsUpNoMove(t *testing.T) {
	w := open(t)
	id := uuid.NewString()
	w.bed.Customer(t, id, "123-45-6799")
	w.start(t, customerID, nil)
	w.start(t, id, nil)
	timers := w.timers()
	timers.Outbox = failingFor{timers.Outbox, id}
	m, err := verification.NewMover(kyc.Sandbox, w.store, timers, time.Minute)
	must(t, err)
	moved, err := m.Move(t.Context(), brandID, by(kyc.WorkerDeadline))
	must(t, err)
	done := map[string][]verification.Done{}
	for _, f := range moved.Fired {
		if done[f.CustomerID] = f.Done; f.Attempt.Status != kyc.Errored {
			t.Errorf("fired %+v", f)
		}
	}
	want := map[string][]verification.Done{customerID: {verification.RelayedAgain, verification.Ended}, id: {verification.Ended}}
	if diff := cmp.Diff(want, done); diff != "" || moved.Complete || moved.Err == nil {
		t.Errorf("complete %t, err %v (-want +got):\n%s", moved.Complete, moved.Err, diff)
	}
}

// A verifier's lease ends early under a moved clock. The one who held it has no say any more.
func TestLeaseThatAMoveEndsIsFenced(t *testing.T) {
	w := open(t)
	work := w.start(t, customerID, map[kyc.Field]string{kyc.SSN: "999-99-0000"})
	slow := w.worker()
	slow.Provider = provider(func(context.Context, kyc.Profile) (kyc.Verdict, error) {
		if err := w.worker().Run(t.Context(), work); !errors.Is(err, verification.ErrBusy) {
			t.Errorf("before the move: %v", err)
		}
		w.move(t, by(lease))
		must(t, w.worker().Run(t.Context(), work))
		return kyc.Verdict{Results: []kyc.Result{{Check: kyc.CheckOFAC, Passed: true, Provider: "slow", Mode: kyc.Sandbox}}}, nil
	})
	must(t, slow.Run(t.Context(), work))
	if c := w.read(t, customerID); c.Attempts[programID].Status != kyc.Failed || c.Versions[programID] != 2 || c.Used[programID] != 1 {
		t.Errorf("customer %+v", c)
	}
}

// Who has lost its lease to a moved clock does not take the message away from the one who works on it now, and may crash.
func TestWhoWasTakenOverLeavesTheMessage(t *testing.T) {
	w := open(t)
	work := w.start(t, customerID, nil)
	slow, second := w.worker(), w.worker()
	second.Claims = crashing{crash: &crash{step: 3, how: "before"}, Claims: second.Claims}
	slow.Provider = meanwhile(func() {
		w.move(t, by(lease))
		survive(t, second, work)
	})
	if err := slow.Run(t.Context(), work); !errors.Is(err, verification.ErrBusy) {
		t.Errorf("the message is taken away: %v", err)
	}
	if a := w.read(t, customerID).Attempts[programID]; a.Status != kyc.Submitted || a.Fence != 2 {
		t.Fatalf("attempt %+v", a)
	}
	w.move(t, by(lease))
	must(t, w.worker().Run(t.Context(), work))
}

func TestAgeIsThatOfTheBrandsTime(t *testing.T) {
	w := open(t)
	almost := w.clock.Now().AddDate(-17, 0, 0).Format(time.DateOnly)
	unborn := w.clock.Now().AddDate(0, 0, 7).Format(time.DateOnly)
	young := w.onboard(t, brandID, almost)
	status := func(want kyc.Status) {
		t.Helper()
		must(t, w.worker().Run(t.Context(), w.start(t, young.ID, nil)))
		if a := w.read(t, young.ID).Attempts[programID]; a.Status != want || !a.ChangedAt().Equal(w.now(t)) {
			t.Errorf("attempt %+v, want %s", a, want)
		}
	}
	status(kyc.Failed)
	w.move(t, by(366*24*time.Hour))
	status(kyc.Passed)
	if c := w.onboard(t, brandID, unborn); !c.CreatedAt.Equal(w.now(t)) {
		t.Errorf("created at %v", c.CreatedAt)
	}
}

// The first ringing may miss an alarm: the index tells of a write a moment late, and a sweep that read the clock before
// the move may write after it. The second one is minutes later.
func TestAlarmsAreRungAgainAfterAMove(t *testing.T) {
	w := open(t)
	w.start(t, customerID, nil)
	must(t, w.relay().CatchUp(t.Context(), w.read(t, customerID)))
	w.move(t, by(10*time.Minute))
	must(t, w.store.MoveAlarm(t.Context(), w.read(t, customerID), w.clock.Now().Add(kyc.WorkerDeadline))) // as of the old time
	w.clock.Move(kyc.AlarmDelay)
	w.sweep(t, 0)
	w.sweep(t, 1)
	if a := w.read(t, customerID).Attempts[programID]; a.Status != kyc.Errored {
		t.Errorf("attempt %+v", a)
	}
	w.clock.Move(kyc.AlarmDelay)
	w.sweep(t, 1) // its own alarm
	w.unchanged(t, func() { w.sweep(t, 0) })
}

// Whatever moves, crashes and sweeps come between: after the five minutes that an alarm may be late, no attempt is open
// that has run out in its brand's time.
func TestNothingIsLostByMovingTime(t *testing.T) {
	w := open(t)
	sweep := func() {
		_, err := w.timers().Sweep(t.Context())
		must(t, err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		id := uuid.NewString()
		w.bed.Customer(t, id, "123-45-6799")
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				_, _ = w.service().Start(t.Context(), request(id)) // refused while an attempt is open
			case 1:
				must(t, w.relay().CatchUp(t.Context(), w.read(t, id)))
			case 2:
				patience := time.Duration(rapid.IntRange(0, 1).Draw(rt, "patience")) * time.Minute
				d := time.Duration(rapid.IntRange(1, 20).Draw(rt, "minutes")) * time.Minute
				_, err := w.mover(t, patience).Move(t.Context(), brandID, by(d))
				must(t, err)
			case 3:
				w.clock.Move(time.Duration(rapid.IntRange(1, 300).Draw(rt, "seconds")) * time.Second)
			case 4:
				sweep()
			}
		}
		w.clock.Move(kyc.AlarmDelay)
		sweep() // rings, for what is left of a move
		sweep() // looks
		if c := w.read(t, id); len(c.RunOut(w.now(t))) > 0 {
			rt.Errorf("at %v: %+v", w.now(t), c)
		}
	})
}
