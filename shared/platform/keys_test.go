package platform_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/platform"
)

func TestCreateKey(t *testing.T) {
	w := &world{}
	s := service(w)
	got, secret, err := s.CreateKey(t.Context(), platform.NewKey{BrandID: brandID, Name: "server_1"})
	hash := sha256.Sum256([]byte(secret.Reveal()))
	want := kyc.APIKey{BrandID: brandID, Identity: newID, Name: "server_1", SecretHash: hash[:],
		Permissions: []kyc.Permission{"read", "write", "webhooks", "simulate", "review"}, CreatedAt: noon}
	if diff := cmp.Diff([]kyc.APIKey{want, want}, append(w.keys, got)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if len(secret.Reveal()) != 43 || strings.Contains(fmt.Sprintf("%+v", w.keys), secret.Reveal()) {
		t.Error("a short secret, or one that is stored")
	}
	if _, other, _ := s.CreateKey(t.Context(), platform.NewKey{BrandID: brandID, Name: "server_1"}); other.Reveal() == secret.Reveal() {
		t.Error("two keys have one secret")
	}
}

func TestCreateKeyForSomePermissionsAndSomeTime(t *testing.T) {
	day, tooMany, none, least, most := 30, 3651, 0, 1, 3650
	at := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		ask         platform.NewKey
		permissions []kyc.Permission
		expires     time.Time
		wrong       []string
	}{
		"nothing said":         {platform.NewKey{}, kyc.Permissions(), time.Time{}, nil},
		"in any order, twice":  {platform.NewKey{Permissions: []string{"write", "read", "write"}}, []kyc.Permission{kyc.MayRead, kyc.MayWrite}, time.Time{}, nil},
		"an unknown one":       {platform.NewKey{Permissions: []string{"read", "fly"}}, nil, time.Time{}, []string{"permissions"}},
		"in capital letters":   {platform.NewKey{Permissions: []string{"READ"}}, nil, time.Time{}, []string{"permissions"}},
		"an empty list":        {platform.NewKey{Permissions: []string{}}, nil, time.Time{}, []string{"permissions"}},
		"days":                 {platform.NewKey{ExpiresInDays: &day}, kyc.Permissions(), noon.Add(720 * time.Hour), nil},
		"one day":              {platform.NewKey{ExpiresInDays: &least}, kyc.Permissions(), noon.Add(24 * time.Hour), nil},
		"ten years":            {platform.NewKey{ExpiresInDays: &most}, kyc.Permissions(), noon.Add(3650 * 24 * time.Hour), nil},
		"no days":              {platform.NewKey{ExpiresInDays: &none}, nil, time.Time{}, []string{"expires_in_days"}},
		"too many days":        {platform.NewKey{ExpiresInDays: &tooMany}, nil, time.Time{}, []string{"expires_in_days"}},
		"a time":               {platform.NewKey{ExpiresAt: at("2026-01-02T13:00:00.0000019+01:00")}, kyc.Permissions(), noon.Add(time.Microsecond), nil},
		"now":                  {platform.NewKey{ExpiresAt: at("2026-01-02T12:00:00Z")}, nil, time.Time{}, []string{"expires_at"}},
		"a day":                {platform.NewKey{ExpiresAt: at("2027-01-02")}, nil, time.Time{}, []string{"expires_at"}},
		"a time and days":      {platform.NewKey{ExpiresAt: at("2027-01-02T12:00:00Z"), ExpiresInDays: &day}, nil, time.Time{}, []string{"expires_at"}},
		"all of it is wrong":   {platform.NewKey{Name: "-", Permissions: []string{""}, ExpiresAt: at("")}, nil, time.Time{}, []string{"expires_at", "name", "permissions"}},
		"nothing at a time":    {platform.NewKey{ExpiresAt: at("")}, nil, time.Time{}, []string{"expires_at"}},
		"less than it can say": {platform.NewKey{ExpiresAt: at("2026-01-02T12:00:00.0000009Z")}, nil, time.Time{}, []string{"expires_at"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			c.ask.BrandID = brandID
			if c.ask.Name == "" {
				c.ask.Name = "server"
			}
			got, _, err := service(w).CreateKey(t.Context(), c.ask)
			if wrong := slices.Sorted(maps.Keys(fields(t, err))); !slices.Equal(wrong, c.wrong) {
				t.Fatalf("told of %q", wrong)
			}
			if (len(w.keys) == 1) != (c.wrong == nil) {
				t.Errorf("stored %+v", w.keys)
			}
			if c.wrong == nil && (!slices.Equal(got.Permissions, c.permissions) || !got.ExpiresAt.Equal(c.expires)) {
				t.Errorf("made %+v", got)
			}
		})
	}
}

