package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/platform"
	"kyc/shared/testbed"
)

func TestGrants(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	do := func(name string) map[string]any {
		t.Helper()
		var r request
		testbed.Event(t, name, &r)
		answer, err := handle(testbed.Context(t), r)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := json.Marshal(answer)
		body := map[string]any{}
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Fatal(err)
		}
		return body
	}
	expect := func(when, event string, want map[string]any) {
		t.Helper()
		if diff := cmp.Diff(want, do(event)); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", when, event, diff)
		}
	}
	const list, grant = "admin-list-retry-requests.json", "admin-grant-attempts.json"
	if body := do(grant); body["Status"] != 404.0 || body["Code"] != "kyc_dne" {
		t.Errorf("never started: %v", body)
	}
	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	pair := kyc.Pair{BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID}
	now := clock.Now()
	store := bed.Store(clock.Now)
	if _, err := store.RequestRetry(t.Context(), kyc.RetryRequest{Pair: pair, RequestedAt: now, RequestedBy: testbed.Identity}); err != nil {
		t.Fatal(err)
	}
	expect("asked for", list, map[string]any{"more": false, "retry_requests": []any{map[string]any{
		"customer_id": testbed.CustomerID, "program_id": testbed.ProgramID, "retry_requested_at": kyc.FormatTime(now), "Identity": testbed.Identity,
	}}})
	c, err := store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err == nil {
		_, err = store.GrantAttempts(t.Context(), c, testbed.ProgramID, 3, testbed.Record())
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		expect("two more", grant, map[string]any{
			"brand_id": testbed.BrandID, "customer_id": testbed.CustomerID, "program_id": testbed.ProgramID, "attempts_used": 1.0, "kyc_requests_available": 2.0,
		})
	}
	expect("settled", list, map[string]any{"more": false, "retry_requests": []any{}})
}

func TestMain(m *testing.M) { testbed.Main(m) }

