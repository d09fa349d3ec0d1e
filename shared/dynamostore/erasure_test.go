package dynamostore_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

var ref = kyc.CustomerRef{BrandID: brandID, CustomerID: customerID}

// replaced is a customer with an attempt that failed and one, in its place, that passed; relay has come to neither.
func (tb bench) replaced(t *testing.T) kyc.Customer {
	t.Helper()
	tb.newCustomer(t, customerID)
	tb.run(t, tb.mustStart(t, tb.start(customerID, "")), kyc.Failed)
	tb.clock.Move(time.Second)
	return tb.run(t, tb.mustStart(t, tb.start(customerID, "")), kyc.Passed)
}

// closing is the deletion of a customer, who keeps a name.
func (tb bench) closing(t *testing.T, c kyc.Customer) kyc.Closing {
	t.Helper()
	archived, err := tb.ArchivedOf(t.Context(), ref)
	must(t, err)
	onFile := kyc.Profile{}
	onFile.Set(kyc.FirstName, "x")
	onFile.Set(kyc.Email, "x")
	closing, _, err := c.Close(onFile, archived, kyc.Moment{Time: tb.clock.Now()})
	must(t, err)
	closing.Profile = kyc.Sealed{Key: []byte("fresh"), Fields: map[kyc.Field][]byte{kyc.FirstName: []byte("sealed anew")}}
	return closing
}

func (tb bench) mustClose(t *testing.T, c kyc.Customer) kyc.Customer {
	t.Helper()
	closing := tb.closing(t, c)
	if done, err := tb.CloseCustomer(t.Context(), closing); err != nil || !done {
		t.Fatalf("closed %t, err %v", done, err)
	}
	closed, err := tb.Aggregate(t.Context(), brandID, customerID)
	must(t, err)
	if diff := cmp.Diff(closing.Closed, closed, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("closed customer (-want +got):\n%s", diff)
	}
	return closed
}

func testClose(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	c := tb.replaced(t)
	sealed := kyc.Sealed{Key: []byte("of the start"), Fields: map[kyc.Field][]byte{kyc.SSN: []byte("brought")}}
	for _, attempts := range []map[string]kyc.Attempt{c.Attempts, c.Previous} {
		a := attempts[programID]
		a.Fields = sealed
		attempts[programID] = a
	}
	must(t, tb.SetCustomer(t.Context(), c))
	// Relay has brought the replaced one to the archive, and not noted that.
	must(t, tb.ArchiveAttempt(t.Context(), brandID, customerID, programID, c.Previous[programID]))
	_, err := tb.RequestRetry(t.Context(), kyc.RetryRequest{Pair: kyc.Pair{BrandID: brandID, CustomerID: customerID, ProgramID: programID}, RequestedAt: tb.clock.Now()})
	must(t, err)
	tb.mustClose(t, tb.read(t, customerID))
	profile, _, err := tb.Profile(t.Context(), brandID, customerID)
	if err != nil || string(profile.Key) != "fresh" || len(profile.Fields) != 1 {
		t.Errorf("profile %+v, err %v", profile, err)
	}
	archived, err := tb.ArchivedOf(t.Context(), ref)
	if err != nil || len(archived) != 2 || archived[0].ProgramID != programID || archived[0].Attempt.Status != kyc.Failed || archived[1].Attempt.Status != kyc.Passed {
		t.Fatalf("archive %+v, err %v", archived, err)
	}
	for _, a := range archived {
		if a.Attempt.Fields.Key != nil || len(a.Attempt.Results) == 0 {
			t.Errorf("attempt %+v", a)
		}
	}
	if items := tb.snapshot(t); len(items) != 4 {
		t.Errorf("items %v", keysOf(items))
	}
}

func testCloseIsRefused(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	stale := tb.closing(t, tb.newCustomer(t, customerID))
	c := tb.run(t, tb.mustStart(t, tb.start(customerID, "")), kyc.Failed)
	tb.unchanged(t, func() {
		if done, err := tb.CloseCustomer(t.Context(), stale); err != nil || done {
			t.Errorf("a customer that was written since: closed %t, err %v", done, err)
		}
	})
	again := tb.closing(t, c)
	tb.mustClose(t, c)
	tb.unchanged(t, func() {
		if done, err := tb.CloseCustomer(t.Context(), again); err != nil || done {
			t.Errorf("a customer that is closed: closed %t, err %v", done, err)
		}
	})
}

