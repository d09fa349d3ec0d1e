package dynamostore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/dynamostore"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func (tb table) record(brand string) kyc.AuditRecord {
	return kyc.AuditRecord{
		ID: uuid.NewString(), At: tb.clock.Now(), Action: "revoke_key", BrandID: brand, Outcome: kyc.AuditDone, RequestID: "r", Actor: "Ada, by ticket 7",
		Identity: testbed.Identity, Changes: []kyc.AuditChange{{Name: "revoked", Before: "false", After: "true"}},
	}
}

// reading is the record of a document that was read.
func (tb table) reading() kyc.AuditRecord {
	return kyc.AuditRecord{
		ID: uuid.NewString(), At: tb.clock.Now(), Action: kyc.AuditReadDocument, BrandID: brandID, ProgramID: programID, CustomerID: customerID,
		AttemptID: testbed.AttemptID, DocumentID: testbed.DocumentID(kyc.GovernmentID), Side: kyc.Back, Outcome: kyc.AuditDone, RequestID: "r", AskedBy: testbed.Identity,
	}
}

// all lists a month's records page by page.
func (tb table) records(t *testing.T, brand string, month time.Time, limit int) []kyc.AuditRecord {
	t.Helper()
	var all []kyc.AuditRecord
	var before kyc.AuditPlace
	for {
		page, more, err := tb.Records(t.Context(), brand, month, before, limit)
		must(t, err)
		all = append(all, page...)
		if !more {
			return all
		}
		if len(page) != limit {
			t.Fatalf("a page of %d, and more behind it", len(page))
		}
		before = kyc.AuditPlace{At: page[limit-1].At, ID: page[limit-1].ID}
	}
}

func TestRecordsOfAMonthNewestFirst(t *testing.T) {
	tb := open(t)
	month := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	tb.clock.Move(month.Sub(tb.clock.Now()))
	var all, brands []kyc.AuditRecord
	for n := range 37 {
		r := tb.record("")
		switch n % 3 {
		case 0:
			r = tb.reading()
			brands = append(brands, r)
		case 1:
			r.BrandID, r.Changes, r.Actor = otherBrand, nil, ""
		}
		all = append(all, r)
		must(t, tb.through(dropFirst("PutItem", func() {})).KeepRecord(t.Context(), r))
		tb.clock.Move(time.Duration(n%2) * time.Hour) // two of each moment
	}
	for _, at := range []time.Time{month.Add(-time.Microsecond), month.AddDate(0, 1, 0)} { // of the months beside it
		r := tb.record(brandID)
		r.At = at
		must(t, tb.KeepRecord(t.Context(), r))
	}
	newest := func(a, b kyc.AuditRecord) int {
		return strings.Compare(kyc.FormatTime(b.At)+b.ID, kyc.FormatTime(a.At)+a.ID)
	}
	slices.SortFunc(all, newest)
	slices.SortFunc(brands, newest)
	for limit := range []int{1, 2, 12, 13, 37, 100} {
		if diff := cmp.Diff(all, tb.records(t, "", month, limit+1)); diff != "" {
			t.Errorf("all, %d at a time (-want +got):\n%s", limit+1, diff)
		}
		if diff := cmp.Diff(brands, tb.records(t, brandID, month, limit+1)); diff != "" {
			t.Errorf("a brand's, %d at a time (-want +got):\n%s", limit+1, diff)
		}
	}
	if got := tb.records(t, "", month.AddDate(0, 2, 0), 10); len(got) > 0 {
		t.Errorf("of a month without any: %+v", got)
	}
}

func TestAnActionHasOneRecord(t *testing.T) {
	tb := open(t)
	r := tb.record(brandID)
	month := time.Date(r.At.Year(), r.At.Month(), 1, 0, 0, 0, 0, time.UTC)
	only := func(outcome string) {
		t.Helper()
		want := r
		want.Outcome = outcome
		if diff := cmp.Diff([]kyc.AuditRecord{want}, tb.records(t, "", month, 10)); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	}
	for _, outcome := range []string{kyc.AuditBegun, kyc.AuditBegun, kyc.AuditDone} { // one that begins, and ends
		r.Outcome = outcome
		must(t, tb.KeepRecord(t.Context(), r))
		only(outcome)
	}
	r.Outcome = kyc.AuditFailed
	must(t, tb.KeepRecord(t.Context(), r))
	only(kyc.AuditDone)
}

