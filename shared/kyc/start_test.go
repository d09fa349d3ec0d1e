package kyc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
)

const (
	brandID    = "0b7e9c4e-4a44-4c8c-9a43-0f6f0d4f3a01"
	programID  = "5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02"
	customerID = "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03"
	attemptID  = "8e2f4a6c-1b3d-4e5f-a7b8-c9d0e1f2a306"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// start is a start at noon by a policy of three attempts an hour apart, under a key, bringing all but one field.
func start() kyc.Start {
	return kyc.Start{
		BrandID: brandID, CustomerID: customerID, ProgramID: programID, Now: noon,
		Policy:  kyc.Policy{MaxAttempts: 3, MinInterval: time.Hour},
		Missing: []kyc.Field{kyc.FirstName},
		Key:     &kyc.KeyClaim{Operation: kyc.OperationStart, Hash: "h", Fingerprint: []byte("same")},
	}
}

// customer is one that nothing stands against.
func customer() kyc.Customer {
	return kyc.Customer{
		BrandID: brandID, ID: customerID, Present: []kyc.Field{kyc.FirstName},
		Attempts: map[string]kyc.Attempt{}, Previous: map[string]kyc.Attempt{}, Used: map[string]int{},
		Ended: map[string]time.Time{}, Versions: map[string]int{}, Relayed: map[string]int{},
	}
}

func attempt(status kyc.Status) kyc.Attempt {
	return kyc.Attempt{ID: attemptID, Status: status, Timeline: []kyc.Transition{
		{Version: 1, Status: kyc.Submitted, At: noon.Add(-2 * time.Hour)}, {Version: 2, Status: status, At: noon.Add(-time.Hour)},
	}}
}

func record(fingerprint string) *kyc.KeyRecord {
	return &kyc.KeyRecord{
		Fingerprint: []byte(fingerprint), AttemptID: attemptID, CustomerID: customerID, ProgramID: programID,
		FirstSeenAt: noon.Add(-time.Hour), ExpiresAt: noon.Add(23 * time.Hour),
	}
}

func TestRefusal(t *testing.T) {
	const first, expires = "2026-01-02T11:00:00.000000+00:00", "2026-01-03T11:00:00.000000+00:00"
	seenHeaders := map[string]string{"Idempotency-First-Seen": first, "Idempotency-Expires": expires}
	const statusURL = "/api/v0.1/customers/" + customerID + "/verification-kyc?program_id=" + programID
	same := func(status string) map[string]any {
		return map[string]any{"payload_matches": true, "attempt_id": attemptID, "kyc_status": status,
			"first_seen_at": first, "expires_at": expires, "status_url": statusURL}
	}
	conflict := func(code string, extra map[string]any, headers map[string]string) *kyc.Error {
		return &kyc.Error{Kind: kyc.Conflict, Code: code, Extra: extra, Headers: headers}
	}
	inProgress := func(status string) *kyc.Error {
		return conflict("kyc_in_progress", map[string]any{"attempt_id": attemptID, "kyc_status": status}, nil)
	}
	archived := record("same")
	archived.Status = kyc.Expired
	for name, c := range map[string]struct {
		change func(s *kyc.Start, c *kyc.Customer)
		seen   *kyc.KeyRecord
		want   *kyc.Error
	}{
		"nothing in the way": {},
		"key seen, same request, attempt is current": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Attempts[programID] = attempt(kyc.UnderReview) },
			seen:   record("same"), want: conflict("idempotency_key_exists", same("under_review"), seenHeaders),
		},
		"key seen, same request, attempt was replaced": {
			change: func(_ *kyc.Start, c *kyc.Customer) {
				c.Previous[programID] = attempt(kyc.Failed)
				c.Attempts[programID] = kyc.Attempt{ID: "another", Status: kyc.Submitted}
			},
			seen: record("same"), want: conflict("idempotency_key_exists", same("failed"), seenHeaders),
		},
		"key seen, same request, attempt is archived": {
			seen: archived, want: conflict("idempotency_key_exists", same("expired"), seenHeaders),
		},
		"key seen, other request": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Attempts[programID] = attempt(kyc.Passed) },
			seen:   record("other"),
			want: &kyc.Error{Kind: kyc.Unprocessable, Code: "idempotency_key_exists", Headers: seenHeaders,
				Extra: map[string]any{"payload_matches": false}},
		},
		"key seen by a start that has none": {
			change: func(s *kyc.Start, _ *kyc.Customer) { s.Key = nil },
			seen:   record("same"),
			want: &kyc.Error{Kind: kyc.Unprocessable, Code: "idempotency_key_exists", Headers: seenHeaders,
				Extra: map[string]any{"payload_matches": false}},
		},
		"passed before": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Attempts[programID] = attempt(kyc.Passed) },
			want:   conflict("kyc_already_passed", map[string]any{"passed_at": first, "attempt_id": attemptID}, nil),
		},
		"submitted": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Attempts[programID] = attempt(kyc.Submitted) },
			want:   inProgress("submitted"),
		},
		"under review": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Attempts[programID] = attempt(kyc.UnderReview) },
			want:   inProgress("under_review"),
		},
		"waits for documents": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Attempts[programID] = attempt(kyc.DocumentRequired) },
			want:   inProgress("document_required"),
		},
		"waits for documents, fields may be entered again": {
			change: func(_ *kyc.Start, c *kyc.Customer) {
				a := attempt(kyc.DocumentRequired)
				a.Reenter = []kyc.Field{kyc.SSN}
				c.Attempts[programID] = a
			},
		},
		"fields to enter again open no other state": {
			change: func(_ *kyc.Start, c *kyc.Customer) {
				a := attempt(kyc.UnderReview)
				a.Reenter = []kyc.Field{kyc.SSN}
				c.Attempts[programID] = a
			},
			want: inProgress("under_review"),
		},
		"a state that nobody knows is open": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Attempts[programID] = attempt("newer") },
			want:   inProgress("newer"),
		},
		"failed":   {change: func(_ *kyc.Start, c *kyc.Customer) { c.Attempts[programID] = attempt(kyc.Failed) }},
		"error":    {change: func(_ *kyc.Start, c *kyc.Customer) { c.Attempts[programID] = attempt(kyc.Errored) }},
		"expired":  {change: func(_ *kyc.Start, c *kyc.Customer) { c.Attempts[programID] = attempt(kyc.Expired) }},
		"canceled": {change: func(_ *kyc.Start, c *kyc.Customer) { c.Attempts[programID] = attempt(kyc.Canceled) }},
		"passed in another program": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Attempts["another"] = attempt(kyc.Passed) },
		},
		"one attempt left": {change: func(_ *kyc.Start, c *kyc.Customer) { c.Used[programID] = 2 }},
		"attempts used up": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Used[programID] = 3 },
			want:   conflict("kyc_retries", nil, nil),
		},
		"interval not over": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Ended[programID] = noon.Add(-30 * time.Minute) },
			want: conflict("kyc_retries", map[string]any{"retry_at": "2026-01-02T12:30:00.000000+00:00"},
				map[string]string{"Retry-After": "1800"}),
		},
		"one microsecond of the interval left": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Ended[programID] = noon.Add(-time.Hour + time.Microsecond) },
			want: conflict("kyc_retries", map[string]any{"retry_at": "2026-01-02T12:00:00.000001+00:00"},
				map[string]string{"Retry-After": "1"}),
		},
		"a second and a bit of the interval left": {
			change: func(_ *kyc.Start, c *kyc.Customer) {
				c.Ended[programID] = noon.Add(-time.Hour + 1000001*time.Microsecond)
			},
			want: conflict("kyc_retries", map[string]any{"retry_at": "2026-01-02T12:00:01.000001+00:00"},
				map[string]string{"Retry-After": "2"}),
		},
		"a second of the interval left": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Ended[programID] = noon.Add(-time.Hour + time.Second) },
			want: conflict("kyc_retries", map[string]any{"retry_at": "2026-01-02T12:00:01.000000+00:00"},
				map[string]string{"Retry-After": "1"}),
		},
		"interval over to the microsecond": {
			change: func(_ *kyc.Start, c *kyc.Customer) { c.Ended[programID] = noon.Add(-time.Hour) },
		},
		"fields missing": {
			change: func(s *kyc.Start, _ *kyc.Customer) {
				s.Missing = []kyc.Field{kyc.FirstName, kyc.LastName, kyc.SSN, kyc.PhysicalAddress, kyc.IP}
			},
			want: &kyc.Error{Kind: kyc.Invalid, Code: "create_kyc_schema", Fields: map[string][]string{
				"last_name": {"Missing data for required field: store it on the customer."},
				"ssn":       {"Missing data for required field: send it with this request or store it on the customer."},
				"addresses": {"Missing data for required field: store a PHYSICAL address, no post office box, on the customer."},
				"ip":        {"Missing data for required field: send it with this request."},
			}},
		},
		"an earlier attempt waits for the archive": {
			change: func(_ *kyc.Start, c *kyc.Customer) {
				c.Attempts[programID], c.Previous[programID] = attempt(kyc.Failed), attempt(kyc.Failed)
			},
			want: &kyc.Error{Kind: kyc.Unavailable, Code: "kyc_error", Headers: map[string]string{"Retry-After": "1"}},
		},
		"an earlier attempt of another program waits for the archive": {
			change: func(_ *kyc.Start, c *kyc.Customer) {
				c.Attempts["another"], c.Previous["another"] = attempt(kyc.Failed), attempt(kyc.Failed)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, held := start(), customer()
			if c.change != nil {
				c.change(&s, &held)
			}
			got := s.Refusal(&held, c.seen)
			if got != nil {
				if (got.Message == "") == (got.Fields == nil) {
					t.Errorf("says nothing, or two things: %q %v", got.Message, got.Fields)
				}
				got.Message = ""
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusalOfAnUnknownCustomer(t *testing.T) {
	for name, seen := range map[string]*kyc.KeyRecord{"no key": nil, "key seen": record("same")} {
		t.Run(name, func(t *testing.T) {
			if got := start().Refusal(nil, seen); got == nil || got.Code != "customer_dne" || got.Kind != kyc.NotFound {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Everything stands against the start; as one after the other is cleared away, the next is reported.
func TestRefusalsComeInTheirOrder(t *testing.T) {
	s, held := start(), customer()
	seen := record("same")
	held.Attempts[programID], held.Previous[programID] = attempt(kyc.Passed), attempt(kyc.Failed)
	held.Used[programID] = 3
	held.Ended[programID] = noon
	held.Present = nil
	var got []string
	report := func() {
		refusal := s.Refusal(&held, seen)
		_, interval := refusal.Extra["retry_at"]
		got = append(got, fmt.Sprintf("%s %t", refusal.Code, interval))
	}
	for _, clear := range []func(){
		func() {},
		func() { seen = nil },
		func() { held.Attempts[programID] = attempt(kyc.Submitted) },
		func() { held.Attempts[programID] = attempt(kyc.Failed) },
		func() { held.Used[programID] = 2 },
		func() { delete(held.Ended, programID) },
		func() { held.Present = s.Missing },
	} {
		clear()
		report()
	}
	want := []string{"idempotency_key_exists false", "kyc_already_passed false", "kyc_in_progress false", "kyc_retries false", "kyc_retries true",
		"create_kyc_schema false", "kyc_error false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A key is taken for 24 hours to the microsecond, though its record may lie in the table for days.
func TestKeyIsFreeAtItsExpiry(t *testing.T) {
	first := start()
	for name, c := range map[string]struct {
		after time.Duration
		taken bool
	}{
		"at once":              {0, true},
		"a microsecond before": {24*time.Hour - time.Microsecond, true},
		"at the expiry":        {24 * time.Hour, false},
		"days later":           {72 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			again, held, seen := start(), customer(), record("same")
			seen.FirstSeenAt, seen.ExpiresAt = first.Now, first.KeyRecord().ExpiresAt
			again.Now = noon.Add(c.after)
			if got := again.Refusal(&held, seen); (got != nil) != c.taken {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Whoever sends another request under a taken key learns nothing of what was sent under it first.
func TestOtherRequestUnderAKeyLearnsNothing(t *testing.T) {
	held := customer()
	held.Attempts[programID] = attempt(kyc.Passed)
	seen := record("first request's print")
	got := start().Refusal(&held, seen)
	if got == nil {
		t.Fatal("accepted")
	}
	shown := fmt.Sprint(got.Message, got.Extra, got.Fields, got.Headers)
	for _, hidden := range []string{attemptID, customerID, programID, "passed", "first request's print"} {
		if strings.Contains(shown, hidden) {
			t.Errorf("%q is told: %s", hidden, shown)
		}
	}
}

func TestRequestsAvailable(t *testing.T) {
	policy := kyc.Policy{MaxAttempts: 3}
	for name, c := range map[string]struct {
		used   int
		status kyc.Status
		want   int
	}{
		"none used":                     {0, "", 3},
		"one used":                      {1, kyc.Failed, 2},
		"all used":                      {3, kyc.Failed, 0},
		"more used than the policy has": {4, kyc.Failed, 0},
		"passed":                        {1, kyc.Passed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			held := customer()
			held.Used[programID] = c.used
			held.Attempts[programID] = kyc.Attempt{Status: c.status}
			if got := held.RequestsAvailable(programID, policy); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