// What is still to be told of a closed customer stays until it was, attempts or none.
func testRestKeepsWhatIsToBeTold(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	c := tb.newCustomer(t, customerID)
	c.Changes = []kyc.ProfileChange{{Version: 2, At: tb.clock.Now(), Fields: []kyc.Field{kyc.Email}}}
	c.ProfileVersion, c.Versions, c.ClosedAt = 2, map[string]int{kyc.OfProfile: 2}, tb.clock.Now()
	must(t, tb.SetCustomer(t.Context(), c))
	rest, waits := c.Rest(nil, kyc.Moment{Time: tb.clock.Now()})
	must(t, tb.RestClosed(t.Context(), c, rest))
	got, err := tb.Aggregate(t.Context(), brandID, customerID)
	if diff := cmp.Diff(rest, got, cmpopts.EquateEmpty()); err != nil || !waits || diff != "" {
		t.Errorf("waits %t, err %v (-want +got):\n%s", waits, err, diff)
	}
}

// Whoever comes late finds nobody, and leaves nothing behind.
func testClosedIsUnknown(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	before := tb.replaced(t)
	first := tb.start(customerID, "key")
	closed := tb.mustClose(t, before)
	tb.unchanged(t, func() {
		if _, err := tb.Customer(t.Context(), brandID, customerID); kyc.KindOf(err) != kyc.NotFound {
			t.Errorf("read: err %v", err)
		}
		if _, _, err := tb.CustomerAndProfile(t.Context(), brandID, customerID); kyc.KindOf(err) != kyc.NotFound {
			t.Errorf("read with its data: err %v", err)
		}
		for _, s := range []kyc.Start{tb.start(customerID, ""), tb.start(customerID, "a new key"), first} {
			stood, err := tb.OpenAttempt(t.Context(), s)
			if err != nil || stood == nil || s.Refusal(stood.Customer, stood.Key).Code != "customer_dne" {
				t.Errorf("start: stood %+v, err %v", stood, err)
			}
		}
		late := before.Attempts[programID]
		late.Late, late.LateAt = late.Results, tb.clock.Now()
		must(t, tb.RecordLate(t.Context(), before, programID, late))
		must(t, tb.MoveAlarm(t.Context(), before, tb.clock.Now()))
		_, err := tb.RequestRetry(t.Context(), kyc.RetryRequest{Pair: kyc.Pair{BrandID: brandID, CustomerID: customerID, ProgramID: programID}})
		if kyc.KindOf(err) != kyc.NotFound {
			t.Errorf("request retry: err %v", err)
		}
	})
	// A relay that works on a record from before.
	archived, err := tb.ArchivedOf(t.Context(), ref)
	must(t, err)
	for _, a := range archived {
		if done, err := tb.Retain(t.Context(), ref, a, nil); err != nil || !done {
			t.Fatalf("erased %t, err %v", done, err)
		}
	}
	tb.unchanged(t, func() {
		must(t, tb.ArchiveAttempt(t.Context(), brandID, customerID, programID, before.Previous[programID]))
	})
	must(t, tb.NoteRelayed(t.Context(), before, kyc.Note{ProgramID: programID, To: 4, Archived: before.Previous[programID].ID, Settled: true}))
	after, err := tb.Aggregate(t.Context(), brandID, customerID)
	must(t, err)
	if after.Relayed[programID] != 4 || len(after.Previous) != 0 || !after.DueAt.Equal(closed.DueAt) {
		t.Errorf("what was sent is not on record, or nobody looks again: %+v", after)
	}
}

// An attempt with late results that nobody has seen is not erased.
func testRetain(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	c := tb.newCustomer(t, customerID)
	a := kyc.Archived{ProgramID: programID, Attempt: ended(tb.clock.Now(), kyc.Canceled)}
	archive := func(attempt kyc.Attempt) {
		must(t, tb.ArchiveAttempt(t.Context(), brandID, customerID, programID, attempt))
	}
	retain := func(was kyc.Archived, left *kyc.Attempt) bool {
		t.Helper()
		done, err := tb.Retain(t.Context(), ref, was, left)
		must(t, err)
		return done
	}
	archive(a.Attempt)
	late := a.Attempt
	late.Late, late.LateAt = []kyc.Result{{Check: kyc.CheckOFAC, Passed: true, Provider: "p", Mode: kyc.Sandbox}}, tb.clock.Now()
	must(t, tb.RecordLate(t.Context(), c, programID, late))
	tb.unchanged(t, func() {
		if retain(a, nil) || retain(a, &a.Attempt) {
			t.Error("late results were erased unseen")
		}
	})
	less := late
	less.OpenedBy = ""
	if !retain(kyc.Archived{ProgramID: programID, Attempt: late}, &less) {
		t.Error("not replaced")
	}
	all, err := tb.ArchivedOf(t.Context(), ref)
	if diff := cmp.Diff([]kyc.Archived{{ProgramID: programID, Attempt: less}}, all); err != nil || diff != "" {
		t.Errorf("err %v (-want +got):\n%s", err, diff)
	}
	if !retain(all[0], nil) {
		t.Error("not erased")
	}
	tb.unchanged(t, func() {
		if retain(all[0], nil) || retain(all[0], &less) {
			t.Error("what has gone was found, or came back")
		}
	})
}

