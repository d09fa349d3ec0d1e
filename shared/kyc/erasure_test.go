package kyc_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
)

var leap = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

func found(checks ...kyc.Check) []kyc.Result {
	var all []kyc.Result
	for _, c := range checks {
		all = append(all, kyc.Result{Check: c, Passed: true, Provider: "p", Mode: kyc.Sandbox})
	}
	return all
}

// attemptOf is an attempt that ended at the given time.
func attemptOf(id string, status kyc.Status, at time.Time, results ...kyc.Result) kyc.Attempt {
	return kyc.Attempt{
		ID: id, Status: status, SubmittedAt: at.Add(-time.Minute), Counted: len(results) > 0, Results: results,
		Fields:   kyc.Sealed{Key: []byte("key of " + id), Fields: map[kyc.Field][]byte{kyc.SSN: []byte("x")}},
		Timeline: []kyc.Transition{{Version: 1, Status: kyc.Submitted, At: at.Add(-time.Minute)}, {Version: 2, Status: status, At: at}},
	}
}

// known is a customer's data, of which a part identifies.
func known() kyc.Profile {
	p := kyc.Profile{}
	for _, f := range []kyc.Field{kyc.FirstName, kyc.LastName, kyc.SSN, kyc.Email, kyc.Phone, kyc.PhoneCountryCode, kyc.BrandPersonID} {
		p.Set(f, "value of "+string(f))
	}
	p.Set(kyc.BirthDate, "1990-05-17")
	p.SetAddress(kyc.Address{ID: "home", Type: "PHYSICAL", Street: "1 Main St", IsPrimary: true})
	p.SetAddress(kyc.Address{ID: "mail", Type: "MAILING", Street: "PO Box 1"})
	return p
}

func owner(attempts, previous map[string]kyc.Attempt) kyc.Customer {
	c := kyc.Customer{
		BrandID: "b", ID: "c", Attempts: attempts, Previous: previous, Versions: map[string]int{}, Relayed: map[string]int{},
		ProfileVersion: 3, Rev: 7, Present: known().Present(),
	}
	for programID := range attempts {
		c.Versions[programID], c.Relayed[programID] = 2, 2
	}
	return c
}

func TestNothingIsKeptWhereNoCheckWasReached(t *testing.T) {
	now := kyc.Moment{Time: leap.Add(time.Hour), Ahead: time.Minute}
	c := owner(map[string]kyc.Attempt{"p": attemptOf("a", kyc.Canceled, leap)}, nil)
	closing, identity, err := c.Close(known(), []kyc.Archived{{ProgramID: "p", Attempt: attemptOf("old", kyc.Errored, leap)}}, now)
	if err != nil || len(identity) != 0 || len(closing.Records) != 0 {
		t.Fatalf("keeps %v and %v, err %v", identity.Present(), closing.Records, err)
	}
	closed := closing.Closed
	want := []string{"addresses", "attempt_fields", "attempts", "brand_person_id", "dob", "email", "first_name", "last_name", "phone", "phone_country_code", "ssn"}
	e := closed.Erasure(nil, now.Time)
	if diff := cmp.Diff(want, e.Erased); diff != "" || len(e.Kept) != 0 || !e.At.Equal(now.Time) || !e.BackupsUntil().Equal(now.Time.AddDate(0, 0, 35)) {
		t.Errorf("%+v (-want +got):\n%s", e, diff)
	}
	if !closed.Closed() || c.Closed() || closed.Rev != 8 || len(closed.Present) != 0 || !closed.DueAt.Equal(now.Alarm()) || closed.Attempts["p"].Fields.Key != nil {
		t.Errorf("closed as %+v", closed)
	}
	if rest, waits := closed.Rest(nil, now); !waits || !rest.DueAt.Equal(now.Alarm()) || rest.Attempts["p"].ID != "a" {
		t.Errorf("its deletion was not told of yet: %+v", rest)
	}
	closed.Relayed = closed.Versions
	if rest, waits := closed.Rest(nil, now); waits {
		t.Errorf("nothing is left: %+v", rest)
	}
}