func TestKeyNames(t *testing.T) {
	const taken, refused = true, false
	for name, ok := range map[string]bool{
		"abc": taken, "server_1": taken, "a:b": taken, "ключ": taken, "a\"b": taken, strings.Repeat("é", 128): taken,
		"": refused, "ab": refused, strings.Repeat("a", 129): refused, "two words": refused, "tab\tbed": refused, "line\nbreak": refused,
		"a\u00a0b": refused, "a\u2003b": refused, "a\vb": refused, "   ": refused,
		"a/b": refused, `a\b`: refused, "a^b": refused, "a(b": refused, "a)b": refused, "a?b": refused, "a!b": refused, "a+b": refused,
		"a$b": refused, "a.b": refused, "a*b": refused, "a,b": refused, "a-b": refused,
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			_, secret, err := service(w).CreateKey(t.Context(), platform.NewKey{BrandID: brandID, Name: name})
			if wrong := fields(t, err); (wrong == nil) != ok || (len(w.keys) == 1) != ok || secret.IsZero() == ok {
				t.Errorf("%q: told %v, stored %v", name, wrong, w.keys)
			} else if !ok && wrong["name"] == nil {
				t.Errorf("%q: told %v", name, wrong)
			}
		})
	}
}

func TestRevokedKeyIsRefusedWhenTheGatewayHasForgotten(t *testing.T) {
	refused, err := service(&world{}).RevokeKey(t.Context(), brandID, newID)
	if err != nil || !refused.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("refused from %v, err %v", refused, err)
	}
}

func TestRevokeUnknownKey(t *testing.T) {
	for name, identity := range map[string]string{"another brand's": brandID, "none": ""} {
		t.Run(name, func(t *testing.T) {
			if _, err := service(&world{}).RevokeKey(t.Context(), brandID, identity); kyc.KindOf(err) != kyc.NotFound {
				t.Errorf("got %v", err)
			}
		})
	}
}

// reader finds key pairs by a function.
type reader func(identity string) (kyc.APIKey, bool, error)

func (r reader) Key(_ context.Context, identity string) (kyc.APIKey, bool, error) { return r(identity) }

func (r reader) NoteKeyUse(context.Context, string, string) error { return errGone }

