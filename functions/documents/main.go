// Command documents takes the documents that an attempt asks for.
package main

import (
	"context"
	"os"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/docvault"
	"kyc/shared/dynamostore"
	"kyc/shared/evidence"
	"kyc/shared/lambdaenv"
	"kyc/shared/telemetry"
)

func main() { lambdaenv.Start("documents", build) }

// build names every dependency of this function.
func build(ctx context.Context) (apigw.Func, error) {
	env, err := lambdaenv.Load("STAGE", "MODE", "TABLE_NAME", "KEY_ARN", "DOCUMENTS_BUCKET")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	store.Warm(ctx)
	desk := &evidence.Desk{
		Attempts: store, Vault: docvault.New(env.AWS, env.Get("DOCUMENTS_BUCKET"), env.Get("KEY_ARN"), clock.Now), Clock: clock.For(env.Mode(), store),
	}
	return apigw.Serve(telemetry.New(os.Stdout, "documents", env.Get("STAGE")), routes(desk)), nil
}
