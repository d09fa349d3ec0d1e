package apigw_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/telemetry"
)

const (
	brandID  = "0b7e9c4e-4a44-4c8c-9a43-0f6f0d4f3a01"
	identity = "7d1c2b3a-4e5f-4a6b-8c7d-9e0f1a2b3c04"
	// marked is what must be neither answered nor logged.
	marked = "Zq-nobody-Zq"
)

var quiet = slog.New(slog.DiscardHandler)

// request is one that the authorizer has let through.
func request() events.APIGatewayV2HTTPRequest {
	return events.APIGatewayV2HTTPRequest{
		RouteKey: "POST /api/v0.1/things", RawPath: "/api/v0.1/things", Body: `{"ssn":"` + marked + `"}`,
		Headers: map[string]string{"content-type": "application/json", "authorization": marked},
		RequestContext: events.APIGatewayV2HTTPRequestContext{Authorizer: &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			Lambda: apigw.AuthorizerContext(kyc.APIKey{BrandID: brandID, Identity: identity, Permissions: []kyc.Permission{kyc.MayWrite}}),
		}},
	}
}

// serve answers e by one route and returns the answer, its body and the line of log.
func serve(t *testing.T, e events.APIGatewayV2HTTPRequest, handle func(context.Context, *apigw.Request) (apigw.Response, error)) (events.APIGatewayV2HTTPResponse, map[string]any, string) {
	t.Helper()
	var log bytes.Buffer
	f := apigw.Serve(telemetry.New(&log, "things", "test"), map[string]apigw.Route{
		"POST /things":   {Handle: handle, Needs: kyc.MayWrite, OurFault: "unknown_things", Query: []string{"known"}},
		"DELETE /things": {Handle: handle, Needs: kyc.MayWrite, BrandsOwn: true, OurFault: "unknown_things"},
	})
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	response, err := f(ctx, e)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(response.Body), &body); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(response.Body, marked) || strings.Contains(log.String(), marked) {
		t.Errorf("what belongs to the request is told:\nanswer %s\nlog %s", response.Body, log.String())
	}
	return response, body, log.String()
}

// An open route serves whoever comes, as a brand's key pair or without one; its handler is told of no brand.
func TestOpenRoutes(t *testing.T) {
	f := apigw.Serve(quiet, map[string]apigw.Route{"POST /things": {Open: true, Handle: func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
		return apigw.Response{Status: 200, Body: r.BrandID + r.Identity}, nil
	}}})
	with, without := request(), request()
	without.RequestContext.Authorizer = nil
	for _, e := range []events.APIGatewayV2HTTPRequest{with, without} {
		if response, err := f(t.Context(), e); err != nil || response.StatusCode != 200 || response.Body != `""` {
			t.Errorf("%v, err %v", response, err)
		}
	}
	without.QueryStringParameters = map[string]string{"x": "1"}
	if response, err := f(t.Context(), without); err != nil || response.StatusCode != 400 {
		t.Errorf("with an unknown parameter: %v, err %v", response, err)
	}
}

func answers(status int, body any) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(context.Context, *apigw.Request) (apigw.Response, error) {
		return apigw.Response{Status: status, Body: body, Headers: map[string]string{"X-Extra": "1"}}, nil
	}
}

func fails(err error) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(context.Context, *apigw.Request) (apigw.Response, error) {
		return apigw.Response{Status: 201, Body: map[string]string{"half": "done"}}, err
	}
}

const sorry = "Something failed on our side. Try again; if it persists, give the request_id to your operator."

