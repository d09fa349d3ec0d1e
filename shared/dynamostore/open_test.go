package dynamostore_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kyc/shared/dynamostore"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func testOpenAttempt(t *testing.T, open func(testing.TB) bench) {
	for _, key := range []string{"", "key"} {
		t.Run("key "+key, func(t *testing.T) {
			tb := open(t)
			before := tb.newCustomer(t, customerID)
			s := tb.mustStart(t, tb.start(customerID, key))
			want := before
			s.Attempt.Timeline[0].Version = 1
			want.Attempts = map[string]kyc.Attempt{programID: s.Attempt}
			want.Versions = map[string]int{programID: 1}
			want.Rev, want.DueAt = before.Rev+1, s.Now.Add(kyc.AlarmDelay)
			if diff := cmp.Diff(want, tb.read(t, customerID), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("customer (-want +got):\n%s", diff)
			}
			if got := len(tb.snapshot(t)); key != "" && got != 3 || key == "" && got != 2 {
				t.Errorf("%d items", got)
			}
		})
	}
}

// obstacle is something that stands against a start of the customer, and the answer to it.
type obstacle struct {
	set    func(*kyc.Customer, *kyc.Start) // nil leaves no customer at all
	seen   func(kyc.Start) *kyc.KeyRecord
	code   string
	kind   kyc.Kind
	extra  []string
	fields []string
	calls  int // of DynamoDB; 0 stands for 1

	archived bool // the attempt of the key's record is in the archive
}

func obstacles(now time.Time) map[string]obstacle {
	current := func(status kyc.Status, reenter ...kyc.Field) func(*kyc.Customer, *kyc.Start) {
		return func(c *kyc.Customer, _ *kyc.Start) {
			c.Attempts[programID] = ended(now.Add(-time.Hour), status)
			a := c.Attempts[programID]
			a.Reenter = reenter
			c.Attempts[programID], c.Versions[programID] = a, 2
		}
	}
	nothing := func(*kyc.Customer, *kyc.Start) {}
	record := func(s kyc.Start) *kyc.KeyRecord {
		first := s.Now.Add(-kyc.KeyWindow + time.Second).Truncate(time.Second)
		return &kyc.KeyRecord{
			Fingerprint: s.Key.Fingerprint, AttemptID: "a", CustomerID: customerID, ProgramID: programID,
			FirstSeenAt: first, ExpiresAt: first.Add(kyc.KeyWindow),
		}
	}
	all := []string{"attempt_id", "expires_at", "first_seen_at", "kyc_status", "payload_matches", "status_url"}
	return map[string]obstacle{
		"no customer":       {set: nil, code: "customer_dne", kind: kyc.NotFound},
		"passed":            {set: current(kyc.Passed), code: "kyc_already_passed", kind: kyc.Conflict, extra: []string{"attempt_id", "passed_at"}},
		"submitted":         {set: current(kyc.Submitted), code: "kyc_in_progress", kind: kyc.Conflict, extra: []string{"attempt_id", "kyc_status"}},
		"under review":      {set: current(kyc.UnderReview), code: "kyc_in_progress", kind: kyc.Conflict, extra: []string{"attempt_id", "kyc_status"}},
		"document required": {set: current(kyc.DocumentRequired), code: "kyc_in_progress", kind: kyc.Conflict, extra: []string{"attempt_id", "kyc_status"}},
		"one program too many": {code: "resource_conflict", kind: kyc.Conflict, set: func(c *kyc.Customer, _ *kyc.Start) {
			for range kyc.MaxPrograms {
				c.Attempts[uuid.NewString()] = ended(now.Add(-time.Hour), kyc.Failed)
			}
			c.Used[programID] = 3 // is told after it
		}},
		"attempts used up": {code: "kyc_retries", kind: kyc.Conflict,
			set: func(c *kyc.Customer, _ *kyc.Start) { c.Used[programID] = 3 }},
		"too soon": {code: "kyc_retries", kind: kyc.Conflict, extra: []string{"retry_at"},
			set: func(c *kyc.Customer, s *kyc.Start) {
				s.Policy.MinInterval = time.Hour
				c.Ended[programID] = now.Add(-time.Hour).Add(time.Microsecond)
			}},
		"fields missing": {code: "create_kyc_schema", kind: kyc.Invalid, fields: []string{"addresses", "ssn"},
			set: func(c *kyc.Customer, _ *kyc.Start) {
				c.Present = []kyc.Field{kyc.BirthDate, kyc.FirstName, kyc.LastName}
			}},
		"an earlier attempt waits for the archive": {code: "kyc_error", kind: kyc.Unavailable,
			set: func(c *kyc.Customer, _ *kyc.Start) {
				c.Attempts[programID], c.Previous[programID] = ended(now.Add(-time.Hour), kyc.Failed), ended(now.Add(-2*time.Hour), kyc.Failed)
			}},
		"no field at all": {code: "create_kyc_schema", kind: kyc.Invalid, fields: []string{"addresses", "dob", "first_name", "last_name", "ssn"},
			set: func(c *kyc.Customer, _ *kyc.Start) { c.Present = nil }},
		"key seen, attempt running":  {set: current(kyc.Submitted), seen: record, code: "idempotency_key_exists", kind: kyc.Conflict, extra: all},
		"key seen, attempt failed":   {set: current(kyc.Failed), seen: record, calls: 2, code: "idempotency_key_exists", kind: kyc.Conflict, extra: all},
		"key seen, attempt passed":   {set: current(kyc.Passed), seen: record, code: "idempotency_key_exists", kind: kyc.Conflict, extra: all},
		"key seen, attempt archived": {set: nothing, seen: record, archived: true, calls: 2, code: "idempotency_key_exists", kind: kyc.Conflict, extra: all},
		"key seen for another request": {set: nothing, code: "idempotency_key_exists", kind: kyc.Unprocessable, extra: []string{"payload_matches"},
			seen: func(s kyc.Start) *kyc.KeyRecord {
				r := record(s)
				r.Fingerprint = []byte("another")
				return r
			}},
		"key seen, no customer": {set: nil, seen: record, code: "customer_dne", kind: kyc.NotFound},
	}
}

