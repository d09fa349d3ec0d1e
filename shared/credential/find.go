package credential

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/language"

	"kyc/shared/kyc"
)

// Several says that a text has more than one zone or barcode, so that nobody can tell which is the document's.
const Several Refusal = "credential: the text has more than one machine-readable part"

// Find reads the one machine-readable part of a text that has other lines too, as a reader of pictures makes it. A zone's
// lines are found among them without their spaces, which a zone has none of and such readers put in. One part that can be
// read and another that can't are several: no reader may choose. Errors are Refusals.
func Find(text string, now time.Time) (Credential, error) {
	var parts []string
	var found []Credential
	var refused []error
	try := func(part string, c Credential, err error) {
		switch {
		case errors.Is(err, NotRecognized):
		case err != nil:
			refused = append(refused, err)
		case !slices.Contains(parts, part): // what is drawn and hidden too is there twice
			parts, found = append(parts, part), append(found, c)
		}
	}
	for at := strings.IndexByte(text, '@'); at >= 0; {
		c, length, err := parseBarcode(text[at:])
		try(text[at:at+length], c, err)
		next := strings.IndexByte(text[at+1:], '@')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	lines := zoneLines(text)
	for i := range lines {
		for _, count := range []int{2, 3} {
			if i+count <= len(lines) {
				zone := strings.Join(lines[i:i+count], "\n")
				c, err := ParseMRZ(zone, now)
				try(zone, c, err)
			}
		}
	}
	switch {
	case len(found) > 1, len(found) == 1 && len(refused) > 0:
		return Credential{}, Several
	case len(found) == 1:
		return found[0], nil
	case len(refused) > 0:
		return Credential{}, refused[0]
	}
	return Credential{}, NotRecognized
}

// zoneLines returns the lines of a text without spaces, and a dash for each that can't be of a zone, so that no zone is put
// together of lines which are not one below the other.
func zoneLines(text string) []string {
	var lines []string
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) {
				return -1
			}
			return r
		}, line)
		switch len(line) {
		case 0:
			continue
		case 30, 36, 44:
		default:
			line = "-"
		}
		lines = append(lines, line)
	}
	return lines
}

// Is compares what the document is with what it was announced as: a kind of paper, of a country (ISO 3166-1 alpha-2).
func (c Credential) Is(kind kyc.DocumentKind, country string) (ofKind, ofCountry Match) {
	card := c.Format == TD1 || c.Format == TD2
	license := c.Format == AAMVA
	is := map[kyc.DocumentKind]bool{
		"passport":                c.Format == TD3,
		"passport_card":           card && c.Kind == "IP",
		"permanent_resident_card": card && strings.HasPrefix(c.Kind, "C"),
		"work_permit":             card && strings.HasPrefix(c.Kind, "I") && c.Kind != "IP",
		"visa":                    c.Format == MRVA || c.Format == MRVB,
		"drivers_license":         license && c.Kind != "ID",
		"state_id":                license && c.Kind == "ID",
	}
	return matchIf(is[kind]), c.issuedBy(country)
}

// issuedBy compares the country. Organizations, and the kinds of British nationality, are not readable.
func (c Credential) issuedBy(country string) Match {
	issuer := c.Issuer
	switch {
	case c.Format == AAMVA:
		issuer = c.Country.Reveal()
	case issuer == "D": // Germany, alone of all, has not the three letters of ISO 3166-1 (part 3 section 5)
		issuer = "DEU"
	}
	region, err := language.ParseRegion(issuer)
	if err != nil || !region.IsCountry() {
		return NotReadable
	}
	return matchIf(region.String() == country)
}
