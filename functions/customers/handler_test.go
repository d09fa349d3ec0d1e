package main

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/apigw"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func open(t *testing.T) (*testbed.Bed, apigw.Func) {
	bed, _ := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return bed, handle
}

func TestCreateAndRead(t *testing.T) {
	_, handle := open(t)
	status, created := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "customers-create.json"))
	if status != 201 || created["ssn"] != "XXX-XX-6780" || created["kyc_requests_available"] != 3.0 {
		t.Fatalf("create: %d %v", status, created)
	}
	read := testbed.HTTPEvent(t, "customers-read.json")
	id := created["customer_id"].(string)
	read.RawPath = strings.ReplaceAll(read.RawPath, testbed.CustomerID, id)
	read.PathParameters["customer_id"] = id
	status, got := testbed.HTTP(t, handle, read)
	if diff := cmp.Diff(created, got); status != 200 || diff != "" {
		t.Errorf("read: %d, differs from what was created (-created +read):\n%s", status, diff)
	}
}

func TestCreateNamesAllThatIsWrong(t *testing.T) {
	_, handle := open(t)
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"nothing sent":       {`{}`, []string{"addresses", "dob", "first_name", "last_name"}},
		"rules and types":    {`{"first_name":"1","last_name":7,"dob":"2999-01-01","ssn":"666-12-1234","nick":"x","addresses":[{"street":"a"}]}`, []string{"addresses", "addresses/0/address_type", "addresses/0/city", "addresses/0/country", "addresses/0/zip_code", "dob", "first_name", "last_name", "nick", "ssn"}},
		"no primary address": {strings.Replace(testbed.HTTPEvent(t, "customers-create.json").Body, `"is_primary": true`, `"is_primary": false`, 1), []string{"addresses"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := testbed.HTTPEvent(t, "customers-create.json")
			e.Body = c.body
			status, body := testbed.HTTP(t, handle, e)
			fields, _ := body["Message"].(map[string]any)
			if diff := cmp.Diff(c.want, slices.Sorted(maps.Keys(fields))); status != 400 || body["Code"] != "create_customer_schema" || diff != "" {
				t.Errorf("%d %v (-want +got):\n%s", status, body, diff)
			}
		})
	}
}

// Unknown members, wrong types and broken rules, at any depth, each with the pointer of the member that is wrong.
func TestEveryErrorHasItsPointer(t *testing.T) {
	_, handle := open(t)
	at := func(pointer, detail string) any { return map[string]any{"pointer": pointer, "detail": detail} }
	for name, c := range map[string]struct {
		body string
		want []any
	}{
		"all at once": {`{"dob":"1990-05-17","first_name":7,"last_name":"Example","a/b":1,"m~n":1,"":1,"addresses":[
			{"address_type":"PHYSICAL","street":"1 Nowhere;","city":"Springfield","state":"CA","zip_code":"94104","country":"US","is_primary":true},
			{"address_type":"MAILING","street":"1 Nowhere","city":"Springfield","state":"CA","zip_code":94104,"country":"US","is_primary":"no","x/y":{}}]}`, []any{
			at("/", "Unknown field."),
			at("/addresses/0/street", "Must be 1 to 40 letters, digits, spaces and . , _ - #"),
			at("/addresses/1/is_primary", "Must be true or false."),
			at("/addresses/1/x~1y", "Unknown field."),
			at("/addresses/1/zip_code", "Must be a string."),
			at("/a~1b", "Unknown field."),
			at("/first_name", "Must be a string."),
			at("/m~0n", "Unknown field."),
		}},
		"twice": {`{"addresses":[{},{"a/b":{"x":1,"x":2}}]}`, []any{at("/addresses/1/a~1b/x", "Stands there twice: send it once.")}},
		"a list that is none": {`{"dob":"1990-05-17","first_name":"Ada","last_name":"Example","addresses":{}}`, []any{
			at("/addresses", "Must be an array of objects."),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := testbed.HTTPEvent(t, "customers-create.json")
			e.Body = c.body
			status, body := testbed.HTTP(t, handle, e)
			if diff := cmp.Diff(c.want, body["errors"]); status != 400 || diff != "" {
				t.Errorf("%d (-want +got):\n%s", status, diff)
			}
		})
	}
}

func TestInvalidEventIsRefused(t *testing.T) {
	bed, handle := open(t)
	before := len(bed.Items(t))
	if status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "customers-create-invalid.json")); status != 400 {
		t.Errorf("%d %v", status, body)
	}
	if after := len(bed.Items(t)); after != before {
		t.Errorf("a refused create left %d items behind", after-before)
	}
}

