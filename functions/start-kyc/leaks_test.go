package main

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[events.APIGatewayV2HTTPRequest, events.APIGatewayV2HTTPResponse]{
		Build: build, Events: []string{"start-kyc.json"}, Change: func(m testbed.Marks, e map[string]any) {
			headers := e["headers"].(map[string]any)
			headers["authorization"], headers["idempotency-key"] = m["Authorization"], m["idempotency_key"]
			body := map[string]any{"program_id": testbed.ProgramID}
			for _, f := range kyc.Bringable() {
				if m[string(f)] != "" {
					body[string(f)] = m[string(f)]
				}
			}
			raw, _ := json.Marshal(body)
			e["body"] = string(raw)
		},
	}.Run(t)
	testbed.Leaks[events.APIGatewayV2HTTPRequest, events.APIGatewayV2HTTPResponse]{
		Build: build, Events: []string{"start-kyc-cancel.json"},
		Prepare: func(t *testing.T, b *testbed.Bed) { b.Start(t, testbed.MarkedID, testbed.AttemptID) },
	}.Run(t)
}
