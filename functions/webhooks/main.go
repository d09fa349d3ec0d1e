// Command webhooks keeps webhook subscriptions: their addresses, events, secrets and how they are served.
package main

import (
	"context"
	"os"

	"github.com/google/uuid"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/keyring"
	"kyc/shared/lambdaenv"
	"kyc/shared/notification"
	"kyc/shared/queue"
	"kyc/shared/telemetry"
	"kyc/shared/uploadlink"
	"kyc/shared/webhook"
)

func main() { lambdaenv.Start("webhooks", build) }

// build names every dependency of this function.
func build(ctx context.Context) (apigw.Func, error) {
	env, err := lambdaenv.Load("STAGE", "MODE", "TABLE_NAME", "KEY_ARN", "NOTIFICATION_QUEUE_URL", "WEBHOOK_TEST_HOSTS", "PUBLIC_URL")
	if err != nil {
		return nil, err
	}
	store, egress := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now), webhook.NewEgress(env.Mode(), env.Get("WEBHOOK_TEST_HOSTS"))
	store.Warm(ctx)
	keys := keyring.New(env.AWS, env.Get("KEY_ARN"), store, clock.Now)
	subscriptions := &notification.Service{
		Subscriptions: store, Lines: store, Vault: keys, CheckURL: egress.CheckURL, NewSecret: webhook.NewSecret, NewKeyPair: webhook.NewKeyPair, NewID: uuid.NewString, Now: clock.Now,
	}
	return apigw.Serve(telemetry.New(os.Stdout, "webhooks", env.Get("STAGE")), routes(subscriptions, &notification.DeliveryService{
		Subscriptions: store, Deliveries: store, History: store, Events: store, Lines: store, Vault: keys,
		Links: uploadlink.Links{Secrets: keys, API: env.Get("PUBLIC_URL")}, Queue: queue.New(env.AWS, env.Get("NOTIFICATION_QUEUE_URL")), Clock: clock.For(env.Mode(), store), NewID: uuid.NewString, Now: clock.Now,
	})), nil
}
