package verification_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/sandbox"
	"kyc/shared/testbed"
	"kyc/shared/verification"
)

// history lists the attempts as the API does, newest first.
func (w world) history(t *testing.T) []kyc.Attempt {
	t.Helper()
	page, err := (&verification.Reader{Customers: w.store, Programs: w.store}).Attempts(t.Context(), brandID, customerID, programID, "")
	must(t, err)
	return page.Attempts
}

func (w world) cancel(t *testing.T) {
	t.Helper()
	_, _, err := (&verification.Canceler{Attempts: w.store, Clock: w.brands()}).Cancel(t.Context(), brandID, customerID, programID)
	must(t, err)
}

func (w world) catchUp(t *testing.T) {
	t.Helper()
	must(t, w.relay().CatchUp(t.Context(), w.read(t, customerID)))
}

// meanwhile is a provider during whose check something else happens.
func meanwhile(do func()) provider {
	return func(ctx context.Context, applicant kyc.Profile) (kyc.Verdict, error) {
		do()
		return sandbox.Provider{}.Check(ctx, applicant, external, nil)
	}
}

// What a verifier finds after someone else has ended its attempt is kept for the history, wherever the attempt stands by
// then, and changes nothing else.
func TestLateResults(t *testing.T) {
	for name, c := range map[string]struct {
		ended  kyc.Status
		writes int // of the verifier: its claim, its refused decision, and the late results
		do     func(t *testing.T, w world)
	}{
		"canceled": {kyc.Canceled, 3, func(t *testing.T, w world) { w.cancel(t) }},
		"given up": {kyc.Errored, 3, func(t *testing.T, w world) {
			w.clock.Move(kyc.WorkerDeadline)
			w.sweep(t, 1)
		}},
		"canceled, and started again": {kyc.Canceled, 4, func(t *testing.T, w world) {
			w.cancel(t)
			w.clock.Move(time.Second)
			w.start(t, customerID, nil)
		}},
		"canceled, started again and archived": {kyc.Canceled, 3, func(t *testing.T, w world) {
			w.cancel(t)
			w.clock.Move(time.Second)
			w.start(t, customerID, nil)
			w.catchUp(t)
		}},
		"canceled, and started again twice": {kyc.Canceled, 3, func(t *testing.T, w world) {
			for range 2 {
				w.cancel(t)
				w.clock.Move(time.Second)
				w.start(t, customerID, nil)
				w.catchUp(t)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			work := w.start(t, customerID, map[kyc.Field]string{kyc.SSN: "999-99-0000"})
			var before kyc.Customer
			var history []kyc.Attempt
			writes := 0
			worker := w.worker()
			worker.Claims = w.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
				if r.Operation != "GetItem" {
					writes++
				}
				return pass()
			}).Store(w.clock.Now)
			worker.Provider = meanwhile(func() {
				c.do(t, w)
				before, history = w.read(t, customerID), w.history(t)
			})
			w.clock.Move(time.Second)
			must(t, worker.Run(t.Context(), work))
			if writes != c.writes {
				t.Errorf("%d writes, want %d", writes, c.writes)
			}
			check := func(when string) {
				t.Helper()
				got := w.history(t)
				i := slices.IndexFunc(got, func(a kyc.Attempt) bool { return a.ID == work.AttemptID })
				want := slices.Clone(history)
				n := len(want) - 1
				want[n].Late, want[n].LateAt = got[i].Late, w.clock.Now()
				if diff := cmp.Diff(want, got[len(got)-len(want):]); diff != "" || len(got[i].Late) != 6 || got[i].Status != c.ended || len(got[i].Results) != 0 {
					t.Errorf("%s: %d late results (-before +after):\n%s", when, len(got[i].Late), diff)
				}
			}
			check("at once")
			after := w.read(t, customerID)
			if !cmp.Equal(after.Versions, before.Versions) || !cmp.Equal(after.Used, before.Used) || !cmp.Equal(after.Ended, before.Ended) || !after.DueAt.Equal(before.DueAt) {
				t.Errorf("customer before %+v, after %+v", before, after)
			}
			w.unchanged(t, func() { must(t, w.worker().Run(t.Context(), work)) }) // its message again

			// It stays in the history when the attempt goes to the archive.
			if after.Attempts[programID].ID == work.AttemptID {
				w.start(t, customerID, nil)
			}
			w.catchUp(t)
			check("archived")
		})
	}
}

