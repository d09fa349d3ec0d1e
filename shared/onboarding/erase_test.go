package onboarding_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/testbed"
)

const program = testbed.ProgramID

// attempt opens an attempt whose start brings an SSN, and ends it as wanted: in a state that checks lead to with what they
// found, otherwise without.
func (d desk) attempt(t *testing.T, customerID string, status kyc.Status) kyc.Attempt {
	t.Helper()
	now := clock.Now()
	a := kyc.Attempt{
		ID: uuid.NewString(), Status: kyc.Submitted, SubmittedAt: now, Mode: kyc.Sandbox, PolicyVersion: 1, OpenedBy: testbed.Identity,
		Timeline: []kyc.Transition{{Status: kyc.Submitted, At: now}},
	}
	brought := kyc.Profile{}
	brought.Set(kyc.SSN, "999990000")
	var err error
	a.Fields, err = d.Vault.Seal(t.Context(), kyc.AttemptPlace(brandID, customerID, a.ID), brought)
	must(t, err)
	policy := kyc.DefaultPolicy()
	policy.MaxAttempts = 100
	stood, err := d.store.OpenAttempt(t.Context(), kyc.Start{BrandID: brandID, CustomerID: customerID, ProgramID: program, Policy: policy, Now: now, Attempt: a})
	if err != nil || stood != nil {
		t.Fatalf("start: stood %+v, err %v", stood, err)
	}
	if status == kyc.Submitted {
		return a
	}
	c := d.aggregate(t, customerID)
	decision := kyc.Decision{Status: status}
	if status == kyc.Passed || status == kyc.Failed {
		for _, check := range []kyc.Check{kyc.CheckCIP, kyc.CheckOFAC} {
			decision.Results = append(decision.Results, kyc.Result{Check: check, Passed: status == kyc.Passed, Provider: "p", Mode: kyc.Sandbox})
		}
	}
	to, err := c.Attempts[program].Advance(decision, c.Versions[program]+1, clock.Now(), "")
	must(t, err)
	to.Counted = len(decision.Results) > 0
	stood, err = d.store.AdvanceAttempt(t.Context(), kyc.Advance{
		BrandID: brandID, CustomerID: customerID, ProgramID: program, From: c.Attempts[program], To: to, Version: c.Versions[program],
		ProfileVersion: c.ProfileVersion, Alarm: clock.Now(),
	})
	if err != nil || stood != nil {
		t.Fatalf("advance: stood %+v, err %v", stood, err)
	}
	return to
}

func (d desk) aggregate(t *testing.T, customerID string) kyc.Customer {
	t.Helper()
	c, err := d.store.Aggregate(t.Context(), brandID, customerID)
	must(t, err)
	return c
}

// relayed notes all of a customer's changes as sent, and archives what was replaced.
func (d desk) relayed(t *testing.T, customerID string) {
	t.Helper()
	c := d.aggregate(t, customerID)
	for programID, version := range c.Versions {
		note := kyc.Note{ProgramID: programID, From: c.Relayed[programID], To: version}
		if prev, ok := c.Previous[programID]; ok {
			must(t, d.store.ArchiveAttempt(t.Context(), brandID, customerID, programID, prev))
			note.Archived = prev.ID
		}
		must(t, d.store.NoteRelayed(t.Context(), c, note))
	}
}

func (d desk) erase(t *testing.T, customerID string) kyc.Erasure {
	t.Helper()
	e, err := d.Erase(t.Context(), brandID, customerID, always)
	must(t, err)
	return e
}

// keys are the wrapped keys of all that there is of a customer.
func (d desk) keys(t *testing.T) (all [][]byte) {
	t.Helper()
	var visit func(any)
	visit = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			if key, ok := v["dk"].([]byte); ok {
				all = append(all, key)
			}
			for _, member := range v {
				visit(member)
			}
		}
	}
	for name, item := range d.bed.Snapshot(t) {
		if !strings.Contains(name, testbed.CustomerID) {
			visit(item)
		}
	}
	return all
}

