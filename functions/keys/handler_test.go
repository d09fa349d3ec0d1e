package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/platform"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func TestKeys(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	read := func(identity string) (int, map[string]any) {
		e := testbed.HTTPEvent(t, "keys-read.json")
		e.RawPath = strings.ReplaceAll(e.RawPath, testbed.Identity, identity)
		e.PathParameters["identity"] = identity
		return testbed.HTTP(t, handle, e)
	}
	status, key := read(testbed.Identity)
	delete(key, "date_created")
	want := map[string]any{
		"Identity": testbed.Identity, "brand_id": testbed.BrandID, "name": "test_key",
		"permissions": []any{"read", "write", "webhooks", "simulate", "review"},
	}
	if diff := cmp.Diff(want, key); status != 200 || diff != "" {
		t.Errorf("read: %d (-want +got):\n%s", status, diff)
	}

	status, made := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "keys-temporary.json"))
	identity, _ := made["Identity"].(string)
	secret, _ := made["Authorization"].(string)
	if status != 201 || made["customer_id"] != testbed.CustomerID {
		t.Fatalf("temporary: %d %v", status, made)
	}
	delete(made, "Authorization") // shown once
	if status, shown := read(identity); status != 200 || !cmp.Equal(made, shown) {
		t.Errorf("read the temporary one: %d (-made +shown):\n%s", status, cmp.Diff(made, shown))
	}
	for _, item := range bed.Items(t) {
		if strings.Contains(testbed.Text(item), secret) {
			t.Errorf("the secret half is stored in %s", testbed.Text(item))
		}
	}
	// What the authorizer makes of it reaches neither this function nor another pair of its kind.
	pair, ok, err := (&platform.Authenticator{Keys: bed.Store(clock.Now), Now: clock.Now}).Authenticate(t.Context(), identity, kyc.NewSecret(secret))
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	for _, name := range []string{"keys-temporary.json", "keys-read.json"} {
		e := testbed.HTTPEvent(t, name)
		e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: apigw.AuthorizerContext(pair)}
		if status, body := testbed.HTTP(t, handle, e); status != 403 || body["Code"] != "auth_err" {
			t.Errorf("%s by the temporary pair: %d %v", name, status, body)
		}
	}

	if ok, _, err := bed.Store(clock.Now).RevokeKey(t.Context(), testbed.BrandID, testbed.Identity, clock.Now(), testbed.Record()); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if status, key := read(testbed.Identity); status != 200 || key["date_revoked"] == nil {
		t.Errorf("read the revoked one: %d %v", status, key)
	}
	if status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "keys-temporary.json")); status != 403 || body["Code"] != "auth_err" {
		t.Errorf("temporary by a revoked pair: %d %v", status, body)
	}
}

func TestRefusals(t *testing.T) {
	testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	foreign := testbed.HTTPEvent(t, "keys-read.json")
	foreign.RequestContext.Authorizer.Lambda["brand_id"] = testbed.ProgramID
	unknown := testbed.HTTPEvent(t, "keys-read.json")
	unknown.RawPath = strings.ReplaceAll(unknown.RawPath, testbed.Identity, testbed.AttemptID)
	unknown.PathParameters["identity"] = testbed.AttemptID
	_, want := testbed.HTTP(t, handle, unknown)
	if status, body := testbed.HTTP(t, handle, foreign); status != 404 || !cmp.Equal(want, body) {
		t.Errorf("another brand's pair: %d (-unknown +another's):\n%s", status, cmp.Diff(want, body))
	}
	malformed := unknown
	malformed.RawPath = strings.ReplaceAll(unknown.RawPath, testbed.AttemptID, "me")
	malformed.PathParameters = map[string]string{"identity": "me"}
	if status, body := testbed.HTTP(t, handle, malformed); status != 400 || body["Code"] != "invalid_request" {
		t.Errorf("a malformed identity: %d %v", status, body)
	}
	for body, fields := range map[string]map[string]any{
		"":                                 {"permissions": []any{"Must be one or more of read, write."}}, // as the file says
		`{}`:                               {"customer_id": []any{"Missing data for required field."}},
		`{"customer_id":7,"customer":"x"}`: {"customer_id": []any{"Must be a string."}, "customer": []any{"Unknown field."}},
		`{"customer_id":"x","permissions":"read"}`: {
			"customer_id": []any{"Must be a UUID."}, "permissions": []any{"Must be an array of strings."}},
	} {
		e := testbed.HTTPEvent(t, "keys-temporary-invalid.json")
		if body != "" {
			e.Body = body
		}
		status, answer := testbed.HTTP(t, handle, e)
		if diff := cmp.Diff(any(fields), answer["Message"]); status != 400 || answer["Code"] != "input_error" || diff != "" {
			t.Errorf("%s: %d (-want +got):\n%s", body, status, diff)
		}
	}
	e := testbed.HTTPEvent(t, "keys-temporary.json")
	e.Body = `{"customer_id":"` + testbed.AttemptID + `"}`
	if status, answer := testbed.HTTP(t, handle, e); status != 404 || answer["Code"] != "customer_dne" {
		t.Errorf("an unknown customer: %d %v", status, answer)
	}
}
