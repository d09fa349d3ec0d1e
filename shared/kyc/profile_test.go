package kyc_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
)

// revealed lets cmp compare what Secrets hold.
var revealed = cmp.Comparer(func(a, b kyc.Secret) bool { return a.Reveal() == b.Reveal() })

func drawTime(t *rapid.T, label string) time.Time {
	// From year 1 to 9999 in UTC: what a width of four digits holds.
	seconds := rapid.Int64Range(-62135596800, 253402300799).Draw(t, label+" seconds")
	nanos := rapid.Int64Range(0, 999_999_999).Draw(t, label+" nanoseconds")
	zone := time.FixedZone("", rapid.IntRange(-12*3600, 14*3600).Draw(t, label+" zone"))
	return time.Unix(seconds, nanos).In(zone)
}

func TestAddressesComeBackAsTheyWereStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := kyc.Profile{}
		p.Set(kyc.FirstName, "Nobody")
		var stored []kyc.Address
		for _, id := range rapid.SliceOfNDistinct(rapid.StringMatching(`[0-9a-f]{4}`), 0, 5, rapid.ID).Draw(t, "ids") {
			text := func(label string) string { return rapid.String().Draw(t, label) }
			a := kyc.Address{
				ID: id, Type: rapid.SampledFrom([]string{"", "MAILING", "PHYSICAL"}).Draw(t, "type"), Street: rapid.SampledFrom([]string{"1 Nowhere", "PO Box 1"}).Draw(t, "street"), Street2: text("street2"), City: text("city"), State: text("state"),
				ZipCode: text("zip code"), Country: text("country"), IsPrimary: rapid.Bool().Draw(t, "primary"),
				DateCreated: time.Unix(rapid.Int64Range(0, 3).Draw(t, "created"), 0).UTC(),
			}
			p.SetAddress(a)
			stored = append(stored, a)
		}
		slices.SortFunc(stored, func(a, b kyc.Address) int {
			if c := a.DateCreated.Compare(b.DateCreated); c != 0 {
				return c
			}
			return map[bool]int{true: -1, false: 1}[a.ID < b.ID]
		})
		if diff := cmp.Diff(stored, p.Addresses()); diff != "" {
			t.Fatalf("(-stored +got):\n%s", diff)
		}
		physical := slices.ContainsFunc(stored, func(a kyc.Address) bool { return a.Type == "PHYSICAL" && a.Street == "1 Nowhere" })
		want := []kyc.Field{kyc.FirstName}
		if physical {
			want = []kyc.Field{kyc.PhysicalAddress, kyc.FirstName}
		}
		if diff := cmp.Diff(want, p.Present()); diff != "" {
			t.Fatalf("present (-want +got):\n%s", diff)
		}
	})
}

