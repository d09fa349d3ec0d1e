package verification_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/clock"
	"kyc/shared/keyring"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/testbed"
)

// asks has the program of all tests ask for what happens with an SSN that another customer has, under its next policy.
func (w world) asks(t *testing.T, duplicates kyc.Duplicates) {
	t.Helper()
	program, err := w.store.CurrentProgram(t.Context(), brandID, programID)
	must(t, err)
	policy := program.Policy()
	policy.Version++
	policy.Duplicates = duplicates
	added, err := w.store.AddPolicy(t.Context(), brandID, programID, policy, testbed.Record())
	if must(t, err); !added {
		t.Fatal("the policy was not added")
	}
	_, err = w.store.CurrentProgram(t.Context(), brandID, programID)
	must(t, err)
}

// creates makes a customer with the given SSN, none where it is empty.
func (w world) creates(t *testing.T, ssn string) string {
	t.Helper()
	in := onboarding.Input{
		Fields:    map[kyc.Field]string{kyc.FirstName: "Ada", kyc.LastName: "Example", kyc.BirthDate: "1990-05-17"},
		Addresses: []kyc.Address{{Type: "PHYSICAL", Street: "345 California St", City: "San Francisco", State: "CA", ZipCode: "94104", Country: "US", IsPrimary: true}},
	}
	if ssn != "" {
		in.Fields[kyc.SSN] = ssn
	}
	v, err := w.desk().Create(t.Context(), brandID, in)
	must(t, err)
	return v.Customer.ID
}

// judged starts KYC, with an SSN in the body unless that is empty, and runs it.
func (w world) judged(t *testing.T, customerID, ssn string) kyc.Attempt {
	t.Helper()
	var fields map[kyc.Field]string
	if ssn != "" {
		fields = map[kyc.Field]string{kyc.SSN: ssn}
	}
	must(t, w.worker().Run(t.Context(), w.start(t, customerID, fields)))
	return w.read(t, customerID).Attempts[programID]
}

// found returns the result of the check.
func found(a kyc.Attempt) *kyc.Result {
	i := slices.IndexFunc(a.Results, func(r kyc.Result) bool { return r.Check == kyc.CheckDuplicates })
	if i < 0 {
		return nil
	}
	return &a.Results[i]
}

const shared = "512-68-7394"

func TestASharedSSNIsWhatThePolicySays(t *testing.T) {
	for policy, want := range map[kyc.Duplicates]struct {
		status  kyc.Status
		reasons []string
	}{
		kyc.DuplicatesAllowed:  {kyc.Passed, nil},
		kyc.DuplicatesReviewed: {kyc.UnderReview, nil},
		kyc.DuplicatesRefused:  {kyc.Failed, []string{"duplicate_identity"}},
	} {
		t.Run(string(policy), func(t *testing.T) {
			w := open(t)
			w.asks(t, policy)
			first := w.creates(t, shared)
			a := w.judged(t, first, "")
			if r := found(a); a.Status != kyc.Passed || (r == nil) != (policy == kyc.DuplicatesAllowed) || r != nil && (!r.Passed || r.Mode != kyc.Sandbox) {
				t.Errorf("the first: %s, %+v", a.Status, r)
			}
			second := w.creates(t, strings.ReplaceAll(shared, "-", ""))
			a = w.judged(t, second, "")
			if diff := cmp.Diff(want.reasons, a.Reasons); a.Status != want.status || diff != "" {
				t.Errorf("the second: %s, reasons (-want +got):\n%s", a.Status, diff)
			}
			if r := found(a); r != nil && (r.Passed || r.Review != (policy == kyc.DuplicatesReviewed) || !slices.Equal(r.Others, []string{first})) {
				t.Errorf("the second: %+v", r)
			}
		})
	}
}

