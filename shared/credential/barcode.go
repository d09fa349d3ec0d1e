package credential

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ParseBarcode reads the text of a license's barcode (AAMVA DL/ID Card Design Standard, annex D). Such a text has no
// check digits: the barcode's own error correction stands for them. Subfiles are found by their ends, in the order of the
// directory, for many issuers miscount the offsets in it. Errors are Refusals.
func ParseBarcode(text string) (Credential, error) {
	c, length, err := parseBarcode(text)
	if err == nil && strings.Trim(text[length:], "\r\n ") != "" {
		return Credential{}, Malformed
	}
	return c, err
}

// maxBarcode is how much a PDF417 symbol holds at the most, in bytes: that of ISO/IEC 15438, of nothing but digits. What is
// longer was never in one, and would take long to compare.
const maxBarcode = 2710

// parseBarcode reads the barcode that text begins with, and tells how long that is.
func parseBarcode(text string) (c Credential, length int, err error) {
	refuse := func(r Refusal) (Credential, int, error) { return Credential{}, 0, r }
	rest, ok := cutHead(text)
	if !ok || len(rest) < 8 || !isDigits(rest[:8]) || !strings.HasPrefix(rest, "636") && !strings.HasPrefix(rest, "604") {
		return refuse(NotRecognized)
	}
	c = Credential{Format: AAMVA, Issuer: rest[:6], Version: number(rest[6:8])}
	if c.Version == 0 {
		return refuse(NotRecognized)
	}
	rest = rest[8:]
	if c.Version > 1 { // the version of the jurisdiction's own additions
		if len(rest) < 2 || !isDigits(rest[:2]) {
			return refuse(Malformed)
		}
		rest = rest[2:]
	}
	kind, e, rest, ok := readSubfiles(rest)
	if length = len(text) - len(rest); !ok || length > maxBarcode {
		return refuse(Malformed)
	}
	c.Kind = kind
	c.readNames(e)
	c.readRest(e)
	return c, length, nil
}

// cutHead cuts off what every barcode begins with. The third character is a record separator, where two states have a file
// separator; AAMVA stood for ANSI in the first years.
func cutHead(text string) (rest string, ok bool) {
	for _, separator := range []string{"\x1e", "\x1c"} {
		for _, designator := range []string{"ANSI ", "AAMVA"} {
			if rest, ok = strings.CutPrefix(text, "@\n"+separator+"\r"+designator); ok {
				return rest, true
			}
		}
	}
	return "", false
}