func TestAnswers(t *testing.T) {
	plain := map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}
	with := func(name, value string) map[string]string {
		return map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", name: value}
	}
	refusal := func(status float64, code, message, kind string) map[string]any {
		return map[string]any{"Status": status, "Code": code, "Message": message, "Type": kind}
	}
	wrong := func(message map[string]any, list ...any) map[string]any {
		return map[string]any{"Status": 400.0, "Code": "c", "Type": "Request Error", "Message": message, "errors": list}
	}
	ours := map[string]any{"Status": 500.0, "Code": "unknown_things", "Message": sorry, "Type": "Server Error", "request_id": "request-1"}
	misled := map[string]any{"Status": 500.0, "Code": "invalid_request", "Message": sorry, "Type": "Server Error", "request_id": "request-1"}
	extra := refusal(409, "c", "m", "Request Error")
	extra["retry_at"] = "then"
	type change = func(*events.APIGatewayV2HTTPRequest)
	for name, c := range map[string]struct {
		change  change
		handle  func(context.Context, *apigw.Request) (apigw.Response, error)
		status  int
		headers map[string]string
		body    map[string]any
	}{
		"an answer":      {nil, answers(201, map[string]string{"id": "7"}), 201, with("X-Extra", "1"), map[string]any{"id": "7"}},
		"trailing slash": {func(e *events.APIGatewayV2HTTPRequest) { e.RouteKey += "/" }, answers(200, nil), 200, with("X-Extra", "1"), nil},
		"twin for the trailing slash": {func(e *events.APIGatewayV2HTTPRequest) { e.RouteKey += "/{proxy+}" },
			answers(200, nil), 200, with("X-Extra", "1"), nil},
		"below the twin": {func(e *events.APIGatewayV2HTTPRequest) {
			e.RouteKey += "/{proxy+}"
			e.PathParameters = map[string]string{"proxy": "else"}
		}, answers(200, nil), 404, plain, refusal(404, "invalid_request", "Nothing is at this path.", "Request Error")},

		"unknown parameters": {func(e *events.APIGatewayV2HTTPRequest) {
			e.QueryStringParameters = map[string]string{"cusor": "x", "a/b": marked, "known": "y"}
		}, answers(200, nil), 400, plain, map[string]any{
			"Status": 400.0, "Code": "invalid_request", "Type": "Request Error",
			"Message": map[string]any{"a/b": []any{"Unknown parameter."}, "cusor": []any{"Unknown parameter."}},
			"errors": []any{
				map[string]any{"parameter": "a/b", "detail": "Unknown parameter."}, map[string]any{"parameter": "cusor", "detail": "Unknown parameter."},
			},
		}},
		"known parameter": {func(e *events.APIGatewayV2HTTPRequest) {
			e.QueryStringParameters = map[string]string{"known": "y"}
		}, answers(200, nil), 200, with("X-Extra", "1"), nil},

		"unknown route":      {func(e *events.APIGatewayV2HTTPRequest) { e.RouteKey = "POST /api/v0.1/else" }, answers(200, nil), 500, plain, misled},
		"unknown method":     {func(e *events.APIGatewayV2HTTPRequest) { e.RouteKey = "PUT /api/v0.1/things" }, answers(200, nil), 500, plain, misled},
		"default route":      {func(e *events.APIGatewayV2HTTPRequest) { e.RouteKey = "$default" }, answers(200, nil), 500, plain, misled},
		"no route":           {func(e *events.APIGatewayV2HTTPRequest) { e.RouteKey = "" }, answers(200, nil), 500, plain, misled},
		"no authorizer":      {func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.Authorizer = nil }, answers(200, nil), 500, plain, ours},
		"authorizer is mute": {func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.Authorizer.Lambda = nil }, answers(200, nil), 500, plain, ours},
		"empty brand":        {func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.Authorizer.Lambda["brand_id"] = "" }, answers(200, nil), 500, plain, ours},
		"brand is no id":     {func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.Authorizer.Lambda["brand_id"] = marked }, answers(200, nil), 500, plain, ours},
		"brand is no text":   {func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.Authorizer.Lambda["brand_id"] = 7 }, answers(200, nil), 500, plain, ours},

		"our fault":          {nil, fails(errors.New("the table is gone")), 500, plain, ours},
		"our fault, wrapped": {nil, fails(fmt.Errorf("store: %w", context.Canceled)), 500, plain, ours},
		"panic":              {nil, func(context.Context, *apigw.Request) (apigw.Response, error) { panic(marked) }, 500, plain, ours},
		"panic of the runtime": {nil, func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
			var none []string
			return apigw.Response{Body: none[len(r.BrandID)]}, nil
		}, 500, plain, ours},

		"invalid":       {nil, fails(&kyc.Error{Kind: kyc.Invalid, Code: "c", Message: "m"}), 400, plain, refusal(400, "c", "m", "Request Error")},
		"forbidden":     {nil, fails(&kyc.Error{Kind: kyc.Forbidden, Code: "c", Message: "m"}), 403, plain, refusal(403, "c", "m", "Request Error")},
		"not found":     {nil, fails(&kyc.Error{Kind: kyc.NotFound, Code: "c", Message: "m"}), 404, plain, refusal(404, "c", "m", "Request Error")},
		"conflict":      {nil, fails(&kyc.Error{Kind: kyc.Conflict, Code: "c", Message: "m"}), 409, plain, refusal(409, "c", "m", "Request Error")},
		"unprocessable": {nil, fails(&kyc.Error{Kind: kyc.Unprocessable, Code: "c", Message: "m"}), 422, plain, refusal(422, "c", "m", "Request Error")},
		"internal":      {nil, fails(&kyc.Error{Kind: kyc.Internal, Code: "c", Message: "m"}), 500, plain, refusal(500, "c", "m", "Server Error")},
		"unavailable": {nil, fails(&kyc.Error{Kind: kyc.Unavailable, Code: "c", Message: "m", Err: errors.New("throttled"), Headers: map[string]string{"Retry-After": "1"}}),
			503, with("Retry-After", "1"), refusal(503, "c", "m", "Server Error")},
		"wrapped": {nil, fails(fmt.Errorf("read: %w", &kyc.Error{Kind: kyc.NotFound, Code: "c", Message: "m"})), 404, plain, refusal(404, "c", "m", "Request Error")},
		"extra members": {nil, fails(&kyc.Error{Kind: kyc.Conflict, Code: "c", Message: "m", Extra: map[string]any{"retry_at": "then"}}),
			409, plain, extra},
		"extra members don't replace ours": {nil, fails(&kyc.Error{Kind: kyc.Conflict, Code: "c", Message: "m", Extra: map[string]any{"Status": 200, "Code": "ok"}}),
			409, plain, refusal(409, "c", "m", "Request Error")},
		"fields": {nil, fails(&kyc.Error{Kind: kyc.Invalid, Code: "c", Message: "m", Fields: map[string][]string{"ssn": {"why", "also"}}}), 400, plain,
			wrong(map[string]any{"ssn": []any{"why", "also"}},
				map[string]any{"pointer": "/ssn", "detail": "why"}, map[string]any{"pointer": "/ssn", "detail": "also"})},
		"fields, by pointer": {nil, fails(&kyc.Error{Kind: kyc.Invalid, Code: "c", Fields: map[string][]string{
			"b": {"1"}, "addresses/0/street": {"2"}, "a~1b": {"3"}, "a/b": {"4"}, "~01": {"5"}, "": {"6"},
		}}), 400, plain, wrong(
			map[string]any{"b": []any{"1"}, "addresses/0/street": []any{"2"}, "a/b": []any{"4", "3"}, "~1": []any{"5"}, "": []any{"6"}},
			map[string]any{"pointer": "/", "detail": "6"}, map[string]any{"pointer": "/a/b", "detail": "4"}, map[string]any{"pointer": "/addresses/0/street", "detail": "2"},
			map[string]any{"pointer": "/a~1b", "detail": "3"}, map[string]any{"pointer": "/b", "detail": "1"}, map[string]any{"pointer": "/~01", "detail": "5"})},
		"a header": {nil, fails(&kyc.Error{Kind: kyc.Invalid, Code: "c", In: kyc.Header, Fields: map[string][]string{"Idempotency-Key": {"why"}}}), 400, plain,
			wrong(map[string]any{"Idempotency-Key": []any{"why"}}, map[string]any{"header": "Idempotency-Key", "detail": "why"})},
		"a parameter": {nil, fails(&kyc.Error{Kind: kyc.Invalid, Code: "c", In: kyc.Query, Fields: map[string][]string{"program_id": {"why"}}}), 400, plain,
			wrong(map[string]any{"program_id": []any{"why"}}, map[string]any{"parameter": "program_id", "detail": "why"})},
	} {
		t.Run(name, func(t *testing.T) {
			e := request()
			if c.change != nil {
				c.change(&e)
			}
			response, body, _ := serve(t, e, c.handle)
			if diff := cmp.Diff(c.body, body); diff != "" || response.StatusCode != c.status {
				t.Errorf("status %d, body (-want +got):\n%s", response.StatusCode, diff)
			}
			if diff := cmp.Diff(c.headers, response.Headers); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

var lines = regexp.MustCompile(`:[0-9]+"}`)

var measured = regexp.MustCompile(`^\{"time":"[^"]+",(.*)"ms":[0-9.]+,`)

func TestOneLineForEachRequest(t *testing.T) {
	const head = `"msg":"request","function":"things","stage":"test","request_id":"request-1",`
	const route = `"route":"POST /api/v0.1/things","status":`
	for name, c := range map[string]struct {
		handle func(context.Context, *apigw.Request) (apigw.Response, error)
		want   string
	}{
		"answer":           {answers(201, nil), `"level":"INFO",` + head + route + `201}`},
		"refusal":          {fails(&kyc.Error{Kind: kyc.Conflict, Code: "kyc_in_progress", Message: "m"}), `"level":"INFO",` + head + route + `409,"code":"kyc_in_progress"}`},
		"refusal, wrapped": {fails(fmt.Errorf("start: %w", &kyc.Error{Kind: kyc.Conflict, Code: "kyc_in_progress"})), `"level":"INFO",` + head + route + `409,"code":"kyc_in_progress"}`},
		"its cause":        {fails(&kyc.Error{Kind: kyc.Unavailable, Code: "kyc_error", Message: "m", Err: errors.New("throttled")}), `"level":"ERROR",` + head + route + `503,"code":"kyc_error","err":"throttled"}`},
		"our fault":        {fails(errors.New("the table is gone")), `"level":"ERROR",` + head + route + `500,"err":"the table is gone"}`},
		"panic":            {func(context.Context, *apigw.Request) (apigw.Response, error) { panic(marked) }, `"level":"ERROR",` + head + route + `500,"err":"panic of type string at kyc/shared/apigw_test.TestOneLineForEachRequest.func1"}`},
		"secret":           {fails(fmt.Errorf("bad SSN %v", kyc.NewSecret(marked))), `"level":"ERROR",` + head + route + `500,"err":"bad SSN [redacted]"}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, log := serve(t, request(), c.handle)
			if diff := cmp.Diff(c.want+"\n", lines.ReplaceAllString(measured.ReplaceAllString(log, "${1}"), `"}`)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusalTellsNothingOfOurs(t *testing.T) {
	got := apigw.Refusal(t.Context(), errors.New(marked), "unknown_things")
	want := map[string]any{"Status": 500, "Code": "unknown_things", "Message": sorry, "Type": "Server Error", "request_id": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A refusal that is kept and answered twice must not grow.
func TestRefusalIsNotChangedByAnswering(t *testing.T) {
	kept := &kyc.Error{Kind: kyc.Conflict, Code: "c", Message: "m", Extra: map[string]any{"a": 1}}
	apigw.Refusal(t.Context(), kept, "")
	if diff := cmp.Diff(map[string]any{"a": 1}, kept.Extra); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

type unwritable struct{}

func (unwritable) MarshalJSON() ([]byte, error) { return nil, errors.New(marked) }

func TestUnwritableAnswerIsAnErrorWithoutIt(t *testing.T) {
	f := apigw.Serve(quiet, map[string]apigw.Route{"POST /things": {Handle: answers(200, unwritable{}), Needs: kyc.MayWrite}})
	if response, err := f(t.Context(), request()); err == nil || strings.Contains(err.Error(), marked) || response.StatusCode != 0 {
		t.Errorf("got %v, %v", response, err)
	}
}

func TestManyRequestsAtOnce(t *testing.T) {
	f := apigw.Serve(quiet, map[string]apigw.Route{"POST /things": {Needs: kyc.MayWrite, Handle: func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
		if r.Path("n") == "odd" {
			return apigw.Response{}, kyc.ErrCustomerUnknown()
		}
		return apigw.Response{Status: 200}, nil
	}}})
	var all sync.WaitGroup
	for n := range 32 {
		all.Go(func() {
			e, want := request(), 200
			if n%2 == 1 {
				e.PathParameters, want = map[string]string{"n": "odd"}, 404
			}
			if response, err := f(t.Context(), e); err != nil || response.StatusCode != want {
				t.Errorf("got %d, %v", response.StatusCode, err)
			}
		})
	}
	all.Wait()
}
