package main

import (
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[events.APIGatewayV2HTTPRequest, events.APIGatewayV2HTTPResponse]{
		Build: build, Events: []string{"simulate-clock.json", "simulate-kyc-pass.json", "simulate-kyc-fail.json"},
		Prepare: func(t *testing.T, b *testbed.Bed) { b.Start(t, testbed.MarkedID, testbed.AttemptID) },
	}.Run(t)
}
