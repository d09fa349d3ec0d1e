// Package clock is the only place of shared/ that reads the system's clock, and where it is chosen whose time is told.
package clock

import (
	"context"
	"time"

	"kyc/shared/kyc"
)

// Now returns the time in UTC with the microseconds that are stored and shown, so that a time read back equals the
// time that was written.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Store keeps by how much the clocks of brands are ahead of real time.
type Store interface {
	// Ahead returns zero for a brand that has never moved its clock.
	Ahead(ctx context.Context, brandID string) (time.Duration, error)
}

// Brands tells each brand the time of its own clock. It is safe for concurrent use.
type Brands struct {
	Real  func() time.Time
	Store Store // nil on live stages, where every brand's time is real time
}

// For returns the clocks of a stage's brands. On a sandbox stage each question reads the brand's clock from store, so
// that a move is seen at once by every environment; on a live stage it costs nothing.
func For(mode kyc.Mode, store Store) Brands {
	if mode != kyc.Sandbox {
		return Brands{Real: Now}
	}
	return Brands{Real: Now, Store: store}
}

// Now returns the present of a brand.
func (b Brands) Now(ctx context.Context, brandID string) (kyc.Moment, error) {
	if b.Store == nil {
		return kyc.Moment{Time: b.Real()}, nil
	}
	ahead, err := b.Store.Ahead(ctx, brandID)
	return kyc.Moment{Time: b.Real().Add(ahead), Ahead: ahead}, err
}
