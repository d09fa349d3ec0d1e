package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

type deliveryItem struct {
	PK         string    `dynamodbav:"pk"`
	SK         string    `dynamodbav:"sk"`
	Event      string    `dynamodbav:"event"`
	CustomerID string    `dynamodbav:"customer_id,omitempty"`
	OccurredAt string    `dynamodbav:"occurred_at"`
	Status     string    `dynamodbav:"st"`
	Failures   int       `dynamodbav:"failures,omitempty"`
	Tries      []tryItem `dynamodbav:"tries"`
	NextAt     string    `dynamodbav:"next_at,omitempty"`
	Demanded   bool      `dynamodbav:"demanded,omitempty"`
	ResentAt   string    `dynamodbav:"resent_at,omitempty"`
	Rev        int       `dynamodbav:"rev"`
	List       string    `dynamodbav:"list"`
	ListedAt   string    `dynamodbav:"listed_at"`
	DueShard   string    `dynamodbav:"due_shard,omitempty"`
	DueAt      string    `dynamodbav:"due_at,omitempty"`
	ExpiresAt  int64     `dynamodbav:"expires_at"`
}

type tryItem struct {
	At         string `dynamodbav:"at"`
	Ms         int64  `dynamodbav:"ms"`
	Code       int    `dynamodbav:"code,omitempty"`
	Error      string `dynamodbav:"why,omitempty"`
	RetryAfter int64  `dynamodbav:"retry_after,omitempty"` // seconds
	DataKey    []byte `dynamodbav:"dk,omitempty"`
	Answer     []byte `dynamodbav:"answer,omitempty"`
	Apart      bool   `dynamodbav:"apart,omitempty"`
}

// answerItem is a long answer of an endpoint, beside the delivery that it was given to.
type answerItem struct {
	PK        string `dynamodbav:"pk"`
	SK        string `dynamodbav:"sk"`
	DataKey   []byte `dynamodbav:"dk"`
	Answer    []byte `dynamodbav:"answer"`
	ExpiresAt int64  `dynamodbav:"expires_at"`
}

func fromDelivery(d kyc.Delivery) deliveryItem {
	i := deliveryItem{
		PK: deliveryPK(d.BrandID, d.SubscriptionID, d.EventID), SK: skDelivery, Event: string(d.Event), CustomerID: d.CustomerID,
		OccurredAt: kyc.FormatTime(d.OccurredAt), Status: string(d.Status), Failures: d.Failures, Tries: []tryItem{},
		NextAt: formatTime(d.NextAt), Demanded: d.Demanded, ResentAt: formatTime(d.ResentAt), Rev: d.Rev,
		List: deliveriesOf(d.SubscriptionID)(d.OccurredAt, shard(d.EventID, listShards)), ListedAt: eventAt(d.OccurredAt, d.EventID),
		ExpiresAt: d.OccurredAt.Add(keepEvents).Unix(),
	}
	for _, t := range d.Tries {
		i.Tries = append(i.Tries, tryItem{
			At: kyc.FormatTime(t.At), Ms: t.Duration.Milliseconds(), Code: t.Code, Error: t.Error, RetryAfter: int64(t.RetryAfter / time.Second),
			DataKey: t.Kept.Key, Answer: t.Kept.Fields[kyc.AnswerField], Apart: t.Apart,
		})
	}
	switch {
	case d.Status == kyc.Held:
		i.DueShard, i.DueAt = heldShard(d.SubscriptionID), i.ListedAt
	case !d.DueAt.IsZero():
		i.DueShard, i.DueAt = webhooksShard(shard(d.EventID, webhookShards)), kyc.FormatTime(d.DueAt)
	}
	return i
}

func parseDelivery(m map[string]types.AttributeValue) (kyc.Delivery, error) {
	var i deliveryItem
	if err := decode(m, &i); err != nil {
		return kyc.Delivery{}, err
	}
	ref, err := parseDeliveryPK(i.PK)
	if err != nil {
		return kyc.Delivery{}, err
	}
	var times timeReader
	d := kyc.Delivery{
		DeliveryRef: ref, Event: kyc.EventName(i.Event), CustomerID: i.CustomerID, OccurredAt: times.read(i.OccurredAt),
		Status: kyc.DeliveryStatus(i.Status), Failures: i.Failures, NextAt: times.read(i.NextAt), Demanded: i.Demanded,
		ResentAt: times.read(i.ResentAt), Rev: i.Rev,
	}
	if d.Status != kyc.Held {
		d.DueAt = times.read(i.DueAt)
	}
	for _, t := range i.Tries {
		try := kyc.Try{
			At: times.read(t.At), Duration: time.Duration(t.Ms) * time.Millisecond, Code: t.Code, Error: t.Error,
			RetryAfter: time.Duration(t.RetryAfter) * time.Second, Apart: t.Apart,
		}
		if t.Answer != nil {
			try.Kept = kyc.Sealed{Key: t.DataKey, Fields: map[kyc.Field][]byte{kyc.AnswerField: t.Answer}}
		}
		d.Tries = append(d.Tries, try)
	}
	return d, times.err
}

