package dynamostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
	"kyc/shared/message"
)

type eventItem struct {
	PK         string `dynamodbav:"pk"`
	SK         string `dynamodbav:"sk"`
	Name       string `dynamodbav:"event"`
	OccurredAt string `dynamodbav:"occurred_at"`
	Body       string `dynamodbav:"body"`
	ExpiresAt  int64  `dynamodbav:"expires_at"`
}

// KeepEvent stores an event, so that it can be sent again on demand. Keeping it again does nothing.
func (s *Store) KeepEvent(ctx context.Context, e kyc.Event) error {
	body, err := message.EventBody(e)
	if err != nil {
		return err
	}
	_, err = s.create(ctx, eventItem{
		PK: customerPK(e.BrandID, e.CustomerID), SK: eventSK(e.ID), Name: string(e.Name),
		OccurredAt: kyc.FormatTime(e.OccurredAt), Body: string(body), ExpiresAt: e.OccurredAt.Add(keepEvents).Unix(),
	})
	if err != nil {
		return fmt.Errorf("keep event %s: %w", e.ID, err)
	}
	return nil
}

// States of a delivery.
const (
	deliveryFailing   = "failing"
	deliveryDelivered = "delivered"
)

type deliveryItem struct {
	PK     string    `dynamodbav:"pk"`
	SK     string    `dynamodbav:"sk"`
	Status string    `dynamodbav:"st"`
	Tries  []tryItem `dynamodbav:"tries"`
}

type tryItem struct {
	At    string `dynamodbav:"at"`
	Ms    int64  `dynamodbav:"ms"`
	Code  int    `dynamodbav:"code,omitempty"`
	Error string `dynamodbav:"why,omitempty"`
}

// Delivery reads, at once and consistently, the subscription of a delivery and whether it has been delivered. A
// subscription that was deleted is nil.
func (s *Store) Delivery(ctx context.Context, d kyc.Delivery) (*kyc.Subscription, bool, error) {
	brandID := d.Event.BrandID
	items, err := s.batchGet(ctx, []map[string]types.AttributeValue{
		itemKey(subscriptionPK(brandID, d.SubscriptionID), skSubscription),
		itemKey(deliveryPK(brandID, d.SubscriptionID, d.Event.ID), skDelivery),
	})
	if err != nil {
		return nil, false, err
	}
	var subscription *kyc.Subscription
	delivered := false
	for _, item := range items {
		if isItem(item, skSubscription) {
			sub, err := parseSubscription(item)
			if err != nil {
				return nil, false, err
			}
			subscription = &sub
			continue
		}
		var delivery deliveryItem
		if err := decode(item, &delivery); err != nil {
			return nil, false, err
		}
		delivered = delivery.Status == deliveryDelivered
	}
	return subscription, delivered, nil
}

// RecordTry adds one post to the delivery. A delivery that has arrived stays so.
func (s *Store) RecordTry(ctx context.Context, d kyc.Delivery, t kyc.Try) error {
	status := deliveryDelivered
	if t.Error != "" {
		status = deliveryFailing
	}
	try, err := value([]tryItem{{At: kyc.FormatTime(t.At), Ms: t.Duration.Milliseconds(), Code: t.Code, Error: t.Error}})
	if err != nil {
		return err
	}
	_, err = s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: itemKey(deliveryPK(d.Event.BrandID, d.SubscriptionID, d.Event.ID), skDelivery),
		ConditionExpression: aws.String("attribute_not_exists(pk) OR #st <> :delivered"),
		UpdateExpression: aws.String("SET #st = :status, tries = list_append(if_not_exists(tries, :empty), :try), event = :event," +
			" customer_id = :customer, expires_at = :expires, #list = :list, listed_at = :listed"),
		ExpressionAttributeNames: map[string]string{"#st": "st", "#list": "list"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":delivered": str(deliveryDelivered), ":status": str(status), ":try": try,
			":empty": &types.AttributeValueMemberL{Value: []types.AttributeValue{}},
			":event": str(string(d.Event.Name)), ":customer": str(d.Event.CustomerID),
			":expires": num(int(d.Event.OccurredAt.Add(keepEvents).Unix())),
			":list":    str(deliveriesList(d.SubscriptionID, d.Event.ID, d.Event.OccurredAt)),
			":listed":  str(kyc.FormatTime(d.Event.OccurredAt) + "#" + d.Event.ID),
		},
	})
	if _, delivered := errors.AsType[*types.ConditionalCheckFailedException](err); delivered {
		return nil
	}
	if err != nil {
		return fmt.Errorf("record try: %w", err)
	}
	return nil
}
