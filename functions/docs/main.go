// Command docs shows the API's document, and a reference made of it, to anybody.
package main

import (
	"context"
	"os"

	"kyc/shared/apigw"
	"kyc/shared/lambdaenv"
	"kyc/shared/telemetry"
)

func main() { lambdaenv.Start("docs", build) }

// build names every dependency of this function.
func build(context.Context) (apigw.Func, error) {
	env, err := lambdaenv.Load("STAGE")
	if err != nil {
		return nil, err
	}
	all, err := files()
	if err != nil {
		return nil, err
	}
	return apigw.Files(telemetry.New(os.Stdout, "docs", env.Get("STAGE")), all), nil
}
