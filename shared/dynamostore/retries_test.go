package dynamostore_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func (tb bench) retry(brand, customer string) kyc.RetryRequest {
	return kyc.RetryRequest{
		Pair: kyc.Pair{BrandID: brand, CustomerID: customer, ProgramID: programID}, RequestedAt: tb.clock.Now(), RequestedBy: testbed.Identity,
	}
}

func testRetryRequestKeepsTheFirstTime(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	var want []kyc.RetryRequest
	ask := func(r kyc.RetryRequest) time.Time {
		t.Helper()
		since, err := tb.RequestRetry(t.Context(), r)
		must(t, err)
		return since
	}
	for range 3 {
		tb.clock.Move(time.Second)
		r := tb.retry(brandID, uuid.NewString())
		tb.newCustomer(t, r.CustomerID)
		want = append(want, r)
		if since := ask(r); !since.Equal(r.RequestedAt) {
			t.Errorf("since %v, want %v", since, r.RequestedAt)
		}
	}
	tb.mustCreate(t, otherBrand, customerID, required)
	ask(tb.retry(otherBrand, customerID))
	tb.clock.Move(time.Hour)
	tb.unchanged(t, func() {
		again := tb.retry(brandID, want[0].CustomerID)
		again.RequestedBy = "another key pair"
		if since := ask(again); !since.Equal(want[0].RequestedAt) {
			t.Errorf("asked again: since %v, want %v", since, want[0].RequestedAt)
		}
	})
	for limit := 1; limit <= 4; limit++ {
		got, err := tb.RetryRequests(t.Context(), brandID, limit)
		if diff := cmp.Diff(want[:min(limit, 3)], got); diff != "" || err != nil {
			t.Errorf("at most %d: err %v (-want +got):\n%s", limit, err, diff)
		}
	}
	must(t, tb.DropRetryRequest(t.Context(), want[1].Pair, testbed.Record()))
	must(t, tb.DropRetryRequest(t.Context(), want[1].Pair, testbed.Record()))
	if got, err := tb.RetryRequests(t.Context(), brandID, 10); err != nil || !cmp.Equal(got, slices.Delete(want, 1, 2)) {
		t.Errorf("after one was dropped: %+v, err %v", got, err)
	}
}

func testGrantAttempts(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	seen := tb.run(t, tb.mustStart(t, tb.start(customerID, "")), kyc.Failed)
	seen.Used[programID] = 3
	must(t, tb.SetCustomer(t.Context(), seen))
	_, err := tb.RequestRetry(t.Context(), tb.retry(brandID, customerID))
	must(t, err)

	tb.unchanged(t, func() {
		stale, stranger := seen, seen
		stale.Rev--
		stranger.BrandID = otherBrand
		for name, c := range map[string]kyc.Customer{"seen before the last write": stale, "another brand's": stranger} {
			if granted, err := tb.GrantAttempts(t.Context(), c, programID, 2, testbed.Record()); granted || err != nil {
				t.Errorf("%s: granted %t, err %v", name, granted, err)
			}
		}
	})
	if granted, err := tb.GrantAttempts(t.Context(), seen, programID, -7, testbed.Record()); !granted || err != nil {
		t.Fatalf("granted %t, err %v", granted, err)
	}
	want := seen
	want.Used = map[string]int{programID: -7}
	want.Rev++
	if diff := cmp.Diff(want, tb.read(t, customerID)); diff != "" {
		t.Errorf("customer (-want +got):\n%s", diff)
	}
	if requests, err := tb.RetryRequests(t.Context(), brandID, 10); len(requests) != 0 || err != nil {
		t.Errorf("still asked for: %+v, err %v", requests, err)
	}
	tb.mustStart(t, tb.start(customerID, "")) // used up before

	failed := testbed.Record()
	must(t, tb.KeepRecord(t.Context(), failed))
	tb.unchanged(t, func() {
		if granted, err := tb.GrantAttempts(t.Context(), tb.read(t, customerID), programID, -8, failed); granted || err == nil {
			t.Errorf("an action that has its record granted: %t", granted)
		}
		if err := tb.DropRetryRequest(t.Context(), kyc.Pair{BrandID: brandID, CustomerID: customerID, ProgramID: programID}, failed); err == nil {
			t.Error("an action that has its record dropped a request")
		}
		must(t, tb.KeepRecord(t.Context(), failed))
	})
}

func TestLostAnswerGrantsOnce(t *testing.T) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	seen := tb.run(t, tb.mustStart(t, tb.start(customerID, "")), kyc.Failed)
	r := tb.retry(brandID, customerID)
	if since, err := tb.through(dropFirst("PutItem", func() {})).RequestRetry(t.Context(), r); err != nil || !since.Equal(r.RequestedAt) {
		t.Errorf("since %v, err %v", since, err)
	}
	if granted, err := tb.through(dropFirst("TransactWriteItems", func() {})).GrantAttempts(t.Context(), seen, programID, -7, testbed.Record()); !granted || err != nil {
		t.Errorf("granted %t, err %v", granted, err)
	}
	if c := tb.read(t, customerID); c.Used[programID] != -7 || c.Rev != seen.Rev+1 {
		t.Errorf("customer %+v", c)
	}
}

// A grant and the count of an attempt that is running do not undo one another, whichever comes first, and the worker
// does not notice.
func testGrantBesideARunningAttempt(t *testing.T, open func(testing.TB) bench) {
	for _, grantFirst := range []bool{false, true} {
		tb := open(t)
		tb.newCustomer(t, customerID)
		policy := kyc.DefaultPolicy()
		claimed := tb.mustClaim(t, tb.mustStart(t, tb.start(customerID, "")))
		grant := func() {
			c := tb.read(t, customerID)
			if granted, err := tb.GrantAttempts(t.Context(), c, programID, c.UsedAfterGrant(programID, policy, 5), testbed.Record()); !granted || err != nil {
				t.Fatalf("granted %t, err %v", granted, err)
			}
			if left := tb.read(t, customerID).RequestsAvailable(programID, policy); left != 5 {
				t.Errorf("grant first %t: %d available after the grant", grantFirst, left)
			}
		}
		want := 5
		if grantFirst {
			grant()
			want = 4 // the attempt that runs is one of those that were available
		}
		tb.mustAdvance(t, tb.advance(t, claimed, kyc.Failed))
		if !grantFirst {
			grant()
		}
		if c := tb.read(t, customerID); c.RequestsAvailable(programID, policy) != want || c.Versions[programID] != 2 {
			t.Errorf("grant first %t: customer %+v", grantFirst, c)
		}
	}
}