func TestWhoSharesAnSSN(t *testing.T) {
	w := open(t)
	w.asks(t, kyc.DuplicatesRefused)
	passes := func(when, customerID, ssn string) {
		t.Helper()
		if a := w.judged(t, customerID, ssn); a.Status != kyc.Passed {
			t.Errorf("%s: %s %q", when, a.Status, a.Reasons)
		}
	}
	fails := func(when, customerID, ssn string) {
		t.Helper()
		if a := w.judged(t, customerID, ssn); a.Status != kyc.Failed || !slices.Equal(a.Reasons, []string{kyc.ReasonDuplicate}) {
			t.Errorf("%s: %s %q", when, a.Status, a.Reasons)
		}
	}
	change := func(customerID, ssn string) {
		t.Helper()
		_, err := w.desk().Update(t.Context(), brandID, customerID, func(string) bool { return true }, onboarding.Input{Fields: map[kyc.Field]string{kyc.SSN: ssn}})
		must(t, err)
	}
	changed := w.creates(t, "512-68-7301")
	change(changed, "512-68-7302")
	passes("what was someone's before", w.creates(t, "512-68-7301"), "")
	fails("what is someone's by a change", w.creates(t, "512-68-7302"), "")

	fails("what the body brings and another has", w.creates(t, ""), "512-68-7302")
	learned := w.creates(t, "512-68-7303")
	passes("what the body brings", learned, "512-68-7304")
	fails("what another has learned by a pass", w.creates(t, "512-68-7304"), "")
	passes("what was on file before that pass", w.creates(t, "512-68-7303"), "")

	tried := w.creates(t, "")
	fails("an attempt", tried, "512-68-7302")
	passes("one's own number, after another one was tried", tried, "512-68-7305")

	for range 2 {
		if a := w.judged(t, w.creates(t, "000-00-0000"), ""); a.Status != kyc.UnderReview || found(a) != nil {
			t.Errorf("a number that steers the sandbox: %s, %+v", a.Status, found(a))
		}
	}
	for range kyc.MaxOthers + 2 {
		w.creates(t, "512-68-7306")
	}
	last := w.creates(t, "512-68-7306")
	if a := w.judged(t, last, ""); len(found(a).Others) != kyc.MaxOthers || slices.Contains(found(a).Others, last) {
		t.Errorf("of many are named %q", found(a).Others)
	}
	w.inClear(t, "512-68-73", "5126873")
}

// A live stage's verifier may make four calls. Only a policy that asks has anyone looked up.
func TestLookingUpIsOneCall(t *testing.T) {
	for policy, want := range map[kyc.Duplicates][]string{
		kyc.DuplicatesAllowed: {"UpdateItem", "GetItem", "UpdateItem"}, kyc.DuplicatesRefused: {"UpdateItem", "GetItem", "Query", "UpdateItem"},
	} {
		t.Run(string(policy), func(t *testing.T) {
			w := open(t)
			w.asks(t, policy)
			var calls []string
			counted := w.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
				calls = append(calls, r.Operation)
				return pass()
			})
			store := counted.Store(w.clock.Now)
			worker := w.worker()
			worker.Claims, worker.Programs, worker.Duplicates, worker.Clock = store, store, store, clock.For(kyc.Live, store)
			worker.Vault = keyring.New(counted.AWS, w.bed.KeyARN, store, w.clock.Now)
			for _, ssn := range []string{"512-68-7301", "512-68-7302"} {
				work := w.start(t, w.creates(t, ssn), nil)
				calls = nil
				must(t, worker.Run(t.Context(), work))
			}
			if diff := cmp.Diff(want, calls); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// nobody can be looked up.
type nobody struct{}

func (nobody) CustomersWithSSN(context.Context, string, string, int) ([]string, error) {
	return nil, errors.New("the look-up is down")
}

func TestWithoutTheLookUpNothingIsDecided(t *testing.T) {
	w := open(t)
	w.asks(t, kyc.DuplicatesReviewed)
	worker := w.worker()
	worker.Duplicates = nobody{}
	id := w.creates(t, shared)
	if err := worker.Run(t.Context(), w.start(t, id, nil)); err == nil {
		t.Error("no error")
	}
	if a := w.read(t, id).Attempts[programID]; a.Status != kyc.Submitted {
		t.Errorf("decided: %s", a.Status)
	}
}
