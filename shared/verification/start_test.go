package verification_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/keyring"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
	"kyc/shared/verification"
)

var marked = map[kyc.Field]string{
	kyc.SSN: "123-45-9876", kyc.Phone: "202-555-0175", kyc.PhoneCountryCode: "1", kyc.Email: "marked@example.com", kyc.IP: "192.0.2.77", kyc.BirthDate: "1981-12-13",
}

var marks = []string{"123-45-9876", "123459876", "202-555-0175", "2025550175", "marked@example.com", "192.0.2.77", "1981-12-13", "a marked key"}

func TestStart(t *testing.T) {
	w := open(t)
	r, key := request(strings.ToUpper(customerID)), "a marked key"
	key = strings.ReplaceAll(key, " ", "-")
	r.Fields, r.IdempotencyKey, r.RetryRequested = marked, &key, true
	started, err := w.service().Start(t.Context(), r)
	must(t, err)

	a := w.read(t, customerID).Attempts[programID]
	started.Attempt.Timeline[0].Version = 1
	if diff := cmp.Diff(started.Attempt, a); diff != "" || a.Status != kyc.Submitted || !a.RetryRequested || a.Mode != kyc.Sandbox || !a.SubmittedAt.Equal(w.clock.Now()) {
		t.Errorf("attempt (-answered +stored):\n%s", diff)
	}
	w.inClear(t, append(slices.Clone(marks), key)...)
	own, err := w.vault.Open(t.Context(), kyc.AttemptPlace(brandID, customerID, a.ID), a.Fields)
	must(t, err)
	got := map[kyc.Field]string{}
	for f := range own {
		got[f] = own.Get(f)
	}
	want := maps.Clone(marked)
	want[kyc.SSN], want[kyc.Phone] = "123459876", "2025550175"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-sent +stored):\n%s", diff)
	}

	w.unchanged(t, func() {
		_, err := w.service().Start(t.Context(), r)
		if e := refusal(t, err); e.Code != "idempotency_key_exists" || e.Kind != kyc.Conflict || e.Extra["attempt_id"] != a.ID || e.Extra["payload_matches"] != true {
			t.Errorf("the same again: %+v", e)
		}
		other := r
		other.Body = []byte(`{"program_id":"` + programID + `","kyc_retry_request":false}`)
		_, err = w.service().Start(t.Context(), other)
		if e := refusal(t, err); e.Code != "idempotency_key_exists" || e.Kind != kyc.Unprocessable || len(e.Extra) != 1 {
			t.Errorf("another body: %+v", e)
		}
		quoted, same := `"`+key+`"`, r
		same.IdempotencyKey, same.Body = &quoted, []byte(" "+string(r.Body)+"\n")
		_, err = w.service().Start(t.Context(), same)
		if e := refusal(t, err); e.Kind != kyc.Conflict || e.Extra["payload_matches"] != true {
			t.Errorf("the same key in quotes, the same body with spaces: %+v", e)
		}
		none := r
		none.IdempotencyKey = nil
		_, err = w.service().Start(t.Context(), none)
		if e := refusal(t, err); e.Code != "kyc_in_progress" {
			t.Errorf("without key: %+v", e)
		}
	})
}

func TestStartNamesAllThatIsWrongAtOnce(t *testing.T) {
	w := open(t)
	for name, c := range map[string]struct {
		change func(*kyc.Field, map[kyc.Field]string)
		fields map[kyc.Field]string
		want   []string
	}{
		"every field": {fields: map[kyc.Field]string{
			kyc.SSN: "666-12-3456", kyc.Phone: "call me", kyc.PhoneCountryCode: "+1", kyc.Email: "at home", kyc.IP: "300.1.1.1", kyc.BirthDate: "2999-01-01",
		}, want: []string{"dob", "email", "ip", "phone", "phone_country_code", "program_id", "ssn", "who"}},
		"none but what the reader found": {want: []string{"program_id", "who"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, program := range []string{"", "the first"} {
				r := request(customerID)
				r.ProgramID, r.Fields, r.Wrong = program, c.fields, map[string][]string{"who": {"Unknown field."}}
				w.unchanged(t, func() {
					_, err := w.service().Start(t.Context(), r)
					e := refusal(t, err)
					if got := slices.Sorted(maps.Keys(e.Fields)); e.Code != "create_kyc_schema" || e.Kind != kyc.Invalid || !slices.Equal(got, c.want) {
						t.Errorf("%s, fields %q, want %q", e.Code, got, c.want)
					}
					for _, v := range c.fields {
						if strings.Contains(e.Error(), v) {
							t.Errorf("the error repeats %q", v)
						}
					}
				})
			}
		})
	}
}

