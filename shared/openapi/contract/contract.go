// Package contract holds what the functions answer, and what subscriptions are sent, to openapi.yaml.
//
// Tests of handlers pass each answer through Check, the end-to-end test too; tests of the webhook adapter pass each
// body through CheckEvent. An answer that the document does not describe fails the test: the document cannot fall
// behind.
package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"kyc/shared/openapi"
)

// Check fails t when the answer (status, header, body) to a request is not one that the document describes. path
// begins with /api/v0.1 and may end in a query. Of a request that was accepted (2xx) the body and the query are
// checked too: a handler must not accept what the document forbids. Header names are compared without regard to case.
// Safe for parallel tests.
func Check(t testing.TB, method, path string, requestBody []byte, status int, header map[string]string, body string) {
	t.Helper()
	d, err := parsed()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
		return
	}
	if err := d.check(method, path, requestBody, status, header, body); err != nil {
		t.Errorf("%s %s answered %d, which openapi.yaml does not describe:\n%v\nbody: %s", method, path, status, err, body)
	}
}

// CheckEvent fails t when body is not what the document says of the event that it names.
func CheckEvent(t testing.TB, body []byte) {
	t.Helper()
	d, err := parsed()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
		return
	}
	if err := d.checkEvent(body); err != nil {
		t.Errorf("an event that openapi.yaml does not describe:\n%v\nbody: %s", err, body)
	}
}

var parsed = sync.OnceValues(func() (*document, error) { return parse(openapi.Document) })

