// Command keys shows a brand its key pairs, and makes temporary ones for one customer each.
package main

import (
	"context"
	"os"

	"github.com/google/uuid"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/lambdaenv"
	"kyc/shared/platform"
	"kyc/shared/telemetry"
)

func main() { lambdaenv.Start("keys", build) }

// build names every dependency of this function.
func build(ctx context.Context) (apigw.Func, error) {
	env, err := lambdaenv.Load("STAGE", "TABLE_NAME")
	if err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	store.Warm(ctx)
	keys := &platform.BrandKeys{Keys: store, Customers: store, Now: clock.Now, NewID: uuid.NewString}
	return apigw.Serve(telemetry.New(os.Stdout, "keys", env.Get("STAGE")), routes(keys)), nil
}