// fromLatin1 decodes ISO 8859-1, which is what the standard allows besides ASCII.
func fromLatin1(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

// elements are the data elements of a license, by their three letters.
type elements map[string]string

// readSubfiles reads the directory and the one subfile that is the license, and returns what stands behind them. What a
// jurisdiction adds, in subfiles that begin with Z, is not looked into.
func readSubfiles(rest string) (kind string, e elements, behind string, ok bool) {
	const entry = 10 // type, offset, length
	if len(rest) < 2 || !isDigits(rest[:2]) {
		return "", nil, "", false
	}
	count := number(rest[:2])
	rest = rest[2:]
	if count < 1 || len(rest) < count*entry {
		return "", nil, "", false
	}
	directory := rest[:count*entry]
	rest = rest[count*entry:]
	for ; directory != ""; directory = directory[entry:] {
		name := directory[:2]
		if !isLetters(name) || !isDigits(directory[2:entry]) {
			return "", nil, "", false
		}
		var subfile string
		subfile, rest, _ = strings.Cut(rest, "\r")
		subfile, ok = strings.CutPrefix(strings.TrimLeft(subfile, "\n"), name)
		if !ok {
			return "", nil, "", false
		}
		if name[0] == 'Z' {
			continue
		}
		if kind != "" || name != "DL" && name != "ID" && name != "EN" {
			return "", nil, "", false
		}
		kind = name
		if e, ok = readElements(subfile); !ok {
			return "", nil, "", false
		}
	}
	return kind, e, rest, kind != ""
}

// readElements reads one element a line. One that is there twice with two values is no element to rely on.
func readElements(subfile string) (elements, bool) {
	e := elements{}
	for line := range strings.SplitSeq(subfile, "\n") {
		if line == "" {
			continue
		}
		if !utf8.ValidString(line) {
			line = fromLatin1(line)
		}
		if len(line) < 3 || line[0] != 'D' || !isLetters(line[:3]) || strings.ContainsFunc(line, unicode.IsControl) {
			return nil, false
		}
		id, value := line[:3], strings.TrimSpace(line[3:])
		if before, twice := e[id]; twice && before != value {
			return nil, false
		}
		e[id] = value
	}
	return e, true
}

// value returns an element; what the standard has an issuer write where it knows nothing is none.
func (e elements) value(id string) Value {
	text := e[id]
	if upper := strings.ToUpper(text); upper == "NONE" || upper == "UNAVL" {
		text = ""
	}
	return present(text)
}

// name returns a part of a name, and notes where it is cut: by T in the element that says so. By U the issuer says that it
// does not know, and what is compared then must fit to its end.
func (e elements) name(id, truncation string) Value {
	v := e.value(id)
	v.cut = e[truncation] == "T"
	return v
}

// colorado wrote the whole name of version 1 with the last name at its end.
const colorado = "636020"

func (c *Credential) readNames(e elements) {
	c.Suffix = e.value("DCU")
	switch {
	case c.Version > 1:
		c.LastName = e.name("DCS", "DDE")
		c.GivenNames, c.MiddleNames = e.name("DAC", "DDF"), e.name("DAD", "DDG")
		if given := e.value("DCT"); c.GivenNames.Missing() != "" {
			c.GivenNames = given // all of them, in versions 2 and 3
		}
	case e["DAB"] != "" && e["DAC"] != "":
		c.LastName, c.GivenNames, c.MiddleNames, c.Suffix = e.value("DAB"), e.value("DAC"), e.value("DAD"), e.value("DAE")
	case e["DAA"] != "":
		c.readWholeName(e["DAA"])
	}
}

// readWholeName reads the name of version 1: last, first and middle name and suffix, separated by commas. Where they are
// separated by something else nobody can tell where one ends.
func (c *Credential) readWholeName(name string) {
	parts := strings.Split(name, ",")
	if c.Issuer == colorado || len(parts) < 2 || len(parts) > 4 {
		c.LastName, c.GivenNames, c.MiddleNames = unreadable(), unreadable(), unreadable()
		return
	}
	for i, to := range []*Value{&c.LastName, &c.GivenNames, &c.MiddleNames, &c.Suffix}[:len(parts)] {
		*to = present(strings.TrimSpace(parts[i]))
	}
}

func (c *Credential) readRest(e elements) {
	c.Number = e.value("DAQ")
	c.BirthDate, c.Issued, c.Expires = readDate(e.value("DBB")), readDate(e.value("DBD")), readDate(e.value("DBA"))
	c.Sex = readSex(e.value("DBC"))
	c.Street, c.Street2, c.City, c.State = e.value("DAG"), e.value("DAH"), e.value("DAI"), e.value("DAJ")
	c.ZipCode = e.value("DAK")
	switch e["DCG"] {
	case "USA":
		c.Country, c.ZipCode = present("US"), readZipCode(c.ZipCode)
	case "CAN":
		c.Country = present("CA")
	}
}

// readDate reads a date: CCYYMMDD in version 1 and in Canada, and else MMDDCCYY. What issuers have made of that differs, and
// what they say of version and country need not be known: from 1900 to 2199 no date of the one form is one of the other, for
// its year is no month; nor is it with one digit changed.
func readDate(v Value) Value {
	text := v.Reveal()
	if text == "" {
		return v
	}
	for _, form := range []string{"20060102", "01022006"} {
		if t, err := time.Parse(form, text); err == nil && t.Year() >= 1900 && t.Year() <= 2199 {
			return present(t.Format(time.DateOnly))
		}
	}
	return unreadable()
}

// readSex reads the digit of ANSI D-20, or the letter that version 1 allows.
func readSex(v Value) Value {
	switch v.Reveal() {
	case "":
		return v
	case "1", "M":
		return present("M")
	case "2", "F":
		return present("F")
	case "9", "X":
		return present("X")
	}
	return unreadable()
}

// readZipCode reads five digits, or nine, of which the last four are zeros where they are not known.
func readZipCode(v Value) Value {
	digits := strings.ReplaceAll(v.Reveal(), "-", "")
	switch {
	case digits == "":
		return v
	case !isDigits(digits) || len(digits) != 5 && len(digits) != 9:
		return unreadable()
	case len(digits) == 5 || digits[5:] == "0000":
		return present(digits[:5])
	}
	return present(digits[:5] + "-" + digits[5:])
}
