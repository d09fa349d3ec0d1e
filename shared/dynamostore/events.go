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
	"kyc/shared/message"
)

type eventItem struct {
	PK        string `dynamodbav:"pk"`
	SK        string `dynamodbav:"sk"`
	BrandID   string `dynamodbav:"brand_id"`
	Body      string `dynamodbav:"body"`
	Link      int    `dynamodbav:"link,omitempty"`
	List      string `dynamodbav:"list"`
	ListedAt  string `dynamodbav:"listed_at"`
	ExpiresAt int64  `dynamodbav:"expires_at"`
}

func fromEvent(e kyc.Event) (eventItem, error) {
	e.UploadLink = kyc.Secret{} // nothing that is stored holds it
	body, err := message.EventBody(e)
	return eventItem{
		PK: eventPK(e.BrandID, e.ID), SK: skEvent, BrandID: e.BrandID, Body: string(body), Link: e.Link,
		List: eventsOf(e.BrandID)(e.OccurredAt, shard(e.ID, listShards)), ListedAt: eventAt(e.OccurredAt, e.ID),
		ExpiresAt: e.OccurredAt.Add(keepEvents).Unix(),
	}, err
}

func parseEvent(m map[string]types.AttributeValue) (kyc.Event, error) {
	var i eventItem
	if err := decode(m, &i); err != nil {
		return kyc.Event{}, err
	}
	e, err := message.DecodeEvent(i.BrandID, []byte(i.Body))
	e.Link = i.Link
	return e, err
}

// KeepEvent stores an event, so that it can be sent, and sent again on demand. Keeping it again does nothing.
func (s *Store) KeepEvent(ctx context.Context, e kyc.Event) error {
	item, err := fromEvent(e)
	if err == nil {
		_, err = s.create(ctx, item)
	}
	if err != nil {
		return fmt.Errorf("keep event %s: %w", e.ID, err)
	}
	return nil
}

// Event returns an event of a brand, or a kyc.NotFound error.
func (s *Store) Event(ctx context.Context, brandID, eventID string) (kyc.Event, error) {
	items, err := s.batchGet(ctx, []map[string]types.AttributeValue{itemKey(eventPK(brandID, eventID), skEvent)})
	if err != nil {
		return kyc.Event{}, err
	}
	if len(items) == 0 {
		return kyc.Event{}, kyc.ErrEventUnknown()
	}
	return parseEvent(items[0])
}

// EventsAfter lists up to limit events of a brand, oldest first: those after a place and before a time. It returns where to
// go on, the zero place at the end. The index follows the table within moments.
func (s *Store) EventsAfter(ctx context.Context, brandID string, after kyc.EventAt, until time.Time, limit int) ([]kyc.Event, kyc.EventAt, error) {
	return inMonths(ctx, s, monthly{eventsOf(brandID), after, until, limit, true}, parseEvent)
}

// EventsBefore lists up to limit events of a brand, newest first: those before a place and not before a time. It returns
// where to go on, the zero place at the end.
func (s *Store) EventsBefore(ctx context.Context, brandID string, before kyc.EventAt, since time.Time, limit int) ([]kyc.Event, kyc.EventAt, error) {
	return inMonths(ctx, s, monthly{eventsOf(brandID), before, since, limit, false}, parseEvent)
}

// entry is an entry of an index, which holds keys only.
type entry struct {
	key map[string]types.AttributeValue // of the item that it stands for
	at  string                          // its place in a list
	pk  string
}

func parseEntry(m map[string]types.AttributeValue) (entry, error) {
	var e struct {
		PK       string `dynamodbav:"pk"`
		ListedAt string `dynamodbav:"listed_at"`
	}
	err := decode(m, &e)
	return entry{map[string]types.AttributeValue{"pk": m["pk"], "sk": m["sk"]}, e.ListedAt, e.PK}, err
}

// monthly is a question to a list that is kept by month and shard: for up to limit of its entries, forward in time after
// the place from and before the time to, or backward before the place and not before the time.
type monthly struct {
	shard   func(month time.Time, n int) string
	from    kyc.EventAt
	to      time.Time
	limit   int
	forward bool
}

