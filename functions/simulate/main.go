// Command simulate moves the clocks of sandbox brands, and forces outcomes. Live stages have no such function.
package main

import (
	"context"
	"errors"
	"os"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/docvault"
	"kyc/shared/dynamostore"
	"kyc/shared/keyring"
	"kyc/shared/lambdaenv"
	"kyc/shared/onboarding"
	"kyc/shared/outbox"
	"kyc/shared/queue"
	"kyc/shared/sandbox"
	"kyc/shared/telemetry"
	"kyc/shared/verification"
)

func main() { lambdaenv.Start("simulate", build) }

// build names every dependency of this function.
func build(context.Context) (apigw.Func, error) {
	env, err := lambdaenv.Load("STAGE", "MODE", "TABLE_NAME", "KEY_ARN", "DOCUMENTS_BUCKET", "VERIFICATION_QUEUE_URL", "NOTIFICATION_QUEUE_URL")
	if err != nil {
		return nil, err
	}
	store, log := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now), telemetry.New(os.Stdout, "simulate", env.Get("STAGE"))
	clocks, keys := clock.For(env.Mode(), store), keyring.New(env.AWS, env.Get("KEY_ARN"), store, clock.Now)
	retention := &onboarding.Retention{Remains: store, Files: docvault.New(env.AWS, env.Get("DOCUMENTS_BUCKET"), "", clock.Now)}
	verifications, notifications := queue.New(env.AWS, env.Get("VERIFICATION_QUEUE_URL")), queue.New(env.AWS, env.Get("NOTIFICATION_QUEUE_URL"))
	relay := &outbox.Relay{Store: store, Lanes: store, Verifications: verifications, Notifications: notifications}
	timers := &verification.Timers{Alarms: store, Outbox: relay, Retention: retention, Clock: clocks, Now: clock.Now, Moved: store}
	mover, err1 := verification.NewMover(env.Mode(), store, timers, patience)
	overrider, err2 := verification.NewOverrider(env.Mode(), store, keys, clocks, sandbox.Magic)
	return apigw.Serve(log, routes(log, mover, overrider)), errors.Join(err1, err2)
}
