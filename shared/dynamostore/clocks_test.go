package dynamostore_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/dynamostore"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

// brands makes two brands.
func (tb bench) brands(t *testing.T) {
	t.Helper()
	for _, id := range []string{brandID, otherBrand} {
		must(t, tb.CreateBrand(t.Context(), kyc.Brand{ID: id, Name: "Example", CreatedAt: tb.clock.Now()}, []byte("wrapped"), testbed.Record()))
	}
}

func (tb bench) ahead(t *testing.T, brandID string, want time.Duration) {
	t.Helper()
	if got, err := tb.Ahead(t.Context(), brandID); err != nil || got != want {
		t.Errorf("brand %s is %v ahead, want %v; err %v", brandID, got, want, err)
	}
}

func (tb bench) dueClocks(t *testing.T, want ...kyc.MovedClock) {
	t.Helper()
	got, err := tb.DueClocks(t.Context(), tb.clock.Now(), 10)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("clocks due, err %v (-want +got):\n%s", err, diff)
	}
}

func testClockMovesFromWhereItIsSeen(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.brands(t)
	move := func(brandID string, from, to time.Duration, want bool) {
		t.Helper()
		if moved, err := tb.MoveClock(t.Context(), brandID, from, to, tb.clock.Now()); err != nil || moved != want {
			t.Errorf("%v to %v: %t, want %t; err %v", from, to, moved, want, err)
		}
	}
	tb.ahead(t, brandID, 0)
	tb.unchanged(t, func() { move(brandID, time.Hour, 2*time.Hour, false) })
	move(brandID, 0, time.Hour, true)
	tb.unchanged(t, func() {
		move(brandID, 0, 2*time.Hour, false)
		move(brandID, 2*time.Hour, 3*time.Hour, false)
	})
	move(brandID, time.Hour, kyc.MaxAhead, true)
	tb.ahead(t, brandID, kyc.MaxAhead)
	tb.ahead(t, otherBrand, 0)

	tb.unchanged(t, func() {
		for name, c := range map[string]struct {
			brandID  string
			from, to time.Duration
		}{"backward": {brandID, kyc.MaxAhead, time.Hour}, "not at all": {brandID, kyc.MaxAhead, kyc.MaxAhead}, "of no brand": {uuid.NewString(), 0, time.Hour}} {
			if moved, err := tb.MoveClock(t.Context(), c.brandID, c.from, c.to, tb.clock.Now()); err == nil || moved {
				t.Errorf("a clock was moved %s", name)
			}
		}
	})
}

// Each of many movers from the same place sees the same clock; the one that moves it is told so, and no other, though
// they all ask for the same.
func testClockIsMovedByOneOfMany(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.brands(t)
	moved := make([]bool, 20)
	atOnce(len(moved), func(i int) {
		var err error
		if moved[i], err = tb.MoveClock(t.Context(), brandID, 0, time.Hour, tb.clock.Now()); err != nil {
			t.Error(err)
		}
	})
	if n := len(slices.DeleteFunc(moved, func(m bool) bool { return !m })); n != 1 {
		t.Errorf("%d movers were told that it was them", n)
	}
	tb.ahead(t, brandID, time.Hour)
}

func TestLostAnswerMovesAClockOnce(t *testing.T) {
	tb := open(t)
	tb.brands(t)
	store := tb.through(dropFirst("TransactWriteItems", func() {}))
	if moved, err := store.MoveClock(t.Context(), brandID, 0, time.Hour, tb.clock.Now()); err != nil || !moved {
		t.Errorf("moved %t, err %v", moved, err)
	}
	tb.ahead(t, brandID, time.Hour)
}

func testClocksAlarmStaysUntilItIsSettled(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.brands(t)
	_, err := tb.MoveClock(t.Context(), brandID, 0, time.Hour, tb.clock.Now().Add(time.Minute))
	must(t, err)
	tb.dueClocks(t)
	tb.clock.Move(time.Minute)
	seen := kyc.MovedClock{BrandID: brandID, Ahead: time.Hour}
	tb.dueClocks(t, seen)
	if refs, err := tb.Due(t.Context(), tb.clock.Now(), 10); len(refs) != 0 || err != nil {
		t.Errorf("a clock was taken for customers %v; err %v", refs, err)
	}

	_, err = tb.MoveClock(t.Context(), brandID, time.Hour, 2*time.Hour, tb.clock.Now())
	must(t, err)
	must(t, tb.SettleClock(t.Context(), seen)) // moved again since
	seen.Ahead = 2 * time.Hour
	tb.dueClocks(t, seen)
	must(t, tb.SettleClock(t.Context(), seen))
	tb.dueClocks(t)
	tb.ahead(t, brandID, 2*time.Hour)
}

