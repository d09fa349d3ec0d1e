package platform

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"kyc/shared/kyc"
)

// BrandKeys is what a brand does with its key pairs itself. It is safe for concurrent use.
type BrandKeys struct {
	Keys interface {
		Key(ctx context.Context, identity string) (kyc.APIKey, bool, error)
		CreateTemporaryKey(ctx context.Context, k kyc.APIKey) error
	}
	Customers interface {
		// Customer returns kyc.ErrCustomerUnknown for a customer that the brand does not have.
		Customer(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
	}
	Now   func() time.Time // real time
	NewID func() string
}

// TemporaryKey is a key pair for one customer that a brand asks for, to be handed to that customer's device.
type TemporaryKey struct {
	BrandID, Identity string // of the pair that asks
	CustomerID        string
	Permissions       []string            // nil for all that it can have
	Wrong             map[string][]string // what was found wrong in reading it
}

const (
	// temporaryFor is how long a temporary pair lives, and so by how much it outlives the one that asked for it.
	temporaryFor  = 15 * time.Minute
	temporaryName = "temporary"
)

// Key returns a key pair of the brand. A temporary one that has expired is as unknown as one that was removed.
func (b *BrandKeys) Key(ctx context.Context, brandID, identity string) (kyc.APIKey, error) {
	identity = strings.ToLower(identity)
	if !kyc.IsUUID(identity) {
		return kyc.APIKey{}, &kyc.Error{Kind: kyc.Invalid, Code: "invalid_request", Message: "The identity in the path is not a UUID."}
	}
	k, found, err := b.Keys.Key(ctx, identity)
	if err != nil {
		return kyc.APIKey{}, err
	}
	if !found || k.BrandID != brandID || k.Temporary() && !b.Now().Before(k.ExpiresAt) {
		return kyc.APIKey{}, &kyc.Error{Kind: kyc.NotFound, Code: "invalid_reference", Message: "No such key pair."}
	}
	return k, nil
}

// Temporary makes a key pair that reads and writes one customer, as far as the pair that asks may, and returns its secret
// half, which nobody can read again. The gateway may still remember a pair that was revoked: here it is looked at again,
// so that none comes of it.
func (b *BrandKeys) Temporary(ctx context.Context, t TemporaryKey) (kyc.APIKey, kyc.Secret, error) {
	now := b.Now()
	asking, found, err := b.Keys.Key(ctx, t.Identity)
	if err != nil {
		return kyc.APIKey{}, kyc.Secret{}, err
	}
	if !found || asking.BrandID != t.BrandID || !asking.Live(now) {
		return kyc.APIKey{}, kyc.Secret{}, &kyc.Error{Kind: kyc.Forbidden, Code: "auth_err", Message: "This key pair is revoked. Ask your operator for another one."}
	}
	can := slices.DeleteFunc(slices.Clone(asking.Permissions), func(p kyc.Permission) bool { return p != kyc.MayRead && p != kyc.MayWrite })
	wrong := map[string][]string{}
	maps.Copy(wrong, t.Wrong)
	chosen := choose(wrong, t.Permissions, can)
	customerID := strings.ToLower(t.CustomerID)
	switch {
	case wrong["customer_id"] != nil:
	case customerID == "":
		wrong["customer_id"] = []string{kyc.MissingField}
	case !kyc.IsUUID(customerID):
		wrong["customer_id"] = []string{"Must be a UUID."}
	}
	if len(wrong) > 0 {
		return kyc.APIKey{}, kyc.Secret{}, invalid(wrong)
	}
	if _, err := b.Customers.Customer(ctx, t.BrandID, customerID); err != nil {
		return kyc.APIKey{}, kyc.Secret{}, err
	}
	secret := newSecret()
	k := kyc.APIKey{
		BrandID: t.BrandID, Identity: b.NewID(), Name: temporaryName, SecretHash: hash(secret), Permissions: chosen,
		CustomerID: customerID, CreatedAt: now, ExpiresAt: now.Add(temporaryFor),
	}
	if !asking.ExpiresAt.IsZero() && asking.ExpiresAt.Before(k.ExpiresAt) {
		k.ExpiresAt = asking.ExpiresAt
	}
	return k, secret, b.Keys.CreateTemporaryKey(ctx, k)
}
