package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

const (
	customer = "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03"
	program  = "5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02"
	attempt  = "8e2f4a6c-1b3d-4e5f-a7b8-c9d0e1f2a306"
	started  = `{"customer_id":"` + customer + `","program_id":"` + program + `","kyc_status":"submitted","attempt_id":"` + attempt + `",
		"submitted_at":"2026-01-02T03:04:05.678901+00:00"}`
	seen = `{"Message":"m","Status":409,"Code":"idempotency_key_exists","Type":"Request Error","attempt_id":"` + attempt + `",
		"kyc_status":"passed","first_seen_at":"2026-01-02T03:04:05.678901+00:00","expires_at":"2026-01-03T03:04:05.678901+00:00",
		"status_url":"/","payload_matches":true}`
)

// A start, and the same start again, by the generated client: what it sends is what the document says, and what is
// answered has its members.
func TestStart(t *testing.T) {
	answered := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body) != 1 || body["program_id"] != program {
			t.Errorf("body: %v, %v", body, err)
		}
		if want := "/api/v0.1/customers/" + customer + "/verification-kyc"; r.Method != "POST" || r.URL.Path != want ||
			r.Header.Get("Idempotency-Key") != "once" || r.Header.Get("Identity") != "i" || r.Header.Get("Authorization") != "s" {
			t.Errorf("request: %s %s %v", r.Method, r.URL.Path, r.Header)
		}
		w.Header().Set("Content-Type", "application/json")
		if !answered {
			answered = true
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(started))
			return
		}
		w.Header().Set("Idempotency-Expires", "2026-01-03T03:04:05.678901+00:00")
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte(seen))
	}))
	defer server.Close()
	c, err := NewClientWithResponses(server.URL+"/api/v0.1", WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Identity", "i")
		r.Header.Set("Authorization", "s")
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	var id CustomerId
	if err := id.UnmarshalText([]byte(customer)); err != nil {
		t.Fatal(err)
	}
	body := StartKycJSONRequestBody{}
	if err := body.ProgramId.UnmarshalText([]byte(program)); err != nil {
		t.Fatal(err)
	}
	key := "once"
	first, err := c.StartKycWithResponse(t.Context(), id, &StartKycParams{IdempotencyKey: &key}, body)
	if err != nil {
		t.Fatal(err)
	}
	if first.JSON201 == nil || first.JSON201.AttemptId.String() != attempt || first.JSON201.SubmittedAt.Nanosecond() != 678901000 {
		t.Errorf("start: %s", first.Body)
	}
	again, err := c.StartKycWithResponse(t.Context(), id, &StartKycParams{IdempotencyKey: &key}, body)
	if err != nil {
		t.Fatal(err)
	}
	if again.JSON409 == nil {
		t.Fatalf("the same again: %d %s", again.StatusCode(), again.Body)
	}
	refusal, err := again.JSON409.AsKeySeen()
	if err != nil || refusal.AttemptId.String() != attempt || refusal.KycStatus != KycStatusPassed || !refusal.PayloadMatches {
		t.Errorf("the same again: %+v, %v", refusal, err)
	}
	if expires := again.Headers409.IdempotencyExpires; expires == nil || !expires.Equal(refusal.ExpiresAt) {
		t.Errorf("the key's end: %v", expires)
	}
}
