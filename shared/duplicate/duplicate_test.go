package duplicate_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/duplicate"
	"kyc/shared/kyc"
)

// secrets are derived keys, and an error in their place.
type secrets struct {
	kyc.Derived
	err error
}

func (s secrets) Purpose(_ context.Context, purpose string) (kyc.Derived, error) {
	if purpose != "ssn-lookup" {
		return kyc.Derived{}, errors.New("a key of another purpose")
	}
	return s.Derived, s.err
}

func lookup(keys, idle string) duplicate.Lookup {
	split := func(s string) (keys [][]byte) {
		for k := range strings.FieldsSeq(s) {
			keys = append(keys, []byte(k))
		}
		return keys
	}
	return duplicate.Lookup{
		Secrets: secrets{Derived: kyc.Derived{Keys: split(keys), Idle: split(idle)}}, MagicSSN: func(ssn string) bool { return ssn == "000000000" },
	}
}

func hash(t *testing.T, l duplicate.Lookup, brandID, ssn string) string {
	t.Helper()
	h, looksUp, err := l.Hash(t.Context(), brandID, ssn)
	if err != nil || !looksUp {
		t.Fatalf("looks up: %t, err %v", looksUp, err)
	}
	return h
}

func TestHash(t *testing.T) {
	const brand, ssn = "b", "123456780"
	h := hash(t, lookup("key", ""), brand, ssn)
	if h != hash(t, lookup("key next", "idle"), brand, ssn) {
		t.Error("the first key alone decides")
	}
	for name, other := range map[string]string{
		"another key":   hash(t, lookup("other", ""), brand, ssn),
		"another brand": hash(t, lookup("key", ""), "c", ssn),
		"another SSN":   hash(t, lookup("key", ""), brand, "123456781"),
	} {
		if other == h {
			t.Errorf("%s gives the same hash", name)
		}
	}
	plain := sha256.Sum256([]byte(brand + "\x00" + ssn))
	if strings.Contains(h, ssn) || h == base64.RawURLEncoding.EncodeToString(plain[:]) || h == hex.EncodeToString(plain[:]) {
		t.Error("the hash needs no key")
	}
}

func TestNobodyIsLookedUp(t *testing.T) {
	l := lookup("key", "")
	l.Secrets = secrets{err: errors.New("not to be asked")}
	for name, ssn := range map[string]string{"no SSN": "", "a number that steers the sandbox": "000000000"} {
		if _, looksUp, err := l.Hash(t.Context(), "b", ssn); looksUp || err != nil {
			t.Errorf("%s: looks up %t, err %v", name, looksUp, err)
		}
		if c, err := l.Change(t.Context(), "b", "", ssn); err != nil || c.Add != nil || c.Remove != nil {
			t.Errorf("%s: %v, err %v", name, c, err)
		}
	}
	if c, err := l.Change(t.Context(), "b", "123456780", "123456780"); err != nil || c.Add != nil || c.Remove != nil {
		t.Errorf("unchanged: %v, err %v", c, err)
	}
	l.MagicSSN = nil
	if _, _, err := l.Hash(t.Context(), "b", "000000000"); err == nil {
		t.Error("on a live stage a number is a number")
	}
}

func TestChange(t *testing.T) {
	l := lookup("read written", "idle")
	of := func(ssn string, keys ...string) (hashes []string) {
		for _, key := range keys {
			hashes = append(hashes, hash(t, lookup(key, ""), "b", ssn))
		}
		return hashes
	}
	const first, second = "123456780", "123456781"
	for name, c := range map[string]struct {
		before, after string
		want          kyc.SSNEntries
	}{
		"learned":                        {"", first, kyc.SSNEntries{Add: of(first, "read", "written")}},
		"changed":                        {first, second, kyc.SSNEntries{Add: of(second, "read", "written"), Remove: of(first, "read", "written", "idle")}},
		"from one that is not looked up": {"000000000", first, kyc.SSNEntries{Add: of(first, "read", "written")}},
		"to one that is not looked up":   {first, "000000000", kyc.SSNEntries{Remove: of(first, "read", "written", "idle")}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := l.Change(t.Context(), "b", c.before, c.after)
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("err %v (-want +got):\n%s", err, diff)
			}
			if slices.ContainsFunc(append(got.Add, got.Remove...), func(h string) bool { return len(h) != 43 }) {
				t.Error("a hash of another length")
			}
		})
	}
}

func TestEntries(t *testing.T) {
	l, ssn := lookup("", ""), "123456780"
	keys, err := lookup("read written", "idle").Secrets.Purpose(t.Context(), "ssn-lookup")
	want := kyc.SSNEntries{
		Add: []string{hash(t, lookup("read", ""), "b", ssn), hash(t, lookup("written", ""), "b", ssn)}, Remove: []string{hash(t, lookup("idle", ""), "b", ssn)},
	}
	if diff := cmp.Diff(want, l.Entries(keys, "b", ssn)); err != nil || diff != "" {
		t.Errorf("err %v (-want +got):\n%s", err, diff)
	}
	if got := l.Entries(keys, "b", "000000000"); got.Add != nil || got.Remove != nil {
		t.Errorf("a number that is not looked up: %v", got)
	}
}

func TestAFailureIsNoAnswer(t *testing.T) {
	l := duplicate.Lookup{Secrets: secrets{err: errors.New("no key")}}
	if _, _, err := l.Hash(t.Context(), "b", "123456780"); err == nil {
		t.Error("a hash without a key")
	}
	if _, err := l.Change(t.Context(), "b", "", "123456780"); err == nil {
		t.Error("a change without a key")
	}
}
