package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/telemetry"
)

// now is what differs from line to line.
var now = regexp.MustCompile(`^\{"time":"[0-9T:.+Z-]+",`)

func TestLines(t *testing.T) {
	invoked := func(ctx context.Context) context.Context {
		return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	}
	for name, c := range map[string]struct {
		in    func(context.Context) context.Context
		took  time.Duration
		err   error
		attrs []slog.Attr
		want  string
	}{
		"done": {invoked, 1234567 * time.Nanosecond, nil, []slog.Attr{slog.String("attempt_id", "a"), slog.Int("status", 201)},
			`{"level":"INFO","msg":"work","function":"verifier","stage":"test","request_id":"request-1","ms":1.234,"attempt_id":"a","status":201}`},
		"failed": {invoked, time.Second, errors.New("the table\n\"is\" gone"), nil,
			`{"level":"ERROR","msg":"work","function":"verifier","stage":"test","request_id":"request-1","ms":1000,"err":"the table\n\"is\" gone"}`},
		"outside of Lambda": {func(ctx context.Context) context.Context { return ctx }, 0, nil, nil,
			`{"level":"INFO","msg":"work","function":"verifier","stage":"test","request_id":"","ms":0}`},
		"personal data": {invoked, 0, nil, []slog.Attr{slog.Any("profile", kyc.Profile{kyc.SSN: kyc.NewSecret("Zq-nobody-Zq")}), slog.Any("ssn", kyc.NewSecret("Zq-nobody-Zq"))},
			`{"level":"INFO","msg":"work","function":"verifier","stage":"test","request_id":"request-1","ms":0,"profile":{"ssn":"[redacted]"},"ssn":"[redacted]"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			telemetry.Done(c.in(t.Context()), telemetry.New(&out, "verifier", "test"), "work", c.took, c.err, c.attrs...)
			if !now.Match(out.Bytes()) {
				t.Errorf("the line has no time: %s", out.String())
			}
			if diff := cmp.Diff(c.want+"\n", now.ReplaceAllString(out.String(), "{")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestID(t *testing.T) {
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	if got := telemetry.RequestID(ctx) + telemetry.RequestID(t.Context()); got != "request-1" {
		t.Errorf("got %q", got)
	}
}

func TestRecoveredTellsTheTypeAndThePlace(t *testing.T) {
	err := func() (err error) {
		defer func() { err = telemetry.Recovered(recover()) }()
		panic("Zq-nobody-Zq")
	}()
	if text := err.Error(); !strings.Contains(text, "panic of type string at kyc/shared/telemetry_test.TestRecovered") || strings.Contains(text, "nobody") {
		t.Error(text)
	}
}
