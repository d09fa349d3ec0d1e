package kyc_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
)

var (
	home    = kyc.Address{ID: "home", Type: "PHYSICAL", Street: "1 A St", City: "B", State: "CA", ZipCode: "94104", Country: "US", IsPrimary: true}
	postbox = kyc.Address{ID: "post", Type: "MAILING", Street: "PO Box 1", City: "B", State: "CA", ZipCode: "94104", Country: "US"}
)

func profileOf(fields map[kyc.Field]string, addresses ...kyc.Address) kyc.Profile {
	p := kyc.Profile{}
	for f, v := range fields {
		p.Set(f, v)
	}
	return p.WithAddresses(addresses)
}

// What may change depends on the attempts alone.
func TestUpdateWhileAndAfterKYC(t *testing.T) {
	primary := func(a kyc.Address, is bool) kyc.Address { a.IsPrimary = is; return a }
	moved := func(a kyc.Address) kyc.Address { a.Street = "2 A St"; return a }
	onFile := map[kyc.Field]string{}
	for _, f := range []kyc.Field{kyc.FirstName, kyc.LastName, kyc.BirthDate, kyc.SSN, kyc.Phone, kyc.PhoneCountryCode, kyc.Email, kyc.BrandPersonID} {
		onFile[f] = "x"
	}
	with := func(f kyc.Field) kyc.Profile {
		all := maps.Clone(onFile)
		all[f] = "y"
		return profileOf(all, home, postbox)
	}
	before := profileOf(onFile, home, postbox)
	for name, c := range map[string]struct {
		before, after   kyc.Profile
		running, passed string // the refusal
	}{
		"first name":         {before, with(kyc.FirstName), "kyc_in_progress", "kyc_customer"},
		"middle name, new":   {before, with(kyc.MiddleName), "kyc_in_progress", "kyc_customer"},
		"last name":          {before, with(kyc.LastName), "kyc_in_progress", "kyc_customer"},
		"date of birth":      {before, with(kyc.BirthDate), "kyc_in_progress", "kyc_customer"},
		"ssn":                {before, with(kyc.SSN), "kyc_in_progress", "kyc_customer"},
		"brand_person_id":    {before, with(kyc.BrandPersonID), "", "kyc_customer"},
		"phone":              {before, with(kyc.Phone), "kyc_in_progress", ""},
		"country code":       {before, with(kyc.PhoneCountryCode), "kyc_in_progress", ""},
		"e-mail":             {before, with(kyc.Email), "kyc_in_progress", ""},
		"the same":           {before, profileOf(onFile, home, postbox), "", ""},
		"primary":            {before, profileOf(onFile, moved(home), postbox), "kyc_in_progress", "kyc_customer"},
		"another primary":    {before, profileOf(onFile, primary(home, false), primary(postbox, true)), "kyc_in_progress", "kyc_customer"},
		"secondary":          {before, profileOf(onFile, home, moved(postbox)), "", ""},
		"secondary, removed": {before, profileOf(onFile, home), "", ""},
		"secondary, new":     {profileOf(onFile, home), before, "", ""},
		"the only place": {
			profileOf(onFile, primary(home, false), primary(postbox, true)), profileOf(onFile, primary(postbox, true)), "kyc_in_progress", "kyc_customer",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for status, want := range map[kyc.Status]string{
				kyc.Submitted: c.running, kyc.UnderReview: c.running, kyc.Passed: c.passed, kyc.DocumentRequired: "", kyc.Failed: "", kyc.Errored: "",
				kyc.Expired: "", kyc.Canceled: "",
			} {
				cust := customer()
				cust.ProfileVersion = 4
				cust.Attempts["other"] = kyc.Attempt{ID: "a", Status: kyc.Failed}
				cust.Attempts[programID] = kyc.Attempt{ID: "b", Status: status}
				update, err := cust.Update(c.before, c.after, kyc.Moment{Time: noon})
				if want == "" {
					if err != nil || (update == nil) != (name == "the same") {
						t.Errorf("%s: update %v, err %v", status, update, err)
					}
					continue
				}
				e, ok := err.(*kyc.Error)
				if !ok || update != nil || e.Code != want || e.Kind != kyc.Conflict {
					t.Errorf("%s: update %v, err %v, want %s", status, update, err, want)
				}
			}
		})
	}
}

// A pass in one program freezes the identity in all, whatever runs in another.
func TestPassWeighsMoreThanARunningAttempt(t *testing.T) {
	c := customer()
	c.Attempts["a"], c.Attempts["b"], c.Attempts["z"] = kyc.Attempt{Status: kyc.Submitted}, kyc.Attempt{Status: kyc.Passed}, kyc.Attempt{Status: kyc.Submitted}
	_, err := c.Update(kyc.Profile{}, profileOf(map[kyc.Field]string{kyc.LastName: "x", kyc.Email: "y"}), kyc.Moment{Time: noon})
	if e, ok := err.(*kyc.Error); !ok || e.Code != "kyc_customer" || !slices.Equal(e.Extra["fields"].([]kyc.Field), []kyc.Field{kyc.LastName}) {
		t.Errorf("err %+v", err)
	}
}

func TestUpdateSetsNoAlarmBack(t *testing.T) {
	for due, want := range map[time.Time]time.Time{
		{}: noon.Add(kyc.AlarmDelay - time.Hour), noon.Add(-time.Hour): noon.Add(-time.Hour), noon: noon.Add(kyc.AlarmDelay - time.Hour),
	} {
		c := customer()
		c.DueAt = due
		update, err := c.Update(kyc.Profile{}, profileOf(map[kyc.Field]string{kyc.Email: "y"}), kyc.Moment{Time: noon, Ahead: time.Hour})
		if err != nil || !update.Alarm.Equal(want) {
			t.Errorf("an alarm at %v is moved to %v, want %v; err %v", due, update.Alarm, want, err)
		}
	}
}

