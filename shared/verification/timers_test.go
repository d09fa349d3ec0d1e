package verification_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"kyc/shared/kyc"
	"kyc/shared/verification"
)

func (w world) sweep(t *testing.T, want int) {
	t.Helper()
	if n, err := w.timers().Sweep(t.Context()); n != want || err != nil {
		t.Errorf("a sweep looked at %d customers, want %d; err %v", n, want, err)
	}
}

func TestUnrelayedChangesAreSentAgain(t *testing.T) {
	w := open(t)
	w.subscribe(t)
	work := w.start(t, customerID, nil)
	w.unchanged(t, func() { w.sweep(t, 0) })
	w.clock.Move(kyc.AlarmDelay - time.Microsecond)
	w.unchanged(t, func() { w.sweep(t, 0) })

	w.clock.Move(time.Microsecond)
	w.sweep(t, 1)
	if got := w.bed.Messages(t, w.bed.VerificationQueue); len(got) != 1 {
		t.Errorf("work %q", got)
	}
	c := w.read(t, customerID)
	if deadline := c.Attempts[programID].SubmittedAt.Add(kyc.WorkerDeadline); c.Relayed[programID] != 1 || !c.DueAt.Equal(deadline) {
		t.Errorf("the alarm is at %v, want the worker's deadline %v: %+v", c.DueAt, deadline, c)
	}
	w.unchanged(t, func() { w.sweep(t, 0) })

	must(t, w.worker().Run(t.Context(), work))
	w.clock.Move(kyc.AlarmDelay)
	w.sweep(t, 1)
	if got := w.events(t); !slices.Equal(got, []string{string(kyc.EventSuccess)}) {
		t.Errorf("events %q", got)
	}
	if c := w.read(t, customerID); c.Relayed[programID] != 2 || !c.DueAt.IsZero() {
		t.Errorf("nothing is pending, and the alarm is at %v: %+v", c.DueAt, c)
	}
	w.clock.Move(24 * time.Hour)
	w.unchanged(t, func() { w.sweep(t, 0) })
}

func TestAttemptWithoutWorkerEndsInError(t *testing.T) {
	w := open(t)
	w.subscribe(t)
	work := w.start(t, customerID, nil)
	submitted := w.clock.Now()
	must(t, w.relay().CatchUp(t.Context(), w.read(t, customerID))) // the message is lost in the queue
	for w.clock.Now().Before(submitted.Add(kyc.WorkerDeadline - time.Minute)) {
		w.clock.Move(time.Minute)
		_, err := w.timers().Sweep(t.Context())
		must(t, err)
		if a := w.read(t, customerID).Attempts[programID]; a.Status != kyc.Submitted {
			t.Fatalf("ended %v after its start", w.clock.Now().Sub(submitted))
		}
	}
	// The last moment before the deadline, with an alarm that another change has left there.
	w.clock.Move(time.Minute - time.Microsecond)
	must(t, w.store.MoveAlarm(t.Context(), w.read(t, customerID), w.clock.Now()))
	w.sweep(t, 1)
	if c := w.read(t, customerID); c.Attempts[programID].Status != kyc.Submitted || !c.DueAt.Equal(submitted.Add(kyc.WorkerDeadline)) {
		t.Fatalf("before the deadline: %+v", c)
	}
	w.clock.Move(time.Microsecond)
	w.sweep(t, 1)
	c := w.read(t, customerID)
	if a := c.Attempts[programID]; a.Status != kyc.Errored || a.Cause() != "not_verified_in_time" || c.Used[programID] != 0 || c.Versions[programID] != 2 ||
		!c.Ended[programID].Equal(w.clock.Now()) || !c.DueAt.Equal(w.clock.Now().Add(kyc.AlarmDelay)) {
		t.Errorf("customer %+v", c)
	}
	w.unchanged(t, func() { must(t, w.worker().Run(t.Context(), work)) })
	w.clock.Move(kyc.AlarmDelay)
	w.sweep(t, 1)
	if got := w.events(t); !slices.Equal(got, []string{string(kyc.EventError)}) {
		t.Errorf("events %q", got)
	}
	if c := w.read(t, customerID); !c.DueAt.IsZero() {
		t.Errorf("the alarm is at %v", c.DueAt)
	}
	w.start(t, customerID, nil) // an error on our side takes no attempt away
}

