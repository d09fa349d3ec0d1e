package onboarding

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"kyc/shared/kyc"
)

// Closings is where customers are closed.
type Closings interface {
	// Aggregate returns a customer, a closed one too, or kyc.ErrCustomerUnknown.
	Aggregate(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
	// CloseCustomer makes a customer unknown to all others, in one step, or returns false where someone has written it since
	// it was read.
	CloseCustomer(ctx context.Context, closing kyc.Closing) (bool, error)
}

// Remains is where that is kept which the law keeps of closed customers.
type Remains interface {
	// ArchivedOf returns all of a customer's attempts in the archive.
	ArchivedOf(ctx context.Context, ref kyc.CustomerRef) ([]kyc.Archived, error)
	// Retain leaves of an attempt in the archive what left says, nothing where it is nil. It returns false where the attempt is
	// not what it was.
	Retain(ctx context.Context, ref kyc.CustomerRef, was kyc.Archived, left *kyc.Attempt) (bool, error)
	// RestClosed writes a closed customer as it is to wait, and removes its data where rest has none of them present. It does
	// nothing where someone has written the customer since it was seen.
	RestClosed(ctx context.Context, seen, rest kyc.Customer) error
	// RemoveClosed removes what is left of a closed customer, unless someone has written it since it was seen.
	RemoveClosed(ctx context.Context, c kyc.Customer) error
}

// Files is where the files of documents are, of which the law asks for no copies.
type Files interface {
	// RemoveAll removes all of a customer's. Removing them again does nothing.
	RemoveAll(ctx context.Context, ref kyc.CustomerRef) error
}

// Retention keeps of closed customers what the law demands, for as long as it does. It is safe for concurrent use.
type Retention struct {
	Remains Remains
	Files   Files
}

// Erase deletes a customer, and says what was erased and what the law keeps. It refuses with kyc_in_progress while an
// attempt is open. What matches decides is as in Update. The customer is closed in one step, and its wrapped keys are
// destroyed with that: from then on nobody else knows it, and what is in the archive is erased, if not now then by timers.
// Asked again, it gives the same report for as long as something is kept; of a customer who left nothing it knows nothing.
func (s *Service) Erase(ctx context.Context, brandID, customerID string, matches func(version string) bool) (kyc.Erasure, error) {
	now, err := s.Clock.Now(ctx, brandID)
	if err != nil {
		return kyc.Erasure{}, err
	}
	for range maxTries {
		c, _, onFile, err := s.open(ctx, brandID, customerID)
		if kyc.KindOf(err) == kyc.NotFound {
			return s.eraseAgain(ctx, brandID, customerID, now)
		}
		if err != nil {
			return kyc.Erasure{}, err
		}
		seen, err := s.view(ctx, c, onFile)
		if err != nil {
			return kyc.Erasure{}, err
		}
		if !matches(seen.Version()) {
			return kyc.Erasure{}, kyc.ErrOutdated("customer")
		}
		archived, err := s.Retention.Remains.ArchivedOf(ctx, kyc.CustomerRef{BrandID: brandID, CustomerID: c.ID})
		if err != nil {
			return kyc.Erasure{}, err
		}
		closing, identity, err := c.Close(onFile, archived, now)
		if err != nil {
			return kyc.Erasure{}, err
		}
		if len(identity) > 0 {
			if closing.Profile, err = s.Vault.Seal(ctx, kyc.ProfilePlace(brandID, c.ID), identity); err != nil {
				return kyc.Erasure{}, fmt.Errorf("seal identity of customer %s: %w", c.ID, err)
			}
		}
		if closing.SSN, err = s.lookup().Change(ctx, brandID, onFile.Get(kyc.SSN), ""); err != nil {
			return kyc.Erasure{}, err
		}
		closed, err := s.Closings.CloseCustomer(ctx, closing)
		if err != nil {
			return kyc.Erasure{}, err
		}
		if closed {
			left, err := s.Retention.erase(ctx, closing.Closed, now)
			return closing.Closed.Erasure(left, now.Time), err
		}
	}
	return kyc.Erasure{}, &kyc.Error{Kind: kyc.Conflict, Code: "resource_conflict",
		Message: "Other requests kept changing this customer, and nothing was erased. Send the same request again."}
}

// eraseAgain answers for a customer who was closed before, after erasing whatever an earlier call did not come to.
func (s *Service) eraseAgain(ctx context.Context, brandID, customerID string, now kyc.Moment) (kyc.Erasure, error) {
	c, err := s.Closings.Aggregate(ctx, brandID, strings.ToLower(customerID))
	if err == nil && !c.Closed() {
		err = fmt.Errorf("customer %s has no data", c.ID)
	}
	if err != nil {
		return kyc.Erasure{}, err
	}
	left, err := s.Retention.erase(ctx, c, now)
	if err != nil {
		return kyc.Erasure{}, err
	}
	e := c.Erasure(left, now.Time)
	if len(e.Kept) == 0 {
		return kyc.Erasure{}, kyc.ErrCustomerUnknown()
	}
	return e, nil
}

// Continue erases what the law keeps no longer at the brand's time now, and sets the customer's alarm to when more will be
// over. Where nothing is left it removes the customer.
func (r *Retention) Continue(ctx context.Context, c kyc.Customer, now kyc.Moment) error {
	left, err := r.erase(ctx, c, now)
	if err != nil {
		return err
	}
	rest, waits := c.Rest(left, now)
	if !waits {
		return r.Remains.RemoveClosed(ctx, c)
	}
	return r.Remains.RestClosed(ctx, c, rest)
}

// erase leaves in the archive what the law keeps at the time now, and returns it; of files it leaves none. One that was
// still on its way finds a customer whom nobody knows, and is removed by whoever looks into it.
func (r *Retention) erase(ctx context.Context, c kyc.Customer, now kyc.Moment) ([]kyc.Archived, error) {
	ref := kyc.CustomerRef{BrandID: c.BrandID, CustomerID: c.ID}
	if err := r.Files.RemoveAll(ctx, ref); err != nil {
		return nil, err
	}
	for range maxTries {
		all, err := r.Remains.ArchivedOf(ctx, ref)
		if err != nil {
			return nil, err
		}
		var left []kyc.Archived
		settled := true
		for _, was := range all {
			var keep *kyc.Attempt
			if record, keeps := was.Attempt.Retained(now.Time); keeps {
				keep = &record
				left = append(left, kyc.Archived{ProgramID: was.ProgramID, Attempt: record})
			}
			if keep != nil && reflect.DeepEqual(*keep, was.Attempt) {
				continue
			}
			done, err := r.Remains.Retain(ctx, ref, was, keep)
			if err != nil {
				return nil, err
			}
			settled = settled && done
		}
		if settled {
			return left, nil
		}
	}
	return nil, errors.New("the archive of customer " + c.ID + " kept changing")
}
