package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestDeleteWhole(t *testing.T) {
	_, handle := open(t)
	e := testbed.HTTPEvent(t, "customers-delete.json")
	outdated := testbed.HTTPEvent(t, "customers-delete.json")
	outdated.Headers["if-match"] = `"9.9"`
	if status, body := testbed.HTTP(t, handle, outdated); status != 412 {
		t.Errorf("what has changed: %d %v", status, body)
	}
	bound := testbed.HTTPEvent(t, "customers-delete.json")
	bound.RequestContext.Authorizer.Lambda["customer_id"] = testbed.CustomerID
	if status, body := testbed.HTTP(t, handle, bound); status != 403 || body["Code"] != "auth_err" {
		t.Errorf("by a key pair for the customer alone: %d %v", status, body)
	}
	status, body := testbed.HTTP(t, handle, e)
	if diff := cmp.Diff([]any{"addresses", "dob", "first_name", "last_name", "ssn"}, body["erased"]); status != 200 || diff != "" || len(body["kept"].([]any)) != 0 {
		t.Errorf("%d %v (-want +got):\n%s", status, body, diff)
	}
	for _, file := range []string{"customers-delete.json", "customers-read.json", "customers-update.json", "customers-addresses-list.json"} {
		if status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, file)); status != 404 || body["Code"] != "customer_dne" {
			t.Errorf("%s: %d %v", file, status, body)
		}
	}
}

func TestDeleteInPart(t *testing.T) {
	bed, handle := open(t)
	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	status, refused := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "customers-delete.json"))
	if status != 409 || refused["Code"] != "kyc_in_progress" || refused["attempt_id"] != testbed.AttemptID || refused["program_id"] != testbed.ProgramID {
		t.Errorf("while an attempt is open: %d %v", status, refused)
	}
	store := bed.Store(clock.Now)
	c, err := store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil {
		t.Fatal(err)
	}
	from := c.Attempts[testbed.ProgramID]
	to, err := from.Advance(kyc.Decision{Status: kyc.Passed, Results: []kyc.Result{
		{Check: kyc.CheckCIP, Passed: true, Provider: "policy", Mode: kyc.Sandbox}, {Check: kyc.CheckOFAC, Passed: true, Provider: "sandbox", Mode: kyc.Sandbox},
	}}, 2, clock.Now(), "")
	if err != nil {
		t.Fatal(err)
	}
	stood, err := store.AdvanceAttempt(t.Context(), kyc.Advance{
		BrandID: c.BrandID, CustomerID: c.ID, ProgramID: testbed.ProgramID, From: from, To: to, Version: 1, Alarm: clock.Now(),
	})
	if err != nil || stood != nil {
		t.Fatalf("stood %+v, err %v", stood, err)
	}
	status, report := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "customers-delete.json"))
	var records []string
	for _, k := range report["kept"].([]any) {
		records = append(records, k.(map[string]any)["record"].(string))
	}
	if diff := cmp.Diff([]string{"identifying_information", "verification", "sanctions_screening"}, records); status != 200 || diff != "" {
		t.Errorf("%d %v (-want +got):\n%s", status, report, diff)
	}
	status, again := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "customers-delete.json"))
	if diff := cmp.Diff(report, again); status != 200 || diff != "" {
		t.Errorf("again: %d (-first +again):\n%s", status, diff)
	}
	if status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "customers-read.json")); status != 404 {
		t.Errorf("read: %d %v", status, body)
	}
}
