// Package identity reads what a request says about a person: it judges each field by the rules of whoever issues such
// values, and writes it in the one form that is stored.
package identity

import (
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"kyc/shared/kyc"
)

// Rules is what fields are judged by, apart from what never changes.
type Rules struct {
	Now time.Time // a date of birth lies before its day
	// MagicSSN reports numbers that steer the sandbox, which are taken unchecked. It is nil on live stages.
	MagicSSN func(ssn string) bool
	// Partial is for fields that complete those on file: what is not sent has no default.
	Partial bool
}

// Read judges and normalizes fields as they came in, and says by field what is wrong, in words for its sender that do
// not repeat the value.
func (r Rules) Read(fields map[kyc.Field]string) (kyc.Profile, map[string][]string) {
	profile, wrong := kyc.Profile{}, map[string][]string{}
	refuse := func(f kyc.Field, why string) { wrong[string(f)] = []string{why} }
	for f, v := range fields {
		normal := normalize(f, v)
		if why := judge(f, v, r.Now); why != "" && !(f == kyc.SSN && r.MagicSSN != nil && r.MagicSSN(normal)) {
			refuse(f, why)
		}
		profile.Set(f, normal)
	}
	r.readPhone(fields, profile, refuse)
	return profile, wrong
}

var (
	ssnForm = form(`^(\d{9}|\d{3}-\d{2}-\d{4})$`)
	// A dot-atom of RFC 5322 section 3.2.3, letters of any script among its characters (RFC 6531), before a domain name whose
	// last label is no number. Quoted names and domain literals, which nobody has, are left out.
	emailForm = form("^[\\p{L}\\p{M}\\p{N}!#$%&'*+/=?^_`{|}~-]+(\\.[\\p{L}\\p{M}\\p{N}!#$%&'*+/=?^_`{|}~-]+)*" +
		`@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]$`)
)

// form returns what tells whether a text has the form of the pattern. The pattern is compiled when it is first needed:
// few requests bring every field, and no cold start should wait for the patterns of all.
func form(pattern string) func(string) bool {
	compiled := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
	return func(s string) bool { return compiled().MatchString(s) }
}

// judge says what is wrong with the value of a field, and returns "" where nothing is.
func judge(f kyc.Field, value string, now time.Time) string {
	switch f {
	case kyc.FirstName, kyc.MiddleName, kyc.LastName:
		return judgeName(value)
	case kyc.BirthDate:
		born, err := time.Parse(time.DateOnly, value)
		if err != nil || born.AddDate(0, 0, 1).After(now) || born.AddDate(130, 0, 0).Before(now) {
			return "Must be a date in the past, YYYY-MM-DD, and of the last 130 years."
		}
	case kyc.SSN:
		if !ssnForm(value) {
			return "Must be nine digits, with or without dashes: ###-##-####."
		}
		if !issuable(strings.ReplaceAll(value, "-", "")) {
			return "Must be a number that the SSA or, for an ITIN, the IRS could have issued."
		}
	case kyc.Email:
		// RFC 5321 section 4.5.3.1: at most 64 octets before the @, and 254 in all.
		if len(value) > 254 || strings.IndexByte(value, '@') > 64 || !emailForm(value) {
			return "Must be an e-mail address, like name@example.com."
		}
	case kyc.IP:
		// Private and loopback addresses are taken: a client at home, in an office or on a developer's machine has one.
		addr, err := netip.ParseAddr(value)
		if addr = addr.Unmap(); err != nil || strings.Contains(value, "%") || addr.IsUnspecified() || addr.IsMulticast() || addr == broadcast {
			return "Must be the IPv4 or IPv6 address of one device, like 203.0.113.7 or 2001:db8::7, without a zone."
		}
	case kyc.BrandPersonID:
		if !kyc.IsUUID(strings.ToLower(value)) {
			return "Must be a UUID."
		}
	}
	return ""
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// normalize returns the value as it is stored: numbers without dashes, an IP address in its canonical form (RFC 5952),
// one of IPv4 that is written as IPv6 (RFC 4291 section 2.5.5.2) as IPv4.
func normalize(f kyc.Field, value string) string {
	switch f {
	case kyc.SSN, kyc.Phone:
		return strings.ReplaceAll(value, "-", "")
	case kyc.IP:
		if addr, err := netip.ParseAddr(value); err == nil {
			return addr.Unmap().String()
		}
	}
	return value
}

func judgeName(value string) string {
	n := utf8.RuneCountInString(value)
	first, _ := utf8.DecodeRuneInString(value)
	if n > 50 || !unicode.IsLetter(first) || n == 1 && !unicode.In(first, unicode.Han, unicode.Hangul) {
		return "Must be 2 to 50 characters and begin with a letter; in Chinese or Korean script one character is enough."
	}
	if !consists(value, func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsMark(r) || strings.ContainsRune(" '’-", r)
	}) {
		return "Must consist of letters, spaces, apostrophes and hyphens."
	}
	return ""
}

// issuable reports whether nine digits can be an SSN (SSA POMS RM 10201.035: no area 000, 666 or 900 to 999, no group
// 00, no serial 0000) or an ITIN (IRS: 9, and a fourth and fifth digit in 50-65, 70-88, 90-92 or 94-99). Two numbers
// were printed on specimen cards, used by thousands and made void (SSA, history of the most misused numbers).
func issuable(digits string) bool {
	if digits == "078051120" || digits == "219099999" {
		return false
	}
	area, group, serial := digits[:3], digits[3:5], digits[5:]
	if area[0] == '9' {
		return group >= "50" && group <= "65" || group >= "70" && group <= "88" || group >= "90" && group <= "92" || group >= "94"
	}
	return area != "000" && area != "666" && group != "00" && serial != "0000"
}
