// Package queue sends the product's messages over SQS.
package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"kyc/shared/kyc"
	"kyc/shared/message"
)

// Queue sends to one SQS queue. It is safe for concurrent use.
type Queue struct {
	client *sqs.Client
	url    string
}

// New returns the queue at url.
func New(cfg aws.Config, url string) *Queue {
	return &Queue{client: sqs.NewFromConfig(cfg), url: url}
}

// Verify sends a message of the verification queue.
func (q *Queue) Verify(ctx context.Context, w kyc.Work) error {
	body, err := message.EncodeWork(w)
	if err != nil {
		return err
	}
	return q.Send(ctx, body)
}

// Notify sends a message of the notification queue.
func (q *Queue) Notify(ctx context.Context, d kyc.DeliveryRef) error { return q.NotifyAfter(ctx, d, 0) }

// NotifyAfter sends a message of the notification queue that can be received after a wait, in whole seconds and at most
// kyc.MaxDelay. The messages of a subscription are a group: with groups, SQS lets a slow endpoint with a backlog come after
// all others (fair queues).
func (q *Queue) NotifyAfter(ctx context.Context, d kyc.DeliveryRef, wait time.Duration) error {
	body, err := message.EncodeDelivery(d)
	if err != nil {
		return err
	}
	return q.send(ctx, sqs.SendMessageInput{
		MessageBody: aws.String(string(body)), MessageGroupId: &d.SubscriptionID, DelaySeconds: int32((wait + time.Second - 1) / time.Second),
	})
}

// Send sends a message.
func (q *Queue) Send(ctx context.Context, body []byte) error {
	return q.send(ctx, sqs.SendMessageInput{MessageBody: aws.String(string(body))})
}

func (q *Queue) send(ctx context.Context, m sqs.SendMessageInput) error {
	m.QueueUrl = &q.url
	if _, err := q.client.SendMessage(ctx, &m); err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	return nil
}

// Delay hides a received message for d, whole seconds and at most 12 hours, before it can be received again.
func (q *Queue) Delay(ctx context.Context, receipt string, d time.Duration) error {
	_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &q.url, ReceiptHandle: &receipt, VisibilityTimeout: int32(d / time.Second),
	})
	if err != nil {
		return fmt.Errorf("change message visibility: %w", err)
	}
	return nil
}
