package kyc

import (
	"slices"
	"strings"
	"time"
)

// Statuses of a subscription, spelled as on the wire. Events for one that is paused or disabled are held for it.
const (
	StatusEnabled  = "STATUS_ENABLED"
	StatusPaused   = "STATUS_PAUSED" // by the brand, for a while
	StatusDisabled = "STATUS_DISABLED"
)

// SubscriptionStatuses lists every status that a subscription can have.
func SubscriptionStatuses() []string { return []string{StatusEnabled, StatusPaused, StatusDisabled} }

// Causes for which the product itself disables a subscription. The cause of a brand's own doing is empty.
const (
	DisabledGone    = "gone"    // the endpoint answered 410
	DisabledFailing = "failing" // every post has failed for five days
)

// Subscription is a webhook endpoint of a brand.
type Subscription struct {
	BrandID     string
	ID          string
	URL         string
	Events      []EventName
	Description string
	Status      string

	DisabledCause string    // empty while it is not disabled, and where the brand did it
	DisabledAt    time.Time // zero while it is not disabled

	Timeout     time.Duration   // of one post as a whole, zero for PostTimeout
	RetryPlan   []time.Duration // the waits after the first, the second, … failed try; empty for the stage's own
	StrictOrder bool            // whether an event of a customer waits until those before it are done with

	// Keys are what posts are signed with, the newest first. The newest has no end; those that it replaced have.
	Keys []SigningKey
	// Headers are the names of the headers that the brand wants in each post. Their values are sealed.
	Headers []string
	// Secret seals the keys, each under its SigningKey.Field, and the values of headers, under HeaderField.
	Secret Sealed

	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int // raised by one by every change; 1 at first
}

// Scheme is how posts are signed, by the name that Standard Webhooks 1.0.0 gives its signatures.
type Scheme string

const (
	SchemeHMAC    Scheme = "v1"  // HMAC-SHA-256
	SchemeEd25519 Scheme = "v1a" // Ed25519
)

// SigningKey is a key that posts are signed with. The key itself is sealed with the subscription, under Field.
type SigningKey struct {
	Field     Field
	Scheme    Scheme
	PublicKey string // of an Ed25519 key, empty of others
	CreatedAt time.Time
	Until     time.Time // from when on it signs no more, zero for the newest
}

// SubscriptionSecret is the field that a subscription's first signing key is sealed under.
const SubscriptionSecret Field = "secret"

// HeaderField is the field that the value of a header is sealed under.
func HeaderField(name string) Field { return Field("header/" + strings.ToLower(name)) }

// EventVersion is the version of the events' envelope.
const EventVersion = "0.1"

// Wants reports whether the subscription is to be told of an event: now, or once it is enabled again.
func (s Subscription) Wants(name EventName) bool { return slices.Contains(s.Events, name) }

// Test returns an event, with an id made of a new UUID, that tells of nothing.
func (s Subscription) Test(id string, at time.Time) Event {
	return Event{ID: EventID(id, 1), Name: EventTest, BrandID: s.BrandID, SubscriptionID: s.ID, OccurredAt: at}
}

// Disabled returns the event that tells the brand of the subscription's disabling.
func (s Subscription) Disabled(at time.Time) Event {
	return Event{
		ID: EventID(s.ID, s.Version), Name: EventSubscriptionDisabled, BrandID: s.BrandID, SubscriptionID: s.ID,
		OccurredAt: at, StateVersion: s.Version, Cause: s.DisabledCause,
	}
}

// Signing lists the keys that sign at a time, the newest first.
func (s Subscription) Signing(now time.Time) []SigningKey {
	var keys []SigningKey
	for _, k := range s.Keys {
		if k.Until.IsZero() || now.Before(k.Until) {
			keys = append(keys, k)
		}
	}
	return keys
}

// Endpoint is where a post goes and what it brings beside the event: a subscription with its secrets opened.
type Endpoint struct {
	URL     string
	Timeout time.Duration // of one post as a whole, zero for PostTimeout
	Headers []PostHeader
	Keys    []Secret // the newest first; each says by its prefix what it signs with
}

// PostHeader is a header that a brand wants in each post.
type PostHeader struct {
	Name  string
	Value Secret
}

// Endpoint returns where the subscription's posts go at a time, with what was sealed as it was opened.
func (s Subscription) Endpoint(opened Profile, now time.Time) Endpoint {
	e := Endpoint{URL: s.URL, Timeout: s.Timeout}
	for _, name := range s.Headers {
		e.Headers = append(e.Headers, PostHeader{name, opened[HeaderField(name)]})
	}
	for _, k := range s.Signing(now) {
		e.Keys = append(e.Keys, opened[k.Field])
	}
	return e
}

// WithStatus returns the subscription as it is once it has been given a status. Nothing of an earlier disabling stays.
func (s Subscription) WithStatus(status, cause string, now time.Time) Subscription {
	s.Status, s.DisabledCause, s.DisabledAt = status, "", time.Time{}
	if status == StatusDisabled {
		s.DisabledCause, s.DisabledAt = cause, now
	}
	return s
}

// PostTimeout is how long a post may take as a whole where its subscription says nothing: the least that Standard Webhooks
// 1.0.0 advises (15 to 30 s).
const PostTimeout = 15 * time.Second
