package idempotency_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kyc/shared/idempotency"
	"kyc/shared/kyc"
)

func TestParseKey(t *testing.T) {
	all := ""
	for c := byte('!'); c <= '~'; c++ {
		all += string(c)
	}
	const refused = ""
	for name, c := range map[string]struct{ header, want string }{
		"bare":                          {"8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"},
		"quoted":                        {`"8e03978e"`, "8e03978e"},
		"shortest":                      {"a", "a"},
		"shortest, quoted":              {`"a"`, "a"},
		"longest":                       {strings.Repeat("a", 255), strings.Repeat("a", 255)},
		"longest, quoted":               {`"` + strings.Repeat("a", 255) + `"`, strings.Repeat("a", 255)},
		"every visible character":       {all, all},
		"one pair of quotes goes":       {`""a""`, `"a"`},
		"a quote at the beginning":      {`"a`, `"a`},
		"a quote at the end":            {`a"`, `a"`},
		"a quote alone":                 {`"`, `"`},
		"empty":                         {"", refused},
		"empty, quoted":                 {`""`, refused},
		"too long":                      {strings.Repeat("a", 256), refused},
		"too long, quoted":              {`"` + strings.Repeat("a", 256) + `"`, refused},
		"space inside":                  {"a b", refused},
		"space around":                  {" a", refused},
		"space alone":                   {" ", refused},
		"tab":                           {"a\tb", refused},
		"line break":                    {"a\n", refused},
		"zero byte":                     {"a\x00", refused},
		"delete":                        {"a\x7f", refused},
		"not ASCII":                     {"clé", refused},
		"not UTF-8":                     {"a\xff", refused},
		"255 characters, more in bytes": {strings.Repeat("é", 200), refused},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := idempotency.ParseKey(c.header)
			if got != c.want || (err == nil) == (c.want == refused) {
				t.Fatalf("got %q, %v", got, err)
			}
			if err != nil && kyc.KindOf(err) != kyc.Invalid {
				t.Errorf("refused as %v", err)
			}
		})
	}
}

// The refusal names the header, and repeats nothing of it.
func TestRefusedKeyIsNotRepeated(t *testing.T) {
	_, err := idempotency.ParseKey("Zq nobody Zq")
	want := &kyc.Error{Kind: kyc.Invalid, Code: "invalid_request",
		In: kyc.Header, Fields: map[string][]string{"Idempotency-Key": {"Must be 1 to 255 visible ASCII characters, without spaces."}}}
	if diff := cmp.Diff(error(want), err); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{"", "a", `"a"`, `""`, `"`, " ", "8e03978e-40d5-43dd-bc93-6894a57f9324", strings.Repeat("a", 257), "\x00", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		key, err := idempotency.ParseKey(header)
		if err != nil {
			if key != "" || kyc.KindOf(err) != kyc.Invalid {
				t.Fatalf("refused, but got %q, %v", key, err)
			}
			return
		}
		if key != header && `"`+key+`"` != header {
			t.Fatalf("%q became %q", header, key)
		}
		if len(key) < 1 || len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Fatalf("%q is no key", key)
		}
		if again, err := idempotency.ParseKey(`"` + key + `"`); err != nil || again != key {
			t.Fatalf("quoted, %q is %q, %v", key, again, err)
		}
	})
}

type request struct{ secret, brand, operation, key, method, path, body string }

func (r request) claim() (*kyc.KeyClaim, error) {
	return idempotency.Request{
		Header: &r.key, BrandID: r.brand, Operation: kyc.Operation(r.operation), Method: r.method, Path: r.path, Body: []byte(r.body),
	}.Claim(context.Background(), secrets(r.secret))
}

// secrets derives one key for every purpose.
type secrets string

func (s secrets) Purpose(context.Context, string) (kyc.Derived, error) {
	return kyc.Derived{Keys: [][]byte{[]byte(s)}}, nil
}

