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
		want.Fingerprint = first.Key.Fingerprint
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

// While the stack's secret is rotated, requests know a key by the hashes of one secret or of two, and each pair of them by one
// at the least in common.
func testKeyUnderTwoSecrets(t *testing.T, open func(testing.TB) bench) {
	both := func(c *kyc.KeyClaim, first, second string) *kyc.KeyClaim {
		under := func(secret string) kyc.KeyClaim {
			return kyc.KeyClaim{Operation: c.Operation, Hash: c.Hash + secret, Fingerprint: append(c.Fingerprint[:len(c.Fingerprint):len(c.Fingerprint)], secret...)}
		}
		claim := under(first)
		if second != "" {
			claim.Beside = []kyc.KeyClaim{under(second)}
		}
		return &claim
	}
	for name, c := range map[string]struct{ first, second [2]string }{
		"the old one alone, then both":           {[2]string{"old", ""}, [2]string{"old", "new"}},
		"the old one alone, then the new before": {[2]string{"old", ""}, [2]string{"new", "old"}},
		"both, then the old one alone":           {[2]string{"old", "new"}, [2]string{"old", ""}},
		"both, then the new one alone":           {[2]string{"old", "new"}, [2]string{"new", ""}},
		"both twice":                             {[2]string{"old", "new"}, [2]string{"new", "old"}},
	} {
		t.Run(name, func(t *testing.T) {
			tb := open(t)
			first, again, another := tb.creation("key"), tb.creation("key"), tb.creation("key")
			another.Key.Fingerprint = []byte("another request")
			first.Key = both(first.Key, c.first[0], c.first[1])
			for _, n := range []*kyc.NewCustomer{&again, &another} {
				n.Key = both(n.Key, c.second[0], c.second[1])
			}
			if seen, err := tb.CreateCustomer(t.Context(), first); err != nil || seen != nil {
				t.Fatalf("seen %+v, err %v", seen, err)
			}
			for n, same := range map[*kyc.NewCustomer]bool{&again: true, &another: false} {
				seen, err := tb.CreateCustomer(t.Context(), *n)
				if must(t, err); seen == nil || seen.CustomerID != first.Customer.ID || seen.Of(*n.Key) != same {
					t.Errorf("of the same request %t: seen %+v", same, seen)
				}
			}

			tb.newCustomer(t, customerID)
			started, repeated := tb.start(customerID, "key"), tb.start(customerID, "key")
			started.Key, repeated.Key = both(started.Key, c.first[0], c.first[1]), both(repeated.Key, c.second[0], c.second[1])
			tb.mustStart(t, started)
			stood, err := tb.OpenAttempt(t.Context(), repeated)
			if must(t, err); stood == nil || stood.Key == nil || stood.Key.AttemptID != started.Attempt.ID {
				t.Fatalf("stood %+v", stood)
			}
			if e := repeated.Refusal(stood.Customer, stood.Key); e.Code != "idempotency_key_exists" || e.Kind != kyc.Conflict || e.Extra["kyc_status"] != "submitted" {
				t.Errorf("refused as %+v", e)
			}
		})
	}
}
