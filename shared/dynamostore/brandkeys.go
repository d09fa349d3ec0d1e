package dynamostore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// rewrapItem is a pass over a brand's data keys.
type rewrapItem struct {
	Version  int    `dynamodbav:"v"`
	BegunAt  string `dynamodbav:"begun_at"`
	Cursor   string `dynamodbav:"cursor"`
	Complete bool   `dynamodbav:"complete"`
}

func fromRewrap(r kyc.Rewrap) rewrapItem {
	return rewrapItem{r.Version, kyc.FormatTime(r.BegunAt), r.Cursor, r.Complete}
}

// BrandKeys reads how the keys of a brand stand. It returns a kyc.NotFound error where there is no such brand.
func (s *Store) BrandKeys(ctx context.Context, brandID string) (kyc.BrandKeys, error) {
	i, err := s.brand(ctx, brandID)
	if err != nil {
		return kyc.BrandKeys{}, err
	}
	var times timeReader
	k := kyc.BrandKeys{BrandID: brandID, Newest: i.KeyVersion, RotatedAt: times.read(i.RotatedAt), RewrappedAt: times.read(i.RewrappedAt)}
	for version := range i.Keys {
		n, err := strconv.Atoi(version)
		if err != nil {
			return kyc.BrandKeys{}, errors.New("a version of a brand's key that is no number")
		}
		k.Versions = append(k.Versions, n)
	}
	slices.Sort(k.Versions)
	if i.Rewrap != nil {
		k.Rewrap = &kyc.Rewrap{
			Version: i.Rewrap.Version, BegunAt: times.read(i.Rewrap.BegunAt), Cursor: i.Rewrap.Cursor, Complete: i.Rewrap.Complete,
		}
	}
	return k, times.err
}

// AddBrandKey makes a wrapped key the brand's newest, of the version after those that k tells of, as of at, and keeps the
// record of it. It returns false where k is not how the keys stand any more.
func (s *Store) AddBrandKey(ctx context.Context, k kyc.BrandKeys, wrapped []byte, at time.Time, r kyc.AuditRecord) (bool, error) {
	reasons, err := s.change(ctx, r, types.TransactWriteItem{Update: &types.Update{
		TableName: &s.table, Key: itemKey(brandPK(k.BrandID), skBrand),
		ConditionExpression:      aws.String("key_version = :read"),
		UpdateExpression:         aws.String("SET #keys.#version = :key, key_version = :version, rotated_at = :at"),
		ExpressionAttributeNames: map[string]string{"#keys": "keys", "#version": strconv.Itoa(k.Newest + 1)},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":read": num(k.Newest), ":version": num(k.Newest + 1), ":key": &types.AttributeValueMemberB{Value: wrapped}, ":at": str(kyc.FormatTime(at)),
		},
	}})
	if err != nil {
		return false, fmt.Errorf("add brand key: %w", err)
	}
	return reasons == nil, nil
}

// DestroyBrandKeys removes every version but the newest, and keeps the record of it. It returns false where the keys are not
// as k tells any more.
func (s *Store) DestroyBrandKeys(ctx context.Context, k kyc.BrandKeys, r kyc.AuditRecord) (bool, error) {
	names := map[string]string{"#keys": "keys", "#rewrap": "rewrap"}
	var old []string
	for _, version := range k.Versions {
		if version != k.Newest {
			names["#v"+strconv.Itoa(version)] = strconv.Itoa(version)
			old = append(old, "#keys.#v"+strconv.Itoa(version))
		}
	}
	pass, err := value(fromRewrap(*k.Rewrap))
	if err != nil {
		return false, err
	}
	reasons, err := s.change(ctx, r, types.TransactWriteItem{Update: &types.Update{
		TableName: &s.table, Key: itemKey(brandPK(k.BrandID), skBrand),
		ConditionExpression:       aws.String("key_version = :newest AND #rewrap = :pass AND size(#keys) = :versions"),
		UpdateExpression:          aws.String("REMOVE " + strings.Join(old, ", ")),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: map[string]types.AttributeValue{":newest": num(k.Newest), ":pass": pass, ":versions": num(len(k.Versions))},
	}})
	if err != nil {
		return false, fmt.Errorf("destroy brand keys: %w", err)
	}
	return reasons == nil, nil
}

