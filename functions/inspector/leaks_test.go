package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	var bucket string
	testbed.Leaks[events.SQSEvent, events.SQSEventResponse]{
		Build: build, Events: []string{"inspector.json"},
		Prepare: func(t *testing.T, b *testbed.Bed) {
			b.Documents(t)
			b.AskFor(t, testbed.MarkedID, testbed.AttemptID, kyc.GovernmentID)
			bucket = b.Bucket
		},
		Change: func(_ testbed.Marks, e map[string]any) {
			message := e["Records"].([]any)[0].(map[string]any)
			message["body"] = strings.ReplaceAll(message["body"].(string), `"kyc-documents"`, `"`+bucket+`"`)
		},
	}.Run(t)
}
