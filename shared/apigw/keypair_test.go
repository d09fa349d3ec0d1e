package apigw_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/apigw"
	"kyc/shared/clock"
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

// What is the brand's own is refused to a pair for one customer alone, also about that one.
func TestWhatIsTheBrandsOwn(t *testing.T) {
	const customer = "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03"
	for bound, status := range map[string]int{"": http.StatusOK, customer: http.StatusForbidden} {
		e := request()
		pair(func(k *kyc.APIKey) { k.CustomerID = bound })(&e)
		e.RouteKey, e.PathParameters = strings.Replace(e.RouteKey, "POST", "DELETE", 1), map[string]string{"customer_id": customer}
		response, body, _ := serve(t, e, answers(200, nil))
		if response.StatusCode != status || status == http.StatusForbidden && body["Code"] != "auth_err" {
			t.Errorf("for %q: %d %v", bound, response.StatusCode, body)
		}
	}
}

func TestExpiryAndTheOneCustomer(t *testing.T) {
	const customer, other = "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03", "5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02"
	expires := func(in time.Duration) func(*events.APIGatewayV2HTTPRequest) {
		return pair(func(k *kyc.APIKey) { k.ExpiresAt = clock.Now().Add(in) })
	}
	raw := func(name string, value any) func(*events.APIGatewayV2HTTPRequest) {
		return func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.Authorizer.Lambda[name] = value }
	}
	bound := pair(func(k *kyc.APIKey) { k.CustomerID = customer })
	for name, c := range map[string]struct {
		change func(*events.APIGatewayV2HTTPRequest)
		path   map[string]string
		why    string // empty where it is let through
	}{
		"expires in an hour":       {expires(time.Hour), nil, ""},
		"expired":                  {expires(0), nil, "has expired"},
		"expiry can't be read":     {raw("expires_at", "tomorrow"), nil, "has expired"},
		"expiry is no text":        {raw("expires_at", 9e12), nil, "has expired"},
		"the one customer":         {bound, map[string]string{"customer_id": customer}, ""},
		"another customer":         {bound, map[string]string{"customer_id": other}, "one customer alone"},
		"in capital letters":       {bound, map[string]string{"customer_id": strings.ToUpper(customer)}, ""},
		"about no customer":        {bound, nil, "one customer alone"},
		"another parameter":        {bound, map[string]string{"webhook_id": customer}, "one customer alone"},
		"bound to no customer":     {raw("customer_id", ""), map[string]string{"customer_id": ""}, "one customer alone"},
		"bound to what is no text": {raw("customer_id", 7), map[string]string{"customer_id": customer}, "one customer alone"},
		"for all customers":        {may(kyc.MayWrite), map[string]string{"customer_id": other}, ""},
		"lacks the permission": {pair(func(k *kyc.APIKey) { k.CustomerID, k.Permissions = customer, []kyc.Permission{kyc.MayRead} }),
			map[string]string{"customer_id": customer}, "lacks the permission write"},
	} {
		t.Run(name, func(t *testing.T) {
			e := request()
			c.change(&e)
			e.PathParameters = c.path
			response, _, _ := serve(t, e, answers(200, nil))
			switch {
			case c.why == "" && response.StatusCode != http.StatusOK:
				t.Errorf("refused as %s", response.Body)
			case c.why != "" && (response.StatusCode != http.StatusForbidden || !strings.Contains(response.Body, c.why)):
				t.Errorf("answered %d %s", response.StatusCode, response.Body)
			}
		})
	}
}
