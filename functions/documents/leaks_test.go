package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[events.APIGatewayV2HTTPRequest, events.APIGatewayV2HTTPResponse]{
		Build: build, Events: []string{"documents.json", "documents-uploads.json"},
		Prepare: func(t *testing.T, b *testbed.Bed) {
			b.Documents(t)
			b.AskFor(t, testbed.MarkedID, testbed.AttemptID, kyc.DocumentTypes()...)
		},
		Change: func(m testbed.Marks, e map[string]any) { // what a file is called may be its owner's name
			e["headers"].(map[string]any)["authorization"] = m["Authorization"]
			e["body"] = strings.ReplaceAll(e["body"].(string), "front.jpg", m["last_name"]+" "+m["ssn"]+".jpg")
		},
	}.Run(t)
}

// By a link its owner is shown the first name, and nothing else.
func TestNothingLeaksByALink(t *testing.T) {
	var card string
	testbed.Leaks[events.APIGatewayV2HTTPRequest, events.APIGatewayV2HTTPResponse]{
		Build: build, Events: []string{"documents-visit.json", "documents-visit-uploads.json"}, Shown: []string{"first_name"},
		Prepare: func(t *testing.T, b *testbed.Bed) {
			b.Documents(t)
			b.AskFor(t, testbed.MarkedID, testbed.AttemptID, kyc.DocumentTypes()...)
			card = token(t, b, testbed.MarkedID)
		},
		Change: func(m testbed.Marks, e map[string]any) {
			e["headers"].(map[string]any)["upload-token"] = card
			m["token"] = card
		},
	}.Run(t)
}