// Shipment reads, at once and consistently, all that there is to know for one post. A delivery that is not stored yet is
// made of its event.
func (s *Store) Shipment(ctx context.Context, ref kyc.DeliveryRef) (kyc.Shipment, error) {
	subscription := subscriptionPK(ref.BrandID, ref.SubscriptionID)
	items, err := s.batchGet(ctx, []map[string]types.AttributeValue{
		itemKey(subscription, skSubscription), itemKey(subscription, skLine),
		itemKey(eventPK(ref.BrandID, ref.EventID), skEvent), itemKey(deliveryPK(ref.BrandID, ref.SubscriptionID, ref.EventID), skDelivery),
	})
	if err != nil {
		return kyc.Shipment{}, err
	}
	var all kyc.Shipment
	for _, item := range items {
		switch {
		case isItem(item, skSubscription):
			sub, failed := parseSubscription(item)
			all.Subscription, err = &sub, failed
		case isItem(item, skLine):
			all.Line, err = parseLine(item)
		case isItem(item, skEvent):
			event, failed := parseEvent(item)
			all.Event, err = &event, failed
		default:
			all.Delivery, err = parseDelivery(item)
		}
		if err != nil {
			return kyc.Shipment{}, err
		}
	}
	if all.Event != nil && all.Delivery.Rev == 0 {
		all.Delivery = kyc.NewDelivery(ref.SubscriptionID, *all.Event)
	}
	return all, nil
}

// AdvanceDelivery stores a delivery that was made from the one of revision Rev, none where that is 0. It returns what
// stood in the way, and then has written nothing.
func (s *Store) AdvanceDelivery(ctx context.Context, d kyc.Delivery) (*kyc.Delivery, error) {
	put := &dynamodb.PutItemInput{
		TableName: &s.table, ConditionExpression: aws.String("attribute_not_exists(pk)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if d.Rev > 0 {
		put.ConditionExpression = aws.String("rev = :rev")
		put.ExpressionAttributeValues = map[string]types.AttributeValue{":rev": num(d.Rev)}
	}
	d.Rev++
	var err error
	if put.Item, err = encode(fromDelivery(d)); err != nil {
		return nil, err
	}
	_, err = s.db.PutItem(ctx, put)
	failed, refused := errors.AsType[*types.ConditionalCheckFailedException](err)
	switch {
	case refused && reflect.DeepEqual(failed.Item, put.Item):
		return nil, nil // the SDK repeated a call whose answer was lost
	case refused && failed.Item == nil:
		return nil, fmt.Errorf("advance delivery: it is no longer kept")
	case refused:
		stood, err := parseDelivery(failed.Item)
		return &stood, err
	case err != nil:
		return nil, fmt.Errorf("advance delivery: %w", err)
	}
	return nil, nil
}

// KeepAnswer stores the long answer to the try of a delivery that was made at the given time.
func (s *Store) KeepAnswer(ctx context.Context, d kyc.Delivery, at time.Time, answer kyc.Sealed) error {
	_, err := s.create(ctx, answerItem{
		PK: deliveryPK(d.BrandID, d.SubscriptionID, d.EventID), SK: answerSK(at), DataKey: answer.Key,
		Answer: answer.Fields[kyc.AnswerField], ExpiresAt: d.OccurredAt.Add(keepEvents).Unix(),
	})
	if err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	return nil
}

// Delivery returns a delivery with all that is kept of its answers, or a kyc.NotFound error.
func (s *Store) Delivery(ctx context.Context, ref kyc.DeliveryRef) (kyc.Delivery, error) {
	pages := dynamodb.NewQueryPaginator(s.db, &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": str(deliveryPK(ref.BrandID, ref.SubscriptionID, ref.EventID))},
	})
	var d kyc.Delivery
	apart := map[string]kyc.Sealed{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return kyc.Delivery{}, fmt.Errorf("query delivery: %w", err)
		}
		for _, item := range page.Items {
			if isItem(item, skDelivery) {
				if d, err = parseDelivery(item); err != nil {
					return kyc.Delivery{}, err
				}
				continue
			}
			var a answerItem
			if err := decode(item, &a); err != nil {
				return kyc.Delivery{}, err
			}
			apart[a.SK] = kyc.Sealed{Key: a.DataKey, Fields: map[kyc.Field][]byte{kyc.AnswerField: a.Answer}}
		}
	}
	if d.Rev == 0 {
		return kyc.Delivery{}, kyc.ErrDeliveryUnknown()
	}
	for n, t := range d.Tries {
		if t.Apart {
			d.Tries[n].Kept = apart[answerSK(t.At)]
		}
	}
	return d, nil
}

