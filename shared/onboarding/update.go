package onboarding

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"kyc/shared/kyc"
)

// maxTries bounds how often a change is made anew because someone else has written the customer meanwhile: relay and the
// verifier write it a few times within the seconds after a start.
const maxTries = 5

// Update changes what in says, and leaves the rest as it is; addresses take the place of all that are on file, and those
// that were there keep their id. It reports every field that is wrong at once, as edit_customer_schema. Whether the
// customer may be changed is decided on what matches, a condition on its View's Version, was asked of.
func (s *Service) Update(ctx context.Context, brandID, customerID string, matches func(version string) bool, in Input) (View, error) {
	return s.change(ctx, brandID, customerID, matches, func(onFile kyc.Profile, now time.Time) (kyc.Profile, error) {
		given, wrong := s.rules(in, now).Read(withPhone(in.Fields, onFile))
		if why, ok := wrong[string(kyc.Phone)]; ok && !has(in.Fields, kyc.Phone) {
			delete(wrong, string(kyc.Phone))
			why[0] = "Must be the calling code of the phone on file; send phone too to change both."
			wrong[string(kyc.PhoneCountryCode)] = why
		}
		changed := onFile.With(given)
		if in.Addresses != nil {
			maps.Copy(wrong, checkAddresses(in.Addresses))
			changed = changed.WithAddresses(s.named(in.Addresses, onFile.Addresses(), now))
		}
		maps.Copy(wrong, in.Wrong)
		return changed, schemaError(wrong)
	})
}

// schemaError returns what is wrong with the fields of a change as a refusal.
func schemaError(wrong map[string][]string) error {
	if len(wrong) == 0 {
		return nil
	}
	return &kyc.Error{Kind: kyc.Invalid, Code: "edit_customer_schema", Fields: wrong}
}

// change makes the change that edit makes of the data on file, unless that is not what the caller has seen, or KYC forbids
// it. It makes it anew where someone else has written the customer meanwhile: what stood against it may have changed.
func (s *Service) change(
	ctx context.Context, brandID, customerID string, matches func(version string) bool, edit func(kyc.Profile, time.Time) (kyc.Profile, error),
) (View, error) {
	now, err := s.Clock.Now(ctx, brandID)
	if err != nil {
		return View{}, err
	}
	for range maxTries {
		c, sealed, onFile, err := s.open(ctx, brandID, customerID)
		if err != nil {
			return View{}, err
		}
		changed, err := edit(onFile, now.Time)
		if err != nil {
			return View{}, err
		}
		seen, err := s.view(ctx, c, onFile)
		if err != nil {
			return View{}, err
		}
		if !matches(seen.Version()) {
			return View{}, kyc.ErrOutdated("customer")
		}
		update, err := c.Update(onFile, changed, now)
		if err != nil {
			return View{}, err
		}
		if update == nil {
			return seen, nil
		}
		if update.Profile, err = s.reseal(ctx, c, sealed, onFile, changed); err != nil {
			return View{}, fmt.Errorf("seal profile of customer %s: %w", c.ID, err)
		}
		if update.SSN, err = s.lookup().Change(ctx, brandID, onFile.Get(kyc.SSN), changed.Get(kyc.SSN)); err != nil {
			return View{}, err
		}
		done, err := s.Customers.UpdateProfile(ctx, *update)
		if err != nil {
			return View{}, err
		}
		if done {
			seen.Profile, seen.Customer.Present = changed, update.Present
			seen.Customer.ProfileVersion++
			return seen, nil
		}
	}
	return View{}, &kyc.Error{Kind: kyc.Conflict, Code: "resource_conflict",
		Message: "Other requests kept changing this customer, and this one has changed nothing. Send it again."}
}

// reseal returns the data after a change, what has changed encrypted under the data key that the customer has.
func (s *Service) reseal(ctx context.Context, c kyc.Customer, sealed kyc.Sealed, onFile, changed kyc.Profile) (kyc.Sealed, error) {
	same := func(f kyc.Field) bool { return onFile.Get(f) == changed.Get(f) }
	kept := kyc.Sealed{Key: sealed.Key, Fields: maps.Clone(sealed.Fields)}
	maps.DeleteFunc(kept.Fields, func(f kyc.Field, _ []byte) bool { return !same(f) })
	more := maps.Clone(changed)
	maps.DeleteFunc(more, func(f kyc.Field, _ kyc.Secret) bool { return same(f) })
	return s.Vault.Add(ctx, kyc.ProfilePlace(c.BrandID, c.ID), kept, more)
}

func has(fields map[kyc.Field]string, f kyc.Field) bool { _, ok := fields[f]; return ok }

// withPhone completes a phone or a country code by the other one on file: the two are judged as one number.
func withPhone(fields map[kyc.Field]string, onFile kyc.Profile) map[kyc.Field]string {
	all := maps.Clone(fields)
	for f, other := range map[kyc.Field]kyc.Field{kyc.Phone: kyc.PhoneCountryCode, kyc.PhoneCountryCode: kyc.Phone} {
		if value := onFile.Get(other); has(fields, f) && !has(fields, other) && value != "" {
			all[other] = value
		}
	}
	return all
}

// named gives addresses their ids: of one on file that says the same, and else a new one.
func (s *Service) named(addresses, onFile []kyc.Address, now time.Time) []kyc.Address {
	var all []kyc.Address
	for _, a := range addresses {
		i := slices.IndexFunc(onFile, func(b kyc.Address) bool {
			b.ID, b.DateCreated = a.ID, a.DateCreated
			return a == b
		})
		if i >= 0 {
			a = onFile[i]
			onFile = slices.Delete(onFile, i, i+1) // of two that say the same each keeps its own
		} else {
			a.ID, a.DateCreated = s.NewID(), now
		}
		all = append(all, a)
	}
	return all
}
