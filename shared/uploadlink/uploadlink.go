// Package uploadlink makes the links by which customers send documents, and reads what they bring.
//
// A link is derived, and stored nowhere: the address of a page and, behind a #, a token. A browser sends that part of an
// address to nobody; the page's script sends it as a header. The token names an attempt and the generation of its link, and
// proves by an HMAC that we have said so. Whether that generation is still the attempt's newest, and has not ended, is for
// kyc.Attempt.Admits to say.
package uploadlink

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"kyc/shared/kyc"
)

const (
	// Page is where the page is that links lead to, below the address of the API.
	Page = "/upload"
	// Header carries the token of a link.
	Header = "Upload-Token"

	// Purpose is what the keys are for that tokens are signed with.
	Purpose = "upload-link"

	// version is the first byte of a token; four ids, the generation and the HMAC follow.
	version   = 1
	idBytes   = 16
	refBytes  = 1 + 4*idBytes + 2
	macBytes  = sha256.Size
	allBytes  = refBytes + macBytes
	separator = "#"
)

// Secrets derives keys from the stack's secret.
type Secrets interface {
	Purpose(ctx context.Context, purpose string) (kyc.Derived, error)
}

// Links makes and reads links. It is safe for concurrent use.
type Links struct {
	Secrets Secrets
	API     string // address of the API as customers reach it, like https://kyc.example.com/api/v0.1
}

// Or returns links that lead to an API at another address where l knows none.
func (l Links) Or(api string) Links {
	if l.API == "" {
		l.API = api
	}
	return l
}

// To returns the link to an attempt. Of the same generation it is the same, but for a rotation of the stack's secret.
func (l Links) To(ctx context.Context, ref kyc.LinkRef) (kyc.Secret, error) {
	named, err := encode(ref)
	if err != nil {
		return kyc.Secret{}, err
	}
	keys, err := l.Secrets.Purpose(ctx, Purpose)
	if err != nil {
		return kyc.Secret{}, err
	}
	token := base64.RawURLEncoding.EncodeToString(append(named, mac(keys.Keys[0], named)...))
	return kyc.NewSecret(strings.TrimSuffix(l.API, "/") + Page + separator + token), nil
}

// Read returns what the token of a link leads to. Any other text is refused with upload_link_invalid.
func (l Links) Read(ctx context.Context, token string) (kyc.LinkRef, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != allBytes || raw[0] != version {
		return kyc.LinkRef{}, errInvalid()
	}
	keys, err := l.Secrets.Purpose(ctx, Purpose)
	if err != nil {
		return kyc.LinkRef{}, err
	}
	named := raw[:refBytes]
	for _, key := range keys.All() { // while the stack's secret is rotated, links of both are about
		if hmac.Equal(raw[refBytes:], mac(key, named)) {
			return decode(named), nil
		}
	}
	return kyc.LinkRef{}, errInvalid()
}

func errInvalid() error {
	return &kyc.Error{Kind: kyc.Forbidden, Code: "upload_link_invalid", Message: "The header " + Header + " brings no link of ours. Open the link again as it was sent to you, or ask for another."}
}

// ErrExpired answers for a link that has ended, or that another one has followed.
func ErrExpired() error {
	return &kyc.Error{Kind: kyc.Forbidden, Code: "upload_link_expired", Message: "This link has ended. Ask for another: reading the state of KYC gives a fresh one."}
}

func encode(ref kyc.LinkRef) ([]byte, error) {
	named := []byte{version}
	for _, id := range []string{ref.BrandID, ref.CustomerID, ref.ProgramID, ref.AttemptID} {
		raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
		if err != nil || len(raw) != idBytes {
			return nil, fmt.Errorf("link to attempt %s: an id is no UUID", ref.AttemptID)
		}
		named = append(named, raw...)
	}
	if ref.Generation < 1 || ref.Generation > math.MaxUint16 {
		return nil, fmt.Errorf("link to attempt %s: it has no generation %d", ref.AttemptID, ref.Generation)
	}
	return binary.BigEndian.AppendUint16(named, uint16(ref.Generation)), nil
}

func decode(named []byte) kyc.LinkRef {
	id := func(n int) string {
		text := hex.EncodeToString(named[1+n*idBytes:][:idBytes])
		return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
	}
	return kyc.LinkRef{
		Pair: kyc.Pair{BrandID: id(0), CustomerID: id(1), ProgramID: id(2)}, AttemptID: id(3),
		Generation: int(binary.BigEndian.Uint16(named[1+4*idBytes:])),
	}
}

func mac(key, named []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(named)
	return h.Sum(nil)
}
