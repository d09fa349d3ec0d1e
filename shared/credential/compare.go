package credential

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"kyc/shared/kyc"
)

// Match is the result for one field.
type Match string

const (
	Same        Match = "same"
	Differs     Match = "differs"
	NotReadable Match = "not_readable" // it is there, and can't be read or compared
	NotPresent  Match = "not_present"  // the document does not have it, or the customer; nothing was compared

	// Of the expiry, which is compared with a day.
	Valid   Match = "valid"
	Expired Match = "expired"
)

// Comparison is what a document says of a customer, by field. It holds no personal data.
type Comparison struct {
	LastName, FirstName, MiddleName, BirthDate Match
	Expiry                                     Match // Valid, Expired, NotReadable or NotPresent
}

// Compare compares a credential with what is on file of a customer. The day on which a document expires is its last;
// which day it is now is told by now in its own location.
//
// Names are compared by their letters, without spaces, hyphens, apostrophes and case, in every spelling that the standard
// allows for a letter with a mark:
//   - A last name is the same where all of it is: one of two surnames is not. A suffix that the document tells apart may
//     be part of it.
//   - A first name is the same where the document's given names begin with it and another begins behind it.
//   - The given names behind it are the middle name. One may be given by its initial, on either side, if the others fit.
//   - A name that the document says, or shows by a full field, to be cut is the same as one that begins so, by at least
//     three letters; with fewer it is not readable.
//   - A name in a script that has no spelling in Latin letters is not readable: it takes a person to compare it.
func (c Credential) Compare(p kyc.Profile, now time.Time) Comparison {
	result := Comparison{LastName: c.compareLastName(p.Get(kyc.LastName)), BirthDate: NotPresent, Expiry: c.Expires.Missing()}
	result.FirstName, result.MiddleName = c.compareGivenNames(p.Get(kyc.FirstName), p.Get(kyc.MiddleName))
	if born := p.Get(kyc.BirthDate); born != "" {
		result.BirthDate = c.BirthDate.Missing()
		if result.BirthDate == "" {
			result.BirthDate = matchIf(born == c.BirthDate.Reveal())
		}
	}
	if result.Expiry == "" {
		result.Expiry = Valid
		if c.Expires.Reveal() < now.Format(time.DateOnly) {
			result.Expiry = Expired
		}
	}
	return result
}

func matchIf(same bool) Match {
	if same {
		return Same
	}
	return Differs
}

func (c Credential) compareLastName(name string) Match {
	if name == "" {
		return NotPresent
	}
	if missing := c.LastName.Missing(); missing != "" {
		return missing
	}
	printed, ok := c.LastName.printed()
	spellings, spellable := c.spell(name)
	if !ok || !spellable {
		return NotReadable
	}
	match := spellings.match(joined(printed), c.LastName.cut)
	if suffix, ok := c.Suffix.printed(); ok && match == Differs {
		match = spellings.match(joined(append(printed, suffix...)), false)
	}
	return match
}

// compareGivenNames compares first and middle names, which a document may not tell apart.
func (c Credential) compareGivenNames(first, middle string) (Match, Match) {
	given, ok := c.GivenNames.printed()
	further, okToo := c.MiddleNames.printed()
	firstSpelled, spellable := c.spell(first)
	switch missing := c.GivenNames.Missing(); {
	case first == "":
		return NotPresent, NotPresent
	case missing != "":
		return missing, missing
	case !ok || !okToo || !spellable:
		return NotReadable, NotReadable
	}
	all := append(slices.Clone(given), further...)
	result := Differs
	for n := 1; n <= len(all); n++ {
		// A name that is cut is the last of its field.
		isCut := n == len(given) && c.GivenNames.cut || n == len(all) && n > len(given) && c.MiddleNames.cut
		if match := firstSpelled.match(joined(all[:n]), isCut); match != Differs {
			result = match
			if match == Same {
				return Same, c.compareMiddleName(all[n:], isCut, middle)
			}
		}
		if n == len(given) && c.GivenNames.cut {
			break // what follows may be of another name
		}
	}
	if middle == "" {
		return result, NotPresent
	}
	return result, NotReadable // nobody knows where it begins
}

