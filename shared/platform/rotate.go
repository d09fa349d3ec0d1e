package platform

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"kyc/shared/duplicate"
	"kyc/shared/kyc"
)

// Secrets is where the stack's secret is kept.
type Secrets interface {
	StackSecret(ctx context.Context) (kyc.StackSecret, error)
	// AdvanceStackSecret makes the secret what after says, with the record of that, unless someone has written it since
	// before was read: then it returns false.
	AdvanceStackSecret(ctx context.Context, before, after kyc.StackSecret, r kyc.AuditRecord) (bool, error)
	// NoteSwept notes how far a sweep has come. It returns false where someone has written the secret meanwhile.
	NoteSwept(ctx context.Context, before, after kyc.StackSecret) (bool, error)
}

// Profiles is where the customers of all brands are swept.
type Profiles interface {
	// Profiles reads the next customers after a cursor, without what is not encrypted, and returns the cursor after them, an
	// empty one at the end.
	Profiles(ctx context.Context, cursor string) ([]kyc.OnFile, string, error)
	// ChangeSSN changes what a customer is found by, unless its profile is another one than was read.
	ChangeSSN(ctx context.Context, c kyc.OnFile, change kyc.SSNEntries) error
}

// SecretKeys makes secrets, and reads what customers are found by.
type SecretKeys interface {
	NewStackSecret(ctx context.Context) ([]byte, error)
	// DerivedOf returns the keys that a secret yields for one purpose.
	DerivedOf(ctx context.Context, s kyc.StackSecret, purpose string) (kyc.Derived, error)
	// Open returns kyc.ErrUnreadable for what nobody can open.
	Open(ctx context.Context, place kyc.Place, sealed kyc.Sealed) (kyc.Profile, error)
}

// Rotation is what the rotation of the stack's secret needs.
type Rotation struct {
	Secrets  Secrets
	Profiles Profiles
	Keys     SecretKeys
	// MagicSSN reports numbers that steer the sandbox. It is nil on live stages.
	MagicSSN func(ssn string) bool
	// Patience is how long one call sweeps; it ends with the page that is begun by then.
	Patience time.Duration
}

// sweepers is how many customers are swept side by side.
const sweepers = 10

// Rotated is how far a rotation has come.
type Rotated struct {
	Secret     kyc.StackSecret
	Over       bool
	Unreadable []string // customers that this call's sweep has passed over
}

// RotateStackSecret begins to replace the stack's secret by a new one. It refuses while an earlier one is still in use.
func (o *Operation) RotateStackSecret(ctx context.Context) (Rotated, error) {
	r := o.Rotation
	s, err := r.Secrets.StackSecret(ctx)
	switch {
	case err != nil:
		return Rotated{}, err
	case s.Version == 0:
		return Rotated{}, conflict("The stack has no secret yet: the first brand makes it. Create one with the action create_brand.")
	case s.Phase != "":
		return Rotated{}, conflict(fmt.Sprintf("The secret of version %d is being replaced and still in use: the rotation is %s since %s. "+
			"Repeat the action continue_rotation, which can go on at %s, until it answers done; then rotate again.",
			s.Version, s.Phase, kyc.FormatTime(s.Since), kyc.FormatTime(s.Due())))
	}
	next, err := r.Keys.NewStackSecret(ctx)
	if err != nil {
		return Rotated{}, err
	}
	return o.advance(ctx, s, s.Rotate(next, o.Now()))
}

// ContinueRotation takes the next step of a rotation where one is due: it sweeps customers for as long as Patience says, or
// begins the next phase. It does nothing where no step is due or no rotation under way. It can be repeated after any
// failure, and by two operators at once.
func (o *Operation) ContinueRotation(ctx context.Context) (Rotated, error) {
	s, err := o.Rotation.Secrets.StackSecret(ctx)
	switch {
	case err != nil:
		return Rotated{}, err
	case s.Phase == "" || o.Now().Before(s.Due()):
		return Rotated{Secret: s, Over: s.Phase == ""}, nil
	case s.Sweeps():
		return o.sweep(ctx, s)
	}
	return o.advance(ctx, s, s.NextPhase(o.Now()))
}

