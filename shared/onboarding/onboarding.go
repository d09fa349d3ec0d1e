// Package onboarding creates, reads, changes and deletes customers.
package onboarding

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"kyc/shared/duplicate"
	"kyc/shared/idempotency"
	"kyc/shared/identity"
	"kyc/shared/kyc"
)

// Customers is where customers are kept.
type Customers interface {
	// CreateCustomer stores a new customer with its profile at version 1, or returns by what its key is taken.
	CreateCustomer(ctx context.Context, n kyc.NewCustomer) (*kyc.KeyRecord, error)
	// CustomerAndProfile returns kyc.ErrCustomerUnknown for a customer that the brand does not have.
	CustomerAndProfile(ctx context.Context, brandID, customerID string) (kyc.Customer, kyc.Sealed, error)
	// UpdateProfile makes one change, or returns false where someone has written the customer since it was read.
	UpdateProfile(ctx context.Context, up kyc.Update) (bool, error)
}

// Lists is where the customers of a brand are listed.
type Lists interface {
	Brand(ctx context.Context, brandID string) (kyc.Brand, error)
	// CustomersBefore lists up to limit customers of a brand, newest first, those that stand in the list after before, down
	// to the month of since. It returns where to go on, the zero place at the end.
	CustomersBefore(ctx context.Context, brandID string, before kyc.Listed, since time.Time, limit int) ([]kyc.Listed, kyc.Listed, error)
	// OnFile reads up to 50 customers in the order of their ids. One that is not there is left out.
	OnFile(ctx context.Context, brandID string, customerIDs []string) ([]kyc.OnFile, error)
}

// Programs knows the programs of a brand.
type Programs interface {
	Program(ctx context.Context, brandID, programID string) (kyc.Program, error)
}

// Vault encrypts personal data, and derives the keys that idempotency keys and SSNs are hashed with.
type Vault interface {
	Seal(ctx context.Context, place kyc.Place, fields kyc.Profile) (kyc.Sealed, error)
	Open(ctx context.Context, place kyc.Place, sealed kyc.Sealed) (kyc.Profile, error)
	Add(ctx context.Context, place kyc.Place, sealed kyc.Sealed, more kyc.Profile) (kyc.Sealed, error)
	idempotency.Secrets
}

// Clock tells the time of a brand.
type Clock interface {
	Now(ctx context.Context, brandID string) (kyc.Moment, error)
}

// Service is safe for concurrent use.
type Service struct {
	Customers Customers
	Lists     Lists
	Closings  Closings
	Retention *Retention
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

// Version tells two states of the view apart: it is another one after every change of what the brand sees.
func (v View) Version() string {
	return fmt.Sprintf("%d.%d", v.Customer.ProfileVersion, v.RequestsAvailable)
}

// Input is a customer, or what is to be different in one, as it came in.
type Input struct {
	Fields    map[kyc.Field]string
	Addresses []kyc.Address       // nil where none were sent
	Wrong     map[string][]string // what the reader of the body has found wrong already

	// Of a creation alone:
	IdempotencyKey *string // the header as it was sent, nil where there was none
	Body           []byte  // for the fingerprint
}

// Creatable lists the fields that a customer can be created with.
func Creatable() []kyc.Field { return slices.Collect(maps.Keys(creatable)) }

// creatable lists the fields that a customer is created with, and whether each must be there.
var creatable = map[kyc.Field]bool{
	kyc.FirstName: true, kyc.LastName: true, kyc.BirthDate: true,
	kyc.MiddleName: false, kyc.SSN: false, kyc.Phone: false, kyc.PhoneCountryCode: false, kyc.Email: false, kyc.BrandPersonID: false,
}

// Create validates and stores a new customer of the brand. It reports every field that is wrong at once, as
// create_customer_schema. A request whose key is taken is refused, and told which customer it has created where it is the
// one that took it.
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
	created := kyc.NewCustomer{Customer: c}
	created.Key, err = idempotency.Request{
		Header: in.IdempotencyKey, BrandID: brandID, Operation: kyc.OperationCreate, Method: "POST", Path: "/customers", Body: in.Body,
	}.Claim(ctx, s.Vault)
	if err != nil {
		return View{}, err
	}
	if created.SSN, err = s.lookup().Change(ctx, brandID, "", profile.Get(kyc.SSN)); err != nil {
		return View{}, err
	}
	if created.Profile, err = s.Vault.Seal(ctx, kyc.ProfilePlace(brandID, c.ID), profile); err != nil {
		return View{}, fmt.Errorf("seal profile: %w", err)
	}
	seen, err := s.Customers.CreateCustomer(ctx, created)
	if err != nil {
		return View{}, err
	}
	if seen != nil {
		return View{}, created.KeySeen(*seen)
	}
	return s.view(ctx, c, profile)
}

