// Command inspector looks into the files that were sent as evidence, and takes or refuses them.
package main

import (
	"context"
	"os"

	"kyc/shared/clock"
	"kyc/shared/docvault"
	"kyc/shared/dynamostore"
	"kyc/shared/evidence"
	"kyc/shared/keyring"
	"kyc/shared/lambdaenv"
	"kyc/shared/queue"
	"kyc/shared/telemetry"
)

func main() { lambdaenv.Start("inspector", build) }

// build names every dependency of this function.
func build(context.Context) (handlerFunc, error) {
	env, err := lambdaenv.Load("STAGE", "MODE", "TABLE_NAME", "KEY_ARN", "DOCUMENTS_BUCKET", "UPLOADS_QUEUE_URL", "VIRUS_SCANNER")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	inspector := &evidence.Inspector{
		Attempts: store, Archive: store, Profiles: store, Programs: store, Opener: keyring.New(env.AWS, env.Get("KEY_ARN"), store, clock.Now),
		Files: docvault.New(env.AWS, env.Get("DOCUMENTS_BUCKET"), "", clock.Now),
		Clock: clock.For(env.Mode(), store), Examine: examine, Scanned: env.Get("VIRUS_SCANNER") != noScanner,
	}
	uploads := queue.New(env.AWS, env.Get("UPLOADS_QUEUE_URL"))
	return handler(telemetry.New(os.Stdout, "inspector", env.Get("STAGE")), inspector, uploads, env.Get("DOCUMENTS_BUCKET")), nil
}
