package kyc

import "time"

// BrandKeys is how the keys of a brand stand, without the keys. New data keys are wrapped under the newest version; what was
// wrapped under another one stays readable until that is destroyed.
type BrandKeys struct {
	BrandID     string
	Newest      int
	Versions    []int     // all that there are, sorted
	RotatedAt   time.Time // when the newest was made; zero for the first
	Rewrap      *Rewrap   // the last pass over the data keys, nil where there was none
	RewrappedAt time.Time // when a data key was last about to be wrapped anew; zero for never
}

// Rewrap is a pass over all data keys of a brand, which wraps under the newest version what is wrapped under another one.
type Rewrap struct {
	Version  int // the newest one when the pass began
	BegunAt  time.Time
	Cursor   string // where it goes on in the table, empty at the beginning
	Complete bool
}

// KeyHolders are the customers and deliveries of a brand that may have data keys: of what customers and starts brought, and of
// what endpoints answered.
type KeyHolders struct {
	Customers  []string
	Deliveries []DeliveryRef
}

// MaxBrandKeys bounds the versions of a brand's key that are kept at once.
const MaxBrandKeys = 10

// KeyRest is how long a wrapped data key that was replaced in the table, or was made under a version that is not the newest
// any more, may still be on its way back into it. An execution environment remembers for five minutes which version is the
// newest, and a function that has read an attempt or a delivery writes all of it for as long as it runs, fifteen minutes at most; what is
// on its way longest is the stream's, from which relay archives an attempt as it was, up to 24 hours later.
const KeyRest = 25 * time.Hour

// RestUntil is when a pass may begin at the earliest that proves that no version but the newest is needed.
func (k BrandKeys) RestUntil() time.Time {
	last := k.RotatedAt
	if k.RewrappedAt.After(last) {
		last = k.RewrappedAt
	}
	return last.Add(KeyRest)
}

// Destroyable reports whether nothing needs any version but the newest: since everything came to rest, a pass has looked at
// every data key and found none to wrap anew. One that it did find moves the rest.
func (k BrandKeys) Destroyable() bool {
	return k.Rewrap != nil && k.Rewrap.Complete && k.Rewrap.Version == k.Newest && !k.Rewrap.BegunAt.Before(k.RestUntil())
}
