package dynamostore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// clockItem is the clock of a brand that has moved it. After a move it has an alarm of its own, until every alarm of
// the brand has been set off once more.
type clockItem struct {
	PK       string `dynamodbav:"pk"`
	SK       string `dynamodbav:"sk"`
	Ahead    int64  `dynamodbav:"ahead"` // of real time, seconds
	DueShard string `dynamodbav:"due_shard,omitempty"`
	DueAt    string `dynamodbav:"due_at,omitempty"`
}

// Ahead returns by how much a brand's clock is ahead of real time, as of the last move: zero where there was none.
func (s *Store) Ahead(ctx context.Context, brandID string) (time.Duration, error) {
	var item clockItem
	_, err := s.get(ctx, brandPK(brandID), skClock, &item)
	return time.Duration(item.Ahead) * time.Second, err
}

// MoveClock moves a brand's clock from one distance ahead of real time to a greater one, in whole seconds, and sets the
// clock's alarm. It reports false, and has written nothing, where the clock is elsewhere by now.
func (s *Store) MoveClock(ctx context.Context, brandID string, from, to time.Duration, alarm time.Time) (bool, error) {
	if to <= from {
		return false, errors.New("a clock moves forward only")
	}
	values := map[string]types.AttributeValue{
		":to": num(int(to / time.Second)), ":shard": str(dueClocks), ":alarm": str(kyc.FormatTime(alarm)),
	}
	unmoved := "attribute_not_exists(pk)"
	if from > 0 {
		unmoved = "ahead = :from"
		values[":from"] = num(int(from / time.Second))
	}
	// A token by chance and not by content: two equal moves at once are two. The SDK repeats a call whose answer was lost
	// with the same one.
	once := token("move-clock", brandID, rand.Text())
	reasons, err := s.transact(ctx, once, types.TransactWriteItem{Update: &types.Update{
		TableName: &s.table, Key: itemKey(brandPK(brandID), skClock),
		ConditionExpression:       aws.String(unmoved),
		UpdateExpression:          aws.String("SET ahead = :to, due_shard = :shard, due_at = :alarm"),
		ExpressionAttributeValues: values,
	}}, types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &s.table, Key: itemKey(brandPK(brandID), skBrand), ConditionExpression: aws.String("attribute_exists(pk)"),
	}})
	switch {
	case err != nil:
		return false, fmt.Errorf("move clock: %w", err)
	case reasons != nil && conditionFailed(reasons[1]):
		return false, errors.New("move clock: there is no such brand")
	}
	return reasons == nil, nil
}

// DueClocks lists up to limit clocks whose own alarm has gone off by the real time now.
func (s *Store) DueClocks(ctx context.Context, now time.Time, limit int) ([]kyc.MovedClock, error) {
	out, err := s.db.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.table, IndexName: aws.String(dueIndex), Limit: aws.Int32(int32(limit)),
		KeyConditionExpression: aws.String("due_shard = :shard AND due_at <= :now"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":shard": str(dueClocks), ":now": str(kyc.FormatTime(now)),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("query due clocks: %w", err)
	}
	var due []kyc.MovedClock
	for _, key := range out.Items {
		var item clockItem
		if err := decode(key, &item); err != nil {
			return nil, err
		}
		brandID, err := parseBrandPK(item.PK)
		if err != nil {
			return nil, err
		}
		ahead, err := s.Ahead(ctx, brandID)
		if err != nil {
			return nil, err
		}
		due = append(due, kyc.MovedClock{BrandID: brandID, Ahead: ahead})
	}
	return due, nil
}

// SettleClock switches off the alarm of a clock, unless that was moved again since it was seen.
func (s *Store) SettleClock(ctx context.Context, c kyc.MovedClock) error {
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: itemKey(brandPK(c.BrandID), skClock),
		ConditionExpression:       aws.String("ahead = :ahead"),
		UpdateExpression:          aws.String("REMOVE due_shard, due_at"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":ahead": num(int(c.Ahead / time.Second))},
	})
	if _, moved := errors.AsType[*types.ConditionalCheckFailedException](err); moved {
		return nil
	}
	if err != nil {
		return fmt.Errorf("settle clock: %w", err)
	}
	return nil
}

// BrandAlarms lists a brand's customers with an alarm later than the real time after. The index knows brands by their
// customers' keys alone, so this reads the alarms of all brands: half a read unit for about 20 of them.
func (s *Store) BrandAlarms(ctx context.Context, brandID string, after time.Time) iter.Seq2[kyc.CustomerRef, error] {
	return func(yield func(kyc.CustomerRef, error) bool) {
		for n := range dueShards {
			pages := dynamodb.NewQueryPaginator(s.db, &dynamodb.QueryInput{
				TableName: &s.table, IndexName: aws.String(dueIndex),
				KeyConditionExpression: aws.String("due_shard = :shard AND due_at > :after"),
				ExpressionAttributeValues: map[string]types.AttributeValue{
					":shard": str(dueShardName(n)), ":after": str(kyc.FormatTime(after)),
				},
			})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					yield(kyc.CustomerRef{}, fmt.Errorf("query alarms: %w", err))
					return
				}
				for _, item := range page.Items {
					ref, err := customerOf(item)
					if err != nil || ref.BrandID != brandID {
						continue // what is no customer is reported by Due
					}
					if !yield(ref, nil) {
						return
					}
				}
			}
		}
	}
}

// Ring brings the alarm of a customer forward to the real time now. One that has gone off already, or is switched off,
// stays as it is.
func (s *Store) Ring(ctx context.Context, ref kyc.CustomerRef, now time.Time) error {
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: itemKey(customerPK(ref.BrandID, ref.CustomerID), skCustomer),
		ConditionExpression:       aws.String("due_at > :now"),
		UpdateExpression:          aws.String("SET due_at = :now, rev = rev + :one"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":now": str(kyc.FormatTime(now)), ":one": num(1)},
	})
	if _, rung := errors.AsType[*types.ConditionalCheckFailedException](err); rung {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ring: %w", err)
	}
	return nil
}