// Documents are awaited for as long as the policy says that the attempt was opened under, in the brand's time, to the
// microsecond; the customer is not looked at meanwhile.
func TestDocumentsThatDoNotComeEndTheAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		younger bool // than a policy that waits a day
		version int
		waits   time.Duration
	}{
		"under the default policy":  {false, 1, 28 * 24 * time.Hour},
		"under one that waits less": {true, 2, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			w.subscribe(t)
			if c.younger {
				w.checks(t, kyc.Checks()...)
			}
			work := w.start(t, customerID, map[kyc.Field]string{kyc.SSN: "333-33-3333"})
			if !c.younger {
				w.checks(t, kyc.Checks()...)
			}
			must(t, w.worker().Run(t.Context(), work))
			must(t, w.relay().CatchUp(t.Context(), w.read(t, customerID)))
			w.events(t)
			deadline := w.read(t, customerID).Attempts[programID].ChangedAt().Add(c.waits)
			w.clock.Move(kyc.AlarmDelay)
			w.sweep(t, 1)
			if held := w.read(t, customerID); held.Attempts[programID].PolicyVersion != c.version || !held.DueAt.Equal(deadline) {
				t.Fatalf("under policy %d the alarm is at %v, want %v", held.Attempts[programID].PolicyVersion, held.DueAt, deadline)
			}
			w.clock.Move(deadline.Sub(w.clock.Now()) - time.Microsecond)
			w.sweep(t, 0)
			w.clock.Move(time.Microsecond)
			w.sweep(t, 1)
			held := w.read(t, customerID)
			if a := held.Attempts[programID]; a.Status != kyc.Expired || a.Cause() != "documents_not_provided" || held.Used[programID] != 1 ||
				held.Versions[programID] != 3 || !held.Ended[programID].Equal(w.clock.Now()) || !a.DocumentsBy.IsZero() {
				t.Errorf("customer %+v", held)
			}
			w.clock.Move(kyc.AlarmDelay)
			w.sweep(t, 1)
			if got := w.events(t); !slices.Equal(got, []string{string(kyc.EventTimeout)}) {
				t.Errorf("events %q", got)
			}
			if held := w.read(t, customerID); !held.DueAt.IsZero() {
				t.Errorf("the alarm is at %v", held.DueAt)
			}
			w.start(t, customerID, nil) // the next one may be opened
		})
	}
}

func TestSweepLooksAtEveryProgram(t *testing.T) {
	w := open(t)
	w.secondProgram(t)
	w.start(t, customerID, nil)
	w.clock.Move(10 * time.Minute)
	r := request(customerID)
	r.ProgramID = program2
	_, err := w.service().Start(t.Context(), r)
	must(t, err)
	must(t, w.relay().CatchUp(t.Context(), w.read(t, customerID)))
	w.clock.Move(5 * time.Minute)
	w.sweep(t, 1)
	c := w.read(t, customerID)
	if c.Attempts[programID].Status != kyc.Errored || c.Attempts[program2].Status != kyc.Submitted || c.DueAt.IsZero() {
		t.Errorf("customer %+v", c)
	}
	w.clock.Move(5 * time.Minute)
	w.sweep(t, 1)
	c = w.read(t, customerID)
	if want := c.Attempts[program2].SubmittedAt.Add(kyc.WorkerDeadline); !c.DueAt.Equal(want) {
		t.Errorf("the alarm is at %v, want %v", c.DueAt, want)
	}
	w.clock.Move(5 * time.Minute)
	w.sweep(t, 1)
	if c = w.read(t, customerID); c.Attempts[program2].Status != kyc.Errored {
		t.Errorf("customer %+v", c)
	}
}

// failingFor is an outbox that fails for one customer.
type failingFor struct {
	verification.Outbox
	customerID string
}

func (f failingFor) CatchUp(ctx context.Context, c kyc.Customer) error {
	if c.ID == f.customerID {
		return errors.New("on purpose")
	}
	return f.Outbox.CatchUp(ctx, c)
}

