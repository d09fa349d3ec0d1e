package testbed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// MarkedID is the customer of the marked values.
const MarkedID = "6d61726b-6564-4a11-8b22-c33d44e55f66"

// Leaks looks for marked values in all that a function lets out, while everything goes wrong that can.
type Leaks[In, Out any] struct {
	// Build is the function's build, or another that makes its handler.
	Build func(context.Context) (func(context.Context, In) (Out, error), error)
	// Prepare adds to the table what the events need, beside the seeded brand and the marked customer; nil is allowed.
	Prepare func(t *testing.T, b *Bed)
	// Events are files of events/. MarkedID takes the place of CustomerID in them.
	Events []string
	// Change puts marks where an event has a place for them; nil is allowed.
	Change func(m Marks, event map[string]any)
	// Shown are the marks that an answer may give back to the brand, to whom they belong.
	Shown []string
	// Limit is the time of an invocation, beside what functions keep back; zero is no limit.
	Limit time.Duration
}

// Run gives each event to the function as it is; with every call of AWS in turn refused in words that quote it, answered
// by a malformed item, or answered into the void; and with marks wherever in the event they do not belong. A mark may be
// in an answer to its owner, as far as Shown says; it must be in no log line, no error, no request to AWS, which is every
// item and message, and not in clear in the table.
func (l Leaks[In, Out]) Run(t *testing.T) {
	t.Helper()
	b := Open(t)
	b.Setenv(t)
	secret := b.Seed(t)
	m := NewMarks()
	m["Authorization"] = secret.Reveal()
	b.create(t, MarkedID, m.customer())
	if l.Prepare != nil {
		l.Prepare(t, b)
	}
	g := newGate(t, b)
	t.Setenv("AWS_ENDPOINT_URL", g.server.URL)
	out := capture(t)
	before := b.items(t)
	for key, item := range before {
		for _, mark := range m.In(Text(item)) {
			t.Errorf("%s stands in clear in %s", mark, key)
		}
	}
	for _, name := range l.Events {
		raw, err := os.ReadFile(filepath.Join(Root(t), "events", name))
		must(t, err)
		var tree map[string]any
		must(t, json.Unmarshal(bytes.ReplaceAll(raw, []byte(CustomerID), []byte(MarkedID)), &tree))
		if l.Change != nil {
			l.Change(m, tree)
		}
		run := func(what string, tree map[string]any, fault *fault) {
			t.Helper()
			g.arm(fault)
			l.once(t, m, g, out, name+", "+what, tree)
			if g.wrote {
				b.restore(t, before)
			}
		}
		run("as it is", tree, nil)
		calls := g.calls
		for n, call := range calls {
			for _, what := range faults {
				if f := (&fault{call: n, what: what, mark: m.misplaced()}); f.applies(call) {
					run(fmt.Sprintf("call %d (%s) %s", n+1, call.operation, what), tree, f)
				}
			}
		}
		for what, changed := range misplace(m.misplaced(), tree) {
			run(what, changed, nil)
		}
		if len(calls) == 0 {
			t.Errorf("%s makes no call of AWS: it has not come far", name)
		}
	}
}

// misplaced is a text of several marks, for where none belongs.
func (m Marks) misplaced() string { return m["last_name"] + " " + m["ssn"] }

func (l Leaks[In, Out]) once(t *testing.T, m Marks, g *gate, out *output, what string, tree map[string]any) {
	t.Helper()
	raw, err := json.Marshal(tree)
	must(t, err)
	var in In
	must(t, json.Unmarshal(raw, &in))
	handle, err := l.Build(t.Context())
	must(t, err)
	ctx := Context(t)
	if l.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.Limit+500*time.Millisecond)
		defer cancel()
	}
	answer, err := handle(ctx, in)
	body, _ := json.Marshal(answer)
	var status struct { // of an answer to HTTP
		Code int `json:"statusCode"`
	}
	_ = json.Unmarshal(body, &status)
	found := func(where, text string, allowed ...string) {
		for _, mark := range m.In(text) {
			if name, _, _ := strings.Cut(mark, " "); !slices.Contains(allowed, name) {
				t.Errorf("%s: %s is in %s:\n%.2000s", what, mark, where, text)
			}
		}
	}
	found("the log", out.next(t))
	found("the function's error", fmt.Sprint(err))
	switch {
	case status.Code >= 400 && strings.Contains(what, "as a name"):
		// An answer says which name it does not know.
	case status.Code == 0 || status.Code >= 400:
		found("the answer", string(body))
	case strings.Contains(what, misplaced):
		return // what is taken is in its place, though it be no good one for a mark: a description is kept as it is
	default:
		found("the answer", string(body), l.Shown...)
	}
	for _, request := range g.requests {
		found("a request to AWS", request)
	}
}

// The ways in which a call of AWS goes wrong.
const (
	refused   = "is refused, and quoted"
	lost      = "is done, and its answer lost"
	numbers   = "answers with texts for numbers"
	binaries  = "answers with texts for binaries"
	mapTexts  = "answers with texts for maps"
	sets      = "answers with other sets"
	timeTexts = "answers with other texts for times"
)

