package main

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/telemetry"
)

type handlerFunc = func(context.Context, events.APIGatewayV2CustomAuthorizerV2Request) (events.APIGatewayV2CustomAuthorizerSimpleResponse, error)

type authenticator interface {
	Authenticate(ctx context.Context, identity string, secret kyc.Secret) (kyc.APIKey, bool, error)
	NoteUse(ctx context.Context, k kyc.APIKey) error
}

// handler answers whose the key pair is. It fails closed: on an error the gateway answers 500 and lets nobody through.
func handler(log *slog.Logger, keys authenticator) handlerFunc {
	return func(ctx context.Context, e events.APIGatewayV2CustomAuthorizerV2Request) (events.APIGatewayV2CustomAuthorizerSimpleResponse, error) {
		start := clock.Now()
		identity, _ := apigw.Header(e.Headers, "Identity")
		secret, _ := apigw.Header(e.Headers, "Authorization")
		key, ok, err := keys.Authenticate(ctx, identity, kyc.NewSecret(secret))
		telemetry.Done(ctx, log, "authorize", clock.Now().Sub(start), err, slog.Bool("authorized", ok))
		if err != nil || !ok {
			return events.APIGatewayV2CustomAuthorizerSimpleResponse{}, err
		}
		// Before the answer, for what is still running after it stands still until the next event.
		noting := clock.Now()
		if err := keys.NoteUse(ctx, key); err != nil {
			telemetry.Done(ctx, log, "note use", clock.Now().Sub(noting), err)
		}
		return events.APIGatewayV2CustomAuthorizerSimpleResponse{IsAuthorized: true, Context: apigw.AuthorizerContext(key)}, nil
	}
}
