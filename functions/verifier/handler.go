package main

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/sqsbatch"
)

type handlerFunc = func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

type runner interface {
	Run(ctx context.Context, work kyc.Work) error
}

func handler(log *slog.Logger, worker runner) handlerFunc {
	return func(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
		return sqsbatch.Each(ctx, log, "verify", e, func(ctx context.Context, m events.SQSMessage) ([]slog.Attr, error) {
			work, err := message.DecodeWork([]byte(m.Body))
			if err != nil {
				return nil, err
			}
			attrs := []slog.Attr{slog.String("attempt_id", work.AttemptID), slog.String("customer_id", work.CustomerID)}
			return attrs, worker.Run(ctx, work)
		}), nil
	}
}
