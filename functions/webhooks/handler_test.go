package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func TestSubscriptions(t *testing.T) {
	testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "webhooks-create.json"))
	created, _ := body["webhook_subscription"].(map[string]any)
	if secret, _ := created["secret"].(string); status != 201 || !strings.HasPrefix(secret, "whsec_") {
		t.Fatalf("create: %d %v", status, body)
	}
	delete(created, "secret")

	status, body = testbed.HTTP(t, handle, testbed.HTTPEvent(t, "webhooks-list.json"))
	if diff := cmp.Diff(map[string]any{"webhook_subscriptions": []any{created}}, body); status != 200 || diff != "" {
		t.Errorf("list: %d (-want +got):\n%s", status, diff)
	}

	remove := testbed.HTTPEvent(t, "webhooks-delete.json")
	id := created["id"].(string)
	remove.RawPath = strings.ReplaceAll(remove.RawPath, testbed.SubscriptionID, id)
	remove.PathParameters["webhook_id"] = id
	foreign := remove
	foreign.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
		Lambda: apigw.AuthorizerContext(kyc.APIKey{BrandID: testbed.ProgramID, Identity: testbed.Identity, Permissions: kyc.Permissions()}),
	}
	if status, body := testbed.HTTP(t, handle, foreign); status != 404 {
		t.Errorf("another brand deletes: %d %v", status, body)
	}
	status, body = testbed.HTTP(t, handle, remove)
	if diff := cmp.Diff(map[string]any{"webhook_subscription": created}, body); status != 200 || diff != "" {
		t.Errorf("delete: %d (-want +got):\n%s", status, diff)
	}
	if status, body := testbed.HTTP(t, handle, remove); status != 404 || body["Code"] != "webhooks_err" {
		t.Errorf("delete again: %d %v", status, body)
	}
	if _, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "webhooks-list.json")); len(body["webhook_subscriptions"].([]any)) != 0 {
		t.Errorf("list after delete: %v", body)
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
