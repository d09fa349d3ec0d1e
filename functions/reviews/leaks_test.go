package main

import (
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[events.APIGatewayV2HTTPRequest, events.APIGatewayV2HTTPResponse]{
		Build: build, Events: []string{"reviews-document.json", "reviews-document-attempt.json"},
		Prepare: func(t *testing.T, b *testbed.Bed) { receive(t, b, testbed.MarkedID) },
	}.Run(t)
}
