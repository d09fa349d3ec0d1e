package main

import (
	"context"
	"encoding/json"
	"log/slog"

	"kyc/shared/clock"
	"kyc/shared/telemetry"
)

// The schedule's event says nothing that matters.
type handlerFunc = func(context.Context, json.RawMessage) (any, error)

type sweeper interface {
	Sweep(ctx context.Context) (int, error)
}

func handler(log *slog.Logger, timers sweeper) handlerFunc {
	return func(ctx context.Context, _ json.RawMessage) (any, error) {
		start := clock.Now()
		due, err := timers.Sweep(ctx)
		telemetry.Done(ctx, log, "sweep", clock.Now().Sub(start), err, slog.Int("due", due))
		return map[string]int{"due": due}, err
	}
}