// document is an OpenAPI 3.1 document. Its schemas are JSON Schema 2020-12 and are compiled where they stand, by JSON
// pointer into the document, so that references need no translation.
type document struct {
	root any

	mu       sync.Mutex // guards the two below
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

const location = "openapi.yaml"

func parse(source []byte) (*document, error) {
	// Once through JSON: the validator wants JSON's types.
	text, err := openapi.JSON(source)
	if err != nil {
		return nil, err
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(location, root); err != nil {
		return nil, err
	}
	return &document{root: root, compiler: c, compiled: map[string]*jsonschema.Schema{}}, nil
}

func (d *document) check(method, path string, requestBody []byte, status int, header map[string]string, body string) error {
	route, query, err := d.route(path)
	if err != nil {
		return err
	}
	operation := pointer(route, strings.ToLower(method))
	if d.at(operation) == nil {
		return fmt.Errorf("method %s is not documented for this path", method)
	}
	response := d.resolve(pointer(operation, "responses", strconv.Itoa(status)))
	if d.at(response) == nil {
		return fmt.Errorf("status %d is not documented; documented are %s", status, strings.Join(d.keys(pointer(operation, "responses")), ", "))
	}
	var problems []error
	if status >= 200 && status <= 299 {
		problems = append(problems, d.checkQuery(route, operation, query), d.checkRequest(operation, requestBody))
	}
	answer, err := d.checkAnswer(response, status, header, body)
	problems = append(problems, err, d.checkHeaders(response, header, answer))
	return errors.Join(problems...)
}

func (d *document) checkEvent(body []byte) error {
	value, err := decode(string(body))
	if err != nil {
		return err
	}
	event, _ := value.(map[string]any)
	name, _ := event["event"].(string)
	schema := pointer("", "webhooks", name, "post", "requestBody", "content", "application/json", "schema")
	if d.at(schema) == nil {
		return fmt.Errorf("event %q is not documented", name)
	}
	return d.validate(schema, value)
}

// route returns the pointer to the path item that path belongs to. A literal path goes before one with parameters.
func (d *document) route(path string) (string, url.Values, error) {
	path, rawQuery, _ := strings.Cut(path, "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return "", nil, err
	}
	rest, ok := strings.CutPrefix(path, openapi.BasePath)
	if !ok {
		return "", nil, fmt.Errorf("the path does not begin with %s", openapi.BasePath)
	}
	// Every collection has a twin with a trailing slash.
	segments := strings.Split(strings.TrimSuffix(rest, "/"), "/")
	best, fewest := "", len(segments)+1
	for _, template := range d.keys("/paths") {
		if n, ok := matches(strings.Split(template, "/"), segments); ok && n < fewest {
			best, fewest = template, n
		}
	}
	if best == "" {
		return "", nil, errors.New("the path is not documented")
	}
	return pointer("/paths", best), query, nil
}

// matches reports whether a path fits a template, and how many of the template's segments are parameters.
func matches(template, path []string) (parameters int, ok bool) {
	if len(template) != len(path) {
		return 0, false
	}
	for i, want := range template {
		switch {
		case strings.HasPrefix(want, "{") && path[i] != "":
			parameters++
		case want != path[i]:
			return 0, false
		}
	}
	return parameters, true
}

func (d *document) checkQuery(route, operation string, query url.Values) error {
	var problems []error
	known := map[string]bool{}
	for _, list := range []string{pointer(route, "parameters"), pointer(operation, "parameters")} {
		items, _ := d.at(list).([]any)
		for i := range items {
			p := d.resolve(pointer(list, strconv.Itoa(i)))
			name, _ := d.at(pointer(p, "name")).(string)
			if d.at(pointer(p, "in")) != "query" {
				continue
			}
			known[name] = true
			if query.Has(name) {
				problems = append(problems, within("query "+name, d.validateText(pointer(p, "schema"), query.Get(name))))
			} else if d.at(pointer(p, "required")) == true {
				problems = append(problems, fmt.Errorf("accepted without query parameter %s, which is required", name))
			}
		}
	}
	for name := range query {
		if !known[name] {
			problems = append(problems, fmt.Errorf("accepted with query parameter %s, which is not documented", name))
		}
	}
	return errors.Join(problems...)
}

func (d *document) checkRequest(operation string, body []byte) error {
	request := d.resolve(pointer(operation, "requestBody"))
	switch {
	case d.at(request) == nil:
		return nil // a body where none is documented is ignored, as HTTP has it
	case len(body) == 0:
		if d.at(pointer(request, "required")) == true {
			return errors.New("accepted without a body, which is required")
		}
		return nil
	}
	value, err := decode(string(body))
	if err != nil {
		return within("accepted request body", err)
	}
	return within("accepted request body", d.validate(pointer(request, "content", "application/json", "schema"), withoutNulls(value)))
}

// withoutNulls removes members that are null: in a request they are the same as absent ones.
func withoutNulls(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if member == nil {
				delete(v, name)
			} else {
				v[name] = withoutNulls(member)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}
	return value
}

func (d *document) checkAnswer(response string, status int, header map[string]string, body string) (any, error) {
	documented := d.keys(pointer(response, "content"))
	if len(documented) == 0 {
		if body != "" {
			return nil, errors.New("a body where none is documented")
		}
		return nil, nil
	}
	contentType, _ := lookUp(header, "Content-Type")
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || !slices.Contains(documented, media) {
		return nil, fmt.Errorf("content type %q; documented is %s", contentType, strings.Join(documented, ", "))
	}
	value, err := decodeMedia(media, body)
	if err != nil {
		return nil, within("body", err)
	}
	problems := []error{within("body", d.validate(pointer(response, "content", media, "schema"), value))}
	if object, ok := value.(map[string]any); ok {
		if said, ok := object["Status"]; ok && fmt.Sprint(said) != strconv.Itoa(status) {
			problems = append(problems, fmt.Errorf("the body's Status says %v", said))
		}
	}
	return value, errors.Join(problems...)
}

// plain are headers that every answer may have.
var plain = []string{
	"content-type", "content-length", "cache-control", "date", "apigw-requestid", "connection",
	"content-encoding", "vary", "content-security-policy", "referrer-policy", "x-content-type-options",
}

// checkHeaders wants each documented header to be there exactly when the document says so: always (required), or when
// the body fits the schema x-present-if, which OpenAPI has no word for.
func (d *document) checkHeaders(response string, header map[string]string, answer any) error {
	var problems []error
	list := pointer(response, "headers")
	documented := d.keys(list)
	for _, name := range documented {
		h := d.resolve(pointer(list, name))
		value, present := lookUp(header, name)
		if condition := pointer(h, "x-present-if"); d.at(condition) != nil {
			if wanted := d.validate(condition, answer) == nil; wanted != present {
				problems = append(problems, fmt.Errorf("header %s: present is %t, want %t with this body", name, present, wanted))
			}
		} else if !present && d.at(pointer(h, "required")) == true {
			problems = append(problems, fmt.Errorf("header %s is missing", name))
		}
		if present {
			problems = append(problems, within("header "+name, d.validateText(pointer(h, "schema"), value)))
		}
	}
	for name := range header {
		same := func(other string) bool { return strings.EqualFold(name, other) }
		if !slices.ContainsFunc(plain, same) && !slices.ContainsFunc(documented, same) {
			problems = append(problems, fmt.Errorf("header %s is not documented", name))
		}
	}
	return errors.Join(problems...)
}

// validate checks value against the schema at pointer p.
func (d *document) validate(p string, value any) error {
	schema, err := d.schema(p)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// validateText checks a header's or parameter's text: as a number where the schema wants one.
func (d *document) validateText(p, text string) error {
	schema := d.resolve(p)
	switch d.at(pointer(schema, "type")) {
	case "integer", "number":
		return d.validate(schema, json.Number(text))
	}
	return d.validate(schema, text)
}

func (d *document) schema(p string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.compiled[p]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile(location + (&url.URL{Fragment: p}).String())
	if err != nil {
		return nil, err
	}
	d.compiled[p] = s
	return s, nil
}

// at returns the value at a JSON pointer, nil where there is none.
func (d *document) at(p string) any {
	value := d.root
	if p == "" {
		return value
	}
	for _, token := range strings.Split(p, "/")[1:] {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch v := value.(type) {
		case map[string]any:
			value = v[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// resolve follows references until p points at something itself.
func (d *document) resolve(p string) string {
	for range 10 {
		object, _ := d.at(p).(map[string]any)
		ref, ok := object["$ref"].(string)
		if !ok {
			return p
		}
		p = strings.TrimPrefix(ref, "#")
	}
	return p
}

func (d *document) keys(p string) []string {
	object, _ := d.at(p).(map[string]any)
	keys := make([]string, 0, len(object))
	for k := range object {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// pointer extends a JSON pointer (RFC 6901).
func pointer(p string, tokens ...string) string {
	for _, token := range tokens {
		p += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
	}
	return p
}

// decodeMedia reads a body whose schema says what is in it. One that is neither JSON nor YAML is a text.
func decodeMedia(media, body string) (any, error) {
	switch media {
	case "application/json":
		return decode(body)
	case "application/yaml":
		text, err := openapi.JSON([]byte(body))
		if err != nil {
			return nil, fmt.Errorf("not YAML: %w", err)
		}
		return decode(string(text))
	}
	return body, nil
}

// decode reads one JSON value and nothing after it.
func decode(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not JSON: data after the value")
	}
	return value, nil
}

func lookUp(header map[string]string, name string) (string, bool) {
	for k, v := range header {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return "", false
}

// within says where an error happened, and nothing when there is none.
func within(where string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", where, err)
}
