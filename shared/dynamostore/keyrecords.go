package dynamostore

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

type keyRecordItem struct {
	PK          string `dynamodbav:"pk"`
	SK          string `dynamodbav:"sk"`
	Fingerprint []byte `dynamodbav:"fingerprint"`
	CustomerID  string `dynamodbav:"customer_id"`
	AttemptID   string `dynamodbav:"attempt_id,omitempty"`
	ProgramID   string `dynamodbav:"program_id,omitempty"`
	FirstSeenAt string `dynamodbav:"first_seen_at"`
	ExpiresAt   int64  `dynamodbav:"expires_at"`
}

func fromKeyRecord(brandID string, operation kyc.Operation, hash string, r kyc.KeyRecord) keyRecordItem {
	return keyRecordItem{
		PK: idempotencyPK(brandID, operation, hash), SK: skIdempotency, Fingerprint: r.Fingerprint,
		CustomerID: r.CustomerID, AttemptID: r.AttemptID, ProgramID: r.ProgramID,
		FirstSeenAt: kyc.FormatTime(r.FirstSeenAt), ExpiresAt: r.ExpiresAt.Unix(),
	}
}

// takeKey is the part of a transaction that takes a key for r, unless it is taken at the time at which r first sees it. It
// is one item for each secret that is in use.
func (s *Store) takeKey(brandID string, claim *kyc.KeyClaim, r kyc.KeyRecord) ([]types.TransactWriteItem, error) {
	if claim == nil {
		return nil, nil
	}
	var items []types.TransactWriteItem
	for _, c := range claim.Each() {
		r.Fingerprint = c.Fingerprint
		record, err := encode(fromKeyRecord(brandID, c.Operation, c.Hash, r))
		if err != nil {
			return nil, err
		}
		items = append(items, types.TransactWriteItem{Put: &types.Put{
			TableName: &s.table, Item: record,
			ConditionExpression:                 aws.String("attribute_not_exists(pk) OR expires_at <= :now"),
			ExpressionAttributeValues:           map[string]types.AttributeValue{":now": num(int(r.FirstSeenAt.Unix()))},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}})
	}
	return items, nil
}

// keyInTheWay returns what the key is taken by from the reasons for which takeKey's part of a transaction was refused, nil
// where it is free.
func keyInTheWay(reasons []types.CancellationReason) (*kyc.KeyRecord, error) {
	i := slices.IndexFunc(reasons, conditionFailed)
	if i < 0 {
		return nil, nil
	}
	seen, err := keyRecord(reasons[i].Item)
	return &seen, err
}

func keyRecord(old map[string]types.AttributeValue) (kyc.KeyRecord, error) {
	var item keyRecordItem
	if err := decode(old, &item); err != nil {
		return kyc.KeyRecord{}, err
	}
	var times timeReader
	return kyc.KeyRecord{
		Fingerprint: item.Fingerprint, AttemptID: item.AttemptID, CustomerID: item.CustomerID, ProgramID: item.ProgramID,
		FirstSeenAt: times.read(item.FirstSeenAt), ExpiresAt: time.Unix(item.ExpiresAt, 0).UTC(),
	}, times.err
}
