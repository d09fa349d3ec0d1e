package main

import (
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[events.APIGatewayV2HTTPRequest, events.APIGatewayV2HTTPResponse]{
		Build: build, Events: []string{"keys-read.json", "keys-temporary.json"}, Change: func(m testbed.Marks, e map[string]any) {
			e["headers"].(map[string]any)["authorization"] = m["Authorization"]
		},
	}.Run(t)
}