// ended is an attempt with id a whose second change led to status.
func ended(at time.Time, status kyc.Status) kyc.Attempt {
	log := []kyc.Transition{{Version: 1, Status: kyc.Submitted, At: at}}
	if status != kyc.Submitted {
		log = append(log, kyc.Transition{Version: 2, Status: status, At: at.Add(time.Minute)})
	}
	return kyc.Attempt{ID: "a", Status: status, SubmittedAt: at, Mode: kyc.Sandbox, PolicyVersion: 1, OpenedBy: "k", Timeline: log}
}

func blank(now time.Time) kyc.Customer {
	return kyc.Customer{
		BrandID: brandID, ID: customerID, CreatedAt: now.Add(-48 * time.Hour), Attempts: map[string]kyc.Attempt{}, Previous: map[string]kyc.Attempt{},
		Used: map[string]int{}, Ended: map[string]time.Time{}, Versions: map[string]int{}, Relayed: map[string]int{},
		Present: slices.Sorted(slices.Values(required)), ProfileVersion: 1, Rev: 1,
	}
}

func testEveryRefusal(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	now := tb.clock.Now()
	for name, o := range obstacles(now) {
		for _, key := range []string{"", "key-" + uuid.NewString()} {
			if o.seen != nil && key == "" {
				continue
			}
			t.Run(fmt.Sprintf("%s, with key %t", name, key != ""), func(t *testing.T) {
				s := tb.start(customerID, key)
				c := blank(now)
				if o.set != nil {
					o.set(&c, &s)
					must(t, tb.SetCustomer(t.Context(), c))
				} else {
					s.CustomerID = uuid.NewString()
				}
				if o.seen != nil {
					must(t, tb.SetKeyRecord(t.Context(), brandID, key, *o.seen(s)))
				}
				if o.archived {
					first := o.seen(s).FirstSeenAt
					must(t, tb.ArchiveAttempt(t.Context(), brandID, customerID, programID, ended(first, kyc.Failed)))
				}
				tb.unchanged(t, func() {
					stood, err := tb.OpenAttempt(t.Context(), s)
					if err != nil || stood == nil {
						t.Fatalf("stood %+v, err %v", stood, err)
					}
					refusal := s.Refusal(stood.Customer, stood.Key)
					if refusal == nil || refusal.Code != o.code || refusal.Kind != o.kind ||
						!slices.Equal(keysOf(refusal.Extra), o.extra) || !slices.Equal(keysOf(refusal.Fields), o.fields) {
						t.Errorf("refused as %+v", refusal)
					}
				})
				if key == "" || o.seen != nil {
					return
				}
				// No refusal burns its key: once nothing stands in the way, the same request is accepted under it.
				s.CustomerID = customerID
				must(t, tb.SetCustomer(t.Context(), blank(now)))
				tb.mustStart(t, s)
			})
		}
	}
}

