package main

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[events.APIGatewayV2HTTPRequest, events.APIGatewayV2HTTPResponse]{
		Build: build, Change: marked, Events: []string{
			"customers-create.json", "customers-create-key.json", "customers-list.json", "customers-read.json", "customers-update.json", "customers-delete.json",
			"customers-addresses-create.json", "customers-addresses-list.json", "customers-addresses-read.json", "customers-addresses-update.json",
			"customers-addresses-delete.json",
		},
		Shown: []string{"first_name", "middle_name", "last_name", "dob", "phone", "email", "brand_person_id", "street", "street2", "city", "zip_code"},
	}.Run(t)
}

// marked puts marked values into the body of a request. A change swaps those that are on file, for the same ones change
// nothing.
func marked(m testbed.Marks, e map[string]any) {
	headers := e["headers"].(map[string]any)
	headers["authorization"] = m["Authorization"]
	if headers["idempotency-key"] != nil {
		headers["idempotency-key"] = m["idempotency_key"]
	}
	text, _ := e["body"].(string)
	var body map[string]any
	if json.Unmarshal([]byte(text), &body) != nil {
		return
	}
	put := func(o map[string]any, names ...string) {
		for _, name := range names {
			o[name] = m[name]
		}
	}
	switch e["routeKey"] {
	case "POST /api/v0.1/customers":
		put(body, "first_name", "middle_name", "last_name", "dob", "ssn", "phone", "email", "brand_person_id")
		put(body["addresses"].([]any)[0].(map[string]any), "street", "street2", "city", "zip_code")
	case "PATCH /api/v0.1/customers/{customer_id}":
		body["first_name"], body["last_name"] = m["last_name"], m["first_name"]
	case "POST /api/v0.1/customers/{customer_id}/addresses":
		put(body, "street", "street2", "city", "zip_code")
	case "PATCH /api/v0.1/customers/{customer_id}/addresses/{address_id}":
		body["street"], body["street2"] = m["street2"], m["street"]
	}
	raw, _ := json.Marshal(body)
	e["body"] = string(raw)
}
