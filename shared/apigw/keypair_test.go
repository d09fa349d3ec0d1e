package apigw_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
)

// pair returns a change of a request: the key pair that the authorizer has found.
func pair(change func(*kyc.APIKey)) func(*events.APIGatewayV2HTTPRequest) {
	k := kyc.APIKey{BrandID: brandID, Identity: identity, Permissions: []kyc.Permission{kyc.MayRead, kyc.MayWrite}}
	change(&k)
	return func(e *events.APIGatewayV2HTTPRequest) {
		e.RequestContext.Authorizer.Lambda = apigw.AuthorizerContext(k)
	}
}

func may(all ...kyc.Permission) func(*events.APIGatewayV2HTTPRequest) {
	return pair(func(k *kyc.APIKey) { k.Permissions = all })
}

func TestPermissions(t *testing.T) {
	raw := func(value any) func(*events.APIGatewayV2HTTPRequest) {
		return func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.Authorizer.Lambda["permissions"] = value }
	}
	for name, c := range map[string]struct {
		change func(*events.APIGatewayV2HTTPRequest)
		needs  kyc.Permission
		status int
	}{
		"the one it needs":                   {may(kyc.MayWrite), kyc.MayWrite, 200},
		"one of all":                         {may(kyc.Permissions()...), kyc.MayReview, 200},
		"others":                             {may(kyc.MayRead, kyc.MayWebhooks), kyc.MayWrite, 403},
		"none":                               {may(), kyc.MayWrite, 403},
		"the beginning of another":           {raw("writer"), kyc.MayWrite, 403},
		"in capital letters":                 {raw("WRITE"), kyc.MayWrite, 403},
		"not handed on":                      {raw(nil), kyc.MayWrite, 403},
		"handed on as a list":                {raw([]any{"write"}), kyc.MayWrite, 403},
		"a route that was forgotten":         {may(kyc.Permissions()...), "", 403},
		"a route that was forgotten, by all": {may(""), "", 403},
	} {
		t.Run(name, func(t *testing.T) {
			e, called := request(), false
			c.change(&e)
			e.Body, e.IsBase64Encoded = "no base64", true // nobody looks at it before the permission
			f := apigw.Serve(quiet, map[string]apigw.Route{"POST /things": {Needs: c.needs, Handle: func(context.Context, *apigw.Request) (apigw.Response, error) {
				called = true
				return apigw.Response{Status: http.StatusOK}, nil
			}}})
			response, err := f(t.Context(), e)
			if err != nil || response.StatusCode != c.status || called != (c.status == http.StatusOK) {
				t.Errorf("got %d, called %t, err %v", response.StatusCode, called, err)
			}
			if c.status == http.StatusForbidden && !strings.Contains(response.Body, `"Code":"auth_err"`) {
				t.Errorf("refused as %s", response.Body)
			}
		})
	}
}
