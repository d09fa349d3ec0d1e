package queue_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/queue"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsSentIsReceived(t *testing.T) {
	bed := testbed.Open(t)
	work := kyc.Work{BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID, AttemptID: testbed.AttemptID}
	must(t, queue.New(bed.AWS, bed.VerificationQueue).Verify(t.Context(), work))
	delivery := kyc.Delivery{SubscriptionID: testbed.SubscriptionID, Event: kyc.Event{
		ID: "evt_8e2f4a6c-1b3d-4e5f-a7b8-c9d0e1f2a306_2", Name: kyc.EventFailure, BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID,
		AttemptID: testbed.AttemptID, OccurredAt: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), StateVersion: 2, Status: kyc.Failed,
		Reasons: []string{kyc.ReasonBureau}, Retryable: true,
	}}
	must(t, queue.New(bed.AWS, bed.NotificationQueue).Notify(t.Context(), delivery))
	must(t, queue.New(bed.AWS, bed.RelayDeadLetters).Send(t.Context(), []byte(`{"keys":{}}`)))

	got := bed.Messages(t, bed.VerificationQueue)
	if len(got) != 1 {
		t.Fatalf("verification queue: %q", got)
	}
	if w, err := message.DecodeWork([]byte(got[0])); err != nil || w != work {
		t.Errorf("work %+v, err %v", w, err)
	}
	got = bed.Messages(t, bed.NotificationQueue)
	if len(got) != 1 {
		t.Fatalf("notification queue: %q", got)
	}
	d, err := message.DecodeDelivery([]byte(got[0]))
	if diff := cmp.Diff(delivery, d); diff != "" || err != nil {
		t.Errorf("err %v, delivery (-want +got):\n%s", err, diff)
	}
	if got = bed.Messages(t, bed.RelayDeadLetters); len(got) != 1 || got[0] != `{"keys":{}}` {
		t.Errorf("dead letters: %q", got)
	}
}

func TestDelayHidesAMessage(t *testing.T) {
	bed := testbed.Open(t)
	q, client := queue.New(bed.AWS, bed.NotificationQueue), sqs.NewFromConfig(bed.AWS)
	receive := func(wait int32) []types.Message {
		t.Helper()
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
			QueueUrl: &bed.NotificationQueue, VisibilityTimeout: 1000, WaitTimeSeconds: wait, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"ApproximateReceiveCount"},
		})
		must(t, err)
		return out.Messages
	}
	must(t, q.Send(t.Context(), []byte("m")))
	first := receive(0)
	if len(first) != 1 || len(receive(0)) != 0 {
		t.Fatalf("received %d", len(first))
	}
	must(t, q.Delay(t.Context(), aws.ToString(first[0].ReceiptHandle), 999*time.Millisecond)) // whole seconds: 0
	second := receive(20)                                                                     // it comes at once, or the test fails
	if len(second) != 1 || second[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Fatalf("back at once: received %d", len(second))
	}
	var asked struct{ VisibilityTimeout int } // how long a message stays hidden can't be waited for
	wired := bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		if err := json.Unmarshal(r.Body, &asked); err != nil {
			t.Error(err)
		}
		return pass()
	})
	must(t, queue.New(wired.AWS, bed.NotificationQueue).Delay(t.Context(), aws.ToString(second[0].ReceiptHandle), 12*time.Hour-time.Minute))
	if asked.VisibilityTimeout != 12*3600-60 {
		t.Errorf("hidden for %d seconds", asked.VisibilityTimeout)
	}
	if len(receive(0)) != 0 {
		t.Error("a hidden message was received")
	}
}

func TestErrorsSayNothingOfTheMessage(t *testing.T) {
	bed := testbed.Open(t)
	q := queue.New(bed.AWS, bed.NotificationQueue+"-none")
	for what, err := range map[string]error{
		"send": q.Send(t.Context(), []byte("mark")), "verify": q.Verify(t.Context(), kyc.Work{AttemptID: "mark"}),
		"notify": q.Notify(t.Context(), kyc.Delivery{SubscriptionID: "mark"}), "delay": q.Delay(t.Context(), "receipt", time.Second),
	} {
		if err == nil || strings.Contains(err.Error(), "mark") {
			t.Errorf("%s: err %v", what, err)
		}
	}
}
