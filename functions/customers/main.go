// Command customers creates, lists, reads, changes and deletes customers.
package main

import (
	"context"
	"os"

	"github.com/google/uuid"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/docvault"
	"kyc/shared/dynamostore"
	"kyc/shared/keyring"
	"kyc/shared/lambdaenv"
	"kyc/shared/onboarding"
	"kyc/shared/sandbox"
	"kyc/shared/telemetry"
)

func main() { lambdaenv.Start("customers", build) }

// build names every dependency of this function.
func build(ctx context.Context) (apigw.Func, error) {
	env, err := lambdaenv.Load("STAGE", "MODE", "TABLE_NAME", "DOCUMENTS_BUCKET", "KEY_ARN")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	retention := &onboarding.Retention{Remains: store, Files: docvault.New(env.AWS, env.Get("DOCUMENTS_BUCKET"), "", clock.Now)}
	store.Warm(ctx)
	keys := keyring.New(env.AWS, env.Get("KEY_ARN"), store, clock.Now)
	service := &onboarding.Service{
		Customers: store, Lists: store, Closings: store, Retention: retention,
		Programs: store, Vault: keys, Clock: clock.For(env.Mode(), store), NewID: uuid.NewString, MagicSSN: sandbox.MagicIn(env.Mode()),
	}
	return apigw.Serve(telemetry.New(os.Stdout, "customers", env.Get("STAGE")), routes(service)), nil
}
