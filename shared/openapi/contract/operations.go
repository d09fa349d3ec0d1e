package contract

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Operation is one method of one path as the document describes it, for tests that must not forget a route.
type Operation struct {
	Method, Path  string           // DELETE, /webhooks/{webhook_id}
	Parameters    []string         // of the path
	Query         []string         // parameters of the query
	RequiredQuery []string         // those of them that must be there
	Bodies        []map[string]any // examples of the request's body, that with the most members first
}

// String names the operation.
func (o Operation) String() string { return o.Method + " " + o.Path }

// Operations lists all that needs a key pair, reading operations first and deleting ones last, of these what is part of
// something before that.
func Operations(t testing.TB) []Operation {
	t.Helper()
	d, err := parsed()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	order := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	var all []Operation
	for _, path := range d.keys("/paths") {
		route := pointer("/paths", path)
		for _, method := range order {
			operation := pointer(route, strings.ToLower(method))
			if d.at(operation) == nil {
				continue
			}
			if security, stated := d.at(pointer(operation, "security")).([]any); stated && len(security) == 0 {
				continue // open to everybody
			}
			o := Operation{Method: method, Path: path, Bodies: d.bodies(operation)}
			for _, list := range []string{pointer(route, "parameters"), pointer(operation, "parameters")} {
				o.add(d, list)
			}
			all = append(all, o)
		}
	}
	slices.SortStableFunc(all, func(a, b Operation) int {
		byMethod := cmp.Compare(slices.Index(order, a.Method), slices.Index(order, b.Method))
		if byMethod == 0 && a.Method == http.MethodDelete {
			return cmp.Compare(strings.Count(b.Path, "/"), strings.Count(a.Path, "/"))
		}
		return byMethod
	})
	return all
}

func (o *Operation) add(d *document, list string) {
	items, _ := d.at(list).([]any)
	for i := range items {
		p := d.resolve(pointer(list, strconv.Itoa(i)))
		name, _ := d.at(pointer(p, "name")).(string)
		switch d.at(pointer(p, "in")) {
		case "path":
			o.Parameters = append(o.Parameters, name)
		case "query":
			o.Query = append(o.Query, name)
			if d.at(pointer(p, "required")) == true {
				o.RequiredQuery = append(o.RequiredQuery, name)
			}
		}
	}
}

func (d *document) bodies(operation string) []map[string]any {
	var all []map[string]any
	examples := pointer(d.resolve(pointer(operation, "requestBody")), "content", "application/json", "examples")
	for _, name := range d.keys(examples) {
		if body, ok := d.at(pointer(d.resolve(pointer(examples, name)), "value")).(map[string]any); ok {
			all = append(all, body)
		}
	}
	slices.SortStableFunc(all, func(a, b map[string]any) int { return cmp.Compare(len(b), len(a)) })
	return all
}
