// Package onboarding creates and reads customers.
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

// Customers is where customers are kept.
type Customers interface {
	// CreateCustomer stores a new customer with its profile at version 1.
	CreateCustomer(ctx context.Context, c kyc.Customer, profile kyc.Sealed) error
	// CustomerAndProfile returns kyc.ErrCustomerUnknown for a customer that the brand does not have.
	CustomerAndProfile(ctx context.Context, brandID, customerID string) (kyc.Customer, kyc.Sealed, error)
}

// Programs knows the programs of a brand.
type Programs interface {
	Program(ctx context.Context, brandID, programID string) (kyc.Program, error)
}

// Vault encrypts personal data.
type Vault interface {
	Seal(ctx context.Context, place kyc.Place, fields kyc.Profile) (kyc.Sealed, error)
	Open(ctx context.Context, place kyc.Place, sealed kyc.Sealed) (kyc.Profile, error)
}

// Clock tells the time of a brand.
type Clock interface {
	Now(ctx context.Context, brandID string) (kyc.Moment, error)
}

// Service is safe for concurrent use.
type Service struct {
	Customers Customers
	Programs  Programs
	Vault     Vault
	Clock     Clock
	NewID     func() string
	// MagicSSN reports numbers that steer the sandbox; they are taken unchecked. It is nil on live stages.
	MagicSSN func(ssn string) bool
}

// View is a customer as its brand may see it.
type View struct {
	Customer          kyc.Customer
	Profile           kyc.Profile
	RequestsAvailable int // the fewest attempts left over the customer's programs
}

// Input is a new customer as it came in.
type Input struct {
	Fields    map[kyc.Field]string
	Addresses []kyc.Address
	Wrong     map[string][]string // what the reader of the body has found wrong already
}

// Creatable lists the fields that a customer can be created with.
func Creatable() []kyc.Field { return slices.Collect(maps.Keys(creatable)) }

// creatable lists the fields that a customer is created with, and whether each must be there.
var creatable = map[kyc.Field]bool{
	kyc.FirstName: true, kyc.LastName: true, kyc.BirthDate: true,
	kyc.MiddleName: false, kyc.SSN: false, kyc.Phone: false, kyc.PhoneCountryCode: false, kyc.Email: false, kyc.BrandPersonID: false,
}

// Create validates and stores a new customer of the brand. It reports every field that is wrong at once, as
// create_customer_schema.
func (s *Service) Create(ctx context.Context, brandID string, in Input) (View, error) {
	now, err := s.Clock.Now(ctx, brandID)
	if err != nil {
		return View{}, err
	}
	profile, wrong := s.profile(in, now.Time)
	maps.Copy(wrong, in.Wrong)
	if len(wrong) > 0 {
		return View{}, &kyc.Error{Kind: kyc.Invalid, Code: "create_customer_schema", Fields: wrong}
	}
	c := kyc.Customer{BrandID: brandID, ID: s.NewID(), CreatedAt: now.Time, Present: profile.Present(), ProfileVersion: 1, Rev: 1}
	sealed, err := s.Vault.Seal(ctx, kyc.ProfilePlace(brandID, c.ID), profile)
	if err != nil {
		return View{}, fmt.Errorf("seal profile: %w", err)
	}
	if err := s.Customers.CreateCustomer(ctx, c, sealed); err != nil {
		return View{}, err
	}
	return s.view(ctx, c, profile)
}

func (s *Service) profile(in Input, now time.Time) (kyc.Profile, map[string][]string) {
	given := map[kyc.Field]string{}
	for f := range creatable {
		if v, ok := in.Fields[f]; ok {
			given[f] = v
		}
	}
	rules := identity.Rules{Now: now, MagicSSN: s.MagicSSN}
	rules.Partial = in.Wrong[string(kyc.PhoneCountryCode)] != nil // a code that could not be read is not the default one
	profile, wrong := rules.Read(given)
	for f, required := range creatable {
		if _, ok := given[f]; required && !ok {
			wrong[string(f)] = []string{kyc.MissingField}
		}
	}
	primaries := 0
	for n, a := range in.Addresses {
		for part, why := range identity.CheckAddress(a) {
			wrong[fmt.Sprintf("addresses/%d/%s", n, part)] = []string{why}
		}
		if a.IsPrimary {
			primaries++
		}
		a.ID, a.DateCreated = s.NewID(), now
		profile.SetAddress(a)
	}
	switch {
	case len(in.Addresses) == 0:
		wrong["addresses"] = []string{kyc.MissingField}
	case primaries != 1:
		wrong["addresses"] = []string{"One address must have is_primary true, and only one."}
	case len(in.Addresses) > maxAddresses:
		wrong["addresses"] = []string{fmt.Sprintf("At most %d addresses are kept.", maxAddresses)}
	}
	return profile, wrong
}

// maxAddresses keeps the encrypted profile far below DynamoDB's 400 KB for an item.
const maxAddresses = 20

// Read returns a customer of the brand.
func (s *Service) Read(ctx context.Context, brandID, customerID string) (View, error) {
	if !kyc.IsUUID(strings.ToLower(customerID)) {
		return View{}, kyc.ErrCustomerMalformed()
	}
	c, sealed, err := s.Customers.CustomerAndProfile(ctx, brandID, strings.ToLower(customerID))
	if err != nil {
		return View{}, err
	}
	profile, err := s.Vault.Open(ctx, kyc.ProfilePlace(brandID, c.ID), sealed)
	if err != nil {
		return View{}, fmt.Errorf("open profile of customer %s: %w", c.ID, err)
	}
	return s.view(ctx, c, profile)
}

func (s *Service) view(ctx context.Context, c kyc.Customer, profile kyc.Profile) (View, error) {
	left := kyc.DefaultPolicy().MaxAttempts
	first := true
	for programID := range c.Attempts {
		program, err := s.Programs.Program(ctx, c.BrandID, programID)
		if err != nil {
			return View{}, err
		}
		if n := c.RequestsAvailable(programID, program.Policy()); first || n < left {
			left, first = n, false
		}
	}
	return View{Customer: c, Profile: profile, RequestsAvailable: left}, nil
}
