// Package idempotency reads Idempotency-Key headers and turns keys and requests into what may be stored: keyed hashes.
//
// A key belongs to a brand and an operation. It is taken by the first request that is accepted under it, for 24 hours
// by the stored time; a refused request takes nothing.
package idempotency

import (
	"context"
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

// Secrets derives keys from the stack's secret.
type Secrets interface {
	Purpose(ctx context.Context, purpose string) (kyc.Derived, error)
}

// Request is a request with its key, as it came in.
type Request struct {
	Header    *string // Idempotency-Key, nil where it was not sent
	BrandID   string
	Operation kyc.Operation
	Method    string
	Path      string // in which ids are in small letters
	Body      []byte // JSON
}

// Claim computes what is stored for the request's key, nil where it has none: the key's hash in the scope of brand and
// operation, and the fingerprint of the request (method, path and canonical JSON body, RFC 8785). Both are HMAC-SHA-256,
// because keys and bodies can be guessed. A malformed key is refused as ParseKey does.
func (r Request) Claim(ctx context.Context, secrets Secrets) (*kyc.KeyClaim, error) {
	if r.Header == nil {
		return nil, nil
	}
	key, err := ParseKey(*r.Header)
	if err != nil {
		return nil, err
	}
	canonical, err := jcs.Transform(r.Body)
	if err != nil {
		return nil, errors.New("body has no canonical form") // the error itself may quote it
	}
	keys, err := secrets.Purpose(ctx, "idempotency")
	if err != nil {
		return nil, err
	}
	var claims []kyc.KeyClaim
	for _, secret := range keys.Keys {
		claims = append(claims, kyc.KeyClaim{
			Operation:   r.Operation,
			Hash:        base64.RawURLEncoding.EncodeToString(mac(secret, "key", r.BrandID, string(r.Operation), key)),
			Fingerprint: mac(secret, "request", r.BrandID, r.Method, r.Path, string(canonical)),
		})
	}
	claims[0].Beside = claims[1:]
	return &claims[0], nil
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