var faults = []string{refused, lost, numbers, binaries, mapTexts, sets, timeTexts}

type fault struct {
	call       int
	what, mark string
}

type call struct {
	operation string
	answer    string
}

// applies reports whether the answer to a call has what the fault changes.
func (f *fault) applies(c call) bool {
	switch f.what {
	case refused:
		return true
	case lost: // of one kind of call it is enough: the SDK waits before it repeats one
		return f.call == 0
	}
	var tree any
	return json.Unmarshal([]byte(c.answer), &tree) == nil && f.change(&tree)
}

// stored finds a time as it is stored.
var stored = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T[0-9:.]+\+00:00$`)

// change puts the mark into an answer, and reports whether it has.
func (f *fault) change(value *any) bool {
	changed := false
	switch v := (*value).(type) {
	case map[string]any:
		if typed, what := attribute(v); typed != "" {
			replace := map[string]string{"N": numbers, "B": binaries, "M": mapTexts, "SS": sets}[typed] == f.what ||
				typed == "S" && f.what == timeTexts && stored.MatchString(what.(string))
			if _, inner := what.(map[string]any); replace && typed == "SS" {
				*value = map[string]any{"SS": []any{f.mark}}
			} else if replace {
				*value = map[string]any{"S": f.mark}
			} else if inner {
				changed = f.change(&what)
				*value = map[string]any{"M": what}
			}
			return changed || replace
		}
		for name, member := range v {
			if f.change(&member) {
				v[name], changed = member, true
			}
		}
	case []any:
		for n, element := range v {
			if f.change(&element) {
				v[n], changed = element, true
			}
		}
	}
	return changed
}

// attribute returns the type and the value of DynamoDB's form of an attribute, or "".
func attribute(v map[string]any) (string, any) {
	for name, inner := range v {
		switch inner.(type) {
		case string:
			if len(v) == 1 && slices.Contains([]string{"S", "N", "B"}, name) {
				return name, inner
			}
		case map[string]any:
			if len(v) == 1 && name == "M" {
				return name, inner
			}
		case []any:
			if len(v) == 1 && name == "SS" {
				return name, inner
			}
		case bool:
			if len(v) == 1 && (name == "BOOL" || name == "NULL") {
				return name, inner
			}
		}
	}
	return "", nil
}

// gate stands between a function and AWS.
type gate struct {
	server *httptest.Server

	mu       sync.Mutex
	fault    *fault
	n        int
	calls    []call
	requests []string
	wrote    bool
}

func newGate(t *testing.T, b *Bed) *gate {
	g := &gate{}
	g.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.mu.Lock()
		defer g.mu.Unlock()
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		g.requests = append(g.requests, string(body))
		g.wrote = g.wrote || !slices.Contains([]string{"GetItem", "Query", "Decrypt"}, operation)
		fault := g.fault
		if fault != nil && fault.call != g.n {
			fault = nil
		}
		g.n++
		if fault != nil && fault.what == refused {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws#ValidationException", "message": "not so: " + string(body)})
			return
		}
		again, err := http.NewRequestWithContext(r.Context(), r.Method, b.Endpoint+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		again.Header = r.Header.Clone()
		response, err := connections.Do(again)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		answer, _ := io.ReadAll(response.Body)
		g.calls = append(g.calls, call{operation, string(answer)})
		if fault != nil && fault.what == lost {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
			return
		}
		if fault != nil {
			var tree any
			if json.Unmarshal(answer, &tree) == nil && fault.change(&tree) {
				answer, _ = json.Marshal(tree)
			}
		}
		for _, name := range []string{"Content-Type", "Last-Modified"} {
			if value := response.Header.Get(name); value != "" {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(response.StatusCode)
		_, _ = w.Write(answer)
	}))
	g.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(g.server.Close)
	return g
}

func (g *gate) arm(f *fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault, g.n, g.calls, g.requests, g.wrote = f, 0, nil, nil, false
}

// output is all that a function prints.
type output struct {
	file *os.File
	read int64
}

// capture diverts what is printed to a file until the test ends.
func capture(t *testing.T) *output {
	file, err := os.Create(filepath.Join(t.TempDir(), "output"))
	must(t, err)
	stdout, stderr, logged := os.Stdout, os.Stderr, log.Writer()
	os.Stdout, os.Stderr = file, file
	log.SetOutput(file)
	t.Cleanup(func() {
		os.Stdout, os.Stderr = stdout, stderr
		log.SetOutput(logged)
		_ = file.Close()
	})
	return &output{file: file}
}

// next returns what was printed since it was last called, and fails where that is nothing.
func (o *output) next(t *testing.T) string {
	t.Helper()
	info, err := o.file.Stat()
	must(t, err)
	text := make([]byte, info.Size()-o.read)
	_, err = o.file.ReadAt(text, o.read)
	must(t, err)
	o.read = info.Size()
	if len(text) == 0 {
		t.Error("the function has logged nothing: what was looked at is not its log")
	}
	return string(text)
}

const misplaced = "misplaced "

// misplace returns copies of an event that hold the text where it does not belong.
func misplace(text string, event map[string]any) map[string]map[string]any {
	all := map[string]map[string]any{}
	put := func(name string, change func(e map[string]any)) {
		var e map[string]any
		raw, _ := json.Marshal(event)
		_ = json.Unmarshal(raw, &e)
		change(e)
		all[misplaced+name] = e
	}
	record := func(e map[string]any) map[string]any { return e["Records"].([]any)[0].(map[string]any) }
	body := func(e map[string]any) map[string]any { return e }
	switch {
	case event["routeKey"] != nil || event["routeArn"] != nil:
		put("around the request", func(e map[string]any) {
			headers, _ := e["headers"].(map[string]any)
			for name := range headers {
				if name != "content-type" {
					headers[name] = text
				}
			}
			e["rawPath"], e["rawQueryString"], e["cookies"] = "/"+text, text+"="+text, []string{text}
			if about, ok := e["requestContext"].(map[string]any)["http"].(map[string]any); ok {
				about["path"], about["userAgent"], about["sourceIp"] = text, text, text
			}
		})
		put("in the query as a name", func(e map[string]any) { e["queryStringParameters"] = map[string]any{text: text} })
		for _, part := range []string{"pathParameters", "queryStringParameters", "headers"} {
			parameters, _ := event[part].(map[string]any)
			for name := range parameters {
				put("in "+part+" "+name, func(e map[string]any) { e[part].(map[string]any)[name] = text })
			}
		}
	case event["Records"] != nil && record(event)["body"] != nil:
		body = record
	case event["Records"] != nil:
		for _, image := range []string{"OldImage", "NewImage"} {
			attributes, _ := record(event)["dynamodb"].(map[string]any)[image].(map[string]any)
			for name := range attributes {
				for kind, v := range map[string]any{"S": text, "SS": []any{text}, "M": map[string]any{text: map[string]any{"S": text}}, "L": []any{map[string]any{"S": text}}} {
					put(fmt.Sprint("in ", image, " ", name, " ", kind), func(e map[string]any) {
						record(e)["dynamodb"].(map[string]any)[image].(map[string]any)[name] = map[string]any{kind: v}
					})
				}
			}
		}
	}
	sent, _ := body(event)["body"].(string)
	var members map[string]any
	if json.Unmarshal([]byte(sent), &members) != nil {
		return all
	}
	quoted, _ := json.Marshal(text)
	for name, raw := range map[string]string{
		"as the body": text, "as a text": string(quoted), "in a list": "[" + string(quoted) + "]", "after the body": sent + string(quoted),
		"twice as a name": "{" + string(quoted) + ":1," + string(quoted) + ":2}", "cut off": `{"a":` + strings.TrimSuffix(string(quoted), `"`),
		"not UTF-8": "{\"a\":\"" + text + "\xff\"}",
	} {
		put(name, func(e map[string]any) { body(e)["body"] = raw })
	}
	put("in base64", func(e map[string]any) { body(e)["isBase64Encoded"] = true; body(e)["body"] = text })
	write := func(name string, change func(members map[string]any)) {
		put(name, func(e map[string]any) {
			var members map[string]any
			_ = json.Unmarshal([]byte(sent), &members)
			change(members)
			raw, _ := json.Marshal(members)
			body(e)["body"] = string(raw)
		})
	}
	write("in an unknown member", func(members map[string]any) { members["stranger"] = text })
	write("as a name of an unknown member", func(members map[string]any) { members[text] = 1 })
	for path := range paths(members, nil) {
		for kind, v := range map[string]any{"text": text, "list": []any{text}, "object": map[string]any{"a": text}} {
			write(fmt.Sprint("in ", path, " as ", kind), func(members map[string]any) { set(members, strings.Split(path, "/"), v) })
		}
	}
	return all
}

