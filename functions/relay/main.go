// Command relay derives from each change of a customer what must follow, and sends it.
package main

import (
	"context"
	"os"

	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/lambdaenv"
	"kyc/shared/outbox"
	"kyc/shared/queue"
	"kyc/shared/telemetry"
)

func main() { lambdaenv.Start("relay", build) }

// build names every dependency of this function.
func build(context.Context) (handlerFunc, error) {
	env, err := lambdaenv.Load("STAGE", "TABLE_NAME", "VERIFICATION_QUEUE_URL", "NOTIFICATION_QUEUE_URL", "RELAY_DEAD_LETTERS_URL")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	relay := &outbox.Relay{
		Store: store, Lanes: store,
		Verifications: queue.New(env.AWS, env.Get("VERIFICATION_QUEUE_URL")),
		Notifications: queue.New(env.AWS, env.Get("NOTIFICATION_QUEUE_URL")),
	}
	unreadable := queue.New(env.AWS, env.Get("RELAY_DEAD_LETTERS_URL"))
	return handler(telemetry.New(os.Stdout, "relay", env.Get("STAGE")), relay, unreadable), nil
}
