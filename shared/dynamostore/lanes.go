package dynamostore

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// turnItem is an event that waits for its turn.
type turnItem struct {
	PK        string `dynamodbav:"pk"`
	SK        string `dynamodbav:"sk"`
	EventID   string `dynamodbav:"event_id"`
	ExpiresAt int64  `dynamodbav:"expires_at"`
}

// Queue lets an event wait for its turn in a lane. Doing it again does nothing.
func (s *Store) Queue(ctx context.Context, lane kyc.Lane, e kyc.Event) error {
	_, err := s.create(ctx, turnItem{
		PK: lanePK(lane), SK: turnSK(lane.ProgramID, e.ID), EventID: e.ID, ExpiresAt: e.OccurredAt.Add(keepEvents).Unix(),
	})
	if err != nil {
		return fmt.Errorf("queue event %s: %w", e.ID, err)
	}
	return nil
}

// Head returns the event that is first in a lane, empty where there is none.
func (s *Store) Head(ctx context.Context, lane kyc.Lane) (string, error) {
	out, err := s.db.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true), Limit: aws.Int32(1),
		KeyConditionExpression: aws.String("pk = :pk AND begins_with(sk, :program)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":pk": str(lanePK(lane)), ":program": str(turnPrefix(lane.ProgramID)),
		},
	})
	if err != nil {
		return "", fmt.Errorf("query lane: %w", err)
	}
	var head turnItem
	if len(out.Items) > 0 {
		err = decode(out.Items[0], &head)
	}
	return head.EventID, err
}

// Leave takes an event from its lane, where it is in there.
func (s *Store) Leave(ctx context.Context, lane kyc.Lane, eventID string) error {
	_, err := s.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.table, Key: itemKey(lanePK(lane), turnSK(lane.ProgramID, eventID))})
	if err != nil {
		return fmt.Errorf("leave lane: %w", err)
	}
	return nil
}
