// Command get-kyc reads the state of KYC of a customer in a program.
package main

import (
	"context"
	"os"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/keyring"
	"kyc/shared/lambdaenv"
	"kyc/shared/telemetry"
	"kyc/shared/uploadlink"
	"kyc/shared/verification"
)

func main() { lambdaenv.Start("get-kyc", build) }

// build names every dependency of this function.
func build(ctx context.Context) (apigw.Func, error) {
	env, err := lambdaenv.Load("STAGE", "MODE", "TABLE_NAME", "KEY_ARN", "PUBLIC_URL")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	store.Warm(ctx)
	links := uploadlink.Links{Secrets: keyring.New(env.AWS, env.Get("KEY_ARN"), store, clock.Now), API: env.Get("PUBLIC_URL")}
	reader := &verification.Reader{Customers: store, Programs: store, Clock: clock.For(env.Mode(), store), Links: links}
	return apigw.Serve(telemetry.New(os.Stdout, "get-kyc", env.Get("STAGE")), routes(reader)), nil
}