// holds reports whether a key stands anywhere in the table.
func (d desk) holds(t *testing.T, key []byte) bool {
	t.Helper()
	return slices.ContainsFunc(d.keys(t), func(k []byte) bool { return bytes.Equal(k, key) })
}

// veteran is a customer with a current attempt, one that it replaced, and some in the archive, each of which brought fields.
func (d desk) veteran(t *testing.T, statuses ...kyc.Status) string {
	t.Helper()
	id := d.create(t).Customer.ID
	for i, status := range statuses {
		d.attempt(t, id, status)
		if i < len(statuses)-1 {
			d.relayed(t, id)
		}
	}
	return id
}

func TestEraseWhole(t *testing.T) {
	d := open(t)
	id := d.veteran(t, kyc.Canceled, kyc.Errored, kyc.Canceled)
	if n := len(d.keys(t)); n != 4 {
		t.Fatalf("%d wrapped keys before", n)
	}
	e := d.erase(t, strings.ToUpper(id))
	want := []string{"addresses", "attempt_fields", "attempts", "dob", "email", "first_name", "last_name", "middle_name", "phone", "phone_country_code", "ssn"}
	if diff := cmp.Diff(want, e.Erased); diff != "" || len(e.Kept) != 0 || e.CustomerID != id || e.At.IsZero() {
		t.Errorf("%+v (-want +got):\n%s", e, diff)
	}
	if keys := d.keys(t); len(keys) != 0 {
		t.Errorf("%d wrapped keys are left", len(keys))
	}
	for name, do := range map[string]func() error{
		"read":             func() error { _, err := d.Read(t.Context(), brandID, id); return err },
		"update":           func() error { _, err := d.Update(t.Context(), brandID, id, always, input()); return err },
		"delete":           func() error { _, err := d.Erase(t.Context(), brandID, id, always); return err },
		"delete another's": func() error { _, err := d.Erase(t.Context(), stranger, testbed.CustomerID, always); return err },
	} {
		if refused := refusal(t, do()); refused.Code != "customer_dne" {
			t.Errorf("%s: %v", name, refused)
		}
	}
	page, err := d.List(t.Context(), brandID, onboarding.ListInput{})
	must(t, err)
	if slices.ContainsFunc(page.Views, func(v onboarding.View) bool { return v.Customer.ID == id }) {
		t.Error("it is still in the list")
	}
	// What is left is to be told of, and then goes.
	must(t, d.Retention.Continue(t.Context(), d.aggregate(t, id), kyc.Moment{Time: clock.Now()}))
	d.relayed(t, id)
	must(t, d.Retention.Continue(t.Context(), d.aggregate(t, id), kyc.Moment{Time: clock.Now()}))
	for name := range d.bed.Snapshot(t) {
		if strings.Contains(name, id) {
			t.Errorf("%s is left", name)
		}
	}
}

