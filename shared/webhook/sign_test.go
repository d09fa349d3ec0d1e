package webhook

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
)

// The vector that Standard Webhooks publishes with its libraries.
func TestSignMatchesThePublishedVector(t *testing.T) {
	h := http.Header{}
	err := sign(h, kyc.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if err != nil {
		t.Fatal(err)
	}
	h.Del("Bond-Signature")
	want := http.Header{
		"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"},
		"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// testdata/bond-signature.json was computed by Python's hmac, hashlib and json modules, as a receiver's would.
func TestSignMatchesPython(t *testing.T) {
	var vector struct {
		Secret, Body, Header string
		Timestamp            int64
	}
	read(t, "bond-signature.json", &vector)
	h := http.Header{}
	if err := sign(h, kyc.NewSecret(vector.Secret), "evt_1", time.Unix(vector.Timestamp, 999), []byte(vector.Body)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(vector.Header, h.Get("Bond-Signature")); diff != "" {
		t.Errorf("(-Python's +ours):\n%s", diff)
	}
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSignRefusesASecretThatIsNone(t *testing.T) {
	for name, secret := range map[string]kyc.Secret{
		"not base64": kyc.NewSecret("whsec_Zq-nobody-Zq"), "empty": kyc.NewSecret(""), "prefix alone": kyc.NewSecret("whsec_"), "none": {},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			err := sign(h, secret, "id", time.Unix(0, 0), []byte(`{}`))
			if err == nil || strings.Contains(err.Error(), "nobody") || len(h) > 0 {
				t.Errorf("got %v, headers %v", err, h)
			}
		})
	}
}

// Whatever the body and the secret: the published verifier accepts the signature, and not that of a changed body.
func TestSignaturesVerify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "secret")
		secret := secretPrefix + base64.StdEncoding.EncodeToString(raw)
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		h := http.Header{}
		if err := sign(h, kyc.NewSecret(secret), "evt_1", time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "at"), 0), body); err != nil {
			t.Fatal(err)
		}
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.VerifyIgnoringTimestamp(body, h); err != nil {
			t.Fatal(err)
		}
		if verifier.VerifyIgnoringTimestamp(append(body, 'x'), h) == nil {
			t.Fatal("a changed body is verified")
		}
	})
}

func TestNewSecretIsLongAndNew(t *testing.T) {
	a, b := NewSecret().Reveal(), NewSecret().Reveal()
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(a, "whsec_"))
	if err != nil || len(raw) != 24 || a == b || !strings.HasPrefix(a, "whsec_") {
		t.Errorf("a secret of %d bytes, %v", len(raw), err)
	}
}

// testdata/dumps.jsonl holds what Python makes of each line of compact.jsonl, which Go's encoder wrote:
//
//	python3 -c 'import json
//	for line in open("compact.jsonl", encoding="utf-8", newline="\n"): print(json.dumps(json.loads(line)))' > dumps.jsonl
func TestPythonJSON(t *testing.T) {
	lines := map[string][]string{}
	for _, name := range []string{"compact.jsonl", "dumps.jsonl"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		lines[name] = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	var got []string
	for _, compact := range lines["compact.jsonl"] {
		got = append(got, pythonJSON([]byte(compact)))
	}
	if diff := cmp.Diff(lines["dumps.jsonl"], got); diff != "" {
		t.Errorf("(-Python's +ours):\n%s", diff)
	}
}

// Python's form is the same value, in ASCII, with the same strings.
func TestPythonJSONKeepsTheValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := map[string]any{}
		for _, name := range rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "names") {
			value[name] = []any{rapid.String().Draw(t, "text"), rapid.Bool().Draw(t, "bool"), nil, map[string]any{}}
		}
		compact, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		text := pythonJSON(compact)
		var back map[string]any
		if err := json.Unmarshal([]byte(text), &back); err != nil {
			t.Fatalf("%s became %s: %v", compact, text, err)
		}
		if diff := cmp.Diff(value, back); diff != "" {
			t.Fatalf("%s became %s", compact, text)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("not ASCII: %q", text)
		}
	})
}
