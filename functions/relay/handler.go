package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/kyc"
	"kyc/shared/streamimage"
	"kyc/shared/telemetry"
)

type handlerFunc = func(context.Context, events.DynamoDBEvent) (any, error)

type relayer interface {
	Changed(ctx context.Context, before, after kyc.Customer) error
}

type deadLetters interface {
	Send(ctx context.Context, body []byte) error
}

// handler relays the records of a batch in order. A record that can't be read is set aside by its keys, and the batch
// goes on: waiting would not make it readable. Any other failure fails the batch, which comes back from its beginning.
func handler(log *slog.Logger, relay relayer, unreadable deadLetters) handlerFunc {
	return func(ctx context.Context, e events.DynamoDBEvent) (any, error) {
		for _, record := range e.Records {
			start := clock.Now()
			err := relayRecord(ctx, log, relay, unreadable, record)
			telemetry.Done(ctx, log, "relay", clock.Now().Sub(start), err, slog.String("event", record.EventName),
				slog.String("sequence", record.Change.SequenceNumber))
			if err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
}

func relayRecord(ctx context.Context, log *slog.Logger, relay relayer, unreadable deadLetters, record events.DynamoDBEventRecord) error {
	before, err := customer(record.Change.OldImage)
	var after kyc.Customer
	if err == nil {
		after, err = customer(record.Change.NewImage)
	}
	if err != nil {
		log.ErrorContext(ctx, "record set aside", "err", err, "sequence", record.Change.SequenceNumber)
		body, err := json.Marshal(map[string]any{"keys": record.Change.Keys, "sequence": record.Change.SequenceNumber})
		if err != nil {
			return fmt.Errorf("describe record: %w", err)
		}
		return unreadable.Send(ctx, body)
	}
	return relay.Changed(ctx, before, after)
}

func customer(image map[string]events.DynamoDBAttributeValue) (kyc.Customer, error) {
	item, err := streamimage.Item(image)
	if err != nil || item == nil {
		return kyc.Customer{}, err
	}
	return dynamostore.ParseCustomer(item)
}