// Each record disappears on a day of its own.
func TestThreeClocks(t *testing.T) {
	checked, deleted := leap, leap.Add(30*time.Hour)
	now := func(at time.Time) kyc.Moment { return kyc.Moment{Time: at} }
	passed := attemptOf("passed", kyc.Passed, checked, found(kyc.CheckCIP, kyc.CheckOFAC, kyc.CheckBureau)...)
	failed := attemptOf("failed", kyc.Failed, checked.Add(-time.Hour), found(kyc.CheckCIP)...)
	c := owner(map[string]kyc.Attempt{"p": passed}, map[string]kyc.Attempt{"p": failed})
	closing, identity, err := c.Close(known(), []kyc.Archived{{ProgramID: "p", Attempt: attemptOf("none", kyc.Canceled, checked)}}, now(deleted))
	if err != nil {
		t.Fatal(err)
	}
	fields := []kyc.Field{kyc.PhysicalAddress, kyc.BirthDate, kyc.FirstName, kyc.LastName, kyc.SSN}
	if diff := cmp.Diff(fields, identity.Present()); diff != "" || len(identity.Addresses()) != 1 || identity.Addresses()[0].ID != "home" {
		t.Errorf("%+v (-want +got):\n%s", identity.Addresses(), diff)
	}
	if want := []string{"addresses", "attempt_fields", "attempts", "brand_person_id", "email", "phone", "phone_country_code"}; !slices.Equal(closing.Closed.Erased, want) {
		t.Errorf("erased %q", closing.Closed.Erased)
	}
	at := func(year int, month time.Month, day, hour int) time.Time {
		return time.Date(year, month, day, hour, 0, 0, 0, time.UTC)
	}
	all := []kyc.KeptRecord{
		{Kind: kyc.IdentityRecord, Fields: fields, Until: at(2029, 3, 1, 18)},
		{Kind: kyc.VerificationRecord, ProgramID: "p", AttemptID: "failed", Checks: []kyc.Check{kyc.CheckCIP}, Until: at(2029, 3, 1, 11)},
		{Kind: kyc.VerificationRecord, ProgramID: "p", AttemptID: "passed", Checks: []kyc.Check{kyc.CheckCIP, kyc.CheckBureau}, Until: at(2029, 3, 1, 12)},
		{Kind: kyc.ScreeningRecord, ProgramID: "p", AttemptID: "passed", Checks: []kyc.Check{kyc.CheckOFAC}, Until: at(2034, 3, 1, 12)},
	}
	customer := closing.Closed
	customer.Relayed = customer.Versions
	left := slices.SortedFunc(slices.Values(closing.Records), func(a, b kyc.Archived) int { return a.Attempt.SubmittedAt.Compare(b.Attempt.SubmittedAt) })
	for len(all) > 0 {
		next := slices.MinFunc(all, func(a, b kyc.KeptRecord) int { return a.Until.Compare(b.Until) }).Until
		for _, moment := range []time.Time{next.Add(-time.Microsecond), next} {
			all = slices.DeleteFunc(all, func(k kyc.KeptRecord) bool { return !moment.Before(k.Until) })
			var retained []kyc.Archived
			for _, a := range left {
				if record, keeps := a.Attempt.Retained(moment); keeps {
					retained = append(retained, kyc.Archived{ProgramID: a.ProgramID, Attempt: record})
				}
			}
			left = retained
			rest, waits := customer.Rest(left, now(moment))
			e := customer.Erasure(left, moment)
			if diff := cmp.Diff(all, e.Kept, cmpopts.EquateEmpty()); diff != "" || waits != (len(all) > 0) {
				t.Fatalf("at %v, waits %t (-want +got):\n%s", moment, waits, diff)
			}
			if !waits {
				return
			}
			sooner := slices.MinFunc(all, func(a, b kyc.KeptRecord) int { return a.Until.Compare(b.Until) }).Until
			if !rest.DueAt.Equal(sooner) || len(rest.Attempts)+len(rest.Previous) > 0 || (len(rest.Present) > 0) != (all[0].Kind == kyc.IdentityRecord) {
				t.Errorf("at %v: rests as %+v", moment, rest)
			}
			customer = rest
		}
	}
	t.Error("the last record is kept for ever")
}

// What the body of a start brought and the results of other checks are no part of a screening's record.
func TestAScreeningIsKeptAlone(t *testing.T) {
	a := attemptOf("a", kyc.Failed, leap, found(kyc.CheckCIP, kyc.CheckOFAC)...)
	a.Reasons, a.OpenedBy, a.Documents = []string{kyc.ReasonBureau}, "key", []kyc.Document{{ID: "d"}}
	record, keeps := a.Retained(leap.AddDate(7, 0, 0))
	if !keeps || len(record.Results) != 1 || record.Results[0].Check != kyc.CheckOFAC || record.OpenedBy != "" || record.Fields.Key != nil || len(record.Reasons)+len(record.Documents) != 0 {
		t.Errorf("keeps %t, %+v", keeps, record)
	}
}

// Results that came late are records too, from when they came.
func TestLateResultsAreKept(t *testing.T) {
	a := attemptOf("a", kyc.Canceled, leap)
	a.Late, a.LateAt = found(kyc.CheckCIP), leap.Add(time.Hour)
	until := a.LateAt.AddDate(5, 0, 0)
	if _, keeps := a.Retained(until.Add(-time.Microsecond)); !keeps {
		t.Error("not kept for five years")
	}
	if _, keeps := a.Retained(until); keeps {
		t.Error("kept for longer than five years")
	}
}