func TestStartNamesAllThatIsMissingAtOnce(t *testing.T) {
	w := open(t)
	id := uuid.NewString()
	_, err := w.store.CreateCustomer(t.Context(), kyc.NewCustomer{
		Customer: kyc.Customer{BrandID: brandID, ID: id, CreatedAt: w.clock.Now(), Present: []kyc.Field{kyc.FirstName}},
	})
	must(t, err)
	r := request(id)
	r.Fields = map[kyc.Field]string{kyc.BirthDate: "1990-05-17"}
	_, err = w.service().Start(t.Context(), r)
	if e := refusal(t, err); e.Code != "create_kyc_schema" || !slices.Equal(slices.Sorted(maps.Keys(e.Fields)), []string{"addresses", "last_name", "ssn"}) {
		t.Errorf("refused as %+v", e)
	}
}

func TestStartRefusesWhoIsTooYoung(t *testing.T) {
	w := open(t)
	strict := kyc.DefaultPolicy()
	strict.MinimumAge = 21
	must(t, w.store.CreateProgram(t.Context(), kyc.Program{
		BrandID: brandID, ID: program2, Name: "Strict", Bank: "Second Bank", CreatedAt: w.clock.Now(), Policies: map[int]kyc.Policy{1: strict}, PolicyVersion: 1,
	}, testbed.Record()))
	born := func(years, days int) string { return w.clock.Now().AddDate(-years, 0, days).Format(time.DateOnly) }
	for name, c := range map[string]struct {
		born, program, want string
	}{
		"18 tomorrow":                    {born(18, 1), programID, "at least 18 years"},
		"21 tomorrow, of 21":             {born(21, 1), program2, "at least 21 years"},
		"18 yesterday, of 21":            {born(18, -1), program2, "at least 21 years"},
		"born yesterday":                 {born(0, -1), programID, "at least 18 years"},
		"not born yet":                   {born(0, 1), programID, "in the past"},
		"unknown program before the age": {born(0, -1), stranger, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(customerID)
			r.ProgramID, r.Fields = c.program, map[kyc.Field]string{kyc.BirthDate: c.born}
			w.unchanged(t, func() {
				_, err := w.service().Start(t.Context(), r)
				e := refusal(t, err)
				if got := strings.Join(e.Fields["dob"], " "); !strings.Contains(got, c.want) || (c.want == "") != (e.Code == "invalid_program") || strings.Contains(got, c.born) {
					t.Errorf("%s: %q", e.Code, got)
				}
			})
		})
	}
	r := request(customerID)
	r.Fields = map[kyc.Field]string{kyc.BirthDate: born(18, -1)}
	if _, err := w.service().Start(t.Context(), r); err != nil {
		t.Errorf("18 yesterday: %v", err)
	}
}

func TestStartRefusesWhatItDoesNotKnow(t *testing.T) {
	w := open(t)
	bad := "a key with spaces"
	for name, c := range map[string]struct {
		change func() (brand, customer, program string, key *string)
		kind   kyc.Kind
		code   string
	}{
		"customer":                {func() (string, string, string, *string) { return brandID, stranger, programID, nil }, kyc.NotFound, "customer_dne"},
		"program":                 {func() (string, string, string, *string) { return brandID, customerID, stranger, nil }, kyc.NotFound, "invalid_program"},
		"program before customer": {func() (string, string, string, *string) { return brandID, stranger, stranger, nil }, kyc.NotFound, "invalid_program"},
		"another brand's program": {func() (string, string, string, *string) { return stranger, customerID, programID, nil }, kyc.NotFound, "invalid_program"},
		"id that is no UUID":      {func() (string, string, string, *string) { return brandID, "42", programID, nil }, kyc.Invalid, "customer_invalid_uuid4"},
		"malformed key":           {func() (string, string, string, *string) { return brandID, customerID, programID, &bad }, kyc.Invalid, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(customerID)
			r.BrandID, r.CustomerID, r.ProgramID, r.IdempotencyKey = c.change()
			w.unchanged(t, func() {
				_, err := w.service().Start(t.Context(), r)
				if e := refusal(t, err); e.Kind != c.kind || e.Code != c.code {
					t.Errorf("refused as %+v", e)
				}
			})
		})
	}
}

