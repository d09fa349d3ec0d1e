// Package webhook signs events and posts them, to public addresses only.
package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"kyc/shared/kyc"
)

const secretPrefix = "whsec_"

// NewSecret makes a signing secret: whsec_ and 24 random bytes in base64, the form and length of the published samples
// and the least that Standard Webhooks 1.0.0 asks for.
func NewSecret() kyc.Secret {
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // never fails, by its documentation
	return kyc.NewSecret(secretPrefix + base64.StdEncoding.EncodeToString(raw))
}

// sign sets the signature headers of both schemes.
//
// Standard Webhooks 1.0.0: HMAC-SHA-256 over id.timestamp.body, keyed by the secret's decoded bytes. Bond-Signature:
// hex HMAC-SHA-256 over t.payload, keyed by the secret's text; v2 over the raw body, v1 over the body as Python's
// json.dumps prints it.
func sign(h http.Header, secret kyc.Secret, id string, at time.Time, body []byte) error {
	text := secret.Reveal()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, secretPrefix))
	if err != nil || len(key) == 0 {
		return fmt.Errorf("the signing secret of the subscription is empty or not base64")
	}
	t := strconv.FormatInt(at.Unix(), 10)
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", t)
	h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac(key, id+"."+t+"."+string(body))))
	v1 := hex.EncodeToString(mac([]byte(text), t+"."+pythonJSON(body)))
	v2 := hex.EncodeToString(mac([]byte(text), t+"."+string(body)))
	h.Set("Bond-Signature", "t="+t+",v1="+v1+",v2="+v2)
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
