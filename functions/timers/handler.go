package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"kyc/shared/clock"
	"kyc/shared/telemetry"
)

// The schedule's event says nothing that matters.
type handlerFunc = func(context.Context, json.RawMessage) (any, error)

type sweeper interface {
	Sweep(ctx context.Context) (int, error)
}

// handler sweeps webhooks first: that is bounded, whatever waits there.
func handler(log *slog.Logger, customers, webhooks sweeper) handlerFunc {
	return func(ctx context.Context, _ json.RawMessage) (any, error) {
		start := clock.Now()
		rung, err1 := webhooks.Sweep(ctx)
		seen, err2 := customers.Sweep(ctx)
		err := errors.Join(err1, err2)
		telemetry.Done(ctx, log, "sweep", clock.Now().Sub(start), err, slog.Int("customers", seen), slog.Int("webhooks", rung))
		return map[string]int{"customers": seen, "webhooks": rung}, err
	}
}
