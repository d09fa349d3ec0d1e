package credential

import (
	"strings"
	"time"
)

const filler = '<'

// ParseMRZ reads a machine-readable zone, its lines separated by line breaks. Of dates it prints two digits of the year:
// a date of birth is the latest that is not after now's day, so nobody is taken to be 100 or older; a date of expiry
// lies in the 100 years of which now's is the 51st.
//
// Every check digit must fit. They cover neither the names nor the issuer, the nationality and the sex (part 3 section
// 4.9), and of visas not all of the rest. Errors are Refusals.
func ParseMRZ(text string, now time.Time) (Credential, error) {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.Trim(line, " \r\n"); line != "" {
			lines = append(lines, line)
		}
	}
	z := zone{now: now}
	for _, line := range lines {
		for _, c := range []byte(line) {
			if c != filler && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
				return Credential{}, NotRecognized
			}
		}
	}
	switch {
	case hasLines(lines, 3, 30) && strings.ContainsRune("ACI", rune(lines[0][0])):
		z.td1(lines)
	case hasLines(lines, 2, 36) && lines[0][0] == 'V':
		z.twoLines(MRVB, lines, 36)
	case hasLines(lines, 2, 36) && strings.ContainsRune("ACI", rune(lines[0][0])):
		z.twoLines(TD2, lines, 35)
	case hasLines(lines, 2, 44) && lines[0][0] == 'V':
		z.twoLines(MRVA, lines, 44)
	case hasLines(lines, 2, 44) && lines[0][0] == 'P':
		z.twoLines(TD3, lines, 42)
	default:
		return Credential{}, NotRecognized
	}
	if z.refusal != "" {
		return Credential{}, z.refusal
	}
	return z.c, nil
}

func hasLines(lines []string, count, length int) bool {
	if len(lines) != count {
		return false
	}
	for _, line := range lines {
		if len(line) != length {
			return false
		}
	}
	return true
}

// zone is a machine-readable zone being read. The first refusal stays.
type zone struct {
	now     time.Time
	c       Credential
	refusal Refusal
}

func (z *zone) refuse(r Refusal) {
	if z.refusal == "" {
		z.refusal = r
	}
}

// td1 reads a zone by Doc 9303 part 5 section 4.2.2.
func (z *zone) td1(lines []string) {
	first, second := lines[0], lines[1]
	z.c.Format = TD1
	z.issuer(first)
	z.names(lines[2])
	z.number(first[5:14], first[14], first[15:])
	z.person(second[0:7], second[7], second[8:15], second[15:18])
	z.check(first[5:]+second[0:7]+second[8:15]+second[18:29], second[29])
}

// twoLines reads a zone by Doc 9303 part 4, 6 or 7, sections 4.2.2 each. optional is where what the issuer may add ends.
func (z *zone) twoLines(format Format, lines []string, optional int) {
	second := lines[1]
	z.c.Format = format
	z.issuer(lines[0])
	z.names(lines[0][5:])
	further := ""
	if format == TD2 {
		further = second[28:optional]
	}
	z.number(second[0:9], second[9], further)
	z.person(second[13:20], second[20], second[21:28], second[10:13])
	switch format {
	case TD2:
		z.check(second[0:10]+second[13:20]+second[21:35], second[35])
	case TD3:
		if personal := second[28:optional]; second[42] != filler || strings.Trim(personal, string(filler)) != "" {
			z.check(personal, second[42])
		}
		z.check(second[0:10]+second[13:20]+second[21:43], second[43])
	}
}

// check checks a check digit (part 3 section 4.9): the weights 7, 3, 1 over digits, letters from 10 on and fillers as 0.
func (z *zone) check(covered string, digit byte) {
	if digit < '0' || digit > '9' || checkDigit(covered) != digit {
		z.refuse(WrongCheckDigit)
	}
}

