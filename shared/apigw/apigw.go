// Package apigw is the way between an HTTP API event and a use case: it reads requests strictly, and translates each
// answer and each refusal to its published form, in one place.
package apigw

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/telemetry"
)

// BasePath is the prefix of every route.
const BasePath = "/api/v0.1"

// Route is what answers one method and path.
type Route struct {
	// Handle returns an answer, or an error: a kyc.Error is shown, any other is ours and is not.
	Handle func(context.Context, *Request) (Response, error)
	// Needs is the permission that a key pair must have. A route without one refuses every key pair.
	Needs kyc.Permission
	// Open says that the route asks for no key pair: Handle itself finds out whom it serves, and BrandID is empty.
	Open bool
	// BrandsOwn says that a key pair for one customer alone may not ask for it, even about that customer.
	BrandsOwn bool
	// OurFault is the Code of the answer when we fail.
	OurFault string
	// Query names the parameters that the query may have. Any other is refused, so that a misspelt one is not ignored.
	Query []string
}

// Request is one HTTP request of an authorized brand.
type Request struct {
	BrandID  string
	Identity string // of the key pair
	pair     keyPair
	event    events.APIGatewayV2HTTPRequest
}

// Response is an answer: a status, and a body that is written as JSON.
type Response struct {
	Status  int
	Headers map[string]string
	Body    any
}

// API returns the address of the API as the client has reached it.
func (r *Request) API() string { return "https://" + r.event.RequestContext.DomainName + BasePath }

// Path returns a parameter of the path.
func (r *Request) Path(name string) string { return r.event.PathParameters[name] }

// Query returns a parameter of the query.
func (r *Request) Query(name string) string { return r.event.QueryStringParameters[name] }

// Header returns a header, and whether it was sent.
func (r *Request) Header(name string) (string, bool) {
	return Header(r.event.Headers, name)
}

// May reports whether the key pair has a permission, beside the one that its route needs.
func (r *Request) May(p kyc.Permission) bool { return r.pair.may(p) }

// ForOneCustomer reports whether the key pair is for one customer alone, as one in that customer's hands is. Nothing that
// it is answered may tell of another customer.
func (r *Request) ForOneCustomer() bool { return r.pair.bound }

// IdempotencyKey returns the header of that name as it was sent, nil where it was not.
func (r *Request) IdempotencyKey() *string {
	key, sent := r.Header("Idempotency-Key")
	if !sent {
		return nil
	}
	return &key
}

// Header returns a header of an event. API Gateway writes their names in lower case; the SAM CLI's local API, which
// stands in for it while developing, capitalizes them.
func Header(headers map[string]string, name string) (string, bool) {
	v, ok := headers[strings.ToLower(name)]
	if !ok {
		v, ok = headers[http.CanonicalHeaderKey(name)]
	}
	return v, ok
}

// reserve is kept back from the function's time, for the answer and the log line of a request that hangs.
const reserve = 500 * time.Millisecond

// Func is the handler of an HTTP API event, payload format 2.0.
type Func = func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

// Serve answers the routes given by their key without base path and trailing slash, like "GET /webhooks", and writes one
// log line for each request. The function it returns is safe for concurrent use.
func Serve(log *slog.Logger, routes map[string]Route) Func {
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		start := clock.Now()
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
			defer cancel()
		}
		response, err := answer(ctx, routes, e)
		attrs := []slog.Attr{slog.String("route", e.RouteKey), slog.Int("status", response.Status)}
		if refusal, ok := errors.AsType[*kyc.Error](err); ok {
			attrs = append(attrs, slog.String("code", refusal.Code))
			err = refusal.Err // a refusal is no fault of ours, its cause may be
		}
		telemetry.Done(ctx, log, "request", clock.Now().Sub(start), err, attrs...)
		return encode(response)
	}
}

func answer(ctx context.Context, routes map[string]Route, e events.APIGatewayV2HTTPRequest) (Response, error) {
	method, path, _ := strings.Cut(e.RouteKey, " ")
	path = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(path, BasePath), "{proxy+}"), "/")
	route, ok := routes[method+" "+path]
	if !ok {
		err := fmt.Errorf("route %q leads to a function that does not serve it", e.RouteKey)
		return refused(ctx, err, "invalid_request"), err
	}
	r, err := &Request{event: e}, error(nil)
	if !route.Open {
		if r, err = authorized(e); err == nil {
			err = r.pair.allows(route, r.Path("customer_id"))
		}
	}
	var response Response
	if err == nil && e.PathParameters["proxy"] != "" {
		// A collection's twin for the trailing slash catches all that is below it.
		err = &kyc.Error{Kind: kyc.NotFound, Code: "invalid_request", Message: "Nothing is at this path."}
	}
	if err == nil {
		err = route.knows(e.QueryStringParameters)
	}
	if err == nil {
		response, err = recovered(ctx, route, r)
	}
	if err != nil {
		return refused(ctx, err, route.OurFault), err
	}
	return response, nil
}