func TestReadRefuses(t *testing.T) {
	_, handle := open(t)
	const stranger = "11111111-1111-4111-8111-111111111111"
	for name, c := range map[string]struct {
		brand, customer string
		status          int
		code            string
	}{
		"unknown customer":         {testbed.BrandID, stranger, 404, "customer_dne"},
		"customer of another":      {stranger, testbed.CustomerID, 404, "customer_dne"},
		"id that is no UUID":       {testbed.BrandID, "42", 400, "customer_invalid_uuid4"},
		"request of no one's name": {"", testbed.CustomerID, 500, "unknown_get_customer"},
	} {
		t.Run(name, func(t *testing.T) {
			e := testbed.HTTPEvent(t, "customers-read.json")
			e.RequestContext.Authorizer.Lambda["brand_id"] = c.brand
			e.RawPath = strings.ReplaceAll(e.RawPath, testbed.CustomerID, c.customer)
			e.PathParameters["customer_id"] = c.customer
			if status, body := testbed.HTTP(t, handle, e); status != c.status || body["Code"] != c.code {
				t.Errorf("%d %v", status, body)
			}
		})
	}
}

// event returns a file of events/ for the customer that was created, with the given headers.
func event(t *testing.T, file, customerID string, headers map[string]string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	e := testbed.HTTPEvent(t, file)
	e.RawPath = strings.ReplaceAll(e.RawPath, testbed.CustomerID, customerID)
	e.PathParameters["customer_id"] = customerID
	maps.Copy(e.Headers, headers)
	return e
}

func TestUpdate(t *testing.T) {
	bed, handle := open(t)
	read := testbed.Whole(t, handle, event(t, "customers-read.json", testbed.CustomerID, nil))
	tag := read.Headers["ETag"]
	if read.StatusCode != 200 || tag == "" {
		t.Fatalf("read: %d, ETag %s", read.StatusCode, tag)
	}
	seen := event(t, "customers-read.json", testbed.CustomerID, map[string]string{"if-none-match": `"x", W/` + tag})
	if r := testbed.Whole(t, handle, seen); r.StatusCode != 304 || r.Body != "" || r.Headers["ETag"] != tag {
		t.Errorf("read again: %d %s", r.StatusCode, r.Body)
	}
	for _, c := range []struct {
		name, match string
		body        string
		status      int
		code        any
	}{
		{"of another version", `"x"`, "", 412, "resource_conflict"},
		{"of a weak tag", "W/" + tag, "", 412, "resource_conflict"},
		{"of none", "", "", 412, "resource_conflict"},
		{"of what was read", `"x", ` + tag, "", 200, nil},
		{"of what was read before", tag, "", 412, "resource_conflict"},
		{"whatever it is", "*", "", 200, nil},
		{"of nothing", "*", "{}", 200, nil},
		{"unknown member", "*", `{"nick":"x","addresses":[],"email":null}`, 400, "edit_customer_schema"},
		{"no object", "*", `[]`, 400, "edit_customer_schema"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := event(t, "customers-update.json", testbed.CustomerID, map[string]string{"if-match": c.match})
			if c.body != "" {
				e.Body = c.body
			}
			status, body := testbed.HTTP(t, handle, e)
			if status != c.status || body["Code"] != c.code {
				t.Errorf("%d %v", status, body)
			}
			if status == 200 && (body["last_name"] != "Exemplar" || body["phone"] != "2025550175" || body["first_name"] != "Ada") {
				t.Errorf("answered %v", body)
			}
		})
	}
	status, other := testbed.HTTP(t, handle, event(t, "customers-update.json", "11111111-1111-4111-8111-111111111111", nil))
	foreign := event(t, "customers-update.json", testbed.CustomerID, nil)
	foreign.RequestContext.Authorizer.Lambda["brand_id"] = "11111111-1111-4111-8111-111111111111"
	if s, b := testbed.HTTP(t, handle, foreign); status != 404 || s != 404 || cmp.Diff(other, b) != "" {
		t.Errorf("unknown: %d %v, of another brand: %d %v", status, other, s, b)
	}

	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	e := event(t, "customers-update.json", testbed.CustomerID, nil)
	e.Body = `{"last_name":"Another"}`
	if status, body := testbed.HTTP(t, handle, e); status != 409 || body["Code"] != "kyc_in_progress" || body["attempt_id"] != testbed.AttemptID {
		t.Errorf("while KYC runs: %d %v", status, body)
	}
}

