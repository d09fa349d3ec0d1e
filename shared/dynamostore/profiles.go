package dynamostore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// changeItem is a change of the profile, by the names of its fields.
type changeItem struct {
	Version int      `dynamodbav:"v"`
	At      string   `dynamodbav:"at"`
	Fields  []string `dynamodbav:"fields"`
}

// UpdateProfile makes one change of a customer's data: of the encrypted fields and of what the aggregate tells of them. It
// returns false, and has written nothing, where someone has written the customer since it was read.
func (s *Store) UpdateProfile(ctx context.Context, up kyc.Update) (bool, error) {
	c := up.Customer
	pk := customerPK(c.BrandID, c.ID)
	u := newUpdate(kyc.OfProfile)
	delete(u.values, ":zero")
	u.require("rev = :rev")
	u.value(":rev", c.Rev)
	u.set("profile_version = :next", "version.#p = :next", "present = :present", "changes = :changes", "rev = rev + :one")
	u.value(":next", c.ProfileVersion+1)
	u.values[":present"] = &types.AttributeValueMemberSS{Value: fieldNames(up.Present)}
	u.value(":changes", fromChanges(up.Changes))
	u.alarm(c.ID, up.Alarm)
	fields, err := value(sealedFields(up.Profile))
	if err := errors.Join(err, u.err); err != nil {
		return false, err
	}
	items := []types.TransactWriteItem{u.inTransaction(s.table, pk), {Update: &types.Update{
		TableName: &s.table, Key: itemKey(pk, skProfile),
		ConditionExpression:      aws.String("profile_version = :read"),
		UpdateExpression:         aws.String("SET #fields = :fields, profile_version = :next"),
		ExpressionAttributeNames: map[string]string{"#fields": "fields"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":read": num(c.ProfileVersion), ":next": num(c.ProfileVersion + 1), ":fields": fields,
		},
	}}}
	// The token is of this call: another update of the same version may say something else.
	reasons, err := s.transact(ctx, token("update-profile", rand.Text()), append(items, s.ssnEntries(c.BrandID, c.ID, up.SSN)...)...)
	if err != nil {
		return false, fmt.Errorf("update profile of customer %s: %w", c.ID, err)
	}
	return reasons == nil, nil
}

func changes(items []changeItem, times *timeReader) []kyc.ProfileChange {
	var all []kyc.ProfileChange
	for _, i := range items {
		all = append(all, kyc.ProfileChange{Version: i.Version, At: times.read(i.At), Fields: fields(i.Fields)})
	}
	return all
}

func fromChanges(all []kyc.ProfileChange) []changeItem {
	var items []changeItem
	for _, c := range all {
		items = append(items, changeItem{Version: c.Version, At: kyc.FormatTime(c.At), Fields: fieldNames(c.Fields)})
	}
	return items
}
