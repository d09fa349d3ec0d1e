// Package idempotency reads Idempotency-Key headers and turns keys and requests into what may be stored: keyed hashes.
//
// A key belongs to a brand and an operation. It is taken by the first request that is accepted under it, for 24 hours
// by the stored time; a refused request takes nothing.
package idempotency

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"github.com/gowebpki/jcs"

	"kyc/shared/kyc"
)

// ParseKey returns the key in the header's value: 1 to 255 visible ASCII characters. One pair of quotes around it is
// not part of it, so that the structured-field form of draft-ietf-httpapi-idempotency-key-header and the bare form that
// everyone sends are the same key. A malformed key is refused as kyc.Invalid.
func ParseKey(header string) (string, error) {
	key := header
	if n := len(key); n >= 2 && key[0] == '"' && key[n-1] == '"' {
		key = key[1 : n-1]
	}
	valid := len(key) >= 1 && len(key) <= 255
	for i := range len(key) {
		valid = valid && key[i] > ' ' && key[i] <= '~'
	}
	if !valid {
		return "", &kyc.Error{Kind: kyc.Invalid, Code: "invalid_request", In: kyc.Header,
			Fields: map[string][]string{"Idempotency-Key": {"Must be 1 to 255 visible ASCII characters, without spaces."}}}
	}
	return key, nil
}

// Claim computes what is stored for a key: its hash in the scope of brand and operation, and the fingerprint of the
// request (method, path and canonical JSON body, RFC 8785). Both are HMAC-SHA-256 under secret, because keys and bodies
// can be guessed.
func Claim(secret []byte, brandID, operation, key, method, path string, body []byte) (*kyc.KeyClaim, error) {
	canonical, err := jcs.Transform(body)
	if err != nil {
		return nil, errors.New("body has no canonical form") // the error itself may quote it
	}
	return &kyc.KeyClaim{
		Hash:        base64.RawURLEncoding.EncodeToString(mac(secret, "key", brandID, operation, key)),
		Fingerprint: mac(secret, "request", brandID, method, path, string(canonical)),
	}, nil
}

// mac separates its parts by a zero byte, which none but the last can hold.
func mac(secret []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, secret)
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum(nil)
}