func testMinimumIntervalIsToTheMicrosecond(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	for early := -1; early <= 1; early++ {
		s, c := tb.start(customerID, ""), blank(tb.clock.Now())
		s.Policy.MinInterval = time.Hour
		end := s.Now.Add(-time.Hour).Add(time.Duration(early) * time.Microsecond)
		c.Ended[programID] = end
		must(t, tb.SetCustomer(t.Context(), c))
		rule := s.Refusal(&c, nil)
		stood, err := tb.OpenAttempt(t.Context(), s)
		if refused := early > 0; err != nil || (rule != nil) != refused || (stood != nil) != refused {
			t.Errorf("%d µs too early: the rule says %v, the store %+v, err %v", early, rule, stood, err)
		}
		if rule != nil && (rule.Extra["retry_at"] != kyc.FormatTime(end.Add(time.Hour)) || rule.Headers["Retry-After"] != "1") {
			t.Errorf("refused as %+v", rule)
		}
	}
}

func testStartIsRefusedAcrossBrands(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	s := tb.start(customerID, "")
	s.BrandID = otherBrand
	tb.unchanged(t, func() {
		stood, err := tb.OpenAttempt(t.Context(), s)
		if err != nil || stood == nil || stood.Customer != nil {
			t.Errorf("stood %+v, err %v", stood, err)
		}
	})
}

func testKeyIsTheBrandsOwn(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	tb.mustStart(t, tb.start(customerID, "key"))
	tb.mustCreate(t, otherBrand, uuid.NewString(), required)
	other := uuid.NewString()
	tb.mustCreate(t, otherBrand, other, required)
	s := tb.start(other, "key")
	s.BrandID = otherBrand
	tb.mustStart(t, s)
}

func testKeyIsFreeAfter24HoursToTheSecond(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	tb.clock.Move(time.Second - time.Duration(tb.clock.Now().Nanosecond())) // to a whole second
	first := tb.mustStart(t, tb.start(customerID, "key"))
	tb.run(t, first, kyc.Failed)

	tb.clock.Move(kyc.KeyWindow - time.Second)
	tb.unchanged(t, func() {
		s := tb.start(customerID, "key")
		stood, err := tb.OpenAttempt(t.Context(), s)
		if err != nil || stood == nil || stood.Key == nil {
			t.Fatalf("stood %+v, err %v", stood, err)
		}
		refusal := s.Refusal(stood.Customer, stood.Key)
		if refusal == nil || refusal.Extra["attempt_id"] != first.Attempt.ID || refusal.Extra["kyc_status"] != "failed" ||
			refusal.Extra["first_seen_at"] != kyc.FormatTime(first.Now) || refusal.Extra["expires_at"] != kyc.FormatTime(first.Now.Add(kyc.KeyWindow)) {
			t.Errorf("refused as %+v", refusal)
		}
	})
	tb.clock.Move(time.Second)
	if len(tb.snapshot(t)) != 3 {
		t.Fatal("the key's record is no longer in the table")
	}
	second := tb.mustStart(t, tb.start(customerID, "key"))
	// And it is taken again, by the second one.
	s := tb.start(customerID, "key")
	stood, err := tb.OpenAttempt(t.Context(), s)
	must(t, err)
	if stood == nil || stood.Key == nil || stood.Key.AttemptID != second.Attempt.ID {
		t.Errorf("stood %+v", stood)
	}
}

