package main

import (
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[events.APIGatewayV2CustomAuthorizerV2Request, events.APIGatewayV2CustomAuthorizerSimpleResponse]{
		Build: build, Events: []string{"authorizer.json", "authorizer-wrong.json"}, Change: func(m testbed.Marks, e map[string]any) {
			headers := e["headers"].(map[string]any)
			headers["idempotency-key"] = m["idempotency_key"]
			if headers["authorization"] != "wrong" {
				headers["authorization"] = m["Authorization"]
			}
		},
	}.Run(t)
}
