package main

import (
	"context"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/platform"
)

func routes(b *platform.BrandKeys) map[string]apigw.Route {
	return map[string]apigw.Route{
		"GET /auth/key/{identity}": {Handle: read(b), Needs: kyc.MayRead, OurFault: "unknown_customer_auth"},
		"POST /auth/key/temporary": {Handle: temporary(b), Needs: kyc.MayWrite, OurFault: "unknown_customer_auth"},
	}
}

// keyBody is a key pair, its halves named as the headers that carry them.
type keyBody struct {
	Identity      string           `json:"Identity"`
	Authorization string           `json:"Authorization,omitempty"` // at creation only
	BrandID       string           `json:"brand_id"`
	CustomerID    string           `json:"customer_id,omitempty"` // the only one that it is for
	Name          string           `json:"name"`
	Permissions   []kyc.Permission `json:"permissions"`
	DateCreated   string           `json:"date_created"`
	ExpiresAt     string           `json:"expires_at,omitempty"`
	DateRevoked   string           `json:"date_revoked,omitempty"`
	LastUsedOn    string           `json:"last_used_on,omitempty"` // a day in UTC
}

func body(k kyc.APIKey) keyBody {
	b := keyBody{
		Identity: k.Identity, BrandID: k.BrandID, CustomerID: k.CustomerID, Name: k.Name, Permissions: k.Permissions,
		DateCreated: kyc.FormatTime(k.CreatedAt), LastUsedOn: k.LastUsedOn,
	}
	if !k.ExpiresAt.IsZero() {
		b.ExpiresAt = kyc.FormatTime(k.ExpiresAt)
	}
	if !k.RevokedAt.IsZero() {
		b.DateRevoked = kyc.FormatTime(k.RevokedAt)
	}
	return b
}

func read(b *platform.BrandKeys) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		k, err := b.Key(ctx, r.BrandID, r.Path("identity"))
		return apigw.Response{Status: http.StatusOK, Body: body(k)}, err
	}
}

func temporary(b *platform.BrandKeys) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		o, err := r.Object("input_error")
		if err != nil {
			return apigw.Response{}, err
		}
		asked := platform.TemporaryKey{BrandID: r.BrandID, Identity: r.Identity, Permissions: o.Strings("permissions")}
		asked.CustomerID, _ = o.String("customer_id")
		o.Rest()
		asked.Wrong = o.Wrong()
		k, secret, err := b.Temporary(ctx, asked)
		if err != nil {
			return apigw.Response{}, err
		}
		made := body(k)
		made.Authorization = secret.Reveal()
		return apigw.Response{Status: http.StatusCreated, Body: made}, nil
	}
}
