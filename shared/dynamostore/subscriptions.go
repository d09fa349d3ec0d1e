package dynamostore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// maxSubscriptions bounds a brand's subscriptions, and so the directory item and the fan-out of one event. It is what
// one BatchGetItem reads.
const maxSubscriptions = 100

// directoryItem says which subscriptions a brand has and what each wants, in the one item that relay reads. An index
// would lag behind a subscription that was made a moment before its first event.
type directoryItem struct {
	PK            string                    `dynamodbav:"pk"`
	SK            string                    `dynamodbav:"sk"`
	Subscriptions map[string]directoryEntry `dynamodbav:"subscriptions"`
}

type directoryEntry struct {
	Events []string `dynamodbav:"events"`
	Status string   `dynamodbav:"st"`
	Strict bool     `dynamodbav:"strict,omitempty"`
}

type subscriptionItem struct {
	PK            string            `dynamodbav:"pk"`
	SK            string            `dynamodbav:"sk"`
	BrandID       string            `dynamodbav:"brand_id"`
	ID            string            `dynamodbav:"subscription_id"`
	URL           string            `dynamodbav:"url"`
	Events        []string          `dynamodbav:"events"`
	Description   string            `dynamodbav:"description,omitempty"`
	Status        string            `dynamodbav:"st"`
	DisabledCause string            `dynamodbav:"disabled_cause,omitempty"`
	DisabledAt    string            `dynamodbav:"disabled_at,omitempty"`
	TimeoutMs     int64             `dynamodbav:"timeout_ms,omitempty"`
	RetryPlanMs   []int64           `dynamodbav:"retry_plan_ms,omitempty"`
	Strict        bool              `dynamodbav:"strict,omitempty"`
	Keys          []signingKeyItem  `dynamodbav:"keys"`
	Headers       []string          `dynamodbav:"headers,omitempty"`
	DataKey       []byte            `dynamodbav:"dk"`
	Fields        map[string][]byte `dynamodbav:"fields"`
	CreatedAt     string            `dynamodbav:"created_at"`
	UpdatedAt     string            `dynamodbav:"updated_at"`
	Version       int               `dynamodbav:"version"`
}

type signingKeyItem struct {
	Field     string `dynamodbav:"field"`
	Scheme    string `dynamodbav:"scheme"`
	PublicKey string `dynamodbav:"public,omitempty"`
	CreatedAt string `dynamodbav:"created_at"`
	Until     string `dynamodbav:"until,omitempty"`
}

func fromSubscription(sub kyc.Subscription) subscriptionItem {
	i := subscriptionItem{
		PK: subscriptionPK(sub.BrandID, sub.ID), SK: skSubscription, BrandID: sub.BrandID, ID: sub.ID, URL: sub.URL,
		Events: fromEventNames(sub.Events), Description: sub.Description, Status: sub.Status,
		DisabledCause: sub.DisabledCause, DisabledAt: formatTime(sub.DisabledAt),
		TimeoutMs: sub.Timeout.Milliseconds(), Strict: sub.StrictOrder, Headers: sub.Headers,
		DataKey: sub.Secret.Key, Fields: sealedFields(sub.Secret),
		CreatedAt: kyc.FormatTime(sub.CreatedAt), UpdatedAt: kyc.FormatTime(sub.UpdatedAt), Version: sub.Version,
	}
	for _, wait := range sub.RetryPlan {
		i.RetryPlanMs = append(i.RetryPlanMs, wait.Milliseconds())
	}
	for _, k := range sub.Keys {
		i.Keys = append(i.Keys, signingKeyItem{
			Field: string(k.Field), Scheme: string(k.Scheme), PublicKey: k.PublicKey, CreatedAt: kyc.FormatTime(k.CreatedAt), Until: formatTime(k.Until),
		})
	}
	return i
}

