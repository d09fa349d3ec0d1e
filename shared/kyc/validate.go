package kyc

import (
	"net/netip"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var (
	uuidForm    = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	ssnForm     = regexp.MustCompile(`^(\d{9}|\d{3}-\d{2}-\d{4})$`)
	phoneForm   = regexp.MustCompile(`^\d[\d-]{5,18}\d$`)
	countryForm = regexp.MustCompile(`^\d{1,3}$`)
	emailForm   = regexp.MustCompile(`^[^\s@<>"(),:;\[\]\\]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$`)
	stateForm   = regexp.MustCompile(`^[A-Z]{2}$`)
	zipForm     = regexp.MustCompile(`^\d{5}(-\d{4})?$`)
	alpha2Form  = regexp.MustCompile(`^[A-Z]{2}$`)
)

// IsUUID reports whether s is a UUID in its canonical lower-case form (RFC 9562).
func IsUUID(s string) bool { return uuidForm.MatchString(s) }

// Validate says what is wrong with the value of a field, in words for its sender that do not repeat the value, and
// returns "" where nothing is. now is the day that a date of birth must lie before.
func (f Field) Validate(value string, now time.Time) string {
	switch f {
	case FirstName, MiddleName, LastName:
		return validateName(value)
	case BirthDate:
		born, err := time.Parse(time.DateOnly, value)
		if err != nil || born.AddDate(0, 0, 1).After(now) || born.AddDate(130, 0, 0).Before(now) {
			return "Must be a date in the past, YYYY-MM-DD."
		}
	case SSN:
		if !ssnForm.MatchString(value) {
			return "Must be nine digits, with or without dashes: ###-##-####."
		}
		if !issuable(strings.ReplaceAll(value, "-", "")) {
			return "Must be a number that the SSA or, for an ITIN, the IRS could have issued."
		}
	case Phone:
		if digits := len(f.Normalize(value)); !phoneForm.MatchString(value) || digits < 7 || digits > 15 {
			return "Must be 7 to 15 digits, or digits with dashes."
		}
	case PhoneCountryCode:
		if !countryForm.MatchString(value) {
			return "Must be 1 to 3 digits, like 1."
		}
	case Email:
		if len(value) > 254 || !emailForm.MatchString(value) {
			return "Must be an e-mail address."
		}
	case IP:
		if addr, err := netip.ParseAddr(value); err != nil || !addr.Is4() {
			return "Must be an IPv4 address, like 8.8.8.8."
		}
	case BrandPersonID:
		if !IsUUID(strings.ToLower(value)) {
			return "Must be a UUID."
		}
	}
	return ""
}

// ReadFields validates and normalizes fields as they came in, and says by field what is wrong. now is the day that a
// date of birth must lie before. magicSSN reports numbers that steer the sandbox, which are taken unchecked; it is nil
// on live stages.
func ReadFields(fields map[Field]string, now time.Time, magicSSN func(ssn string) bool) (Profile, map[string][]string) {
	profile, wrong := Profile{}, map[string][]string{}
	for f, v := range fields {
		normal := f.Normalize(v)
		if why := f.Validate(v, now); why != "" && !(f == SSN && magicSSN != nil && magicSSN(normal)) {
			wrong[string(f)] = []string{why}
		}
		profile.Set(f, normal)
	}
	return profile, wrong
}

// Normalize returns the value as it is stored: numbers without dashes.
func (f Field) Normalize(value string) string {
	switch f {
	case SSN, Phone:
		return strings.ReplaceAll(value, "-", "")
	}
	return value
}

func validateName(value string) string {
	n := utf8.RuneCountInString(value)
	first, _ := utf8.DecodeRuneInString(value)
	if n < 2 || n > 50 || !unicode.IsLetter(first) {
		return "Must be 2 to 50 characters and begin with a letter."
	}
	for _, r := range value {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !strings.ContainsRune(" '’-", r) {
			return "Must consist of letters, spaces, apostrophes and hyphens."
		}
	}
	return ""
}

// issuable reports whether nine digits can be an SSN (SSA POMS RM 10201.035: no area 000, 666 or 900 to 999, no group
// 00, no serial 0000) or an ITIN (IRS: 9, and a fourth and fifth digit in 50-65, 70-88, 90-92 or 94-99).
func issuable(digits string) bool {
	area, group, serial := digits[:3], digits[3:5], digits[5:]
	if area[0] == '9' {
		return group >= "50" && group <= "65" || group >= "70" && group <= "88" || group >= "90" && group <= "92" || group >= "94"
	}
	return area != "000" && area != "666" && group != "00" && serial != "0000"
}

// Validate says, by part, what is wrong with an address.
func (a Address) Validate() map[string]string {
	wrong := map[string]string{}
	check := func(ok bool, part, why string) {
		if !ok {
			wrong[part] = why
		}
	}
	length := func(s string, low, high int) bool {
		n := utf8.RuneCountInString(s)
		return n >= low && n <= high
	}
	check(a.Type == "MAILING" || a.Type == "PHYSICAL", "address_type", "Must be MAILING or PHYSICAL.")
	check(length(a.Street, 1, 40) && streetText(a.Street), "street", "Must be 1 to 40 letters, digits, spaces and . , _ - #")
	check(length(a.Street2, 0, 40) && streetText(a.Street2), "street2", "Must be at most 40 letters, digits, spaces and . , _ - #")
	check(length(a.City, 2, 40), "city", "Must be 2 to 40 characters.")
	check(alpha2Form.MatchString(a.Country), "country", "Must be a country's code of two capital letters (ISO 3166-1), like US.")
	if a.Country == "US" {
		check(stateForm.MatchString(a.State), "state", "Must be a state's two capital letters, like CA.")
		check(zipForm.MatchString(a.ZipCode), "zip_code", "Must be ##### or #####-####.")
	} else {
		check(length(a.State, 0, 40), "state", "Must be at most 40 characters.")
		check(length(a.ZipCode, 2, 20), "zip_code", "Must be 2 to 20 characters.")
	}
	return wrong
}

func streetText(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" .,_-#", r) {
			return false
		}
	}
	return true
}

// MissingField is the text for a required field that is not there, as published.
const MissingField = "Missing data for required field."
