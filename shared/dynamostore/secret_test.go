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

func TestStackSecretIsKeptAsItWasWritten(t *testing.T) {
	tb := open(t)
	_, err := tb.PutStackSecret(t.Context(), []byte("one"))
	must(t, err)
	read := func() kyc.StackSecret {
		t.Helper()
		s, err := tb.StackSecret(t.Context())
		must(t, err)
		return s
	}
	s := read()
	if diff := cmp.Diff(kyc.StackSecret{Version: 1, Wrapped: []byte("one")}, s); diff != "" {
		t.Fatalf("the first (-want +got):\n%s", diff)
	}
	at := tb.clock.Now()
	steps := []kyc.StackSecret{s.Rotate([]byte("two"), at)}
	for range 4 {
		last := steps[len(steps)-1]
		if last.Sweeps() {
			last = last.SweptTo("cursor", 3)
			steps = append(steps, last)
			last = last.SweptTo("", 2)
			steps = append(steps, last)
		}
		at = at.Add(time.Hour)
		steps = append(steps, last.NextPhase(at))
	}
	for _, next := range steps {
		swept := next.Phase == s.Phase
		write := func() (bool, error) {
			if swept {
				return tb.NoteSwept(t.Context(), s, next)
			}
			return tb.AdvanceStackSecret(t.Context(), s, next, testbed.Record())
		}
		if ok, err := write(); err != nil || !ok {
			t.Fatalf("to %+v: %t, err %v", next, ok, err)
		}
		if diff := cmp.Diff(next, read()); diff != "" {
			t.Errorf("(-written +read):\n%s", diff)
		}
		tb.unchanged(t, func() {
			if ok, err := write(); ok || err != nil {
				t.Errorf("from what it is not any more: %t, err %v", ok, err)
			}
		})
		s = next
	}
	if s.Version != 2 || string(s.Wrapped) != "two" || s.Next != nil || s.Phase != "" {
		t.Errorf("at the end %+v", s)
	}
}

func TestProfilesAreAllRead(t *testing.T) {
	tb := open(t)
	var want []string
	for n := range 250 {
		brand := []string{brandID, otherBrand}[n%2]
		id := uuid.NewString()
		tb.mustCreate(t, brand, id, required)
		want = append(want, brand+" "+id)
	}
	var got []string
	cursor, pages := "", 0
	for more := true; more; more = cursor != "" {
		page, next, err := tb.Profiles(t.Context(), cursor)
		must(t, err)
		for _, c := range page {
			if diff := cmp.Diff(kyc.OnFile{Customer: kyc.Customer{BrandID: c.Customer.BrandID, ID: c.Customer.ID}, Profile: profile(), Version: 1}, c); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			got = append(got, c.Customer.BrandID+" "+c.Customer.ID)
		}
		cursor = next
		pages++
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || pages < 3 {
		t.Errorf("%d pages (-stored +read):\n%s", pages, diff)
	}
	for _, cursor := range []string{"*", "YQ"} {
		if _, _, err := tb.Profiles(t.Context(), cursor); err == nil {
			t.Errorf("the cursor %q leads somewhere", cursor)
		}
	}
}

func TestASweepGivesWayToAChange(t *testing.T) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	swept := kyc.OnFile{Customer: kyc.Customer{BrandID: brandID, ID: customerID}, Version: 1}
	holders := func(hash string) []string {
		t.Helper()
		ids, err := tb.CustomersWithSSN(t.Context(), brandID, hash, 10)
		must(t, err)
		return ids
	}
	for range 2 {
		must(t, tb.ChangeSSN(t.Context(), swept, kyc.SSNEntries{Add: []string{"new"}, Remove: []string{"old"}}))
		if got := holders("new"); !slices.Equal(got, []string{customerID}) {
			t.Errorf("found are %q", got)
		}
	}
	swept.Version = 7
	tb.unchanged(t, func() {
		must(t, tb.ChangeSSN(t.Context(), swept, kyc.SSNEntries{Add: []string{"newer"}, Remove: []string{"new"}}))
	})
}
