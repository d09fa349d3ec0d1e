// Command simulate moves the clocks of sandbox brands. Live stages have no such function.
package main

import (
	"context"
	"os"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/docvault"
	"kyc/shared/dynamostore"
	"kyc/shared/lambdaenv"
	"kyc/shared/onboarding"
	"kyc/shared/outbox"
	"kyc/shared/queue"
	"kyc/shared/telemetry"
	"kyc/shared/verification"
)

func main() { lambdaenv.Start("simulate", build) }

// build names every dependency of this function.
func build(context.Context) (apigw.Func, error) {
	env, err := lambdaenv.Load("STAGE", "MODE", "TABLE_NAME", "DOCUMENTS_BUCKET", "VERIFICATION_QUEUE_URL", "NOTIFICATION_QUEUE_URL")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	retention := &onboarding.Retention{Remains: store, Files: docvault.New(env.AWS, env.Get("DOCUMENTS_BUCKET"), "", clock.Now)}
	verifications, notifications := queue.New(env.AWS, env.Get("VERIFICATION_QUEUE_URL")), queue.New(env.AWS, env.Get("NOTIFICATION_QUEUE_URL"))
	relay := &outbox.Relay{Store: store, Lanes: store, Verifications: verifications, Notifications: notifications}
	timers := &verification.Timers{Alarms: store, Outbox: relay, Retention: retention, Clock: clock.For(env.Mode(), store), Now: clock.Now, Moved: store}
	mover, err := verification.NewMover(env.Mode(), store, timers, patience)
	if err != nil {
		return nil, err
	}
	log := telemetry.New(os.Stdout, "simulate", env.Get("STAGE"))
	return apigw.Serve(log, routes(log, mover)), nil
}
