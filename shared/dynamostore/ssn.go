package dynamostore

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// ssnItem says that a customer has the SSN of a keyed hash. It is nothing but its key, so that writing it again
// overwrites nothing, and needs no condition of its own: that of the customer, in the same transaction, is for both.
type ssnItem struct {
	PK string `dynamodbav:"pk"`
	SK string `dynamodbav:"sk"`
}

// ssnEntries is the part of a transaction that changes what a customer is found by.
func (s *Store) ssnEntries(brandID, customerID string, change kyc.SSNEntries) []types.TransactWriteItem {
	var items []types.TransactWriteItem
	for _, hash := range change.Add {
		items = append(items, types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: itemKey(ssnPK(brandID, hash), ssnSK(customerID))}})
	}
	for _, hash := range change.Remove {
		items = append(items, types.TransactWriteItem{Delete: &types.Delete{TableName: &s.table, Key: itemKey(ssnPK(brandID, hash), ssnSK(customerID))}})
	}
	return items
}

// CustomersWithSSN lists, consistently, up to limit customers of a brand that have the SSN of a keyed hash, in the order of
// their ids.
func (s *Store) CustomersWithSSN(ctx context.Context, brandID, hash string, limit int) ([]string, error) {
	out, err := s.db.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(limit)),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": str(ssnPK(brandID, hash))},
	})
	if err != nil {
		return nil, fmt.Errorf("query customers with an SSN: %w", err)
	}
	var ids []string
	for _, m := range out.Items {
		var item ssnItem
		if err := decode(m, &item); err != nil {
			return nil, err
		}
		ids = append(ids, strings.TrimPrefix(item.SK, ssnSK("")))
	}
	return ids, nil
}