func (o *Operation) advance(ctx context.Context, before, after kyc.StackSecret) (Rotated, error) {
	o.changed("version", strconv.Itoa(before.Version), strconv.Itoa(after.Version))
	o.changed("phase", string(before.Phase), string(after.Phase))
	advanced, err := o.Rotation.Secrets.AdvanceStackSecret(ctx, before, after, o.record)
	if err == nil && !advanced {
		err = conflict("Somebody else has gone on with the rotation at the same time. Send the same again.")
	}
	return Rotated{Secret: after, Over: after.Phase == ""}, err
}

// sweep goes on with the sweep of a phase. It begins with its record, for it is many writes. A customer whose data nobody can
// open has no SSN that could be looked up: it is passed over and named, or one damaged item would keep an old secret in use
// for good.
func (o *Operation) sweep(ctx context.Context, s kyc.StackSecret) (Rotated, error) {
	r := o.Rotation
	lookup := duplicate.Lookup{MagicSSN: r.MagicSSN}
	keys, err := r.Keys.DerivedOf(ctx, s, duplicate.Purpose)
	if err != nil {
		return Rotated{}, err
	}
	if err := o.begin(ctx); err != nil {
		return Rotated{}, err
	}
	first, unreadable := s.Swept, []string(nil)
	limited, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	for {
		page, cursor, err := r.Profiles.Profiles(ctx, s.Cursor)
		if err != nil {
			return Rotated{}, err
		}
		passed, err := r.sweepPage(ctx, page, lookup, keys)
		if err != nil {
			return Rotated{}, err
		}
		unreadable = append(unreadable, passed...)
		after := s.SweptTo(cursor, len(page))
		noted, err := r.Secrets.NoteSwept(ctx, s, after)
		if err != nil {
			return Rotated{}, err
		}
		if !noted {
			return Rotated{}, conflict("Somebody else goes on with the rotation at the same time. Send the same again in a minute.")
		}
		s = after
		if s.Done || limited.Err() != nil {
			o.changed("customers", strconv.Itoa(first), strconv.Itoa(s.Swept))
			o.changed("customers_unreadable", "0", strconv.Itoa(len(unreadable)))
			return Rotated{Secret: s, Unreadable: unreadable}, nil
		}
	}
}

// sweepPage returns whom it has passed over.
func (r Rotation) sweepPage(ctx context.Context, page []kyc.OnFile, lookup duplicate.Lookup, keys kyc.Derived) ([]string, error) {
	errs := make([]error, len(page))
	queue := make(chan int)
	var all sync.WaitGroup
	for range min(sweepers, len(page)) {
		all.Go(func() {
			for i := range queue {
				errs[i] = r.sweepOne(ctx, page[i], lookup, keys)
			}
		})
	}
	for i := range page {
		queue <- i
	}
	close(queue)
	all.Wait()
	var unreadable []string
	for i, err := range errs {
		switch {
		case errors.Is(err, kyc.ErrUnreadable):
			unreadable = append(unreadable, page[i].Customer.ID)
		case err != nil:
			return nil, fmt.Errorf("sweep customer %s: %w", page[i].Customer.ID, err)
		}
	}
	return unreadable, nil
}

// sweepOne makes the customer found under the keys that are in use, and under no other. Where its SSN has changed since it
// was read, whoever changed it has done so.
func (r Rotation) sweepOne(ctx context.Context, c kyc.OnFile, lookup duplicate.Lookup, keys kyc.Derived) error {
	profile, err := r.Keys.Open(ctx, kyc.ProfilePlace(c.Customer.BrandID, c.Customer.ID), c.Profile)
	if err != nil {
		return err
	}
	change := lookup.Entries(keys, c.Customer.BrandID, profile.Get(kyc.SSN))
	if len(change.Add)+len(change.Remove) == 0 {
		return nil
	}
	return r.Profiles.ChangeSSN(ctx, c, change)
}