func testBrandAlarmsAreThoseOfOneBrand(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.brands(t)
	now := tb.clock.Now()
	alarm := func(brandID string, at time.Time) string {
		c := blank(now)
		c.BrandID, c.ID, c.DueAt = brandID, uuid.NewString(), at
		must(t, tb.SetCustomer(t.Context(), c))
		return c.ID
	}
	var early, late []string
	for i := range 40 { // more than there are shards
		alarm(otherBrand, now.Add(time.Duration(i)*time.Minute))
		alarm(brandID, time.Time{})
		early = append(early, alarm(brandID, now.Add(-time.Duration(i)*time.Minute)))
		late = append(late, alarm(brandID, now.Add(time.Microsecond+time.Duration(i)*time.Minute)))
	}
	for after, want := range map[time.Time][]string{{}: slices.Concat(early, late), now: late, now.Add(time.Hour): nil} {
		var got []string
		for ref, err := range tb.BrandAlarms(t.Context(), brandID, after) {
			must(t, err)
			if ref.BrandID != brandID {
				t.Errorf("an alarm of brand %s", ref.BrandID)
			}
			got = append(got, ref.CustomerID)
		}
		slices.Sort(got)
		if diff := cmp.Diff(slices.Sorted(slices.Values(want)), got); diff != "" {
			t.Errorf("alarms after %v (-want +got):\n%s", after, diff)
		}
	}
}

func TestBrandAlarmsOfAStrangeTable(t *testing.T) {
	tb := open(t)
	now := tb.clock.Now()
	c := blank(now)
	c.DueAt = now.Add(2 * time.Hour)
	must(t, tb.SetCustomer(t.Context(), c))
	tb.bed.Put(t, map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "stranger"}, "sk": &types.AttributeValueMemberS{Value: "stranger"},
		"due_shard": &types.AttributeValueMemberS{Value: fmt.Sprint("due#", dynamostore.DueShard(c.ID))}, "due_at": &types.AttributeValueMemberS{Value: kyc.FormatTime(now.Add(time.Hour))},
	})
	var got []string
	for ref, err := range tb.BrandAlarms(t.Context(), brandID, now) {
		must(t, err)
		got = append(got, ref.CustomerID)
	}
	if !slices.Equal(got, []string{c.ID}) {
		t.Errorf("alarms of %v", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range tb.BrandAlarms(ended, brandID, now) {
		if err == nil {
			t.Error("listed without asking")
		}
	}
}

func testRingBringsAnAlarmForward(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	now := tb.clock.Now()
	ref := kyc.CustomerRef{BrandID: brandID, CustomerID: customerID}
	for name, c := range map[string]struct{ at, want time.Time }{
		"later":       {now.Add(time.Microsecond), now},
		"now":         {now, now},
		"earlier":     {now.Add(-time.Hour), now.Add(-time.Hour)},
		"not at all":  {time.Time{}, time.Time{}},
		"years later": {now.Add(kyc.MaxAhead), now},
	} {
		before := blank(now)
		before.DueAt = c.at
		must(t, tb.SetCustomer(t.Context(), before))
		must(t, tb.Ring(t.Context(), ref, now))
		after := tb.read(t, customerID)
		if raised := after.Rev > before.Rev; !after.DueAt.Equal(c.want) || raised == c.want.Equal(c.at) {
			t.Errorf("%s: the alarm is at %v, want %v; rev %d after %d", name, after.DueAt, c.want, after.Rev, before.Rev)
		}
	}
	must(t, tb.Ring(t.Context(), kyc.CustomerRef{BrandID: brandID, CustomerID: uuid.NewString()}, now))
}

// A sandbox stage reads the clock with each request: one small item, consistently, so that a move is seen at once.
func TestClockIsReadInOneConsistentCall(t *testing.T) {
	tb := open(t)
	tb.brands(t)
	var calls []string
	store := tb.through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		calls = append(calls, fmt.Sprint(r.Operation, " ", bytes.Contains(r.Body, []byte(`"ConsistentRead":true`))))
		return pass()
	})
	for _, want := range []time.Duration{0, time.Hour} {
		calls = nil
		if got, err := store.Ahead(t.Context(), brandID); err != nil || got != want || !slices.Equal(calls, []string{"GetItem true"}) {
			t.Errorf("%v ahead, want %v; err %v, calls %q", got, want, err, calls)
		}
		_, err := tb.MoveClock(t.Context(), brandID, 0, time.Hour, tb.clock.Now())
		must(t, err)
	}
}
