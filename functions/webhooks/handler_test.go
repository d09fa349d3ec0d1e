package main

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
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

// event is a file of events/ about the subscription with this id.
func event(t *testing.T, name, id string) events.APIGatewayV2HTTPRequest {
	e := testbed.HTTPEvent(t, name)
	e.RawPath = strings.ReplaceAll(e.RawPath, testbed.SubscriptionID, id)
	e.PathParameters["webhook_id"] = id
	return e
}

// one is what an answer shows of a subscription, and its secret.
func one(body map[string]any) (sub map[string]any, secret string) {
	sub, _ = body["webhook_subscription"].(map[string]any)
	secret, _ = sub["secret"].(string)
	delete(sub, "secret")
	return sub, secret
}

// From its creation to its end: what each answer shows is what the next one finds, and the secret is shown where it is to be.
func TestALifeOfASubscription(t *testing.T) {
	_, handle := open(t)
	status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "webhooks-create.json"))
	created, secret := one(body)
	if status != 201 || !strings.HasPrefix(secret, "whsec_") {
		t.Fatalf("create: %d %v", status, body)
	}
	id := created["id"].(string)
	status, body = testbed.HTTP(t, handle, testbed.HTTPEvent(t, "webhooks-list.json"))
	if diff := cmp.Diff(map[string]any{"webhook_subscriptions": []any{created}}, body); status != 200 || diff != "" {
		t.Errorf("list: %d (-want +got):\n%s", status, diff)
	}
	read := testbed.Whole(t, handle, event(t, "webhooks-read.json", id))
	if want := testbed.Whole(t, handle, event(t, "webhooks-read.json", strings.ToUpper(id))); read.StatusCode != 200 || read.Headers["ETag"] != `"1"` || read.Body != want.Body {
		t.Errorf("read: %d %v", read.StatusCode, read.Headers)
	}
	again := event(t, "webhooks-read.json", id)
	again.Headers["if-none-match"] = `"1"`
	if r := testbed.Whole(t, handle, again); r.StatusCode != 304 || r.Body != "" || r.Headers["ETag"] != `"1"` {
		t.Errorf("read again: %d %s", r.StatusCode, r.Body)
	}

	status, body = testbed.HTTP(t, handle, event(t, "webhooks-update.json", id))
	updated, shown := one(body)
	want := maps.Clone(created)
	want["headers"], want["timeout_seconds"], want["retry_plan"], want["strict_order"] = []any{"X-Tenant"}, 20.0, []any{5.0, 300.0, 1800.0}, true
	want["updated_time"] = updated["updated_time"]
	if diff := cmp.Diff(want, updated); status != 200 || diff != "" || shown != "" {
		t.Errorf("update: %d (-want +got):\n%s", status, diff)
	}
	if status, body := testbed.HTTP(t, handle, event(t, "webhooks-update.json", id)); status != 412 || body["Code"] != "resource_conflict" {
		t.Errorf("update of a version that is gone: %d %v", status, body)
	}
	wrong := map[string]any{
		"headers/Host":    []any{"May not be set: it is ours, or about the connection and not the event."},
		"timeout_seconds": []any{"Must be from 1 to 30."},
	}
	status, body = testbed.HTTP(t, handle, event(t, "webhooks-update-invalid.json", id))
	if diff := cmp.Diff(any(wrong), body["Message"]); status != 400 || diff != "" {
		t.Errorf("invalid update: %d (-want +got):\n%s", status, diff)
	}

	readSecret := func() map[string]any {
		t.Helper()
		status, body := testbed.HTTP(t, handle, event(t, "webhooks-secret.json", id))
		if status != 200 {
			t.Fatalf("secret: %d %v", status, body)
		}
		return body["webhook_secret"].(map[string]any)
	}
	if got := readSecret(); got["secret"] != secret || got["signature_scheme"] != "v1" || got["public_key"] != nil {
		t.Errorf("secret: %v", got)
	}
	status, body = testbed.HTTP(t, handle, event(t, "webhooks-rotate.json", id))
	rotated, second := one(body)
	keys, _ := rotated["signing_keys"].([]any)
	if status != 200 || !strings.HasPrefix(second, "whsec_") || second == secret || len(keys) != 2 || keys[0].(map[string]any)["end_time"] != nil || keys[1].(map[string]any)["end_time"] == nil {
		t.Errorf("rotate: %d %v", status, body)
	}
	if got := readSecret(); got["secret"] != second {
		t.Error("the secret after a rotation is not the new one")
	}
	private := event(t, "webhooks-rotate.json", id)
	private.Body = `{"overlap_seconds":0,"signature_scheme":"v1a"}`
	status, body = testbed.HTTP(t, handle, private)
	rotated, shown = one(body)
	keys, _ = rotated["signing_keys"].([]any)
	public, _ := keys[0].(map[string]any)["public_key"].(string)
	if status != 200 || shown != "" || len(keys) != 1 || !strings.HasPrefix(public, "whpk_") {
		t.Errorf("rotate to Ed25519: %d %v", status, body)
	}
	if got := readSecret(); got["secret"] != nil || got["public_key"] != public {
		t.Errorf("public key: %v", got)
	}
	as := event(t, "webhooks-rotate.json", id)
	as.Body = `{}`
	if status, body := testbed.HTTP(t, handle, as); status != 200 || body["webhook_subscription"].(map[string]any)["signature_scheme"] != "v1a" {
		t.Errorf("rotate as it is: %d %v", status, body)
	}

	last, _ := one(must(testbed.HTTP(t, handle, event(t, "webhooks-read.json", id))))
	status, body = testbed.HTTP(t, handle, event(t, "webhooks-delete.json", id))
	if diff := cmp.Diff(map[string]any{"webhook_subscription": last}, body); status != 200 || diff != "" {
		t.Errorf("delete: %d (-want +got):\n%s", status, diff)
	}
	if _, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "webhooks-list.json")); len(body["webhook_subscriptions"].([]any)) != 0 {
		t.Errorf("list after delete: %v", body)
	}
}

