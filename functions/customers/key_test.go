package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/testbed"
)

func TestCreateUnderAKey(t *testing.T) {
	bed, handle := open(t)
	status, created := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "customers-create-key.json"))
	if status != 201 {
		t.Fatalf("%d %v", status, created)
	}
	before := bed.Snapshot(t)
	t.Run("the same request again is as good as a replay", func(t *testing.T) {
		e := testbed.HTTPEvent(t, "customers-create-key.json")
		e.Headers["idempotency-key"] = `"` + e.Headers["idempotency-key"] + `"`
		e.Body = strings.Replace(e.Body, `, "first_name"`, ",\n\t\"first_name\"", 1)
		status, body := testbed.HTTP(t, handle, e)
		if status != 409 || body["Code"] != "idempotency_key_exists" || body["payload_matches"] != true || body["customer_id"] != created["customer_id"] ||
			body["first_seen_at"] != created["date_created"] || body["status_url"] != "/api/v0.1/customers/"+created["customer_id"].(string) {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("another request under the key is told nothing of the first", func(t *testing.T) {
		e := testbed.HTTPEvent(t, "customers-create-key.json")
		e.Body = strings.Replace(e.Body, "Ada", "Eda", 1)
		status, body := testbed.HTTP(t, handle, e)
		want := []string{"Code", "Message", "Status", "Type", "payload_matches"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(body))); status != 422 || body["payload_matches"] != false || diff != "" {
			t.Errorf("%d %v (-want +got):\n%s", status, body, diff)
		}
	})
	t.Run("a malformed key", func(t *testing.T) {
		e := testbed.HTTPEvent(t, "customers-create-key.json")
		e.Headers["idempotency-key"] = "a b"
		want := []any{map[string]any{"header": "Idempotency-Key", "detail": "Must be 1 to 255 visible ASCII characters, without spaces."}}
		status, body := testbed.HTTP(t, handle, e)
		if diff := cmp.Diff(want, body["errors"]); status != 400 || body["Code"] != "invalid_request" || diff != "" {
			t.Errorf("%d %v (-want +got):\n%s", status, body, diff)
		}
	})
	if diff := cmp.Diff(before, bed.Snapshot(t)); diff != "" {
		t.Errorf("a refused request has written (-before +after):\n%s", diff)
	}
	t.Run("another key, or none, makes another customer", func(t *testing.T) {
		for _, key := range []string{"another", ""} {
			e := testbed.HTTPEvent(t, "customers-create-key.json")
			if e.Headers["idempotency-key"] = key; key == "" {
				delete(e.Headers, "idempotency-key")
			}
			if status, body := testbed.HTTP(t, handle, e); status != 201 || body["customer_id"] == created["customer_id"] {
				t.Errorf("key %q: %d %v", key, status, body)
			}
		}
	})
}

func TestRefusedCreationTakesNoKey(t *testing.T) {
	_, handle := open(t)
	e := testbed.HTTPEvent(t, "customers-create-key.json")
	e.Body = strings.Replace(e.Body, "Ada", "4da", 1)
	if status, body := testbed.HTTP(t, handle, e); status != 400 {
		t.Fatalf("%d %v", status, body)
	}
	if status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "customers-create-key.json")); status != 201 {
		t.Errorf("after a refusal: %d %v", status, body)
	}
}

// Clients that give up waiting send the same again while the first is under way: one of all is accepted, and the others
// are told which customer that one has created.
func TestManyDuplicatesAtOnce(t *testing.T) {
	bed, handle := open(t)
	before := len(bed.Items(t))
	answers := make([]map[string]any, 20)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			r, err := handle(testbed.Context(t), testbed.HTTPEvent(t, "customers-create-key.json"))
			if err != nil || json.Unmarshal([]byte(r.Body), &answers[i]) != nil {
				t.Errorf("err %v, %d %s", err, r.StatusCode, r.Body)
			}
			answers[i]["status"] = r.StatusCode
		})
	}
	all.Wait()
	accepted := slices.IndexFunc(answers, func(a map[string]any) bool { return a["status"] == 201 })
	if accepted < 0 {
		t.Fatalf("none is accepted: %v", answers)
	}
	for i, a := range answers {
		if i != accepted && (a["status"] != 409 || a["payload_matches"] != true || a["customer_id"] != answers[accepted]["customer_id"]) {
			t.Errorf("beside %v: %v", answers[accepted]["customer_id"], a)
		}
	}
	if n := len(bed.Items(t)) - before; n != 4 {
		t.Errorf("%d items, want customer, profile, key and SSN", n)
	}
}