func TestOneFailingCustomerHoldsUpNoOther(t *testing.T) {
	w := open(t)
	ids := []string{customerID}
	for range 9 {
		id := uuid.NewString()
		w.bed.Customer(t, id, "123-45-6799")
		ids = append(ids, id)
	}
	for _, id := range ids {
		w.start(t, id, nil)
	}
	w.clock.Move(kyc.WorkerDeadline)
	timers := w.timers()
	timers.Outbox = failingFor{timers.Outbox, ids[4]}
	if n, err := timers.Sweep(t.Context()); n != len(ids) || err == nil {
		t.Errorf("looked at %d customers, err %v", n, err)
	}
	// What could not be sent keeps no attempt from its end, and is tried again in five minutes.
	for _, id := range ids {
		c := w.read(t, id)
		if c.Attempts[programID].Status != kyc.Errored || !c.DueAt.After(w.clock.Now()) {
			t.Errorf("customer %+v", c)
		}
	}
	w.clock.Move(kyc.AlarmDelay)
	w.sweep(t, len(ids))
	for _, id := range ids {
		if c := w.read(t, id); c.Relayed[programID] != c.Versions[programID] {
			t.Errorf("customer %+v", c)
		}
	}
}

// Two sweeps at once, and a worker beside them: an attempt ends once.
func TestSweepsAndWorkerSideBySide(t *testing.T) {
	w := open(t)
	for range 3 {
		work := w.start(t, customerID, nil)
		before := w.read(t, customerID).Versions[programID]
		w.clock.Move(kyc.WorkerDeadline)
		atOnce(5, func(i int) {
			if i == 0 {
				if err := w.worker().Run(t.Context(), work); err != nil && !errors.Is(err, verification.ErrBusy) {
					t.Error(err)
				}
				return
			}
			if _, err := w.timers().Sweep(t.Context()); err != nil {
				t.Error(err)
			}
		})
		c := w.read(t, customerID)
		a := c.Attempts[programID]
		if c.Versions[programID] != before+1 || len(a.Timeline) != 2 || a.Status != kyc.Passed && a.Status != kyc.Errored {
			t.Errorf("customer %+v", c)
		}
		if a.Status == kyc.Passed {
			break
		}
	}
}

func TestReader(t *testing.T) {
	w := open(t)
	r := &verification.Reader{Customers: w.store, Programs: w.store}
	refused := func(brand, customer, program, code string) {
		t.Helper()
		_, err := r.Read(t.Context(), brand, customer, program, "")
		if e := refusal(t, err); e.Code != code {
			t.Errorf("refused as %+v, want %s", e, code)
		}
	}
	refused(brandID, customerID, programID, "kyc_dne")
	refused(brandID, stranger, programID, "customer_dne")
	refused(brandID, customerID, stranger, "invalid_program")
	refused(stranger, customerID, programID, "invalid_program")
	refused(brandID, "42", programID, "customer_invalid_uuid4")
	refused(brandID, customerID, "", "get_kyc_schema")
	read := func(status kyc.Status, left int, next kyc.NextAction) {
		t.Helper()
		s, err := r.Read(t.Context(), brandID, customerID, programID, "")
		must(t, err)
		if s.Attempt.Status != status || s.RequestsAvailable != left || s.NextAction != next {
			t.Errorf("state %+v, want %s, %d left, next %s", s, status, left, next)
		}
	}
	for left := 3; left > 0; left-- {
		work := w.start(t, customerID, map[kyc.Field]string{kyc.SSN: "999-99-0000"})
		read(kyc.Submitted, left, kyc.ActionWait)
		must(t, w.worker().Run(t.Context(), work))
		must(t, w.relay().CatchUp(t.Context(), w.read(t, customerID)))
		next := kyc.ActionStartAgain
		if left == 1 {
			next = kyc.ActionNone
		}
		read(kyc.Failed, left-1, next)
	}
	_, err := w.service().Start(t.Context(), request(customerID))
	if e := refusal(t, err); e.Code != "kyc_retries" {
		t.Errorf("a fourth attempt: %+v", e)
	}
}