// A start in mid-second expires by the stored time, which has whole seconds: rule and condition must round alike.
func testKeyExpiryRoundsAlike(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	rapid.Check(t, func(rt *rapid.T) {
		now := tb.clock.Now()
		tb.clock.Move(kyc.KeyWindow * 2)
		id := uuid.NewString()
		must(t, tb.SetCustomer(t.Context(), func() kyc.Customer { c := blank(now); c.ID = id; return c }()))
		s := tb.start(id, id)
		s.Now = tb.clock.Now().Truncate(time.Second).Add(time.Duration(rapid.IntRange(0, 999_999).Draw(rt, "microseconds")) * time.Microsecond)
		tb.mustStart(t, s)
		again := tb.start(id, id)
		again.Now = s.Now.Add(kyc.KeyWindow).Add(time.Duration(rapid.IntRange(-1_100_000, 100_000).Draw(rt, "later")) * time.Microsecond)
		stood, err := tb.OpenAttempt(t.Context(), again)
		if err != nil || stood == nil {
			rt.Fatalf("stood %+v, err %v", stood, err)
		}
		// The attempt is open in any case; what matters is which refusal comes first.
		free := again.Now.Unix() >= s.Now.Add(kyc.KeyWindow).Unix()
		if code := again.Refusal(stood.Customer, stood.Key).Code; free != (code == "kyc_in_progress") {
			rt.Errorf("free %t, refused as %s", free, code)
		}
	})
}

