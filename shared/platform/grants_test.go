package platform_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/platform"
)

const customerID = "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03"

// desk is one customer in front of the operator, and the requests for another attempt.
type desk struct {
	*world
	customer kyc.Customer
	requests []kyc.RetryRequest
	dropped  []kyc.Pair
	writes   int // of others, each between a read and the grant after it
}

func (d *desk) Customer(_ context.Context, brand, id string) (kyc.Customer, error) {
	if brand != d.customer.BrandID || id != d.customer.ID {
		return kyc.Customer{}, kyc.ErrCustomerUnknown()
	}
	c := d.customer
	c.Used = maps.Clone(c.Used)
	return c, d.do("read customer")
}

func (d *desk) GrantAttempts(_ context.Context, c kyc.Customer, programID string, used int, r kyc.AuditRecord) (bool, error) {
	d.with(r)
	if d.writes > 0 {
		d.writes--
		d.customer.Rev++
		d.customer.Used[programID]++ // as a worker's count does
	}
	if c.Rev != d.customer.Rev {
		return false, d.do("grant")
	}
	d.customer.Rev++
	d.customer.Used[programID] = used
	return true, d.do("grant")
}

func (d *desk) RetryRequests(_ context.Context, _ string, limit int) ([]kyc.RetryRequest, error) {
	return d.requests[:min(limit, len(d.requests))], d.do("list requests")
}

func (d *desk) DropRetryRequest(_ context.Context, pair kyc.Pair, r kyc.AuditRecord) error {
	d.with(r)
	d.dropped = append(d.dropped, pair)
	return d.do("drop request")
}

// open is a desk whose customer has used up the three attempts of the program.
func open(status kyc.Status) (*desk, *platform.Operation) {
	d := &desk{world: stocked(1), customer: kyc.Customer{
		BrandID: brandID, ID: customerID, Rev: 7, Used: map[string]int{newID: 3}, Attempts: map[string]kyc.Attempt{newID: {ID: "a", Status: status}},
	}}
	s := service(d.world)
	s.Grants = d
	return d, s
}

func TestGrantAttempts(t *testing.T) {
	pair := kyc.Pair{BrandID: brandID, CustomerID: customerID, ProgramID: newID}
	for name, c := range map[string]struct {
		used, attempts   int
		others           int
		after, available int
	}{
		"one more":                     {used: 3, attempts: 1, after: 2, available: 1},
		"more used than allowed":       {used: 9, attempts: 1, after: 2, available: 1},
		"more than the policy allows":  {used: 3, attempts: 10, after: -7, available: 10},
		"a customer who has more":      {used: 0, attempts: 1, after: 0, available: 3},
		"granted before":               {used: 2, attempts: 1, after: 2, available: 1},
		"beside writes of someone":     {used: 3, attempts: 1, others: 2, after: 2, available: 1},
		"a count that takes the grant": {used: 1, attempts: 2, others: 1, after: 1, available: 2},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := open(kyc.Failed)
			d.customer.Used[newID], d.writes = c.used, c.others
			want := platform.Granted{Pair: pair, Used: c.after, Available: c.available}
			for range 2 { // asking again is asking for the same
				got, err := s.GrantAttempts(t.Context(), brandID, customerID, newID, c.attempts)
				if diff := cmp.Diff(want, got); diff != "" || err != nil || d.customer.Used[newID] != c.after {
					t.Errorf("%d are used, err %v (-want +got):\n%s", d.customer.Used[newID], err, diff)
				}
			}
		})
	}
}

func TestGrantIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(d *desk, brand, customer, program *string, attempts *int)
		kind   kyc.Kind
		code   string
		fields []string
	}{
		"none at all":         {func(_ *desk, _, _, _ *string, n *int) { *n = 0 }, kyc.Invalid, "input_error", []string{"attempts"}},
		"too many":            {func(_ *desk, _, _, _ *string, n *int) { *n = 11 }, kyc.Invalid, "input_error", []string{"attempts"}},
		"all of it malformed": {func(_ *desk, b, c, p *string, n *int) { *b, *c, *p, *n = "", "42", "x", -1 }, kyc.Invalid, "input_error", []string{"attempts", "brand_id", "customer_id", "program_id"}},
		"unknown brand":       {func(_ *desk, b, _, _ *string, _ *int) { *b = newID }, kyc.NotFound, "invalid_reference", nil},
		"unknown customer":    {func(_ *desk, _, c, _ *string, _ *int) { *c = newID }, kyc.NotFound, "customer_dne", nil},
		"unknown program":     {func(_ *desk, _, _, p *string, _ *int) { *p = brandID }, kyc.NotFound, "invalid_program", nil},
		"never started":       {func(d *desk, _, _, _ *string, _ *int) { delete(d.customer.Attempts, newID) }, kyc.NotFound, "kyc_dne", nil},
		"others keep writing": {func(d *desk, _, _, _ *string, _ *int) { d.writes = 3 }, kyc.Unavailable, "kyc_error", nil},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := open(kyc.Failed)
			brand, customer, program, attempts := brandID, customerID, newID, 1
			c.change(d, &brand, &customer, &program, &attempts)
			used := d.customer.Used[newID] + d.writes
			_, err := s.GrantAttempts(t.Context(), brand, customer, program, attempts)
			refusal, ok := errors.AsType[*kyc.Error](err)
			if !ok || refusal.Kind != c.kind || refusal.Code != c.code || !slices.Equal(slices.Sorted(maps.Keys(refusal.Fields)), c.fields) {
				t.Errorf("refused as %+v", err)
			}
			if d.customer.Used[newID] != used || len(d.dropped) > 0 {
				t.Errorf("customer %+v, dropped %v", d.customer, d.dropped)
			}
		})
	}
}

// After a pass nobody can use another attempt: what was asked for before must not stay on the list for ever.
func TestGrantAfterAPassSettlesTheRequestAlone(t *testing.T) {
	d, s := open(kyc.Passed)
	_, err := s.GrantAttempts(t.Context(), brandID, customerID, newID, 1)
	if refusal, ok := errors.AsType[*kyc.Error](err); !ok || refusal.Code != "kyc_already_passed" || refusal.Extra["attempt_id"] != "a" {
		t.Errorf("refused as %+v", err)
	}
	if d.customer.Used[newID] != 3 || d.customer.Rev != 7 || !slices.Equal(d.dropped, []kyc.Pair{{BrandID: brandID, CustomerID: customerID, ProgramID: newID}}) {
		t.Errorf("customer %+v, dropped %v", d.customer, d.dropped)
	}
}

func TestListRetryRequests(t *testing.T) {
	for have, listed := range map[int]int{0: 0, 1000: 1000, 1001: 1000} {
		d, s := open(kyc.Failed)
		d.requests = make([]kyc.RetryRequest, have)
		if got, more, err := s.ListRetryRequests(t.Context(), brandID); len(got) != listed || more != (have > listed) || err != nil {
			t.Errorf("of %d, %d are listed, more %t, err %v", have, len(got), more, err)
		}
	}
	_, s := open(kyc.Failed)
	if _, _, err := s.ListRetryRequests(t.Context(), newID); kyc.KindOf(err) != kyc.NotFound {
		t.Errorf("of an unknown brand: %v", err)
	}
}

func TestFaultsOfGrantsAreHandedOn(t *testing.T) {
	for fail, status := range map[string]kyc.Status{
		"read brand": kyc.Failed, "read program": kyc.Failed, "read customer": kyc.Failed, "grant": kyc.Failed, "drop request": kyc.Passed,
	} {
		d, s := open(status)
		d.fail = fail
		if _, err := s.GrantAttempts(t.Context(), brandID, customerID, newID, 1); !errors.Is(err, errGone) {
			t.Errorf("failing: %s: %v", fail, err)
		}
	}
	d, s := open(kyc.Failed)
	d.fail = "list requests"
	if _, _, err := s.ListRetryRequests(t.Context(), brandID); !errors.Is(err, errGone) {
		t.Errorf("failing list: %v", err)
	}
}
