package main

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

// attempt reads the seeded customer's.
func attempt(t *testing.T, b *testbed.Bed) kyc.Attempt {
	t.Helper()
	c, err := b.Store(clock.Now).Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil {
		t.Fatal(err)
	}
	return c.Attempts[testbed.ProgramID]
}

// Each outcome can be forced on an attempt in every open state, once.
func TestForcedOutcomes(t *testing.T) {
	for event, want := range map[string]kyc.Status{
		"simulate-kyc-pass.json": kyc.Passed, "simulate-kyc-fail.json": kyc.Failed, "simulate-kyc-timeout.json": kyc.Expired,
	} {
		for name, prepare := range map[string]func(*testbed.Bed){
			"submitted":         func(b *testbed.Bed) { b.Start(t, testbed.CustomerID, testbed.AttemptID) },
			"document_required": func(b *testbed.Bed) { b.AskFor(t, testbed.CustomerID, testbed.AttemptID, kyc.GovernmentID) },
			"under_review":      func(b *testbed.Bed) { received(t, b) },
		} {
			bed, handle := open(t)
			if status, answer := send(t, handle, event, ""); status != http.StatusNotFound || answer["Code"] != "kyc_dne" {
				t.Errorf("%s, never started: %d %v", event, status, answer)
			}
			prepare(bed)
			status, answer := send(t, handle, event, "")
			if status != http.StatusOK || answer["kyc_status"] != string(want) || answer["customer_id"] != testbed.CustomerID || len(answer) != 2 {
				t.Errorf("%s, %s: %d %v", event, name, status, answer)
			}
			if a := attempt(t, bed); a.Status != want || a.Cause() != "simulated" || want == kyc.Failed && !slices.Equal(a.Reasons, []string{kyc.ReasonOtherFailed}) {
				t.Errorf("%s, %s: %+v", event, name, a)
			}
			code := map[kyc.Status]string{kyc.Passed: "kyc_already_passed"}[want]
			if code == "" {
				code = "resource_conflict"
			}
			if status, answer := send(t, handle, event, ""); status != http.StatusConflict || answer["Code"] != code {
				t.Errorf("%s again, %s: %d %v", event, name, status, answer)
			}
		}
	}
}

// A forced pass makes what the start brought the identity on file, as every pass does.
func TestForcedPassLearns(t *testing.T) {
	bed, handle := open(t)
	store, keys, now := bed.Store(clock.Now), bed.Keyring(), clock.Now()
	sealed, err := keys.Seal(t.Context(), kyc.AttemptPlace(testbed.BrandID, testbed.CustomerID, testbed.AttemptID), kyc.Profile{kyc.Email: kyc.NewSecret("new@example.com")})
	if err != nil {
		t.Fatal(err)
	}
	if stood, err := store.OpenAttempt(t.Context(), kyc.Start{
		BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID, Policy: kyc.DefaultPolicy(), Now: now,
		Attempt: kyc.Attempt{
			ID: testbed.AttemptID, Status: kyc.Submitted, SubmittedAt: now, Mode: kyc.Sandbox, PolicyVersion: 1, OpenedBy: testbed.Identity, Fields: sealed,
			Timeline: []kyc.Transition{{Status: kyc.Submitted, At: now}},
		},
	}); err != nil || stood != nil {
		t.Fatal(stood, err)
	}
	if status, answer := send(t, handle, "simulate-kyc-pass.json", ""); status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	profile, _, err := store.Profile(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil {
		t.Fatal(err)
	}
	onFile, err := keys.Open(t.Context(), kyc.ProfilePlace(testbed.BrandID, testbed.CustomerID), profile)
	if err != nil || onFile.Get(kyc.Email) != "new@example.com" {
		t.Errorf("not on file: %v", err)
	}
}

// received brings an attempt under review by its one document.
func received(t *testing.T, b *testbed.Bed) {
	t.Helper()
	b.AskFor(t, testbed.CustomerID, testbed.AttemptID, kyc.GovernmentID)
	store := b.Store(clock.Now)
	c, err := store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil {
		t.Fatal(err)
	}
	to := c.Attempts[testbed.ProgramID].Receive(testbed.DocumentID(kyc.GovernmentID), kyc.Front,
		kyc.Evidence{Content: kyc.Content{Media: kyc.JPEG, Length: 1, SHA256: [32]byte{1}}, Version: "v", At: clock.Now()})
	_, advance, err := c.Filed(testbed.ProgramID, to, kyc.DocumentsReviewed, kyc.Moment{Time: clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if stood, err := store.AdvanceAttempt(t.Context(), *advance); err != nil || stood != nil {
		t.Fatal(stood, err)
	}
}

func TestVerdicts(t *testing.T) {
	bed, handle := open(t)
	bed.AskFor(t, testbed.CustomerID, testbed.AttemptID, kyc.GovernmentID)
	if status, answer := send(t, handle, "simulate-document.json", ""); status != http.StatusConflict || answer["Code"] != "resource_conflict" {
		t.Errorf("not received: %d %v", status, answer)
	}
	bed, handle = open(t)
	received(t, bed)
	unknown := `{"customer_id":"` + testbed.CustomerID + `","program_id":"` + testbed.ProgramID + `","document_id":"` + uuid.NewString() + `","verdict":"accepted"}`
	if status, answer := send(t, handle, "simulate-document.json", unknown); status != http.StatusNotFound || answer["Code"] != "invalid_reference" {
		t.Errorf("unknown: %d %v", status, answer)
	}
	if status, answer := send(t, handle, "simulate-document.json", ""); status != http.StatusOK || answer["kyc_status"] != "document_required" || answer["status"] != "rejected" {
		t.Errorf("rejected: %d %v", status, answer)
	}
	if a := attempt(t, bed); a.Status != kyc.DocumentRequired || a.Documents[0].Rejection() != kyc.RejectedExpired || a.DocumentsBy.IsZero() {
		t.Errorf("rejected: %+v", a)
	}
	bed, handle = open(t)
	received(t, bed)
	accepted := `{"customer_id":"` + testbed.CustomerID + `","program_id":"` + testbed.ProgramID + `","document_id":"` + testbed.DocumentID(kyc.GovernmentID) + `","verdict":"accepted"}`
	if status, answer := send(t, handle, "simulate-document.json", accepted); status != http.StatusOK || answer["kyc_status"] != "under_review" || answer["status"] != "accepted" {
		t.Errorf("accepted: %d %v", status, answer)
	}
	status, answer := send(t, handle, "simulate-document-invalid.json", "")
	message, _ := answer["Message"].(map[string]any)
	if want := []string{"document_id", "reason", "verdict"}; status != http.StatusBadRequest || !slices.Equal(want, slices.Sorted(maps.Keys(message))) {
		t.Errorf("invalid: %d %v", status, answer)
	}
}
