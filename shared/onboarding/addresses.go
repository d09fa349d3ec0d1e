package onboarding

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"kyc/shared/identity"
	"kyc/shared/kyc"
)

// AddressInput is an address, or what is to be different in one, as it came in.
type AddressInput struct {
	Type, Street, Street2, City, State, ZipCode, Country *string // nil where it was not sent
	IsPrimary                                            *bool
	Wrong                                                map[string][]string // what the reader of the body has found wrong already
}

// Onto returns a with all that was sent.
func (in AddressInput) Onto(a kyc.Address) kyc.Address {
	for _, part := range []struct{ sent, of *string }{
		{in.Type, &a.Type}, {in.Street, &a.Street}, {in.Street2, &a.Street2}, {in.City, &a.City}, {in.State, &a.State},
		{in.ZipCode, &a.ZipCode}, {in.Country, &a.Country},
	} {
		if part.sent != nil {
			*part.of = *part.sent
		}
	}
	if in.IsPrimary != nil {
		a.IsPrimary = *in.IsPrimary
	}
	return a
}

// Address returns the address with the given id, or kyc.ErrAddressUnknown.
func (v View) Address(addressID string) (kyc.Address, error) {
	addresses := v.Profile.Addresses()
	i, err := find(addresses, addressID)
	if err != nil {
		return kyc.Address{}, err
	}
	return addresses[i], nil
}

func find(addresses []kyc.Address, addressID string) (int, error) {
	i := slices.IndexFunc(addresses, func(a kyc.Address) bool { return a.ID == strings.ToLower(addressID) })
	if i < 0 {
		return i, kyc.ErrAddressUnknown()
	}
	return i, nil
}

// AddAddress adds an address under a new id. One that is primary makes the one before secondary. What matches decides is as
// in Update, here and below.
func (s *Service) AddAddress(
	ctx context.Context, brandID, customerID string, matches func(version string) bool, in AddressInput,
) (View, kyc.Address, error) {
	var added kyc.Address
	v, err := s.change(ctx, brandID, customerID, matches, func(onFile kyc.Profile, now time.Time) (kyc.Profile, error) {
		addresses := onFile.Addresses()
		added = in.Onto(kyc.Address{ID: s.NewID(), DateCreated: now})
		if err := checkAddress(added, in.Wrong); err != nil {
			return nil, err
		}
		if len(addresses) >= maxAddresses {
			return nil, &kyc.Error{Kind: kyc.Conflict, Code: "resource_conflict",
				Message: fmt.Sprintf("A customer has %d addresses at the most, and this one has. Delete or change another one.", maxAddresses)}
		}
		return onFile.WithAddresses(onePrimary(append(addresses, added), added)), nil
	})
	return v, added, err
}

// ChangeAddress changes the parts of an address that in says. One that becomes primary makes the one before secondary.
func (s *Service) ChangeAddress(
	ctx context.Context, brandID, customerID, addressID string, matches func(version string) bool, in AddressInput,
) (View, kyc.Address, error) {
	var changed kyc.Address
	v, err := s.change(ctx, brandID, customerID, matches, func(onFile kyc.Profile, _ time.Time) (kyc.Profile, error) {
		addresses := onFile.Addresses()
		i, err := find(addresses, addressID)
		if err != nil {
			return nil, err
		}
		wasPrimary := addresses[i].IsPrimary
		changed = in.Onto(addresses[i])
		if err := checkAddress(changed, in.Wrong); err != nil {
			return nil, err
		}
		if wasPrimary && !changed.IsPrimary {
			return nil, schemaError(map[string][]string{"is_primary": {"Must stay true, for one address is primary: set it on another one, and this one becomes secondary."}})
		}
		addresses[i] = changed
		return onFile.WithAddresses(onePrimary(addresses, changed)), nil
	})
	return v, changed, err
}

// RemoveAddress removes an address that is not the primary one.
func (s *Service) RemoveAddress(ctx context.Context, brandID, customerID, addressID string, matches func(version string) bool) (View, kyc.Address, error) {
	var removed kyc.Address
	v, err := s.change(ctx, brandID, customerID, matches, func(onFile kyc.Profile, _ time.Time) (kyc.Profile, error) {
		addresses := onFile.Addresses()
		i, err := find(addresses, addressID)
		if err != nil {
			return nil, err
		}
		if removed = addresses[i]; removed.IsPrimary {
			return nil, &kyc.Error{Kind: kyc.Conflict, Code: "resource_conflict",
				Message: "This is the primary address, and a customer has one. Set is_primary on another address first, or change this one."}
		}
		return onFile.WithAddresses(slices.Delete(addresses, i, i+1)), nil
	})
	return v, removed, err
}

func checkAddress(a kyc.Address, found map[string][]string) error {
	wrong := map[string][]string{}
	for part, why := range identity.CheckAddress(a) {
		wrong[part] = []string{why}
	}
	maps.Copy(wrong, found)
	return schemaError(wrong)
}

// onePrimary makes every other address secondary where newest is primary.
func onePrimary(addresses []kyc.Address, newest kyc.Address) []kyc.Address {
	for i, a := range addresses {
		addresses[i].IsPrimary = a.IsPrimary && (a.ID == newest.ID || !newest.IsPrimary)
	}
	return addresses
}
