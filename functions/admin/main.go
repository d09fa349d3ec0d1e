// Command admin manages brands, programs and API keys, grants attempts, and keeps a record of each action. It is invoked
// directly, by IAM permission only.
package main

import (
	"context"
	"os"

	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/keyring"
	"kyc/shared/lambdaenv"
	"kyc/shared/platform"
	"kyc/shared/sandbox"
	"kyc/shared/telemetry"
)

func main() { lambdaenv.Start("admin", build) }

// build names every dependency of this function.
func build(context.Context) (handlerFunc, error) {
	env, err := lambdaenv.Load("STAGE", "MODE", "TABLE_NAME", "KEY_ARN")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	keys := keyring.New(env.AWS, env.Get("KEY_ARN"), store, clock.Now)
	service := &platform.Service{
		Audit: store, Brands: store, Programs: store, Keys: store, Grants: store, BrandKeys: store, DataKeys: store, Keyring: keys,
		Now: clock.Now, NewID: uuid.NewString,
		Rotation: platform.Rotation{Secrets: store, Profiles: store, Keys: keys, MagicSSN: sandbox.MagicIn(env.Mode()), Patience: sweepTime},
	}
	return handler(telemetry.New(os.Stdout, "admin", env.Get("STAGE")), service), nil
}
