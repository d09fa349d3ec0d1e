// Command notifier signs events, posts them to subscriptions and records the deliveries.
package main

import (
	"context"
	"math/rand/v2"
	"os"

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

func main() { lambdaenv.Start("notifier", build) }

// build names every dependency of this function.
func build(context.Context) (handlerFunc, error) {
	env, err := lambdaenv.Load("STAGE", "MODE", "TABLE_NAME", "KEY_ARN", "NOTIFICATION_QUEUE_URL", "WEBHOOK_RETRY_DELAYS", "WEBHOOK_TEST_HOSTS", "PUBLIC_URL")
	if err != nil {
		return nil, err
	}
	plan, err := env.Durations("WEBHOOK_RETRY_DELAYS")
	if err != nil {
		return nil, err
	}
	store, egress := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now), webhook.NewEgress(env.Mode(), env.Get("WEBHOOK_TEST_HOSTS"))
	keys := keyring.New(env.AWS, env.Get("KEY_ARN"), store, clock.Now)
	notifier := &notification.Notifier{
		Deliveries: store, Lines: store, Order: store, Vault: keys, Links: uploadlink.Links{Secrets: keys, API: env.Get("PUBLIC_URL")}, Sender: webhook.NewSender(egress, clock.Now),
		Queue: queue.New(env.AWS, env.Get("NOTIFICATION_QUEUE_URL")), Clock: clock.For(env.Mode(), store), Now: clock.Now,
		Plan: plan, Spread: rand.Float64,
	}
	return handler(telemetry.New(os.Stdout, "notifier", env.Get("STAGE")), notifier), nil
}
