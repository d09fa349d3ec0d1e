package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/outbox"
	"kyc/shared/queue"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func open(t *testing.T) (*testbed.Bed, apigw.Func) {
	bed, _ := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return bed, handle
}

func TestStart(t *testing.T) {
	_, handle := open(t)
	status, started := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "start-kyc.json"))
	if status != 201 || started["kyc_status"] != "submitted" {
		t.Fatalf("%d %v", status, started)
	}
	t.Run("the same request again is as good as a replay", func(t *testing.T) {
		status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "start-kyc.json"))
		if status != 409 || body["Code"] != "idempotency_key_exists" || body["payload_matches"] != true ||
			body["attempt_id"] != started["attempt_id"] || body["kyc_status"] != "submitted" || body["first_seen_at"] != started["submitted_at"] {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("another request under the key is told nothing of the first", func(t *testing.T) {
		e := testbed.HTTPEvent(t, "start-kyc.json")
		e.Body = strings.Replace(e.Body, "203.0.113.7", "203.0.113.8", 1)
		status, body := testbed.HTTP(t, handle, e)
		want := []string{"Code", "Message", "Status", "Type", "payload_matches"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(body))); status != 422 || body["payload_matches"] != false || diff != "" {
			t.Errorf("%d %v (-want +got):\n%s", status, body, diff)
		}
	})
	t.Run("another key meets the open attempt", func(t *testing.T) {
		e := testbed.HTTPEvent(t, "start-kyc.json")
		e.Headers["idempotency-key"] = `"another"`
		status, body := testbed.HTTP(t, handle, e)
		if status != 409 || body["Code"] != "kyc_in_progress" || body["attempt_id"] != started["attempt_id"] || body["kyc_status"] != "submitted" {
			t.Errorf("%d %v", status, body)
		}
	})
}

