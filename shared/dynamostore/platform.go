package dynamostore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

type brandItem struct {
	PK         string            `dynamodbav:"pk"`
	SK         string            `dynamodbav:"sk"`
	ID         string            `dynamodbav:"brand_id"`
	Name       string            `dynamodbav:"name"`
	Keys       map[string][]byte `dynamodbav:"keys"`        // wrapped, by version
	KeyVersion int               `dynamodbav:"key_version"` // the newest

	RotatedAt   string      `dynamodbav:"rotated_at,omitempty"`
	Rewrap      *rewrapItem `dynamodbav:"rewrap,omitempty"`
	RewrappedAt string      `dynamodbav:"rewrapped_at,omitempty"`

	CreatedAt string `dynamodbav:"created_at"`
	List      string `dynamodbav:"list"`
	ListedAt  string `dynamodbav:"listed_at"`
}

type programItem struct {
	PK            string                `dynamodbav:"pk"`
	SK            string                `dynamodbav:"sk"`
	BrandID       string                `dynamodbav:"brand_id"`
	ID            string                `dynamodbav:"program_id"`
	Name          string                `dynamodbav:"name"`
	Bank          string                `dynamodbav:"bank"`
	Policies      map[string]policyItem `dynamodbav:"policies"`
	PolicyVersion int                   `dynamodbav:"policy_version"`
	CreatedAt     string                `dynamodbav:"created_at"`
	List          string                `dynamodbav:"list"`
	ListedAt      string                `dynamodbav:"listed_at"`
}

type policyItem struct {
	Required    []string `dynamodbav:"required"`
	MinimumAge  int      `dynamodbav:"minimum_age"`
	MaxAttempts int      `dynamodbav:"max_attempts"`
	MinInterval int64    `dynamodbav:"min_interval"` // seconds
	Duplicates  string   `dynamodbav:"duplicates,omitempty"`
	// A policy of before there were these asks for the default ones.
	Checks           []kyc.Check `dynamodbav:"checks,omitempty"`
	DocumentDeadline int64       `dynamodbav:"document_deadline,omitempty"` // seconds
	Documents        string      `dynamodbav:"documents,omitempty"`
	BrandName        string      `dynamodbav:"brand_name,omitempty"`
	BrandColor       string      `dynamodbav:"brand_color,omitempty"`
}

type apiKeyItem struct {
	PK          string           `dynamodbav:"pk"`
	SK          string           `dynamodbav:"sk"`
	BrandID     string           `dynamodbav:"brand_id"`
	Identity    string           `dynamodbav:"identity"`
	Name        string           `dynamodbav:"name"`
	SecretHash  []byte           `dynamodbav:"secret_hash"`
	Permissions []kyc.Permission `dynamodbav:"permissions"`
	CustomerID  string           `dynamodbav:"customer_id,omitempty"`
	CreatedAt   string           `dynamodbav:"created_at"`
	ValidUntil  string           `dynamodbav:"valid_until,omitempty"`
	RevokedAt   string           `dynamodbav:"revoked_at,omitempty"`
	LastUsedOn  string           `dynamodbav:"last_used_on,omitempty"`
	List        string           `dynamodbav:"list,omitempty"`
	ListedAt    string           `dynamodbav:"listed_at,omitempty"`
	ExpiresAt   int64            `dynamodbav:"expires_at,omitempty"` // of a temporary pair, which is removed then and in no list
}

// CreateBrand stores a brand with its first key, wrapped, an empty directory of subscriptions, and the record of it.
func (s *Store) CreateBrand(ctx context.Context, b kyc.Brand, wrappedKey []byte, r kyc.AuditRecord) error {
	created := kyc.FormatTime(b.CreatedAt)
	brand, err1 := s.newItem(brandItem{
		PK: brandPK(b.ID), SK: skBrand, ID: b.ID, Name: b.Name, Keys: map[string][]byte{"1": wrappedKey}, KeyVersion: 1,
		CreatedAt: created, List: brandsList, ListedAt: created + "#" + b.ID,
	})
	directory, err2 := s.newItem(directoryItem{PK: brandPK(b.ID), SK: skSubscriptions, Subscriptions: map[string]directoryEntry{}})
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	reasons, err := s.change(ctx, r, brand, directory)
	if err == nil && reasons != nil {
		err = errors.New("the id is taken")
	}
	if err != nil {
		return fmt.Errorf("create brand: %w", err)
	}
	return nil
}

