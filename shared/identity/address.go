package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"kyc/shared/kyc"
)

var zipForm = form(`^\d{5}(-\d{4})?$`)

// CheckAddress says, by part, what is wrong with an address.
func CheckAddress(a kyc.Address) map[string]string {
	wrong := map[string]string{}
	check := func(ok bool, part, why string) {
		if !ok {
			wrong[part] = why
		}
	}
	length := func(s string, low, high int) bool { // spaces around a text do not make it longer than it must be
		return utf8.RuneCountInString(strings.TrimSpace(s)) >= low && utf8.RuneCountInString(s) <= high
	}
	check(a.Type == "MAILING" || a.Type == "PHYSICAL", "address_type", "Must be MAILING or PHYSICAL.")
	check(length(a.Street, 1, 40) && streetText(a.Street), "street", "Must be 1 to 40 letters, digits, spaces and . , _ - #")
	check(a.Type != "PHYSICAL" || !a.IsPOBox(), "street", "Must be the street of a PHYSICAL address, for that is a place. Send the post office box as a MAILING address.")
	check(length(a.Street2, 0, 40) && streetText(a.Street2), "street2", "Must be at most 40 letters, digits, spaces and . , _ - #")
	check(length(a.City, 2, 40) && consists(a.City, unicode.IsGraphic), "city", "Must be 2 to 40 visible characters.")
	check(IsCountry(a.Country), "country", "Must be a country's code of two capital letters (ISO 3166-1), like US.")
	if a.Country == "US" {
		check(among(states, a.State), "state", "Must be a state's two capital letters, like CA.")
		check(zipForm(a.ZipCode), "zip_code", "Must be ##### or #####-####.")
	} else {
		check(length(a.State, 0, 40) && consists(a.State, unicode.IsGraphic), "state", "Must be at most 40 visible characters.")
		check(length(a.ZipCode, 2, 20) && consists(a.ZipCode, unicode.IsGraphic), "zip_code", "Must be 2 to 20 visible characters.")
	}
	return wrong
}

func streetText(s string) bool {
	return consists(s, func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || strings.ContainsRune(" .,_-#", r)
	})
}