func TestNoDeletionWhileAnAttemptIsOpen(t *testing.T) {
	for _, status := range kyc.Statuses() {
		c := owner(map[string]kyc.Attempt{"p": attemptOf("a", kyc.Failed, leap, found(kyc.CheckCIP)...), "q": attemptOf("b", status, leap)}, nil)
		_, _, err := c.Close(known(), nil, kyc.Moment{Time: leap})
		refusal, refused := errors.AsType[*kyc.Error](err)
		if refused == status.Final() {
			t.Errorf("%s: err %v", status, err)
		}
		want := map[string]any{"attempt_id": "b", "kyc_status": string(status), "program_id": "q"}
		if refused && (refusal.Kind != kyc.Conflict || refusal.Code != "kyc_in_progress" || !cmp.Equal(refusal.Extra, want)) {
			t.Errorf("%s: %+v", status, refusal)
		}
	}
}

// Where the primary address is no place, those that are identify beside it.
func TestTheAddressThatIdentifiesIsKept(t *testing.T) {
	p := known()
	addresses := p.Addresses()
	for i := range addresses {
		addresses[i].IsPrimary = addresses[i].ID == "mail"
	}
	p = p.WithAddresses(addresses)
	_, identity, err := owner(map[string]kyc.Attempt{"p": attemptOf("a", kyc.Passed, leap, found(kyc.CheckCIP)...)}, nil).Close(p, nil, kyc.Moment{Time: leap})
	if err != nil || len(identity.Addresses()) != 2 {
		t.Errorf("keeps %+v, err %v", identity.Addresses(), err)
	}
}

// A closed customer is unknown to a start, whatever else stands against it, and its deletion is told once, after all else.
func TestAClosedCustomerIsUnknown(t *testing.T) {
	c := owner(map[string]kyc.Attempt{"p": attemptOf("a", kyc.Passed, leap, found(kyc.CheckCIP)...)}, nil)
	c.Changes = []kyc.ProfileChange{{Version: 3, At: leap, Fields: []kyc.Field{kyc.Email}}}
	c.Versions[kyc.OfProfile] = 3
	closing, _, err := c.Close(known(), nil, kyc.Moment{Time: leap})
	if err != nil {
		t.Fatal(err)
	}
	closed := closing.Closed
	s := kyc.Start{ProgramID: "p", Policy: kyc.DefaultPolicy()}
	if refusal := s.Refusal(&closed, nil); refusal == nil || refusal.Code != "customer_dne" {
		t.Errorf("a start: %v", refusal)
	}
	var told []string
	for _, e := range closed.Follows(kyc.OfProfile, 2).Events {
		told = append(told, string(e.Name)+" "+e.ID)
	}
	if want := []string{"customer.updated evt_c_3", "customer.deleted evt_c_4"}; !slices.Equal(told, want) || !closed.Unrelayed(kyc.OfProfile) {
		t.Errorf("told %q, want %q", told, want)
	}
	if events := closed.Follows(kyc.OfProfile, 4).Events; len(events) != 0 {
		t.Errorf("told again: %+v", events)
	}
	if e := closed.Follows("p", 1).Events; len(e) != 1 || e[0].Name != kyc.EventSuccess {
		t.Errorf("what was not told of its attempt: %+v", e)
	}
}

// Whatever the attempts: what is kept is never more than the law says at that moment, and looking again changes nothing.
func TestRetainedOnlyShrinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checks := rapid.SliceOfN(rapid.SampledFrom([]kyc.Check{kyc.CheckCIP, kyc.CheckOFAC, kyc.CheckBureau}), 0, 3)
		a := attemptOf("a", rapid.SampledFrom([]kyc.Status{kyc.Passed, kyc.Failed, kyc.Canceled}).Draw(t, "status"), leap, found(checks.Draw(t, "checks")...)...)
		if late := checks.Draw(t, "late"); len(late) > 0 {
			a.Late, a.LateAt = found(late...), leap.Add(time.Hour)
		}
		at := leap
		for range 5 {
			at = at.AddDate(0, rapid.IntRange(0, 40).Draw(t, "months"), 0)
			once, keeps := a.Retained(at)
			twice, still := once.Retained(at)
			if keeps != still || !cmp.Equal(once, twice) {
				t.Fatalf("looked at twice at %v: %t, then %t %s", at, keeps, still, cmp.Diff(once, twice))
			}
			kept := kyc.Customer{}.Erasure([]kyc.Archived{{Attempt: once}}, at).Kept
			if keeps && len(kept) == 0 {
				t.Fatalf("at %v something is kept for no reason: %+v", at, once)
			}
			if !keeps {
				return
			}
			a = once
		}
	})
}
