package dynamostore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// auditItem is the record of an operator's action, or of a document that was read. Its key is known when the action begins,
// so that of two writes of one record, the change's own and the note that it has failed, only the first can be.
type auditItem struct {
	PK         string            `dynamodbav:"pk"`
	SK         string            `dynamodbav:"sk"` // with the time when it began, and the record's id
	Action     string            `dynamodbav:"action"`
	BrandID    string            `dynamodbav:"brand_id,omitempty"`
	ProgramID  string            `dynamodbav:"program_id,omitempty"`
	CustomerID string            `dynamodbav:"customer_id,omitempty"`
	AttemptID  string            `dynamodbav:"attempt_id,omitempty"`
	DocumentID string            `dynamodbav:"document_id,omitempty"`
	Side       string            `dynamodbav:"side,omitempty"`
	Identity   string            `dynamodbav:"identity,omitempty"`
	Changes    []auditChangeItem `dynamodbav:"changes,omitempty"`
	Outcome    string            `dynamodbav:"outcome"`
	RequestID  string            `dynamodbav:"request_id,omitempty"`
	Actor      string            `dynamodbav:"actor,omitempty"`
	AskedBy    string            `dynamodbav:"asked_by,omitempty"`
	List       string            `dynamodbav:"list,omitempty"` // of the brand that it is about
	ListedAt   string            `dynamodbav:"listed_at,omitempty"`
}

type auditChangeItem struct {
	Name   string `dynamodbav:"name"`
	Before string `dynamodbav:"before,omitempty"`
	After  string `dynamodbav:"after,omitempty"`
}

func fromRecord(r kyc.AuditRecord) auditItem {
	n := shard(r.ID, listShards)
	i := auditItem{
		PK: auditPK(r.At, n), SK: auditSK(kyc.AuditPlace{At: r.At, ID: r.ID}), Action: r.Action, BrandID: r.BrandID, ProgramID: r.ProgramID,
		CustomerID: r.CustomerID, AttemptID: r.AttemptID, DocumentID: r.DocumentID, Side: string(r.Side), Identity: r.Identity,
		Outcome: r.Outcome, RequestID: r.RequestID, Actor: r.Actor, AskedBy: r.AskedBy,
	}
	for _, c := range r.Changes {
		i.Changes = append(i.Changes, auditChangeItem(c))
	}
	if r.BrandID != "" {
		i.List, i.ListedAt = auditList(r.BrandID, r.At, n), i.SK
	}
	return i
}

func (i auditItem) record() (kyc.AuditRecord, error) {
	at, id, _ := strings.Cut(strings.TrimPrefix(i.SK, "audit#"), "#")
	began, err := kyc.ParseTime(at)
	r := kyc.AuditRecord{
		ID: id, At: began, Action: i.Action, BrandID: i.BrandID, ProgramID: i.ProgramID, CustomerID: i.CustomerID, AttemptID: i.AttemptID,
		DocumentID: i.DocumentID, Side: kyc.Side(i.Side), Identity: i.Identity, Outcome: i.Outcome, RequestID: i.RequestID, Actor: i.Actor,
		AskedBy: i.AskedBy,
	}
	for _, c := range i.Changes {
		r.Changes = append(r.Changes, kyc.AuditChange(c))
	}
	return r, err
}

// change writes what an operator changes together with the record of it: neither is without the other. It returns the
// reasons, one per item, when a condition failed.
func (s *Store) change(ctx context.Context, r kyc.AuditRecord, items ...types.TransactWriteItem) ([]types.CancellationReason, error) {
	record, err := s.newItem(fromRecord(r))
	if err != nil {
		return nil, err
	}
	// The token is of this call: an action that is tried again may write something else.
	reasons, err := s.transact(ctx, token("change", rand.Text()), append(items, record)...)
	if err != nil || reasons == nil {
		return nil, err
	}
	if conditionFailed(reasons[len(items)]) {
		return nil, fmt.Errorf("action %s has its record already", r.ID)
	}
	return reasons[:len(items)], nil
}

// KeepRecord keeps the record of an action that has changed nothing, or ends that of one that had begun. It does nothing
// where the action has its record already.
func (s *Store) KeepRecord(ctx context.Context, r kyc.AuditRecord) error {
	item, err := encode(fromRecord(r))
	if err != nil {
		return err
	}
	_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk) OR outcome = :begun"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":begun": str(kyc.AuditBegun)},
	})
	if _, kept := errors.AsType[*types.ConditionalCheckFailedException](err); kept || err == nil {
		return nil
	}
	return fmt.Errorf("keep record: %w", err)
}

// Records lists up to limit records of a month, newest first, those that stand in the list after before; with a zero
// before from the newest. They are those of a brand or, where none is named, of all. It reports whether there are more. The
// index that a brand's are found by follows the table within moments.
func (s *Store) Records(ctx context.Context, brandID string, month time.Time, before kyc.AuditPlace, limit int) ([]kyc.AuditRecord, bool, error) {
	from := auditSK(before)
	if before.At.IsZero() {
		from = auditSK(kyc.AuditPlace{At: month.AddDate(0, 1, 0)})
	}
	var shards [listShards][]map[string]types.AttributeValue
	var errs [listShards]error
	var all sync.WaitGroup
	for n := range listShards {
		all.Go(func() { shards[n], errs[n] = s.recordsOfShard(ctx, brandID, month, n, from, limit+1) })
	}
	all.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return nil, false, err
	}
	keys := slices.Concat(shards[:]...)
	slices.SortFunc(keys, func(a, b map[string]types.AttributeValue) int { return strings.Compare(text(b["sk"]), text(a["sk"])) })
	more := len(keys) > limit
	items, err := s.batchGet(ctx, keys[:min(len(keys), limit)])
	if err != nil {
		return nil, false, err
	}
	var records []kyc.AuditRecord
	for _, item := range items {
		var i auditItem
		if err := decode(item, &i); err != nil {
			return nil, false, err
		}
		r, err := i.record()
		if err != nil {
			return nil, false, fmt.Errorf("record %s: %w", r.ID, err)
		}
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b kyc.AuditRecord) int {
		return strings.Compare(auditSK(kyc.AuditPlace{At: b.At, ID: b.ID}), auditSK(kyc.AuditPlace{At: a.At, ID: a.ID}))
	})
	return records, more, nil
}

// recordsOfShard returns the keys of up to limit records of a shard that are older than before, newest first.
func (s *Store) recordsOfShard(ctx context.Context, brandID string, month time.Time, n int, before string, limit int) ([]map[string]types.AttributeValue, error) {
	in := &dynamodb.QueryInput{
		TableName: &s.table, ScanIndexForward: aws.Bool(false), Limit: aws.Int32(int32(limit)), ProjectionExpression: aws.String("pk, sk"),
		KeyConditionExpression:    aws.String("#list = :list AND #at < :before"),
		ExpressionAttributeNames:  map[string]string{"#list": "pk", "#at": "sk"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":list": str(auditPK(month, n)), ":before": str(before)},
	}
	if brandID != "" {
		in.IndexName = aws.String(listsIndex)
		in.ExpressionAttributeNames = map[string]string{"#list": "list", "#at": "listed_at"}
		in.ExpressionAttributeValues[":list"] = str(auditList(brandID, month, n))
	}
	var keys []map[string]types.AttributeValue
	for pages := dynamodb.NewQueryPaginator(s.db, in); pages.HasMorePages() && len(keys) < limit; {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("query records: %w", err)
		}
		keys = append(keys, page.Items...)
	}
	return keys, nil
}

func text(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}
