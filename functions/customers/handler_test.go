package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

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