func TestEraseWhatTheLawDoesNotKeep(t *testing.T) {
	d := open(t)
	id := d.veteran(t, kyc.Failed, kyc.Canceled, kyc.Failed, kyc.Passed)
	before := d.keys(t)
	if len(before) != 5 {
		t.Fatalf("%d wrapped keys before", len(before))
	}
	e := d.erase(t, id)
	kinds := map[kyc.RecordKind]int{}
	for _, k := range e.Kept {
		kinds[k.Kind]++
	}
	if diff := cmp.Diff(map[kyc.RecordKind]int{kyc.IdentityRecord: 1, kyc.VerificationRecord: 3, kyc.ScreeningRecord: 3}, kinds); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"addresses", "attempt_fields", "attempts", "email", "phone", "phone_country_code"}, e.Erased); diff != "" {
		t.Errorf("erased (-want +got):\n%s", diff)
	}
	for _, key := range before {
		if d.holds(t, key) {
			t.Error("a wrapped key from before is still in the table")
		}
	}
	if n := len(d.keys(t)); n != 1 {
		t.Errorf("%d wrapped keys are left", n)
	}
	if slices.ContainsFunc(slices.Collect(maps.Keys(d.bed.Snapshot(t))), func(name string) bool { return strings.HasSuffix(name, " ssn#"+id) }) {
		t.Error("it is still found by its SSN")
	}
	kept := func() (kyc.Profile, error) {
		sealed, _, err := d.store.Profile(t.Context(), brandID, id)
		must(t, err)
		return d.Vault.Open(t.Context(), kyc.ProfilePlace(brandID, id), sealed)
	}
	identity, err := kept()
	must(t, err)
	if identity.Get(kyc.SSN) != "123459876" || identity.Get(kyc.FirstName) != "Zebulon" || identity.Get(kyc.Email)+identity.Get(kyc.Phone) != "" || len(identity.Addresses()) != 1 {
		t.Error("what is kept is not the identity")
	}
	if again := d.erase(t, id); !cmp.Equal(e, again) {
		t.Errorf("asked again (-first +again):\n%s", cmp.Diff(e, again))
	}
	if refused := refusal(t, func() error { _, err := d.Read(t.Context(), brandID, id); return err }()); refused.Code != "customer_dne" {
		t.Errorf("read: %v", refused)
	}

	// The years go by.
	at := func(years int, days int) kyc.Moment { return kyc.Moment{Time: clock.Now().AddDate(years, 0, days)} }
	d.relayed(t, id)
	for _, c := range []struct {
		now          kyc.Moment
		keys, emails int
		records      int
	}{{at(0, 0), 1, 0, 7}, {at(5, -1), 1, 0, 7}, {at(5, 1), 0, 0, 3}, {at(10, -1), 0, 0, 3}} {
		must(t, d.Retention.Continue(t.Context(), d.aggregate(t, id), c.now))
		left, err := d.store.ArchivedOf(t.Context(), kyc.CustomerRef{BrandID: brandID, CustomerID: id})
		must(t, err)
		now := d.aggregate(t, id)
		report := now.Erasure(left, c.now.Time)
		next := slices.MinFunc(report.Kept, func(a, b kyc.KeptRecord) int { return a.Until.Compare(b.Until) }).Until
		if len(d.keys(t)) != c.keys || len(report.Kept) != c.records || !now.DueAt.Equal(next) || len(now.Attempts) != 0 {
			t.Errorf("at %v: %d keys, report %+v, next alarm %v", c.now.Time, len(d.keys(t)), report, now.DueAt)
		}
	}
	must(t, d.Retention.Continue(t.Context(), d.aggregate(t, id), at(10, 1)))
	for name := range d.bed.Snapshot(t) {
		if strings.Contains(name, id) {
			t.Errorf("%s is left after ten years", name)
		}
	}
	if refused := refusal(t, func() error { _, err := d.Erase(t.Context(), brandID, id, always); return err }()); refused.Code != "customer_dne" {
		t.Errorf("delete, ten years later: %v", refused)
	}
}

func TestEraseIsRefused(t *testing.T) {
	d := open(t)
	id := d.veteran(t, kyc.Canceled, kyc.Submitted)
	version := d.read(t, id).Version()
	d.unchanged(t, func() {
		_, err := d.Erase(t.Context(), brandID, id, always)
		if e := refusal(t, err); e.Code != "kyc_in_progress" || e.Extra["kyc_status"] != "submitted" || !strings.Contains(e.Message, "cancel") {
			t.Errorf("%+v", e)
		}
		_, err = d.Erase(t.Context(), brandID, id, only("9."+version))
		if e := refusal(t, err); e.Kind != kyc.Outdated {
			t.Errorf("another version: %+v", e)
		}
		for _, malformed := range []string{"x", ""} {
			_, err := d.Erase(t.Context(), brandID, malformed, always)
			if e := refusal(t, err); e.Code != "customer_invalid_uuid4" {
				t.Errorf("%q: %+v", malformed, e)
			}
		}
	})
}