func claim(t interface{ Fatal(...any) }, r request) *kyc.KeyClaim {
	c, err := r.claim()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNoKeyIsNoClaim(t *testing.T) {
	if c, err := (idempotency.Request{Body: []byte("{}")}).Claim(t.Context(), secrets("")); c != nil || err != nil {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestClaim(t *testing.T) {
	base := request{"secret", "brand", "start-kyc", "key", "POST", "/customers/c/verification-kyc", `{"program_id":"p","dob":"1990-01-01"}`}
	for name, c := range map[string]struct {
		change            func(*request)
		sameKey, samePost bool
	}{
		"the same":           {func(*request) {}, true, true},
		"members reordered":  {func(r *request) { r.body = `{"dob":"1990-01-01","program_id":"p"}` }, true, true},
		"other whitespace":   {func(r *request) { r.body = " {\n\t\"program_id\" : \"p\", \"dob\":\"1990-01-01\" }\r\n" }, true, true},
		"other escapes":      {func(r *request) { r.body = `{"program_id":"\u0070","dob":"1990-01-01"}` }, true, true},
		"another value":      {func(r *request) { r.body = `{"program_id":"p","dob":"1990-01-02"}` }, true, false},
		"another member":     {func(r *request) { r.body = `{"program_id":"p","ssn":"1990-01-01"}` }, true, false},
		"a member less":      {func(r *request) { r.body = `{"program_id":"p"}` }, true, false},
		"a member more":      {func(r *request) { r.body = `{"program_id":"p","dob":"1990-01-01","ip":null}` }, true, false},
		"text, not a number": {func(r *request) { r.body = `{"program_id":1,"dob":"1990-01-01"}` }, true, false},
		"another method":     {func(r *request) { r.method = "PUT" }, true, false},
		"another path":       {func(r *request) { r.path = "/customers/d/verification-kyc" }, true, false},
		"another brand":      {func(r *request) { r.brand = "other" }, false, false},
		"another operation":  {func(r *request) { r.operation = "cancel-kyc" }, false, true},
		"another key":        {func(r *request) { r.key = "key2" }, false, true},
		"another secret":     {func(r *request) { r.secret = "other" }, false, false},
		"parts moved":        {func(r *request) { r.brand, r.operation = "brandstart", "-kyc" }, false, false},
		"method moved":       {func(r *request) { r.method, r.path = "POST/", "customers/c/verification-kyc" }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			changed := base
			c.change(&changed)
			a, b := claim(t, base), claim(t, changed)
			if got := a.Hash == b.Hash; got != c.sameKey {
				t.Errorf("the key is the same: %t", got)
			}
			if got := bytes.Equal(a.Fingerprint, b.Fingerprint); got != c.samePost {
				t.Errorf("the request is the same: %t", got)
			}
		})
	}
}

func TestClaimHoldsNothingOfTheRequest(t *testing.T) {
	c := claim(t, request{"secret", "brand", "op", "Zq-nobody-Zq", "POST", "/", `{"ssn":"Zq-nobody-Zq"}`})
	if strings.Contains(c.Hash+string(c.Fingerprint), "nobody") || len(c.Fingerprint) != 32 || len(c.Hash) != 43 {
		t.Errorf("got %q, %x", c.Hash, c.Fingerprint)
	}
	_, err := request{key: "k", body: `{"ssn":"Zq-nobody-Zq`}.claim()
	if err == nil || strings.Contains(err.Error(), "nobody") {
		t.Errorf("a body that is no JSON: %v", err)
	}
}

// The order of members and the space between them say nothing.
func TestFingerprintIsOfTheMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z_]{1,8}`), 1, 6, rapid.ID).Draw(t, "names")
		shuffled := rapid.Permutation(names).Draw(t, "order")
		body := func(order []string, space string) string {
			var members []string
			for _, name := range order {
				members = append(members, space+`"`+name+`"`+space+":"+space+`"`+name+` value"`)
			}
			return "{" + strings.Join(members, space+",") + space + "}"
		}
		space := rapid.StringMatching(`[ \t\r\n]{0,3}`).Draw(t, "space")
		a := claim(t, request{"s", "b", "o", "k", "POST", "/", body(names, "")})
		b := claim(t, request{"s", "b", "o", "k", "POST", "/", body(shuffled, space)})
		if !bytes.Equal(a.Fingerprint, b.Fingerprint) {
			t.Fatalf("%q and %q differ", body(names, ""), body(shuffled, space))
		}
	})
}
