package main

import (
	"context"
	"os"
	"strings"
	"time"
)

// parentPoll is how long an orphan may live.
const parentPoll = 500 * time.Millisecond

// withParent returns a context that also ends when `go run` does. A signal that is sent to `go run` alone, as a
// supervisor or a script does, ends it and not its child, which would keep the port. A program that was built and
// started by itself may outlive its parent.
func withParent(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	executable, err := os.Executable()
	if err != nil || !strings.Contains(executable, "go-build") {
		return ctx, cancel
	}
	parent := os.Getppid()
	go func() {
		defer cancel()
		tick := time.NewTicker(parentPoll)
		defer tick.Stop()
		for os.Getppid() == parent {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, cancel
}
