package kyc

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Field names one piece of personal data, spelled as in the API. An address's parts are fields of their own, named by
// AddressField.
type Field string

const (
	FirstName        Field = "first_name"
	MiddleName       Field = "middle_name"
	LastName         Field = "last_name"
	BirthDate        Field = "dob" // YYYY-MM-DD
	SSN              Field = "ssn" // nine digits, no dashes
	Phone            Field = "phone"
	PhoneCountryCode Field = "phone_country_code"
	Email            Field = "email"
	IP               Field = "ip" // brought by a start only
	BrandPersonID    Field = "brand_person_id"

	// PhysicalAddress stands for "one of the customer's addresses is physical". It is required, never stored.
	PhysicalAddress Field = "addresses"
)

// Profile is a customer's personal data in clear. It exists in memory only.
type Profile map[Field]Secret

// Get returns the value of f, empty where there is none.
func (p Profile) Get(f Field) string { return p[f].Reveal() }

// Set stores v under f, and nothing where v is empty.
func (p Profile) Set(f Field, v string) {
	if v != "" {
		p[f] = NewSecret(v)
	}
}

// With returns p completed and overridden by the fields of more.
func (p Profile) With(more Profile) Profile {
	merged := make(Profile, len(p)+len(more))
	maps.Copy(merged, p)
	maps.Copy(merged, more)
	return merged
}

// Present lists, sorted, the fields that p has a value for, PhysicalAddress among them where one address is.
func (p Profile) Present() []Field {
	var present []Field
	for f, v := range p {
		if !v.IsZero() && !strings.Contains(string(f), "/") {
			present = append(present, f)
		}
	}
	if slices.ContainsFunc(p.Addresses(), Address.IsPhysical) {
		present = append(present, PhysicalAddress)
	}
	slices.Sort(present)
	return present
}

// MaskedSSN returns the number as answers show it: XXX-XX-6789.
func (p Profile) MaskedSSN() string {
	ssn := p.Get(SSN)
	if len(ssn) < 4 {
		return ""
	}
	return "XXX-XX-" + ssn[len(ssn)-4:]
}

// Address is one address of a customer.
type Address struct {
	ID          string
	Type        string // MAILING or PHYSICAL
	Street      string
	Street2     string
	City        string
	State       string
	ZipCode     string
	Country     string // ISO 3166-1 alpha-2
	IsPrimary   bool
	DateCreated time.Time
}

// AddressField names one part of the address with the given id.
func AddressField(id, part string) Field { return Field("addresses/" + id + "/" + part) }

// SetAddress stores every part of a.
func (p Profile) SetAddress(a Address) {
	primary := ""
	if a.IsPrimary {
		primary = "true"
	}
	for part, v := range map[string]string{
		"address_type": a.Type, "street": a.Street, "street2": a.Street2, "city": a.City, "state": a.State,
		"zip_code": a.ZipCode, "country": a.Country, "is_primary": primary, "date_created": FormatTime(a.DateCreated),
	} {
		p.Set(AddressField(a.ID, part), v)
	}
}

// WithAddresses returns p with these addresses in place of those that it has.
func (p Profile) WithAddresses(addresses []Address) Profile {
	other := maps.Clone(p)
	maps.DeleteFunc(other, func(f Field, _ Secret) bool { return strings.Contains(string(f), "/") })
	for _, a := range addresses {
		other.SetAddress(a)
	}
	return other
}

// Addresses returns the addresses, oldest first.
func (p Profile) Addresses() []Address {
	seen := map[string]bool{}
	var addresses []Address
	for f := range p {
		id, _, ok := strings.Cut(strings.TrimPrefix(string(f), "addresses/"), "/")
		if !ok || seen[id] {
			continue
		}
		seen[id] = true
		part := func(name string) string { return p.Get(AddressField(id, name)) }
		created, _ := ParseTime(part("date_created"))
		addresses = append(addresses, Address{
			ID: id, Type: part("address_type"), Street: part("street"), Street2: part("street2"), City: part("city"),
			State: part("state"), ZipCode: part("zip_code"), Country: part("country"),
			IsPrimary: part("is_primary") == "true", DateCreated: created,
		})
	}
	slices.SortFunc(addresses, func(a, b Address) int {
		if c := a.DateCreated.Compare(b.DateCreated); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return addresses
}

// Sealed is personal data as it is stored: every field encrypted under one data key, which is wrapped by the brand's.
type Sealed struct {
	Key    []byte
	Fields map[Field][]byte
}

// Empty reports whether nothing is sealed.
func (s Sealed) Empty() bool { return len(s.Fields) == 0 }

// ErrUnreadable says that sealed data can't be opened, now or ever: it belongs to another place, was changed, or the key
// above its own is not there.
var ErrUnreadable = errors.New("sealed data that can't be opened in this place")

// Place is where sealed data belongs. It is bound into the encryption, so that data moved elsewhere cannot be opened.
type Place struct {
	BrandID string
	Owner   string
}

// ProfilePlace is the place of a customer's profile.
func ProfilePlace(brandID, customerID string) Place { return Place{brandID, "customer/" + customerID} }

// AttemptPlace is the place of what a start's body brought.
func AttemptPlace(brandID, customerID, attemptID string) Place {
	return Place{brandID, "customer/" + customerID + "/attempt/" + attemptID}
}

// SubscriptionPlace is the place of a subscription's secret.
func SubscriptionPlace(brandID, subscriptionID string) Place {
	return Place{brandID, "subscription/" + subscriptionID}
}

// AnswerPlace is the place of an endpoint's answers to the tries of a delivery.
func AnswerPlace(d DeliveryRef) Place {
	return Place{d.BrandID, "subscription/" + d.SubscriptionID + "/event/" + d.EventID}
}

// timeFormat has a fixed width, so that stored times compare as strings; it is the form of the API's samples.
const timeFormat = "2006-01-02T15:04:05.000000-07:00"

// FormatTime writes t in UTC with microseconds: 2026-01-02T03:04:05.678901+00:00.
func FormatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

// ParseTime reads what FormatTime writes. Its error does not repeat what it read, as time.Parse's does.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(timeFormat, s)
	if err != nil {
		return time.Time{}, errNoTime
	}
	return t.UTC(), nil
}

var errNoTime = errors.New("a text that is no time as we write it")
