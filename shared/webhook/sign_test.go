package webhook

import (
	"crypto/ed25519"
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
	err := sign(h, []kyc.Secret{kyc.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
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
	if err := sign(h, []kyc.Secret{kyc.NewSecret(vector.Secret)}, "evt_1", time.Unix(vector.Timestamp, 999), []byte(vector.Body)); err != nil {
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

// testdata/ed25519.json was computed by Node's crypto module, with the first key of RFC 8032 section 7.1.
func TestSignMatchesNode(t *testing.T) {
	var vector struct {
		PrivateKey string `json:"private_key"`
		PublicKey  string `json:"public_key"`
		ID         string
		Timestamp  int64
		Body       string
		Signature  string
	}
	read(t, "ed25519.json", &vector)
	key, h := kyc.NewSecret(vector.PrivateKey), http.Header{}
	if err := sign(h, []kyc.Secret{key}, vector.ID, time.Unix(vector.Timestamp, 0), []byte(vector.Body)); err != nil {
		t.Fatal(err)
	}
	want := http.Header{"Webhook-Id": {vector.ID}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {vector.Signature}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-Node's +ours):\n%s", diff)
	}
	if got := public(key); got != vector.PublicKey {
		t.Errorf("public key %s, want %s", got, vector.PublicKey)
	}
}

func TestSignRefusesAKeyThatIsNone(t *testing.T) {
	good := NewSecret()
	for name, keys := range map[string][]kyc.Secret{
		"not base64": {kyc.NewSecret("whsec_Zq-nobody-Zq")}, "empty": {kyc.NewSecret("")}, "prefix alone": {kyc.NewSecret("whsec_")}, "no value": {{}},
		"none": {}, "no prefix": {kyc.NewSecret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}, "second is none": {good, kyc.NewSecret("whsec_Zq-nobody-Zq")},
		"private, too short": {kyc.NewSecret("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}, "private, alone": {kyc.NewSecret("whsk_")},
		"public": {kyc.NewSecret(public(private()))},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			err := sign(h, keys, "id", time.Unix(0, 0), []byte(`{}`))
			if err == nil || strings.Contains(err.Error(), "nobody") || len(h) > 0 {
				t.Errorf("got %v, headers %v", err, h)
			}
		})
	}
}

// While keys take each other's place, a receiver that has any one of them takes the event, and one that has none does not.
func TestEveryKeyOfARotationVerifies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.Bool(), 1, 5).Draw(t, "private")
		var keys []kyc.Secret
		for _, p := range kinds {
			if p {
				keys = append(keys, private())
			} else {
				keys = append(keys, NewSecret())
			}
		}
		body, h := []byte(`{"a":1}`), http.Header{}
		if err := sign(h, keys, "evt_1", time.Unix(1614265330, 0), body); err != nil {
			t.Fatal(err)
		}
		if len(h.Values("webhook-signature")) != 1 || len(strings.Split(h.Get("webhook-signature"), " ")) != len(keys) {
			t.Fatalf("signatures %q", h.Values("webhook-signature"))
		}
		for i, key := range keys {
			if !verifies(t, key, h, body) || verifies(t, key, h, []byte(`{"a":2}`)) {
				t.Fatalf("key %d of %v", i, kinds)
			}
		}
		if verifies(t, NewSecret(), h, body) || verifies(t, private(), h, body) {
			t.Fatal("a foreign key verifies")
		}
		// Bond-Signature is that of the newest key, where it is a secret.
		bond := http.Header{}
		if err := sign(bond, keys[:1], "evt_1", time.Unix(1614265330, 0), body); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(bond.Values("Bond-Signature"), h.Values("Bond-Signature")); diff != "" || kinds[0] == (bond.Get("Bond-Signature") != "") {
			t.Fatalf("private %v (-newest alone +all):\n%s", kinds, diff)
		}
	})
}

// verifies is what a receiver does that holds key: of a private one, the public half.
func verifies(t *rapid.T, key kyc.Secret, h http.Header, body []byte) bool {
	text, isPrivate := strings.CutPrefix(public(key), "whpk_")
	if !isPrivate {
		verifier, err := standardwebhooks.NewWebhook(key.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		return verifier.VerifyIgnoringTimestamp(body, h) == nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	content := h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "." + string(body)
	for signature := range strings.SplitSeq(h.Get("webhook-signature"), " ") {
		text, _ := strings.CutPrefix(signature, "v1a,")
		if sig, err := base64.StdEncoding.DecodeString(text); err == nil && ed25519.Verify(raw, []byte(content), sig) {
			return true
		}
	}
	return false
}

// Whatever the body and the secret: the published verifier accepts the signature, and not that of a changed body.
func TestSignaturesVerify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "secret")
		secret := secretPrefix + base64.StdEncoding.EncodeToString(raw)
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		h := http.Header{}
		if err := sign(h, []kyc.Secret{kyc.NewSecret(secret)}, "evt_1", time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "at"), 0), body); err != nil {
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

func private() kyc.Secret {
	key, _ := NewKeyPair()
	return key
}

// public returns the public half of a private key, and nothing for another one.
func public(key kyc.Secret) string {
	raw, err := decodeKey(key.Reveal(), privatePrefix)
	if err != nil {
		return ""
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(raw[ed25519.SeedSize:])
}

func TestNewKeyPairsAreNewAndBelongTogether(t *testing.T) {
	one, oneShown := NewKeyPair()
	other, otherShown := NewKeyPair()
	if one.Reveal() == other.Reveal() || oneShown == otherShown || public(one) != oneShown || public(other) != otherShown || !strings.HasPrefix(one.Reveal(), "whsk_") {
		t.Errorf("public keys %s and %s", oneShown, otherShown)
	}
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