// Whatever is wrong with a key pair, the answer is the same, so that nobody can learn what it was.
func TestAuthenticate(t *testing.T) {
	secret := kyc.NewSecret("no-one's secret")
	hash := sha256.Sum256([]byte(secret.Reveal()))
	pair := kyc.APIKey{BrandID: brandID, Identity: newID, Name: "server", SecretHash: hash[:]}
	revoked := pair
	revoked.RevokedAt = noon
	expired := pair
	expired.ExpiresAt = noon
	expiring := pair
	expiring.ExpiresAt = noon.Add(time.Microsecond)
	bald := pair
	bald.SecretHash = nil
	known := func(k kyc.APIKey) reader {
		return func(identity string) (kyc.APIKey, bool, error) {
			if identity != k.Identity {
				return kyc.APIKey{}, false, nil
			}
			return k, true, nil
		}
	}
	for name, c := range map[string]struct {
		keys     reader
		identity string
		secret   kyc.Secret
		ok       bool
		expires  time.Time
		err      error
	}{
		"right pair":                   {keys: known(pair), identity: newID, secret: secret, ok: true},
		"identity in capital letters":  {keys: known(pair), identity: strings.ToUpper(newID), secret: secret, ok: true},
		"wrong secret":                 {keys: known(pair), identity: newID, secret: kyc.NewSecret("no-one's secreT")},
		"part of the secret":           {keys: known(pair), identity: newID, secret: kyc.NewSecret("no-one's secre")},
		"no secret":                    {keys: known(pair), identity: newID},
		"the hash for a secret":        {keys: known(pair), identity: newID, secret: kyc.NewSecret(string(hash[:]))},
		"unknown identity":             {keys: known(pair), identity: brandID, secret: secret},
		"malformed identity":           {keys: known(pair), identity: newID + " ", secret: secret},
		"empty identity":               {keys: known(pair), secret: secret},
		"expired":                      {keys: known(expired), identity: newID, secret: secret},
		"about to expire":              {keys: known(expiring), identity: newID, secret: secret, ok: true, expires: expiring.ExpiresAt},
		"revoked":                      {keys: known(revoked), identity: newID, secret: secret},
		"stored without a hash":        {keys: known(bald), identity: newID, secret: secret},
		"stored without, none sent":    {keys: known(bald), identity: newID},
		"found without a record of it": {keys: func(string) (kyc.APIKey, bool, error) { return pair, false, nil }, identity: newID, secret: secret},
		"the store fails":              {keys: func(string) (kyc.APIKey, bool, error) { return pair, true, errGone }, identity: newID, secret: secret, err: errGone},
	} {
		t.Run(name, func(t *testing.T) {
			a := platform.Authenticator{Keys: c.keys, Now: func() time.Time { return noon }}
			got, ok, err := a.Authenticate(t.Context(), c.identity, c.secret)
			want := kyc.APIKey{}
			if c.ok {
				want = pair
				want.ExpiresAt = c.expires
			}
			if diff := cmp.Diff(want, got); diff != "" || ok != c.ok || !errors.Is(err, c.err) {
				t.Errorf("%t, %v (-want +got):\n%s", ok, err, diff)
			}
		})
	}
}

// An identity that none can have costs no read.
func TestMalformedIdentityIsNotLookedUp(t *testing.T) {
	a := platform.Authenticator{Keys: reader(func(identity string) (kyc.APIKey, bool, error) {
		t.Errorf("looked up %q", identity)
		return kyc.APIKey{}, false, nil
	})}
	for _, identity := range []string{"", "x", "../" + newID, string(bytes.Repeat([]byte("a"), 1<<20))} {
		if _, ok, err := a.Authenticate(t.Context(), identity, kyc.Secret{}); ok || err != nil {
			t.Errorf("got %t, %v", ok, err)
		}
	}
}

// notes keeps what is noted of key pairs.
type notes struct {
	reader
	noted []string
	err   error
}

func (n *notes) NoteKeyUse(ctx context.Context, identity, day string) error {
	if _, bounded := ctx.Deadline(); !bounded {
		return errors.New("a request would wait for this as long as it takes")
	}
	n.noted = append(n.noted, identity+" "+day)
	return n.err
}

func TestUseIsNotedOnceADay(t *testing.T) {
	for last, want := range map[string][]string{
		"": {newID + " 2026-01-02"}, "2026-01-01": {newID + " 2026-01-02"}, "2026-01-02": nil, "2026-01-03": nil,
	} {
		n := &notes{}
		a := platform.Authenticator{Keys: n, Now: func() time.Time { return noon }}
		if err := a.NoteUse(t.Context(), kyc.APIKey{Identity: newID, LastUsedOn: last}); err != nil || !slices.Equal(n.noted, want) {
			t.Errorf("last used on %q: noted %q, %v", last, n.noted, err)
		}
	}
	failing := platform.Authenticator{Keys: &notes{err: errGone}, Now: func() time.Time { return noon }}
	if err := failing.NoteUse(t.Context(), kyc.APIKey{Identity: newID}); !errors.Is(err, errGone) {
		t.Errorf("failing: %v", err)
	}
}