func (s *Service) profile(in Input, now time.Time) (kyc.Profile, map[string][]string) {
	profile, wrong := s.rules(in, now).Read(in.Fields)
	for f, required := range creatable {
		if _, ok := in.Fields[f]; required && !ok {
			wrong[string(f)] = []string{kyc.MissingField}
		}
	}
	maps.Copy(wrong, checkAddresses(in.Addresses))
	for _, a := range in.Addresses {
		a.ID, a.DateCreated = s.NewID(), now
		profile.SetAddress(a)
	}
	return profile, wrong
}

// lookup is by what customers are found who share an SSN.
func (s *Service) lookup() duplicate.Lookup {
	return duplicate.Lookup{Secrets: s.Vault, MagicSSN: s.MagicSSN}
}

func (s *Service) rules(in Input, now time.Time) identity.Rules {
	unread := in.Wrong[string(kyc.PhoneCountryCode)] != nil // a code that could not be read is not the default one
	return identity.Rules{Now: now, MagicSSN: s.MagicSSN, Partial: unread}
}

// checkAddresses says what is wrong with all the addresses of a customer.
func checkAddresses(addresses []kyc.Address) map[string][]string {
	wrong, primaries := map[string][]string{}, 0
	for n, a := range addresses {
		for part, why := range identity.CheckAddress(a) {
			wrong[fmt.Sprintf("addresses/%d/%s", n, part)] = []string{why}
		}
		if a.IsPrimary {
			primaries++
		}
	}
	switch {
	case len(addresses) == 0:
		wrong["addresses"] = []string{kyc.MissingField}
	case primaries != 1:
		wrong["addresses"] = []string{"One address must have is_primary true, and only one."}
	case len(addresses) > maxAddresses:
		wrong["addresses"] = []string{fmt.Sprintf("At most %d addresses are kept.", maxAddresses)}
	}
	return wrong
}

// maxAddresses keeps what a read and a write of the encrypted profile cost small: ten take up to 7 KB.
const maxAddresses = 10

// Read returns a customer of the brand.
func (s *Service) Read(ctx context.Context, brandID, customerID string) (View, error) {
	c, _, profile, err := s.open(ctx, brandID, customerID)
	if err != nil {
		return View{}, err
	}
	return s.view(ctx, c, profile)
}

// open reads a customer with its data, sealed and in clear.
func (s *Service) open(ctx context.Context, brandID, customerID string) (kyc.Customer, kyc.Sealed, kyc.Profile, error) {
	customerID = strings.ToLower(customerID)
	if !kyc.IsUUID(customerID) {
		return kyc.Customer{}, kyc.Sealed{}, nil, kyc.ErrCustomerMalformed()
	}
	c, sealed, err := s.Customers.CustomerAndProfile(ctx, brandID, customerID)
	if err != nil {
		return c, sealed, nil, err
	}
	profile, err := s.Vault.Open(ctx, kyc.ProfilePlace(brandID, c.ID), sealed)
	if err != nil {
		err = fmt.Errorf("open profile of customer %s: %w", c.ID, err)
	}
	return c, sealed, profile, err
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
