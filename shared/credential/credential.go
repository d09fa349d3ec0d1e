// Package credential reads what identity documents print for machines: the machine-readable zone of travel documents
// (ICAO Doc 9303, eighth edition) and the text of the barcode on North American driver licenses and identification cards
// (AAMVA DL/ID Card Design Standard, versions 01 to 10, and later ones of that form). It takes the text, from whatever
// has read it off the picture, and compares it with what a customer says. A text is read as its standard has it, or
// refused; no field is guessed.
//
// It is written here because no Go module was found that is kept up and either verifies every check digit of all five
// forms, or reads a license's names and dates by its version and country rather than by trial.
package credential

import (
	"time"

	"kyc/shared/kyc"
)

// Format is the form that a text was read by.
type Format string

const (
	TD1   Format = "td1"   // three lines of 30: cards
	TD2   Format = "td2"   // two lines of 36: larger cards
	TD3   Format = "td3"   // two lines of 44: passports
	MRVA  Format = "mrv_a" // two lines of 44: visas
	MRVB  Format = "mrv_b" // two lines of 36: smaller visas
	AAMVA Format = "aamva" // PDF417 barcode
)

// Credential is what a document says. What is personal in it can't print itself.
type Credential struct {
	Format Format
	Kind   string // the document code, like P, ID or V; of a barcode DL, ID or EN
	Issuer string // three letters of Doc 9303 part 3 section 5; of a barcode the six digits of ISO/IEC 7812
	// Version is the barcode's version of the AAMVA standard, 0 of a machine-readable zone.
	Version int

	Number      Value
	LastName    Value // primary identifier
	GivenNames  Value // secondary identifier: all given names, or the first where the middle ones are told apart
	MiddleNames Value
	Suffix      Value
	Sex         Value // M, F, or X where it is said to be neither
	BirthDate   Value // YYYY-MM-DD, as the other dates
	Issued      Value
	Expires     Value
	Nationality Value // three letters
	Street      Value
	Street2     Value
	City        Value
	State       Value
	ZipCode     Value // of the US ##### or #####-####
	Country     Value // of the address: US or CA
}

// Value is one field of a credential. The zero Value is of a field that is not there.
type Value struct {
	text  kyc.Secret
	state Match
	cut   bool // its end may be missing
}

// Reveal returns the text, empty where there is none.
func (v Value) Reveal() string { return v.text.Reveal() }

// Missing returns why there is no text, NotPresent or NotReadable, and empty where there is one.
func (v Value) Missing() Match {
	if v.state == "" {
		return NotPresent
	}
	if v.state == NotReadable {
		return NotReadable
	}
	return ""
}

func present(text string) Value {
	if text == "" {
		return Value{}
	}
	return Value{text: kyc.NewSecret(text), state: Same}
}

func unreadable() Value { return Value{state: NotReadable} }

// Refusal says why a text is not read. It holds nothing of the text.
type Refusal string

const (
	NotRecognized   Refusal = "credential: the text is in none of the known forms"
	Malformed       Refusal = "credential: the text is not as its form wants it"
	WrongCheckDigit Refusal = "credential: a check digit does not fit what it is for"
)

func (r Refusal) Error() string { return string(r) }

func date(year, month, day int) (time.Time, bool) {
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return t, t.Year() == year && int(t.Month()) == month && t.Day() == day
}

func isDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

func isLetters(s string) bool {
	for _, c := range []byte(s) {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return s != ""
}

func number(digits string) int {
	n := 0
	for _, c := range []byte(digits) {
		n = 10*n + int(c-'0')
	}
	return n
}