// A worker whose lease ended is not the one whose results count, late or not: its successor's are.
func TestLateResultsAreTheLastWorkers(t *testing.T) {
	w := open(t)
	work := w.start(t, customerID, nil)
	first, second := w.worker(), w.worker()
	second.Provider = provider(func(context.Context, kyc.Profile) (kyc.Verdict, error) {
		w.cancel(t)
		return kyc.Verdict{Results: []kyc.Result{{Check: kyc.CheckOFAC, Passed: true, Provider: "second", Mode: kyc.Sandbox}}}, nil
	})
	first.Provider = meanwhile(func() {
		w.clock.Move(lease)
		survive(t, second, work) // and crashes, below
	})
	second.Claims = crashing{crash: &crash{step: 4, how: "before"}, Claims: second.Claims}
	must(t, first.Run(t.Context(), work))
	if a := w.read(t, customerID).Attempts[programID]; a.Fence != 2 || a.Status != kyc.Canceled || len(a.Late) != 0 {
		t.Errorf("the first worker's results were kept: %+v", a)
	}
}

// Nothing about late results is worth a second try: whatever crashes, the attempt is as it was ended.
func TestCrashAroundLateResults(t *testing.T) {
	for _, how := range []string{"before", "after", "panic"} {
		w := open(t)
		work := w.start(t, customerID, nil)
		worker := w.worker()
		worker.Claims = crashing{crash: &crash{step: 4, how: how}, Claims: worker.Claims}
		worker.Provider = meanwhile(func() { w.cancel(t) })
		survive(t, worker, work)
		w.unchanged(t, func() { must(t, w.worker().Run(t.Context(), work)) })
		c := w.read(t, customerID)
		a := c.Attempts[programID]
		if kept := len(a.Late) > 0; kept != (how != "before") || a.Status != kyc.Canceled || c.Versions[programID] != 2 || c.Used[programID] != 0 {
			t.Errorf("crash %s: customer %+v", how, c)
		}
		next := w.start(t, customerID, nil)
		must(t, w.worker().Run(t.Context(), next))
		if got := w.read(t, customerID).Attempts[programID].Status; got != kyc.Passed {
			t.Errorf("crash %s: the next attempt is %s", how, got)
		}
	}
}

// Late results never take the place of others, and those of one attempt are never another's.
func TestLateResultsAreRecordedOnce(t *testing.T) {
	w := open(t)
	work := w.start(t, customerID, nil)
	c, stood, err := w.store.Claim(t.Context(), work, w.clock.Now(), w.clock.Now().Add(lease))
	must(t, err)
	if stood != nil {
		t.Fatal(errors.New("not claimed"))
	}
	late := c.Attempts[programID]
	late.Late, late.LateAt = []kyc.Result{{Check: kyc.CheckOFAC, Provider: "p", Mode: kyc.Sandbox}}, w.clock.Now()
	record := func(a kyc.Attempt) { must(t, w.store.RecordLate(t.Context(), w.read(t, customerID), programID, a)) }
	w.unchanged(t, func() { record(late) }) // it runs still
	w.cancel(t)
	older, other := late, late
	older.Fence, other.ID = 0, stranger
	w.unchanged(t, func() { record(older); record(other) })
	record(late)
	w.unchanged(t, func() { record(late) })
	w.start(t, customerID, nil)
	w.catchUp(t)
	w.unchanged(t, func() { record(late); record(older) })
}

// An attempt that was replaced is brought to the archive by relay, perhaps at the same moment.
func TestLateResultsBesideRelay(t *testing.T) {
	w := open(t)
	work := w.start(t, customerID, nil)
	c, _, err := w.store.Claim(t.Context(), work, w.clock.Now(), w.clock.Now().Add(lease))
	must(t, err)
	w.cancel(t)
	w.start(t, customerID, nil)
	late := c.Attempts[programID]
	late.Late, late.LateAt = []kyc.Result{{Check: kyc.CheckOFAC, Provider: "p", Mode: kyc.Sandbox}}, w.clock.Now()
	older := late
	older.Fence = 0
	now := w.read(t, customerID)
	w.unchanged(t, func() { must(t, w.store.RecordLate(t.Context(), now, programID, older)) })
	beside := w.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		if r.Operation == "PutItem" {
			w.catchUp(t)
		}
		return pass()
	}).Store(w.clock.Now)
	must(t, beside.RecordLate(t.Context(), c, programID, late)) // c is as it was before all that
	if a := w.history(t)[1]; a.ID != work.AttemptID || a.Status != kyc.Canceled || !cmp.Equal(a.Late, late.Late) {
		t.Errorf("attempt %+v", a)
	}
}
