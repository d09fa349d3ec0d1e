// Command reviews lets reviewers read the documents that are held as evidence.
package main

import (
	"context"
	"os"

	"github.com/google/uuid"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/docvault"
	"kyc/shared/dynamostore"
	"kyc/shared/evidence"
	"kyc/shared/lambdaenv"
	"kyc/shared/telemetry"
)

func main() { lambdaenv.Start("reviews", build) }

// build names every dependency of this function.
func build(ctx context.Context) (apigw.Func, error) {
	env, err := lambdaenv.Load("STAGE", "TABLE_NAME", "DOCUMENTS_BUCKET")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	store.Warm(ctx)
	viewing := &evidence.Viewing{
		Customers: store, Archive: store, Links: docvault.New(env.AWS, env.Get("DOCUMENTS_BUCKET"), "", clock.Now),
		Audit: store, Now: clock.Now, NewID: uuid.NewString,
	}
	return apigw.Serve(telemetry.New(os.Stdout, "reviews", env.Get("STAGE")), routes(viewing)), nil
}
