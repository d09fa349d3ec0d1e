package evidence

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/uploadlink"
)

// Programs knows the programs of a brand.
type Programs interface {
	Program(ctx context.Context, brandID, programID string) (kyc.Program, error)
}

// Profiles is where customers' encrypted data are kept.
type Profiles interface {
	Profile(ctx context.Context, brandID, customerID string) (kyc.Sealed, int, error)
}

// Opener decrypts them.
type Opener interface {
	Open(ctx context.Context, place kyc.Place, sealed kyc.Sealed) (kyc.Profile, error)
}

// Counter serves customers, who come by a link and have no key pair. It is safe for concurrent use.
type Counter struct {
	Desk     *Desk
	Links    uploadlink.Links
	Programs Programs
	Profiles Profiles
	Opener   Opener
}

// Visit is what a customer who comes by a link is shown.
type Visit struct {
	Brand     string     // as customers know it
	Color     string     // of the brand, empty where the program names none
	Bank      string     // that the documents are for
	FirstName kyc.Secret // all that is shown of who the customer is
	Attempt   kyc.Attempt
	Until     time.Time // by when the documents must have come by this link, in the brand's time; zero where none are asked for
}

// Visit returns what the link with the token leads to: also for as long as it lives after the documents have come. It
// refuses with upload_link_invalid what is no token of ours, and with upload_link_expired one that leads nowhere any more.
func (c *Counter) Visit(ctx context.Context, token string) (Visit, error) {
	ref, err := c.Links.Read(ctx, token)
	if err != nil {
		return Visit{}, err
	}
	customer, err := c.Desk.Attempts.Customer(ctx, ref.BrandID, ref.CustomerID)
	if err != nil {
		return Visit{}, ended(err)
	}
	now, err := c.Desk.Clock.Now(ctx, ref.BrandID)
	if err != nil {
		return Visit{}, err
	}
	a := customer.Attempts[ref.ProgramID]
	if !a.Admits(ref, now.Time) {
		return Visit{}, uploadlink.ErrExpired()
	}
	program, err := c.Programs.Program(ctx, ref.BrandID, ref.ProgramID)
	if err != nil {
		return Visit{}, err
	}
	sealed, _, err := c.Profiles.Profile(ctx, ref.BrandID, ref.CustomerID)
	if err != nil {
		return Visit{}, ended(err)
	}
	// Nothing but what is shown is decrypted.
	maps.DeleteFunc(sealed.Fields, func(f kyc.Field, _ []byte) bool { return f != kyc.FirstName })
	profile, err := c.Opener.Open(ctx, kyc.ProfilePlace(ref.BrandID, ref.CustomerID), sealed)
	if err != nil {
		return Visit{}, fmt.Errorf("open first name: %w", err)
	}
	policy := program.Policy()
	visit := Visit{
		Brand: cmp.Or(policy.BrandName, program.Name), Color: policy.BrandColor, Bank: program.Bank,
		FirstName: kyc.NewSecret(profile.Get(kyc.FirstName)), Attempt: a, Until: a.DocumentsDue(),
	}
	if visit.Until.After(a.Link.Until) {
		visit.Until = a.Link.Until
	}
	return visit, nil
}

// Announce is Desk.Announce for the attempt that the link with the token leads to, whatever ids the request names.
func (c *Counter) Announce(ctx context.Context, token string, r Request) (Accepted, error) {
	ref, err := c.Links.Read(ctx, token)
	if err != nil {
		return Accepted{}, err
	}
	r.BrandID, r.CustomerID, r.ProgramID, r.link = ref.BrandID, ref.CustomerID, ref.ProgramID, &ref
	accepted, err := c.Desk.Announce(ctx, r)
	return accepted, ended(err)
}

// ended tells a customer who was deleted meanwhile that the link has ended.
func ended(err error) error {
	if kyc.KindOf(err) == kyc.NotFound {
		return uploadlink.ErrExpired()
	}
	return err
}
