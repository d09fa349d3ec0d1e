package sqsbatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/sqsbatch"
	"kyc/shared/telemetry"
)

var quiet = slog.New(slog.DiscardHandler)

// batch is one message for each id; its body is its id.
func batch(ids ...string) events.SQSEvent {
	var e events.SQSEvent
	for _, id := range ids {
		e.Records = append(e.Records, events.SQSMessage{MessageId: id, Body: id})
	}
	return e
}

func TestOnlyWhatFailedComesBack(t *testing.T) {
	for name, c := range map[string]struct {
		ids  []string
		want string
	}{
		"no message":        {nil, `{"batchItemFailures":[]}`},
		"all well":          {[]string{"ok-1", "ok-2"}, `{"batchItemFailures":[]}`},
		"one of three":      {[]string{"ok-1", "bad-2", "ok-3"}, `{"batchItemFailures":[{"itemIdentifier":"bad-2"}]}`},
		"all, in order":     {[]string{"bad-1", "bad-2"}, `{"batchItemFailures":[{"itemIdentifier":"bad-1"},{"itemIdentifier":"bad-2"}]}`},
		"a panic":           {[]string{"ok-1", "panic-2", "ok-3"}, `{"batchItemFailures":[{"itemIdentifier":"panic-2"}]}`},
		"panics and errors": {[]string{"panic-1", "bad-2", "ok-3", "panic-4"}, `{"batchItemFailures":[{"itemIdentifier":"panic-1"},{"itemIdentifier":"bad-2"},{"itemIdentifier":"panic-4"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(sqsbatch.Each(t.Context(), quiet, "work", batch(c.ids...), func(_ context.Context, m events.SQSMessage) ([]slog.Attr, error) {
				switch kind, _, _ := strings.Cut(m.Body, "-"); kind {
				case "bad":
					return nil, errors.New("bad")
				case "panic":
					panic("Zq-nobody-Zq")
				}
				return nil, nil
			}))
			if diff := cmp.Diff(c.want, string(got)); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// Each message waits until all ten are being handled: handled one by one, they would wait for ever.
func TestMessagesAreHandledSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := strings.Split("0123456789", "")
		arrived := make(chan struct{}, len(ids))
		all := make(chan struct{})
		go func() {
			for range ids {
				<-arrived
			}
			close(all)
		}()
		response := sqsbatch.Each(t.Context(), quiet, "work", batch(ids...), func(ctx context.Context, _ events.SQSMessage) ([]slog.Attr, error) {
			arrived <- struct{}{}
			<-all
			return nil, ctx.Err()
		})
		if len(response.BatchItemFailures) != 0 {
			t.Errorf("failed: %v", response.BatchItemFailures)
		}
	})
}

// A message that is not done half a second before the function's end fails by itself; the others are done.
func TestTimeIsKeptBackForTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		response := sqsbatch.Each(ctx, quiet, "work", batch("slow", "quick"), func(ctx context.Context, m events.SQSMessage) ([]slog.Attr, error) {
			if m.Body == "slow" {
				<-ctx.Done()
			}
			return nil, ctx.Err()
		})
		if took := time.Since(begin); took != 29500*time.Millisecond {
			t.Errorf("took %s of 30 s", took)
		}
		want := []events.SQSBatchItemFailure{{ItemIdentifier: "slow"}}
		if diff := cmp.Diff(want, response.BatchItemFailures); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestWithoutADeadlineNothingEnds(t *testing.T) {
	sqsbatch.Each(t.Context(), quiet, "work", batch("a"), func(ctx context.Context, _ events.SQSMessage) ([]slog.Attr, error) {
		if _, ok := ctx.Deadline(); ok || ctx.Err() != nil {
			t.Errorf("a deadline from nowhere: %v", ctx.Err())
		}
		return nil, nil
	})
}

func TestOneLineForEachMessage(t *testing.T) {
	for name, c := range map[string]struct {
		handle func(context.Context, events.SQSMessage) ([]slog.Attr, error)
		want   map[string]any
	}{
		"done": {func(context.Context, events.SQSMessage) ([]slog.Attr, error) {
			return []slog.Attr{slog.String("attempt_id", "a")}, nil
		},
			map[string]any{"level": "INFO", "attempt_id": "a"}},
		"failed": {func(context.Context, events.SQSMessage) ([]slog.Attr, error) {
			return []slog.Attr{slog.String("attempt_id", "a")}, errors.New("bad")
		},
			map[string]any{"level": "ERROR", "attempt_id": "a", "err": "bad"}},
		"panic": {func(context.Context, events.SQSMessage) ([]slog.Attr, error) { panic("Zq-nobody-Zq") },
			map[string]any{"level": "ERROR", "err": "panic of type string at kyc/shared/sqsbatch_test.TestOneLineForEachMessage.func3"}},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			e := batch("m-1")
			e.Records[0].Body = "Zq-nobody-Zq"
			sqsbatch.Each(t.Context(), telemetry.New(&log, "verifier", "test"), "verification", e, c.handle)
			if strings.Contains(log.String(), "nobody") || strings.Count(log.String(), "\n") != 1 {
				t.Errorf("logged %s", log.String())
			}
			var got map[string]any
			if err := json.Unmarshal(log.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			delete(got, "time")
			delete(got, "ms")
			if text, ok := got["err"].(string); ok {
				got["err"] = regexp.MustCompile(`:[0-9]+$`).ReplaceAllString(text, "")
			}
			for name, value := range map[string]any{"msg": "verification", "function": "verifier", "stage": "test", "request_id": "", "message_id": "m-1"} {
				c.want[name] = value
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
