package main

import (
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func TestRead(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	event := func(t *testing.T, query string) events.APIGatewayV2HTTPRequest {
		e := testbed.HTTPEvent(t, "get-kyc.json")
		e.RawQueryString, e.QueryStringParameters["program_id"] = "program_id="+query, query
		return e
	}
	expect := func(name, query string, status int, code string) {
		t.Run(name, func(t *testing.T) {
			if got, body := testbed.HTTP(t, handle, event(t, query)); got != status || body["Code"] != code {
				t.Errorf("%d %v", got, body)
			}
		})
	}
	expect("never started", testbed.ProgramID, 404, "kyc_dne")
	expect("unknown program", testbed.BrandID, 404, "invalid_program")
	expect("program_id that is no UUID", "42", 400, "get_kyc_schema")

	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	t.Run("an open attempt", func(t *testing.T) {
		status, body := testbed.HTTP(t, handle, event(t, testbed.ProgramID))
		if status != 200 || body["kyc_status"] != "submitted" || body["attempt_id"] != testbed.AttemptID || body["next_action"] != "wait" || body["kyc_requests_available"] != 3.0 {
			t.Errorf("%d %v", status, body)
		}
	})
}
