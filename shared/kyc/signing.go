package kyc

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// MaxSigningKeys bounds how many keys a subscription's posts are signed with at a time, and so the header of signatures.
const MaxSigningKeys = 10

// Rotated returns the subscription with a new key of the given scheme to sign with, and the field to seal that key under.
// The keys before it sign for overlap longer, or until their time is over where that is sooner. Of what has ended by then
// nothing stays, sealed or not.
func (s Subscription) Rotated(scheme Scheme, public string, overlap time.Duration, now time.Time) (Subscription, Field) {
	until := now.Add(overlap)
	newest := SigningKey{Field: Field(fmt.Sprintf("%s_%d", SubscriptionSecret, s.Version+1)), Scheme: scheme, PublicKey: public, CreatedAt: now}
	keys := []SigningKey{newest}
	for _, k := range s.Signing(now) {
		if k.Until.IsZero() || until.Before(k.Until) {
			k.Until = until
		}
		if now.Before(k.Until) {
			keys = append(keys, k)
		}
	}
	s.Keys = keys
	return s.sealedAnew(), newest.Field
}

// WithHeaders returns the subscription with these headers in each post. Of the values of others nothing stays sealed.
func (s Subscription) WithHeaders(names []string) Subscription {
	s.Headers = names
	return s.sealedAnew()
}

// sealedAnew returns the subscription without what is sealed for no key or header of it.
func (s Subscription) sealedAnew() Subscription {
	var fields []Field
	for _, k := range s.Keys {
		fields = append(fields, k.Field)
	}
	for _, name := range s.Headers {
		fields = append(fields, HeaderField(name))
	}
	s.Secret.Fields = maps.Clone(s.Secret.Fields)
	maps.DeleteFunc(s.Secret.Fields, func(f Field, _ []byte) bool { return !slices.Contains(fields, f) })
	return s
}
