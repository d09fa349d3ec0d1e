// Package duplicate turns an SSN into what the customers of a brand who share one are found by: a keyed hash.
package duplicate

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"kyc/shared/kyc"
)

// Purpose is what the keys are for that SSNs are hashed with.
const Purpose = "ssn-lookup"

// Secrets derives keys from the stack's secret.
type Secrets interface {
	Purpose(ctx context.Context, purpose string) (kyc.Derived, error)
}

// Lookup computes the entries of the look-up. It is safe for concurrent use.
type Lookup struct {
	Secrets Secrets
	// MagicSSN reports numbers that steer the sandbox, which many customers share and nobody looks up. It is nil on live
	// stages.
	MagicSSN func(ssn string) bool
}

// Hash returns what the customers with an SSN are found by, and false for a number that is not looked up.
func (l Lookup) Hash(ctx context.Context, brandID, ssn string) (string, bool, error) {
	if !l.looksUp(ssn) {
		return "", false, nil
	}
	keys, err := l.keys(ctx)
	if err != nil {
		return "", false, err
	}
	return hash(keys.Keys[0], brandID, ssn), true, nil
}

// Change returns what changes in the look-up where a customer's SSN changes from before to after. Either may be empty.
func (l Lookup) Change(ctx context.Context, brandID, before, after string) (kyc.SSNEntries, error) {
	removes, adds := l.looksUp(before), l.looksUp(after)
	if before == after || !removes && !adds {
		return kyc.SSNEntries{}, nil
	}
	keys, err := l.keys(ctx)
	if err != nil {
		return kyc.SSNEntries{}, err
	}
	var change kyc.SSNEntries
	if adds {
		change.Add = hashes(keys.Keys, brandID, after)
	}
	if removes {
		change.Remove = hashes(keys.All(), brandID, before)
	}
	return change, nil
}

// Entries returns what makes a customer with an SSN found under the keys that are in use, and under no other.
func (l Lookup) Entries(keys kyc.Derived, brandID, ssn string) kyc.SSNEntries {
	if !l.looksUp(ssn) {
		return kyc.SSNEntries{}
	}
	return kyc.SSNEntries{Add: hashes(keys.Keys, brandID, ssn), Remove: hashes(keys.Idle, brandID, ssn)}
}

func (l Lookup) looksUp(ssn string) bool { return ssn != "" && (l.MagicSSN == nil || !l.MagicSSN(ssn)) }

func (l Lookup) keys(ctx context.Context) (kyc.Derived, error) {
	return l.Secrets.Purpose(ctx, Purpose)
}

func hashes(keys [][]byte, brandID, ssn string) []string {
	var all []string
	for _, key := range keys {
		all = append(all, hash(key, brandID, ssn))
	}
	return all
}

// hash is HMAC-SHA-256, bound to the brand: there are a billion SSNs, which a hash without a key would only seem to hide,
// and what one brand's customers are found by says nothing about another's. An id holds no zero byte.
func hash(key []byte, brandID, ssn string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(brandID + "\x00" + ssn))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
