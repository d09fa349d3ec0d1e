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

func read(b *platform.BrandKeys) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		k, err := b.Key(ctx, r.BrandID, r.Path("identity"))
		return apigw.Response{Status: http.StatusOK, Body: apigw.KeyPair(k)}, err
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
		made := apigw.KeyPair(k)
		made.Authorization = secret.Reveal()
		return apigw.Response{Status: http.StatusCreated, Body: made}, nil
	}
}
