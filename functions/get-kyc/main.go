// Command get-kyc reads the state of KYC of a customer in a program.
package main

import (
	"context"
	"os"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/lambdaenv"
	"kyc/shared/telemetry"
	"kyc/shared/verification"
)

func main() { lambdaenv.Start("get-kyc", build) }

// build names every dependency of this function.
func build(ctx context.Context) (apigw.Func, error) {
	env, err := lambdaenv.Load("STAGE", "TABLE_NAME")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	store.Warm(ctx)
	reader := &verification.Reader{Customers: store, Programs: store}
	return apigw.Serve(telemetry.New(os.Stdout, "get-kyc", env.Get("STAGE")), routes(reader)), nil
}
