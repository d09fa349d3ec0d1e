package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/openapi/contract"
)

// bad is a request that must be refused.
type bad struct {
	name    string
	body    []byte
	headers []string
}

// badInput sends each operation what it must not take. Then every example, of which all of that was made, is taken.
func badInput(t *testing.T) {
	b := newBrand(t)
	own := b.holding()
	own["customer_id"] = b.customer("123-45-6780") // one that may start
	own["address_id"] = b.address(own["customer_id"])
	before := onFile(t, b)
	asked := 0
	refused := func(o contract.Operation, name, path string, body []byte, headers ...string) map[string]any {
		t.Helper()
		asked++
		status, answer := b.send(o.Method, path, body, headers...)
		if answer["Code"] == nil && status == http.StatusRequestEntityTooLarge {
			return answer // the gateway's own
		}
		if status < 400 || status > 499 || answer["Code"] == nil || answer["Message"] == nil || answer["Status"] != float64(status) || answer["Type"] != "Request Error" {
			t.Errorf("%s, %s: %d %v", o, name, status, answer)
		}
		return answer
	}
	for _, o := range contract.Operations(t) {
		path, sent := request(t, o, bodies(o)[0], own)
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		answer := refused(o, "an unknown parameter", path+separator+"cusor=x", sent, "Content-Type", "application/json")
		if message, _ := answer["Message"].(map[string]any); message["cusor"] == nil {
			t.Errorf("%s: an unknown parameter is not named: %v", o, answer)
		}
		for n, body := range o.Bodies {
			path, sent := request(t, o, body, own)
			cases := members(renamed(body, own).(map[string]any))
			if n == 0 {
				cases = append(cases, wholes(sent)...)
			}
			for _, c := range cases {
				refused(o, c.name, path, c.body, append([]string{"Content-Type", "application/json"}, c.headers...)...)
			}
		}
	}
	if diff := cmp.Diff(before, onFile(t, b)); diff != "" {
		t.Errorf("what was refused has changed the table (-before +after):\n%s", diff)
	}
	sender := b.customer("444-44-4444") // for all documents
	b.start(sender)
	b.until(sender, "document_required")
	operations := contract.Operations(t)
	slices.SortStableFunc(operations, func(a, b contract.Operation) int { return strings.Compare(a.Method, b.Method) }) // PATCH before a start
	for _, o := range operations {
		for _, body := range o.Bodies {
			with := maps.Clone(own)
			switch {
			case strings.Contains(o.Path, "/documents"):
				with["customer_id"] = sender
			case strings.HasSuffix(o.Path, "/verification-kyc"):
				with["customer_id"] = b.customer("123-45-6780")
			case strings.HasPrefix(o.Path, "/simulate/kyc-"):
				with["customer_id"] = b.customer("000-00-0000")
				b.start(with["customer_id"])
			case o.Path == "/simulate/document":
				continue // takes a document that was received, which documents goes through
			case body["move_to"] != nil:
				continue // names a moment that may be over
			}
			path, sent := request(t, o, body, with)
			if status, answer := b.send(o.Method, path, sent); status > 299 { // without a content type
				t.Errorf("%s: an example is not taken as it is: %d %v\n%s", o, status, answer, sent)
			}
		}
	}
	t.Logf("%d bad requests", asked)
}

// wholes are what may be wrong with a body as a whole.
func wholes(right []byte) []bad {
	members := strings.TrimPrefix(string(right), "{")
	name, _, _ := strings.Cut(members, ":")
	padded := func(bytes int) []byte { return append(right, strings.Repeat(" ", bytes)...) }
	text := func(s string) []byte { return []byte(s) }
	media := func(name string) bad { return bad{name, right, []string{"Content-Type", name}} }
	return []bad{
		{"5 MB", padded(5 << 20), nil},
		{"11 MB", padded(11 << 20), nil},
		{"10,000 lists in each other", text(`{"deep":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "," + members), nil},
		{"10,000 objects in each other", text(`{"deep":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000) + "," + members), nil},
		{"a member twice", text("{" + name + ":1," + members), nil},
		{"an unknown member", text(`{"stranger":1,` + members), nil},
		{"not UTF-8", text("{\"stranger\":\"\xff\"," + members), nil},
		{"zero byte", text("{\"stranger\":\"\x00\"," + members), nil},
		{"trailing data", append(right, "{}"...), nil},
		{"trailing comma", text(strings.TrimSuffix(string(right), "}") + ",}"), nil},
		{"cut off", right[:len(right)-1], nil},
		{"empty", nil, nil}, {"null", text("null"), nil}, {"a list", text("[" + string(right) + "]"), nil}, {"a text", text(`"x"`), nil},
		media("text/plain"), media("application/x-www-form-urlencoded"), media("application/problem+json"), media("application/json; charset"),
	}
}

// dates finds the date at the beginning of a value.
var dates = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}`)

// members are the bodies in which one member, at any depth, is not what it must be.
func members(body map[string]any) []bad {
	var all []bad
	var visit func(at string, value any, put func(any))
	visit = func(at string, value any, put func(any)) {
		try := func(what string, wrong any) {
			put(wrong)
			raw, _ := json.Marshal(body)
			put(value)
			all = append(all, bad{at + " " + what, raw, nil})
		}
		switch v := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				visit(at+"/"+name, v[name], func(wrong any) { v[name] = wrong })
			}
			if at != "" {
				try("is a list", []any{})
				stranger := maps.Clone(v)
				stranger["stranger"] = 1
				try("has an unknown member", stranger)
			}
		case []any:
			try("is an object", map[string]any{})
			for n := range v {
				visit(fmt.Sprint(at, "/", n), v[n], func(wrong any) { v[n] = wrong })
			}
		case string:
			try("is a number", 7)
			try("has a zero byte", v+"\x00")
			try("has a mark of direction", v+"\u202e")
			try("has a zero-width space", v[:1]+"\u200b"+v[1:])
			if day := dates.FindString(v); day != "" {
				try("does not exist", "2023-02-29"+strings.TrimPrefix(v, day))
			}
		case bool:
			try("is a text", fmt.Sprint(v))
		default:
			try("is a text", fmt.Sprint(v))
		}
	}
	visit("", body, nil)
	return all
}
