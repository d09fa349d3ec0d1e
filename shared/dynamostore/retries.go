package dynamostore

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

type retryRequestItem struct {
	PK          string `dynamodbav:"pk"`
	SK          string `dynamodbav:"sk"`
	BrandID     string `dynamodbav:"brand_id"`
	CustomerID  string `dynamodbav:"customer_id"`
	ProgramID   string `dynamodbav:"program_id"`
	RequestedAt string `dynamodbav:"requested_at"`
	RequestedBy string `dynamodbav:"requested_by"`
	List        string `dynamodbav:"list"`
	ListedAt    string `dynamodbav:"listed_at"`
}

// RequestRetry notes that a brand asks for another attempt, and returns since when. Asking again keeps the first time. It
// returns kyc.ErrCustomerUnknown where the customer was closed meanwhile.
func (s *Store) RequestRetry(ctx context.Context, r kyc.RetryRequest) (time.Time, error) {
	at := kyc.FormatTime(r.RequestedAt)
	pk := customerPK(r.BrandID, r.CustomerID)
	put, err := s.newItem(retryRequestItem{
		PK: pk, SK: retrySK(r.ProgramID), BrandID: r.BrandID, CustomerID: r.CustomerID, ProgramID: r.ProgramID,
		RequestedAt: at, RequestedBy: r.RequestedBy, List: retriesList(r.BrandID), ListedAt: at + "#" + r.CustomerID + "#" + r.ProgramID,
	})
	if err != nil {
		return time.Time{}, err
	}
	put.Put.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	reasons, err := s.transact(ctx, token("request-retry", rand.Text()), put, s.openCustomer(pk))
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("request retry: %w", err)
	case reasons == nil:
		return r.RequestedAt, nil
	case conditionFailed(reasons[1]):
		return time.Time{}, kyc.ErrCustomerUnknown()
	}
	var first retryRequestItem
	if err := decode(reasons[0].Item, &first); err != nil {
		return time.Time{}, err
	}
	return kyc.ParseTime(first.RequestedAt)
}

// RetryRequests lists a brand's requests for another attempt, oldest first, at most limit.
func (s *Store) RetryRequests(ctx context.Context, brandID string, limit int) ([]kyc.RetryRequest, error) {
	return listed(ctx, s, retriesList(brandID), limit, retryRequestItem.request)
}

func (i retryRequestItem) request() (kyc.RetryRequest, error) {
	at, err := kyc.ParseTime(i.RequestedAt)
	pair := kyc.Pair{BrandID: i.BrandID, CustomerID: i.CustomerID, ProgramID: i.ProgramID}
	return kyc.RetryRequest{Pair: pair, RequestedAt: at, RequestedBy: i.RequestedBy}, err
}

// DropRetryRequest removes a request for another attempt, where there is one, and keeps the record of it.
func (s *Store) DropRetryRequest(ctx context.Context, pair kyc.Pair, r kyc.AuditRecord) error {
	if _, err := s.change(ctx, r, s.dropRetryRequest(pair)); err != nil {
		return fmt.Errorf("drop retry request: %w", err)
	}
	return nil
}

func (s *Store) dropRetryRequest(pair kyc.Pair) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{
		TableName: &s.table, Key: itemKey(customerPK(pair.BrandID, pair.CustomerID), retrySK(pair.ProgramID)),
	}}
}

// GrantAttempts sets the number of used attempts of a customer that is still as it was seen, removes the request for more,
// and keeps the record of it. It returns false where someone has written since. What a worker counts is added to whatever
// stands there, so that neither undoes the other; the attempt itself and its state_version stay, and so nothing follows.
func (s *Store) GrantAttempts(ctx context.Context, c kyc.Customer, programID string, used int, r kyc.AuditRecord) (bool, error) {
	u := newUpdate(programID)
	delete(u.values, ":zero")
	u.require("rev = :rev")
	u.value(":rev", c.Rev)
	u.set("used.#p = :used", "rev = rev + :one")
	u.value(":used", used)
	if u.err != nil {
		return false, u.err
	}
	pair := kyc.Pair{BrandID: c.BrandID, CustomerID: c.ID, ProgramID: programID}
	reasons, err := s.change(ctx, r, u.inTransaction(s.table, customerPK(c.BrandID, c.ID)), s.dropRetryRequest(pair))
	return err == nil && reasons == nil, err
}
