package dynamostore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/cache"
	"kyc/shared/kyc"
)

const (
	// programTTL is how long an execution environment opens attempts under a policy that was changed meanwhile. A verifier
	// reads past what is remembered for an attempt that was opened under a younger one.
	programTTL  = time.Minute
	maxPrograms = 1000

	keepEvents = kyc.KeepEvents
)

// Store is the table. It is safe for concurrent use. Its methods return kyc errors for what a caller may see, and
// wrapped SDK errors, which hold no personal data, for everything else.
type Store struct {
	db       *dynamodb.Client
	table    string
	now      func() time.Time
	programs *cache.Cache[[2]string, kyc.Program]
}

// New returns the store on the named table, with the clock now.
func New(cfg aws.Config, table string, now func() time.Time) *Store {
	db := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		// An emulator's answers have no checksum; the client would log a line for each.
		o.DisableValidateResponseChecksum = cfg.BaseEndpoint != nil
		o.Retryer = persistent{o.Retryer}
	})
	return &Store{db: db, table: table, now: now, programs: cache.New[[2]string, kyc.Program](programTTL, maxPrograms, now)}
}

// Warm opens the connection, so that the first request does not wait for it. Its result does not matter.
func (s *Store) Warm(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, _ = s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: itemKey("warm", "warm")})
}

// get reads one item consistently into dst, and reports whether it exists.
func (s *Store) get(ctx context.Context, pk, sk string, dst any) (bool, error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: itemKey(pk, sk), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return false, fmt.Errorf("get %s: %w", sk, err)
	}
	if out.Item == nil {
		return false, nil
	}
	return true, decode(out.Item, dst)
}

func decode(item map[string]types.AttributeValue, dst any) error {
	if err := attributevalue.UnmarshalMap(item, dst); err != nil {
		return fmt.Errorf("decode item: %w", err)
	}
	return nil
}

func encode(item any) (map[string]types.AttributeValue, error) {
	m, err := attributevalue.MarshalMap(item)
	if err != nil {
		return nil, fmt.Errorf("encode item: %w", err)
	}
	return m, nil
}

func value(v any) (types.AttributeValue, error) {
	av, err := attributevalue.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode value: %w", err)
	}
	return av, nil
}

// create puts an item that must not exist, and reports whether it did not. Where the SDK repeats a call whose answer was
// lost, the item in the way is the very same one.
func (s *Store) create(ctx context.Context, item any) (bool, error) {
	m, err := encode(item)
	if err != nil {
		return false, err
	}
	_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: m, ConditionExpression: aws.String("attribute_not_exists(pk)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if failed, exists := errors.AsType[*types.ConditionalCheckFailedException](err); exists {
		return reflect.DeepEqual(failed.Item, m), nil
	}
	if err != nil {
		return false, fmt.Errorf("put item: %w", err)
	}
	return true, nil
}

// newItem is create as a part of a transaction.
func (s *Store) newItem(item any) (types.TransactWriteItem, error) {
	m, err := encode(item)
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &s.table, Item: m, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}}, err
}

// batchGet reads up to 100 items consistently. It asks again for what a throttled call leaves unread.
func (s *Store) batchGet(ctx context.Context, keys []map[string]types.AttributeValue) ([]map[string]types.AttributeValue, error) {
	var items []map[string]types.AttributeValue
	for try := 0; len(keys) > 0; try++ {
		if try > 0 {
			if err := pause(ctx, try); err != nil {
				return nil, err
			}
		}
		out, err := s.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			s.table: {Keys: keys, ConsistentRead: aws.Bool(true)},
		}})
		if err != nil {
			return nil, fmt.Errorf("batch get: %w", err)
		}
		items = append(items, out.Responses[s.table]...)
		keys = out.UnprocessedKeys[s.table].Keys
	}
	return items, nil
}

// token makes a transaction's token of at most 36 characters from what makes the transaction the one it is. DynamoDB
// remembers a token for ten minutes and refuses it for another transaction.
func token(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:18])
}

// maxTries bounds how often a call is made that a throttle or another writer stood in the way of.
const maxTries = 4

// persistent repeats, beside what the SDK repeats by itself, a write that another transaction stood in the way of. The
// SDK sends the same bytes again, so that DynamoDB knows a transaction for the same one, and a lost answer can't make it
// run twice.
type persistent struct{ aws.Retryer }

func (persistent) MaxAttempts() int { return maxTries }

func (p persistent) IsErrorRetryable(err error) bool {
	return contended(err) || p.Retryer.IsErrorRetryable(err)
}

func (p persistent) RetryDelay(try int, err error) (time.Duration, error) {
	if contended(err) {
		return backoff(try), nil
	}
	return p.Retryer.RetryDelay(try, err)
}

// transact runs the transaction, again while another writer or a throttle is in its way. It returns the reasons, one per
// item, when a condition failed, and errContended when the tries are used up.
func (s *Store) transact(ctx context.Context, once string, items ...types.TransactWriteItem) ([]types.CancellationReason, error) {
	_, err := s.db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{ClientRequestToken: &once, TransactItems: items})
	if err == nil {
		return nil, nil
	}
	if contended(err) {
		return nil, errContended
	}
	canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if ok && slices.ContainsFunc(canceled.CancellationReasons, conditionFailed) {
		return canceled.CancellationReasons, nil
	}
	return nil, fmt.Errorf("transact write: %w", err)
}

var errContended = errors.New("other writers kept the items busy")

// contended reports whether a write was refused for a passing cause, in which case none of the other reasons of a
// transaction may be believed.
func contended(err error) bool {
	if _, ok := errors.AsType[*types.TransactionConflictException](err); ok {
		return true
	}
	if _, ok := errors.AsType[*types.TransactionInProgressException](err); ok {
		return true // the first try of this very transaction, whose answer was lost
	}
	canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
	return ok && slices.ContainsFunc(canceled.CancellationReasons, func(r types.CancellationReason) bool {
		switch aws.ToString(r.Code) {
		case "TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError":
			return true
		}
		return false
	})
}

func conditionFailed(r types.CancellationReason) bool {
	return aws.ToString(r.Code) == "ConditionalCheckFailed"
}

// backoff is the wait before the given try: doubling from 25 ms, at random between half and the whole, so that those who
// met once do not meet again.
func backoff(try int) time.Duration {
	whole := 25 * time.Millisecond << try
	return whole/2 + rand.N(whole/2)
}

func pause(ctx context.Context, try int) error {
	timer := time.NewTimer(backoff(try))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
