package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/docvault"
	"kyc/shared/evidence"
	"kyc/shared/kyc"
	"kyc/shared/sqsbatch"
)

type handlerFunc = func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

type inspector interface {
	Inspect(ctx context.Context, e kyc.Exhibit, version string) (evidence.Outcome, kyc.Rejection, error)
}

type delayer interface {
	Delay(ctx context.Context, receipt string, d time.Duration) error
}

// notification is what S3 says of an object. A message of S3's own test of the queue has no records.
type notification struct {
	Event   string `json:"Event"`
	Records []struct {
		S3 struct {
			Bucket struct {
				Name string `json:"name"`
			} `json:"bucket"`
			Object struct {
				Key       string `json:"key"`
				VersionID string `json:"versionId"`
			} `json:"object"`
		} `json:"s3"`
	} `json:"Records"`
}

var errNoNotification = errors.New("a message that S3 has not sent about a file in the bucket for documents")

func handler(log *slog.Logger, i inspector, uploads delayer, bucket string) handlerFunc {
	return func(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
		return sqsbatch.Each(ctx, log, "inspect", e, func(ctx context.Context, m events.SQSMessage) ([]slog.Attr, error) {
			var n notification
			if json.Unmarshal([]byte(m.Body), &n) != nil || len(n.Records) == 0 && n.Event != "s3:TestEvent" {
				return nil, errNoNotification
			}
			var attrs []slog.Attr
			var failed []error
			for _, r := range n.Records {
				key, err := url.QueryUnescape(r.S3.Object.Key)
				exhibit, ours := docvault.ParseKey(key)
				if err != nil || !ours || r.S3.Bucket.Name != bucket || r.S3.Object.VersionID == "" {
					failed = append(failed, errNoNotification)
					continue
				}
				outcome, why, err := i.Inspect(ctx, exhibit, r.S3.Object.VersionID)
				if errors.Is(err, evidence.ErrNotScanned) {
					err = errors.Join(err, uploads.Delay(ctx, m.ReceiptHandle, patience(m)))
				}
				attrs = []slog.Attr{slog.String("attempt_id", exhibit.AttemptID), slog.String("document_id", exhibit.DocumentID),
					slog.String("outcome", string(outcome)), slog.String("reason", string(why))}
				failed = append(failed, err)
			}
			return attrs, errors.Join(failed...)
		}), nil
	}
}

// patience is how long a message waits for the scanner: a quarter of a minute at first, and each time twice as long. After
// the fifth time, almost eight minutes, it is put with the dead letters.
func patience(m events.SQSMessage) time.Duration {
	tries, _ := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
	return 15 * time.Second << min(max(tries-1, 0), 4)
}
