package dynamostore_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"kyc/shared/dynamostore"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestCreateCustomer(t *testing.T) {
	tb := open(t)
	created := tb.newCustomer(t, customerID)
	want := kyc.Customer{
		BrandID: brandID, ID: customerID, CreatedAt: tb.clock.Now(), Present: slices.Sorted(slices.Values(required)), ProfileVersion: 1, Rev: 1,
	}
	if diff := cmp.Diff(want, created, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("customer (-want +got):\n%s", diff)
	}
	c, sealed, err := tb.CustomerAndProfile(t.Context(), brandID, customerID)
	must(t, err)
	if diff := cmp.Diff(created, c) + cmp.Diff(profile(), sealed); diff != "" {
		t.Errorf("read at once:\n%s", diff)
	}

	t.Run("twice is refused", func(t *testing.T) {
		again := kyc.Customer{BrandID: brandID, ID: customerID, CreatedAt: tb.clock.Now().Add(time.Hour), Present: required}
		tb.unchanged(t, func() {
			if _, err := tb.CreateCustomer(t.Context(), kyc.NewCustomer{Customer: again, Profile: profile()}); err == nil {
				t.Error("a second customer got the id")
			}
		})
	})
	t.Run("twice is refused when the first call is forgotten", func(t *testing.T) {
		taken := blank(tb.clock.Now())
		taken.ID = uuid.NewString()
		must(t, tb.SetCustomer(t.Context(), taken))
		tb.unchanged(t, func() {
			if _, err := tb.CreateCustomer(t.Context(), kyc.NewCustomer{Customer: taken, Profile: profile()}); err == nil {
				t.Error("a second customer got the id")
			}
		})
	})
	t.Run("another brand's looks unknown", func(t *testing.T) {
		_, err1 := tb.Customer(t.Context(), otherBrand, customerID)
		_, _, err2 := tb.Profile(t.Context(), otherBrand, customerID)
		_, _, err3 := tb.CustomerAndProfile(t.Context(), otherBrand, customerID)
		_, _, err4 := tb.CustomerAndProfile(t.Context(), brandID, uuid.NewString())
		for _, err := range []error{err1, err2, err3, err4} {
			if diff := cmp.Diff(error(kyc.ErrCustomerUnknown()), err); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	})
}

func testKeyOfAnArchivedAttemptTellsItsState(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	first := tb.mustStart(t, tb.start(customerID, "key"))
	tb.run(t, first, kyc.Failed)
	second := tb.mustStart(t, tb.start(customerID, ""))
	c := tb.read(t, customerID)
	must(t, tb.ArchiveAttempt(t.Context(), brandID, customerID, programID, c.Previous[programID]))
	must(t, tb.NoteRelayed(t.Context(), c, kyc.Note{ProgramID: programID, To: 3, Archived: first.Attempt.ID}))
	tb.run(t, second, kyc.Failed)
	tb.mustStart(t, tb.start(customerID, ""))
	s := tb.start(customerID, "key")
	stood, err := tb.OpenAttempt(t.Context(), s)
	if err != nil || stood == nil || stood.Key == nil {
		t.Fatalf("stood %+v, err %v", stood, err)
	}
	if refusal := s.Refusal(stood.Customer, stood.Key); refusal.Extra["attempt_id"] != first.Attempt.ID || refusal.Extra["kyc_status"] != "failed" {
		t.Errorf("refused as %+v", refusal)
	}
}

func testOneClaimWins(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	s := tb.mustStart(t, tb.start(customerID, ""))
	for fence := 1; fence <= 3; fence++ {
		now := tb.clock.Now()
		won := make([]bool, 20)
		atOnce(len(won), func(i int) {
			c, stood, err := tb.Claim(t.Context(), work(s), now, now.Add(lease))
			switch won[i] = stood == nil; {
			case err != nil:
				t.Error(err)
			case won[i] && (c.Attempts[programID].Fence != fence || !c.Attempts[programID].LeaseUntil.Equal(now.Add(lease))):
				t.Errorf("claimed %+v", c)
			case !won[i] && (stood.Customer == nil || stood.Customer.Attempts[programID].Fence != fence || stood.Customer.Attempts[programID].ID != s.Attempt.ID):
				t.Errorf("refused by %+v", stood)
			}
		})
		if n := len(slices.DeleteFunc(won, func(w bool) bool { return !w })); n != 1 {
			t.Errorf("%d claims won", n)
		}
		tb.clock.Move(lease) // at its very end it can be taken over
	}
	if c := tb.read(t, customerID); c.Versions[programID] != 1 || c.Attempts[programID].Fence != 3 {
		t.Errorf("customer %+v", c)
	}
}

func testClaimIsRefused(t *testing.T, open func(testing.TB) bench) {
	for name, c := range map[string]func(*testing.T, bench, kyc.Start) kyc.Work{
		"while a lease is live": func(t *testing.T, tb bench, s kyc.Start) kyc.Work {
			tb.mustClaim(t, s)
			tb.clock.Move(lease - time.Microsecond)
			return work(s)
		},
		"of an attempt that has passed":      func(t *testing.T, tb bench, s kyc.Start) kyc.Work { tb.run(t, s, kyc.Passed); return work(s) },
		"of an attempt that wants documents": func(t *testing.T, tb bench, s kyc.Start) kyc.Work { tb.run(t, s, kyc.DocumentRequired); return work(s) },
		"of an attempt that was replaced": func(t *testing.T, tb bench, s kyc.Start) kyc.Work {
			tb.run(t, s, kyc.Failed)
			tb.mustStart(t, tb.start(customerID, ""))
			return work(s)
		},
		"in another program": func(_ *testing.T, _ bench, s kyc.Start) kyc.Work {
			w := work(s)
			w.ProgramID = program2
			return w
		},
		"by another brand": func(_ *testing.T, _ bench, s kyc.Start) kyc.Work {
			w := work(s)
			w.BrandID = otherBrand
			return w
		},
	} {
		t.Run(name, func(t *testing.T) {
			tb := open(t)
			tb.newCustomer(t, customerID)
			w := c(t, tb, tb.mustStart(t, tb.start(customerID, "")))
			tb.unchanged(t, func() {
				_, stood, err := tb.Claim(t.Context(), w, tb.clock.Now(), tb.clock.Now().Add(lease))
				if err != nil || stood == nil || (stood.Customer == nil) != (w.BrandID == otherBrand) {
					t.Errorf("stood %+v, err %v", stood, err)
				}
			})
		})
	}
}

func testAdvanceAttempt(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	s := tb.mustStart(t, tb.start(customerID, ""))
	claimed := tb.mustClaim(t, s)
	tb.clock.Move(time.Second)
	a := tb.advance(t, claimed, kyc.Failed)
	tb.mustAdvance(t, a)
	want := claimed
	want.Attempts = map[string]kyc.Attempt{programID: a.To}
	want.Used = map[string]int{programID: 1}
	want.Ended = map[string]time.Time{programID: tb.clock.Now()}
	want.Versions = map[string]int{programID: 2}
	want.Rev, want.DueAt = claimed.Rev+1, a.Alarm
	for range 2 { // and once more, as when the answer was lost
		if diff := cmp.Diff(want, tb.read(t, customerID), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("customer (-want +got):\n%s", diff)
		}
		tb.mustAdvance(t, a)
	}
}

func testAdvanceIsRefused(t *testing.T, open func(testing.TB) bench) {
	learned := kyc.Sealed{Key: []byte("k"), Fields: map[kyc.Field][]byte{kyc.SSN: []byte("learned")}}
	cases := map[string]func(*testing.T, bench, kyc.Start, *kyc.Advance){
		"with an old fence": func(t *testing.T, tb bench, s kyc.Start, _ *kyc.Advance) {
			tb.clock.Move(lease)
			tb.mustClaim(t, s)
		},
		"with a fence of nobody's":   func(_ *testing.T, _ bench, _ kyc.Start, a *kyc.Advance) { a.From.Fence++ },
		"from another state":         func(_ *testing.T, _ bench, _ kyc.Start, a *kyc.Advance) { a.From.Status = kyc.UnderReview },
		"from another attempt":       func(_ *testing.T, _ bench, _ kyc.Start, a *kyc.Advance) { a.From.ID = uuid.NewString() },
		"from another state_version": func(_ *testing.T, _ bench, _ kyc.Start, a *kyc.Advance) { a.Version++ },
		"of another brand's":         func(_ *testing.T, _ bench, _ kyc.Start, a *kyc.Advance) { a.BrandID = otherBrand },
		"a second time": func(t *testing.T, tb bench, _ kyc.Start, a *kyc.Advance) {
			tb.mustAdvance(t, tb.advance(t, tb.read(t, customerID), kyc.UnderReview))
		},
		"when the identity was changed": func(t *testing.T, tb bench, _ kyc.Start, _ *kyc.Advance) {
			c := tb.read(t, customerID)
			c.ProfileVersion++
			must(t, tb.SetCustomer(t.Context(), c))
		},
		"by a sandbox's result on a live attempt": func(t *testing.T, tb bench, _ kyc.Start, _ *kyc.Advance) {
			c := tb.read(t, customerID)
			a := c.Attempts[programID]
			a.Mode = kyc.Live
			c.Attempts[programID] = a
			must(t, tb.SetCustomer(t.Context(), c))
		},
		"by no result at all on a live attempt": func(t *testing.T, tb bench, _ kyc.Start, a *kyc.Advance) {
			c := tb.read(t, customerID)
			live := c.Attempts[programID]
			live.Mode = kyc.Live
			c.Attempts[programID] = live
			must(t, tb.SetCustomer(t.Context(), c))
			a.To.Results = nil
		},
		"by one sandbox's result among live ones": func(t *testing.T, tb bench, _ kyc.Start, a *kyc.Advance) {
			c := tb.read(t, customerID)
			live := c.Attempts[programID]
			live.Mode = kyc.Live
			c.Attempts[programID] = live
			must(t, tb.SetCustomer(t.Context(), c))
			a.To.Results = append([]kyc.Result{{Check: kyc.CheckOFAC, Passed: true, Provider: "p", Mode: kyc.Live}}, a.To.Results...)
		},
	}
	for name, change := range cases {
		for _, learn := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", with a profile"}[learn], func(t *testing.T) {
				tb := open(t)
				tb.newCustomer(t, customerID)
				s := tb.mustStart(t, tb.start(customerID, ""))
				a := tb.advance(t, tb.mustClaim(t, s), kyc.Passed)
				if learn {
					a.Learned, a.Present = learned, required
				}
				change(t, tb, s, &a)
				tb.unchanged(t, func() {
					if stood, err := tb.AdvanceAttempt(t.Context(), a); err != nil || stood == nil {
						t.Errorf("stood %+v, err %v", stood, err)
					}
				})
			})
		}
	}
}