// Brand reads a brand; it returns a kyc.NotFound error where there is none.
func (s *Store) Brand(ctx context.Context, brandID string) (kyc.Brand, error) {
	i, err := s.brand(ctx, brandID)
	if err != nil {
		return kyc.Brand{}, err
	}
	return i.brand()
}

func (i brandItem) brand() (kyc.Brand, error) {
	at, err := kyc.ParseTime(i.CreatedAt)
	return kyc.Brand{ID: i.ID, Name: i.Name, CreatedAt: at}, err
}

func (s *Store) brand(ctx context.Context, brandID string) (brandItem, error) {
	var i brandItem
	found, err := s.get(ctx, brandPK(brandID), skBrand, &i)
	if err == nil && !found {
		err = &kyc.Error{Kind: kyc.NotFound, Code: "invalid_reference", Message: "No brand with this brand_id exists. Create one with the action create_brand."}
	}
	return i, err
}

// BrandKey returns a wrapped key of the brand and its version; version 0 asks for the newest.
func (s *Store) BrandKey(ctx context.Context, brandID string, version int) ([]byte, int, error) {
	i, err := s.brand(ctx, brandID)
	if err != nil {
		return nil, 0, err
	}
	if version == 0 {
		version = i.KeyVersion
	}
	key, ok := i.Keys[strconv.Itoa(version)]
	if !ok {
		return nil, 0, fmt.Errorf("brand has no key of version %d: %w", version, kyc.ErrUnreadable)
	}
	return key, version, nil
}

// Brands lists all brands, oldest first.
func (s *Store) Brands(ctx context.Context) ([]kyc.Brand, error) {
	return listed(ctx, s, brandsList, all, brandItem.brand)
}

// CreateProgram stores a program and the record of it. Its id must be new.
func (s *Store) CreateProgram(ctx context.Context, p kyc.Program, r kyc.AuditRecord) error {
	created := kyc.FormatTime(p.CreatedAt)
	item := programItem{
		PK: programPK(p.BrandID, p.ID), SK: skProgram, BrandID: p.BrandID, ID: p.ID, Name: p.Name, Bank: p.Bank,
		Policies: map[string]policyItem{}, PolicyVersion: p.PolicyVersion, CreatedAt: created,
		List: programsList(p.BrandID), ListedAt: created + "#" + p.ID,
	}
	for version, policy := range p.Policies {
		item.Policies[strconv.Itoa(version)] = fromPolicy(policy)
	}
	program, err := s.newItem(item)
	if err != nil {
		return err
	}
	reasons, err := s.change(ctx, r, program)
	if err == nil && reasons != nil {
		err = errors.New("the id is taken")
	}
	if err != nil {
		return fmt.Errorf("create program: %w", err)
	}
	return nil
}

func fromPolicy(p kyc.Policy) policyItem {
	return policyItem{
		Required: fieldNames(p.Required), MinimumAge: p.MinimumAge, MaxAttempts: p.MaxAttempts, MinInterval: int64(p.MinInterval / time.Second),
		Duplicates: string(p.Duplicates),
		Checks:     p.Checks, DocumentDeadline: int64(p.DocumentDeadline / time.Second), BrandName: p.BrandName, BrandColor: p.BrandColor,
		Documents: string(p.Documents),
	}
}

func (i policyItem) policy(version int) kyc.Policy {
	p := kyc.Policy{
		Version: version, Required: fields(i.Required), MinimumAge: i.MinimumAge, MaxAttempts: i.MaxAttempts,
		MinInterval: time.Duration(i.MinInterval) * time.Second, Checks: i.Checks, DocumentDeadline: time.Duration(i.DocumentDeadline) * time.Second,
		Duplicates: cmp.Or(kyc.Duplicates(i.Duplicates), kyc.DuplicatesAllowed), BrandName: i.BrandName, BrandColor: i.BrandColor,
		Documents: cmp.Or(kyc.DocumentPolicy(i.Documents), kyc.DocumentsReviewed),
	}
	if p.Checks == nil {
		p.Checks = kyc.DefaultPolicy().Checks
	}
	if p.DocumentDeadline == 0 {
		p.DocumentDeadline = kyc.DefaultDocumentDeadline
	}
	return p
}

