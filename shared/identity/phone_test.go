package identity_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nyaruka/phonenumbers"
	"pgregory.net/rapid"

	"kyc/shared/identity"
	"kyc/shared/kyc"
)

var update = flag.Bool("update", false, "write the table of telephone numbers anew")

// regions lists the library's metadata in the order in which a number is looked for.
func regions(t testing.TB) []*phonenumbers.PhoneMetadata {
	t.Helper()
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		t.Fatal(err)
	}
	find := func(code int, region string) *phonenumbers.PhoneMetadata {
		for _, m := range all.GetMetadata() {
			if m.GetId() == region && int(m.GetCountryCode()) == code {
				return m
			}
		}
		t.Fatalf("the library does not know %s under %d", region, code)
		return nil
	}
	codes := []int{}
	for code := range phonenumbers.GetSupportedCallingCodes() {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	var list []*phonenumbers.PhoneMetadata
	for _, code := range codes {
		for _, region := range phonenumbers.GetRegionCodesForCountryCode(code) {
			list = append(list, find(code, region))
		}
	}
	return list
}

func kinds(m *phonenumbers.PhoneMetadata) []*phonenumbers.PhoneNumberDesc {
	return []*phonenumbers.PhoneNumberDesc{
		m.GetFixedLine(), m.GetMobile(), m.GetTollFree(), m.GetPremiumRate(), m.GetSharedCost(), m.GetVoip(), m.GetPersonalNumber(),
		m.GetPager(), m.GetUan(), m.GetVoicemail(),
	}
}

// The embedded table is what the library knows.
func TestPhoneTable(t *testing.T) {
	var table strings.Builder
	for _, m := range regions(t) {
		lengths := m.GetGeneralDesc().GetPossibleLength()
		if len(lengths) == 0 {
			t.Fatalf("%s: numbers of any length", m.GetId())
		}
		column := func(d *phonenumbers.PhoneNumberDesc) string {
			own := d.GetPossibleLength()
			if len(own) == 0 {
				own = lengths
			}
			var list []string
			for _, n := range own {
				list = append(list, strconv.Itoa(int(n)))
			}
			return strings.Join(list, ",") + " " + d.GetNationalNumberPattern()
		}
		leading := m.GetLeadingDigits()
		if len(phonenumbers.GetRegionCodesForCountryCode(int(m.GetCountryCode()))) == 1 {
			leading = ""
		}
		line := []string{strconv.Itoa(int(m.GetCountryCode())), leading, m.GetNationalPrefix(), column(m.GetGeneralDesc())}
		for _, d := range kinds(m) {
			if c := column(d); d.GetNationalNumberPattern() != "" && d.GetNationalNumberPattern() != "NA" && !slices.Contains(line[4:], c) {
				line = append(line, c)
			}
		}
		fmt.Fprintln(&table, strings.Join(line, "\t"))
	}
	if *update {
		if err := os.WriteFile("phones.txt", []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile("phones.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(table.String(), "\n"), strings.Split(string(stored), "\n")); diff != "" {
		t.Errorf("phones.txt is not of this version of the library, run this test with -update (-want +got):\n%s", diff)
	}
}

// number makes the library's form of a number.
func number(code int, national string) *phonenumbers.PhoneNumber {
	bare := strings.TrimLeft(national, "0")
	value, _ := strconv.ParseUint("0"+bare, 10, 64)
	country, zeros, zero := int32(code), int32(len(national)-len(bare)), len(national) > len(bare)
	return &phonenumbers.PhoneNumber{CountryCode: &country, NationalNumber: &value, ItalianLeadingZero: &zero, NumberOfLeadingZeros: &zeros}
}

func readPhone(code, phone string) (kyc.Profile, map[string][]string) {
	return identity.Rules{Now: noon}.Read(map[kyc.Field]string{kyc.Phone: phone, kyc.PhoneCountryCode: code})
}

// What is taken is a valid number to the library, and what is valid to it is taken and stored as it is. The numbers are
// the examples of every region and kind, changed a little.
func TestPhonesAreJudgedAsTheLibraryDoes(t *testing.T) {
	type example struct {
		code     int
		national string
	}
	var examples []example
	for _, m := range regions(t) {
		for _, d := range kinds(m) {
			if e := d.GetExampleNumber(); e != "" {
				examples = append(examples, example{int(m.GetCountryCode()), e})
			}
		}
	}
	agree := func(t interface{ Errorf(string, ...any) }, code int, national string) bool {
		valid := phonenumbers.IsValidNumber(number(code, national))
		profile, wrong := readPhone(strconv.Itoa(code), national)
		stored := profile.Get(kyc.Phone)
		switch {
		case valid && (len(wrong) > 0 || stored != national):
			t.Errorf("+%d %s is a number, and refused with %v or stored as %s", code, national, wrong, stored)
		case !valid && len(wrong) == 0 && !phonenumbers.IsValidNumber(number(code, stored)):
			t.Errorf("+%d %s is no number, and stored as %s", code, national, stored)
		}
		return valid
	}
	valid := 0
	for _, e := range examples {
		if agree(t, e.code, e.national) {
			valid++
		}
	}
	if valid < 1000 || valid < len(examples)*9/10 {
		t.Errorf("%d of %d examples are numbers to the library", valid, len(examples))
	}
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom(examples).Draw(t, "example")
		digits := []byte(e.national)
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			digits[rapid.IntRange(0, len(digits)-1).Draw(t, "place")] = byte('0' + rapid.IntRange(0, 9).Draw(t, "digit"))
		}
		if rapid.Bool().Draw(t, "longer") {
			digits = append(digits, byte('0'+rapid.IntRange(0, 9).Draw(t, "end")))
		}
		if len(digits) >= 4 && len(digits) <= 15 {
			agree(t, e.code, string(digits))
		}
	})
}

