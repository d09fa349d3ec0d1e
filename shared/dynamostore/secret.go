package dynamostore

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// stackSecretItem is the stack's secret. One that was never rotated is nothing but that.
type stackSecretItem struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	Secret  []byte `dynamodbav:"secret"`
	Version int    `dynamodbav:"version,omitempty"`
	Next    []byte `dynamodbav:"next,omitempty"`
	Phase   string `dynamodbav:"phase,omitempty"`
	Since   string `dynamodbav:"since,omitempty"`
	Spread  string `dynamodbav:"spread,omitempty"`
	Cursor  string `dynamodbav:"swept_to,omitempty"`
	Swept   int    `dynamodbav:"swept,omitempty"`
	Done    bool   `dynamodbav:"swept_all,omitempty"`
	Rev     int    `dynamodbav:"rev,omitempty"`
}

// StackSecret returns the stack's secret, the zero one where there is none yet.
func (s *Store) StackSecret(ctx context.Context) (kyc.StackSecret, error) {
	var i stackSecretItem
	found, err := s.get(ctx, stackPK, skStackSecret, &i)
	if err != nil || !found {
		return kyc.StackSecret{}, err
	}
	var times timeReader
	return kyc.StackSecret{
		Version: max(i.Version, 1), Wrapped: i.Secret, Next: i.Next, Phase: kyc.RotationPhase(i.Phase), Since: times.read(i.Since),
		Spread: times.read(i.Spread), Cursor: i.Cursor, Swept: i.Swept, Done: i.Done, Rev: i.Rev,
	}, times.err
}

// PutStackSecret stores the first secret if there is none, and returns the one that is stored now.
func (s *Store) PutStackSecret(ctx context.Context, wrapped []byte) ([]byte, error) {
	created, err := s.create(ctx, stackSecretItem{PK: stackPK, SK: skStackSecret, Secret: wrapped})
	if err != nil || created {
		return wrapped, err
	}
	stored, err := s.StackSecret(ctx)
	return stored.Wrapped, err
}

// putSecret writes the secret as it is after a change, on the condition that it is still as it was before.
func (s *Store) putSecret(before, after kyc.StackSecret) (*types.Put, error) {
	item, err := encode(stackSecretItem{
		PK: stackPK, SK: skStackSecret, Secret: after.Wrapped, Version: after.Version, Next: after.Next, Phase: string(after.Phase),
		Since: formatTime(after.Since), Spread: formatTime(after.Spread), Cursor: after.Cursor, Swept: after.Swept, Done: after.Done, Rev: after.Rev,
	})
	put := &types.Put{TableName: &s.table, Item: item, ConditionExpression: aws.String("attribute_exists(pk) AND attribute_not_exists(rev)")}
	if before.Rev > 0 {
		put.ConditionExpression, put.ExpressionAttributeValues = aws.String("rev = :rev"), map[string]types.AttributeValue{":rev": num(before.Rev)}
	}
	return put, err
}

// AdvanceStackSecret makes the secret what after says, with the record of that. It returns false, and has written nothing,
// where someone has written it since before was read.
func (s *Store) AdvanceStackSecret(ctx context.Context, before, after kyc.StackSecret, r kyc.AuditRecord) (bool, error) {
	put, err := s.putSecret(before, after)
	if err != nil {
		return false, err
	}
	reasons, err := s.change(ctx, r, types.TransactWriteItem{Put: put})
	if err != nil {
		return false, fmt.Errorf("advance stack secret: %w", err)
	}
	return reasons == nil, nil
}

// NoteSwept notes how far a sweep has come. It returns false, and has written nothing, where someone has written the secret
// since before was read.
func (s *Store) NoteSwept(ctx context.Context, before, after kyc.StackSecret) (bool, error) {
	put, err := s.putSecret(before, after)
	if err != nil {
		return false, err
	}
	_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: put.TableName, Item: put.Item, ConditionExpression: put.ConditionExpression, ExpressionAttributeValues: put.ExpressionAttributeValues,
	})
	if _, moved := errors.AsType[*types.ConditionalCheckFailedException](err); moved {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("note swept: %w", err)
	}
	return true, nil
}

// sweepPage is how many items of the table one page of a sweep reads, of which every few are a profile.
const sweepPage = 200

// Profiles reads the profiles among the next items of the table, of all brands, but for those of customers who
// were deleted, and returns the cursor after them: an empty one at the end. It reads every item that there is, for a rotation
// is rare and must miss none.
func (s *Store) Profiles(ctx context.Context, cursor string) ([]kyc.OnFile, string, error) {
	items, next, err := s.scan(ctx, &dynamodb.ScanInput{
		ProjectionExpression:     aws.String("pk, sk, dk, #fields, profile_version, closed"),
		ExpressionAttributeNames: map[string]string{"#fields": "fields"},
	}, cursor)
	if err != nil {
		return nil, "", err
	}
	var page []kyc.OnFile
	for _, m := range items {
		if !isItem(m, skProfile) {
			continue
		}
		var item profileItem
		if err := decode(m, &item); err != nil {
			return nil, "", err
		}
		if item.Closed {
			continue
		}
		brandID, customerID, err := parseCustomerPK(item.PK)
		if err != nil {
			return nil, "", err
		}
		page = append(page, kyc.OnFile{
			Customer: kyc.Customer{BrandID: brandID, ID: customerID}, Profile: sealed(item.DataKey, item.Fields), Version: item.Version,
		})
	}
	return page, next, nil
}

// scan reads the next items of the table, of all brands, and returns the cursor after them: an empty one at the end.
func (s *Store) scan(ctx context.Context, in *dynamodb.ScanInput, cursor string) ([]map[string]types.AttributeValue, string, error) {
	in.TableName, in.ConsistentRead, in.Limit = &s.table, aws.Bool(true), aws.Int32(sweepPage)
	if cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		pk, sk, found := strings.Cut(string(raw), "\x00")
		if err != nil || !found {
			return nil, "", errors.New("a cursor that is none of a sweep's")
		}
		in.ExclusiveStartKey = itemKey(pk, sk)
	}
	out, err := s.db.Scan(ctx, in)
	if err != nil {
		return nil, "", fmt.Errorf("scan: %w", err)
	}
	if len(out.LastEvaluatedKey) == 0 {
		return out.Items, "", nil
	}
	return out.Items, base64.RawURLEncoding.EncodeToString([]byte(keyString(out.LastEvaluatedKey))), nil
}

// ChangeSSN changes what a customer is found by, and does nothing where its profile is not the one any more that was read.
func (s *Store) ChangeSSN(ctx context.Context, c kyc.OnFile, change kyc.SSNEntries) error {
	ref := c.Customer
	items := []types.TransactWriteItem{{ConditionCheck: &types.ConditionCheck{
		TableName: &s.table, Key: itemKey(customerPK(ref.BrandID, ref.ID), skProfile),
		ConditionExpression:       aws.String("profile_version = :read"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":read": num(c.Version)},
	}}}
	_, err := s.transact(ctx, token("change-ssn", rand.Text()), append(items, s.ssnEntries(ref.BrandID, ref.ID, change)...)...)
	if err != nil {
		return fmt.Errorf("change what customer %s is found by: %w", ref.ID, err)
	}
	return nil
}