// AddPolicy makes the policy the program's newest, after the version before it, and keeps the record of it. It returns
// false where that one is not the newest any more, or there is no such program.
func (s *Store) AddPolicy(ctx context.Context, brandID, programID string, policy kyc.Policy, r kyc.AuditRecord) (bool, error) {
	added, err := value(fromPolicy(policy))
	if err != nil {
		return false, err
	}
	reasons, err := s.change(ctx, r, types.TransactWriteItem{Update: &types.Update{
		TableName: &s.table, Key: itemKey(programPK(brandID, programID), skProgram),
		ConditionExpression:       aws.String("policy_version = :read"),
		UpdateExpression:          aws.String("SET policies.#version = :policy, policy_version = :version"),
		ExpressionAttributeNames:  map[string]string{"#version": strconv.Itoa(policy.Version)},
		ExpressionAttributeValues: map[string]types.AttributeValue{":read": num(policy.Version - 1), ":version": num(policy.Version), ":policy": added},
	}})
	if err != nil {
		return false, fmt.Errorf("add policy: %w", err)
	}
	return reasons == nil, nil
}

// Program returns a program of the brand, at most a minute old. It returns kyc.ErrProgramUnknown where there is none.
func (s *Store) Program(ctx context.Context, brandID, programID string) (kyc.Program, error) {
	return s.programs.Get(ctx, [2]string{brandID, programID}, s.readProgram(brandID, programID))
}

// CurrentProgram returns a program as of the last write, and has Program know it too.
func (s *Store) CurrentProgram(ctx context.Context, brandID, programID string) (kyc.Program, error) {
	return s.programs.Renew(ctx, [2]string{brandID, programID}, s.readProgram(brandID, programID))
}

func (s *Store) readProgram(brandID, programID string) func(context.Context) (kyc.Program, error) {
	return func(ctx context.Context) (kyc.Program, error) {
		var i programItem
		found, err := s.get(ctx, programPK(brandID, programID), skProgram, &i)
		if err != nil {
			return kyc.Program{}, err
		}
		if !found {
			return kyc.Program{}, kyc.ErrProgramUnknown()
		}
		return i.program()
	}
}

func (i programItem) program() (kyc.Program, error) {
	at, err := kyc.ParseTime(i.CreatedAt)
	p := kyc.Program{
		BrandID: i.BrandID, ID: i.ID, Name: i.Name, Bank: i.Bank, CreatedAt: at,
		Policies: map[int]kyc.Policy{}, PolicyVersion: i.PolicyVersion,
	}
	for version, policy := range i.Policies {
		v, convErr := strconv.Atoi(version)
		err = errors.Join(err, convErr)
		p.Policies[v] = policy.policy(v)
	}
	return p, err
}

// Programs lists a brand's programs, oldest first.
func (s *Store) Programs(ctx context.Context, brandID string) ([]kyc.Program, error) {
	return listed(ctx, s, programsList(brandID), all, programItem.program)
}

// CreateKey stores a key pair and the record of it. Its identity must be new.
func (s *Store) CreateKey(ctx context.Context, k kyc.APIKey, r kyc.AuditRecord) error {
	item := fromKey(k)
	item.List, item.ListedAt = keysList(k.BrandID), item.CreatedAt+"#"+k.Identity
	pair, err := s.newItem(item)
	if err != nil {
		return err
	}
	reasons, err := s.change(ctx, r, pair)
	if err == nil && reasons != nil {
		err = errors.New("the identity is taken")
	}
	if err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	return nil
}

// CreateTemporaryKey stores a temporary key pair, which is in no list and is removed when it has expired. Its identity
// must be new.
func (s *Store) CreateTemporaryKey(ctx context.Context, k kyc.APIKey) error {
	item := fromKey(k)
	item.ExpiresAt = k.ExpiresAt.Unix() + 1 // not before it, to the second
	ok, err := s.create(ctx, item)
	if err == nil && !ok {
		err = errors.New("the identity is taken")
	}
	if err != nil {
		return fmt.Errorf("create temporary key: %w", err)
	}
	return nil
}

func fromKey(k kyc.APIKey) apiKeyItem {
	return apiKeyItem{
		PK: apiKeyPK(k.Identity), SK: skAPIKey, BrandID: k.BrandID, Identity: k.Identity, Name: k.Name, SecretHash: k.SecretHash,
		Permissions: k.Permissions, CustomerID: k.CustomerID, CreatedAt: kyc.FormatTime(k.CreatedAt), ValidUntil: formatTime(k.ExpiresAt),
	}
}

// Key reads a key pair by its identity, and reports whether it exists.
func (s *Store) Key(ctx context.Context, identity string) (kyc.APIKey, bool, error) {
	var i apiKeyItem
	found, err := s.get(ctx, apiKeyPK(identity), skAPIKey, &i)
	if err != nil || !found {
		return kyc.APIKey{}, false, err
	}
	k, err := i.key()
	return k, true, err
}