func must(_ int, body map[string]any) map[string]any { return body }

// What is deleted, what never was and what is another brand's are told in the same words.
func TestSubscriptionsThatAreNotThere(t *testing.T) {
	_, handle := open(t)
	_, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "webhooks-create.json"))
	created, _ := one(body)
	for _, name := range []string{"webhooks-read.json", "webhooks-update.json", "webhooks-secret.json", "webhooks-rotate.json",
		"webhooks-test.json", "webhooks-resend-range.json", "webhooks-deliveries.json", "webhooks-delivery.json", "webhooks-resend.json", "webhooks-delete.json"} {
		unknown := testbed.Whole(t, handle, event(t, name, testbed.SubscriptionID))
		foreign := event(t, name, created["id"].(string))
		foreign.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			Lambda: apigw.AuthorizerContext(kyc.APIKey{BrandID: testbed.ProgramID, Identity: testbed.Identity, Permissions: kyc.Permissions()}),
		}
		if diff := cmp.Diff(unknown, testbed.Whole(t, handle, foreign)); unknown.StatusCode != 404 || diff != "" {
			t.Errorf("%s: %d (-unknown +another brand's):\n%s", name, unknown.StatusCode, diff)
		}
		if status, body := testbed.HTTP(t, handle, event(t, name, "42")); status != 400 || body["Code"] != "webhooks_err" {
			t.Errorf("%s without a UUID: %d %v", name, status, body)
		}
	}
}