// A client that gives up waiting sends the same again while the first is under way: one of the two is accepted, and the
// other is told what that one opened.
func TestTwoDuplicatesAtOnce(t *testing.T) {
	bed, handle := open(t)
	for range 20 {
		e, id := testbed.HTTPEvent(t, "start-kyc.json"), uuid.NewString()
		bed.Customer(t, id, "123-45-6780")
		e.RawPath, e.PathParameters["customer_id"] = strings.ReplaceAll(e.RawPath, testbed.CustomerID, id), id
		e.Headers["idempotency-key"] = id
		var answers [2]map[string]any
		var both sync.WaitGroup
		for i := range answers {
			both.Go(func() {
				r, err := handle(testbed.Context(t), e)
				if err != nil || json.Unmarshal([]byte(r.Body), &answers[i]) != nil {
					t.Errorf("err %v, %d %s", err, r.StatusCode, r.Body)
				}
				answers[i]["status"] = r.StatusCode
			})
		}
		both.Wait()
		accepted, refused := answers[0], answers[1]
		if accepted["status"] != 201 {
			accepted, refused = refused, accepted
		}
		if accepted["status"] != 201 || refused["status"] != 409 || refused["Code"] != "idempotency_key_exists" ||
			refused["payload_matches"] != true || refused["attempt_id"] != accepted["attempt_id"] {
			t.Errorf("%v and %v", accepted, refused)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	bed, handle := open(t)
	before := bed.Items(t)
	const stranger = "11111111-1111-4111-8111-111111111111"
	change := func(f func(e *events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
		e := testbed.HTTPEvent(t, "start-kyc.json")
		f(&e)
		return e
	}
	customer := func(id string) events.APIGatewayV2HTTPRequest {
		return change(func(e *events.APIGatewayV2HTTPRequest) {
			e.RawPath = strings.ReplaceAll(e.RawPath, testbed.CustomerID, id)
			e.PathParameters["customer_id"] = id
		})
	}
	for name, c := range map[string]struct {
		event  events.APIGatewayV2HTTPRequest
		status int
		code   string
	}{
		"malformed":             {testbed.HTTPEvent(t, "start-kyc-invalid.json"), 400, "create_kyc_schema"},
		"unknown customer":      {customer(stranger), 404, "customer_dne"},
		"malformed customer_id": {customer("42"), 400, "customer_invalid_uuid4"},
		"unknown program": {change(func(e *events.APIGatewayV2HTTPRequest) {
			e.Body = strings.Replace(e.Body, testbed.ProgramID, stranger, 1)
		}), 404, "invalid_program"},
		"another brand's program and customer": {change(func(e *events.APIGatewayV2HTTPRequest) {
			e.RequestContext.Authorizer.Lambda["brand_id"] = stranger
		}), 404, "invalid_program"},
		"a key with a space": {change(func(e *events.APIGatewayV2HTTPRequest) {
			e.Headers["idempotency-key"] = "a b"
		}), 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			if status, body := testbed.HTTP(t, handle, c.event); status != c.status || body["Code"] != c.code {
				t.Errorf("%d %v", status, body)
			}
		})
	}
	if after := bed.Items(t); len(after) != len(before) {
		t.Errorf("refused starts left %d items behind", len(after)-len(before))
	}
}

func TestErrorsSayWhere(t *testing.T) {
	_, handle := open(t)
	for name, c := range map[string]struct {
		change func(e *events.APIGatewayV2HTTPRequest)
		want   []any
	}{
		"in the header": {func(e *events.APIGatewayV2HTTPRequest) { e.Headers["idempotency-key"] = "a b" }, []any{
			map[string]any{"header": "Idempotency-Key", "detail": "Must be 1 to 255 visible ASCII characters, without spaces."},
		}},
		"in the body": {func(e *events.APIGatewayV2HTTPRequest) { e.Body = `{"kyc_retry_request":1,"ssn":"123"}` }, []any{
			map[string]any{"pointer": "/kyc_retry_request", "detail": "Must be true or false."},
			map[string]any{"pointer": "/program_id", "detail": "Missing data for required field."},
			map[string]any{"pointer": "/ssn", "detail": "Must be nine digits, with or without dashes: ###-##-####."},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := testbed.HTTPEvent(t, "start-kyc.json")
			c.change(&e)
			if status, body := testbed.HTTP(t, handle, e); status != 400 || !cmp.Equal(c.want, body["errors"]) {
				t.Errorf("%d (-want +got):\n%s", status, cmp.Diff(c.want, body["errors"]))
			}
		})
	}
}

func TestStartAsksForAnotherAttempt(t *testing.T) {
	bed, handle := open(t)
	store := bed.Store(clock.Now)
	c, err := store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err == nil {
		_, err = store.GrantAttempts(t.Context(), c, testbed.ProgramID, kyc.DefaultPolicy().MaxAttempts, testbed.Record()) // none is left
	}
	if err != nil {
		t.Fatal(err)
	}
	ask := func(request string) map[string]any {
		e := testbed.HTTPEvent(t, "start-kyc.json")
		e.Body = `{"program_id":"` + testbed.ProgramID + `","kyc_retry_request":` + request + `}`
		status, body := testbed.HTTP(t, handle, e)
		if status != 409 || body["Code"] != "kyc_retries" {
			t.Errorf("%d %v", status, body)
		}
		return body
	}
	if body := ask("false"); body["retry_requested_at"] != nil {
		t.Errorf("nothing was asked for: %v", body)
	}
	if since := ask("true")["retry_requested_at"]; since == nil || ask("true")["retry_requested_at"] != since {
		t.Errorf("asked for since %v, and again for another time", since)
	}
}

// Canceled and started again faster than relay comes to it: an attempt that nobody was told of is replaced by none.
func TestStartWaitsForTheArchive(t *testing.T) {
	bed, handle := open(t)
	start := func() (int, map[string]any) {
		e := testbed.HTTPEvent(t, "start-kyc.json")
		e.Headers["idempotency-key"] = uuid.NewString()
		return testbed.HTTP(t, handle, e)
	}
	for range 2 {
		if status, body := start(); status != 201 {
			t.Fatalf("%d %v", status, body)
		}
		if status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "start-kyc-cancel.json")); status != 200 {
			t.Fatalf("cancel: %d %v", status, body)
		}
	}
	before := bed.Snapshot(t)
	if status, body := start(); status != 503 || body["Code"] != "kyc_error" {
		t.Errorf("before relay: %d %v", status, body)
	}
	if diff := cmp.Diff(before, bed.Snapshot(t)); diff != "" {
		t.Errorf("a refused start has written (-before +after):\n%s", diff)
	}
	store := bed.Store(clock.Now)
	c, err := store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err == nil {
		err = (&outbox.Relay{Store: store, Lanes: store, Verifications: queue.New(bed.AWS, bed.VerificationQueue)}).CatchUp(t.Context(), c)
	}
	if err != nil {
		t.Fatal(err)
	}
	if status, body := start(); status != 201 {
		t.Errorf("after relay: %d %v", status, body)
	}
}

func TestBuildNamesEveryMissingVariable(t *testing.T) {
	_, err := build(t.Context())
	for _, name := range []string{"STAGE", "MODE", "TABLE_NAME", "KEY_ARN"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is missing in: %v", name, err)
		}
	}
}

func TestCancel(t *testing.T) {
	bed, handle := open(t)
	cancel := func() (int, map[string]any) {
		return testbed.HTTP(t, handle, testbed.HTTPEvent(t, "start-kyc-cancel.json"))
	}
	if status, body := cancel(); status != 404 || body["Code"] != "kyc_dne" {
		t.Errorf("never started: %d %v", status, body)
	}
	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	if status, body := cancel(); status != 200 || body["kyc_status"] != "canceled" || body["attempt_id"] != testbed.AttemptID {
		t.Errorf("an open attempt: %d %v", status, body)
	}
	if status, body := cancel(); status != 409 || body["Code"] != "resource_conflict" || body["kyc_status"] != "canceled" {
		t.Errorf("again: %d %v", status, body)
	}
	if status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "start-kyc.json")); status != 201 {
		t.Errorf("a new start: %d %v", status, body)
	}
}