func TestPresent(t *testing.T) {
	for name, c := range map[string]struct {
		profile kyc.Profile
		want    []kyc.Field
	}{
		"nothing":      {nil, nil},
		"sorted":       {kyc.Profile{kyc.SSN: kyc.NewSecret("1"), kyc.Email: kyc.NewSecret("2"), kyc.LastName: kyc.NewSecret("3")}, []kyc.Field{kyc.Email, kyc.LastName, kyc.SSN}},
		"empty values": {kyc.Profile{kyc.SSN: kyc.NewSecret(""), kyc.Email: {}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.profile.Present()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestProfileIsCompletedAndOverridden(t *testing.T) {
	onFile := kyc.Profile{kyc.FirstName: kyc.NewSecret("Nobody"), kyc.SSN: kyc.NewSecret("123456780")}
	more := kyc.Profile{}
	more.Set(kyc.SSN, "123456781")
	more.Set(kyc.Email, "nobody@example.com")
	more.Set(kyc.Phone, "")
	want := kyc.Profile{kyc.FirstName: kyc.NewSecret("Nobody"), kyc.SSN: kyc.NewSecret("123456781"), kyc.Email: kyc.NewSecret("nobody@example.com")}
	if diff := cmp.Diff(want, onFile.With(more), revealed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if onFile.Get(kyc.SSN) != "123456780" || len(onFile) != 2 || len(more) != 2 {
		t.Error("completing a profile changed one of the two")
	}
	if diff := cmp.Diff(more, kyc.Profile(nil).With(more), revealed); diff != "" {
		t.Errorf("nothing on file (-want +got):\n%s", diff)
	}
}

func TestMaskedSSN(t *testing.T) {
	for name, c := range map[string]struct{ ssn, want string }{
		"nine digits": {"123456789", "XXX-XX-6789"},
		"none":        {"", ""},
		"too short":   {"123", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := kyc.Profile{}
			p.Set(kyc.SSN, c.ssn)
			if got := p.MaskedSSN(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPlacesAreDistinct(t *testing.T) {
	seen := map[kyc.Place]bool{}
	for _, place := range []kyc.Place{
		kyc.ProfilePlace("b", "c"), kyc.ProfilePlace("b", "d"), kyc.ProfilePlace("e", "c"),
		kyc.AttemptPlace("b", "c", "a"), kyc.AttemptPlace("b", "c", "f"), kyc.SubscriptionPlace("b", "c"),
	} {
		if seen[place] {
			t.Errorf("two kinds of data share the place %v", place)
		}
		seen[place] = true
	}
}

func TestFormatTime(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901999, time.UTC)
	const want = "2026-01-02T03:04:05.678901+00:00"
	if got := kyc.FormatTime(at.In(time.FixedZone("", 5400))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawTime(t, "a"), drawTime(t, "b")
		textA, textB := kyc.FormatTime(a), kyc.FormatTime(b)
		if len(textA) != len(want) {
			t.Fatalf("%s is not as wide as the others", textA)
		}
		readA, err := kyc.ParseTime(textA)
		if err != nil || !readA.Equal(a.Truncate(time.Microsecond)) || readA.Location() != time.UTC {
			t.Fatalf("%s is read back as %s, %v", textA, readA, err)
		}
		order := a.Truncate(time.Microsecond).Compare(b.Truncate(time.Microsecond))
		if text := map[bool]int{true: -1, false: 1}[textA < textB]; textA == textB && order != 0 || textA != textB && text != order {
			t.Fatalf("%s and %s do not sort like their times", textA, textB)
		}
	})
}

func TestParseTimeRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no microseconds": "2026-01-02T03:04:05+00:00", "Z": "2026-01-02T03:04:05.678901Z", "a date": "2026-01-02",
		"no such day": "2026-02-30T03:04:05.678901+00:00", "data after it": "2026-01-02T03:04:05.678901+00:00 ",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := kyc.ParseTime(text); err == nil || !got.IsZero() || text != "" && strings.Contains(err.Error(), text) {
				t.Errorf("read as %s", got)
			}
		})
	}
}

func TestDefaultPolicyIsTheNewest(t *testing.T) {
	policy := kyc.DefaultPolicy()
	program := kyc.Program{Policies: map[int]kyc.Policy{0: {}, policy.Version: policy}, PolicyVersion: policy.Version}
	want := kyc.Policy{Version: 1, Required: []kyc.Field{"addresses", "dob", "first_name", "last_name", "ssn"}, MinimumAge: 18, MaxAttempts: 3, Duplicates: kyc.DuplicatesAllowed,
		Checks: []kyc.Check{"cip", "ofac", "bureau", "mobile", "ip", "email"}, DocumentDeadline: 28 * 24 * time.Hour, Documents: kyc.DocumentsReviewed}
	if diff := cmp.Diff(want, program.Policy()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSealedEmpty(t *testing.T) {
	if !(kyc.Sealed{Key: []byte{1}}).Empty() || (kyc.Sealed{Fields: map[kyc.Field][]byte{kyc.SSN: {1}}}).Empty() {
		t.Error("what is sealed is told by the fields")
	}
}