// MoveRewrap notes how far a pass has come, where from is how the last one stands; a nil from begins a pass whatever the
// last one was. It returns false where another pass has begun, or this one was taken further by someone else.
func (s *Store) MoveRewrap(ctx context.Context, brandID string, from *kyc.Rewrap, to kyc.Rewrap) (bool, error) {
	after, err := value(fromRewrap(to))
	if err != nil {
		return false, err
	}
	return s.noteRewrap(ctx, brandID, from, to.Version, "#rewrap = :after", map[string]types.AttributeValue{":after": after})
}

// NoteRewrapped notes that a pass, which stands as it does, is about to wrap a data key anew. It returns false where another
// pass has begun, or this one was taken further by someone else.
func (s *Store) NoteRewrapped(ctx context.Context, brandID string, pass kyc.Rewrap, at time.Time) (bool, error) {
	return s.noteRewrap(ctx, brandID, &pass, pass.Version, "rewrapped_at = :at", map[string]types.AttributeValue{":at": str(kyc.FormatTime(at))})
}

func (s *Store) noteRewrap(ctx context.Context, brandID string, from *kyc.Rewrap, version int, set string, values map[string]types.AttributeValue) (bool, error) {
	in := &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: itemKey(brandPK(brandID), skBrand), UpdateExpression: aws.String("SET " + set),
		ConditionExpression:       aws.String("key_version = :version"),
		ExpressionAttributeValues: values,
	}
	values[":version"] = num(version)
	if from != nil {
		before, err := value(fromRewrap(*from))
		if err != nil {
			return false, err
		}
		values[":before"] = before
		// The SDK may repeat a call whose answer was lost: what it has written stands in no way.
		in.ConditionExpression = aws.String("key_version = :version AND (#rewrap = :before)")
		if values[":after"] != nil {
			in.ConditionExpression = aws.String("key_version = :version AND (#rewrap = :before OR #rewrap = :after)")
		}
	}
	if from != nil || values[":after"] != nil {
		in.ExpressionAttributeNames = map[string]string{"#rewrap": "rewrap"}
	}
	_, err := s.db.UpdateItem(ctx, in)
	if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); refused {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("note pass over data keys: %w", err)
	}
	return true, nil
}

// KeyHolders lists the customers of a brand among the next items of the table, those who were deleted and of whom the law
// keeps something too, and its deliveries among them, and returns the cursor after them: an empty one at the end. It reads past
// every item that there is, as no index tells of all of them; one may be listed twice.
func (s *Store) KeyHolders(ctx context.Context, brandID, cursor string) (kyc.KeyHolders, string, error) {
	items, next, err := s.scan(ctx, &dynamodb.ScanInput{ProjectionExpression: aws.String("pk, sk")}, cursor)
	if err != nil {
		return kyc.KeyHolders{}, "", err
	}
	var all kyc.KeyHolders
	for _, item := range items {
		pk := text(item["pk"])
		if brand, customer, err := parseCustomerPK(pk); err == nil && brand == brandID && !slices.Contains(all.Customers, customer) {
			all.Customers = append(all.Customers, customer)
		}
		if ref, err := parseDeliveryPK(pk); err == nil && ref.BrandID == brandID && !slices.Contains(all.Deliveries, ref) {
			all.Deliveries = append(all.Deliveries, ref)
		}
	}
	return all, next, nil
}

// errMoved says that a data key is not any more where it was read.
var errMoved = errors.New("a data key was moved while it was wrapped anew")

