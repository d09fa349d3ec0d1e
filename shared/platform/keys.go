package platform

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kyc/shared/kyc"
)

// Keys is where key pairs are kept.
type Keys interface {
	CreateKey(ctx context.Context, k kyc.APIKey, r kyc.AuditRecord) error
	Keys(ctx context.Context, brandID string) ([]kyc.APIKey, error)
	// RevokeKey reports whether the brand has such a pair, and whether it was not revoked before.
	RevokeKey(ctx context.Context, brandID, identity string, at time.Time, r kyc.AuditRecord) (found, changed bool, err error)
}

// NewKey is a key pair that an operator asks for.
type NewKey struct {
	BrandID       string
	Name          string
	Permissions   []string // nil for all
	ExpiresAt     *string  // with date and offset; nil for never
	ExpiresInDays *int     // instead of ExpiresAt, of 24 hours each
}

const (
	atField, daysField = "expires_at", "expires_in_days"
	maxDays            = 3650
)

// CreateKey makes a key pair of the brand and returns its secret half, which nobody can read again.
func (o *Operation) CreateKey(ctx context.Context, n NewKey) (kyc.APIKey, kyc.Secret, error) {
	wrong, now := map[string][]string{}, o.Now()
	checkKeyName(wrong, n.Name)
	k := kyc.APIKey{
		BrandID: n.BrandID, Name: n.Name, Permissions: choose(wrong, n.Permissions, kyc.Permissions()),
		CreatedAt: now, ExpiresAt: n.expiry(wrong, now),
	}
	if err := o.known(ctx, n.BrandID, wrong); err != nil {
		return kyc.APIKey{}, kyc.Secret{}, err
	}
	k.Identity = o.NewID()
	secret := newSecret()
	k.SecretHash = hash(secret)
	o.record.Identity = k.Identity
	o.changed("name", "", k.Name)
	o.changed("permissions", "", list(k.Permissions))
	if !k.ExpiresAt.IsZero() {
		o.changed("expires_at", "", kyc.FormatTime(k.ExpiresAt))
	}
	return k, secret, o.Keys.CreateKey(ctx, k, o.record)
}

// checkKeyName holds a name to the published rules: 3 to 128 characters, no spaces, none of / \ ^ ( ) ? ! + $ . * , -
func checkKeyName(wrong map[string][]string, name string) {
	if n := utf8.RuneCountInString(name); n < 3 || n > 128 || strings.ContainsFunc(name, unicode.IsSpace) || strings.ContainsAny(name, `/\^()?!+$.*,-`) {
		wrong["name"] = []string{`Must be 3 to 128 characters, without spaces and none of / \ ^ ( ) ? ! + $ . * , -`}
	}
}

// choose returns the named permissions in the order of kyc.Permissions, each once, and all that can be had where none
// were asked for.
func choose(wrong map[string][]string, names []string, from []kyc.Permission) []kyc.Permission {
	if names == nil {
		return from
	}
	var chosen []kyc.Permission
	known := true
	for _, name := range names {
		known = known && slices.Contains(from, kyc.Permission(name))
	}
	for _, p := range from {
		if slices.Contains(names, string(p)) {
			chosen = append(chosen, p)
		}
	}
	if !known || len(chosen) == 0 {
		wrong["permissions"] = []string{fmt.Sprintf("Must be one or more of %s.", list(from))}
	}
	return chosen
}

