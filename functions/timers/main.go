// Command timers looks at every customer, delivery and line to an endpoint whose alarm has gone off.
package main

import (
	"context"
	"os"

	"kyc/shared/clock"
	"kyc/shared/docvault"
	"kyc/shared/dynamostore"
	"kyc/shared/lambdaenv"
	"kyc/shared/notification"
	"kyc/shared/onboarding"
	"kyc/shared/outbox"
	"kyc/shared/queue"
	"kyc/shared/telemetry"
	"kyc/shared/verification"
)

func main() { lambdaenv.Start("timers", build) }

// build names every dependency of this function.
func build(context.Context) (handlerFunc, error) {
	env, err := lambdaenv.Load("STAGE", "MODE", "TABLE_NAME", "DOCUMENTS_BUCKET", "VERIFICATION_QUEUE_URL", "NOTIFICATION_QUEUE_URL")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	retention := &onboarding.Retention{Remains: store, Files: docvault.New(env.AWS, env.Get("DOCUMENTS_BUCKET"), "", clock.Now)}
	verifications, notifications := queue.New(env.AWS, env.Get("VERIFICATION_QUEUE_URL")), queue.New(env.AWS, env.Get("NOTIFICATION_QUEUE_URL"))
	relay := &outbox.Relay{Store: store, Lanes: store, Verifications: verifications, Notifications: notifications}
	timers := &verification.Timers{Alarms: store, Outbox: relay, Retention: retention, Clock: clock.For(env.Mode(), store), Now: clock.Now}
	if env.Sandbox() {
		timers.Moved = store
	}
	webhooks := &notification.Timers{
		Alarms: store, Lines: store, Deliveries: store, Replays: store, Lanes: store, Queue: notifications, Now: clock.Now, AtOnce: 10,
	}
	return handler(telemetry.New(os.Stdout, "timers", env.Get("STAGE")), timers, webhooks), nil
}
