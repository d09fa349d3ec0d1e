package main

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/notification"
	"kyc/shared/sqsbatch"
)

type handlerFunc = func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

type deliverer interface {
	Deliver(ctx context.Context, d kyc.Delivery) (notification.Outcome, kyc.Try, error)
}

type delayer interface {
	Delay(ctx context.Context, receipt string, d time.Duration) error
}

var errFailing = errors.New("the endpoint did not take the event")

// handler delivers each message once. One that fails is reported as failed, so that it comes back by the plan of waits
// and ends in the dead-letter queue; should the wait not be set, the queue's own visibility timeout stands in for it.
func handler(log *slog.Logger, notifier deliverer, queue delayer, plan []time.Duration) handlerFunc {
	return func(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
		return sqsbatch.Each(ctx, log, "deliver", e, func(ctx context.Context, m events.SQSMessage) ([]slog.Attr, error) {
			d, err := message.DecodeDelivery([]byte(m.Body))
			if err != nil {
				return nil, err
			}
			outcome, try, err := notifier.Deliver(ctx, d)
			attrs := []slog.Attr{
				slog.String("event_id", d.Event.ID), slog.String("event", string(d.Event.Name)), slog.String("subscription_id", d.SubscriptionID),
				slog.String("outcome", string(outcome)), slog.Int("code", try.Code), slog.String("class", try.Error),
			}
			if outcome != notification.Failing {
				return attrs, err
			}
			received, _ := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
			delayed := queue.Delay(ctx, m.ReceiptHandle, notification.RetryDelay(plan, received))
			if err == nil {
				err = errFailing
			}
			return attrs, errors.Join(err, delayed)
		}), nil
	}
}