// What Start.Refusal says about values is what the condition says about items, whatever the state and the start.
func testConditionAndRefusalAgree(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	now := tb.clock.Now()
	const hash = "key"
	// Weighted so that every rule is the deciding one now and then.
	statuses := rapid.SampledFrom(append(kyc.Statuses(), kyc.Failed, kyc.Failed, kyc.Errored, kyc.Expired, kyc.Canceled, kyc.DocumentRequired))
	programs := rapid.SampledFrom([]string{programID, program2})
	fields := rapid.SliceOfDistinct(rapid.SampledFrom([]kyc.Field{kyc.FirstName, kyc.LastName, kyc.BirthDate, kyc.SSN, kyc.PhysicalAddress}), rapid.ID)
	recent := rapid.Custom(func(t *rapid.T) time.Time {
		return now.Add(-time.Hour).Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "around")) * time.Microsecond)
	})
	rapid.Check(t, func(rt *rapid.T) {
		c := blank(now)
		if rapid.Bool().Draw(rt, "lacks some") {
			c.Present = fields.Draw(rt, "present")
		}
		slices.Sort(c.Present)
		for _, p := range []string{programID, program2} {
			if rapid.Bool().Draw(rt, "started") {
				a := ended(now.Add(-time.Hour), statuses.Draw(rt, "status"))
				a.ID = uuid.NewString()
				if a.Status == kyc.DocumentRequired && rapid.Bool().Draw(rt, "reenter") {
					a.Reenter = []kyc.Field{kyc.SSN}
				}
				c.Attempts[p], c.Versions[p] = a, len(a.Timeline)
				if rapid.IntRange(0, 4).Draw(rt, "unarchived") == 0 {
					c.Previous[p] = ended(now.Add(-time.Hour), kyc.Failed)
				}
			}
			if rapid.Bool().Draw(rt, "ended before") {
				c.Ended[p] = recent.Draw(rt, "ended")
			}
			if rapid.Bool().Draw(rt, "used some") {
				c.Used[p] = rapid.IntRange(-1, 4).Draw(rt, "used")
			}
		}
		for range rapid.SampledFrom([]int{0, 0, kyc.MaxPrograms - 2, kyc.MaxPrograms - 1, kyc.MaxPrograms}).Draw(rt, "other programs") {
			c.Attempts[uuid.NewString()] = ended(now.Add(-time.Hour), kyc.Failed)
		}
		must(t, tb.SetCustomer(t.Context(), c))

		s := tb.start(customerID, "")
		s.ProgramID = programs.Draw(rt, "program")
		s.Missing = fields.Draw(rt, "missing")
		s.Policy.MaxAttempts = rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5}).Draw(rt, "max attempts")
		s.Policy.MinInterval = rapid.SampledFrom([]time.Duration{0, time.Hour, time.Hour, 3 * time.Hour}).Draw(rt, "min interval")
		var customer = &c
		if rapid.IntRange(0, 9).Draw(rt, "unknown") == 0 {
			s.CustomerID, customer = uuid.NewString(), nil
		}
		var seen *kyc.KeyRecord
		must(t, tb.DropKeyRecord(t.Context(), brandID, hash))
		if rapid.Bool().Draw(rt, "with key") {
			s.Key = &kyc.KeyClaim{Operation: kyc.OperationStart, Hash: hash, Fingerprint: []byte("this")}
			if rapid.Bool().Draw(rt, "seen") {
				first := s.Now.Add(-kyc.KeyWindow).Truncate(time.Second).Add(time.Duration(rapid.IntRange(-1, 2).Draw(rt, "seconds")) * time.Second)
				seen = &kyc.KeyRecord{
					Fingerprint: []byte(rapid.SampledFrom([]string{"this", "that"}).Draw(rt, "fingerprint")), AttemptID: c.Attempts[programID].ID,
					CustomerID: customerID, ProgramID: programID, FirstSeenAt: first, ExpiresAt: first.Add(kyc.KeyWindow),
				}
				if seen.AttemptID == "" { // of an attempt that was replaced long since
					gone := ended(first, kyc.Failed)
					must(t, tb.ArchiveAttempt(t.Context(), brandID, customerID, programID, gone))
					seen.AttemptID, seen.Status = gone.ID, gone.Status
				}
				must(t, tb.SetKeyRecord(t.Context(), brandID, hash, *seen))
			}
		}
		before := tb.snapshot(t)
		want := s.Refusal(customer, seen)
		stood, err := tb.OpenAttempt(t.Context(), s)
		if err != nil {
			rt.Fatal(err)
		}
		if (stood == nil) != (want == nil) {
			rt.Fatalf("the store says %+v, the rule says %+v", stood, want)
		}
		if stood != nil {
			if diff := cmp.Diff(want, s.Refusal(stood.Customer, stood.Key)); diff != "" {
				rt.Errorf("refusal by the customer that was set and by what the write returned (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, tb.snapshot(t), sets); diff != "" {
				rt.Errorf("a refused start wrote (-before +after):\n%s", diff)
			}
			return
		}
		got, wanted := tb.read(t, customerID), c
		s.Attempt.Timeline[0].Version = c.Versions[s.ProgramID] + 1
		if replaced, ok := c.Attempts[s.ProgramID]; ok {
			wanted.Previous = maps.Clone(c.Previous)
			wanted.Previous[s.ProgramID] = replaced.SupersededBy(s.Attempt)
		}
		wanted.Attempts[s.ProgramID] = s.Attempt
		wanted.Versions[s.ProgramID]++
		wanted.Rev, wanted.DueAt = c.Rev+1, s.Now.Add(kyc.AlarmDelay)
		if diff := cmp.Diff(wanted, got, cmpopts.EquateEmpty()); diff != "" {
			rt.Errorf("customer (-want +got):\n%s", diff)
		}
	})
}

