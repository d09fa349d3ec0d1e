// Command verifier runs the checks of attempts and decides.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/keyring"
	"kyc/shared/lambdaenv"
	"kyc/shared/sandbox"
	"kyc/shared/telemetry"
	"kyc/shared/verification"
)

func main() { lambdaenv.Start("verifier", build) }

// build names every dependency of this function.
func build(context.Context) (handlerFunc, error) {
	env, err := lambdaenv.Load("STAGE", "MODE", "TABLE_NAME", "KEY_ARN", "SANDBOX_DELAY", "VERIFIER_TIMEOUT")
	if err != nil {
		return nil, err
	}
	delay, err1 := env.Duration("SANDBOX_DELAY")
	timeout, err2 := env.Duration("VERIFIER_TIMEOUT")
	provider, err3 := sandbox.New(env.Mode(), delay)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
	worker := &verification.Worker{
		Claims: store, Programs: store, Duplicates: store, Provider: provider, Lease: timeout + verification.LeaseMargin, NewID: uuid.NewString,
		Vault: keyring.New(env.AWS, env.Get("KEY_ARN"), store, clock.Now), Clock: clock.For(env.Mode(), store), MagicSSN: sandbox.MagicIn(env.Mode()),
	}
	return handler(telemetry.New(os.Stdout, "verifier", env.Get("STAGE")), worker), nil
}
