package dynamostore_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/kyc"
)

func testCustomersWithSSN(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	var ids []string
	for range 5 {
		n := tb.creation(uuid.NewString())
		n.SSN.Add = []string{"hash", "the same under another key"}
		seen, err := tb.CreateCustomer(t.Context(), n)
		if must(t, err); seen != nil {
			t.Fatalf("seen %+v", seen)
		}
		ids = append(ids, n.Customer.ID)
	}
	slices.Sort(ids)
	expect := func(when, brand, hash string, limit int, want []string) {
		t.Helper()
		got, err := tb.CustomersWithSSN(t.Context(), brand, hash, limit)
		if diff := cmp.Diff(want, got); err != nil || len(want)+len(got) > 0 && diff != "" {
			t.Errorf("%s: err %v (-want +got):\n%s", when, err, diff)
		}
	}
	expect("all", brandID, "hash", 10, ids)
	expect("under another key", brandID, "the same under another key", 10, ids)
	expect("at most three", brandID, "hash", 3, ids[:3])
	expect("another hash", brandID, "another", 10, nil)
	expect("another brand", otherBrand, "hash", 10, nil)

	// A pass makes another number the one on file.
	s := tb.mustStart(t, tb.start(ids[1], ""))
	a := tb.advance(t, tb.mustClaim(t, s), kyc.Passed)
	a.ProfileVersion, a.Learned, a.Present = 1, profile(), required
	a.SSN = kyc.SSNEntries{Add: []string{"learned"}, Remove: []string{"hash", "the same under another key", "never there"}}
	lost := a
	lost.ProfileVersion = 7
	if stood, err := tb.AdvanceAttempt(t.Context(), lost); err != nil || stood == nil {
		t.Errorf("a pass of an identity that was changed: stood %+v, err %v", stood, err)
	}
	expect("a pass that was refused", brandID, "hash", 10, ids)
	if stood, err := tb.AdvanceAttempt(t.Context(), a); err != nil || stood != nil {
		t.Fatalf("stood %+v, err %v", stood, err)
	}
	expect("the old number", brandID, "hash", 10, slices.Concat(ids[:1], ids[2:]))
	expect("the new number", brandID, "learned", 10, ids[1:2])

	// A deletion takes a customer out of the look-up.
	c := tb.read(t, ids[2])
	closing, _, err := c.Close(kyc.Profile{}, nil, kyc.Moment{Time: tb.clock.Now()})
	must(t, err)
	closing.SSN.Remove = []string{"hash", "the same under another key"}
	if done, err := tb.CloseCustomer(t.Context(), closing); err != nil || !done {
		t.Errorf("closed %t, err %v", done, err)
	}
	expect("after a deletion", brandID, "hash", 10, slices.Concat(ids[:1], ids[3:]))
}