// inMonths reads what the entries stand for, and returns where to go on, the zero place at the end. What is no longer there
// is left out.
func inMonths[T any](ctx context.Context, s *Store, q monthly, parse func(map[string]types.AttributeValue) (T, error)) ([]T, kyc.EventAt, error) {
	step, low, high := -1, kyc.FormatTime(q.to), beforeAt(q.from)
	if q.forward {
		step, low, high = 1, afterAt(q.from), kyc.FormatTime(q.to)
	}
	last := month(q.to)
	var found []entry
	for m := month(q.from.OccurredAt); low <= high && m.Compare(last) != step && len(found) <= q.limit; m = m.AddDate(0, step, 0) {
		more, err := s.ofMonth(ctx, q, m, low, high, step)
		if err != nil {
			return nil, kyc.EventAt{}, err
		}
		found = append(found, more...)
	}
	var next kyc.EventAt
	if len(found) > q.limit {
		found = found[:q.limit]
		at, id, _ := strings.Cut(found[q.limit-1].at, "#")
		occurred, err := kyc.ParseTime(at)
		if err != nil {
			return nil, kyc.EventAt{}, fmt.Errorf("place in a list: %w", err)
		}
		next = kyc.EventAt{OccurredAt: occurred, EventID: id}
	}
	values, err := readListed(ctx, s, found, parse)
	return values, next, err
}

// ofMonth asks the shards of a month side by side, each for one more than may be wanted, and merges what they have.
func (s *Store) ofMonth(ctx context.Context, q monthly, m time.Time, low, high string, step int) ([]entry, error) {
	var shards [listShards][]entry
	var errs [listShards]error
	var all sync.WaitGroup
	for n := range listShards {
		all.Go(func() {
			shards[n], errs[n] = s.entries(ctx, &dynamodb.QueryInput{
				TableName: &s.table, IndexName: aws.String(listsIndex), Limit: aws.Int32(int32(q.limit) + 1), ScanIndexForward: &q.forward,
				KeyConditionExpression:   aws.String("#list = :list AND listed_at BETWEEN :low AND :high"),
				ExpressionAttributeNames: map[string]string{"#list": "list"},
				ExpressionAttributeValues: map[string]types.AttributeValue{
					":list": str(q.shard(m, n)), ":low": str(low), ":high": str(high),
				},
			}, q.limit+1)
		})
	}
	all.Wait()
	return slices.SortedFunc(slices.Values(slices.Concat(shards[:]...)), func(a, b entry) int {
		return step * strings.Compare(a.at, b.at)
	}), errors.Join(errs[:]...)
}

func (s *Store) entries(ctx context.Context, in *dynamodb.QueryInput, limit int) ([]entry, error) {
	var found []entry
	pages := dynamodb.NewQueryPaginator(s.db, in)
	for pages.HasMorePages() && len(found) < limit {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("query list: %w", err)
		}
		for _, item := range page.Items {
			e, err := parseEntry(item)
			if err != nil {
				return nil, err
			}
			found = append(found, e)
		}
	}
	return found, nil
}

// readListed reads what entries of the index stand for, in their order. What is no longer there is left out.
func readListed[T any](ctx context.Context, s *Store, entries []entry, parse func(map[string]types.AttributeValue) (T, error)) ([]T, error) {
	byPK := map[string]T{}
	for some := range slices.Chunk(entries, maxBatchGet) {
		var keys []map[string]types.AttributeValue
		for _, e := range some {
			keys = append(keys, e.key)
		}
		items, err := s.batchGet(ctx, keys)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			e, err := parseEntry(item)
			if err == nil {
				byPK[e.pk], err = parse(item)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	var values []T
	for _, e := range entries {
		if v, found := byPK[e.pk]; found {
			values = append(values, v)
		}
	}
	return values, nil
}

// maxBatchGet is how many items one BatchGetItem reads.
const maxBatchGet = 100

func month(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// eventAt is where an event stands in a list.
func eventAt(at time.Time, eventID string) string { return kyc.FormatTime(at) + "#" + eventID }

// afterAt is the least place after at, or the least of its moment where it names no event. A space sorts before every
// character of an id.
func afterAt(at kyc.EventAt) string {
	if at.EventID == "" {
		return kyc.FormatTime(at.OccurredAt)
	}
	return eventAt(at.OccurredAt, at.EventID) + " "
}

// beforeAt is the greatest place before at, or before its moment where it names no event. No place is as short as that of
// a moment; of one with an event the last character is made one less, with the greatest of all behind it.
func beforeAt(at kyc.EventAt) string {
	if at.EventID == "" {
		return kyc.FormatTime(at.OccurredAt)
	}
	place := eventAt(at.OccurredAt, at.EventID)
	last := len(place) - 1
	return place[:last] + string(place[last]-1) + "~"
}
