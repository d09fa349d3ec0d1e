package apigw_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
)

// read gives a request with the body to f, as a handler gets it.
func read(t *testing.T, change func(*events.APIGatewayV2HTTPRequest), f func(*apigw.Request)) {
	t.Helper()
	called := false
	e := request()
	change(&e)
	serve := apigw.Serve(quiet, map[string]apigw.Route{"POST /things": {Needs: kyc.MayWrite, Handle: func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
		called = true
		f(r)
		return apigw.Response{Status: 200}, nil
	}, Query: []string{"program_id"}}})
	if _, err := serve(t.Context(), e); err != nil || !called {
		t.Fatalf("the handler was not called: %v", err)
	}
}

func object(t *testing.T, body string) *apigw.Object {
	t.Helper()
	var o *apigw.Object
	read(t, func(e *events.APIGatewayV2HTTPRequest) { e.Body = body }, func(r *apigw.Request) {
		var err error
		if o, err = r.Object("code"); err != nil {
			t.Fatal(err)
		}
	})
	return o
}

func TestObjectIsReadStrictly(t *testing.T) {
	const taken = ""
	const media, coding, size, text = "Content-Type", "base64", "at most 65536 bytes", "UTF-8"
	const deep, other, more = "too deeply", "not a JSON object", "follows"
	nested := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	padded := func(n int) string { return `{"a":"` + strings.Repeat("x", n-8) + `"}` }
	for name, c := range map[string]struct {
		body        string
		contentType string // where it is not the usual one; "none" for none at all
		base64      bool
		want        string // part of the refusal
	}{
		"an object":                        {body: `{"a":1}`},
		"an empty object":                  {body: `{}`},
		"white space around":               {body: " \r\n\t{ \"a\" : 1 } \n"},
		"character set":                    {body: `{}`, contentType: "application/json; charset=utf-8"},
		"capital letters":                  {body: `{}`, contentType: "Application/JSON"},
		"base64":                           {body: base64.StdEncoding.EncodeToString([]byte(`{"a":"ü"}`)), base64: true},
		"a big number":                     {body: `{"a":1e400}`},
		"as deep as allowed":               {body: nested(16)},
		"as long as allowed":               {body: padded(64 << 10)},
		"as long as allowed, in base64":    {body: base64.StdEncoding.EncodeToString([]byte(padded(64 << 10))), base64: true},
		"no content type":                  {body: `{}`, contentType: "none"},
		"no content type, and no JSON":     {body: `a=1`, contentType: "none", want: other},
		"empty content type":               {body: `{}`, contentType: " ", want: media},
		"a form":                           {body: `a=1`, contentType: "application/x-www-form-urlencoded", want: media},
		"plain text":                       {body: `{}`, contentType: "text/plain", want: media},
		"JSON of another kind":             {body: `{}`, contentType: "application/problem+json", want: media},
		"malformed content type":           {body: `{}`, contentType: "application/json; charset", want: media},
		"malformed base64":                 {body: `{}`, base64: true, want: coding},
		"too long":                         {body: padded(64<<10 + 1), want: size},
		"too long, in base64":              {body: base64.StdEncoding.EncodeToString([]byte(padded(64<<10 + 1))), base64: true, want: size},
		"not UTF-8":                        {body: "{\"a\":\"\xff\"}", want: text},
		"UTF-16":                           {body: "\xff\xfe{\x00}\x00", want: text},
		"byte order mark":                  {body: "\ufeff{}", want: other},
		"same name in two objects":         {body: `{"a":{"a":1},"b":{"a":1}}`},
		"too deep":                         {body: nested(17), want: deep},
		"much too deep":                    {body: `{"a":` + strings.Repeat("[", 10_000), want: deep},
		"much too deep, objects":           {body: strings.Repeat(`{"a":`, 10_000), want: deep},
		"empty":                            {body: ``, want: other},
		"white space":                      {body: ` `, want: other},
		"null":                             {body: `null`, want: other},
		"an array":                         {body: `[{}]`, want: other},
		"a text":                           {body: `"a"`, want: other},
		"a number":                         {body: `1`, want: other},
		"cut off":                          {body: `{"a":1`, want: other},
		"cut off in a name":                {body: `{"a`, want: other},
		"cut off in a list":                {body: `{"a":[1`, want: other},
		"comma at the end":                 {body: `{"a":1,}`, want: other},
		"comma at the end of a list":       {body: `{"a":[1,]}`, want: other},
		"no comma":                         {body: `{"a":1 "b":2}`, want: other},
		"no colon":                         {body: `{"a" 1}`, want: other},
		"no value":                         {body: `{"a":}`, want: other},
		"name without quotes":              {body: `{a:1}`, want: other},
		"name that is a number":            {body: `{1:1}`, want: other},
		"wrong bracket":                    {body: `{"a":[1}]`, want: other},
		"single quotes":                    {body: `{'a':1}`, want: other},
		"comment":                          {body: `{} // nobody`, want: more},
		"not a number":                     {body: `{"a":NaN}`, want: other},
		"number with a zero at the front":  {body: `{"a":01}`, want: other},
		"line break in a text":             {body: "{\"a\":\"\n\"}", want: other},
		"unknown escape":                   {body: `{"a":"\x41"}`, want: other},
		"another object":                   {body: `{}{}`, want: more},
		"another object, on the next line": {body: "{}\n{}", want: more},
		"something that is no JSON":        {body: `{} x`, want: more},
		"bracket too many":                 {body: `{}}`, want: more},
		"zero byte at the end":             {body: "{}\x00", want: more},
	} {
		t.Run(name, func(t *testing.T) {
			read(t, func(e *events.APIGatewayV2HTTPRequest) {
				e.Body, e.IsBase64Encoded = c.body, c.base64
				switch c.contentType {
				case "":
				case "none":
					delete(e.Headers, "content-type")
				default:
					e.Headers["content-type"] = c.contentType
				}
			}, func(r *apigw.Request) {
				o, err := r.Object("code")
				if c.want == taken {
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				refusal, ok := err.(*kyc.Error)
				if !ok || o != nil || refusal.Kind != kyc.Invalid || refusal.Code != "code" || !strings.Contains(refusal.Message, c.want) {
					t.Fatalf("got %v, want a refusal with %q", err, c.want)
				}
				if len(c.body) > 2 && strings.Contains(refusal.Message, c.body) {
					t.Errorf("the body is repeated: %s", refusal.Message)
				}
			})
		})
	}
}

func TestMemberTwiceIsNamedByItsPointer(t *testing.T) {
	for body, pointer := range map[string]string{
		`{"a":1,"a":1}`:                "a",
		`{"a":null,"a":1}`:             "a",
		`{"a":1,"\u0061":1}`:           "a",
		`{"":1,"":1}`:                  "",
		`{"a/b":1,"a/b":1}`:            "a~1b",
		`{"~1":1,"~1":1}`:              "~01",
		`{"b":[{},[0,{"a":1,"a":1}]]}`: "b/1/1/a",
		`{"a":{"a":{"a":1}},"b":{"x/y":{"a":1,"a":1}}}`:    "b/x~1y/a",
		`{"a":1,"a":1,"b":1,"b":1}`:                        "a",
		`{"a":{"b":1,"b":1},"a":1} and what is never read`: "a/b",
	} {
		t.Run(body, func(t *testing.T) {
			read(t, func(e *events.APIGatewayV2HTTPRequest) { e.Body = body }, func(r *apigw.Request) {
				_, err := r.Object("code")
				want := &kyc.Error{Kind: kyc.Invalid, Code: "code", Fields: map[string][]string{pointer: {"Stands there twice: send it once."}}}
				if diff := cmp.Diff(error(want), err); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestMembersOfTheRightType(t *testing.T) {
	o := object(t, `{"text":"é \u00fc \u0645\u200c\u0627 \u0dc1\u0dca\u200d\u0dbb\u0dd3","empty":"","yes":true,"no":false,"names":["a",""],"none":[],"things":[{"text":"x"},{"text":"y"}],"nothings":[],"null":null,"seven":-7,"inner":{"n":0,"deeper":{}}}`)
	text, sent := o.String("text")
	if text != "é ü م\u200cا ශ\u0dca\u200dර\u0dd3" || !sent {
		t.Errorf("text is %q, %t", text, sent)
	}
	if empty, sent := o.String("empty"); empty != "" || !sent {
		t.Errorf("empty text is %q, %t", empty, sent)
	}
	if !o.Bool("yes") || o.Bool("no") {
		t.Error("yes or no is read wrongly")
	}
	if diff := cmp.Diff([]string{"a", ""}, o.Strings("names")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if none := o.Strings("none"); none == nil || len(none) != 0 || len(o.Objects("nothings")) != 0 {
		t.Error("an empty list has elements")
	}
	var inside []string
	for _, child := range o.Objects("things") {
		v, _ := child.String("text")
		inside = append(inside, v)
		child.Rest()
	}
	if diff := cmp.Diff([]string{"x", "y"}, inside); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := o.Int("seven"); n == nil || *n != -7 {
		t.Errorf("seven is %v", n)
	}
	inner := o.Object("inner")
	if n := inner.Int("n"); n == nil || *n != 0 || inner.Object("deeper") == nil {
		t.Errorf("n is %v", n)
	}
	inner.Rest()
	o.String("null")
	o.Rest()
	if diff := cmp.Diff(map[string][]string{}, o.Wrong()); diff != "" {
		t.Errorf("wrong (-want +got):\n%s", diff)
	}
}

func TestListsOfNumbersAndObjectsOfTexts(t *testing.T) {
	o := object(t, `{"plan":[5,-1],"none":[],"null":null,"texts":{"a":"x","gone":null,"empty":""},"no texts":{},
		"halves":[1.5],"words":["1"],"mixed":[1,null],"number":1,"bad/texts":{"good":"x","n":1,"control~":"a\n"},"flat":[]}`)
	if diff := cmp.Diff([][]int{{5, -1}, {}, nil, nil, nil, nil, nil, nil}, [][]int{
		o.Ints("plan"), o.Ints("none"), o.Ints("null"), o.Ints("absent"), o.Ints("halves"), o.Ints("words"), o.Ints("mixed"), o.Ints("number"),
	}); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	want := []map[string]*string{{"a": new("x"), "gone": nil, "empty": new("")}, {}, nil, {"good": new("x")}, nil}
	got := []map[string]*string{o.Texts("texts"), o.Texts("no texts"), o.Texts("null"), o.Texts("bad/texts"), o.Texts("flat")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	numbers := []string{"Must be an array of whole numbers."}
	wrong := map[string][]string{
		"halves": numbers, "words": numbers, "mixed": numbers, "number": numbers, "bad~1texts/n": {"Must be a string."},
		"bad~1texts/control~0": {"Must not hold control characters or invisible ones."}, "flat": {"Must be an object."},
	}
	if diff := cmp.Diff(wrong, o.Wrong()); diff != "" {
		t.Errorf("wrong (-want +got):\n%s", diff)
	}
}

func TestNullIsAbsent(t *testing.T) {
	for name, body := range map[string]string{"null": `{"a":null}`, "absent": `{}`} {
		t.Run(name, func(t *testing.T) {
			if v, sent := object(t, body).String("a"); v != "" || sent {
				t.Errorf("as text: %q, %t", v, sent)
			}
			o := object(t, body)
			if o.Bool("a") || len(o.Wrong()) != 0 {
				t.Errorf("as yes or no: %v", o.Wrong())
			}
			if got := object(t, body); got.Strings("a") != nil || len(got.Wrong()) != 0 {
				t.Errorf("as list: %v", got.Wrong())
			}
			if got := object(t, body); got.Int("a") != nil || got.Object("b") != nil || len(got.Wrong()) != 0 {
				t.Errorf("as number or object: %v", got.Wrong())
			}
			if got := object(t, body); got.Objects("a") != nil || len(got.Wrong()) != 0 {
				t.Errorf("as list of objects: %v", got.Wrong())
			}
		})
	}
}

// Whatever is wrong anywhere is reported at once, by its path, and without its value.
func TestAllThatIsWrongIsReportedAtOnce(t *testing.T) {
	long := "a" + strings.Repeat("é", 40)
	o := object(t, `{"text":7,"line":"a\nb","delete":"\u007f","lone":"\ud800","next line":"\u0085","zero":"\u0000","override":"\u202e","zero width":"\u200b","order":"\ufeff","soft":"\u00ad","paragraph":"\u2029","tag":"\udb40\udc41","listed":["a","b\u202e"],"yes":"true","names":["a",1],"list":"x",
		"things":[{"text":[],"extra":1},{"text":"ok"},{"more":{"deep":1}}],"mixed":[{},1],"half":1.5,"large":1e9,"word":"7","huge":99999999999999999999,"flat":[],"inner":{"n":"x","more":1},"x/y":{"~":{"n":"x"}},"z/z":[{"n":"x"}],"extra":{"a":1},"null_too":null,"":1,"a/b":1,"~0":1,"`+long+`":1}`)
	for _, name := range []string{
		"text", "line", "delete", "lone", "next line", "zero", "override", "zero width", "order", "soft", "paragraph", "tag",
	} {
		if v, ok := o.String(name); ok {
			t.Errorf("%s is read as %q", name, v)
		}
	}
	if o.Bool("yes") || o.Strings("names") != nil || o.Strings("listed") != nil || o.Strings("list") != nil || o.Objects("mixed") != nil {
		t.Error("a value of the wrong type was read")
	}
	for _, child := range o.Objects("things") {
		child.String("text")
		child.Rest()
	}
	for _, name := range []string{"half", "large", "word", "huge"} {
		if n := o.Int(name); n != nil {
			t.Errorf("%s is read as %d", name, *n)
		}
	}
	if o.Object("flat") != nil {
		t.Error("a list was read as an object")
	}
	inner := o.Object("inner")
	inner.Int("n")
	inner.Rest()
	o.Object("x/y").Object("~").Int("n")
	o.Objects("z/z")[0].Int("n")
	o.Rest()
	whole := []string{"Must be a whole number."}
	control, unknown := []string{"Must not hold control characters or invisible ones."}, []string{"Unknown field."}
	want := map[string][]string{
		"text": {"Must be a string."}, "line": control, "delete": control, "lone": control, "next line": control, "zero": control,
		"override": control, "zero width": control, "order": control, "soft": control, "paragraph": control, "tag": control, "listed": control, "yes": {"Must be true or false."},
		"names": {"Must be an array of strings."}, "list": {"Must be an array of strings."}, "mixed": {"Must be an array of objects."},
		"things/0/text": {"Must be a string."}, "things/0/extra": unknown, "things/2/more": unknown,
		"half": whole, "large": whole, "word": whole, "huge": whole, "flat": {"Must be an object."}, "inner/n": whole, "inner/more": unknown, "x~1y/~0/n": whole, "z~1z/0/n": whole,
		"extra": unknown, "null_too": unknown, "": unknown, "a~1b": unknown, "~00": unknown, long: unknown,
	}
	if diff := cmp.Diff(want, o.Wrong()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRequestIsReadByName(t *testing.T) {
	read(t, func(e *events.APIGatewayV2HTTPRequest) {
		e.Headers["idempotency-key"] = ""
		e.PathParameters = map[string]string{"id": "7"}
		e.QueryStringParameters = map[string]string{"program_id": "p"}
	}, func(r *apigw.Request) {
		_, present := r.Header("Idempotency-Key")
		_, absent := r.Header("X-Other")
		got := []any{r.BrandID, r.Identity, r.Path("id"), r.Path("other"), r.Query("program_id"), r.Query("other"), present, absent}
		if diff := cmp.Diff([]any{brandID, identity, "7", "", "p", "", true, false}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