// A live result may decide a sandbox's attempt: only the other way round is a stub taken for a pass.
func testLiveResultsDecideEveryAttempt(t *testing.T, open func(testing.TB) bench) {
	for _, mode := range []kyc.Mode{kyc.Sandbox, kyc.Live} {
		tb := open(t)
		tb.newCustomer(t, customerID)
		s := tb.start(customerID, "")
		s.Attempt.Mode = mode
		a := tb.advance(t, tb.mustClaim(t, tb.mustStart(t, s)), kyc.Passed)
		a.To.Results[0].Mode = kyc.Live
		tb.mustAdvance(t, a)
	}
}

func TestPassAndLearnedFieldsAreOneWrite(t *testing.T) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	s := tb.mustStart(t, tb.start(customerID, ""))
	claimed := tb.mustClaim(t, s)
	a := tb.advance(t, claimed, kyc.Passed)
	a.Learned = kyc.Sealed{Key: []byte("wrapped"), Fields: map[kyc.Field][]byte{kyc.SSN: []byte("learned"), kyc.Email: []byte("new")}}
	a.Present = append(slices.Clone(required), kyc.Email)

	t.Run("not at all when the profile alone has changed", func(t *testing.T) {
		stale := a
		stale.ProfileVersion = 2
		c := tb.read(t, customerID)
		c.ProfileVersion = 2 // but the profile itself is at 1
		must(t, tb.SetCustomer(t.Context(), c))
		tb.unchanged(t, func() {
			if stood, err := tb.AdvanceAttempt(t.Context(), stale); err != nil || stood == nil || stood.Customer == nil {
				t.Errorf("stood %+v, err %v", stood, err)
			}
		})
		must(t, tb.SetCustomer(t.Context(), claimed))
	})
	t.Run("not at all when the tries are used up", func(t *testing.T) {
		store := tb.through(func(testbed.Request, func() testbed.Answer) testbed.Answer { return testbed.Contended() })
		tb.unchanged(t, func() {
			if stood, err := store.AdvanceAttempt(t.Context(), a); err == nil || stood != nil {
				t.Errorf("stood %+v, err %v", stood, err)
			}
		})
	})
	t.Run("both, once, though the answer is lost", func(t *testing.T) {
		store := tb.through(dropFirst("TransactWriteItems", func() {}))
		if stood, err := store.AdvanceAttempt(t.Context(), a); err != nil || stood != nil {
			t.Fatalf("stood %+v, err %v", stood, err)
		}
		c, sealed, err := tb.CustomerAndProfile(t.Context(), brandID, customerID)
		must(t, err)
		_, version, err := tb.Profile(t.Context(), brandID, customerID)
		must(t, err)
		if c.Attempts[programID].Status != kyc.Passed || c.Versions[programID] != 2 || c.ProfileVersion != 2 || version != 2 ||
			!slices.Equal(c.Present, slices.Sorted(slices.Values(a.Present))) || !cmp.Equal(sealed, a.Learned) {
			t.Errorf("customer %+v, profile %d %+v", c, version, sealed)
		}
	})
}

