package identity

import (
	"cmp"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"

	"kyc/shared/kyc"
)

// phoneTable says which telephone numbers are in use: the part of libphonenumber's metadata (Google, Apache-2.0) that its
// rule of a valid number needs. The library itself would more than double a cold start of start-kyc: 15 ms and 2.4 MB to
// read all its metadata, and 2.4 MiB more to load. So it is asked in the tests only: `go test ./shared/identity -update`
// writes the table anew after the library is raised, and number by number both must say the same.
//
// A line is a region, those that share a calling code in the library's order: the calling code, the digits that its
// numbers begin with where others share the code, the trunk prefix (0 in 020 7946 0018), the pattern of all its numbers
// and those of each kind of number. Before a pattern stand the lengths that it is for.
//
//go:embed phones.txt
var phoneTable string

// region is the numbering plan of a region.
type region struct {
	leading func(national string) bool // nil where all numbers that nobody else has are its own
	trunk   string
	all     func(national string) bool
	kinds   []func(national string) bool
}

// uses reports whether the region uses a national number.
func (r region) uses(national string) bool {
	return r.all(national) && slices.ContainsFunc(r.kinds, func(is func(string) bool) bool { return is(national) })
}

var regionsKept sync.Map // calling code to []region

// regionsOf returns the regions of a calling code, none where nobody has it. It reads a code's lines once: patterns for
// all the world would take a millisecond of a first request.
func regionsOf(code string) []region {
	if kept, ok := regionsKept.Load(code); ok {
		return kept.([]region)
	}
	var regions []region
	for line := range strings.Lines(phoneTable) {
		rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), code+"\t")
		if !ok {
			continue
		}
		column := strings.Split(rest, "\t")
		r := region{trunk: column[1], all: numbers(column[2])}
		if column[0] != "" {
			r.leading = form("^(?:" + column[0] + ")")
		}
		for _, kind := range column[3:] {
			r.kinds = append(r.kinds, numbers(kind))
		}
		regions = append(regions, r)
	}
	regionsKept.Store(code, regions)
	return regions
}

// numbers returns what tells whether a number is of those that a column of the table describes, like "7,10 [2-9]\d+".
func numbers(column string) func(national string) bool {
	list, pattern, _ := strings.Cut(column, " ")
	lengths, of := strings.Split(list, ","), form("^(?:"+pattern+")$")
	return func(national string) bool {
		return slices.Contains(lengths, strconv.Itoa(len(national))) && of(national)
	}
}

// inUse reports whether a calling code with a national number is a number that can be called (libphonenumber's
// isValidNumber): the first region that the number can be of must use it.
func inUse(code, national string) bool {
	for _, r := range regionsOf(code) {
		if r.leading != nil && r.leading(national) {
			return r.uses(national)
		}
		if r.leading == nil && r.uses(national) {
			return true
		}
	}
	return false
}

// Phone makes one E.164 number of a calling code, 1 where that is empty, and digits as people write them: the national
// number alone, behind the trunk prefix or behind the calling code. It reports whether that number is in use.
func Phone(code, digits string) (country, national string, ok bool) {
	country = cmp.Or(code, "1")
	regions := regionsOf(country)
	if len(regions) == 0 {
		return country, digits, false
	}
	trunk := regions[0].trunk
	abroad := strings.TrimPrefix(digits, country)
	for _, candidate := range []string{digits, strings.TrimPrefix(digits, trunk), abroad, strings.TrimPrefix(abroad, trunk)} {
		if inUse(country, candidate) {
			return country, candidate, true
		}
	}
	return country, digits, false
}

var (
	phoneForm   = form(`^\d[\d-]*\d$`)
	countryForm = form(`^[1-9]\d{0,2}$`)
)

// readPhone judges phone and phone_country_code together, as the two halves of one E.164 number, and stores them as its
// country code and its national number. A phone alone is judged by its form where the code may be on file.
func (r Rules) readPhone(fields map[kyc.Field]string, profile kyc.Profile, refuse func(kyc.Field, string)) {
	code, codeSent := fields[kyc.PhoneCountryCode]
	known := countryForm(code) && len(regionsOf(code)) > 0
	if codeSent && !known {
		refuse(kyc.PhoneCountryCode, "Must be the calling code of a country, 1 to 3 digits, like 1.")
	}
	phone, sent := fields[kyc.Phone]
	if !sent {
		return
	}
	digits := normalize(kyc.Phone, phone)
	if !phoneForm(phone) || len(digits) < 4 || len(digits) > 15 {
		refuse(kyc.Phone, "Must be 4 to 15 digits, or digits with dashes.")
		return
	}
	if codeSent && !known || !codeSent && r.Partial {
		return
	}
	country, national, ok := Phone(code, digits)
	if !ok {
		refuse(kyc.Phone, "Must be a number that is in use under phone_country_code, which is 1 where it is not sent.")
	}
	profile.Set(kyc.Phone, national)
	profile.Set(kyc.PhoneCountryCode, country)
}
