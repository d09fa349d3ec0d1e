package contract

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// plainNames are members whose names say all that there is to say.
var plainNames = []string{
	"city", "email", "first_name", "kyc", "last_name", "middle_name", "phone_country_code", "verification", "webhook_subscription",
	"webhook_subscriptions",
}

// Whoever reads of a parameter or a member learns what it is.
func TestEveryNameIsExplained(t *testing.T) {
	d := mustParse(t)
	d.walk("", func(p string, value any) {
		object, ok := value.(map[string]any)
		if !ok || strings.Contains(p, "/examples/") {
			return
		}
		if object["in"] != nil && object["name"] != nil && object["description"] == nil {
			t.Errorf("parameter %s needs a description", p)
		}
		// What stands under these says when something holds, not what it is.
		for _, condition := range []string{"/if", "/then", "/else", "/contains", "x-present-if"} {
			if strings.Contains(p, condition) {
				return
			}
		}
		for _, name := range d.keys(pointer(p, "properties")) {
			if !slices.Contains(plainNames, name) && !d.explained(p, name) {
				t.Errorf("%s needs a description", pointer(p, "properties", name))
			}
		}
	})
}

// explained reports whether a member of the schema at p has a description: there, in what it refers to, or in a schema
// that this one goes on from. A value that can be no other needs none.
func (d *document) explained(p, name string) bool {
	for member := pointer(p, "properties", name); member != ""; {
		object, _ := d.at(member).(map[string]any)
		if object["description"] != nil || object["const"] != nil {
			return true
		}
		ref, _ := object["$ref"].(string)
		member = strings.TrimPrefix(ref, "#")
	}
	bases, _ := d.at(pointer(p, "allOf")).([]any)
	for i := range bases {
		if d.explained(d.resolve(pointer(p, "allOf", fmt.Sprint(i))), name) {
			return true
		}
	}
	return false
}

// Every kind of answer is shown: of a schema with alternatives each has an example, and so has each code.
func TestEveryKindOfAnswerHasAnExample(t *testing.T) {
	d := mustParse(t)
	d.walk("", func(p string, value any) {
		media, ok := value.(map[string]any)
		if !ok || !strings.Contains(p, "/content/") || media["schema"] == nil || strings.Contains(p, "/requestBody/") {
			return
		}
		var shown []any
		for _, name := range d.keys(pointer(p, "examples")) {
			shown = append(shown, d.at(pointer(d.resolve(pointer(p, "examples", name)), "value")))
		}
		kinds := []string{pointer(p, "schema")}
		if alternatives, ok := d.at(pointer(p, "schema", "oneOf")).([]any); ok {
			kinds = nil
			for i := range alternatives {
				kinds = append(kinds, pointer(p, "schema", "oneOf", fmt.Sprint(i)))
			}
		}
		for _, kind := range kinds {
			fits := slices.DeleteFunc(slices.Clone(shown), func(e any) bool { return d.validate(kind, e) != nil })
			if len(fits) == 0 {
				t.Errorf("%s has no example", kind)
			}
			for _, code := range d.codes(kind) {
				if !slices.ContainsFunc(fits, func(e any) bool { o, _ := e.(map[string]any); return o["Code"] == code }) {
					t.Errorf("%s: code %s has no example", kind, code)
				}
			}
		}
	})
}

// codes lists what a refusal's Code may be.
func (d *document) codes(p string) []any {
	code := pointer(d.resolve(p), "properties", "Code")
	if one := d.at(pointer(code, "const")); one != nil {
		return []any{one}
	}
	several, _ := d.at(pointer(code, "enum")).([]any)
	return several
}

// published are the codes of the dictionary of the API that this one is compatible with, as far as they are about what it
// does. A client knows them already.
var published = []string{
	"auth_err", "create_customer_schema", "create_kyc_schema", "customer_bsa", "customer_dne", "customer_invalid_uuid4",
	"delete_customer_schema", "edit_customer_schema", "email_error", "get_customer_schema", "get_kyc_schema",
	"idempotency_key_exists", "input_error", "invalid_program", "invalid_reference", "invalid_request", "kyc_customer", "kyc_dne",
	"kyc_error", "kyc_init_fail", "kyc_reinit_fail", "kyc_requests", "kyc_retries", "person_id_dup", "resource_conflict",
	"unknown_create_customer", "unknown_customer_auth", "unknown_delete_customer", "unknown_edit_customer",
	"unknown_get_customer", "unknown_kyc_get", "unknown_start_kyc", "user_ref_dne", "webhooks_err",
}

// ours are the codes that this API adds, for what the published ones have no word.
var ours = []string{"kyc_already_passed", "kyc_in_progress", "upload_link_expired", "upload_link_invalid", "unknown_kyc_documents", "unknown_simulate"}

func TestCodesArePublishedOrOurs(t *testing.T) {
	d := mustParse(t)
	codes, _ := d.at("/components/schemas/ErrorCode/enum").([]any)
	for _, code := range codes {
		if !slices.Contains(published, code.(string)) && !slices.Contains(ours, code.(string)) {
			t.Errorf("%s is no published code: take one, or enter it among ours", code)
		}
	}
	for _, code := range ours {
		if !slices.Contains(codes, any(code)) || slices.Contains(published, code) {
			t.Errorf("%s is entered as ours, and is in no answer, or published", code)
		}
	}
}

// Every operation shows what comes of it when all is well and, where a key, a body or an id can be wrong, when it is not.
func TestEveryOperationShowsSuccessAndRefusals(t *testing.T) {
	d := mustParse(t)
	for _, path := range d.keys("/paths") {
		for _, method := range d.keys(pointer("/paths", path)) {
			operation := pointer("/paths", path, method)
			if d.at(pointer(operation, "operationId")) == nil {
				continue // parameters of all operations
			}
			classes := map[byte]bool{}
			for _, status := range d.keys(pointer(operation, "responses")) {
				classes[status[0]] = true
			}
			if !classes['2'] || !classes['4'] || !classes['5'] {
				t.Errorf("%s %s documents statuses of the classes %v only", method, path, classes)
			}
			for _, text := range []string{"summary", "tags", "operationId"} {
				if d.at(pointer(operation, text)) == nil {
					t.Errorf("%s %s has no %s", method, path, text)
				}
			}
			if strings.Contains(path, "{") && d.at(pointer(operation, "responses", "404")) == nil {
				t.Errorf("%s %s does not say what an unknown id leads to", method, path)
			}
			takes := d.at(pointer(operation, "requestBody")) != nil || strings.Contains(path, "{")
			if takes && d.at(pointer(operation, "responses", "400")) == nil {
				t.Errorf("%s %s does not say what a malformed request leads to", method, path)
			}
		}
	}
}
