package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

// files lists the file of events/ of each action.
func files(t *testing.T) []string {
	t.Helper()
	var names []string
	for action := range actions {
		names = append(names, file(action))
	}
	slices.Sort(names)
	return names
}

func file(action string) string { return "admin-" + strings.ReplaceAll(action, "_", "-") + ".json" }

// wire stands between the function and AWS, and notes what goes through.
type wire struct {
	cut   int  // the number of the call from which on none comes through, for the function has died
	after bool // that call itself has come through
	calls []call
}

type call struct{ operation, body string }

var reads = []string{"GetItem", "BatchGetItem", "Query", "Scan", "Decrypt", "GenerateDataKeyWithoutPlaintext"}

func (c call) writes() bool { return !slices.Contains(reads, c.operation) }

// recorded reports whether the call writes the record of an action.
func (c call) recorded() bool { return c.writes() && strings.Contains(c.body, `"S":"audit#`) }

// excepted are writes that are no operator's change: the stack's secret is made with the first brand, is random, and is told
// to nobody.
func (c call) excepted() bool {
	return c.operation == "PutItem" && strings.Contains(c.body, `"pk":{"S":"stack"}`)
}

// open returns a handler behind a new wire, on a table where every action of events/ can be.
func open(t *testing.T) (*testbed.Bed, *wire, func(action string, change func(map[string]any)) (map[string]any, error)) {
	t.Helper()
	bed, _ := testbed.Seeded(t)
	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	rotatedKey(t, bed)
	w := &wire{cut: -1}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		body, _ := io.ReadAll(in.Body)
		_, operation, _ := strings.Cut(in.Header.Get("X-Amz-Target"), ".")
		n := len(w.calls)
		w.calls = append(w.calls, call{operation, string(body)})
		dead := w.cut >= 0 && n >= w.cut
		if !dead || n == w.cut && w.after {
			again, err := http.NewRequestWithContext(in.Context(), in.Method, bed.Endpoint, bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			again.Header = in.Header.Clone()
			answer, err := http.DefaultClient.Do(again)
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			if !dead {
				out.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
				out.WriteHeader(answer.StatusCode)
				_, _ = io.Copy(out, answer.Body)
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
		}
		out.Header().Set("Content-Type", "application/x-amz-json-1.0")
		out.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(out, `{"__type":"com.amazonaws#ValidationException"}`)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return bed, w, func(action string, change func(map[string]any)) (map[string]any, error) {
		t.Helper()
		asked := map[string]any{}
		testbed.Event(t, file(action), &asked)
		if change != nil {
			change(asked)
		}
		raw, _ := json.Marshal(asked)
		var r request
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		w.calls = nil
		answer, err := handle(testbed.Context(t), r)
		raw, _ = json.Marshal(answer)
		body := map[string]any{}
		_ = json.Unmarshal(raw, &body)
		return body, err
	}
}

// rotatedKey gives the seeded brand a second version of its key, of which a pass has shown that nothing needs the first any
// more: as far as the table tells, for the seeded customer's data does.
func rotatedKey(t *testing.T, bed *testbed.Bed) {
	t.Helper()
	store := bed.Store(clock.Now)
	wrapped, err1 := bed.Keyring().NewBrandKey(t.Context(), testbed.BrandID)
	keys, err2 := store.BrandKeys(t.Context(), testbed.BrandID)
	added, err3 := store.AddBrandKey(t.Context(), keys, wrapped, clock.Now().Add(-3*kyc.KeyRest), testbed.Record())
	begun, err4 := store.MoveRewrap(t.Context(), testbed.BrandID, nil, kyc.Rewrap{Version: 2, BegunAt: clock.Now().Add(-time.Hour), Complete: true})
	if err := errors.Join(err1, err2, err3, err4); err != nil || !added || !begun {
		t.Fatalf("added %t, begun %t, err %v", added, begun, err)
	}
}

// records returns the records of actions that came into the table after before, and whether anything else has changed.
func records(t *testing.T, bed *testbed.Bed, before map[string]map[string]any) (records []map[string]any, changed bool) {
	t.Helper()
	after := bed.Snapshot(t)
	for key, item := range after {
		switch {
		case cmp.Equal(before[key], item, cmpopts.SortSlices(func(a, b string) bool { return a < b })):
		case strings.HasPrefix(key, "audit#") && before[key] == nil:
			records = append(records, item)
		case strings.HasPrefix(key, "audit#"):
			t.Errorf("an earlier record is another one now: %v", item)
		default:
			changed = true
		}
	}
	for key := range before {
		if after[key] == nil {
			changed = true
		}
	}
	return records, changed
}

// Whoever adds an action finds here what it needs: a file of events/, and a record in the transaction of what it changes or,
// where it changes much, before.
func TestEveryActionLeavesARecord(t *testing.T) {
	for action := range actions {
		t.Run(action, func(t *testing.T) {
			bed, w, do := open(t)
			before := bed.Snapshot(t)
			answer, err := do(action, func(asked map[string]any) { asked["actor"] = "Nobody, ticket 7" })
			if err != nil || answer["Code"] != nil {
				t.Fatalf("%v, err %v: events/%s must be one that is done", answer, err, file(action))
			}
			found, changed := records(t, bed, before)
			if len(found) != 1 || found[0]["action"] != action || found[0]["outcome"] != "done" || found[0]["actor"] != "Nobody, ticket 7" ||
				found[0]["request_id"] != "00000000-0000-4000-8000-000000000000" {
				t.Fatalf("records: %v", found)
			}
			if (found[0]["brand_id"] == nil) != slices.Contains([]string{"list_brands", "rotate_stack_secret", "continue_rotation"}, action) {
				t.Errorf("of no brand: %v", found[0])
			}
			if reads := changesNothing(action); changed == reads || (found[0]["changes"] == nil) != reads && action != "grant_attempts" {
				t.Errorf("changed the table: %t, record %v", changed, found[0])
			}
			if secret, shown := answer["Authorization"].(string); shown && strings.Contains(string(mustJSON(t, found[0])), secret) {
				t.Error("a secret is on record")
			}
			for _, c := range w.calls {
				if c.recorded() {
					break
				}
				if c.writes() && !c.excepted() {
					t.Errorf("%s writes without a record: %s", c.operation, c.body)
				}
			}
		})
	}
}

// changesNothing reports whether an action, as its file of events/ asks for it here, only looks. No rotation is under way.
func changesNothing(action string) bool {
	return strings.HasPrefix(action, "list_") || action == "continue_rotation"
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestEveryRefusalLeavesARecord(t *testing.T) {
	const stranger = "11111111-1111-4111-8111-111111111111"
	bed, _, do := open(t)
	for name, c := range map[string]struct {
		action string
		change func(map[string]any)
		record map[string]any
	}{
		"unknown brand": {"create_key", func(a map[string]any) { a["brand_id"] = stranger },
			map[string]any{"action": "create_key", "outcome": "invalid_reference", "brand_id": stranger}},
		"another brand's customer": {"grant_attempts", func(a map[string]any) { a["customer_id"] = stranger }, map[string]any{
			"action": "grant_attempts", "outcome": "customer_dne", "brand_id": testbed.BrandID, "program_id": testbed.ProgramID, "customer_id": stranger}},
		"no ids, but what somebody typed": {"grant_attempts", func(a map[string]any) { a["brand_id"], a["program_id"], a["customer_id"] = "123-45-6789", "Ada", "x" },
			map[string]any{"action": "grant_attempts", "outcome": "input_error"}},
		"an unknown action": {"list_brands", func(a map[string]any) { a["action"] = "drop 123-45-6789" },
			map[string]any{"action": "unknown", "outcome": "input_error"}},
		"an unknown member": {"list_brands", func(a map[string]any) { a["Ada"] = "Ada" }, map[string]any{"action": "list_brands", "outcome": "input_error"}},
		"an actor of no character": {"list_brands", func(a map[string]any) { a["actor"] = "" },
			map[string]any{"action": "list_brands", "outcome": "input_error"}},
		"an actor of too many": {"list_brands", func(a map[string]any) { a["actor"] = strings.Repeat("é", 129) },
			map[string]any{"action": "list_brands", "outcome": "input_error"}},
		"an actor of 128": {"list_keys", func(a map[string]any) { a["brand_id"], a["actor"] = stranger, strings.Repeat("é", 128) },
			map[string]any{"action": "list_keys", "outcome": "invalid_reference", "brand_id": stranger, "actor": strings.Repeat("é", 128)}},
		"one that changed meanwhile": {"revoke_key", func(a map[string]any) { a["identity"] = stranger },
			map[string]any{"action": "revoke_key", "outcome": "invalid_reference", "brand_id": testbed.BrandID, "identity": stranger,
				"actor": "security on call, ticket 4711"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := bed.Snapshot(t)
			answer, err := do(c.action, c.change)
			if err != nil || answer["Code"] != c.record["outcome"] {
				t.Fatalf("%v, err %v", answer, err)
			}
			found, changed := records(t, bed, before)
			if changed || len(found) != 1 {
				t.Fatalf("changed the table: %t, records %v", changed, found)
			}
			for _, key := range []string{"pk", "sk", "list", "listed_at", "request_id"} {
				delete(found[0], key)
			}
			if diff := cmp.Diff(c.record, found[0]); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

// Whenever the function dies, no change is without its record, no record tells of a change that was not made, and nobody is
// shown what is not on record.
func TestDeathLeavesChangeAndRecordOrNeither(t *testing.T) {
	for action := range actions {
		t.Run(action, func(t *testing.T) {
			_, w, do := open(t)
			if _, err := do(action, nil); err != nil {
				t.Fatal(err)
			}
			for n, c := range w.calls {
				if !c.writes() {
					continue // dead at a read, it is dead before the write after it
				}
				for _, after := range []bool{false, true} {
					bed, w, do := open(t)
					before := bed.Snapshot(t)
					w.cut, w.after = n, after
					answer, err := do(action, nil)
					found, changed := records(t, bed, before)
					done := len(found) == 1 && found[0]["outcome"] != "failed"
					switch {
					case err == nil:
						t.Errorf("dead at call %d, it answers %v", n+1, answer)
					case changed && !done:
						t.Errorf("dead at call %d, came through %t: a change, and records %v", n+1, after, found)
					case done && found[0]["outcome"] == "done" && !changed && !changesNothing(action):
						t.Errorf("dead at call %d, came through %t: no change, and records %v", n+1, after, found)
					}
				}
			}
		})
	}
}

func TestListAudit(t *testing.T) {
	_, _, do := open(t)
	list := func(change func(map[string]any)) ([]string, map[string]any) {
		t.Helper()
		answer, err := do("list_audit", change)
		if err != nil {
			t.Fatal(err)
		}
		var of []string
		all, _ := answer["records"].([]any)
		for _, r := range all {
			of = append(of, r.(map[string]any)["action"].(string))
		}
		return of, answer
	}
	if _, err := do("create_program", nil); err != nil {
		t.Fatal(err)
	}
	of, answer := list(nil)
	if diff := cmp.Diff([]string{"create_program", "create_key", "create_program", "create_brand"}, of); diff != "" || answer["cursor"] != nil {
		t.Fatalf("newest first (-want +got):\n%s", diff)
	}
	newest := answer["records"].([]any)[0].(map[string]any)
	for _, member := range []string{"id", "at", "program_id"} {
		if s, _ := newest[member].(string); len(s) < 32 {
			t.Errorf("%s: %q", member, s)
		}
		delete(newest, member)
	}
	added := func(name, after string) any { return map[string]any{"name": name, "after": after} }
	if diff := cmp.Diff(map[string]any{
		"action": "create_program", "outcome": "done", "brand_id": testbed.BrandID, "request_id": "00000000-0000-4000-8000-000000000000",
		"changes": []any{
			added("name", "Example debit"), added("bank", "Example Bank"), added("policy/checks", "cip, ofac, bureau, mobile, ip, email"),
			added("policy/document_deadline_days", "28"), added("policy/documents", "review"), added("policy/duplicates", "allow"), added("policy/max_attempts", "5"), added("policy/min_interval_seconds", "0"),
			added("policy/minimum_age", "18"), added("policy/required", "addresses, dob, first_name, last_name, ssn"),
		},
	}, newest); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}

	var paged []string
	month := newestMonth(t, list)
	var cursor any
	for range 9 {
		of, answer := list(func(a map[string]any) {
			delete(a, "brand_id") // of the whole stack
			a["limit"], a["month"], a["cursor"] = 2, month, cursor
		})
		paged = append(paged, of...)
		if cursor = answer["cursor"]; cursor == nil {
			break
		}
	}
	// The list shows those who looked, too; those that came after the first page are before it.
	if diff := cmp.Diff([]string{"list_audit", "list_audit", "create_program", "test", "create_key", "create_program", "create_brand"}, paged); diff != "" {
		t.Errorf("page by page (-want +got):\n%s", diff)
	}
	if of, _ := list(func(a map[string]any) { a["month"] = "2001-01" }); len(of) > 0 {
		t.Errorf("of a month without any: %v", of)
	}
	_, answer = list(func(a map[string]any) { a["month"], a["limit"], a["cursor"], a["brand_id"] = "January", 101, "7", "x" })
	wrong, _ := answer["Message"].(map[string]any)
	for _, member := range []string{"month", "limit", "cursor", "brand_id"} {
		if wrong[member] == nil {
			t.Errorf("nothing is told of %s: %v", member, answer)
		}
	}
}

// newestMonth returns the month of the newest record.
func newestMonth(t *testing.T, list func(func(map[string]any)) ([]string, map[string]any)) string {
	t.Helper()
	_, answer := list(func(a map[string]any) { a["limit"] = 1 })
	return answer["records"].([]any)[0].(map[string]any)["at"].(string)[:len("2026-01")]
}

func TestListAuditShowsWhoHasReadWhat(t *testing.T) {
	bed, _, do := open(t)
	r := kyc.AuditRecord{
		ID: "11111111-1111-4111-8111-111111111111", At: clock.Now().Add(time.Hour), Action: kyc.AuditReadDocument, BrandID: testbed.BrandID,
		ProgramID: testbed.ProgramID, CustomerID: testbed.CustomerID, AttemptID: testbed.AttemptID, DocumentID: testbed.DocumentID(kyc.GovernmentID),
		Side: kyc.Back, Outcome: kyc.AuditDone, RequestID: "r", AskedBy: testbed.Identity,
	}
	if err := bed.Store(clock.Now).KeepRecord(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	answer, err := do("list_audit", func(a map[string]any) { a["month"] = r.At.UTC().Format("2006-01") })
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"id": r.ID, "at": kyc.FormatTime(r.At), "action": "read_document", "brand_id": r.BrandID, "program_id": r.ProgramID, "customer_id": r.CustomerID,
		"attempt_id": r.AttemptID, "document_id": r.DocumentID, "side": "back", "outcome": "done", "request_id": "r", "asked_by": r.AskedBy,
	}
	if diff := cmp.Diff(want, answer["records"].([]any)[0]); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}