func checkDigit(covered string) byte {
	sum := 0
	for i, c := range []byte(covered) {
		value := 0
		switch {
		case c >= '0' && c <= '9':
			value = int(c - '0')
		case c >= 'A' && c <= 'Z':
			value = int(c-'A') + 10
		}
		sum += value * [3]int{7, 3, 1}[i%3]
	}
	return byte('0' + sum%10)
}

func (z *zone) issuer(line string) {
	kind, issuer := strings.TrimRight(line[:2], string(filler)), strings.TrimRight(line[2:5], string(filler))
	if strings.ContainsAny(kind, "<") || !isLetters(issuer) {
		z.refuse(Malformed)
	}
	z.c.Kind, z.c.Issuer = kind, issuer
}

// number reads the document's number. One of more than nine characters goes on in the optional data, and its check digit
// stands behind it (part 5 section 4.2.2, part 6 the same).
func (z *zone) number(first string, digit byte, further string) {
	if digit == filler && further != "" {
		rest, _, _ := strings.Cut(further, string(filler))
		if len(rest) < 2 {
			z.refuse(Malformed)
			return
		}
		first, digit = first+rest[:len(rest)-1], rest[len(rest)-1]
	}
	z.check(first, digit)
	first = strings.TrimRight(first, string(filler))
	if first == "" || first[0] == filler {
		z.refuse(Malformed)
	}
	z.c.Number = present(strings.ReplaceAll(first, string(filler), " "))
}

// person reads what all zones say of the person, the dates with their check digits.
func (z *zone) person(birth string, sex byte, expiry, nationality string) {
	z.check(birth[:6], birth[6])
	z.check(expiry[:6], expiry[6])
	z.c.BirthDate = z.date(birth[:6], z.now.Year())
	if born := z.c.BirthDate.Reveal(); born > z.now.Format(time.DateOnly) {
		z.c.BirthDate = z.date(birth[:6], z.now.Year()-1)
	}
	z.c.Expires = z.date(expiry[:6], z.now.Year()+49)
	switch sex {
	case 'M', 'F':
		z.c.Sex = present(string(sex))
	case filler:
		z.c.Sex = present("X")
	default:
		z.refuse(Malformed)
	}
	if nationality = strings.TrimRight(nationality, string(filler)); nationality != "" && !isLetters(nationality) {
		z.refuse(Malformed)
	}
	z.c.Nationality = present(nationality)
}

// date reads YYMMDD, in the last year up to a given one that ends so. Parts that are not known are fillers (part 3
// section 4.8).
func (z *zone) date(text string, lastYear int) Value {
	switch unknown := strings.Count(text, string(filler)); {
	case unknown == len(text):
		return Value{}
	case unknown > 0:
		return unreadable()
	}
	if !isDigits(text) {
		z.refuse(Malformed)
		return Value{}
	}
	t, ok := date(lastYear-(lastYear-number(text[:2]))%100, number(text[2:4]), number(text[4:]))
	if !ok {
		return unreadable()
	}
	return present(t.Format(time.DateOnly))
}

// names reads the name field (part 3 section 4.6): the primary identifier, two fillers, the secondary identifier. A field
// that is full to its last character may have been cut there, anywhere in the last name that is in it (section 4.6.3).
func (z *zone) names(field string) {
	isFull := field[len(field)-1] != filler
	primary, secondary, hasBoth := strings.Cut(strings.TrimRight(field, string(filler)), "<<")
	if !areNames(primary) || secondary != "" && !areNames(secondary) {
		z.refuse(Malformed)
	}
	z.c.LastName, z.c.GivenNames = present(strings.ReplaceAll(primary, "<", " ")), present(strings.ReplaceAll(secondary, "<", " "))
	if isFull {
		z.c.LastName.cut, z.c.GivenNames.cut = true, hasBoth
		if !hasBoth {
			z.c.GivenNames = unreadable() // there was no room for any
		}
	}
}

// areNames reports whether a part of the name field is names with one filler between any two.
func areNames(identifier string) bool {
	for name := range strings.SplitSeq(identifier, string(filler)) {
		if !isLetters(name) {
			return false
		}
	}
	return true
}
