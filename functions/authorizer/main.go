// Command authorizer tells the HTTP API whose a key pair is.
package main

import (
	"context"
	"os"

	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/lambdaenv"
	"kyc/shared/platform"
	"kyc/shared/telemetry"
)

func main() { lambdaenv.Start("authorizer", build) }

// build names every dependency of this function.
func build(ctx context.Context) (handlerFunc, error) {
	env, err := lambdaenv.Load("STAGE", "TABLE_NAME")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	store.Warm(ctx)
	return handler(telemetry.New(os.Stdout, "authorizer", env.Get("STAGE")), &platform.Authenticator{Keys: store, Now: clock.Now}), nil
}
