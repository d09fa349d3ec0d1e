package main

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/notification"
	"kyc/shared/sqsbatch"
)

type handlerFunc = func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

type deliverer interface {
	Deliver(ctx context.Context, ref kyc.DeliveryRef, again bool) (notification.Report, error)
}

// handler delivers each message once. That an endpoint did not take its event is no failure of the message: when it is
// tried again is in the table. What ends in the dead-letter queue is what could not be handled, five times.
func handler(log *slog.Logger, notifier deliverer) handlerFunc {
	return func(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
		return sqsbatch.Each(ctx, log, "deliver", e, func(ctx context.Context, m events.SQSMessage) ([]slog.Attr, error) {
			ref, err := message.DecodeDelivery([]byte(m.Body))
			if err != nil {
				return nil, err
			}
			r, err := notifier.Deliver(ctx, ref, m.Attributes["ApproximateReceiveCount"] != "1")
			attrs := []slog.Attr{
				slog.String("event_id", ref.EventID), slog.String("event", string(r.Event)), slog.String("subscription_id", ref.SubscriptionID),
				slog.String("outcome", string(r.Outcome)), slog.Int("code", r.Try.Code), slog.String("class", r.Try.Error),
			}
			if r.Disabled != "" {
				attrs = append(attrs, slog.String("disabled", r.Disabled)) // what template.yaml counts
			}
			return attrs, err
		}), nil
	}
}
