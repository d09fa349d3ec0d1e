package dynamostore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// CloseCustomer makes a customer unknown, and destroys the wrapped keys of its data and of all that its attempts brought,
// those in the archive excepted: what the law keeps of the data is written under another key. It returns false, and has
// written nothing, where someone has written the customer since it was read.
func (s *Store) CloseCustomer(ctx context.Context, closing kyc.Closing) (bool, error) {
	c := closing.Customer
	pk := customerPK(c.BrandID, c.ID)
	closed, err := encode(fromCustomer(closing.Closed))
	if err != nil {
		return false, err
	}
	customer := types.TransactWriteItem{Put: &types.Put{
		TableName: &s.table, Item: closed, ConditionExpression: aws.String("rev = :rev"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":rev": num(c.Rev)},
	}}
	profile := s.withoutProfile(c)
	if !closing.Profile.Empty() {
		item, err := encode(profileItem{
			PK: pk, SK: skProfile, DataKey: closing.Profile.Key, Fields: sealedFields(closing.Profile),
			Version: closing.Closed.ProfileVersion, Closed: true,
		})
		if err != nil {
			return false, err
		}
		profile = types.TransactWriteItem{Put: &types.Put{
			TableName: &s.table, Item: item, ConditionExpression: aws.String("profile_version = :read"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":read": num(c.ProfileVersion)},
		}}
	}
	all := append(s.ssnEntries(c.BrandID, c.ID, closing.SSN), customer, profile)
	for programID := range c.Attempts {
		all = append(all, types.TransactWriteItem{Delete: &types.Delete{TableName: &s.table, Key: itemKey(pk, retrySK(programID))}})
	}
	for _, r := range closing.Records {
		item, err := encode(archivedItem(pk, r.ProgramID, r.Attempt))
		if err != nil {
			return false, err
		}
		// No condition: relay may have brought it to the archive already, with what is to be erased.
		all = append(all, types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: item}})
	}
	// The token is of this call: another one of the same rev has encrypted otherwise.
	reasons, err := s.transact(ctx, token("close-customer", rand.Text()), all...)
	if err != nil {
		return false, fmt.Errorf("close customer %s: %w", c.ID, err)
	}
	return reasons == nil, nil
}

// ArchivedOf returns all of a customer's attempts in the archive, by program, oldest first.
func (s *Store) ArchivedOf(ctx context.Context, ref kyc.CustomerRef) ([]kyc.Archived, error) {
	pages := dynamodb.NewQueryPaginator(s.db, &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :pk AND begins_with(sk, :attempt)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":pk": str(customerPK(ref.BrandID, ref.CustomerID)), ":attempt": str(allAttempts),
		},
	})
	var all []kyc.Archived
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("query archive: %w", err)
		}
		for _, m := range page.Items {
			var item attemptItem
			if err := decode(m, &item); err != nil {
				return nil, err
			}
			programID, _, _ := strings.Cut(strings.TrimPrefix(item.SK, allAttempts), "#")
			var times timeReader
			a := item.attempt(&times, 0)
			if times.err != nil {
				return nil, fmt.Errorf("attempt %s: %w", a.ID, times.err)
			}
			all = append(all, kyc.Archived{ProgramID: programID, Attempt: a})
		}
	}
	return all, nil
}

// Retain leaves of an attempt in the archive what left says, and nothing where left is nil. It returns false, and has
// written nothing, where late results came to it, or it has gone, since it was read.
func (s *Store) Retain(ctx context.Context, ref kyc.CustomerRef, was kyc.Archived, left *kyc.Attempt) (bool, error) {
	pk := customerPK(ref.BrandID, ref.CustomerID)
	same := "attribute_exists(pk)"
	if len(was.Attempt.Late) == 0 {
		same += " AND attribute_not_exists(late)"
	}
	var err error
	if left == nil {
		_, err = s.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: &s.table, Key: itemKey(pk, attemptSK(was.ProgramID, was.Attempt.SubmittedAt, was.Attempt.ID)), ConditionExpression: &same,
		})
	} else {
		item, encodeErr := encode(archivedItem(pk, was.ProgramID, *left))
		if encodeErr != nil {
			return false, encodeErr
		}
		_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: item, ConditionExpression: &same})
	}
	if _, changed := errors.AsType[*types.ConditionalCheckFailedException](err); changed {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("erase attempt %s: %w", was.Attempt.ID, err)
	}
	return true, nil
}

// RestClosed sets the alarm of a closed customer, takes from it what rest does not hold any more, and removes its data where
// nothing of them is present. It does nothing where someone has written the customer since it was seen.
func (s *Store) RestClosed(ctx context.Context, seen, rest kyc.Customer) error {
	pk := customerPK(seen.BrandID, seen.ID)
	u := &update{values: map[string]types.AttributeValue{":one": num(1)}}
	u.require("rev = :rev")
	u.value(":rev", seen.Rev)
	u.set("rev = rev + :one")
	u.alarm(seen.ID, rest.DueAt)
	if len(rest.Attempts)+len(rest.Previous)+len(rest.Changes) == 0 {
		u.set("kyc = :empty", "prev = :empty", "used = :empty", "ended = :empty")
		u.value(":empty", map[string]string{})
		u.remove("changes")
	}
	if len(rest.Present) == 0 {
		u.remove("present")
	}
	if u.err != nil {
		return u.err
	}
	all := []types.TransactWriteItem{u.inTransaction(s.table, pk)}
	if len(rest.Present) == 0 {
		all = append(all, s.withoutProfile(rest))
	}
	if _, err := s.transact(ctx, token("rest-closed", rand.Text()), all...); err != nil {
		return fmt.Errorf("rest customer %s: %w", rest.ID, err)
	}
	return nil
}

// RemoveClosed removes what is left of a closed customer, unless someone has written it since it was seen.
func (s *Store) RemoveClosed(ctx context.Context, c kyc.Customer) error {
	_, err := s.transact(ctx, token("remove-closed", rand.Text()), types.TransactWriteItem{Delete: &types.Delete{
		TableName: &s.table, Key: itemKey(customerPK(c.BrandID, c.ID), skCustomer), ConditionExpression: aws.String("rev = :rev"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":rev": num(c.Rev)},
	}}, s.withoutProfile(c))
	if err != nil {
		return fmt.Errorf("remove customer %s: %w", c.ID, err)
	}
	return nil
}

func (s *Store) withoutProfile(c kyc.Customer) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: &s.table, Key: itemKey(customerPK(c.BrandID, c.ID), skProfile)}}
}