// More attempts than a transaction has room for are erased one by one.
func TestEraseManyAttempts(t *testing.T) {
	d := open(t)
	id := d.create(t).Customer.ID
	for n := range 120 {
		a := kyc.Attempt{ID: uuid.NewString(), Status: kyc.Canceled, SubmittedAt: clock.Now().Add(time.Duration(n)), Mode: kyc.Sandbox,
			Fields: kyc.Sealed{Key: []byte(fmt.Sprint("key", n)), Fields: map[kyc.Field][]byte{kyc.SSN: []byte("x")}}}
		if n%2 == 0 {
			a.Status, a.Results = kyc.Failed, []kyc.Result{{Check: kyc.CheckCIP, Provider: "p", Mode: kyc.Sandbox}}
		}
		a.Timeline = []kyc.Transition{{Version: 1, Status: a.Status, At: a.SubmittedAt}}
		must(t, d.store.ArchiveAttempt(t.Context(), brandID, id, program, a))
	}
	e := d.erase(t, id)
	if len(e.Kept) != 61 || len(d.keys(t)) != 1 {
		t.Errorf("%d records, %d keys", len(e.Kept), len(d.keys(t)))
	}
}

// Whatever call of an erasure fails, with its effect or without: asked again it ends, and so it does by itself.
func TestEraseIsResumed(t *testing.T) {
	for _, c := range []struct {
		name     string
		statuses []kyc.Status
		keys     int
	}{{"whole", []kyc.Status{kyc.Canceled, kyc.Errored, kyc.Canceled}, 0}, {"in part", []kyc.Status{kyc.Failed, kyc.Canceled, kyc.Passed}, 1}} {
		for _, effect := range []bool{false, true} {
			for _, again := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, with effect %t, asked again %t", c.name, effect, again), func(t *testing.T) {
					failed := true
					for n := 0; failed; n++ {
						failed = resumed(t, c.statuses, c.keys, n, effect, again)
					}
				})
			}
		}
	}
}

// resumed fails the erasure's nth call of the table and all after it, and then lets it go on. It reports whether there was
// an nth call.
func resumed(t *testing.T, statuses []kyc.Status, keys, n int, effect, again bool) bool {
	t.Helper()
	d := open(t)
	id := d.veteran(t, statuses...)
	var calls []string
	bed := d.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		calls = append(calls, r.Operation)
		if len(calls) <= n {
			return pass()
		}
		if len(calls) == n+1 && effect {
			_ = pass()
		}
		return testbed.Refused(`{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException","message":"on purpose"}`)
	})
	crashing := *d.Service
	store := bed.Store(clock.Now)
	crashing.Customers, crashing.Closings, crashing.Retention = store, store, &onboarding.Retention{Remains: store, Files: testbed.NoFiles{}}
	crashing.Clock = clock.For(kyc.Sandbox, d.store)
	_, err := crashing.Erase(t.Context(), brandID, id, always)
	if len(calls) <= n {
		must(t, err)
		return false
	}
	if err == nil {
		t.Fatalf("call %d of %q failed, and it went well", n, calls)
	}
	c := d.aggregate(t, id)
	switch {
	case !c.Closed():
		d.erase(t, id) // nothing has happened yet
	case again:
		if _, err := d.Erase(t.Context(), brandID, id, always); (err == nil) != (keys > 0) {
			t.Errorf("asked again after call %d of %q: %v", n, calls, err)
		}
	default:
		if c.DueAt.IsZero() || c.DueAt.After(clock.Now().Add(kyc.AlarmDelay)) {
			t.Errorf("after call %d of %q nobody looks again: %v", n, calls, c.DueAt)
		}
		must(t, d.Retention.Continue(t.Context(), c, kyc.Moment{Time: clock.Now()}))
	}
	if left := d.keys(t); len(left) != keys {
		t.Errorf("after call %d of %q %d keys are left", n, calls, len(left))
	}
	d.relayed(t, id)
	must(t, d.Retention.Continue(t.Context(), d.aggregate(t, id), kyc.Moment{Time: clock.Now().AddDate(10, 0, 1)}))
	for name := range d.bed.Snapshot(t) {
		if strings.Contains(name, id) {
			t.Errorf("after call %d of %q %s is left in the end", n, calls, name)
		}
	}
	return true
}