func testRestAndRemove(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	closed := tb.mustClose(t, tb.replaced(t))
	rest := closed
	rest.Attempts, rest.Previous, rest.Rev = map[string]kyc.Attempt{}, map[string]kyc.Attempt{}, closed.Rev+1
	rest.Used, rest.Ended = map[string]int{}, map[string]time.Time{}
	rest.DueAt = tb.clock.Now().AddDate(5, 0, 0)
	must(t, tb.RestClosed(t.Context(), closed, rest))
	tb.unchanged(t, func() {
		must(t, tb.RestClosed(t.Context(), closed, rest)) // seen before that
		must(t, tb.RemoveClosed(t.Context(), closed))
	})
	got, err := tb.Aggregate(t.Context(), brandID, customerID)
	if diff := cmp.Diff(rest, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("err %v (-want +got):\n%s", err, diff)
	}
	if due, err := tb.Due(t.Context(), rest.DueAt, 1); err != nil || len(due) != 1 {
		t.Errorf("due %v, err %v", due, err)
	}
	without := rest
	without.Present, without.Rev = nil, rest.Rev+1
	must(t, tb.RestClosed(t.Context(), rest, without))
	if p, _, err := tb.Profile(t.Context(), brandID, customerID); kyc.KindOf(err) != kyc.NotFound && !p.Empty() {
		t.Errorf("its data are still there: %v", err)
	}
	must(t, tb.RemoveClosed(t.Context(), without))
	if _, err := tb.Aggregate(t.Context(), brandID, customerID); kyc.KindOf(err) != kyc.NotFound {
		t.Errorf("removed: err %v", err)
	}
}

// It is in no list, and in that of the alarms alone.
func TestAClosedCustomerIsInNoList(t *testing.T) {
	tb := open(t)
	c := tb.replaced(t)
	before, _, err := tb.CustomersBefore(t.Context(), brandID, kyc.Listed{CreatedAt: tb.clock.Now().Add(time.Hour)}, c.CreatedAt, 10)
	must(t, err)
	tb.mustClose(t, c)
	after, _, err := tb.CustomersBefore(t.Context(), brandID, kyc.Listed{CreatedAt: tb.clock.Now().Add(time.Hour)}, c.CreatedAt, 10)
	must(t, err)
	found, err := tb.OnFile(t.Context(), brandID, []string{customerID})
	if err != nil || len(before) != 1 || len(after) != 0 || len(found) != 0 {
		t.Errorf("listed %v before, %v after; on file %v, err %v", before, after, found, err)
	}
}

// A customer who is gone from the look-up of SSNs is not brought back by a sweep of all profiles.
func TestASweepPassesOverClosedCustomers(t *testing.T) {
	tb := open(t)
	c := tb.replaced(t)
	before, _, err := tb.Profiles(t.Context(), "")
	must(t, err)
	tb.mustClose(t, c)
	after, _, err := tb.Profiles(t.Context(), "")
	if err != nil || len(before) != 1 || len(after) != 0 {
		t.Errorf("swept %d before, %d after, err %v", len(before), len(after), err)
	}
	tb.unchanged(t, func() { must(t, tb.ChangeSSN(t.Context(), before[0], kyc.SSNEntries{Add: []string{"hash"}})) })
}

// A key that was seen for an attempt that was erased tells nothing of it.
func TestAKeyOfAClosedCustomerTellsNothing(t *testing.T) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	s := tb.mustStart(t, tb.start(customerID, "key"))
	closed := tb.mustClose(t, tb.run(t, s, kyc.Failed))
	rest := closed
	rest.Attempts, rest.Relayed, rest.Rev = map[string]kyc.Attempt{}, maps.Clone(closed.Versions), closed.Rev+1
	must(t, tb.RestClosed(t.Context(), closed, rest))
	archived, err := tb.ArchivedOf(t.Context(), ref)
	must(t, err)
	for _, a := range archived {
		_, err := tb.Retain(t.Context(), ref, a, nil)
		must(t, err)
	}
	again := s
	again.Attempt.ID = testbed.AttemptID
	stood, err := tb.OpenAttempt(t.Context(), again)
	if err != nil || stood == nil {
		t.Fatalf("stood %+v, err %v", stood, err)
	}
	if refusal := again.Refusal(stood.Customer, stood.Key); refusal.Code != "customer_dne" {
		t.Errorf("refused with %+v", refusal)
	}
}