// compareMiddleName compares the names behind the first one.
func (c Credential) compareMiddleName(rest []string, firstIsCut bool, middle string) Match {
	cut := len(rest) > 0 && (c.MiddleNames.cut || c.GivenNames.cut && c.MiddleNames.Missing() != "")
	switch {
	case middle == "":
		return NotPresent
	case len(rest) == 0 && firstIsCut || c.MiddleNames.Missing() == NotReadable:
		return NotReadable
	case len(rest) == 0:
		return NotPresent
	}
	spelled, ok := c.spell(middle)
	if !ok {
		return NotReadable
	}
	if match := spelled.match(joined(rest), cut); match != Differs {
		return match
	}
	parts := strings.FieldsFunc(middle, func(r rune) bool { return r == ' ' || r == '-' })
	if len(parts) != len(rest) {
		return Differs
	}
	for i, part := range parts {
		if letters, ok := c.spell(part); !ok || !letters.fit(rest[i]) {
			return Differs
		}
	}
	return Same
}

// printed returns the names that the document prints, in the 26 letters; what a license has on a letter is left out. It
// reports false where there are other letters. Hyphens and apostrophes separate no names.
func (v Value) printed() ([]string, bool) {
	var names []string
	for _, name := range strings.FieldsFunc(v.Reveal(), func(r rune) bool { return r == ' ' || r == ',' }) {
		var letters strings.Builder
		for _, r := range norm.NFD.String(strings.ToUpper(name)) {
			switch {
			case r >= 'A' && r <= 'Z':
				letters.WriteRune(r)
			case !isSilent(r) && !unicode.Is(unicode.Mn, r):
				return nil, false
			}
		}
		if letters.Len() > 0 {
			names = append(names, letters.String())
		}
	}
	return names, true
}

func joined(names []string) string { return strings.Join(names, "") }

// spelling is a name by its letters, each in every spelling that it may have.
type spelling [][]string

// others are the letters that are spelled in another way than by leaving out their mark (Doc 9303 part 3 section 6).
var others = map[rune][]string{
	'Ä': {"AE", "A"}, 'Å': {"AA", "A"}, 'Æ': {"AE"}, 'Ð': {"D"}, 'Đ': {"D"}, 'Ħ': {"H"}, 'Ĳ': {"IJ"}, 'Ŀ': {"L"}, 'Ł': {"L"},
	'Ñ': {"N", "NXX"}, 'Ŋ': {"N"}, 'Ö': {"OE", "O"}, 'Ø': {"OE"}, 'Œ': {"OE"}, 'Þ': {"TH"}, 'ß': {"SS"}, 'ẞ': {"SS"}, 'Ŧ': {"T"},
	'Ü': {"UE", "UXX", "U"},
}

// spell spells a customer's name. It reports false where one of its letters has no spelling.
func (c Credential) spell(name string) (spelling, bool) {
	var s spelling
	for _, r := range norm.NFC.String(name) {
		r = unicode.ToUpper(r)
		base := []rune(norm.NFD.String(string(r)))[0]
		switch {
		case isSilent(r) || r == ' ' || unicode.Is(unicode.Mn, r):
			continue
		case others[r] != nil:
			letter := others[r]
			if r == 'Ø' && c.Format == AAMVA {
				letter = []string{"OE", "O"} // licenses leave its stroke out as they do every mark
			}
			s = append(s, letter)
		case base >= 'A' && base <= 'Z':
			s = append(s, []string{string(base)})
		default:
			return nil, false
		}
	}
	return s, len(s) > 0
}

// isSilent reports characters of names that no document spells. The last three are the apostrophes of Polynesian and
// Turkic names, which are letters to Unicode.
func isSilent(r rune) bool { return strings.ContainsRune("-'’.ʻʼʾ", r) }

// leastLetters of a name that is cut are compared; fewer are those of too many names.
const leastLetters = 3

// match compares the letters that a document prints. Of a name that may be cut they need only be its beginning.
func (s spelling) match(printed string, mayBeCut bool) Match {
	reached := map[int]bool{0: true} // how many of the printed letters the name spells so far
	for _, letter := range s {
		next := map[int]bool{}
		for at := range reached {
			for _, spelled := range letter {
				switch rest := printed[at:]; {
				case strings.HasPrefix(rest, spelled):
					next[at+len(spelled)] = true
				case mayBeCut && strings.HasPrefix(spelled, rest):
					next[len(printed)] = true
				}
			}
		}
		reached = next
		if mayBeCut && reached[len(printed)] {
			break
		}
	}
	switch {
	case !reached[len(printed)]:
		return Differs
	case mayBeCut && len(printed) < leastLetters && len(s) > len(printed):
		return NotReadable
	}
	return Same
}

// fit reports whether the name is the printed one, or either is the other's initial.
func (s spelling) fit(printed string) bool {
	if len(s) == 1 {
		return slices.ContainsFunc(s[0], func(initial string) bool { return strings.HasPrefix(printed, initial) })
	}
	return s.match(printed, len(printed) == 1) != Differs
}
