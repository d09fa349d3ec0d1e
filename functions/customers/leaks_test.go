package main

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[events.APIGatewayV2HTTPRequest, events.APIGatewayV2HTTPResponse]{
		Build: build, Events: []string{"customers-create.json", "customers-create-key.json", "customers-read.json", "customers-delete.json"}, Change: marked,
		Shown: []string{"first_name", "middle_name", "last_name", "dob", "phone", "email", "brand_person_id", "street", "street2", "city", "zip_code"},
	}.Run(t)
}

// marked brings every marked value in the body of a new customer.
func marked(m testbed.Marks, e map[string]any) {
	headers := e["headers"].(map[string]any)
	headers["authorization"] = m["Authorization"]
	if headers["idempotency-key"] != nil {
		headers["idempotency-key"] = m["idempotency_key"]
	}
	body, isCreate := e["body"].(string)
	if !isCreate {
		return
	}
	var c map[string]any
	_ = json.Unmarshal([]byte(body), &c)
	address := c["addresses"].([]any)[0].(map[string]any)
	for _, name := range []string{"street", "street2", "city", "zip_code"} {
		address[name] = m[name]
	}
	for _, name := range []string{"first_name", "middle_name", "last_name", "dob", "ssn", "phone", "email", "brand_person_id"} {
		c[name] = m[name]
	}
	raw, _ := json.Marshal(c)
	e["body"] = string(raw)
}