// RewrapCustomer hands every wrapped data key of a customer to rewrap, and stores what that returns in place of it. It
// returns how many were replaced. Fields, versions and the time line stay, and so nothing follows for relay.
//
// An attempt goes from the customer to the archive: it is written there before it leaves. All items are therefore read from
// the customer's on to the archive's, by their keys downwards, so that none is missed on its way.
func (s *Store) RewrapCustomer(ctx context.Context, brandID, customerID string, rewrap func(kyc.Place, []byte) ([]byte, error)) (int, error) {
	n, err := s.rewrapPartition(ctx, customerPK(brandID, customerID), func(item map[string]types.AttributeValue) (int, error) {
		return s.rewrapItem(ctx, brandID, customerID, item, rewrap)
	})
	if err != nil {
		err = fmt.Errorf("customer %s: %w", customerID, err)
	}
	return n, err
}

// RewrapDelivery is RewrapCustomer for what an endpoint answered to a delivery.
func (s *Store) RewrapDelivery(ctx context.Context, ref kyc.DeliveryRef, rewrap func(kyc.Place, []byte) ([]byte, error)) (int, error) {
	n, err := s.rewrapPartition(ctx, deliveryPK(ref.BrandID, ref.SubscriptionID, ref.EventID), func(item map[string]types.AttributeValue) (int, error) {
		if !isItem(item, skDelivery) { // an answer that is kept apart
			return s.replaceDataKey(ctx, item, item["dk"], held{}, kyc.AnswerPlace(ref), rewrap)
		}
		var d deliveryItem
		if err := decode(item, &d); err != nil {
			return 0, err
		}
		replaced := 0
		for i, try := range d.Tries {
			if try.DataKey == nil {
				continue
			}
			n, err := s.replaceDataKey(ctx, item, &types.AttributeValueMemberB{Value: try.DataKey}, held{path: fmt.Sprintf("tries[%d].", i)}, kyc.AnswerPlace(ref), rewrap)
			if replaced += n; err != nil {
				return replaced, err
			}
		}
		return replaced, nil
	})
	if err != nil {
		err = fmt.Errorf("delivery of event %s: %w", ref.EventID, err)
	}
	return n, err
}

// rewrapPartition hands every item of a partition, by their keys downwards, to one, and all of them again where a data key was
// moved meanwhile. It returns how many were replaced.
func (s *Store) rewrapPartition(ctx context.Context, pk string, one func(map[string]types.AttributeValue) (int, error)) (int, error) {
	replaced := 0
	all := func() error {
		pages := dynamodb.NewQueryPaginator(s.db, &dynamodb.QueryInput{
			TableName: &s.table, ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(false),
			KeyConditionExpression: aws.String("pk = :pk"), ExpressionAttributeValues: map[string]types.AttributeValue{":pk": str(pk)},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("query: %w", err)
			}
			for _, item := range page.Items {
				n, err := one(item)
				if replaced += n; err != nil {
					return err
				}
			}
		}
		return nil
	}
	for range maxTries {
		if err := all(); !errors.Is(err, errMoved) {
			return replaced, err
		}
	}
	return replaced, errMoved
}

func (s *Store) rewrapItem(ctx context.Context, brandID, customerID string, item map[string]types.AttributeValue, rewrap func(kyc.Place, []byte) ([]byte, error)) (int, error) {
	if isItem(item, skCustomer) {
		return s.rewrapAttempts(ctx, brandID, customerID, item, rewrap)
	}
	_, sealed := item["dk"].(*types.AttributeValueMemberB)
	switch sk := text(item["sk"]); {
	case !sealed:
		return 0, nil
	case sk == skProfile:
		return s.replaceDataKey(ctx, item, item["dk"], held{}, kyc.ProfilePlace(brandID, customerID), rewrap)
	case strings.HasPrefix(sk, allAttempts):
		return s.replaceDataKey(ctx, item, item["dk"], held{}, kyc.AttemptPlace(brandID, customerID, text(item["id"])), rewrap)
	}
	return 0, errors.New("an item of a customer has a data key, and nobody knows for what place")
}