// An Advance whose answer was lost is refused by its own effect: whoever asked must find the state that it wanted.
func TestLostAnswerOfAdvanceHappenedOnce(t *testing.T) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	a := tb.advance(t, tb.mustClaim(t, tb.mustStart(t, tb.start(customerID, ""))), kyc.Failed)
	stood, err := tb.through(dropFirst("UpdateItem", func() {})).AdvanceAttempt(t.Context(), a)
	must(t, err)
	c := tb.read(t, customerID)
	if stood != nil || c.Versions[programID] != 2 || c.Used[programID] != 1 || c.Attempts[programID].Status != kyc.Failed {
		t.Errorf("stood %+v, customer %+v", stood, c)
	}
}

func TestLostAnswerOfAClaimIsItsOwn(t *testing.T) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	s := tb.mustStart(t, tb.start(customerID, ""))
	now := tb.clock.Now()
	c, stood, err := tb.through(dropFirst("UpdateItem", func() {})).Claim(t.Context(), work(s), now, now.Add(lease))
	must(t, err)
	if stood != nil || c.Attempts[programID].Fence != 1 || !cmp.Equal(c, tb.read(t, customerID)) {
		t.Errorf("stood %+v, customer %+v", stood, c)
	}
	if _, stood, err := tb.Claim(t.Context(), work(s), now, now.Add(lease)); err != nil || stood == nil {
		t.Errorf("another worker, at the same moment: stood %+v, err %v", stood, err)
	}
}