// A test and an event that is sent again are on their way at once, and are listed, read and sent again as any other.
func TestDeliveries(t *testing.T) {
	bed, handle := open(t)
	bed.Keep(t)
	created, _ := one(must(testbed.HTTP(t, handle, testbed.HTTPEvent(t, "webhooks-create.json"))))
	id := created["id"].(string)
	call := func(name string, want int) map[string]any {
		t.Helper()
		status, body := testbed.HTTP(t, handle, event(t, name, id))
		if status != want {
			t.Fatalf("%s: %d %v", name, status, body)
		}
		return body
	}
	tested := call("webhooks-test.json", 202)["webhook_delivery"].(map[string]any)
	call("webhooks-delivery.json", 404)
	resent := call("webhooks-resend.json", 202)["webhook_delivery"].(map[string]any)
	messages := bed.Messages(t, bed.NotificationQueue)
	for _, d := range []map[string]any{tested, resent} {
		if d["status"] != "pending" || d["last_try"] != nil || d["webhook_id"] != id || !slices.ContainsFunc(messages, func(m string) bool { return strings.Contains(m, d["event_id"].(string)) }) {
			t.Errorf("begun %v, sent %q", d, messages)
		}
	}
	if read := call("webhooks-delivery.json", 200)["webhook_delivery"].(map[string]any); !cmp.Equal(resent, read) {
		t.Errorf("read (-resent +read):\n%s", cmp.Diff(resent, read))
	}
	if list := call("webhooks-deliveries.json", 200)["webhook_deliveries"]; !cmp.Equal([]any{resent}, list) { // those of KYC
		t.Errorf("list (-want +got):\n%s", cmp.Diff([]any{resent}, list))
	}
	paged := event(t, "webhooks-deliveries.json", id)
	var found []any
	for _, query := range []map[string]string{{"per_page": "1", "status": "pending"}, nil} {
		if query != nil {
			paged.QueryStringParameters = query
		}
		paged.RawQueryString = ""
		r := testbed.Whole(t, handle, paged)
		var body struct {
			All []any `json:"webhook_deliveries"`
		}
		if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
			t.Fatal(err)
		}
		found = append(found, body.All...)
		link, more := strings.CutSuffix(r.Headers["Link"], `>; rel="next"`)
		if more != (query != nil) {
			t.Fatalf("Link: %q", r.Headers["Link"])
		}
		_, raw, _ := strings.Cut(link, "?")
		next, _ := url.ParseQuery(raw)
		paged.QueryStringParameters = map[string]string{}
		for name := range next {
			paged.QueryStringParameters[name] = next.Get(name)
		}
	}
	if diff := cmp.Diff([]any{tested, resent}, found); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	if e := call("webhooks-event.json", 200); e["event_id"] != resent["event_id"] || e["event"] != resent["event"] || e["kyc"] == nil {
		t.Errorf("event: %v", e)
	}
	noted := call("webhooks-resend-range.json", 202)["webhook_resend"].(map[string]any)
	if running := call("webhooks-resend-range.json", 409); noted["include_delivered"] != true || running["since"] != noted["since"] || running["requested_time"] != noted["requested_time"] {
		t.Errorf("noted %v, then %v", noted, running)
	}
	wrong := event(t, "webhooks-resend-range.json", id)
	wrong.Body = `{"since":"yesterday","until":7,"include_delivered":"yes","x":1}`
	want := map[string]any{
		"since": []any{"Must be a time like 2027-01-02T03:04:05Z. In a query a + is written %2B."}, "until": []any{"Must be a string."},
		"include_delivered": []any{"Must be true or false."}, "x": []any{"Unknown field."},
	}
	if status, body := testbed.HTTP(t, handle, wrong); status != 400 || !cmp.Equal(any(want), body["Message"]) {
		t.Errorf("%d (-want +got):\n%s", status, cmp.Diff(any(want), body["Message"]))
	}
}

func TestCreateNamesAllThatIsWrong(t *testing.T) {
	testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		body string
		want map[string]any
	}{
		"nothing sent":   {`{}`, map[string]any{"url": []any{"Missing data for required field."}, "events": []any{"Missing data for required field."}}},
		"its older name": {`{"callback_url":"https://127.0.0.1/x","events":["kyc.*"]}`, map[string]any{"callback_url": []any{"Must be a public address. This one is for the machine itself."}}},
		"an address inside, an event that is none": {`{"url":"https://127.0.0.1/x","events":["kyc.nothing"]}`, map[string]any{
			"url":    []any{"Must be a public address. This one is for the machine itself."},
			"events": []any{"1 of the names match no event. Use names like kyc.verification.success, or kyc.* for all of a kind."},
		}},
		"wrong types": {`{"url":7,"events":["kyc.*"],"status":true,"headers":{"X-A":1,"X-B":"a\u0000"},"timeout_seconds":"5","retry_plan":[1.5],"strict_order":"yes","x":1}`, map[string]any{
			"url": []any{"Must be a string."}, "status": []any{"Must be a string."}, "headers/X-A": []any{"Must be a string."},
			"headers/X-B": []any{"Must not hold control characters or invisible ones."}, "timeout_seconds": []any{"Must be a whole number."},
			"retry_plan": []any{"Must be an array of whole numbers."}, "strict_order": []any{"Must be true or false."}, "x": []any{"Unknown field."},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := testbed.HTTPEvent(t, "webhooks-create.json")
			e.Body = c.body
			status, body := testbed.HTTP(t, handle, e)
			if diff := cmp.Diff(any(c.want), body["Message"]); status != 400 || body["Code"] != "webhooks_err" || diff != "" {
				t.Errorf("%d %v (-want +got):\n%s", status, body, diff)
			}
		})
	}
}
