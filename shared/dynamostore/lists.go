package dynamostore

import (
	"context"
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

// maxMonths bounds how many months of a list one call looks through. A brand without customers for so long gets a page
// that is empty, and where to go on.
const maxMonths = 60

// CustomersBefore lists up to limit customers of a brand, newest first, those that stand in the list after before, down to
// the month of since. It returns where to go on, the zero place at the end. The index follows the table within moments.
func (s *Store) CustomersBefore(ctx context.Context, brandID string, before kyc.Listed, since time.Time, limit int) ([]kyc.Listed, kyc.Listed, error) {
	newest := before.CreatedAt.UTC()
	if before.CustomerID == "" {
		newest = newest.Add(-time.Nanosecond) // it stands before everything of its own moment
	}
	month := time.Date(newest.Year(), newest.Month(), 1, 0, 0, 0, 0, time.UTC)
	var found []kyc.Listed
	for range maxMonths {
		more, err := s.customersOfMonth(ctx, brandID, month, before, limit+1-len(found))
		if err != nil {
			return nil, kyc.Listed{}, err
		}
		found = append(found, more...)
		if len(found) > limit {
			return found[:limit], found[limit-1], nil
		}
		if !month.After(since) {
			return found, kyc.Listed{}, nil
		}
		month = month.AddDate(0, -1, 0)
	}
	return found, kyc.Listed{CreatedAt: month.AddDate(0, 1, 0)}, nil
}

// customersOfMonth asks the shards of a month side by side, each for as many as may be wanted, and merges what they have.
func (s *Store) customersOfMonth(ctx context.Context, brandID string, month time.Time, before kyc.Listed, limit int) ([]kyc.Listed, error) {
	var shards [listShards][]kyc.Listed
	var errs [listShards]error
	var all sync.WaitGroup
	for n := range listShards {
		all.Go(func() { shards[n], errs[n] = s.customersOfShard(ctx, customersShard(brandID, month, n), before, limit) })
	}
	all.Wait()
	merged := slices.SortedFunc(slices.Values(slices.Concat(shards[:]...)), func(a, b kyc.Listed) int { return strings.Compare(listedAt(b), listedAt(a)) })
	return merged[:min(len(merged), limit)], errors.Join(errs[:]...)
}

func (s *Store) customersOfShard(ctx context.Context, list string, before kyc.Listed, limit int) ([]kyc.Listed, error) {
	pages := dynamodb.NewQueryPaginator(s.db, &dynamodb.QueryInput{
		TableName: &s.table, IndexName: aws.String(listsIndex), Limit: aws.Int32(int32(limit)), ScanIndexForward: aws.Bool(false),
		KeyConditionExpression:    aws.String("#list = :list AND listed_at < :before"),
		ExpressionAttributeNames:  map[string]string{"#list": "list"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":list": str(list), ":before": str(listedAt(before))},
	})
	var found []kyc.Listed
	for pages.HasMorePages() && len(found) < limit {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("query customers: %w", err)
		}
		for _, entry := range page.Items {
			var item customerItem
			if err := decode(entry, &item); err != nil {
				return nil, err
			}
			at, id, _ := strings.Cut(item.ListedAt, "#")
			created, err := kyc.ParseTime(at)
			if err != nil {
				return nil, fmt.Errorf("customer %s: %w", id, err)
			}
			found = append(found, kyc.Listed{CreatedAt: created, CustomerID: id})
		}
	}
	return found, nil
}

func listedAt(l kyc.Listed) string { return kyc.FormatTime(l.CreatedAt) + "#" + l.CustomerID }

// OnFile reads up to 50 customers with their data, consistently, in the order of their ids. One that is not there, or
// closed, is left out.
func (s *Store) OnFile(ctx context.Context, brandID string, customerIDs []string) ([]kyc.OnFile, error) {
	var keys []map[string]types.AttributeValue
	for _, id := range customerIDs {
		pk := customerPK(brandID, id)
		keys = append(keys, itemKey(pk, skCustomer), itemKey(pk, skProfile))
	}
	items, err := s.batchGet(ctx, keys)
	if err != nil {
		return nil, err
	}
	customers, profiles := map[string]customerItem{}, map[string]profileItem{}
	for _, item := range items {
		if isItem(item, skCustomer) {
			var c customerItem
			err = decode(item, &c)
			customers[c.PK] = c
		} else {
			var p profileItem
			err = decode(item, &p)
			profiles[p.PK] = p
		}
		if err != nil {
			return nil, err
		}
	}
	var all []kyc.OnFile
	for _, id := range customerIDs {
		item, known := customers[customerPK(brandID, id)]
		profile, whole := profiles[item.PK]
		if !known || !whole {
			continue
		}
		c, err := item.customer()
		if err != nil {
			return nil, err
		}
		if c.Closed() {
			continue
		}
		all = append(all, kyc.OnFile{Customer: c, Profile: sealed(profile.DataKey, profile.Fields), Version: profile.Version})
	}
	return all, nil
}