// knows refuses a query with parameters that the route does not have.
func (r Route) knows(query map[string]string) error {
	unknown := map[string][]string{}
	for name := range query {
		if !slices.Contains(r.Query, name) {
			unknown[name] = []string{"Unknown parameter."}
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return &kyc.Error{Kind: kyc.Invalid, Code: "invalid_request", In: kyc.Query, Fields: unknown}
}

// authorized reads what the authorizer has handed on. A request without it never came through the authorizer.
func authorized(e events.APIGatewayV2HTTPRequest) (*Request, error) {
	r := &Request{event: e}
	if a := e.RequestContext.Authorizer; a != nil {
		r.BrandID, _ = a.Lambda["brand_id"].(string)
		r.Identity, _ = a.Lambda["identity"].(string)
		r.pair = fromContext(a.Lambda)
	}
	if !kyc.IsUUID(r.BrandID) {
		return nil, errors.New("request without an authorized brand")
	}
	return r, nil
}

func recovered(ctx context.Context, route Route, r *Request) (response Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = telemetry.Recovered(v)
		}
	}()
	return route.Handle(ctx, r)
}

// statuses is the only translation of a refusal's kind to an HTTP status.
var statuses = map[kyc.Kind]int{
	kyc.Internal: http.StatusInternalServerError, kyc.Invalid: http.StatusBadRequest, kyc.Forbidden: http.StatusForbidden,
	kyc.NotFound: http.StatusNotFound, kyc.Conflict: http.StatusConflict, kyc.Outdated: http.StatusPreconditionFailed,
	kyc.Unprocessable: http.StatusUnprocessableEntity, kyc.Unavailable: http.StatusServiceUnavailable,
}

// Refusal writes err in the published form of errors. Of an error that is not a kyc.Error it tells nothing but ourFault
// and the request's id.
func Refusal(ctx context.Context, err error, ourFault string) map[string]any {
	body, _ := refused(ctx, err, ourFault).Body.(map[string]any)
	return body
}

func refused(ctx context.Context, err error, ourFault string) Response {
	refusal, ok := errors.AsType[*kyc.Error](err)
	if !ok {
		refusal = &kyc.Error{Code: ourFault, Message: "Something failed on our side. Try again; if it persists, give the request_id to your operator.",
			Extra: map[string]any{"request_id": telemetry.RequestID(ctx)}}
	}
	status := statuses[refusal.Kind]
	body := maps.Clone(refusal.Extra)
	if body == nil {
		body = map[string]any{}
	}
	body["Status"], body["Code"], body["Message"], body["Type"] = status, refusal.Code, refusal.Message, "Request Error"
	if refusal.Fields != nil {
		body["Message"], body["errors"] = fields(refusal)
	}
	if status >= 500 {
		body["Type"] = "Server Error"
	}
	return Response{Status: status, Headers: refusal.Headers, Body: body}
}

// The name of a member as it stands in a JSON pointer, and back (RFC 6901 section 3).
var (
	escape   = strings.NewReplacer("~", "~0", "/", "~1")
	unescape = strings.NewReplacer("~0", "~", "~1", "/")
)

var places = map[kyc.Part]string{kyc.Body: "pointer", kyc.Header: "header", kyc.Query: "parameter"}

// fields writes what is wrong with fields twice: as published, from the field's name to a list of texts, and as the list
// of RFC 9457 section 3, each text with its place in the request.
func fields(refusal *kyc.Error) (message map[string][]string, list []map[string]string) {
	message = map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(refusal.Fields)) {
		name, place := key, key
		if refusal.In == kyc.Body {
			name, place = unescape.Replace(key), "/"+key
		}
		message[name] = append(message[name], refusal.Fields[key]...)
		for _, why := range refusal.Fields[key] {
			list = append(list, map[string]string{places[refusal.In]: place, "detail": why})
		}
	}
	return message, list
}

func encode(r Response) (events.APIGatewayV2HTTPResponse, error) {
	body, err := json.Marshal(r.Body)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, errors.New("answer can't be written as JSON")
	}
	headers := map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}
	maps.Copy(headers, r.Headers)
	if r.Status == http.StatusNotModified { // which has no body (RFC 9110 section 15.4.5)
		delete(headers, "Content-Type")
		body = nil
	}
	return events.APIGatewayV2HTTPResponse{StatusCode: r.Status, Headers: headers, Body: string(body)}, nil
}
