package dynamostore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

type lineItem struct {
	PK           string      `dynamodbav:"pk"`
	SK           string      `dynamodbav:"sk"`
	Failures     int         `dynamodbav:"failures,omitempty"`
	FailingSince string      `dynamodbav:"failing_since,omitempty"`
	FailedAt     string      `dynamodbav:"failed_at,omitempty"`
	OpenUntil    string      `dynamodbav:"open_until,omitempty"`
	Opened       int         `dynamodbav:"opened,omitempty"`
	ProbeUntil   string      `dynamodbav:"probe_until,omitempty"`
	DrainSince   string      `dynamodbav:"drain_since,omitempty"`
	Announce     string      `dynamodbav:"announce,omitempty"`
	Replay       *replayItem `dynamodbav:"replay,omitempty"`
	DueShard     string      `dynamodbav:"due_shard,omitempty"`
	DueAt        string      `dynamodbav:"due_at,omitempty"`
	Rev          int         `dynamodbav:"rev"`
	ExpiresAt    int64       `dynamodbav:"expires_at"` // of real time: long after the last trouble
}

type replayItem struct {
	From        string `dynamodbav:"from"`
	Until       string `dynamodbav:"until"`
	All         bool   `dynamodbav:"all,omitempty"`
	RequestedAt string `dynamodbav:"at"`
	DoneAt      string `dynamodbav:"done_at,omitempty"`
	DoneID      string `dynamodbav:"done_id,omitempty"`
}

func (s *Store) fromLine(sub kyc.SubscriptionRef, l kyc.Line) lineItem {
	i := lineItem{
		PK: subscriptionPK(sub.BrandID, sub.SubscriptionID), SK: skLine, Failures: l.Failures, FailingSince: formatTime(l.FailingSince),
		FailedAt: formatTime(l.FailedAt), OpenUntil: formatTime(l.OpenUntil), Opened: l.Opened, ProbeUntil: formatTime(l.ProbeUntil),
		DrainSince: formatTime(l.DrainSince), Announce: l.Announce, Rev: l.Rev,
		ExpiresAt: s.now().Add(keepEvents).Unix(),
	}
	if r := l.Replay; r != nil {
		i.Replay = &replayItem{
			From: kyc.FormatTime(r.From), Until: kyc.FormatTime(r.Until), All: r.All, RequestedAt: kyc.FormatTime(r.RequestedAt),
			DoneAt: formatTime(r.Done.OccurredAt), DoneID: r.Done.EventID,
		}
	}
	if !l.DueAt.IsZero() {
		i.DueShard, i.DueAt = webhooksShard(shard(sub.SubscriptionID, webhookShards)), kyc.FormatTime(l.DueAt)
	}
	return i
}

func parseLine(m map[string]types.AttributeValue) (kyc.Line, error) {
	var i lineItem
	if err := decode(m, &i); err != nil {
		return kyc.Line{}, err
	}
	var times timeReader
	l := kyc.Line{
		Failures: i.Failures, FailingSince: times.read(i.FailingSince), FailedAt: times.read(i.FailedAt), OpenUntil: times.read(i.OpenUntil),
		Opened: i.Opened, ProbeUntil: times.read(i.ProbeUntil), DrainSince: times.read(i.DrainSince), Announce: i.Announce,
		DueAt: times.read(i.DueAt), Rev: i.Rev,
	}
	if r := i.Replay; r != nil {
		l.Replay = &kyc.Replay{
			From: times.read(r.From), Until: times.read(r.Until), All: r.All, RequestedAt: times.read(r.RequestedAt),
			Done: kyc.EventAt{OccurredAt: times.read(r.DoneAt), EventID: r.DoneID},
		}
	}
	return l, times.err
}

// Line reads, at once and consistently, a subscription and the line to its endpoint. A subscription that was deleted is nil.
func (s *Store) Line(ctx context.Context, ref kyc.SubscriptionRef) (*kyc.Subscription, kyc.Line, error) {
	pk := subscriptionPK(ref.BrandID, ref.SubscriptionID)
	items, err := s.batchGet(ctx, []map[string]types.AttributeValue{itemKey(pk, skSubscription), itemKey(pk, skLine)})
	if err != nil {
		return nil, kyc.Line{}, err
	}
	var sub *kyc.Subscription
	var line kyc.Line
	for _, item := range items {
		if isItem(item, skLine) {
			line, err = parseLine(item)
		} else {
			var found kyc.Subscription
			found, err = parseSubscription(item)
			sub = &found
		}
		if err != nil {
			return nil, kyc.Line{}, err
		}
	}
	return sub, line, nil
}

// AdvanceLine stores a line that was made from the one of revision Rev, none where that is 0. It reports false, and has
// written nothing, where someone has written since.
func (s *Store) AdvanceLine(ctx context.Context, ref kyc.SubscriptionRef, l kyc.Line) (bool, error) {
	put, err := s.putLine(ref, l)
	if err != nil {
		return false, err
	}
	_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: put.TableName, Item: put.Item, ConditionExpression: put.ConditionExpression, ExpressionAttributeValues: put.ExpressionAttributeValues,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if failed, refused := errors.AsType[*types.ConditionalCheckFailedException](err); refused {
		return reflect.DeepEqual(failed.Item, put.Item), nil // equal where the SDK repeated a call whose answer was lost
	}
	if err != nil {
		return false, fmt.Errorf("advance line: %w", err)
	}
	return true, nil
}

func (s *Store) putLine(ref kyc.SubscriptionRef, l kyc.Line) (*types.Put, error) {
	put := &types.Put{TableName: &s.table, ConditionExpression: aws.String("attribute_not_exists(pk)")}
	if l.Rev > 0 {
		put.ConditionExpression = aws.String("rev = :rev")
		put.ExpressionAttributeValues = map[string]types.AttributeValue{":rev": num(l.Rev)}
	}
	l.Rev++
	var err error
	put.Item, err = encode(s.fromLine(ref, l))
	return put, err
}

// SetStatus stores a subscription whose status was changed, by the rules of UpdateSubscription, and with it the line and,
// where there is one, the event that tells of it.
func (s *Store) SetStatus(ctx context.Context, sub kyc.Subscription, l kyc.Line, tell *kyc.Event) (bool, error) {
	items, err1 := s.updateSubscription(sub)
	put, err2 := s.putLine(kyc.SubscriptionRef{BrandID: sub.BrandID, SubscriptionID: sub.ID}, l)
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	items = append(items, types.TransactWriteItem{Put: put})
	if tell != nil {
		event, err := fromEvent(*tell)
		if err != nil {
			return false, err
		}
		item, err := s.newItem(event)
		if err != nil {
			return false, err
		}
		items = append(items, item)
	}
	reasons, err := s.transact(ctx, token("set-status", sub.ID, rand.Text()), items...)
	if err != nil {
		return false, fmt.Errorf("set status of subscription: %w", err)
	}
	return reasons == nil, nil
}
