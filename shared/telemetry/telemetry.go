// Package telemetry writes one line of JSON for each unit of work. A line holds ids, codes and times, never personal
// data: values of kyc.Secret print as a placeholder, and nothing else of a request is logged.
package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// New returns a logger for the named function that writes to w.
func New(w io.Writer, function, stage string) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, nil)).With("function", function, "stage", stage)
}

// RequestID returns Lambda's id of the running invocation, by which its lines are found.
func RequestID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return ""
}

// Done writes the line of one unit of work: what it was, how it ended, how long it took. err is for the log alone.
func Done(ctx context.Context, log *slog.Logger, work string, took time.Duration, err error, attrs ...slog.Attr) {
	attrs = append([]slog.Attr{slog.String("request_id", RequestID(ctx)), slog.Float64("ms", float64(took.Microseconds())/1000)}, attrs...)
	level := slog.LevelInfo
	if err != nil {
		level = slog.LevelError
		attrs = append(attrs, slog.String("err", err.Error()))
	}
	log.LogAttrs(ctx, level, work, attrs...)
}

// Recovered makes an error of a recovered panic: its type and where it came from. The panic's own value may hold
// anything, so it is left out.
func Recovered(panicked any) error {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)]) // past Callers, this function and its deferred caller
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") || !more {
			return fmt.Errorf("panic of type %T at %s:%d", panicked, frame.Function, frame.Line)
		}
	}
}
