package onboarding_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

const (
	brandID  = testbed.BrandID
	stranger = "11111111-1111-4111-8111-111111111111"
)

type desk struct {
	*onboarding.Service
	bed   *testbed.Bed
	store *dynamostore.Store
}

func open(t *testing.T) desk {
	t.Helper()
	bed := testbed.Open(t)
	bed.Seed(t)
	store := bed.Store(clock.Now)
	return desk{&onboarding.Service{
		Customers: store, Lists: store, Closings: store, Retention: &onboarding.Retention{Remains: store, Files: testbed.NoFiles{}}, Programs: store, Vault: bed.Keyring(), Clock: clock.For(kyc.Sandbox, store), NewID: uuid.NewString,
		MagicSSN: func(ssn string) bool { return ssn == "000000000" },
	}, bed, store}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func input() onboarding.Input {
	return onboarding.Input{
		Fields: map[kyc.Field]string{
			kyc.FirstName: "Zebulon", kyc.MiddleName: "Quince", kyc.LastName: "Marked-Example", kyc.BirthDate: "1981-12-13", kyc.SSN: "123-45-9876",
			kyc.Phone: "202-555-0175", kyc.PhoneCountryCode: "1", kyc.Email: "marked@example.com",
		},
		Addresses: []kyc.Address{
			{Type: "PHYSICAL", Street: "77 Marked Lane", City: "Markedville", State: "CA", ZipCode: "94104", Country: "US", IsPrimary: true},
			{Type: "MAILING", Street: "78 Marked Lane", Street2: "Apt 3", City: "Markedville", State: "CA", ZipCode: "94104-1234", Country: "US"},
		},
	}
}

func refusal(t *testing.T, err error) *kyc.Error {
	t.Helper()
	e, ok := err.(*kyc.Error)
	if !ok {
		t.Fatalf("err %v, want a refusal", err)
	}
	return e
}

func plain(v onboarding.View) map[kyc.Field]string {
	m := map[kyc.Field]string{}
	for f := range v.Profile {
		m[f] = v.Profile.Get(f)
	}
	return m
}

func TestCreateAndRead(t *testing.T) {
	d := open(t)
	created, err := d.Create(t.Context(), brandID, input())
	must(t, err)
	read, err := d.Read(t.Context(), brandID, strings.ToUpper(created.Customer.ID))
	must(t, err)
	if diff := cmp.Diff(plain(created), plain(read)); diff != "" || read.Customer.ID != created.Customer.ID || read.RequestsAvailable != 3 || created.RequestsAvailable != 3 {
		t.Errorf("%d and %d attempts left, profile (-created +read):\n%s", created.RequestsAvailable, read.RequestsAvailable, diff)
	}
	if p := read.Profile; p.Get(kyc.SSN) != "123459876" || p.Get(kyc.Phone) != "2025550175" || p.MaskedSSN() != "XXX-XX-9876" || len(p.Addresses()) != 2 {
		t.Error("the profile is not what was sent")
	}
	want := []kyc.Field{kyc.PhysicalAddress, kyc.BirthDate, kyc.Email, kyc.FirstName, kyc.LastName, kyc.MiddleName, kyc.Phone, kyc.PhoneCountryCode, kyc.SSN}
	slices.Sort(want)
	if diff := cmp.Diff(want, read.Customer.Present); diff != "" {
		t.Errorf("present (-want +got):\n%s", diff)
	}
	for _, item := range d.bed.Items(t) {
		text := testbed.Text(item)
		for _, mark := range []string{"Zebulon", "Quince", "Marked", "1981-12-13", "123459876", "123-45-9876", "2025550175", "202-555-0175", "marked@", "94104-1234", "Apt 3"} {
			if strings.Contains(text, mark) {
				t.Errorf("%q stands in clear in an item: %.200s", mark, text)
			}
		}
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	d := open(t)
	many := slices.Repeat(input().Addresses[1:], 20)
	for name, c := range map[string]struct {
		in   onboarding.Input
		want []string
	}{
		"nothing": {onboarding.Input{}, []string{"addresses", "dob", "first_name", "last_name"}},
		"every field": {onboarding.Input{
			Fields: map[kyc.Field]string{
				kyc.FirstName: "1", kyc.MiddleName: "2", kyc.LastName: "3", kyc.BirthDate: "2999-01-01", kyc.SSN: "666-00-0000", kyc.Phone: "call me",
				kyc.PhoneCountryCode: "+1", kyc.Email: "at home", kyc.BrandPersonID: "42",
			},
			Addresses: []kyc.Address{{Type: "HOME", Street: "Box!", City: "X", State: "California", ZipCode: "1", Country: "US"}},
			Wrong:     map[string][]string{"nick": {"Unknown field."}},
		}, []string{
			"addresses", "addresses/0/address_type", "addresses/0/city", "addresses/0/state", "addresses/0/street", "addresses/0/zip_code",
			"brand_person_id", "dob", "email", "first_name", "last_name", "middle_name", "nick", "phone", "phone_country_code", "ssn",
		}},
		"a phone whose code could not be read": {func() onboarding.Input {
			in := input()
			in.Fields[kyc.Phone] = "7400-123456"
			delete(in.Fields, kyc.PhoneCountryCode)
			in.Wrong = map[string][]string{"phone_country_code": {"Must be a string."}}
			return in
		}(), []string{"phone_country_code"}},
		"two primary addresses": {func() onboarding.Input { in := input(); in.Addresses[1].IsPrimary = true; return in }(), []string{"addresses"}},
		"too many addresses":    {func() onboarding.Input { in := input(); in.Addresses = append(in.Addresses, many...); return in }(), []string{"addresses"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(d.bed.Snapshot(t))
			_, err := d.Create(t.Context(), brandID, c.in)
			e := refusal(t, err)
			if diff := cmp.Diff(c.want, slices.Sorted(maps.Keys(e.Fields))); diff != "" || e.Code != "create_customer_schema" || e.Kind != kyc.Invalid {
				t.Errorf("%s, fields (-want +got):\n%s", e.Code, diff)
			}
			for _, why := range e.Fields {
				for _, v := range c.in.Fields {
					if len(v) > 2 && strings.Contains(strings.Join(why, " "), v) {
						t.Errorf("%q repeats %q", why, v)
					}
				}
			}
			if after := len(d.bed.Snapshot(t)); after != before {
				t.Errorf("a refused create left %d items behind", after-before)
			}
		})
	}
}

// A post office box is an address for mail. KYC asks for a place, primary or not.
func TestPostOfficeBoxIsNoPlace(t *testing.T) {
	d := open(t)
	for name, c := range map[string]struct {
		types []string // of two addresses, the first of them the primary one and a box
		wrong []string
		place bool
	}{
		"box as a place":          {[]string{"PHYSICAL", "PHYSICAL"}, []string{"addresses/0/street"}, false},
		"box for mail":            {[]string{"MAILING", "MAILING"}, nil, false},
		"box for mail, and place": {[]string{"MAILING", "PHYSICAL"}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			in := input()
			in.Addresses[0].Street = "P.O. Box 12"
			for n, kind := range c.types {
				in.Addresses[n].Type = kind
			}
			created, err := d.Create(t.Context(), brandID, in)
			if c.wrong != nil {
				if got := slices.Collect(maps.Keys(refusal(t, err).Fields)); !slices.Equal(got, c.wrong) {
					t.Errorf("refused are %q", got)
				}
				return
			}
			must(t, err)
			if got := slices.Contains(created.Customer.Present, kyc.PhysicalAddress); got != c.place {
				t.Errorf("a place is there: %t", got)
			}
		})
	}
}

func TestMagicSSNOnlyWhereItIsAllowed(t *testing.T) {
	d := open(t)
	in := input()
	in.Fields[kyc.SSN] = "000-00-0000"
	_, err := d.Create(t.Context(), brandID, in)
	must(t, err)
	d.MagicSSN = nil
	_, err = d.Create(t.Context(), brandID, in)
	if e := refusal(t, err); len(e.Fields) != 1 || len(e.Fields["ssn"]) != 1 {
		t.Errorf("refused as %+v", e)
	}
}

func TestReadRefuses(t *testing.T) {
	d := open(t)
	for name, c := range map[string]struct{ brand, customer, code string }{
		"unknown":        {brandID, stranger, "customer_dne"},
		"another brand":  {stranger, testbed.CustomerID, "customer_dne"},
		"no UUID":        {brandID, "42", "customer_invalid_uuid4"},
		"no id":          {brandID, "", "customer_invalid_uuid4"},
		"a key's escape": {brandID, testbed.CustomerID + "#x", "customer_invalid_uuid4"},
	} {
		_, err := d.Read(t.Context(), c.brand, c.customer)
		if e := refusal(t, err); e.Code != c.code {
			t.Errorf("%s: refused as %+v", name, e)
		}
	}
}

// A profile that was moved to another customer's item is not shown as that customer's.
func TestMovedProfileIsNotShown(t *testing.T) {
	d := open(t)
	created, err := d.Create(t.Context(), brandID, input())
	must(t, err)
	for _, item := range d.bed.Items(t) {
		if text := testbed.Text(item); strings.Contains(text, "customer#"+testbed.CustomerID) && strings.Contains(text, "sk=profile") {
			for _, to := range d.bed.Items(t) {
				if text := testbed.Text(to); strings.Contains(text, "customer#"+created.Customer.ID) && strings.Contains(text, "sk=profile") {
					item["pk"] = to["pk"]
					d.bed.Put(t, item)
				}
			}
		}
	}
	if v, err := d.Read(t.Context(), brandID, created.Customer.ID); err == nil || kyc.KindOf(err) != kyc.Internal || len(v.Profile) != 0 {
		t.Errorf("err %v, profile of %d fields", err, len(v.Profile))
	}
}

func TestRequestsAvailableIsTheFewestOfAllPrograms(t *testing.T) {
	d := open(t)
	now := clock.Now()
	generous := kyc.DefaultPolicy()
	generous.MaxAttempts = 10
	const program2 = "22222222-2222-4222-8222-222222222222"
	must(t, d.store.CreateProgram(t.Context(), kyc.Program{
		BrandID: brandID, ID: program2, Name: "Generous", Bank: "Second Bank", CreatedAt: now, Policies: map[int]kyc.Policy{1: generous}, PolicyVersion: 1,
	}, testbed.Record()))
	check := func(when string, want int) {
		t.Helper()
		v, err := d.Read(t.Context(), brandID, testbed.CustomerID)
		must(t, err)
		if v.RequestsAvailable != want {
			t.Errorf("%s: %d attempts left, want %d", when, v.RequestsAvailable, want)
		}
	}
	run := func(programID string, policy kyc.Policy, status kyc.Status) {
		t.Helper()
		s := kyc.Start{
			BrandID: brandID, CustomerID: testbed.CustomerID, ProgramID: programID, Policy: policy, Now: now,
			Attempt: kyc.Attempt{
				ID: uuid.NewString(), Status: kyc.Submitted, SubmittedAt: now, Mode: kyc.Sandbox, PolicyVersion: 1,
				Timeline: []kyc.Transition{{Status: kyc.Submitted, At: now}},
			},
		}
		if stood, err := d.store.OpenAttempt(t.Context(), s); stood != nil || err != nil {
			t.Fatalf("stood %+v, err %v", stood, err)
		}
		c, err := d.store.Customer(t.Context(), brandID, testbed.CustomerID)
		must(t, err)
		from := c.Attempts[programID]
		to, err := from.Advance(kyc.Decision{Status: status}, c.Versions[programID]+1, now.Add(time.Second), "")
		must(t, err)
		if stood, err := d.store.AdvanceAttempt(t.Context(), kyc.Advance{
			BrandID: brandID, CustomerID: testbed.CustomerID, ProgramID: programID, From: from, To: to, Version: c.Versions[programID], Used: 1,
		}); stood != nil || err != nil {
			t.Fatalf("stood %+v, err %v", stood, err)
		}
	}
	check("never started", 3)
	run(program2, generous, kyc.Failed)
	check("one of ten used", 9)
	run(testbed.ProgramID, kyc.DefaultPolicy(), kyc.Failed)
	check("one of three used too", 2)
	run(testbed.ProgramID, kyc.DefaultPolicy(), kyc.Failed)
	check("two of three used", 1)
	run(program2, generous, kyc.Passed)
	check("passed in one program", 0)
}