// What a start costs beside the write that decides, in an environment that has served one before: nothing but the look for
// a program that is not cached. Where nothing could be written, no more than four tries.
func TestCallsOfAStart(t *testing.T) {
	w := open(t)
	var calls []string
	throttled := false
	bed := w.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		calls = append(calls, r.Operation)
		if throttled {
			return testbed.Refused(`{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}`)
		}
		return pass()
	})
	s := w.service()
	store := bed.Store(w.clock.Now)
	s.Attempts, s.Programs, s.Vault = store, store, keyring.New(bed.AWS, bed.KeyARN, store, w.clock.Now)
	start := func(change func(*verification.Request)) error {
		r := request(customerID)
		r.Fields, r.IdempotencyKey = marked, new(uuid.NewString())
		change(&r)
		_, err := s.Start(t.Context(), r)
		return err
	}
	w.bed.Customer(t, stranger, "123-45-6780")
	must(t, start(func(r *verification.Request) { r.CustomerID = stranger })) // warms the caches
	for _, c := range []struct {
		name   string
		change func(*verification.Request)
		code   string
		calls  []string
	}{
		{"malformed id", func(r *verification.Request) { r.CustomerID = "42" }, "customer_invalid_uuid4", nil},
		{"malformed key", func(r *verification.Request) { r.IdempotencyKey = new("a key") }, "invalid_request", nil},
		{"malformed field", func(r *verification.Request) { r.Fields = map[kyc.Field]string{kyc.SSN: "1"} }, "create_kyc_schema", nil},
		{"unknown program", func(r *verification.Request) { r.ProgramID = stranger }, "invalid_program", []string{"GetItem"}},
		{"unknown customer", func(r *verification.Request) { r.CustomerID = program2 }, "customer_dne", []string{"TransactWriteItems"}},
		{"accepted", func(*verification.Request) {}, "", []string{"TransactWriteItems"}},
		{"running", func(*verification.Request) {}, "kyc_in_progress", []string{"TransactWriteItems"}},
		{"running, no key", func(r *verification.Request) { r.IdempotencyKey = nil }, "kyc_in_progress", []string{"UpdateItem"}},
		{"not written", func(r *verification.Request) { r.IdempotencyKey, throttled = nil, true }, "kyc_error", slices.Repeat([]string{"UpdateItem"}, 4)},
	} {
		calls = nil
		code := ""
		if err := start(c.change); err != nil {
			code = refusal(t, err).Code
		}
		if code != c.code || !slices.Equal(calls, c.calls) {
			t.Errorf("%s: refused as %q, calls %q, want %q", c.name, code, calls, c.calls)
		}
	}
}

func TestMagicSSNOnlyWhereItIsAllowed(t *testing.T) {
	w := open(t)
	live := w.service()
	live.Mode, live.MagicSSN = kyc.Live, nil
	r := request(customerID)
	for _, ssn := range []string{"000-00-0000", "000000000"} {
		r.Fields = map[kyc.Field]string{kyc.SSN: ssn}
		_, err := live.Start(t.Context(), r)
		if e := refusal(t, err); e.Code != "create_kyc_schema" || len(e.Fields["ssn"]) != 1 {
			t.Errorf("%s on a live stage: %+v", ssn, e)
		}
	}
	r.Fields = map[kyc.Field]string{kyc.SSN: "666-00-0000"}
	_, err := w.service().Start(t.Context(), r)
	if e := refusal(t, err); e.Code != "create_kyc_schema" {
		t.Errorf("an impossible number that is not magic, on a sandbox stage: %+v", e)
	}
	r.Fields = map[kyc.Field]string{kyc.SSN: "000-00-0000"}
	if _, err := w.service().Start(t.Context(), r); err != nil {
		t.Errorf("a magic number on a sandbox stage: %v", err)
	}
}

