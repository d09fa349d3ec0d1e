package platform_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/platform"
)

const (
	askingID = "6b7c8d9e-0f1a-4b2c-9d3e-4f5a6b7c8d10"
	otherID  = "5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02"
)

// ring is the key pairs and the one customer of a brand.
type ring struct {
	keys map[string]kyc.APIKey
	fail string
}

func (r *ring) Key(_ context.Context, identity string) (kyc.APIKey, bool, error) {
	k, ok := r.keys[identity]
	return k, ok, r.do("read key")
}

func (r *ring) CreateTemporaryKey(_ context.Context, k kyc.APIKey) error {
	r.keys[k.Identity] = k
	return r.do("create key")
}

func (r *ring) Customer(_ context.Context, brand, id string) (kyc.Customer, error) {
	if brand != brandID || id != customerID {
		return kyc.Customer{}, kyc.ErrCustomerUnknown()
	}
	return kyc.Customer{}, r.do("read customer")
}

func (r *ring) do(what string) error {
	if what == r.fail {
		return errGone
	}
	return nil
}

// held is a ring with one key pair, and what its brand does with it.
func held(change func(*kyc.APIKey)) (*ring, *platform.BrandKeys) {
	k := kyc.APIKey{BrandID: brandID, Identity: askingID, Name: "server", Permissions: kyc.Permissions(), CreatedAt: noon}
	if change != nil {
		change(&k)
	}
	r := &ring{keys: map[string]kyc.APIKey{askingID: k}}
	return r, &platform.BrandKeys{Keys: r, Customers: r, Now: func() time.Time { return noon }, NewID: func() string { return newID }}
}

func TestKeyOfABrand(t *testing.T) {
	temporary := func(in time.Duration) func(*kyc.APIKey) {
		return func(k *kyc.APIKey) { k.CustomerID, k.ExpiresAt = customerID, noon.Add(in) }
	}
	for name, c := range map[string]struct {
		change   func(*kyc.APIKey)
		identity string
		kind     kyc.Kind
		code     string // empty where it is shown
	}{
		"its own":                 {nil, askingID, 0, ""},
		"in capital letters":      {nil, strings.ToUpper(askingID), 0, ""},
		"a revoked one":           {func(k *kyc.APIKey) { k.RevokedAt = noon }, askingID, 0, ""},
		"an expired one":          {func(k *kyc.APIKey) { k.ExpiresAt = noon }, askingID, 0, ""},
		"a temporary one":         {temporary(1), askingID, 0, ""},
		"an expired temporary":    {temporary(0), askingID, kyc.NotFound, "invalid_reference"},
		"another brand's":         {func(k *kyc.APIKey) { k.BrandID = otherID }, askingID, kyc.NotFound, "invalid_reference"},
		"an unknown one":          {nil, otherID, kyc.NotFound, "invalid_reference"},
		"a malformed one":         {nil, "temporary", kyc.Invalid, "invalid_request"},
		"another's and malformed": {nil, "", kyc.Invalid, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			r, b := held(c.change)
			got, err := b.Key(t.Context(), brandID, c.identity)
			if c.code == "" {
				if diff := cmp.Diff(r.keys[askingID], got); diff != "" || err != nil {
					t.Errorf("err %v (-want +got):\n%s", err, diff)
				}
				return
			}
			refusal, ok := errors.AsType[*kyc.Error](err)
			if !ok || refusal.Kind != c.kind || refusal.Code != c.code || got.Identity != "" {
				t.Errorf("got %+v, refused as %+v", got, err)
			}
		})
	}
	r, b := held(nil)
	r.fail = "read key"
	if _, err := b.Key(t.Context(), brandID, askingID); !errors.Is(err, errGone) {
		t.Errorf("failing: %v", err)
	}
}