// Whatever the sequence of updates and relays: each field that was changed is told of by an event of its version or of a
// later one, once, and the item stays small.
func TestEveryChangeIsTold(t *testing.T) {
	all := []kyc.Field{kyc.FirstName, kyc.LastName, kyc.SSN, kyc.Email}
	rapid.Check(t, func(t *rapid.T) {
		c, p := customer(), kyc.Profile{}
		c.ProfileVersion = 1
		told, changed := map[string]bool{}, map[kyc.Field]int{}
		relay := func() {
			for _, e := range c.Follows(kyc.OfProfile, c.Relayed[kyc.OfProfile]).Events {
				if told[e.ID] || e.Name != kyc.EventCustomerUpdated || e.ID != fmt.Sprintf("evt_%s_%d", c.ID, e.StateVersion) {
					t.Fatalf("event %+v", e)
				}
				told[e.ID] = true
				for _, f := range e.Fields {
					if changed[f] <= e.StateVersion {
						delete(changed, f)
					}
				}
			}
			c.Relayed[kyc.OfProfile] = c.Versions[kyc.OfProfile]
			if len(changed) != 0 {
				t.Fatalf("nothing tells of %v", changed)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"update": func(t *rapid.T) {
				next := maps.Clone(p)
				for _, f := range rapid.SliceOfDistinct(rapid.SampledFrom(all), rapid.ID).Draw(t, "fields") {
					next.Set(f, rapid.StringMatching("[a-c]").Draw(t, "value"))
				}
				want := p.Changed(next)
				update, err := c.Update(p, next, kyc.Moment{Time: noon})
				if err != nil || (update == nil) != (len(want) == 0) {
					t.Fatalf("update %v, err %v", update, err)
				}
				if update == nil {
					return
				}
				if len(update.Changes) > 8 {
					t.Fatalf("%d changes are kept", len(update.Changes))
				}
				p, c.Changes = next, update.Changes
				c.ProfileVersion++
				c.Versions[kyc.OfProfile] = c.ProfileVersion
				for _, f := range want {
					changed[f] = c.ProfileVersion
				}
			},
			"relay": func(*rapid.T) { relay() },
		})
		relay()
	})
}

// Where relay does not come, the newest of the changes that are kept tells of all that came after it.
func TestChangesThatAreKeptAreFew(t *testing.T) {
	c := customer()
	c.ProfileVersion, c.Relayed[kyc.OfProfile] = 1, 1
	for n, f := range []kyc.Field{kyc.SSN, kyc.SSN, kyc.SSN, kyc.SSN, kyc.SSN, kyc.SSN, kyc.SSN, kyc.LastName, kyc.Email, kyc.BirthDate} {
		update, err := c.Update(kyc.Profile{}, profileOf(map[kyc.Field]string{f: "x"}), kyc.Moment{Time: noon.Add(time.Duration(n) * time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		c.Changes = update.Changes
		c.ProfileVersion++
	}
	want := kyc.ProfileChange{Version: 11, At: noon.Add(9 * time.Second), Fields: []kyc.Field{kyc.BirthDate, kyc.Email, kyc.LastName}}
	if diff := cmp.Diff(want, c.Changes[7]); len(c.Changes) != 8 || diff != "" {
		t.Errorf("%d changes, the newest (-want +got):\n%s", len(c.Changes), diff)
	}
}

func TestChanged(t *testing.T) {
	before := profileOf(map[kyc.Field]string{kyc.FirstName: "a", kyc.LastName: "b", kyc.SSN: "c"}, home, postbox)
	after := profileOf(map[kyc.Field]string{kyc.FirstName: "a", kyc.LastName: "x", kyc.Email: "d"}, home)
	if diff := cmp.Diff([]kyc.Field{kyc.PhysicalAddress, kyc.Email, kyc.LastName, kyc.SSN}, before.Changed(after)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := before.Changed(maps.Clone(before)); len(got) != 0 {
		t.Errorf("of the same: %v", got)
	}
}

// Only what differs from what is on file makes somebody else of a customer, and that matters only once one has passed.
func TestAStartContradictsWhoHasPassed(t *testing.T) {
	onFile := profileOf(map[kyc.Field]string{kyc.SSN: "123456780", kyc.LastName: "Example"})
	for name, c := range map[string]struct {
		brought  map[kyc.Field]string
		replaced bool
	}{
		"nothing":                 {nil, false},
		"the same number":         {map[kyc.Field]string{kyc.SSN: "123456780"}, false},
		"another number":          {map[kyc.Field]string{kyc.SSN: "123456781"}, true},
		"what is not on file yet": {map[kyc.Field]string{kyc.BirthDate: "1990-05-17"}, false},
		"what may change":         {map[kyc.Field]string{kyc.Email: "new@example.com"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			brought := profileOf(c.brought)
			if got := onFile.ReplacedBy(brought); got != c.replaced {
				t.Errorf("replaced: %t", got)
			}
			for status, passed := range map[kyc.Status]bool{kyc.Passed: true, kyc.Failed: false} {
				customer := kyc.Customer{Attempts: map[string]kyc.Attempt{"p": {Status: status}}}
				if got := customer.Contradicts(onFile, brought); got != (passed && c.replaced) {
					t.Errorf("with an attempt that %s: %t", status, got)
				}
			}
		})
	}
}