func testNoteRelayed(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	s := tb.mustStart(t, tb.start(customerID, ""))
	note := func(c kyc.Customer, version int, settled bool) kyc.Customer {
		t.Helper()
		must(t, tb.NoteRelayed(t.Context(), c, kyc.Note{ProgramID: programID, To: version, Settled: settled}))
		return tb.read(t, customerID)
	}
	seen := tb.run(t, s, kyc.Failed)
	c := note(seen, 2, false)
	if c.Relayed[programID] != 2 || c.Rev != seen.Rev+1 || !c.DueAt.Equal(seen.DueAt) {
		t.Errorf("noted: %+v", c)
	}
	for _, version := range []int{1, 2} {
		if again := note(c, version, false); !cmp.Equal(c, again) {
			t.Errorf("noting %d after 2 changed something:\n%s", version, cmp.Diff(c, again))
		}
	}

	tb.mustStart(t, tb.start(customerID, ""))
	now := tb.read(t, customerID)
	if c = note(seen, 3, true); c.Relayed[programID] != 3 || !c.DueAt.Equal(now.DueAt) {
		t.Errorf("a note of someone who has not seen the newest write moved its alarm: %+v", c)
	}
	s.Attempt = c.Attempts[programID]
	seen = tb.run(t, s, kyc.Passed)
	if c = note(seen, 4, true); c.Relayed[programID] != 4 || !c.DueAt.IsZero() {
		t.Errorf("settled: %+v", c)
	}
	if due, err := tb.Due(t.Context(), tb.clock.Now().Add(time.Hour), 10); err != nil || len(due) != 0 {
		t.Errorf("settled and due: %v, err %v", due, err)
	}
	if len(c.Previous) != 1 {
		t.Fatalf("a note that names no archived attempt removed one: %+v", c)
	}
	replaced := c.Previous[programID].ID
	must(t, tb.NoteRelayed(t.Context(), c, kyc.Note{ProgramID: programID, From: 4, To: 5, Archived: "another"}))
	if c = tb.read(t, customerID); len(c.Previous) != 1 || c.Relayed[programID] != 5 {
		t.Errorf("the note of another attempt: %+v", c)
	}
	must(t, tb.NoteRelayed(t.Context(), seen, kyc.Note{ProgramID: programID, From: 5, To: 6, Archived: replaced, Settled: true}))
	if c = tb.read(t, customerID); len(c.Previous) != 0 || c.Relayed[programID] != 6 {
		t.Errorf("archived: %+v", c)
	}
	ghost := blank(tb.clock.Now())
	ghost.ID = uuid.NewString()
	tb.unchanged(t, func() {
		must(t, tb.NoteRelayed(t.Context(), ghost, kyc.Note{ProgramID: programID, To: 1, Settled: true}))
	})
	tb.unchanged(t, func() {
		must(t, tb.NoteRelayed(t.Context(), c, kyc.Note{ProgramID: programID, From: 7, To: 8, Settled: true}))
	}) // 7 was not noted
}

