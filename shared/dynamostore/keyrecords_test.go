package dynamostore_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/kyc"
)

// creation is one of a new customer, with the given idempotency key.
func (tb bench) creation(key string) kyc.NewCustomer {
	return kyc.NewCustomer{
		Customer: kyc.Customer{BrandID: brandID, ID: uuid.NewString(), CreatedAt: tb.clock.Now(), Present: required}, Profile: profile(),
		Key: &kyc.KeyClaim{Operation: kyc.OperationCreate, Hash: key, Fingerprint: []byte("the request of " + key)},
	}
}

func testCreationTakesItsKey(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.clock.Move(500 * time.Millisecond)
	create := func(n kyc.NewCustomer) *kyc.KeyRecord {
		t.Helper()
		seen, err := tb.CreateCustomer(t.Context(), n)
		must(t, err)
		return seen
	}
	first := tb.creation("key")
	if seen := create(first); seen != nil {
		t.Fatalf("a new key was seen: %+v", seen)
	}
	for name, n := range map[string]kyc.NewCustomer{"another operation": tb.creation("key"), "another brand": tb.creation("key"), "another key": tb.creation("key2")} {
		switch name {
		case "another operation":
			n.Key.Operation = kyc.OperationStart
		case "another brand":
			n.Customer.BrandID = otherBrand
		}
		if seen := create(n); seen != nil {
			t.Errorf("%s: seen %+v", name, seen)
		}
	}
	refused := func(when string) {
		t.Helper()
		before := tb.snapshot(t)
		want := first.KeyRecord()
		if diff := cmp.Diff(&want, create(tb.creation("key"))); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", when, diff)
		}
		if diff := cmp.Diff(before, tb.snapshot(t)); diff != "" {
			t.Errorf("%s: a refused creation has written (-before +after):\n%s", when, diff)
		}
	}
	refused("at once")
	tb.clock.Move(first.KeyRecord().ExpiresAt.Sub(tb.clock.Now()) - time.Microsecond)
	refused("a microsecond before it is free")
	tb.clock.Move(time.Microsecond)
	if seen := create(tb.creation("key")); seen != nil {
		t.Errorf("after 24 hours: seen %+v", seen)
	}
}

func testOneCreationUnderAKey(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	const callers = 20
	var winners atomic.Int32
	ids := make([]string, callers)
	atOnce(callers, func(i int) {
		n := tb.creation("key")
		seen, err := tb.CreateCustomer(context.Background(), n)
		switch {
		case err != nil:
			t.Errorf("err %v", err)
		case seen == nil:
			winners.Add(1)
			ids[i] = n.Customer.ID
		default:
			ids[i] = seen.CustomerID
		}
	})
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); winners.Load() != 1 || n != 1 {
		t.Errorf("%d customers were created, %d are named", winners.Load(), n)
	}
	if n := len(tb.snapshot(t)); n != 3 {
		t.Errorf("%d items, want customer, profile and key", n)
	}
}
