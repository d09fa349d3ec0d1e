package verification_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/verification"
)

func (w world) erase(t *testing.T, customerID string) (kyc.Erasure, error) {
	t.Helper()
	return w.desk().Erase(t.Context(), brandID, customerID, always)
}

// left lists the sort keys of what is left of a customer, events excepted.
func (w world) left(t *testing.T, customerID string) (all []string) {
	t.Helper()
	for name := range w.bed.Snapshot(t) {
		if before, sk, _ := strings.Cut(name, " "); strings.HasSuffix(before, customerID) && !strings.HasPrefix(sk, "event#") {
			all = append(all, strings.Split(sk, "#")[0])
		}
	}
	slices.Sort(all)
	return all
}

// A brand that moves its clock sees each record of a deleted customer go on its day, and is told of the deletion.
func TestMovedClockEndsRetention(t *testing.T) {
	w := open(t)
	w.subscribe(t)
	id := w.customer(t, nil)
	for _, ssn := range []string{"999-99-0000", "123-45-6780"} { // fails, passes
		must(t, w.worker().Run(t.Context(), w.start(t, id, map[kyc.Field]string{kyc.SSN: ssn})))
		must(t, w.relay().CatchUp(t.Context(), w.read(t, id)))
	}
	w.events(t)
	e, err := w.erase(t, id)
	must(t, err)
	screened := slices.ContainsFunc(e.Kept, func(k kyc.KeptRecord) bool { return k.Kind == kyc.ScreeningRecord })
	if !screened || e.Kept[0].Kind != kyc.IdentityRecord || !e.Kept[0].Until.Equal(w.now(t).AddDate(5, 0, 0)) {
		t.Fatalf("report %+v", e)
	}
	closed, err := w.store.Aggregate(t.Context(), brandID, id)
	must(t, err)
	must(t, w.relay().CatchUp(t.Context(), closed))
	if closed, err = w.store.Aggregate(t.Context(), brandID, id); err != nil || closed.DueAt.IsZero() {
		t.Fatalf("all is told, and nobody looks again: %+v, err %v", closed, err)
	}
	for _, c := range []struct {
		to     time.Time
		events []string
		left   []string
	}{
		{e.At.Add(time.Second), []string{"customer.deleted"}, []string{"attempt", "attempt", "customer", "profile"}},
		{e.At.AddDate(5, 0, 0).Add(-time.Second), nil, []string{"attempt", "attempt", "customer", "profile"}},
		{e.At.AddDate(5, 0, 0), nil, []string{"attempt", "attempt", "customer"}},
		{e.At.AddDate(10, 0, 0).Add(-time.Second), nil, []string{"attempt", "attempt", "customer"}},
		{e.At.AddDate(10, 0, 0), nil, nil},
	} {
		w.move(t, to(c.to))
		if events, left := w.events(t), w.left(t, id); !slices.Equal(events, c.events) || !slices.Equal(left, c.left) {
			t.Errorf("at %v: told %q, left are %q; want %q, %q", c.to, events, left, c.events, c.left)
		}
	}
	if _, err := w.erase(t, id); kyc.KindOf(err) != kyc.NotFound {
		t.Errorf("asked again in the end: %v", err)
	}
}

// A customer of whom nothing is kept goes with the next look, once its deletion and all before it has been told.
func TestADeletionIsToldBeforeTheCustomerGoes(t *testing.T) {
	w := open(t)
	w.subscribe(t)
	id := w.customer(t, nil)
	work := w.start(t, id, map[kyc.Field]string{kyc.SSN: "999-99-0000"})
	_, _, err := (&verification.Canceler{Attempts: w.store, Clock: w.brands()}).Cancel(t.Context(), brandID, id, programID)
	must(t, err)
	e, err := w.erase(t, id)
	if err != nil || len(e.Kept) != 0 {
		t.Fatalf("report %+v, err %v", e, err)
	}
	must(t, w.worker().Run(t.Context(), work)) // whose message came late
	if _, err := w.service().Start(t.Context(), request(id)); refusal(t, err).Code != "customer_dne" {
		t.Errorf("start: %v", err)
	}
	w.clock.Move(kyc.AlarmDelay)
	sweep := func() {
		t.Helper()
		_, err := w.timers().Sweep(t.Context())
		must(t, err)
	}
	sweep()
	if events := w.events(t); !slices.Equal(events, []string{"customer.deleted", "kyc.verification.canceled"}) || len(w.left(t, id)) != 0 {
		t.Errorf("told %q, left are %q", events, w.left(t, id))
	}
	// A relay that comes late tells it once more, and brings nothing back.
	sweep()
	if events, left := w.events(t), w.left(t, id); len(events)+len(left) != 0 {
		t.Errorf("in the end: told %q, left are %q", events, left)
	}
}

// An erasure that can't go on is looked at again in five minutes, and holds up no other.
func TestAnErasureThatFailsIsTriedAgain(t *testing.T) {
	w := open(t)
	id := w.customer(t, nil)
	_, err := w.erase(t, id)
	must(t, err)
	w.clock.Move(kyc.AlarmDelay)
	timers := w.timers()
	timers.Retention = failing{}
	if _, err := timers.Sweep(t.Context()); err == nil {
		t.Error("a failure went unseen")
	}
	c, err := w.store.Aggregate(t.Context(), brandID, id)
	must(t, err)
	if !c.DueAt.Equal(w.clock.Now().Add(kyc.AlarmDelay)) {
		t.Errorf("next look at %v", c.DueAt)
	}
}

type failing struct{}

func (failing) Continue(context.Context, kyc.Customer, kyc.Moment) error {
	return errors.New("on purpose")
}