func testRecordLate(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	for _, place := range []string{"on its customer", "replaced", "in the archive"} {
		t.Run(place, func(t *testing.T) {
			id := uuid.NewString()
			tb.newCustomer(t, id)
			claimed := tb.mustClaim(t, tb.mustStart(t, tb.start(id, "")))
			tb.mustAdvance(t, tb.advance(t, claimed, kyc.Canceled))
			if place != "on its customer" {
				tb.mustStart(t, tb.start(id, ""))
			}
			c := tb.read(t, id)
			if place == "in the archive" {
				must(t, tb.ArchiveAttempt(t.Context(), brandID, id, programID, c.Previous[programID]))
				must(t, tb.NoteRelayed(t.Context(), c, kyc.Note{ProgramID: programID, To: 3, Archived: c.Previous[programID].ID}))
				c = tb.read(t, id)
			}
			late := claimed.Attempts[programID]
			late.Late, late.LateAt = []kyc.Result{{Check: kyc.CheckOFAC, Passed: true, Provider: "p", Mode: kyc.Sandbox}}, tb.clock.Now()
			tb.unchanged(t, func() {
				another := late
				another.Fence--
				must(t, tb.RecordLate(t.Context(), c, programID, another))
			})
			must(t, tb.RecordLate(t.Context(), c, programID, late))
			got := tb.read(t, id)
			attempts, err := tb.ArchivedAttempts(t.Context(), kyc.Pair{BrandID: brandID, CustomerID: id, ProgramID: programID}, time.Time{}, "", 10)
			must(t, err)
			if place == "on its customer" {
				attempts = []kyc.Attempt{got.Attempts[programID]}
			}
			if len(attempts) != 1 || attempts[0].Status != kyc.Canceled || !cmp.Equal(attempts[0].Late, late.Late) || !attempts[0].LateAt.Equal(late.LateAt) {
				t.Errorf("attempts %+v", attempts)
			}
			if !maps.Equal(got.Versions, c.Versions) || got.Attempts[programID].Status != c.Attempts[programID].Status {
				t.Errorf("late results changed the customer: %+v", got)
			}
			tb.unchanged(t, func() { must(t, tb.RecordLate(t.Context(), got, programID, late)) })
		})
	}
}

func testMoveAlarm(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	tb.mustStart(t, tb.start(customerID, ""))
	seen := tb.read(t, customerID)
	later := tb.clock.Now().Add(time.Hour)
	must(t, tb.MoveAlarm(t.Context(), seen, later))
	moved := tb.read(t, customerID)
	if !moved.DueAt.Equal(later) || moved.Rev != seen.Rev+1 {
		t.Errorf("moved: %+v", moved)
	}
	tb.unchanged(t, func() {
		must(t, tb.MoveAlarm(t.Context(), seen, time.Time{})) // as it was seen it is no more
		stranger := moved
		stranger.BrandID = otherBrand
		must(t, tb.MoveAlarm(t.Context(), stranger, later))
	})
	must(t, tb.MoveAlarm(t.Context(), moved, time.Time{}))
	if c := tb.read(t, customerID); !c.DueAt.IsZero() || c.Versions[programID] != 1 {
		t.Errorf("switched off: %+v", c)
	}
}

