package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

// What a passport says, and who the customer is that it is compared with, stay in the function.
func TestNothingLeaks(t *testing.T) {
	var file *strings.Replacer
	testbed.Leaks[events.SQSEvent, events.SQSEventResponse]{
		Build: build, Events: []string{"inspector.json"},
		Prepare: func(t *testing.T, b *testbed.Bed) {
			b.Documents(t)
			b.AskFor(t, testbed.MarkedID, testbed.AttemptID, kyc.GovernmentID)
			passport := testbed.Scan(testbed.Passport("OEXNEHUFVUD<<ZVONIMIRKA<QUILLFEATHER", "870319", "400101"))
			version := stored(t, b, testbed.MarkedID, passport, kyc.PDF)
			file = strings.NewReplacer(`"kyc-documents"`, `"`+b.Bucket+`"`, "b6c8727a-faf6-4b77-82af-9e2c8a22a36b", version)
		},
		Change: func(_ testbed.Marks, e map[string]any) {
			message := e["Records"].([]any)[0].(map[string]any)
			message["body"] = file.Replace(message["body"].(string))
		},
	}.Run(t)
}
