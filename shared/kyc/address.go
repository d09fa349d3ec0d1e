package kyc

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// IsPhysical reports whether the address is a place where somebody can be found, as 31 CFR 1020.220(a)(2)(i)(A)(3) asks of
// the address that identifies a customer: a residential or business street address, the box of a rural route
// (interagency FAQ on that rule) or, for those who have neither, an Army or Fleet Post Office box. A mailing address is
// none, and a post office box is none whatever it is called.
func (a Address) IsPhysical() bool { return a.Type == "PHYSICAL" && !a.IsPOBox() }

// IsPOBox reports whether the street is a post office box, by the designations of USPS Publication 28 section 28, with
// and without dots, and those of Puerto Rico. The boxes of rural routes (RR 2 BOX 152), highway contracts (HC 68 BOX 23A)
// and military units (PSC 802 BOX 74) are none, nor is anything under the states of the military post offices.
func (a Address) IsPOBox() bool {
	if a.Country == "US" && (a.State == "AA" || a.State == "AE" || a.State == "AP") {
		return false
	}
	words := strings.FieldsFunc(strings.ToUpper(a.Street), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return poBox().MatchString(strings.Join(words, " "))
}

// poBox knows a box by its full name and a number anywhere in the line, and by a bare word and a number where these are
// the whole line: Box Hill Rd and 12 Drawer Ct are streets. It is compiled when it is first needed, which is never in
// most functions.
var poBox = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b(` +
		`P ?O ?BOX|(P ?O|POST(AL)? OFFICE) (BOX|DRAWER|BIN|CALLER|LOCK ?BOX)|POSTAL BOX|(APARTADO|APT?DO)( POSTAL)?` +
		`) ?(NO |NUM |NUMBER )?(\pN|[A-Z]{1,2}\pN|[A-Z]$|$)` +
		`|^(P ?O ?B|BOX|DRAWER|BIN|(FIRM )?CALLER|LOCK ?BOX) ?(NO |NUM |NUMBER )?\pN+[A-Z]?$`)
})