func TestDue(t *testing.T) {
	tb := open(t)
	now := tb.clock.Now()
	want := map[kyc.CustomerRef]bool{}
	for i := range 4 * dynamostore.DueShards {
		c := blank(now)
		for c.ID = uuid.NewString(); dynamostore.DueShard(c.ID) != i/4; c.ID = uuid.NewString() {
		}
		switch i % 4 {
		case 0:
			c.DueAt = now
		case 1:
			c.DueAt = now.Add(-24 * time.Hour)
		case 2:
			c.DueAt = now.Add(time.Microsecond)
		}
		if i%2 == 1 {
			c.BrandID = otherBrand
		}
		want[kyc.CustomerRef{BrandID: c.BrandID, CustomerID: c.ID}] = i%4 < 2
		must(t, tb.SetCustomer(t.Context(), c))
	}
	check := func() {
		t.Helper()
		due, err := tb.Due(t.Context(), now, 50)
		must(t, err)
		for _, ref := range due {
			if isDue, known := want[ref]; !known || !isDue {
				t.Errorf("%v is not due, or was named twice", ref)
			}
			delete(want, ref)
		}
		for ref, isDue := range want {
			if isDue {
				t.Errorf("%v is due and was not named", ref)
			}
		}
	}
	check()
	tb.bed.Put(t, map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "stray"}, "sk": &types.AttributeValueMemberS{Value: "stray"},
		"due_shard": &types.AttributeValueMemberS{Value: "due#0"}, "due_at": &types.AttributeValueMemberS{Value: kyc.FormatTime(now.Add(-48 * time.Hour))},
	})
	if due, err := tb.Due(t.Context(), now, 50); err == nil || len(due) != 2*dynamostore.DueShards {
		t.Errorf("an item that is no customer: %d due, err %v", len(due), err)
	}
	_, err := dynamodb.NewFromConfig(tb.bed.AWS).DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &tb.bed.Table, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "stray"}, "sk": &types.AttributeValueMemberS{Value: "stray"},
	}})
	must(t, err)
	few, err := tb.Due(t.Context(), now, 1)
	must(t, err)
	if len(few) != dynamostore.DueShards {
		t.Errorf("%d customers for a limit of one per shard", len(few))
	}
}

func testArchiveAttempt(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	c := tb.run(t, tb.mustStart(t, tb.start(customerID, "")), kyc.Failed)
	a := c.Attempts[programID]
	must(t, tb.ArchiveAttempt(t.Context(), brandID, customerID, programID, a))
	items := tb.snapshot(t)
	if len(items) != 3 {
		t.Errorf("items %v", keysOf(items))
	}
	tb.unchanged(t, func() {
		must(t, tb.ArchiveAttempt(t.Context(), brandID, customerID, programID, a))
		a.Status = kyc.Passed
		must(t, tb.ArchiveAttempt(t.Context(), brandID, customerID, programID, a))
	})
}

func testCustomersAreReadAsTheyWereStored(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	now := tb.clock.Now()
	full := kyc.Attempt{
		ID: uuid.NewString(), Status: kyc.DocumentRequired, SubmittedAt: now, Mode: kyc.Live, PolicyVersion: 3, OpenedBy: "k", RetryRequested: true,
		Fields: kyc.Sealed{Key: []byte{0, 1}, Fields: map[kyc.Field][]byte{kyc.SSN: {2}}}, Fence: 4, LeaseUntil: now.Add(time.Minute), Counted: true,
		Results: []kyc.Result{{Check: kyc.CheckCIP, Passed: true, Provider: "p", Mode: kyc.Live}, {Check: kyc.CheckOFAC, Reason: "r", Provider: "q", Mode: kyc.Sandbox}},
		Reasons: []string{kyc.ReasonOFAC},
		Documents: []kyc.Document{{ID: "d", Type: kyc.GovernmentID, Status: kyc.DocumentRejected, Asked: []int{6}, Kind: "passport", Country: "US", Files: []kyc.File{{
			Side: kyc.Front, Slot: kyc.Slot{Content: kyc.Content{Media: kyc.PDF, Length: 1, SHA256: [32]byte{1}}, Until: now.Truncate(time.Second), Number: 3},
			Held:    kyc.Evidence{Content: kyc.Content{Media: kyc.PNG, Length: 2, SHA256: [32]byte{2}}, Version: "v", At: now.Truncate(time.Second)},
			Refused: kyc.RejectedExpired, Withdrawn: true,
		}}}},
		Reenter: []kyc.Field{kyc.BirthDate, kyc.SSN},
		Late:    []kyc.Result{{Check: kyc.CheckEmail, Passed: true, Provider: "p", Mode: kyc.Live}}, LateAt: now.Add(time.Hour),
		Timeline: []kyc.Transition{{Version: 5, Status: kyc.Submitted, At: now}, {Version: 6, Status: kyc.DocumentRequired, At: now.Add(time.Second), Cause: "c"}},
	}
	c := blank(now)
	c.Attempts[programID], c.Versions[programID], c.Relayed[programID], c.Used[programID], c.Ended[programID] = full, 6, 5, 2, now
	c.Previous[programID] = ended(now, kyc.Expired)
	c.Rev, c.ProfileVersion, c.DueAt = 9, 4, now
	must(t, tb.SetCustomer(t.Context(), c))
	if diff := cmp.Diff(c, tb.read(t, customerID)); diff != "" {
		t.Errorf("customer (-stored +read):\n%s", diff)
	}
}

