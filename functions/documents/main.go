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
	"kyc/shared/keyring"
	"kyc/shared/lambdaenv"
	"kyc/shared/telemetry"
	"kyc/shared/uploadlink"
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
	vault := docvault.New(env.AWS, env.Get("DOCUMENTS_BUCKET"), env.Get("KEY_ARN"), clock.Now)
	log, keys := telemetry.New(os.Stdout, "documents", env.Get("STAGE")), keyring.New(env.AWS, env.Get("KEY_ARN"), store, clock.Now)
	desk := &evidence.Desk{Attempts: store, Vault: vault, Clock: clock.For(env.Mode(), store)}
	counter := &evidence.Counter{Desk: desk, Links: uploadlink.Links{Secrets: keys}, Programs: store, Profiles: store, Opener: keys}
	return withPage(log, vault.Origin(), apigw.Serve(log, routes(desk, counter))), nil
}
