package dynamostore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/kyc"
)

// update is a change of the e-mail address of the customer as it was seen.
func (tb bench) update(seen kyc.Customer) kyc.Update {
	present := append(slices.Clone(required), kyc.Email)
	slices.Sort(present)
	return kyc.Update{
		Customer: seen, Present: present, Alarm: tb.clock.Now().Add(kyc.AlarmDelay),
		Profile: kyc.Sealed{Key: []byte("wrapped"), Fields: map[kyc.Field][]byte{kyc.SSN: []byte("sealed"), kyc.Email: []byte("new")}},
		Changes: append(slices.Clone(seen.Changes), kyc.ProfileChange{
			Version: seen.ProfileVersion + 1, At: tb.clock.Now(), Fields: []kyc.Field{kyc.PhysicalAddress, kyc.Email},
		}),
	}
}

func (tb bench) mustUpdate(t *testing.T, up kyc.Update) kyc.Customer {
	t.Helper()
	if done, err := tb.UpdateProfile(t.Context(), up); err != nil || !done {
		t.Fatalf("update: done %t, err %v", done, err)
	}
	return tb.read(t, up.Customer.ID)
}

func testUpdateProfile(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	want := tb.newCustomer(t, customerID)
	for version := 2; version <= 3; version++ {
		up := tb.update(want)
		up.SSN = kyc.SSNEntries{Add: []string{fmt.Sprint("hash ", version)}, Remove: []string{fmt.Sprint("hash ", version-1)}}
		want.Rev, want.ProfileVersion, want.Versions = version, version, map[string]int{kyc.OfProfile: version}
		want.Present, want.Changes, want.DueAt = up.Present, up.Changes, up.Alarm
		if diff := cmp.Diff(want, tb.mustUpdate(t, up)); diff != "" {
			t.Errorf("customer (-want +got):\n%s", diff)
		}
		c, sealed, err := tb.CustomerAndProfile(t.Context(), brandID, customerID)
		must(t, err)
		alone, stored, err := tb.Profile(t.Context(), brandID, customerID)
		must(t, err)
		if diff := cmp.Diff(want, c) + cmp.Diff(up.Profile, sealed) + cmp.Diff(up.Profile, alone); diff != "" || stored != version {
			t.Errorf("profile %d of version %d (-want +got):\n%s", stored, version, diff)
		}
		for hash, n := range map[string]int{up.SSN.Add[0]: 1, up.SSN.Remove[0]: 0} {
			if found, err := tb.CustomersWithSSN(t.Context(), brandID, hash, 10); err != nil || len(found) != n {
				t.Errorf("version %d: found by %s are %v, err %v", version, hash, found, err)
			}
		}
		tb.clock.Move(time.Second)
	}

	must(t, tb.NoteRelayed(t.Context(), want, kyc.Note{ProgramID: kyc.OfProfile, To: 3, Settled: true}))
	noted := tb.read(t, customerID)
	if noted.Unrelayed(kyc.OfProfile) || !noted.DueAt.IsZero() {
		t.Errorf("noted: %+v", noted)
	}
	up := tb.update(noted)
	up.Changes, up.Alarm = up.Changes[2:], time.Time{}
	if c := tb.mustUpdate(t, up); len(c.Changes) != 1 || !c.Unrelayed(kyc.OfProfile) || !c.DueAt.IsZero() {
		t.Errorf("updated once more: %+v", c)
	}
}

func testUpdateIsRefused(t *testing.T, open func(testing.TB) bench) {
	for name, between := range map[string]func(*testing.T, bench, kyc.Customer){
		"behind a start":        func(t *testing.T, tb bench, _ kyc.Customer) { tb.mustStart(t, tb.start(customerID, "")) },
		"behind another update": func(t *testing.T, tb bench, seen kyc.Customer) { tb.mustUpdate(t, tb.update(seen)) },
		"behind a note": func(t *testing.T, tb bench, c kyc.Customer) {
			must(t, tb.NoteRelayed(t.Context(), c, kyc.Note{ProgramID: programID, To: 1}))
		},
		"behind an alarm's move": func(t *testing.T, tb bench, c kyc.Customer) { must(t, tb.MoveAlarm(t.Context(), c, tb.clock.Now())) },
		"behind a pass and learn": func(t *testing.T, tb bench, _ kyc.Customer) {
			a := tb.advance(t, tb.mustClaim(t, tb.mustStart(t, tb.start(customerID, ""))), kyc.Passed)
			a.Learned, a.Present = kyc.Sealed{Key: []byte("wrapped"), Fields: map[kyc.Field][]byte{kyc.SSN: []byte("learned")}}, required
			tb.mustAdvance(t, a)
		},
	} {
		t.Run(name, func(t *testing.T) {
			tb := open(t)
			seen := tb.newCustomer(t, customerID)
			between(t, tb, seen)
			stranger, ghost := tb.read(t, customerID), tb.read(t, customerID)
			stranger.BrandID, ghost.ID = otherBrand, uuid.NewString()
			tb.unchanged(t, func() {
				for _, c := range []kyc.Customer{seen, stranger, ghost} {
					up := tb.update(c)
					up.SSN.Add = []string{"hash"}
					if done, err := tb.UpdateProfile(t.Context(), up); err != nil || done {
						t.Errorf("done %t, err %v", done, err)
					}
				}
			})
			tb.mustUpdate(t, tb.update(tb.read(t, customerID)))
		})
	}
}

func testOneUpdateWins(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	seen := tb.newCustomer(t, customerID)
	won := make([]bool, 20)
	atOnce(len(won), func(i int) {
		var err error
		if won[i], err = tb.UpdateProfile(t.Context(), tb.update(seen)); err != nil {
			t.Error(err)
		}
	})
	if n := len(slices.DeleteFunc(won, func(w bool) bool { return !w })); n != 1 {
		t.Errorf("%d updates won", n)
	}
	if c := tb.read(t, customerID); c.ProfileVersion != 2 || c.Rev != 2 {
		t.Errorf("customer %+v", c)
	}
}