// A change of documents and any other change of the attempt exclude each other: whoever has seen the older one is refused.
func testFileDocuments(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	now := tb.clock.Now()
	c := blank(now)
	asking := ended(now, kyc.DocumentRequired)
	asking.Documents = []kyc.Document{{ID: "d", Type: kyc.GovernmentID, Status: kyc.DocumentAskedFor, Asked: []int{2}}}
	c.Attempts[programID], c.Versions[programID] = asking, 2
	must(t, tb.SetCustomer(t.Context(), c))
	pair := kyc.Pair{BrandID: brandID, CustomerID: customerID, ProgramID: programID}
	file := func(from, to kyc.Attempt, refused bool) {
		t.Helper()
		stood, err := tb.FileDocuments(t.Context(), kyc.Filing{Pair: pair, From: from, To: to})
		if err != nil || (stood != nil) != refused {
			t.Errorf("filed with %v, %v", stood, err)
		}
	}
	received := asking.Receive("d", kyc.Front, kyc.Evidence{Content: kyc.Content{Media: kyc.PNG, Length: 2, SHA256: [32]byte{2}}, Version: "v", At: now.Truncate(time.Second)})
	file(asking, received, false)
	want := c
	want.Rev++
	want.Attempts = map[string]kyc.Attempt{programID: received}
	if diff := cmp.Diff(want, tb.read(t, customerID)); diff != "" {
		t.Errorf("customer (-want +got):\n%s", diff)
	}
	file(asking, received, true) // again
	linked := received
	linked.Fence++
	linked.Link = kyc.Link{Generation: 2, Until: now.Add(time.Hour).Truncate(time.Second)}
	file(received, linked, false)
	file(received, linked, true)
	want.Rev++
	want.Attempts[programID] = linked
	if diff := cmp.Diff(want, tb.read(t, customerID)); diff != "" {
		t.Errorf("customer with a link (-want +got):\n%s", diff)
	}
	received = linked
	other := received
	other.ID = "other"
	file(other, received, true)
	other = received
	other.Status = kyc.UnderReview
	file(other, received, true)
	stale := kyc.Advance{BrandID: brandID, CustomerID: customerID, ProgramID: programID, From: asking, To: asking, Version: 2}
	if stood, err := tb.AdvanceAttempt(t.Context(), stale); err != nil || stood == nil {
		t.Errorf("an advance from what was before the filing: %v, %v", stood, err)
	}
	if stood, err := tb.FileDocuments(t.Context(), kyc.Filing{Pair: kyc.Pair{BrandID: brandID, CustomerID: uuid.NewString(), ProgramID: programID}, From: asking, To: received}); err != nil || stood == nil || stood.Customer != nil {
		t.Errorf("of an unknown customer: %v, %v", stood, err)
	}
	if diff := cmp.Diff(want, tb.read(t, customerID)); diff != "" {
		t.Errorf("what was refused has changed the customer (-want +got):\n%s", diff)
	}
}

func TestParseCustomerRefusesWhatIsNone(t *testing.T) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	for _, item := range tb.bed.Items(t) {
		if _, err := dynamostore.ParseCustomer(item); err != nil {
			t.Error(err)
		}
		delete(item, "pk")
		if c, err := dynamostore.ParseCustomer(item); err == nil {
			t.Errorf("an item without key was read as %+v", c)
		}
	}
}
