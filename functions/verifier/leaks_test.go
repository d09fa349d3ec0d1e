package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/keyring"
	"kyc/shared/kyc"
	"kyc/shared/lambdaenv"
	"kyc/shared/telemetry"
	"kyc/shared/testbed"
	"kyc/shared/verification"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[events.SQSEvent, events.SQSEventResponse]{Build: build, Events: []string{"verifier.json"}, Prepare: started}.Run(t)
}

// started opens an attempt of the marked customer.
func started(t *testing.T, b *testbed.Bed) { b.Start(t, testbed.MarkedID, testbed.AttemptID) }

// A provider may put all that it was given into its error, or into a panic.
func TestNothingLeaksByTheProvider(t *testing.T) {
	said := func(applicant kyc.Profile) string {
		text := ""
		for field, value := range applicant {
			text += fmt.Sprint(field, "=", value.Reveal(), " ")
		}
		return text
	}
	for name, check := range map[string]provider{
		"quotes the applicant": func(p kyc.Profile) (kyc.Verdict, error) { return kyc.Verdict{}, errors.New(said(p)) },
		"quotes the applicant about a cause": func(p kyc.Profile) (kyc.Verdict, error) {
			return kyc.Verdict{}, fmt.Errorf("%s: %w", said(p), context.DeadlineExceeded)
		},
		"panics with the applicant": func(p kyc.Profile) (kyc.Verdict, error) { panic(said(p)) },
		"panics with an error":      func(p kyc.Profile) (kyc.Verdict, error) { panic(errors.New(said(p))) },
	} {
		t.Run(name, func(t *testing.T) {
			testbed.Leaks[events.SQSEvent, events.SQSEventResponse]{
				Events: []string{"verifier.json"}, Prepare: started, Build: func(context.Context) (handlerFunc, error) {
					env, err := lambdaenv.Load("TABLE_NAME", "KEY_ARN")
					if err != nil {
						return nil, err
					}
					store := dynamostore.New(env.AWS, env.Get("TABLE_NAME"), clock.Now)
					return handler(telemetry.New(os.Stdout, "verifier", "test"), &verification.Worker{
						Claims: store, Programs: store, Vault: keyring.New(env.AWS, env.Get("KEY_ARN"), store, clock.Now), Provider: check,
						Lease: time.Minute, Clock: clock.For(kyc.Sandbox, store), NewID: uuid.NewString,
					}), nil
				},
			}.Run(t)
		})
	}
}

type provider func(kyc.Profile) (kyc.Verdict, error)

func (p provider) Check(_ context.Context, applicant kyc.Profile, _ []kyc.Check, _ []kyc.DocumentType) (kyc.Verdict, error) {
	return p(applicant)
}