func parseSubscription(m map[string]types.AttributeValue) (kyc.Subscription, error) {
	var i subscriptionItem
	if err := decode(m, &i); err != nil {
		return kyc.Subscription{}, err
	}
	var times timeReader
	sub := kyc.Subscription{
		BrandID: i.BrandID, ID: i.ID, URL: i.URL, Events: eventNames(i.Events), Description: i.Description, Status: i.Status,
		DisabledCause: i.DisabledCause, DisabledAt: times.read(i.DisabledAt),
		Timeout: time.Duration(i.TimeoutMs) * time.Millisecond, StrictOrder: i.Strict, Headers: i.Headers,
		Secret: sealed(i.DataKey, i.Fields), CreatedAt: times.read(i.CreatedAt), UpdatedAt: times.read(i.UpdatedAt), Version: i.Version,
	}
	for _, ms := range i.RetryPlanMs {
		sub.RetryPlan = append(sub.RetryPlan, time.Duration(ms)*time.Millisecond)
	}
	for _, k := range i.Keys {
		sub.Keys = append(sub.Keys, kyc.SigningKey{
			Field: kyc.Field(k.Field), Scheme: kyc.Scheme(k.Scheme), PublicKey: k.PublicKey, CreatedAt: times.read(k.CreatedAt), Until: times.read(k.Until),
		})
	}
	return sub, times.err
}

func entryOf(sub kyc.Subscription) directoryEntry {
	return directoryEntry{Events: fromEventNames(sub.Events), Status: sub.Status, Strict: sub.StrictOrder}
}

// CreateSubscription stores a subscription and enters it in the brand's directory. It refuses one too many.
func (s *Store) CreateSubscription(ctx context.Context, sub kyc.Subscription) error {
	item, err1 := s.newItem(fromSubscription(sub))
	entry, err2 := value(entryOf(sub))
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	reasons, err := s.transact(ctx, token("create-subscription", sub.ID), item, types.TransactWriteItem{Update: &types.Update{
		TableName: &s.table, Key: itemKey(brandPK(sub.BrandID), skSubscriptions),
		ConditionExpression:       aws.String("attribute_exists(pk) AND size(subscriptions) < :max"),
		UpdateExpression:          aws.String("SET subscriptions.#id = :entry"),
		ExpressionAttributeNames:  map[string]string{"#id": sub.ID},
		ExpressionAttributeValues: map[string]types.AttributeValue{":max": num(maxSubscriptions), ":entry": entry},
	}})
	if err != nil {
		return fmt.Errorf("create subscription: %w", err)
	}
	if reasons != nil {
		return &kyc.Error{Kind: kyc.Conflict, Code: "webhooks_err",
			Message: fmt.Sprintf("A brand can have %d webhook subscriptions at the most. Delete one first.", maxSubscriptions)}
	}
	return nil
}

// DeleteSubscription removes a subscription and returns what it was. It returns a kyc.NotFound error where there is none.
func (s *Store) DeleteSubscription(ctx context.Context, brandID, subscriptionID string) (kyc.Subscription, error) {
	sub, err := s.Subscription(ctx, brandID, subscriptionID)
	if err != nil {
		return kyc.Subscription{}, err
	}
	pk := subscriptionPK(brandID, subscriptionID)
	reasons, err := s.transact(ctx, token("delete-subscription", sub.ID), types.TransactWriteItem{Delete: &types.Delete{
		TableName: &s.table, Key: itemKey(pk, skSubscription), ConditionExpression: aws.String("attribute_exists(pk)"),
	}}, types.TransactWriteItem{Delete: &types.Delete{TableName: &s.table, Key: itemKey(pk, skLine)}}, types.TransactWriteItem{Update: &types.Update{
		TableName: &s.table, Key: itemKey(brandPK(brandID), skSubscriptions),
		ConditionExpression:      aws.String("attribute_exists(pk)"),
		UpdateExpression:         aws.String("REMOVE subscriptions.#id"),
		ExpressionAttributeNames: map[string]string{"#id": subscriptionID},
	}})
	if err != nil {
		return kyc.Subscription{}, fmt.Errorf("delete subscription: %w", err)
	}
	if reasons != nil {
		return kyc.Subscription{}, errSubscriptionUnknown() // deleted by another call just now
	}
	return sub, nil
}

func errSubscriptionUnknown() error {
	return &kyc.Error{Kind: kyc.NotFound, Code: "webhooks_err", Message: "No webhook subscription with this id exists."}
}