func TestRetryRequest(t *testing.T) {
	w := open(t)
	calls, fail := []string{}, false
	bed := w.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		calls = append(calls, r.Operation)
		if fail && len(calls) > 1 {
			return testbed.Contended()
		}
		return pass()
	})
	s := w.service()
	s.Attempts = bed.Store(w.clock.Now)
	start := func(r verification.Request) *kyc.Error {
		t.Helper()
		calls = nil
		_, err := s.Start(t.Context(), r)
		return refusal(t, err)
	}
	asking, silent := request(customerID), request(customerID)
	key := "key-of-the-request"
	asking.RetryRequested, asking.IdempotencyKey = true, &key
	for range 3 {
		must(t, w.worker().Run(t.Context(), w.start(t, customerID, map[kyc.Field]string{kyc.SSN: "999-99-0000"})))
		must(t, w.relay().CatchUp(t.Context(), w.read(t, customerID)))
	}
	w.unchanged(t, func() {
		e := start(silent)
		if e.Code != "kyc_retries" || len(e.Extra) != 0 || !slices.Equal(calls, []string{"UpdateItem"}) {
			t.Errorf("nothing was asked for, after %q: %+v", calls, e)
		}
		fail = true
		if e := start(asking); e.Kind != kyc.Unavailable || e.Code != "kyc_error" || e.Headers["Retry-After"] == "" || len(e.Extra) != 0 {
			t.Errorf("it could not be noted: %+v", e)
		}
		fail = false
	})
	since := kyc.FormatTime(w.clock.Now())
	for range 2 {
		e := start(asking)
		if e.Kind != kyc.Conflict || e.Code != "kyc_retries" || e.Extra["retry_requested_at"] != since || !slices.Equal(calls, []string{"TransactWriteItems", "TransactWriteItems"}) {
			t.Errorf("after %q: %+v", calls, e)
		}
		w.clock.Move(time.Hour)
	}
	requests, err := w.store.RetryRequests(t.Context(), brandID, 10)
	if err != nil || len(requests) != 1 || requests[0].RequestedBy != testbed.Identity {
		t.Errorf("requests %+v, err %v", requests, err)
	}

	c := w.read(t, customerID)
	if granted, err := w.store.GrantAttempts(t.Context(), c, programID, 2, testbed.Record()); err != nil || !granted {
		t.Fatalf("granted %t, err %v", granted, err)
	}
	state, err := (&verification.Reader{Customers: w.store, Programs: w.store}).Read(t.Context(), brandID, customerID, programID, "")
	if err != nil || state.RequestsAvailable != 1 || state.NextAction != kyc.ActionStartAgain {
		t.Errorf("after the grant: %+v, err %v", state, err)
	}

	// Attempts are left, but it is too early: there is nothing to ask for, and the grant has not lifted that.
	s.Programs = patient{w}
	w.unchanged(t, func() {
		later := asking
		later.IdempotencyKey = nil
		if e := start(later); e.Code != "kyc_retries" || e.Extra["retry_at"] == nil || len(e.Extra) != 1 || !slices.Equal(calls, []string{"UpdateItem"}) {
			t.Errorf("too early, after %q: %+v", calls, e)
		}
	})
	s.Programs = w.store
	_, err = s.Start(t.Context(), asking) // its key was never taken
	must(t, err)
	w.unchanged(t, func() {
		other := asking
		other.IdempotencyKey = nil
		if e := start(other); e.Code != "kyc_in_progress" || !slices.Equal(calls, []string{"UpdateItem"}) {
			t.Errorf("one is running, after %q: %+v", calls, e)
		}
	})
}

// patient asks for a week between two attempts.
type patient struct{ w world }

func (p patient) Program(ctx context.Context, brandID, programID string) (kyc.Program, error) {
	program, err := p.w.store.Program(ctx, brandID, programID)
	policy := program.Policy()
	policy.MinInterval = 7 * 24 * time.Hour
	program.Policies = map[int]kyc.Policy{program.PolicyVersion: policy}
	return program, err
}

// Whichever call fails, in an environment that has served nothing before, nothing is written, and a client is told to send
// the same request again: of a start and of a cancellation.
func TestFailureOnOurSideAsksForTheSameAgain(t *testing.T) {
	for name, serve := range map[string]func(world, *testbed.Bed) error{
		"start": func(w world, bed *testbed.Bed) error {
			store := bed.Store(w.clock.Now)
			s := w.service()
			s.Attempts, s.Programs, s.Vault = store, store, keyring.New(bed.AWS, bed.KeyARN, store, w.clock.Now)
			s.Clock = clock.Brands{Real: w.clock.Now, Store: store}
			r := request(customerID)
			r.Fields, r.IdempotencyKey = marked, new("a-key")
			_, err := s.Start(t.Context(), r)
			return err
		},
		"cancellation": func(w world, bed *testbed.Bed) error {
			store := bed.Store(w.clock.Now)
			c := &verification.Canceler{Attempts: store, Clock: clock.Brands{Real: w.clock.Now, Store: store}}
			_, _, err := c.Cancel(t.Context(), brandID, customerID, programID)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			if name == "cancellation" {
				w.start(t, customerID, nil)
			}
			for n := 1; ; n++ { // the call that fails
				calls, failed := 0, ""
				err := serve(w, w.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
					if calls++; calls == n {
						failed = r.Operation
						return testbed.Refused(`{"__type":"AccessDeniedException","message":"injected"}`)
					}
					return pass()
				}))
				if failed == "" { // and nothing that was written before stands in the way
					if must(t, err); n < 4 {
						t.Errorf("only %d calls could fail", n-1)
					}
					return
				}
				e := refusal(t, err)
				if e.Kind != kyc.Unavailable || e.Code != "kyc_error" || e.Headers["Retry-After"] == "" {
					t.Errorf("call %d, %s, failed: refused as %+v", n, failed, e)
				}
				for _, mark := range marks {
					if strings.Contains(e.Error(), mark) {
						t.Errorf("call %d, %s, failed: the error holds %q", n, failed, mark)
					}
				}
			}
		})
	}
}