func TestTemporaryKey(t *testing.T) {
	both := []kyc.Permission{kyc.MayRead, kyc.MayWrite}
	for name, c := range map[string]struct {
		change      func(*kyc.APIKey)
		ask         []string
		permissions []kyc.Permission
		lives       time.Duration
	}{
		"of one that may all":          {nil, nil, both, 15 * time.Minute},
		"of one that may write":        {func(k *kyc.APIKey) { k.Permissions = []kyc.Permission{kyc.MayWrite, kyc.MayReview} }, nil, []kyc.Permission{kyc.MayWrite}, 15 * time.Minute},
		"to read alone":                {nil, []string{"read"}, []kyc.Permission{kyc.MayRead}, 15 * time.Minute},
		"of one that expires first":    {func(k *kyc.APIKey) { k.ExpiresAt = noon.Add(time.Second) }, nil, both, time.Second},
		"of one that expires too late": {func(k *kyc.APIKey) { k.ExpiresAt = noon.Add(time.Hour) }, nil, both, 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			r, b := held(c.change)
			got, secret, err := b.Temporary(t.Context(), platform.TemporaryKey{
				BrandID: brandID, Identity: askingID, CustomerID: strings.ToUpper(customerID), Permissions: c.ask,
			})
			hash := sha256.Sum256([]byte(secret.Reveal()))
			want := kyc.APIKey{
				BrandID: brandID, Identity: newID, Name: "temporary", SecretHash: hash[:], Permissions: c.permissions, CustomerID: customerID,
				CreatedAt: noon, ExpiresAt: noon.Add(c.lives),
			}
			if diff := cmp.Diff([]kyc.APIKey{want, want}, []kyc.APIKey{got, r.keys[newID]}); diff != "" || err != nil || len(secret.Reveal()) != 43 {
				t.Errorf("err %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestTemporaryKeyIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*kyc.APIKey)
		ask    func(*platform.TemporaryKey)
		kind   kyc.Kind
		code   string
		fields []string
	}{
		"revoked, and the gateway does not know": {change: func(k *kyc.APIKey) { k.RevokedAt = noon }, kind: kyc.Forbidden, code: "auth_err"},
		"expired":                                {change: func(k *kyc.APIKey) { k.ExpiresAt = noon }, kind: kyc.Forbidden, code: "auth_err"},
		"another brand's":                        {change: func(k *kyc.APIKey) { k.BrandID = otherID }, kind: kyc.Forbidden, code: "auth_err"},
		"gone":                                   {ask: func(a *platform.TemporaryKey) { a.Identity = otherID }, kind: kyc.Forbidden, code: "auth_err"},
		"unknown customer":                       {ask: func(a *platform.TemporaryKey) { a.CustomerID = otherID }, kind: kyc.NotFound, code: "customer_dne"},
		"no customer":                            {ask: func(a *platform.TemporaryKey) { a.CustomerID = "" }, kind: kyc.Invalid, code: "input_error", fields: []string{"customer_id"}},
		"more than itself": {
			change: func(k *kyc.APIKey) { k.Permissions = []kyc.Permission{kyc.MayWrite} },
			ask:    func(a *platform.TemporaryKey) { a.Permissions = []string{"read", "write"} },
			kind:   kyc.Invalid, code: "input_error", fields: []string{"permissions"},
		},
		"what is about no customer": {ask: func(a *platform.TemporaryKey) { a.Permissions = []string{"webhooks"} }, kind: kyc.Invalid, code: "input_error", fields: []string{"permissions"}},
		"all that is wrong, at once": {ask: func(a *platform.TemporaryKey) {
			a.CustomerID, a.Permissions, a.Wrong = "7", []string{}, map[string][]string{"else": {"Unknown field."}}
		}, kind: kyc.Invalid, code: "input_error", fields: []string{"customer_id", "else", "permissions"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, b := held(c.change)
			ask := platform.TemporaryKey{BrandID: brandID, Identity: askingID, CustomerID: customerID}
			if c.ask != nil {
				c.ask(&ask)
			}
			_, secret, err := b.Temporary(t.Context(), ask)
			refusal, ok := errors.AsType[*kyc.Error](err)
			if !ok || refusal.Kind != c.kind || refusal.Code != c.code || !slices.Equal(slices.Sorted(maps.Keys(refusal.Fields)), c.fields) {
				t.Errorf("refused as %+v", err)
			}
			if len(r.keys) != 1 || !secret.IsZero() {
				t.Errorf("made %+v", r.keys)
			}
		})
	}
	for _, fail := range []string{"read key", "read customer", "create key"} {
		r, b := held(nil)
		r.fail = fail
		if _, _, err := b.Temporary(t.Context(), platform.TemporaryKey{BrandID: brandID, Identity: askingID, CustomerID: customerID}); !errors.Is(err, errGone) {
			t.Errorf("failing: %s: %v", fail, err)
		}
	}
}