func TestActions(t *testing.T) {
	bed := testbed.Open(t)
	bed.Setenv(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	do := func(r request) map[string]any {
		t.Helper()
		answer, err := handle(testbed.Context(t), r)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := json.Marshal(answer)
		body := map[string]any{}
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Fatal(err)
		}
		return body
	}
	file := func(name, brandID string) request {
		var r request
		testbed.Event(t, name, &r)
		r.BrandID = brandID
		return r
	}
	brand := do(file("admin-create-brand.json", ""))
	brandID, _ := brand["brand_id"].(string)
	if !kyc.IsUUID(brandID) {
		t.Fatalf("create_brand: %v", brand)
	}
	program := do(file("admin-create-program.json", brandID))
	if diff := cmp.Diff(map[string]any{
		"required": []any{"addresses", "dob", "first_name", "last_name", "ssn"}, "minimum_age": 18.0, "max_attempts": 5.0, "min_interval_seconds": 0.0, "duplicates": "allow",
		"checks": []any{"cip", "ofac", "bureau", "mobile", "ip", "email"}, "document_deadline_days": 28.0, "documents": "review",
	}, program["policy"]); diff != "" || program["policy_version"] != 1.0 {
		t.Errorf("create_program: version %v (-want +got):\n%s", program["policy_version"], diff)
	}
	update := file("admin-update-policy.json", brandID)
	update.ProgramID, _ = program["program_id"].(string)
	program = do(update)
	if diff := cmp.Diff(map[string]any{
		"required": []any{"addresses", "dob", "first_name", "last_name", "ssn"}, "minimum_age": 21.0, "max_attempts": 5.0, "min_interval_seconds": 3600.0, "duplicates": "review",
		"checks": []any{"cip", "ofac", "bureau"}, "document_deadline_days": 14.0, "documents": "automatic", "brand_name": "Acme Pay", "brand_color": "#1f4e79",
	}, program["policy"]); diff != "" || program["policy_version"] != 2.0 {
		t.Errorf("update_policy: version %v (-want +got):\n%s", program["policy_version"], diff)
	}
	key := do(file("admin-create-key.json", brandID))
	if secret, _ := key["Authorization"].(string); len(secret) != 43 || program["program_id"] == "" {
		t.Fatalf("create_program: %v, create_key has %v", program, slices.Sorted(maps.Keys(key)))
	}
	delete(key, "Authorization") // shown once
	created, err1 := kyc.ParseTime(key["date_created"].(string))
	expires, err2 := kyc.ParseTime(key["expires_at"].(string))
	if err1 != nil || err2 != nil || expires.Sub(created) != 365*24*time.Hour {
		t.Errorf("create_key: created %v, expires %v", key["date_created"], key["expires_at"])
	}
	if diff := cmp.Diff([]any{"read", "write", "webhooks", "simulate"}, key["permissions"]); diff != "" {
		t.Errorf("create_key: permissions (-want +got):\n%s", diff)
	}
	key["last_used_on"] = "2026-01-02"
	if err := bed.Store(clock.Now).NoteKeyUse(t.Context(), key["Identity"].(string), "2026-01-02"); err != nil {
		t.Fatal(err)
	}

	for action, want := range map[string]map[string]any{
		"list_brands":   {"brands": []any{brand}},
		"list_programs": {"programs": []any{program}},
		"list_keys":     {"keys": []any{key}},
	} {
		if diff := cmp.Diff(want, do(request{Action: action, BrandID: brandID})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", action, diff)
		}
	}
	identity := key["Identity"].(string)
	do(request{Action: "revoke_key", BrandID: brandID, Identity: identity})
	if keys := do(request{Action: "list_keys", BrandID: brandID})["keys"].([]any); keys[0].(map[string]any)["date_revoked"] == nil {
		t.Errorf("the revoked key is listed without its date: %v", keys)
	}

	t.Run("says for how long a revoked key may still work", func(t *testing.T) {
		template, err := os.ReadFile(filepath.Join(testbed.Root(t), "template.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("ReauthorizeEvery: %d\n", int(platform.GatewayRemembers.Seconds())); strings.Count(string(template), want) != 1 {
			t.Errorf("template.yaml has no %q", want)
		}
		before := clock.Now()
		from, err := kyc.ParseTime(do(request{Action: "revoke_key", BrandID: brandID, Identity: identity})["refused_from"].(string))
		if err != nil || from.Before(before.Add(platform.GatewayRemembers)) || from.After(clock.Now().Add(platform.GatewayRemembers)) {
			t.Errorf("refused from %v, err %v", from, err)
		}
	})
	t.Run("refuses in the API's form", func(t *testing.T) {
		for name, c := range map[string]struct {
			request request
			status  float64
			member  string
		}{
			"unknown action":         {request{Action: "drop"}, 400, "action"},
			"name missing":           {request{Action: "create_brand"}, 400, "name"},
			"malformed brand":        {request{Action: "list_keys", BrandID: "x"}, 400, "brand_id"},
			"unknown brand":          {request{Action: "create_key", BrandID: testbed.BrandID, Name: "abc"}, 404, ""},
			"name with a space":      {request{Action: "create_key", BrandID: brandID, Name: "a b c"}, 400, "name"},
			"key of another brand":   {request{Action: "revoke_key", BrandID: testbed.BrandID, Identity: identity}, 404, ""},
			"bank of a program gone": {request{Action: "create_program", BrandID: brandID, Name: "abc"}, 400, "bank"},
		} {
			body := do(c.request)
			fields, _ := body["Message"].(map[string]any)
			if body["Status"] != c.status || c.member != "" && fields[c.member] == nil {
				t.Errorf("%s: %v", name, body)
			}
			if list, _ := body["errors"].([]any); c.member != "" && (len(list) != 1 || list[0].(map[string]any)["pointer"] != "/"+c.member) {
				t.Errorf("%s: errors %v", name, list)
			}
		}
	})
	t.Run("reads strictly, and tells all that is wrong at once", func(t *testing.T) {
		for text, want := range map[string][]string{
			`{"action":"create_program","polcy":{},"name":7,"policy":{"required":"ssn","minimum_age":"18","max_attempts":1.5,"min_age":18}}`: {
				"name", "policy/max_attempts", "policy/min_age", "policy/minimum_age", "policy/required", "polcy"},
			`{"action":"create_program","policy":[]}`:                                            {"policy"},
			`{"action":"create_program","policy":{"checks":"cip","document_deadline_days":1.5}}`: {"policy/checks", "policy/document_deadline_days"},
			`{"action":"create_program","brand_id":"` + brandID + `","policy":{"required":[],"minimum_age":200,"max_attempts":0,"min_interval_seconds":-1,"duplicates":"forbid"}}`: {
				"bank", "name", "policy/duplicates", "policy/max_attempts", "policy/min_interval_seconds", "policy/minimum_age", "policy/required"},
			`{"action":"create_key","brand_id":"` + brandID + `","name":"a b","permissions":["fly"],"expires_at":"tomorrow"}`: {"expires_at", "name", "permissions"},
			`{"action":"create_key","brand_id":"` + brandID + `","permissions":"read","expires_at":1,"expires_in_days":"9","expires":1}`: {
				"expires", "expires_at", "expires_in_days", "permissions"},
			`{"action":"update_policy","policy":{}}`:          {"brand_id", "policy", "program_id"},
			`{"action":"list_programs","brand_id":null}`:      {"brand_id"},
			`{"action":"list_brands","action":"list_brands"}`: {"action"},
			`["list_brands"]`: nil,
		} {
			var r request
			if err := json.Unmarshal([]byte(text), &r); err != nil {
				t.Fatal(err)
			}
			body := do(r)
			fields, _ := body["Message"].(map[string]any)
			slices.Sort(want)
			if got := slices.Sorted(maps.Keys(fields)); body["Status"] != 400.0 || !slices.Equal(got, want) {
				t.Errorf("%s: %v", text, body)
			}
		}
	})
	t.Run("hides our failures", func(t *testing.T) {
		t.Setenv("TABLE_NAME", "no-such-table")
		handle, err := build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := handle(testbed.Context(t), request{Action: "list_brands"}); err == nil || strings.Contains(err.Error(), "table") {
			t.Errorf("err %v", err)
		}
	})
}