// Of a deletion and all that would have needed the customer, one comes first, and the other is refused.
func TestEraseInARace(t *testing.T) {
	d := open(t)
	for range 10 {
		id := d.create(t).Customer.ID
		var deletions, starts, updates []error
		var mu sync.Mutex
		var all sync.WaitGroup
		do := func(to *[]error, f func() error) {
			all.Go(func() {
				err := f()
				mu.Lock()
				defer mu.Unlock()
				*to = append(*to, err)
			})
		}
		for n := range 4 {
			do(&deletions, func() error { _, err := d.Erase(t.Context(), brandID, id, always); return err })
			do(&starts, func() error {
				now := clock.Now()
				stood, err := d.store.OpenAttempt(t.Context(), kyc.Start{
					BrandID: brandID, CustomerID: id, ProgramID: program, Policy: kyc.DefaultPolicy(), Now: now, Attempt: kyc.Attempt{
						ID: uuid.NewString(), Status: kyc.Submitted, SubmittedAt: now, Mode: kyc.Sandbox, Timeline: []kyc.Transition{{Status: kyc.Submitted, At: now}},
					}})
				if stood != nil {
					return errors.New("refused")
				}
				return err
			})
			do(&updates, func() error {
				_, err := d.Update(t.Context(), brandID, id, always, onboarding.Input{Fields: map[kyc.Field]string{kyc.LastName: "Changed" + string(rune('a'+n))}})
				return err
			})
		}
		all.Wait()
		isNil := func(err error) bool { return err == nil }
		started := slices.ContainsFunc(starts, isNil)
		deleted := len(slices.DeleteFunc(deletions, func(err error) bool { return err != nil }))
		c := d.aggregate(t, id)
		if started == (deleted > 0) || deleted > 1 || c.Closed() == started || c.Closed() && len(c.Attempts) > 0 {
			t.Errorf("started %t, deleted %d times, updates %v: %+v", started, deleted, updates, c)
		}
	}
	if keys := len(d.keys(t)); keys > 10 {
		t.Errorf("%d keys", keys)
	}
}

// files fail a number of times before they are removed.
type files struct {
	failures int
	removed  []kyc.CustomerRef
}

func (f *files) RemoveAll(_ context.Context, ref kyc.CustomerRef) error {
	if f.failures--; f.failures >= 0 {
		return errors.New("on purpose")
	}
	f.removed = append(f.removed, ref)
	return nil
}

// The files of a deleted customer go with the deletion or, where that could not be, with the look that follows it.
func TestEraseFiles(t *testing.T) {
	d := open(t)
	id := d.veteran(t, kyc.Failed)
	kept := &files{failures: 1}
	d.Service.Retention = &onboarding.Retention{Remains: d.store, Files: kept}
	if _, err := d.Erase(t.Context(), brandID, id, always); err == nil || len(kept.removed) != 0 {
		t.Fatalf("%v, removed %v", err, kept.removed)
	}
	c := d.aggregate(t, id)
	if !c.Closed() || c.DueAt.IsZero() {
		t.Fatalf("not closed, or nobody looks again: %+v", c)
	}
	must(t, d.Retention.Continue(t.Context(), c, kyc.Moment{Time: clock.Now()}))
	if want := []kyc.CustomerRef{{BrandID: brandID, CustomerID: id}}; !slices.Equal(want, kept.removed) {
		t.Errorf("removed %v", kept.removed)
	}
}