// Subscription returns a subscription as of the last write, or a kyc.NotFound error.
func (s *Store) Subscription(ctx context.Context, brandID, subscriptionID string) (kyc.Subscription, error) {
	items, err := s.batchGet(ctx, []map[string]types.AttributeValue{itemKey(subscriptionPK(brandID, subscriptionID), skSubscription)})
	if err != nil {
		return kyc.Subscription{}, err
	}
	if len(items) == 0 {
		return kyc.Subscription{}, errSubscriptionUnknown()
	}
	return parseSubscription(items[0])
}

// UpdateSubscription stores a changed subscription, whose Version is one higher than that which it was made from, and its
// entry in the directory. It reports false, and has written nothing, where the subscription was changed or deleted since.
func (s *Store) UpdateSubscription(ctx context.Context, sub kyc.Subscription) (bool, error) {
	items, err := s.updateSubscription(sub)
	if err != nil {
		return false, err
	}
	reasons, err := s.transact(ctx, token("update-subscription", sub.ID, rand.Text()), items...)
	if err != nil {
		return false, fmt.Errorf("update subscription: %w", err)
	}
	return reasons == nil, nil
}

// updateSubscription writes a changed subscription and its entry in the directory.
func (s *Store) updateSubscription(sub kyc.Subscription) ([]types.TransactWriteItem, error) {
	item, err1 := encode(fromSubscription(sub))
	entry, err2 := value(entryOf(sub))
	return []types.TransactWriteItem{{Put: &types.Put{
		TableName: &s.table, Item: item, ConditionExpression: aws.String("version = :from"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":from": num(sub.Version - 1)},
	}}, {Update: &types.Update{
		TableName: &s.table, Key: itemKey(brandPK(sub.BrandID), skSubscriptions),
		ConditionExpression:       aws.String("attribute_exists(subscriptions.#id)"),
		UpdateExpression:          aws.String("SET subscriptions.#id = :entry"),
		ExpressionAttributeNames:  map[string]string{"#id": sub.ID},
		ExpressionAttributeValues: map[string]types.AttributeValue{":entry": entry},
	}}}, errors.Join(err1, err2)
}

// Subscriptions lists a brand's subscriptions, oldest first.
func (s *Store) Subscriptions(ctx context.Context, brandID string) ([]kyc.Subscription, error) {
	directory, err := s.directory(ctx, brandID)
	if err != nil || len(directory.Subscriptions) == 0 {
		return nil, err
	}
	var keys []map[string]types.AttributeValue
	for id := range directory.Subscriptions {
		keys = append(keys, itemKey(subscriptionPK(brandID, id), skSubscription))
	}
	items, err := s.batchGet(ctx, keys)
	if err != nil {
		return nil, err
	}
	var subs []kyc.Subscription
	for _, item := range items {
		sub, err := parseSubscription(item)
		if err != nil {
			return nil, err
		}
		subs = append(subs, sub)
	}
	slices.SortFunc(subs, func(a, b kyc.Subscription) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return subs, nil
}

// Subscribers lists, in a fixed order, the brand's subscriptions with what each wants, without address and secret.
func (s *Store) Subscribers(ctx context.Context, brandID string) ([]kyc.Subscription, error) {
	directory, err := s.directory(ctx, brandID)
	if err != nil {
		return nil, err
	}
	var subs []kyc.Subscription
	for id, e := range directory.Subscriptions {
		subs = append(subs, kyc.Subscription{BrandID: brandID, ID: id, Events: eventNames(e.Events), Status: e.Status, StrictOrder: e.Strict})
	}
	slices.SortFunc(subs, func(a, b kyc.Subscription) int { return slices.Compare([]byte(a.ID), []byte(b.ID)) })
	return subs, nil
}

func (s *Store) directory(ctx context.Context, brandID string) (directoryItem, error) {
	var item directoryItem
	found, err := s.get(ctx, brandPK(brandID), skSubscriptions, &item)
	if err == nil && !found {
		err = fmt.Errorf("brand %s has no directory of subscriptions", brandID)
	}
	return item, err
}

func fromEventNames(events []kyc.EventName) []string {
	names := make([]string, 0, len(events))
	for _, e := range events {
		names = append(names, string(e))
	}
	return names
}

func eventNames(names []string) []kyc.EventName {
	var events []kyc.EventName
	for _, n := range names {
		events = append(events, kyc.EventName(n))
	}
	return events
}
