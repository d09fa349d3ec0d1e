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
	delivery := kyc.DeliveryRef{BrandID: testbed.BrandID, SubscriptionID: testbed.SubscriptionID, EventID: kyc.EventID(testbed.AttemptID, 2)}
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

// A wait is rounded up to whole seconds, so that no message comes before its time.
func TestMessagesWait(t *testing.T) {
	bed := testbed.Open(t)
	for wait, want := range map[time.Duration]int{0: 0, time.Millisecond: 1, time.Second: 1, kyc.MaxDelay: 900} {
		var asked struct {
			DelaySeconds   int    // how long a message waits can't be waited for
			MessageGroupId string // and fairness shows on AWS alone
		}
		wired := bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
			if err := json.Unmarshal(r.Body, &asked); err != nil {
				t.Error(err)
			}
			return pass()
		})
		ref := kyc.DeliveryRef{BrandID: testbed.BrandID, SubscriptionID: testbed.SubscriptionID}
		must(t, queue.New(wired.AWS, bed.NotificationQueue).NotifyAfter(t.Context(), ref, wait))
		if asked.DelaySeconds != want || asked.MessageGroupId != testbed.SubscriptionID {
			t.Errorf("a wait of %s is %d seconds, in the group %q", wait, asked.DelaySeconds, asked.MessageGroupId)
		}
	}
	if got := bed.Messages(t, bed.NotificationQueue); len(got) != 1 {
		t.Errorf("%d messages can be received at once", len(got))
	}
}

func TestErrorsSayNothingOfTheMessage(t *testing.T) {
	bed := testbed.Open(t)
	q := queue.New(bed.AWS, bed.NotificationQueue+"-none")
	for what, err := range map[string]error{
		"send": q.Send(t.Context(), []byte("mark")), "verify": q.Verify(t.Context(), kyc.Work{AttemptID: "mark"}),
		"notify": q.Notify(t.Context(), kyc.DeliveryRef{SubscriptionID: "mark"}),
	} {
		if err == nil || strings.Contains(err.Error(), "mark") {
			t.Errorf("%s: err %v", what, err)
		}
	}
}

func TestDelayHidesAMessage(t *testing.T) {
	bed := testbed.Open(t)
	q, client := queue.New(bed.AWS, bed.NotificationQueue), sqs.NewFromConfig(bed.AWS)
	receive := func(wait int32) []types.Message {
		t.Helper()
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
			QueueUrl: &bed.NotificationQueue, VisibilityTimeout: 1000, WaitTimeSeconds: wait,
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
	if len(second) != 1 {
		t.Fatalf("back at once: received %d", len(second))
	}
	must(t, q.Delay(t.Context(), aws.ToString(second[0].ReceiptHandle), time.Hour))
	if len(receive(0)) != 0 {
		t.Error("a hidden message was received")
	}
}