func list(permissions []kyc.Permission) string {
	names := make([]string, 0, len(permissions))
	for _, p := range permissions {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

func (n NewKey) expiry(wrong map[string][]string, now time.Time) time.Time {
	switch {
	case n.ExpiresAt != nil && n.ExpiresInDays != nil:
		wrong[atField] = []string{"Send one of expires_at and expires_in_days."}
	case n.ExpiresAt != nil:
		at, err := time.Parse(time.RFC3339, *n.ExpiresAt)
		at = at.UTC().Truncate(time.Microsecond) // as it is stored
		if err != nil {
			wrong[atField] = []string{"Must be a time with date and offset, like 2027-01-02T03:04:05Z."}
		} else if !at.After(now) {
			wrong[atField] = []string{"Must be in the future."}
		}
		return at
	case n.ExpiresInDays != nil:
		if *n.ExpiresInDays < 1 || *n.ExpiresInDays > maxDays {
			wrong[daysField] = []string{fmt.Sprintf("Must be a whole number from 1 to %d.", maxDays)}
			return time.Time{}
		}
		return now.Add(time.Duration(*n.ExpiresInDays) * 24 * time.Hour)
	}
	return time.Time{}
}

func newSecret() kyc.Secret {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails, by its documentation
	return kyc.NewSecret(base64.RawURLEncoding.EncodeToString(raw))
}

// ListKeys returns a brand's key pairs, oldest first, the revoked ones too.
func (o *Operation) ListKeys(ctx context.Context, brandID string) ([]kyc.APIKey, error) {
	if err := o.known(ctx, brandID, map[string][]string{}); err != nil {
		return nil, err
	}
	return o.Keys.Keys(ctx, brandID)
}

// GatewayRemembers is how long API Gateway answers for the authorizer: ReauthorizeEvery in template.yaml.
const GatewayRemembers = 5 * time.Minute

// RevokeKey takes a key pair's rights, and returns the time from which it is refused at the latest.
func (o *Operation) RevokeKey(ctx context.Context, brandID, identity string) (time.Time, error) {
	now := o.Now()
	o.changed("revoked", "false", "true")
	found, changed, err := o.Keys.RevokeKey(ctx, brandID, identity, now, o.record)
	if !changed {
		o.record.Changes = nil
	}
	if err == nil && !found {
		err = &kyc.Error{Kind: kyc.NotFound, Code: "invalid_reference", Message: "The brand has no key with this identity."}
	}
	return now.Add(GatewayRemembers), err
}

func hash(secret kyc.Secret) []byte {
	h := sha256.Sum256([]byte(secret.Reveal()))
	return h[:]
}

// KeyReader finds key pairs, and notes that they are in use.
type KeyReader interface {
	Key(ctx context.Context, identity string) (kyc.APIKey, bool, error)
	// NoteKeyUse notes the day of a pair's last use, unless that one or a later one is noted.
	NoteKeyUse(ctx context.Context, identity, day string) error
}

// Authenticator tells whose a key pair is. It is safe for concurrent use.
type Authenticator struct {
	Keys KeyReader
	Now  func() time.Time // real time
}

// Authenticate returns the key pair, and false unless it exists, its secret half is the given one and it is neither
// revoked nor expired. Hashes are compared in constant time.
func (a *Authenticator) Authenticate(ctx context.Context, identity string, secret kyc.Secret) (kyc.APIKey, bool, error) {
	identity = strings.ToLower(identity)
	if !kyc.IsUUID(identity) {
		return kyc.APIKey{}, false, nil
	}
	k, found, err := a.Keys.Key(ctx, identity)
	if err != nil {
		return kyc.APIKey{}, false, err
	}
	same := subtle.ConstantTimeCompare(hash(secret), k.SecretHash) == 1
	if !found || !same || !k.Live(a.Now()) {
		return kyc.APIKey{}, false, nil
	}
	return k, true, nil
}

// patience is how long a request may wait for the note of its key pair's use.
const patience = time.Second

// NoteUse notes that a key pair, as it was read, is in use today: with one write a day. An error takes nothing from the
// pair; the next one who asks notes it.
func (a *Authenticator) NoteUse(ctx context.Context, k kyc.APIKey) error {
	day := a.Now().UTC().Format(time.DateOnly)
	if k.LastUsedOn >= day {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return a.Keys.NoteKeyUse(ctx, k.Identity, day)
}
