package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// example is one documented value and the pointer of the schema that it belongs to.
type example struct {
	where, schema string
	value         any
}

// examples lists every example of a media type, in requests, answers and events.
func (d *document) examples() []example {
	var all []example
	d.walk("", func(p string, value any) {
		media, ok := value.(map[string]any)
		if !ok || !strings.Contains(p, "/content/") || media["schema"] == nil {
			return
		}
		for _, name := range d.keys(pointer(p, "examples")) {
			e := d.resolve(pointer(p, "examples", name))
			all = append(all, example{pointer(p, "examples", name), pointer(p, "schema"), d.at(pointer(e, "value"))})
		}
	})
	return all
}

func (d *document) walk(p string, visit func(p string, value any)) {
	value := d.at(p)
	visit(p, value)
	switch v := value.(type) {
	case map[string]any:
		for k := range v {
			d.walk(pointer(p, k), visit)
		}
	case []any:
		for i := range v {
			d.walk(pointer(p, fmt.Sprint(i)), visit)
		}
	}
}

func mustParse(t *testing.T) *document {
	t.Helper()
	d, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEveryExampleFitsItsSchema(t *testing.T) {
	d := mustParse(t)
	all := d.examples()
	if len(all) < 40 {
		t.Fatalf("found %d examples only", len(all))
	}
	for _, e := range all {
		if err := d.validate(e.schema, e.value); err != nil {
			t.Errorf("%s: %v", e.where, err)
		}
	}
	d.walk("", func(p string, value any) {
		object, ok := value.(map[string]any)
		if !ok || object["in"] == nil || object["example"] == nil {
			return
		}
		if err := d.validateText(pointer(p, "schema"), fmt.Sprint(object["example"])); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	})
}

func TestEveryBodyHasAnExample(t *testing.T) {
	d := mustParse(t)
	d.walk("", func(p string, value any) {
		media, ok := value.(map[string]any)
		if ok && strings.Contains(p, "/content/") && media["schema"] != nil && len(d.keys(pointer(p, "examples"))) == 0 {
			t.Errorf("%s has no example", p)
		}
	})
}

// A member that the document does not know, anywhere in a body, breaks the contract.
func TestEveryObjectIsClosed(t *testing.T) {
	d := mustParse(t)
	for _, e := range d.examples() {
		if d.at(pointer(d.resolve(e.schema), "additionalProperties")) == true {
			continue // it is said that there may be more
		}
		for _, opened := range withStranger(e.value) {
			if d.validate(e.schema, opened) == nil {
				text, _ := json.Marshal(opened)
				t.Errorf("%s: the schema accepts a member that it does not know: %s", e.where, text)
			}
		}
	}
}

// withStranger returns one copy of value per object in it, with an unknown member in that object. Its name is none that a
// sender may choose where names are the sender's own.
func withStranger(value any) []any {
	var copies []any
	switch v := value.(type) {
	case map[string]any:
		c := maps.Clone(v)
		c["a stranger"] = "x"
		copies = append(copies, c)
		for k, member := range v {
			for _, m := range withStranger(member) {
				c := maps.Clone(v)
				c[k] = m
				copies = append(copies, c)
			}
		}
	case []any:
		for i, item := range v {
			for _, m := range withStranger(item) {
				c := slices.Clone(v)
				c[i] = m
				copies = append(copies, c)
			}
		}
	}
	return copies
}

// Every error code is in the answer of some operation, with an example; and no example has a code beside the list.
func TestEveryCodeIsUsed(t *testing.T) {
	d := mustParse(t)
	shown := map[string]bool{}
	for _, e := range d.examples() {
		if object, ok := e.value.(map[string]any); ok && object["Code"] != nil {
			shown[object["Code"].(string)] = true
		}
	}
	named := map[string]bool{}
	d.walk("", func(p string, value any) {
		if !strings.HasSuffix(p, "/properties/Code") || strings.Contains(p, "x-present-if") {
			return
		}
		schema := value.(map[string]any)
		if code, ok := schema["const"].(string); ok {
			named[code] = true
		}
		codes, _ := schema["enum"].([]any)
		for _, code := range codes {
			named[code.(string)] = true
		}
	})
	listed := map[string]bool{}
	codes, _ := d.at("/components/schemas/ErrorCode/enum").([]any)
	for _, code := range codes {
		listed[code.(string)] = true
		if !named[code.(string)] {
			t.Errorf("code %s is in no answer", code)
		}
		if !shown[code.(string)] {
			t.Errorf("code %s has no example", code)
		}
	}
	for code := range named {
		if !listed[code] {
			t.Errorf("code %s is in an answer but not in ErrorCode", code)
		}
	}
}

// Generators of client code take a reference for all that there is: what goes on beside it would be missing in their types.
func TestNoSchemaGoesOnBesideAReference(t *testing.T) {
	d := mustParse(t)
	d.walk("", func(p string, value any) {
		object, ok := value.(map[string]any)
		if !ok || object["$ref"] == nil {
			return
		}
		for name := range object {
			if name != "$ref" && name != "description" && name != "summary" {
				t.Errorf("%s has %s beside a $ref: write allOf: [{ $ref: … }]", p, name)
			}
		}
	})
}

// No reference dangles, no component is left over.
func TestEveryComponentIsUsed(t *testing.T) {
	d := mustParse(t)
	used := map[string]bool{}
	d.walk("", func(p string, value any) {
		if object, ok := value.(map[string]any); ok {
			if ref, ok := object["$ref"].(string); ok {
				used[strings.TrimPrefix(ref, "#")] = true
				if d.at(strings.TrimPrefix(ref, "#")) == nil {
					t.Errorf("%s refers to %s, which is nowhere", p, ref)
				}
			}
		}
	})
	for _, kind := range d.keys("/components") {
		if kind == "securitySchemes" {
			continue
		}
		for _, name := range d.keys(pointer("/components", kind)) {
			if p := pointer("/components", kind, name); !used[p] {
				t.Errorf("%s is used nowhere", p)
			}
		}
	}
}
