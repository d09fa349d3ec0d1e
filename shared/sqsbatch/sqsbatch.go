// Package sqsbatch handles the messages of an SQS batch side by side and reports each failure by itself, so that one
// bad message holds up no other.
package sqsbatch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/clock"
	"kyc/shared/telemetry"
)

// reserve is kept back from the function's time: a message that is not done by then counts as failed and comes back,
// where a function that runs out of time would bring back the whole batch.
const reserve = 500 * time.Millisecond

// Each calls handle for every message at once. A message whose handle returns an error or panics is reported as failed
// and comes back after the queue's visibility timeout, or goes to its dead-letter queue. handle must be safe for
// concurrent use and end with its context; it returns the attributes of the message's log line.
func Each(ctx context.Context, log *slog.Logger, work string, e events.SQSEvent,
	handle func(context.Context, events.SQSMessage) ([]slog.Attr, error)) events.SQSEventResponse {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
	}
	failed := make([]bool, len(e.Records))
	var all sync.WaitGroup
	for n, m := range e.Records {
		all.Go(func() {
			start := clock.Now()
			attrs, err := recovered(ctx, m, handle)
			failed[n] = err != nil
			telemetry.Done(ctx, log, work, clock.Now().Sub(start), err, append(attrs, slog.String("message_id", m.MessageId))...)
		})
	}
	all.Wait()
	// Never null: a null list means to some readers that the answer is malformed, and the whole batch comes back.
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for n, m := range e.Records {
		if failed[n] {
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return response
}

func recovered(ctx context.Context, m events.SQSMessage, handle func(context.Context, events.SQSMessage) ([]slog.Attr, error)) (attrs []slog.Attr, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = telemetry.Recovered(r)
		}
	}()
	return handle(ctx, m)
}