// DeliveriesBefore lists up to limit deliveries of a subscription, the newest event first: those before a place and not
// before a time, without long answers. It returns where to go on, the zero place at the end. The index follows the table
// within moments.
func (s *Store) DeliveriesBefore(ctx context.Context, sub kyc.SubscriptionRef, before kyc.EventAt, since time.Time, limit int) ([]kyc.Delivery, kyc.EventAt, error) {
	parse := func(m map[string]types.AttributeValue) (kyc.Delivery, error) {
		d, err := parseDelivery(m)
		if err == nil && d.BrandID != sub.BrandID {
			err = errors.New("a subscription's list has another brand's delivery")
		}
		return d, err
	}
	return inMonths(ctx, s, monthly{deliveriesOf(sub.SubscriptionID), before, since, limit, false}, parse)
}

// HeldDeliveries lists up to limit deliveries that are held for a subscription, the oldest event first. The index follows
// the table within moments, so that one that was released just now may be among them.
func (s *Store) HeldDeliveries(ctx context.Context, sub kyc.SubscriptionRef, limit int) ([]kyc.DeliveryRef, error) {
	out, err := s.db.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.table, IndexName: aws.String(dueIndex), Limit: aws.Int32(int32(limit)),
		KeyConditionExpression:    aws.String("due_shard = :shard"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":shard": str(heldShard(sub.SubscriptionID))},
	})
	if err != nil {
		return nil, fmt.Errorf("query held: %w", err)
	}
	var held []kyc.DeliveryRef
	for _, item := range out.Items {
		e, err := parseEntry(item)
		if err != nil {
			return nil, err
		}
		ref, err := parseDeliveryPK(e.pk)
		if err != nil {
			return nil, err
		}
		held = append(held, ref)
	}
	return held, nil
}

// ReleaseDelivery makes a held delivery pending, with an alarm at the given time. It reports false where it is held no
// longer.
func (s *Store) ReleaseDelivery(ctx context.Context, ref kyc.DeliveryRef, alarm time.Time) (bool, error) {
	return s.ring(ctx, ref, alarm, "#st = :held", map[string]types.AttributeValue{
		":held": str(string(kyc.Held)), ":pending": str(string(kyc.Pending)),
	}, ", #st = :pending")
}

// RingDelivery moves an alarm that has gone off by the time now to a later time. It reports false where it has been moved
// already, or the delivery has none any more.
func (s *Store) RingDelivery(ctx context.Context, ref kyc.DeliveryRef, now, alarm time.Time) (bool, error) {
	return s.ring(ctx, ref, alarm, "#st IN (:pending, :failing) AND due_at <= :now", map[string]types.AttributeValue{
		":pending": str(string(kyc.Pending)), ":failing": str(string(kyc.Failing)), ":now": str(kyc.FormatTime(now)),
	}, "")
}

func (s *Store) ring(ctx context.Context, ref kyc.DeliveryRef, alarm time.Time, condition string, values map[string]types.AttributeValue, sets string) (bool, error) {
	values[":shard"], values[":alarm"], values[":one"] = str(webhooksShard(shard(ref.EventID, webhookShards))), str(kyc.FormatTime(alarm)), num(1)
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: itemKey(deliveryPK(ref.BrandID, ref.SubscriptionID, ref.EventID), skDelivery),
		ConditionExpression:      &condition,
		UpdateExpression:         aws.String("SET due_shard = :shard, due_at = :alarm, rev = rev + :one" + sets),
		ExpressionAttributeNames: map[string]string{"#st": "st"}, ExpressionAttributeValues: values,
	})
	if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); refused {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("move alarm of delivery: %w", err)
	}
	return true, nil
}

// DueWebhooks lists the deliveries and the lines whose alarm has gone off by the time now, at most limit per shard of the
// index, the longest waiting first. An entry that is neither is reported beside them, and holds up none.
func (s *Store) DueWebhooks(ctx context.Context, now time.Time, limit int) ([]kyc.DeliveryRef, []kyc.SubscriptionRef, error) {
	var due []map[string]types.AttributeValue
	for n := range webhookShards {
		out, err := s.db.Query(ctx, &dynamodb.QueryInput{
			TableName: &s.table, IndexName: aws.String(dueIndex), Limit: aws.Int32(int32(limit)),
			KeyConditionExpression: aws.String("due_shard = :shard AND due_at <= :now"),
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":shard": str(webhooksShard(n)), ":now": str(kyc.FormatTime(now)),
			},
		})
		if err != nil {
			return nil, nil, fmt.Errorf("query due: %w", err)
		}
		due = append(due, out.Items...)
	}
	slices.SortStableFunc(due, func(a, b map[string]types.AttributeValue) int {
		return strings.Compare(text(a["due_at"]), text(b["due_at"]))
	})
	var deliveries []kyc.DeliveryRef
	var lines []kyc.SubscriptionRef
	var failed []error
	for _, item := range due {
		e, err := parseEntry(item)
		if err == nil && isItem(item, skLine) {
			var line kyc.SubscriptionRef
			if line, err = parseSubscriptionPK(e.pk); err == nil {
				lines = append(lines, line)
			}
		} else if err == nil {
			var delivery kyc.DeliveryRef
			if delivery, err = parseDeliveryPK(e.pk); err == nil {
				deliveries = append(deliveries, delivery)
			}
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return deliveries, lines, errors.Join(failed...)
}
