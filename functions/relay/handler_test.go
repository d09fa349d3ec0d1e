package main

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// image writes an item as the stream shows it.
func image(t *testing.T, bed *testbed.Bed, sk string) map[string]events.DynamoDBAttributeValue {
	for _, item := range bed.Items(t) {
		if v, ok := item["sk"].(*types.AttributeValueMemberS); !ok || v.Value != sk {
			continue
		}
		raw, err := json.Marshal(testbed.StreamImage(item))
		if err != nil {
			t.Fatal(err)
		}
		var image map[string]events.DynamoDBAttributeValue
		if err := json.Unmarshal(raw, &image); err != nil {
			t.Fatal(err)
		}
		return image
	}
	t.Fatalf("no item %s", sk)
	return nil
}

func TestRelay(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var e events.DynamoDBEvent
	testbed.Event(t, "relay.json", &e)
	if _, err := handle(testbed.Context(t), e); err != nil {
		t.Fatal(err)
	}
	if got := bed.Messages(t, bed.VerificationQueue); len(got) != 0 {
		t.Errorf("a new customer sends work: %v", got)
	}

	before := image(t, bed, "customer")
	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	started := events.DynamoDBEventRecord{EventName: "MODIFY", Change: events.DynamoDBStreamRecord{
		SequenceNumber: "2", OldImage: before, NewImage: image(t, bed, "customer"),
	}}
	strange := events.DynamoDBEventRecord{EventName: "MODIFY", Change: events.DynamoDBStreamRecord{
		SequenceNumber: "1", Keys: map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute("x")},
		NewImage: map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute("x")},
	}}
	// The record that can't be read is first: it must not hold up the other.
	if _, err := handle(testbed.Context(t), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{strange, started}}); err != nil {
		t.Fatal(err)
	}
	work := `{"v":1,"brand_id":"` + testbed.BrandID + `","customer_id":"` + testbed.CustomerID + `","program_id":"` + testbed.ProgramID + `","attempt_id":"` + testbed.AttemptID + `"}`
	if diff := cmp.Diff([]string{work}, bed.Messages(t, bed.VerificationQueue)); diff != "" {
		t.Errorf("verification queue (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{`{"keys":{"pk":{"S":"x"}},"sequence":"1"}`}, bed.Messages(t, bed.RelayDeadLetters)); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
	c, err := bed.Store(clock.Now).Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil || c.Relayed[testbed.ProgramID] != 1 {
		t.Errorf("relayed %v, err %v", c.Relayed, err)
	}
}

func TestAFailureOfOursFailsTheBatch(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	before := image(t, bed, "customer")
	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	t.Setenv("VERIFICATION_QUEUE_URL", bed.Endpoint+"/000000000000/no-such-queue")
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = handle(testbed.Context(t), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{{
		EventName: "MODIFY", Change: events.DynamoDBStreamRecord{OldImage: before, NewImage: image(t, bed, "customer")},
	}}})
	if err == nil {
		t.Error("the batch succeeded although its work could not be sent")
	}
}

// The record of events/ that tells of a pass keeps the event that events/notifier.json is to deliver.
func TestThePassOfTheExampleIsKept(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var e events.DynamoDBEvent
	testbed.Event(t, "relay-passed.json", &e)
	if _, err := handle(testbed.Context(t), e); err != nil {
		t.Fatal(err)
	}
	var deliveries events.SQSEvent
	testbed.Event(t, "notifier.json", &deliveries)
	ref, err := message.DecodeDelivery([]byte(deliveries.Records[0].Body))
	if err != nil {
		t.Fatal(err)
	}
	event, err := bed.Store(clock.Now).Event(t.Context(), ref.BrandID, ref.EventID)
	if err != nil || event.Name != kyc.EventSuccess || event.StateVersion != 2 {
		t.Errorf("the event is %+v, err %v", event, err)
	}
}
