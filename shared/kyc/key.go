package kyc

import (
	"crypto/hmac"
	"maps"
	"slices"
	"time"
)

// KeyWindow is how long an idempotency key is taken, from the request that was accepted under it.
const KeyWindow = 24 * time.Hour

// Operation is what an idempotency key is for. A key belongs to a brand and an operation.
type Operation string

const (
	OperationStart  Operation = "start-kyc"
	OperationCreate Operation = "create-customer"
)

// KeyClaim is the idempotency key of a request, as it is stored.
type KeyClaim struct {
	Operation   Operation
	Hash        string // keyed hash of the key; the key itself is not stored
	Fingerprint []byte // keyed hash of the request
	// Beside are the same key and request under the other secrets that are in use, while the stack's is rotated. The key is
	// taken under all of them.
	Beside []KeyClaim
}

// Each lists the key under each secret that is in use.
func (c KeyClaim) Each() []KeyClaim { return append([]KeyClaim{c}, c.Beside...) }

// KeyRecord is what an accepted request left behind under its key.
type KeyRecord struct {
	Fingerprint []byte
	CustomerID  string // that was created, or whose KYC was started
	AttemptID   string // empty where no attempt was opened
	ProgramID   string
	FirstSeenAt time.Time
	ExpiresAt   time.Time // in whole seconds
	Status      Status    // of its attempt, where the customer does not hold that any more
}

// recordAt is what a request leaves behind that is accepted at now, without its fingerprint.
func recordAt(now time.Time) KeyRecord {
	return KeyRecord{FirstSeenAt: now, ExpiresAt: now.Add(KeyWindow).Truncate(time.Second)}
}

// Of reports whether the request that took the key is the one that claims it.
func (r KeyRecord) Of(claim KeyClaim) bool {
	return slices.ContainsFunc(claim.Each(), func(c KeyClaim) bool { return hmac.Equal(c.Fingerprint, r.Fingerprint) })
}

// seen answers a request whose key is taken. To the request that took it it tells all that the lost answer would have
// told, which extra and message are about; to any other one nothing about that request.
func (r KeyRecord) seen(claim *KeyClaim, message, statusURL string, extra map[string]any) *Error {
	headers := map[string]string{
		"Idempotency-First-Seen": FormatTime(r.FirstSeenAt),
		"Idempotency-Expires":    FormatTime(r.ExpiresAt),
	}
	if claim == nil || !r.Of(*claim) {
		return &Error{Kind: Unprocessable, Code: "idempotency_key_exists", Headers: headers,
			Message: "This Idempotency-Key was used for another request within 24 hours. Send each new request with a key of its own.",
			Extra:   map[string]any{"payload_matches": false}}
	}
	all := map[string]any{
		"payload_matches": true, "first_seen_at": FormatTime(r.FirstSeenAt), "expires_at": FormatTime(r.ExpiresAt), "status_url": statusURL,
	}
	maps.Copy(all, extra)
	return &Error{Kind: Conflict, Code: "idempotency_key_exists", Headers: headers, Extra: all, Message: message}
}

// NewCustomer is a customer to be created, complete but for the store's consent: it is created unless its key is taken.
type NewCustomer struct {
	Customer Customer
	Profile  Sealed
	Key      *KeyClaim // nil where none was sent
	SSN      SSNEntries
}

// KeyRecord is what the creation leaves behind under its key, without the fingerprint.
func (n NewCustomer) KeyRecord() KeyRecord {
	r := recordAt(n.Customer.CreatedAt)
	r.CustomerID = n.Customer.ID
	return r
}

// KeySeen answers a creation whose key is taken.
func (n NewCustomer) KeySeen(seen KeyRecord) *Error {
	return seen.seen(n.Key, "This customer was created before under the same Idempotency-Key, and is named here. Nothing was created again.",
		"/api/v0.1/customers/"+seen.CustomerID, map[string]any{"customer_id": seen.CustomerID})
}