// paths lists where values stand in a body, at any depth of objects.
func paths(members map[string]any, above []string) map[string]bool {
	all := map[string]bool{}
	for name, v := range members {
		path := append(slices.Clone(above), name)
		all[strings.Join(path, "/")] = true
		if inner, ok := v.(map[string]any); ok {
			maps.Copy(all, paths(inner, path))
		}
	}
	return all
}

func set(members map[string]any, path []string, v any) {
	for ; len(path) > 1; path = path[1:] {
		members = members[path[0]].(map[string]any)
	}
	members[path[0]] = v
}

type items = map[string]map[string]types.AttributeValue

func (b *Bed) items(t testing.TB) items {
	t.Helper()
	all := items{}
	for _, item := range b.Items(t) {
		all[valueText(item["pk"])+" "+valueText(item["sk"])] = item
	}
	return all
}

// restore makes the table what it was.
func (b *Bed) restore(t testing.TB, before items) {
	t.Helper()
	now := b.items(t)
	for key, item := range now {
		if before[key] == nil {
			_, err := dynamodb.NewFromConfig(b.AWS).DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
				TableName: aws.String(b.Table), Key: map[string]types.AttributeValue{"pk": item["pk"], "sk": item["sk"]},
			})
			must(t, err)
		}
	}
	for key, item := range before {
		if !reflect.DeepEqual(item, now[key]) {
			b.Put(t, item)
		}
	}
}
