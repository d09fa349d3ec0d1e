package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/notification"
	"kyc/shared/testbed"
	"kyc/shared/webhook"
)

// What posts are signed with, and what a brand's own headers hold, are marks too; the secret alone is shown, to its owner.
func TestNothingLeaks(t *testing.T) {
	const header = "Bearer zq83jfk20dkeqpa7"
	var secret kyc.Secret
	testbed.Leaks[events.APIGatewayV2HTTPRequest, events.APIGatewayV2HTTPResponse]{
		Build: build, Shown: []string{"webhook_secret"},
		Events: []string{
			"webhooks-create.json", "webhooks-list.json", "webhooks-read.json", "webhooks-update.json", "webhooks-secret.json", "webhooks-rotate.json",
			"webhooks-test.json", "webhooks-resend-range.json", "webhooks-deliveries.json", "webhooks-delivery.json", "webhooks-resend.json", "webhooks-event.json",
			"webhooks-delete.json",
		},
		Prepare: func(t *testing.T, b *testbed.Bed) {
			service := &notification.Service{
				Subscriptions: b.Store(clock.Now), Lines: b.Store(clock.Now), Vault: b.Keyring(), CheckURL: webhook.NewEgress(kyc.Sandbox, "").CheckURL,
				NewSecret: webhook.NewSecret, Now: clock.Now, NewID: func() string { return testbed.SubscriptionID },
			}
			var err error
			_, secret, err = service.Create(t.Context(), testbed.BrandID, notification.Input{
				URL: "https://example.com/", Events: []string{"kyc.*"}, Headers: map[string]*string{"Authorization": new(header)},
			})
			if err != nil {
				t.Fatal(err)
			}
		},
		Change: func(m testbed.Marks, e map[string]any) {
			m["webhook_secret"], m["header"] = strings.TrimPrefix(secret.Reveal(), "whsec_"), header
			if body, sent := e["body"].(string); sent {
				e["body"] = strings.ReplaceAll(body, "acme", header)
			}
		},
	}.Run(t)
}