func TestPhone(t *testing.T) {
	const form, unused, unknown = "4 to 15 digits", "in use under", "calling code"
	for name, c := range map[string]struct {
		code, phone string // code "-" is not sent
		stored      string // both halves
		wrong       string
	}{
		"national":                       {"1", "2025550123", "1 2025550123", ""},
		"no code, which is 1":            {"-", "2025550123", "1 2025550123", ""},
		"dashes":                         {"1", "202-555-0123", "1 2025550123", ""},
		"the code in front":              {"1", "1-202-555-0123", "1 2025550123", ""},
		"Canada":                         {"1", "613-555-0123", "1 6135550123", ""},
		"Jamaica":                        {"1", "876-523-0123", "1 8765230123", ""},
		"toll-free":                      {"1", "800-234-5678", "1 8002345678", ""},
		"United Kingdom":                 {"44", "7400-123456", "44 7400123456", ""},
		"with the trunk prefix":          {"44", "020-7946-0018", "44 2079460018", ""},
		"with code and trunk prefix":     {"44", "44-020-7946-0018", "44 2079460018", ""},
		"Italy keeps its zero":           {"39", "02-3661-8300", "39 0236618300", ""},
		"begins like the code":           {"39", "392-345-6789", "39 3923456789", ""},
		"Germany, with the trunk prefix": {"49", "030-123456", "49 30123456", ""},
		"Saint Helena, five digits":      {"290", "22158", "290 22158", ""},
		"Niue, four digits":              {"683", "7012", "683 7012", ""},
		"a ship":                         {"870", "773111632", "870 773111632", ""},

		"area code that is none":     {"1", "555-555-0100", "", unused},
		"exchange that is none":      {"1", "202-155-0100", "", unused},
		"a digit too few":            {"1", "202-555-012", "", unused},
		"a digit too many":           {"1", "202-555-01234", "", unused},
		"local number":               {"1", "555-0123", "", unused},
		"zeros":                      {"1", "0000000000", "", unused},
		"of another country":         {"44", "202-555-0123", "", unused},
		"code in front of another":   {"1", "44-20-7946-0018", "", unused},
		"no code, of another":        {"-", "7400-123456", "", unused},
		"three digits":               {"1", "911", "", form},
		"sixteen digits":             {"1", "1234567890123456", "", form},
		"plus sign":                  {"1", "+12025550123", "", form},
		"brackets":                   {"1", "(202)5550123", "", form},
		"spaces":                     {"1", "202 555 0123", "", form},
		"letters":                    {"1", "202555CALL", "", form},
		"dash in front":              {"1", "-2025550123", "", form},
		"dash at the end":            {"1", "2025550123-", "", form},
		"digits of another script":   {"1", "２０２5550123", "", form},
		"empty":                      {"1", "", "", form},
		"code with plus":             {"+1", "2025550123", "", unknown},
		"code with zeros":            {"001", "2025550123", "", unknown},
		"code of nobody":             {"999", "2025550123", "", unknown},
		"code of four digits":        {"1876", "5230123", "", unknown},
		"empty code":                 {"", "2025550123", "", unknown},
		"both malformed: code first": {"x", "y", "", unknown},
	} {
		t.Run(name, func(t *testing.T) {
			fields := map[kyc.Field]string{kyc.Phone: c.phone, kyc.PhoneCountryCode: c.code}
			if c.code == "-" {
				delete(fields, kyc.PhoneCountryCode)
			}
			profile, wrong := identity.Rules{Now: noon}.Read(fields)
			at := "phone"
			if c.wrong == unknown {
				at = "phone_country_code"
			}
			if c.wrong != "" {
				if !strings.Contains(strings.Join(wrong[at], " "), c.wrong) || len(wrong) > 1 && c.phone != "y" {
					t.Errorf("refused with %v, want %q at %s", wrong, c.wrong, at)
				}
				return
			}
			if got := profile.Get(kyc.PhoneCountryCode) + " " + profile.Get(kyc.Phone); len(wrong) > 0 || got != c.stored {
				t.Errorf("stored %q, want %q; refused with %v", got, c.stored, wrong)
			}
		})
	}
}

// Where the other half may be on file, a half is judged by its form alone.
func TestHalfAPhone(t *testing.T) {
	for name, c := range map[string]struct {
		fields map[kyc.Field]string
		wrong  []string
	}{
		"phone of any country":      {map[kyc.Field]string{kyc.Phone: "7400-123456"}, nil},
		"no phone at all":           {map[kyc.Field]string{kyc.Phone: "call me"}, []string{"phone"}},
		"code":                      {map[kyc.Field]string{kyc.PhoneCountryCode: "44"}, nil},
		"code of nobody":            {map[kyc.Field]string{kyc.PhoneCountryCode: "999"}, []string{"phone_country_code"}},
		"both, which fit":           {map[kyc.Field]string{kyc.Phone: "7400-123456", kyc.PhoneCountryCode: "44"}, nil},
		"both, which do not fit":    {map[kyc.Field]string{kyc.Phone: "7400-123456", kyc.PhoneCountryCode: "1"}, []string{"phone"}},
		"neither":                   {map[kyc.Field]string{}, nil},
		"the code is not taken for": {map[kyc.Field]string{kyc.Phone: "1-202-555-0123"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			profile, wrong := identity.Rules{Now: noon, Partial: true}.Read(c.fields)
			if diff := cmp.Diff(c.wrong, names(wrong)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			_, coded := c.fields[kyc.PhoneCountryCode]
			if got := profile.Get(kyc.PhoneCountryCode); !coded && got != "" {
				t.Errorf("the code became %s", got)
			}
		})
	}
}