func (i apiKeyItem) key() (kyc.APIKey, error) {
	var times timeReader
	return kyc.APIKey{
		BrandID: i.BrandID, Identity: i.Identity, Name: i.Name, SecretHash: i.SecretHash, Permissions: i.Permissions, CustomerID: i.CustomerID,
		CreatedAt: times.read(i.CreatedAt), ExpiresAt: times.read(i.ValidUntil), RevokedAt: times.read(i.RevokedAt), LastUsedOn: i.LastUsedOn,
	}, times.err
}

// Keys lists a brand's key pairs, oldest first, the revoked and expired ones too, without the temporary ones.
func (s *Store) Keys(ctx context.Context, brandID string) ([]kyc.APIKey, error) {
	return listed(ctx, s, keysList(brandID), all, apiKeyItem.key)
}

// RevokeKey revokes a brand's key pair as of at, and keeps the record of it. A pair that was revoked before stays as it is,
// and nothing is recorded. It reports whether the brand has such a pair, and whether that is revoked only now.
func (s *Store) RevokeKey(ctx context.Context, brandID, identity string, at time.Time, r kyc.AuditRecord) (found, changed bool, err error) {
	reasons, err := s.change(ctx, r, types.TransactWriteItem{Update: &types.Update{
		TableName: &s.table, Key: itemKey(apiKeyPK(identity), skAPIKey),
		ConditionExpression:                 aws.String("brand_id = :brand AND attribute_not_exists(revoked_at)"),
		UpdateExpression:                    aws.String("SET revoked_at = :at"),
		ExpressionAttributeValues:           map[string]types.AttributeValue{":brand": str(brandID), ":at": str(kyc.FormatTime(at))},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}})
	if err != nil {
		return false, false, fmt.Errorf("revoke key: %w", err)
	}
	if reasons == nil {
		return true, true, nil
	}
	var old apiKeyItem
	err = decode(reasons[0].Item, &old)
	return old.BrandID == brandID, false, err
}

// NoteKeyUse notes the day (like 2026-01-02) of a pair's last use, unless that one or a later one is noted or there is no
// such pair.
func (s *Store) NoteKeyUse(ctx context.Context, identity, day string) error {
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: itemKey(apiKeyPK(identity), skAPIKey),
		ConditionExpression:       aws.String("attribute_exists(pk) AND (attribute_not_exists(last_used_on) OR last_used_on < :day)"),
		UpdateExpression:          aws.String("SET last_used_on = :day"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":day": str(day)},
	})
	if _, noted := errors.AsType[*types.ConditionalCheckFailedException](err); noted || err == nil {
		return nil
	}
	return fmt.Errorf("note key use: %w", err)
}

// all is the limit of a list that an operator keeps short himself.
const all = math.MaxInt

// listed reads the items of a list through its index, in the order of listed_at, at most limit.
func listed[Item, T any](ctx context.Context, s *Store, list string, limit int, parse func(Item) (T, error)) ([]T, error) {
	var values []T
	pages := dynamodb.NewQueryPaginator(s.db, &dynamodb.QueryInput{
		TableName: &s.table, IndexName: aws.String(listsIndex), Limit: aws.Int32(100), // what one BatchGetItem reads
		KeyConditionExpression:    aws.String("#list = :list"),
		ExpressionAttributeNames:  map[string]string{"#list": "list"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":list": str(list)},
	})
	for pages.HasMorePages() && len(values) < limit {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("query lists: %w", err)
		}
		keys := make([]map[string]types.AttributeValue, 0, len(page.Items))
		for _, item := range page.Items {
			keys = append(keys, map[string]types.AttributeValue{"pk": item["pk"], "sk": item["sk"]})
		}
		items, err := s.batchGet(ctx, keys)
		if err != nil {
			return nil, err
		}
		found := map[string]T{}
		for _, m := range items {
			var i Item
			if err := decode(m, &i); err != nil {
				return nil, err
			}
			t, err := parse(i)
			if err != nil {
				return nil, err
			}
			found[keyString(m)] = t
		}
		for _, key := range keys { // BatchGetItem answers in any order
			if t, ok := found[keyString(key)]; ok {
				values = append(values, t)
			}
		}
	}
	return values[:min(len(values), limit)], nil
}

func keyString(item map[string]types.AttributeValue) string {
	pk, _ := item["pk"].(*types.AttributeValueMemberS)
	sk, _ := item["sk"].(*types.AttributeValueMemberS)
	if pk == nil || sk == nil {
		return ""
	}
	return pk.Value + "\x00" + sk.Value
}