// The first entry of an attempt's time line is written without its state_version, which only the table knows: it must
// be told right whether the attempt is current or replaced, new or old.
func testVersionOfAStart(t *testing.T, open func(testing.TB) bench) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	versions := func(a kyc.Attempt) (v []int) {
		for _, t := range a.Timeline {
			v = append(v, t.Version)
		}
		return v
	}
	check := func(when string, current, previous []int) {
		t.Helper()
		c := tb.read(t, customerID)
		if got := versions(c.Attempts[programID]); !slices.Equal(got, current) {
			t.Errorf("%s: the current attempt's versions are %v, want %v", when, got, current)
		}
		if got := versions(c.Previous[programID]); !slices.Equal(got, previous) {
			t.Errorf("%s: the previous attempt's versions are %v, want %v", when, got, previous)
		}
	}
	s := tb.mustStart(t, tb.start(customerID, ""))
	check("started", []int{1}, nil)
	c := tb.mustClaim(t, s)
	check("claimed", []int{1}, nil)
	tb.mustAdvance(t, tb.advance(t, c, kyc.DocumentRequired))
	check("documents asked for", []int{1, 2}, nil)
	tb.mustAdvance(t, tb.advance(t, tb.read(t, customerID), kyc.UnderReview))
	tb.mustAdvance(t, tb.advance(t, tb.read(t, customerID), kyc.Failed))
	check("failed", []int{1, 2, 3, 4}, nil)
	s = tb.mustStart(t, tb.start(customerID, "key"))
	check("started again", []int{5}, []int{1, 2, 3, 4})
	tb.run(t, s, kyc.Failed)
	check("failed again", []int{5, 6}, []int{1, 2, 3, 4})
	c = tb.read(t, customerID)
	must(t, tb.NoteRelayed(t.Context(), c, kyc.Note{ProgramID: programID, To: 6, Archived: c.Previous[programID].ID}))
	check("archived", []int{5, 6}, nil)
	s = tb.mustStart(t, tb.start(customerID, ""))
	check("started a third time", []int{7}, []int{5, 6})
	tb.run(t, s, kyc.Passed)
	check("passed", []int{7, 8}, []int{5, 6})
}

// dropFirst loses the first answer to operation, after the call has had its effect and meanwhile has run.
func dropFirst(operation string, meanwhile func()) func(testbed.Request, func() testbed.Answer) testbed.Answer {
	var dropped atomic.Bool
	return func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		answer := pass()
		if r.Operation == operation && answer.Err == nil && !dropped.Swap(true) {
			_ = answer.Response.Body.Close()
			meanwhile()
			return testbed.Lost()
		}
		return answer
	}
}

func TestLostAnswerIsNoRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		key, operation string
		meanwhile      kyc.Status
		versions       int
	}{
		"without key":                        {"", "UpdateItem", "", 1},
		"without key, failed meanwhile":      {"", "UpdateItem", kyc.Failed, 2},
		"without key, passed meanwhile":      {"", "UpdateItem", kyc.Passed, 2},
		"with key":                           {"key", "TransactWriteItems", "", 1},
		"with key, failed meanwhile":         {"key", "TransactWriteItems", kyc.Failed, 2},
		"without key, under review meantime": {"", "UpdateItem", kyc.UnderReview, 2},
	} {
		t.Run(name, func(t *testing.T) {
			tb := open(t)
			tb.newCustomer(t, customerID)
			s := tb.start(customerID, c.key)
			calls := 0
			lossy := dropFirst(c.operation, func() {
				if c.meanwhile != "" {
					tb.run(t, s, c.meanwhile)
				}
			})
			store := tb.through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer { calls++; return lossy(r, pass) })
			if stood, err := store.OpenAttempt(t.Context(), s); err != nil || stood != nil {
				t.Fatalf("stood %+v, err %v", stood, err)
			}
			got := tb.read(t, customerID)
			if calls != 2 || got.Versions[programID] != c.versions || got.Attempts[programID].ID != s.Attempt.ID || len(got.Attempts[programID].Timeline) != c.versions {
				t.Errorf("after %d calls: %+v", calls, got)
			}
		})
	}
}

// DynamoDB refuses a single write to an item that a transaction is about to change. Nothing was written: it is repeated.
func TestSingleWriteIsRepeatedBehindATransaction(t *testing.T) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	calls := 0
	store := tb.through(func(_ testbed.Request, pass func() testbed.Answer) testbed.Answer {
		if calls++; calls == 1 {
			return testbed.Refused(`{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"Transaction is ongoing for the item"}`)
		}
		return pass()
	})
	s := tb.start(customerID, "")
	if stood, err := store.OpenAttempt(t.Context(), s); err != nil || stood != nil {
		t.Fatalf("stood %+v, err %v", stood, err)
	}
	calls = 0
	if _, stood, err := store.Claim(t.Context(), work(s), s.Now, s.Now.Add(lease)); err != nil || stood != nil {
		t.Fatalf("claim: stood %+v, err %v", stood, err)
	}
}

