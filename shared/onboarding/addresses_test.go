package onboarding_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/testbed"
)

func given(a kyc.Address) onboarding.AddressInput {
	return onboarding.AddressInput{
		Type: &a.Type, Street: &a.Street, Street2: &a.Street2, City: &a.City, State: &a.State, ZipCode: &a.ZipCode, Country: &a.Country,
		IsPrimary: &a.IsPrimary,
	}
}

// memory is a table of one customer, without the calls of a real one.
type memory struct {
	customer kyc.Customer
	profile  kyc.Sealed
}

func (m *memory) CreateCustomer(_ context.Context, n kyc.NewCustomer) (*kyc.KeyRecord, error) {
	*m = memory{n.Customer, n.Profile}
	return nil, nil
}

func (m *memory) CustomerAndProfile(context.Context, string, string) (kyc.Customer, kyc.Sealed, error) {
	return m.customer, m.profile, nil
}

func (m *memory) UpdateProfile(_ context.Context, up kyc.Update) (bool, error) {
	m.profile = up.Profile
	m.customer.ProfileVersion++
	return true, nil
}

type stopped struct{}

func (stopped) Now(context.Context, string) (kyc.Moment, error) {
	return kyc.Moment{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, nil
}

// Whatever is added, changed and deleted in whatever order: what is read is what a plain list would hold, of which one is
// primary.
func TestAddressesAreAList(t *testing.T) {
	d := open(t)
	d.Customers, d.Clock = &memory{}, stopped{}
	rapid.Check(t, func(r *rapid.T) {
		id := d.create(t).Customer.ID
		model := d.read(t, id).Profile.Addresses()
		demote := func(but string) {
			for i := range model {
				model[i].IsPrimary = model[i].IsPrimary && model[i].ID == but
			}
		}
		pick := func(r *rapid.T) int { return rapid.IntRange(0, len(model)-1).Draw(r, "address") }
		r.Repeat(map[string]func(*rapid.T){
			"add": func(r *rapid.T) {
				a := input().Addresses[1]
				a.IsPrimary = rapid.Bool().Draw(r, "primary")
				_, added, err := d.AddAddress(t.Context(), brandID, id, always, given(a))
				if len(model) == 10 {
					if e := refusal(t, err); e.Code != "resource_conflict" {
						r.Errorf("an 11th address: %+v", e)
					}
					return
				}
				must(t, err)
				if added.IsPrimary {
					demote("")
				}
				model = append(model, added)
			},
			"change": func(r *rapid.T) {
				i, city, primary := pick(r), rapid.StringMatching("[A-Z]{2}").Draw(r, "city"), rapid.Bool().Draw(r, "primary")
				_, changed, err := d.ChangeAddress(t.Context(), brandID, id, model[i].ID, always, onboarding.AddressInput{City: &city, IsPrimary: &primary})
				if model[i].IsPrimary && !primary {
					if e := refusal(t, err); e.Code != "edit_customer_schema" || len(e.Fields["is_primary"]) != 1 {
						r.Errorf("no primary address: %+v", e)
					}
					return
				}
				must(t, err)
				if primary {
					demote("")
				}
				model[i].City, model[i].IsPrimary = city, primary
				if changed != model[i] {
					r.Errorf("answered %+v", changed)
				}
			},
			"delete": func(r *rapid.T) {
				i := pick(r)
				_, removed, err := d.RemoveAddress(t.Context(), brandID, id, strings.ToUpper(model[i].ID), always)
				if model[i].IsPrimary {
					if e := refusal(t, err); e.Code != "resource_conflict" || e.Kind != kyc.Conflict {
						r.Errorf("the primary address: %+v", e)
					}
					return
				}
				must(t, err)
				if removed.ID != model[i].ID {
					r.Errorf("deleted is %s", removed.ID)
				}
				model = slices.Delete(model, i, i+1)
			},
			"": func(r *rapid.T) {
				byID := func(all []kyc.Address) map[string]kyc.Address {
					m := map[string]kyc.Address{}
					for _, a := range all {
						m[a.ID] = a
					}
					return m
				}
				if diff := cmp.Diff(byID(model), byID(d.read(t, id).Profile.Addresses())); diff != "" {
					r.Errorf("(-model +read):\n%s", diff)
				}
			},
		})
	})
}

func TestAddressesAfterAPass(t *testing.T) {
	d := open(t)
	created := d.create(t)
	id, addresses := created.Customer.ID, created.Profile.Addresses()
	slices.SortFunc(addresses, func(a, b kyc.Address) int { return strings.Compare(b.Type, a.Type) }) // the primary, physical one first
	attempt := uuid.NewString()
	d.bed.Start(t, id, attempt)
	city, yes := "Elsewhere", true
	_, _, err := d.ChangeAddress(t.Context(), brandID, id, addresses[0].ID, always, onboarding.AddressInput{City: &city})
	if e := refusal(t, err); e.Code != "kyc_in_progress" {
		t.Errorf("while KYC runs: %+v", e)
	}
	c, err := d.store.Customer(t.Context(), brandID, id)
	must(t, err)
	from := c.Attempts[testbed.ProgramID]
	to, err := from.Advance(kyc.Decision{Status: kyc.Passed, Results: []kyc.Result{{Check: kyc.CheckCIP, Passed: true, Mode: kyc.Sandbox}}}, 2, created.Customer.CreatedAt, "")
	must(t, err)
	stood, err := d.store.AdvanceAttempt(t.Context(), kyc.Advance{
		BrandID: brandID, CustomerID: id, ProgramID: testbed.ProgramID, From: from, To: to, Version: 1, ProfileVersion: 1, Used: 1,
	})
	if must(t, err); stood != nil {
		t.Fatalf("stood %+v", stood.Customer)
	}
	primary := input().Addresses[0]
	for name, change := range map[string]func() error{
		"the primary one changed": func() error {
			_, _, err := d.ChangeAddress(t.Context(), brandID, id, addresses[0].ID, always, onboarding.AddressInput{City: &city})
			return err
		},
		"another one made primary": func() error {
			_, _, err := d.ChangeAddress(t.Context(), brandID, id, addresses[1].ID, always, onboarding.AddressInput{IsPrimary: &yes})
			return err
		},
		"a new primary one": func() error {
			_, _, err := d.AddAddress(t.Context(), brandID, id, always, given(primary))
			return err
		},
	} {
		d.unchanged(t, func() {
			if e := refusal(t, change()); e.Code != "kyc_customer" {
				t.Errorf("%s: %+v", name, e)
			}
		})
	}
	_, _, err = d.ChangeAddress(t.Context(), brandID, id, addresses[1].ID, always, onboarding.AddressInput{City: &city})
	must(t, err)
	secondary := primary
	secondary.IsPrimary = false
	_, added, err := d.AddAddress(t.Context(), brandID, id, always, given(secondary))
	must(t, err)
	_, _, err = d.RemoveAddress(t.Context(), brandID, id, added.ID, always)
	must(t, err)
}

func TestAddressesRefuse(t *testing.T) {
	d := open(t)
	created := d.create(t)
	id, known := created.Customer.ID, created.Profile.Addresses()[0].ID
	country, bad := "US", "California"
	for name, c := range map[string]struct {
		brand, customer, address string
		matches                  func(string) bool
		in                       onboarding.AddressInput
		code                     string
		fields                   []string
	}{
		"another brand":    {stranger, id, known, always, onboarding.AddressInput{}, "customer_dne", nil},
		"unknown customer": {brandID, stranger, known, always, onboarding.AddressInput{}, "customer_dne", nil},
		"no UUID":          {brandID, "42", known, always, onboarding.AddressInput{}, "customer_invalid_uuid4", nil},
		"unknown address":  {brandID, id, stranger, always, onboarding.AddressInput{}, "invalid_reference", nil},
		"address's no id":  {brandID, id, "", always, onboarding.AddressInput{}, "invalid_reference", nil},
		"outdated":         {brandID, id, known, only("0"), onboarding.AddressInput{Country: &country}, "resource_conflict", nil},
		"all that is wrong": {brandID, id, known, always, onboarding.AddressInput{
			State: &bad, ZipCode: &bad, Wrong: map[string][]string{"nick": {"Unknown field."}},
		}, "edit_customer_schema", []string{"nick", "state", "zip_code"}},
	} {
		t.Run(name, func(t *testing.T) {
			d.unchanged(t, func() {
				_, _, err := d.ChangeAddress(t.Context(), c.brand, c.customer, c.address, c.matches, c.in)
				e := refusal(t, err)
				if got := slices.Sorted(maps.Keys(e.Fields)); e.Code != c.code || !slices.Equal(got, c.fields) {
					t.Errorf("refused as %+v", e)
				}
			})
		})
	}
}