// rewrapAttempts goes over the attempts that a customer's item holds.
func (s *Store) rewrapAttempts(ctx context.Context, brandID, customerID string, item map[string]types.AttributeValue, rewrap func(kyc.Place, []byte) ([]byte, error)) (int, error) {
	var c customerItem
	if err := decode(item, &c); err != nil {
		return 0, err
	}
	replaced := 0
	one := func(path, programID string, a attemptItem) error {
		if a.DataKey == nil {
			return nil
		}
		inAttempt := held{path: path + ".#p.", names: map[string]string{"#p": programID}, rev: true}
		n, err := s.replaceDataKey(ctx, item, &types.AttributeValueMemberB{Value: a.DataKey}, inAttempt, kyc.AttemptPlace(brandID, customerID, a.ID), rewrap)
		replaced += n
		return err
	}
	for programID, a := range c.Prev { // which leave first
		if a != nil {
			if err := one("prev", programID, *a); err != nil {
				return replaced, err
			}
		}
	}
	for programID, a := range c.KYC {
		if err := one("kyc", programID, a); err != nil {
			return replaced, err
		}
	}
	return replaced, nil
}

// held is where in its item a data key is.
type held struct {
	path  string // of what it belongs to, with a dot at the end; empty for the item itself
	names map[string]string
	rev   bool // whether its writer raises the item's rev
}

// replaceDataKey replaces a data key of an item, none where it is nil, unless another one has taken its place since it was
// read: then it returns errMoved.
func (s *Store) replaceDataKey(
	ctx context.Context, item map[string]types.AttributeValue, key types.AttributeValue, at held, place kyc.Place, rewrap func(kyc.Place, []byte) ([]byte, error),
) (int, error) {
	old, sealed := key.(*types.AttributeValueMemberB)
	if !sealed {
		return 0, nil
	}
	wrapped, err := rewrap(place, old.Value)
	if err != nil || bytes.Equal(wrapped, old.Value) {
		return 0, err
	}
	set, values := "", map[string]types.AttributeValue{":old": old, ":new": &types.AttributeValueMemberB{Value: wrapped}}
	if at.rev {
		set, values[":one"] = ", rev = rev + :one", num(1)
	}
	_, err = s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: itemKey(text(item["pk"]), text(item["sk"])),
		ConditionExpression: aws.String(at.path + "dk = :old"), UpdateExpression: aws.String("SET " + at.path + "dk = :new" + set),
		ExpressionAttributeNames: at.names, ExpressionAttributeValues: values,
	})
	if _, moved := errors.AsType[*types.ConditionalCheckFailedException](err); moved {
		return 0, errMoved
	}
	if err != nil {
		return 0, fmt.Errorf("replace data key: %w", err)
	}
	return 1, nil
}

// RewrapSubscriptions is RewrapCustomer for the secrets of a brand's subscriptions.
func (s *Store) RewrapSubscriptions(ctx context.Context, brandID string, rewrap func(kyc.Place, []byte) ([]byte, error)) (int, error) {
	directory, err := s.directory(ctx, brandID)
	if err != nil || len(directory.Subscriptions) == 0 {
		return 0, err
	}
	replaced := 0
	for range maxTries {
		var keys []map[string]types.AttributeValue
		for id := range directory.Subscriptions {
			keys = append(keys, itemKey(subscriptionPK(brandID, id), skSubscription))
		}
		items, err := s.batchGet(ctx, keys)
		if err != nil {
			return replaced, err
		}
		moved := false
		for _, item := range items {
			n, err := s.replaceDataKey(ctx, item, item["dk"], held{}, kyc.SubscriptionPlace(brandID, text(item["subscription_id"])), rewrap)
			replaced += n
			if moved = moved || errors.Is(err, errMoved); err != nil && !errors.Is(err, errMoved) {
				return replaced, err
			}
		}
		if !moved {
			return replaced, nil
		}
	}
	return replaced, errMoved
}
