// Package webhook signs events and posts them, to public addresses only.
package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"kyc/shared/kyc"
)

// A key says by its prefix what it signs with, as Standard Webhooks 1.0.0 has it.
const (
	secretPrefix  = "whsec_" // HMAC-SHA-256, a secret shared with the receiver
	privatePrefix = "whsk_"  // Ed25519, the seed and the public key (64 bytes)
	publicPrefix  = "whpk_"  // Ed25519, what the receiver verifies with
)

// NewSecret makes a signing secret: whsec_ and 24 random bytes in base64, the form and length of the published samples
// and the least that Standard Webhooks 1.0.0 asks for.
func NewSecret() kyc.Secret {
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // never fails, by its documentation
	return kyc.NewSecret(secretPrefix + base64.StdEncoding.EncodeToString(raw))
}

// NewKeyPair makes a private key, and the public one by which a receiver verifies what it signs.
func NewKeyPair() (private kyc.Secret, public string) {
	verify, sign, _ := ed25519.GenerateKey(nil) // never fails, as rand.Read never does
	return kyc.NewSecret(privatePrefix + base64.StdEncoding.EncodeToString(sign)), publicPrefix + base64.StdEncoding.EncodeToString(verify)
}

var errKey = errors.New("a signing key of the subscription is none")

func decodeKey(key, prefix string) ([]byte, error) {
	text, found := strings.CutPrefix(key, prefix)
	raw, err := base64.StdEncoding.DecodeString(text)
	if !found || err != nil || len(raw) == 0 || prefix == privatePrefix && len(raw) != ed25519.PrivateKeySize {
		return nil, errKey
	}
	return raw, nil
}

// sign sets the signature headers of both schemes. keys are the newest first; while one takes the place of another there
// are several.
//
// Standard Webhooks 1.0.0: each key signs id.timestamp.body, v1 by HMAC-SHA-256 with the secret's decoded bytes, v1a by
// Ed25519. A receiver takes the event if one of the signatures is right.
//
// Bond-Signature: hex HMAC-SHA-256 over t.payload, keyed by the secret's text; v2 over the raw body, v1 over the body as
// Python's json.dumps prints it. Its published form has room for one secret: it is the newest. Where that is a private
// key, which no receiver can compute with, there is no such header.
func sign(h http.Header, keys []kyc.Secret, id string, at time.Time, body []byte) error {
	t := strconv.FormatInt(at.Unix(), 10)
	content := id + "." + t + "." + string(body)
	var signatures []string
	for _, key := range keys {
		if raw, err := decodeKey(key.Reveal(), privatePrefix); err == nil {
			signatures = append(signatures, "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(raw, []byte(content))))
			continue
		}
		raw, err := decodeKey(key.Reveal(), secretPrefix)
		if err != nil {
			return err
		}
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac(raw, content)))
	}
	if len(keys) == 0 {
		return errKey
	}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", t)
	h.Set("webhook-signature", strings.Join(signatures, " "))
	if secret := keys[0].Reveal(); strings.HasPrefix(secret, secretPrefix) {
		v1 := hex.EncodeToString(mac([]byte(secret), t+"."+pythonJSON(body)))
		v2 := hex.EncodeToString(mac([]byte(secret), t+"."+string(body)))
		h.Set("Bond-Signature", "t="+t+",v1="+v1+",v2="+v2)
	}
	return nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// pythonJSON rewrites compact JSON, as message.EventBody writes it, as Python's json.dumps prints it: a space after each
// comma and colon between values, and every character outside ASCII as \uXXXX.
func pythonJSON(compact []byte) string {
	var b strings.Builder
	inString, escaped := false, false
	for _, r := range string(compact) {
		switch {
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		case r > 0x7E:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		switch {
		case escaped:
			escaped = false
		case inString && r == '\\':
			escaped = true
		case r == '"':
			inString = !inString
		case !inString && (r == ',' || r == ':'):
			b.WriteByte(' ')
		}
	}
	return b.String()
}