func TestList(t *testing.T) {
	_, handle := open(t)
	for range 2 {
		testbed.HTTP(t, handle, testbed.HTTPEvent(t, "customers-create.json"))
	}
	list := func(query map[string]string) (int, []map[string]any, string) {
		t.Helper()
		e := testbed.HTTPEvent(t, "customers-list.json")
		if query != nil {
			values := url.Values{}
			for name, v := range query {
				values.Set(name, v)
			}
			e.RawQueryString, e.QueryStringParameters = values.Encode(), query
		}
		r := testbed.Whole(t, handle, e)
		var all []map[string]any
		if r.StatusCode == 200 && json.Unmarshal([]byte(r.Body), &all) != nil {
			t.Fatalf("list: %s", r.Body)
		}
		return r.StatusCode, all, r.Headers["Link"]
	}
	status, all, link := list(nil)
	if status != 200 || len(all) != 3 || link != "" || all[0]["ssn"] != "XXX-XX-6780" || all[2]["customer_id"] != testbed.CustomerID {
		t.Fatalf("%d, %d customers, Link %s", status, len(all), link)
	}
	_, first, link := list(map[string]string{"per_page": "2"})
	next, err := url.Parse(strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`))
	if err != nil || next.Path != "/api/v0.1/customers" {
		t.Fatalf("Link %s: %v", link, err)
	}
	_, rest, link := list(map[string]string{"per_page": next.Query().Get("per_page"), "cursor": next.Query().Get("cursor")})
	if diff := cmp.Diff(all, append(first, rest...)); diff != "" || link != "" {
		t.Errorf("two pages, then Link %s (-one page +two):\n%s", link, diff)
	}
	if status, _, _ := list(map[string]string{"page": "101"}); status != 400 {
		t.Errorf("page 101: %d", status)
	}
	below := testbed.HTTPEvent(t, "customers-list.json")
	below.RouteKey += "/{proxy+}" // whose path is another one, but the answer is documented with this one
	below.PathParameters = map[string]string{"proxy": "a/b"}
	if status, body := testbed.HTTP(t, handle, below); status != 404 || body["Code"] != "invalid_request" {
		t.Errorf("below the list: %d %v", status, body)
	}
}

func TestAddresses(t *testing.T) {
	_, handle := open(t)
	list := func() []any {
		t.Helper()
		r := testbed.Whole(t, handle, testbed.HTTPEvent(t, "customers-addresses-list.json"))
		var all []any
		if err := json.Unmarshal([]byte(r.Body), &all); err != nil || r.StatusCode != 200 || r.Headers["ETag"] == "" {
			t.Fatalf("list: %d %s", r.StatusCode, r.Body)
		}
		return all
	}
	first := list()
	status, added := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "customers-addresses-create.json"))
	if status != 201 || added["street"] != "PO Box 12" || added["is_primary"] != false {
		t.Fatalf("add: %d %v", status, added)
	}
	if diff := cmp.Diff(append(first, added), list()); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	address := func(file string) events.APIGatewayV2HTTPRequest {
		e := testbed.HTTPEvent(t, file)
		id := added["address_id"].(string)
		e.RawPath = strings.ReplaceAll(e.RawPath, e.PathParameters["address_id"], id)
		e.PathParameters["address_id"] = id
		return e
	}
	if status, read := testbed.HTTP(t, handle, address("customers-addresses-read.json")); status != 200 || cmp.Diff(added, read) != "" {
		t.Errorf("read: %d %v", status, read)
	}
	added["street"], added["zip_code"] = "PO Box 21", "94104-0021"
	if status, changed := testbed.HTTP(t, handle, address("customers-addresses-update.json")); status != 200 || cmp.Diff(added, changed) != "" {
		t.Errorf("change: %d %v", status, changed)
	}
	outdated := address("customers-addresses-delete.json")
	outdated.Headers["if-match"] = `"1.3"`
	if status, body := testbed.HTTP(t, handle, outdated); status != 412 {
		t.Errorf("delete what has changed: %d %v", status, body)
	}
	if status, deleted := testbed.HTTP(t, handle, address("customers-addresses-delete.json")); status != 200 || cmp.Diff(added, deleted) != "" {
		t.Errorf("delete: %d %v", status, deleted)
	}
	if diff := cmp.Diff(first, list()); diff != "" {
		t.Errorf("list in the end (-want +got):\n%s", diff)
	}
	for _, file := range []string{"customers-addresses-read.json", "customers-addresses-update.json", "customers-addresses-delete.json"} {
		if status, body := testbed.HTTP(t, handle, address(file)); status != 404 || body["Code"] != "invalid_reference" {
			t.Errorf("%s of what was deleted: %d %v", file, status, body)
		}
		foreign := address(file)
		foreign.RequestContext.Authorizer.Lambda["brand_id"] = "11111111-1111-4111-8111-111111111111"
		if status, body := testbed.HTTP(t, handle, foreign); status != 404 || body["Code"] != "customer_dne" {
			t.Errorf("%s of another brand: %d %v", file, status, body)
		}
	}
	wrong := testbed.HTTPEvent(t, "customers-addresses-create.json")
	wrong.Body = `{"country":"US","state":7,"is_primary":null,"nick":1}`
	status, body := testbed.HTTP(t, handle, wrong)
	fields, _ := body["Message"].(map[string]any)
	want := []string{"address_type", "city", "nick", "state", "street", "zip_code"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(fields))); status != 400 || body["Code"] != "edit_customer_schema" || diff != "" {
		t.Errorf("%d (-want +got):\n%s", status, diff)
	}
}

func TestTheOwnerAloneReadsWhatIsStored(t *testing.T) {
	bed, handle := open(t)
	testbed.HTTP(t, handle, testbed.HTTPEvent(t, "customers-create.json"))
	for _, mark := range []string{"Ada", "1990-05-17", "123456780", "123-45-6780", "California", "94104", "ada@example.com"} {
		for _, item := range bed.Items(t) {
			if strings.Contains(testbed.Text(item), mark) {
				t.Errorf("%q stands in clear in %s", mark, testbed.Text(item)[:80])
			}
		}
	}
}