// changes are all that an operator changes, on a brand with a program and a key pair, and a customer whose attempts are
// used up.
func (tb table) changes(t *testing.T) map[string]func(context.Context, *dynamostore.Store, kyc.AuditRecord) error {
	t.Helper()
	tb.newBrand(t, brandID)
	p := program(brandID, programID, tb.clock.Now())
	must(t, tb.CreateProgram(t.Context(), p, testbed.Record()))
	k := kyc.APIKey{BrandID: brandID, Identity: testbed.Identity, Name: "n", SecretHash: []byte("h"), Permissions: kyc.Permissions(), CreatedAt: tb.clock.Now()}
	must(t, tb.CreateKey(t.Context(), k, testbed.Record()))
	tb.newCustomer(t, customerID)
	customer := tb.run(t, tb.mustStart(t, tb.start(customerID, "")), kyc.Failed)
	request := tb.retry(brandID, customerID)
	_, err := tb.RequestRetry(t.Context(), request)
	must(t, err)
	done := func(done bool, err error) error {
		if err == nil && !done {
			err = fmt.Errorf("nothing was done")
		}
		return err
	}
	return map[string]func(context.Context, *dynamostore.Store, kyc.AuditRecord) error{
		"create brand": func(ctx context.Context, s *dynamostore.Store, r kyc.AuditRecord) error {
			return s.CreateBrand(ctx, kyc.Brand{ID: otherBrand, Name: "Other", CreatedAt: tb.clock.Now()}, []byte("wrapped"), r)
		},
		"create program": func(ctx context.Context, s *dynamostore.Store, r kyc.AuditRecord) error {
			return s.CreateProgram(ctx, program(brandID, program2, tb.clock.Now()), r)
		},
		"add policy": func(ctx context.Context, s *dynamostore.Store, r kyc.AuditRecord) error {
			next := p.Policy()
			next.Version++
			return done(s.AddPolicy(ctx, brandID, programID, next, r))
		},
		"create key": func(ctx context.Context, s *dynamostore.Store, r kyc.AuditRecord) error {
			other := k
			other.Identity = otherBrand
			return s.CreateKey(ctx, other, r)
		},
		"revoke key": func(ctx context.Context, s *dynamostore.Store, r kyc.AuditRecord) error {
			_, changed, err := s.RevokeKey(ctx, brandID, k.Identity, tb.clock.Now(), r)
			return done(changed, err)
		},
		"grant attempts": func(ctx context.Context, s *dynamostore.Store, r kyc.AuditRecord) error {
			return done(s.GrantAttempts(ctx, customer, programID, 0, r))
		},
		"drop retry request": func(ctx context.Context, s *dynamostore.Store, r kyc.AuditRecord) error {
			return s.DropRetryRequest(ctx, request.Pair, r)
		},
	}
}

// Wherever a change is cut short, what it changes and its record are both there or neither is; and an action that was put
// on record as failed can change nothing any more.
func TestChangeAndRecordAreOne(t *testing.T) {
	cut := map[string]func(pass func() testbed.Answer) testbed.Answer{
		"whole": func(pass func() testbed.Answer) testbed.Answer { return pass() },
		"cut before it": func(func() testbed.Answer) testbed.Answer {
			return testbed.Refused(`{"__type":"com.amazonaws#ValidationException"}`)
		},
		"its answer is lost": func(pass func() testbed.Answer) testbed.Answer {
			pass()
			return testbed.Refused(`{"__type":"com.amazonaws#ValidationException"}`)
		},
	}
	for name := range open(t).changes(t) {
		for when, hand := range cut {
			t.Run(name+", "+when, func(t *testing.T) {
				tb := open(t)
				change := tb.changes(t)[name]
				before := tb.snapshot(t)
				r := tb.record(brandID)
				store := tb.through(func(request testbed.Request, pass func() testbed.Answer) testbed.Answer {
					if request.Operation != "TransactWriteItems" {
						return pass()
					}
					return hand(pass)
				})
				if err := change(t.Context(), store, r); (err == nil) != (when == "whole") {
					t.Fatalf("err %v", err)
				}
				tb.oneOrNeither(t, before, r, when != "cut before it")
				failed := r
				failed.Outcome = kyc.AuditFailed
				must(t, tb.KeepRecord(t.Context(), failed))
				tb.unchanged(t, func() {
					if err := change(t.Context(), tb.Store, r); err == nil {
						t.Error("a change happened that is on record already")
					}
				})
			})
		}
	}
}

// oneOrNeither holds that both the change and its record have come since before, or neither.
func (tb table) oneOrNeither(t *testing.T, before map[string]map[string]any, r kyc.AuditRecord, happened bool) {
	t.Helper()
	recorded, changed := false, false
	after := tb.snapshot(t)
	for key := range after {
		switch {
		case cmp.Equal(before[key], after[key], sets):
		case strings.HasPrefix(key, "audit#") && strings.HasSuffix(key, r.ID):
			recorded = true
		default:
			changed = true
		}
	}
	for key := range before {
		changed = changed || after[key] == nil
	}
	if recorded != happened || changed != happened {
		t.Errorf("recorded %t, changed %t, want %t", recorded, changed, happened)
	}
}
