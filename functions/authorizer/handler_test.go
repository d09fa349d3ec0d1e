package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/telemetry"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// forgetful knows every pair and can note nothing.
type forgetful struct{}

func (forgetful) Authenticate(_ context.Context, identity string, _ kyc.Secret) (kyc.APIKey, bool, error) {
	return kyc.APIKey{BrandID: testbed.BrandID, Identity: identity}, true, nil
}

func (forgetful) NoteUse(context.Context, kyc.APIKey) error { return errors.New("the table is busy") }

func TestAuthorizer(t *testing.T) {
	bed, secret := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	right := func(t *testing.T) events.APIGatewayV2CustomAuthorizerV2Request {
		var e events.APIGatewayV2CustomAuthorizerV2Request
		testbed.Event(t, "authorizer.json", &e)
		e.Headers["authorization"] = secret.Reveal()
		return e
	}
	refused := events.APIGatewayV2CustomAuthorizerSimpleResponse{}

	t.Run("hands on the brand of a key pair", func(t *testing.T) {
		got, err := handle(testbed.Context(t), right(t))
		want := events.APIGatewayV2CustomAuthorizerSimpleResponse{IsAuthorized: true, Context: map[string]any{
			"brand_id": testbed.BrandID, "identity": testbed.Identity, "permissions": "read write webhooks simulate review",
		}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("err %v, answer (-want +got):\n%s", err, diff)
		}
	})
	t.Run("notes the day of the last use", func(t *testing.T) {
		if k, _, err := bed.Store(clock.Now).Key(t.Context(), testbed.Identity); err != nil || k.LastUsedOn == "" {
			t.Errorf("err %v, last used on %q", err, k.LastUsedOn)
		}
	})
	t.Run("lets a pair through whose use can't be noted", func(t *testing.T) {
		var log bytes.Buffer
		handle := handler(telemetry.New(&log, "authorizer", "test"), forgetful{})
		got, err := handle(testbed.Context(t), right(t))
		if err != nil || !got.IsAuthorized {
			t.Errorf("err %v, answer %v", err, got)
		}
		if text := log.String(); !strings.Contains(text, `"msg":"note use"`) || !strings.Contains(text, `"err":"the table is busy"`) || strings.Contains(text, secret.Reveal()) {
			t.Errorf("logged %s", text)
		}
	})
	t.Run("refuses a wrong secret", func(t *testing.T) {
		var e events.APIGatewayV2CustomAuthorizerV2Request
		testbed.Event(t, "authorizer-wrong.json", &e)
		if got, err := handle(testbed.Context(t), e); err != nil || !cmp.Equal(refused, got) {
			t.Errorf("err %v, answer %v", err, got)
		}
	})
	t.Run("refuses an unknown identity and a malformed one", func(t *testing.T) {
		for _, identity := range []string{testbed.BrandID, "admin", ""} {
			e := right(t)
			e.Headers["identity"] = identity
			if got, err := handle(testbed.Context(t), e); err != nil || !cmp.Equal(refused, got) {
				t.Errorf("identity %q: err %v, answer %v", identity, err, got)
			}
		}
	})
	t.Run("refuses a revoked pair", func(t *testing.T) {
		if ok, _, err := bed.Store(clock.Now).RevokeKey(t.Context(), testbed.BrandID, testbed.Identity, clock.Now(), testbed.Record()); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if got, err := handle(testbed.Context(t), right(t)); err != nil || !cmp.Equal(refused, got) {
			t.Errorf("err %v, answer %v", err, got)
		}
	})
	t.Run("fails closed without the table", func(t *testing.T) {
		t.Setenv("TABLE_NAME", "no-such-table")
		handle, err := build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := handle(testbed.Context(t), right(t)); err == nil || got.IsAuthorized {
			t.Errorf("err %v, answer %v", err, got)
		}
	})
}