func TestContendedTransactionIsRepeatedAsItWas(t *testing.T) {
	for conflicts := 1; conflicts <= dynamostore.MaxTries; conflicts++ {
		t.Run(fmt.Sprint(conflicts, " conflicts"), func(t *testing.T) {
			tb := open(t)
			tb.newCustomer(t, customerID)
			var bodies [][]byte
			store := tb.through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
				if bodies = append(bodies, r.Body); len(bodies) <= conflicts {
					return testbed.Contended()
				}
				return pass()
			})
			s := tb.start(customerID, "key")
			s.Attempt.Fields = kyc.Sealed{Key: []byte("k"), Fields: map[kyc.Field][]byte{kyc.SSN: {1}, kyc.Phone: {2}, kyc.Email: {3}, kyc.IP: {4}}}
			before := tb.snapshot(t)
			stood, err := store.OpenAttempt(t.Context(), s)
			for _, body := range bodies[1:] {
				if !bytes.Equal(body, bodies[0]) {
					t.Errorf("the repeated request differs:\n%s\n%s", bodies[0], body)
				}
			}
			if conflicts == dynamostore.MaxTries {
				if !errors.Is(err, dynamostore.ErrContended) || len(bodies) != dynamostore.MaxTries || !cmp.Equal(before, tb.snapshot(t), sets) {
					t.Errorf("after %d tries: stood %+v, err %v", len(bodies), stood, err)
				}
				return
			}
			if err != nil || stood != nil || len(bodies) != conflicts+1 || tb.read(t, customerID).Versions[programID] != 1 {
				t.Errorf("after %d tries: stood %+v, err %v", len(bodies), stood, err)
			}
		})
	}
}

func TestThrottledStartIsRepeated(t *testing.T) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	calls := 0
	store := tb.through(func(_ testbed.Request, pass func() testbed.Answer) testbed.Answer {
		if calls++; calls == 1 {
			return testbed.Refused(`{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}`)
		}
		return pass()
	})
	if stood, err := store.OpenAttempt(t.Context(), tb.start(customerID, "")); err != nil || stood != nil || calls != 2 {
		t.Errorf("after %d calls: stood %+v, err %v", calls, stood, err)
	}
}

// A start costs one call, accepted or refused, whatever the state that it finds. The one exception is the request whose
// key was seen: where its attempt is not what refused it, one read tells how that attempt stands.
func TestStartIsOneCall(t *testing.T) {
	tb := open(t)
	calls := 0
	store := tb.through(func(_ testbed.Request, pass func() testbed.Answer) testbed.Answer { calls++; return pass() })
	now := tb.clock.Now()
	rows := obstacles(now)
	for name, before := range map[string]*kyc.Attempt{
		"accepted, the first": nil, "accepted after a failure": {Status: kyc.Failed},
		"accepted in place of one with fields to re-enter": {Status: kyc.DocumentRequired, Reenter: []kyc.Field{kyc.SSN}},
	} {
		rows[name] = obstacle{set: func(c *kyc.Customer, _ *kyc.Start) {
			if before != nil {
				a := ended(now.Add(-time.Hour), before.Status)
				a.Reenter = before.Reenter
				c.Attempts[programID], c.Versions[programID] = a, 2
			}
		}}
	}
	for name, o := range rows {
		for _, key := range []string{"", "key-" + uuid.NewString()} {
			if o.seen != nil && key == "" {
				continue
			}
			s, c := tb.start(customerID, key), blank(now)
			if o.set != nil {
				o.set(&c, &s)
			} else {
				s.CustomerID = uuid.NewString()
			}
			must(t, tb.SetCustomer(t.Context(), c))
			if o.seen != nil {
				must(t, tb.SetKeyRecord(t.Context(), brandID, key, *o.seen(s)))
				if o.archived {
					must(t, tb.ArchiveAttempt(t.Context(), brandID, customerID, programID, ended(o.seen(s).FirstSeenAt, kyc.Failed)))
				}
			}
			calls = 0
			stood, err := store.OpenAttempt(t.Context(), s)
			if want := max(1, o.calls); err != nil || (stood == nil) != (o.code == "") || calls != want {
				t.Errorf("%s, key %q: %d calls, want %d; stood %+v, err %v", name, key, calls, want, stood, err)
			}
		}
	}
}
