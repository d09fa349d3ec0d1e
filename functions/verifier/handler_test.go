package main

import (
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func TestVerify(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var e events.SQSEvent
	testbed.Event(t, "verifier.json", &e)
	unreadable := e.Records[0]
	unreadable.MessageId, unreadable.Body = "unreadable", "{"
	e.Records = append(e.Records, unreadable)

	status := func() kyc.Status {
		c, err := bed.Store(clock.Now).Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
		if err != nil {
			t.Fatal(err)
		}
		return c.Attempts[testbed.ProgramID].Status
	}
	want := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{{ItemIdentifier: "unreadable"}}}
	for _, name := range []string{"the first time", "the same message again"} {
		got, err := handle(testbed.Context(t), e)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: err %v (-want +got):\n%s", name, err, diff)
		}
		if s := status(); s != kyc.Passed {
			t.Errorf("%s: %s", name, s)
		}
	}
}
