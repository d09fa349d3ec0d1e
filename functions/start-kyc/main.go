// Command start-kyc opens and cancels verification attempts.
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
	"kyc/shared/sandbox"
	"kyc/shared/telemetry"
	"kyc/shared/verification"
)

func main() { lambdaenv.Start("start-kyc", build) }

// build names every dependency of this function.
func build(ctx context.Context) (apigw.Func, error) {
	env, err := lambdaenv.Load("STAGE", "MODE", "TABLE_NAME", "KEY_ARN")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	store.Warm(ctx)
	service := &verification.Service{
		Attempts: store, Programs: store, Vault: keyring.New(env.AWS, env.Get("KEY_ARN"), store, clock.Now),
		Mode: env.Mode(), Clock: clock.For(env.Mode(), store), NewID: uuid.NewString,
		MagicSSN: sandbox.MagicIn(env.Mode()),
	}
	log := telemetry.New(os.Stdout, "start-kyc", env.Get("STAGE"))
	return apigw.Serve(log, routes(service, &verification.Canceler{Attempts: store, Clock: clock.For(env.Mode(), store)})), nil
}
