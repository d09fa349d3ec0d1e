package dynamostore

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"kyc/shared/kyc"
)

// MaxTries is how often a contended transaction is tried.
const MaxTries = maxTries

// DueShards is over how many shards the alarms are spread.
const DueShards = dueShards

// DueShard returns the shard that a customer's alarm is in.
func DueShard(customerID string) int { return shard(customerID, dueShards) }

// ErrContended is what is left when the tries are used up.
var ErrContended = errContended

// SetCustomer stores c exactly as it is, so that a test can begin in any state.
func (s *Store) SetCustomer(ctx context.Context, c kyc.Customer) error {
	return s.set(ctx, fromCustomer(c))
}

// SetKeyRecord stores what an accepted start at the given time leaves behind under its key.
func (s *Store) SetKeyRecord(ctx context.Context, brandID, hash string, r kyc.KeyRecord) error {
	return s.set(ctx, fromKeyRecord(brandID, kyc.OperationStart, hash, r))
}

// DropKeyRecord removes the record of a key.
func (s *Store) DropKeyRecord(ctx context.Context, brandID, hash string) error {
	_, err := s.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &s.table, Key: itemKey(idempotencyPK(brandID, kyc.OperationStart, hash), skIdempotency),
	})
	return err
}

// DirectoryOf lists the ids in a brand's directory of subscriptions with their status.
func (s *Store) DirectoryOf(ctx context.Context, brandID string) (map[string]string, error) {
	directory, err := s.directory(ctx, brandID)
	entries := map[string]string{}
	for id, e := range directory.Subscriptions {
		entries[id] = e.Status
	}
	return entries, err
}

// HasSubscription reports whether the item of a subscription exists.
func (s *Store) HasSubscription(ctx context.Context, brandID, id string) (bool, error) {
	return s.get(ctx, subscriptionPK(brandID, id), skSubscription, &subscriptionItem{})
}

func (s *Store) set(ctx context.Context, item any) error {
	m, err := encode(item)
	if err != nil {
		return err
	}
	_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(s.table), Item: m})
	return err
}
