package onboarding_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/testbed"
)

func always(string) bool { return true }

func only(version string) func(string) bool { return func(v string) bool { return v == version } }

func (d desk) create(t *testing.T) onboarding.View {
	t.Helper()
	v, err := d.Create(t.Context(), brandID, input())
	must(t, err)
	return v
}

func (d desk) read(t *testing.T, customerID string) onboarding.View {
	t.Helper()
	v, err := d.Read(t.Context(), brandID, customerID)
	must(t, err)
	return v
}

// unchanged fails the test where do changes an item of the table.
func (d desk) unchanged(t *testing.T, do func()) {
	t.Helper()
	before := d.bed.Snapshot(t)
	do()
	if diff := cmp.Diff(before, d.bed.Snapshot(t), cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("something was written (-before +after):\n%s", diff)
	}
}

// mailing returns the address for mail; addresses of one moment are in any order.
func mailing(t *testing.T, v onboarding.View) kyc.Address {
	t.Helper()
	all := v.Profile.Addresses()
	i := slices.IndexFunc(all, func(a kyc.Address) bool { return a.Type == "MAILING" })
	if i < 0 {
		t.Fatal("no address for mail")
	}
	return all[i]
}

func TestUpdateChangesWhatIsSent(t *testing.T) {
	d := open(t)
	created := d.create(t)
	addresses := input().Addresses
	addresses[1].City = "Otherville"
	in := onboarding.Input{Addresses: addresses, Fields: map[kyc.Field]string{
		kyc.LastName: "Changed", kyc.SSN: "123-45-6799", kyc.Email: "other@example.com", kyc.BrandPersonID: stranger,
	}}
	updated, err := d.Update(t.Context(), brandID, strings.ToUpper(created.Customer.ID), only(created.Version()), in)
	must(t, err)
	want := plain(created)
	for _, part := range []string{"address_type", "street", "street2", "city", "state", "zip_code", "country", "is_primary", "date_created"} {
		delete(want, kyc.AddressField(mailing(t, created).ID, part))
	}
	second := mailing(t, updated)
	maps.Copy(want, plain(onboarding.View{Profile: kyc.Profile{}.WithAddresses([]kyc.Address{second})}))
	maps.Copy(want, map[kyc.Field]string{
		kyc.LastName: "Changed", kyc.SSN: "123456799", kyc.Email: "other@example.com", kyc.BrandPersonID: stranger,
	})
	read := d.read(t, created.Customer.ID)
	for what, v := range map[string]onboarding.View{"answered": updated, "read": read} {
		if diff := cmp.Diff(want, plain(v)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	if second.City != "Otherville" || slices.ContainsFunc(created.Profile.Addresses(), func(a kyc.Address) bool { return a.ID == second.ID }) {
		t.Errorf("second address %s in %s", second.ID, second.City)
	}
	c := read.Customer
	if updated.Version() == created.Version() || read.Version() != updated.Version() || c.Rev != 2 || c.ProfileVersion != 2 || !slices.Contains(c.Present, kyc.BrandPersonID) {
		t.Errorf("versions %s, %s, %s; customer %+v", created.Version(), updated.Version(), read.Version(), c)
	}
	fields := []kyc.Field{kyc.PhysicalAddress, kyc.BrandPersonID, kyc.Email, kyc.LastName, kyc.SSN}
	if len(c.Changes) != 1 || c.Changes[0].Version != 2 || !slices.Equal(c.Changes[0].Fields, fields) || !c.Unrelayed(kyc.OfProfile) || c.DueAt.IsZero() {
		t.Errorf("to be relayed: %+v", c)
	}
	for _, item := range d.bed.Items(t) {
		for _, mark := range []string{"Changed", "Otherville", "123456799", "other@"} {
			if strings.Contains(testbed.Text(item), mark) {
				t.Errorf("%q stands in clear in an item", mark)
			}
		}
	}
}

// A customer has one data key: erasing it erases whatever was ever written.
func TestUpdateKeepsTheDataKey(t *testing.T) {
	d := open(t)
	id := d.create(t).Customer.ID
	before, _, err := d.store.Profile(t.Context(), brandID, id)
	must(t, err)
	_, err = d.Update(t.Context(), brandID, id, always, onboarding.Input{Fields: map[kyc.Field]string{kyc.LastName: "Changed"}})
	must(t, err)
	after, version, err := d.store.Profile(t.Context(), brandID, id)
	must(t, err)
	changed := slices.DeleteFunc(slices.Collect(maps.Keys(after.Fields)), func(f kyc.Field) bool { return string(before.Fields[f]) == string(after.Fields[f]) })
	if string(before.Key) != string(after.Key) || version != 2 || !slices.Equal(changed, []kyc.Field{kyc.LastName}) {
		t.Errorf("version %d, same key: %t, encrypted anew: %v", version, string(before.Key) == string(after.Key), changed)
	}
}

func TestUpdateOfNothingWritesNothing(t *testing.T) {
	d := open(t)
	created := d.create(t)
	d.unchanged(t, func() {
		for _, in := range []onboarding.Input{{}, input()} {
			v, err := d.Update(t.Context(), brandID, created.Customer.ID, always, in)
			must(t, err)
			if v.Version() != created.Version() {
				t.Errorf("version %s, was %s", v.Version(), created.Version())
			}
		}
	})
}

// Phone and country code are two halves of one number, whichever of them is sent.
func TestUpdateJudgesThePhoneWithWhatIsOnFile(t *testing.T) {
	d := open(t)
	for name, c := range map[string]struct {
		fields map[kyc.Field]string
		phone  string // code and number after it
		wrong  []string
	}{
		"number":                  {map[kyc.Field]string{kyc.Phone: "1-202-555-0123"}, "1 2025550123", nil},
		"number of nobody":        {map[kyc.Field]string{kyc.Phone: "111-111-1111"}, "", []string{"phone"}},
		"code of another country": {map[kyc.Field]string{kyc.PhoneCountryCode: "49"}, "49 2025550175", nil},
		"code it can't have":      {map[kyc.Field]string{kyc.PhoneCountryCode: "354"}, "", []string{"phone_country_code"}},
		"both":                    {map[kyc.Field]string{kyc.PhoneCountryCode: "44", kyc.Phone: "020 7946 0018"}, "", []string{"phone"}},
		"both, in use":            {map[kyc.Field]string{kyc.PhoneCountryCode: "44", kyc.Phone: "020-7946-0018"}, "44 2079460018", nil},
	} {
		t.Run(name, func(t *testing.T) {
			created := d.create(t)
			v, err := d.Update(t.Context(), brandID, created.Customer.ID, always, onboarding.Input{Fields: c.fields})
			if c.wrong != nil {
				if got := slices.Sorted(maps.Keys(refusal(t, err).Fields)); !slices.Equal(got, c.wrong) {
					t.Errorf("wrong are %v", got)
				}
				return
			}
			must(t, err)
			if got := v.Profile.Get(kyc.PhoneCountryCode) + " " + v.Profile.Get(kyc.Phone); got != c.phone {
				t.Errorf("on file is %s", got)
			}
		})
	}
}

func TestUpdateRefuses(t *testing.T) {
	d := open(t)
	id := d.create(t).Customer.ID
	lastName := onboarding.Input{Fields: map[kyc.Field]string{kyc.LastName: "Changed"}}
	for name, c := range map[string]struct {
		brand, customer string
		matches         func(string) bool
		in              onboarding.Input
		code            string
		kind            kyc.Kind
		fields          []string
	}{
		"unknown":       {brandID, stranger, always, lastName, "customer_dne", kyc.NotFound, nil},
		"another brand": {stranger, id, always, lastName, "customer_dne", kyc.NotFound, nil},
		"no UUID":       {brandID, "42", always, lastName, "customer_invalid_uuid4", kyc.Invalid, nil},
		"outdated":      {brandID, id, only("0.3"), lastName, "resource_conflict", kyc.Outdated, nil},
		"all that is wrong": {brandID, id, only("0.3"), onboarding.Input{
			Fields: map[kyc.Field]string{kyc.FirstName: "", kyc.BirthDate: "2999-01-01", kyc.Email: "at home"}, Addresses: []kyc.Address{},
			Wrong: map[string][]string{"nick": {"Unknown field."}},
		}, "edit_customer_schema", kyc.Invalid, []string{"addresses", "dob", "email", "first_name", "nick"}},
	} {
		t.Run(name, func(t *testing.T) {
			d.unchanged(t, func() {
				_, err := d.Update(t.Context(), c.brand, c.customer, c.matches, c.in)
				e := refusal(t, err)
				if got := slices.Sorted(maps.Keys(e.Fields)); e.Code != c.code || e.Kind != c.kind || !slices.Equal(got, c.fields) {
					t.Errorf("refused as %+v", e)
				}
			})
		})
	}
}

// Of many who change what they have read, one does; of many who change different things, all do.
func TestUpdatesAtOnce(t *testing.T) {
	d := open(t)
	fields := []kyc.Field{kyc.FirstName, kyc.MiddleName, kyc.LastName, kyc.Email}
	update := func(id string, matches func(string) bool) []error {
		errs := make([]error, len(fields))
		var all sync.WaitGroup
		for i, f := range fields {
			all.Go(func() {
				in := onboarding.Input{Fields: map[kyc.Field]string{f: "changed"}}
				if f == kyc.Email {
					in.Fields[f] = "changed@example.com"
				}
				_, errs[i] = d.Update(t.Context(), brandID, id, matches, in)
			})
		}
		all.Wait()
		return errs
	}
	for range 10 {
		created := d.create(t)
		for _, err := range update(created.Customer.ID, always) {
			must(t, err)
		}
		v := d.read(t, created.Customer.ID)
		for _, f := range fields {
			if !strings.HasPrefix(v.Profile.Get(f), "changed") {
				t.Errorf("the change of %s is lost", f)
			}
		}
		if v.Customer.ProfileVersion != 5 || len(v.Customer.Changes) != 4 {
			t.Errorf("customer %+v", v.Customer)
		}
		created = d.create(t)
		done := 0
		for _, err := range update(created.Customer.ID, only(created.Version())) {
			if err == nil {
				done++
			} else if e := refusal(t, err); e.Kind != kyc.Outdated {
				t.Errorf("refused as %+v", e)
			}
		}
		if v := d.read(t, created.Customer.ID); done != 1 || v.Customer.ProfileVersion != 2 {
			t.Errorf("%d of them changed it: %+v", done, v.Customer)
		}
	}
}

// Who reads while a write comes between the two items is not shown one of before and one of after.
func TestReadIsOfOneVersion(t *testing.T) {
	d := open(t)
	created, reads := d.create(t), 0
	version := regexp.MustCompile(`("profile_version": *\{"N": *)"1"`)
	torn := d.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		answer := pass()
		if reads++; reads > 1 || answer.Err != nil {
			return answer
		}
		body, err := io.ReadAll(answer.Response.Body)
		must(t, err)
		at := version.FindIndex(body) // of the item that was read after the write
		after := version.ReplaceAll(body[at[0]:at[1]], []byte(`${1}"2"`))
		answer.Response.Body = io.NopCloser(bytes.NewReader(slices.Concat(body[:at[0]], after, body[at[1]:])))
		return answer
	})
	service := *d.Service
	service.Customers = torn.Store(clock.Now)
	v, err := service.Read(t.Context(), brandID, created.Customer.ID)
	must(t, err)
	if v.Version() != created.Version() || reads != 2 {
		t.Errorf("read %s with %d calls", v.Version(), reads)
	}
}

// An update whose answer is lost is made once.
func TestUpdateIsMadeOnce(t *testing.T) {
	d := open(t)
	id := d.create(t).Customer.ID
	lost := false
	wire := d.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		answer := pass()
		if r.Operation == "TransactWriteItems" && !lost {
			lost = true
			return testbed.Lost()
		}
		return answer
	})
	service := *d.Service
	service.Customers = wire.Store(clock.Now)
	v, err := service.Update(t.Context(), brandID, id, always, onboarding.Input{Fields: map[kyc.Field]string{kyc.LastName: "Changed"}})
	must(t, err)
	if c := d.read(t, id).Customer; !lost || c.ProfileVersion != 2 || v.Version() != fmt.Sprint("2.", v.RequestsAvailable) {
		t.Errorf("answered %s, on file is %+v", v.Version(), c)
	}
}
