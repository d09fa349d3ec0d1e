package credential_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kyc/shared/credential"
)

var today = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// said writes a credential's fields, those that are there, in one line.
func said(c credential.Credential) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", c.Format, c.Kind, c.Issuer)
	for _, f := range []struct {
		name string
		v    credential.Value
	}{
		{"number", c.Number}, {"last", c.LastName}, {"given", c.GivenNames}, {"middle", c.MiddleNames}, {"suffix", c.Suffix}, {"sex", c.Sex},
		{"born", c.BirthDate}, {"issued", c.Issued}, {"expires", c.Expires}, {"nationality", c.Nationality}, {"street", c.Street},
		{"street2", c.Street2}, {"city", c.City}, {"state", c.State}, {"zip", c.ZipCode}, {"country", c.Country},
	} {
		switch f.v.Missing() {
		case "":
			fmt.Fprintf(&b, "; %s %s", f.name, f.v.Reveal())
		case credential.NotReadable:
			fmt.Fprintf(&b, "; %s ?", f.name)
		}
	}
	return b.String()
}

// The specimens of Doc 9303, parts 4 to 7.
const (
	td3  = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
	td1  = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"
	td2  = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
	mrvA = "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8988901C4XXX4009078F96121096ZE184226B<<<<<<"
	mrvB = "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nL8988901C4XXX4009078F9612109<<<<<<<<"

	td1Long = "I<UTOD23145890<7349<<<<<<<<<<<\n3407127M9507122UTO<<<<<<<<<<<2\nSTEVENSON<<PETER<JOHN<<<<<<<<<"
	td2Long = "I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<\nD23145890<UTO3407127M95071227349<<<8"
)

func TestSpecimens(t *testing.T) {
	const anna = "; last ERIKSSON; given ANNA MARIA; sex F; born 1974-08-12; expires 2012-04-15; nationality UTO"
	const peter = "; last STEVENSON; given PETER JOHN; sex M; born 1934-07-12; expires 1995-07-12; nationality UTO"
	for text, want := range map[string]string{
		td3:     "td3 P UTO; number L898902C3" + anna,
		td1:     "td1 I UTO; number D23145890" + anna,
		td2:     "td2 I UTO; number D23145890" + anna,
		mrvA:    "mrv_a V UTO; number L8988901C; last ERIKSSON; given ANNA MARIA; sex F; born 1940-09-07; expires 1996-12-10; nationality XXX",
		mrvB:    "mrv_b V UTO; number L8988901C; last ERIKSSON; given ANNA MARIA; sex F; born 1940-09-07; expires 1996-12-10; nationality XXX",
		td1Long: "td1 I UTO; number D23145890734" + peter,
		td2Long: "td2 I UTO; number D23145890734" + peter,
		"\r\n" + strings.ReplaceAll(td3, "\n", "  \r\n\r\n") + "\r\n": "td3 P UTO; number L898902C3" + anna,
	} {
		t.Run(want[:5], func(t *testing.T) {
			c, err := credential.ParseMRZ(text, today)
			if err != nil || said(c) != want {
				t.Errorf("%v\n got %s\nwant %s", err, said(c), want)
			}
		})
	}
}

// digit is the check digit of Doc 9303 part 3 section 4.9, written once more.
func digit(covered string) string {
	const values = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	sum, weights := 0, []int{7, 3, 1}
	for i := range len(covered) {
		sum += max(0, strings.IndexByte(values, covered[i])) * weights[i%3]
	}
	return values[sum%10 : sum%10+1]
}

func filled(s string, n int) string { return (s + strings.Repeat("<", n))[:n] }

// passport makes a TD3.
func passport(name, number, born, sex, expires, personal string) string {
	personalDigit := "<"
	if personal != "" {
		personalDigit = digit(filled(personal, 14))
	}
	number, personal = filled(number, 9), filled(personal, 14)
	number, born, expires = number+digit(number), born+digit(born), expires+digit(expires)
	return "P<UTO" + filled(name, 39) + "\n" + number + "UTO" + born + sex + expires + personal + personalDigit + digit(number+born+expires+personal+personalDigit)
}

// card makes a TD1.
func card(name, number, born, sex, expires, optional string) string {
	number = filled(number, 9)
	first, born, expires, optional := number+digit(number)+filled("", 15), born+digit(born), expires+digit(expires), filled(optional, 11)
	return "I<UTO" + first + "\n" + born + sex + expires + "UTO" + optional + digit(first+born+expires+optional) + "\n" + filled(name, 30)
}

func parse(t *testing.T, text string) credential.Credential {
	t.Helper()
	c, err := credential.ParseMRZ(text, today)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFields(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"sex unknown":        {passport("A<<B", "1", "740812", "<", "300101", ""), "number 1; last A; given B; sex X; born 1974-08-12; expires 2030-01-01"},
		"born today":         {passport("A<<B", "1", "260102", "M", "300101", ""), "number 1; last A; given B; sex M; born 2026-01-02; expires 2030-01-01"},
		"born tomorrow":      {passport("A<<B", "1", "260103", "M", "300101", ""), "number 1; last A; given B; sex M; born 1926-01-03; expires 2030-01-01"},
		"born next year":     {passport("A<<B", "1", "270102", "M", "300101", ""), "number 1; last A; given B; sex M; born 1927-01-02; expires 2030-01-01"},
		"month not known":    {passport("A<<B", "1", "74<<<<", "M", "300101", ""), "number 1; last A; given B; sex M; born ?; expires 2030-01-01"},
		"birth not known":    {passport("A<<B", "1", "<<<<<<", "M", "300101", ""), "number 1; last A; given B; sex M; expires 2030-01-01"},
		"no such birth":      {passport("A<<B", "1", "730229", "M", "300101", ""), "number 1; last A; given B; sex M; born ?; expires 2030-01-01"},
		"no such expiry":     {passport("A<<B", "1", "740812", "M", "301301", ""), "number 1; last A; given B; sex M; born 1974-08-12; expires ?"},
		"expires never":      {passport("A<<B", "1", "740812", "M", "<<<<<<", ""), "number 1; last A; given B; sex M; born 1974-08-12"},
		"expires in 49":      {passport("A<<B", "1", "740812", "M", "751231", ""), "number 1; last A; given B; sex M; born 1974-08-12; expires 2075-12-31"},
		"expired 50 ago":     {passport("A<<B", "1", "740812", "M", "760101", ""), "number 1; last A; given B; sex M; born 1974-08-12; expires 1976-01-01"},
		"one name":           {passport("SUKARNO", "1", "740812", "M", "300101", ""), "number 1; last SUKARNO; sex M; born 1974-08-12; expires 2030-01-01"},
		"two surnames":       {passport("GARCIA<LOPEZ<<ANA<MARIA", "1", "740812", "F", "300101", ""), "number 1; last GARCIA LOPEZ; given ANA MARIA; sex F; born 1974-08-12; expires 2030-01-01"},
		"no room for given":  {passport(strings.Repeat("A", 39), "1", "740812", "F", "300101", ""), "number 1; last " + strings.Repeat("A", 39) + "; given ?; sex F; born 1974-08-12; expires 2030-01-01"},
		"personal number":    {passport("A<<B", "AB12", "740812", "F", "300101", "Z12"), "number AB12; last A; given B; sex F; born 1974-08-12; expires 2030-01-01"},
		"a filler in number": {passport("A<<B", "AB<12", "740812", "F", "300101", ""), "number AB 12; last A; given B; sex F; born 1974-08-12; expires 2030-01-01"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := said(parse(t, c.text)), "td3 P UTO; "+c.want+"; nationality UTO"; got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	good := func(name string) string { return passport(name, "1", "740812", "M", "300101", "") }
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"nothing":              {"", credential.NotRecognized},
		"one line":             {td3[:44], credential.NotRecognized},
		"three lines of 44":    {td3 + "\n" + td3[:44], credential.NotRecognized},
		"a character short":    {td3[:len(td3)-1], credential.NotRecognized},
		"a character more":     {td3 + "<", credential.NotRecognized},
		"small letters":        {strings.ToLower(td3), credential.NotRecognized},
		"other characters":     {strings.Replace(td3, "ANNA", "AN-A", 1), credential.NotRecognized},
		"letters of elsewhere": {strings.Replace(td3, "ANNA", "ANÄ", 1), credential.NotRecognized},
		"a passport's code":    {"X" + td3[1:], credential.NotRecognized},
		"a card's code":        {"P" + td1[1:], credential.NotRecognized},
		"digit in a name":      {good("ERIKSS0N<<ANNA"), credential.Malformed},
		"no name":              {good(""), credential.Malformed},
		"name after fillers":   {good("<ERIKSSON<<ANNA"), credential.Malformed},
		"no last name":         {good("<<ANNA"), credential.Malformed},
		"three fillers":        {good("ERIKSSON<<<ANNA"), credential.Malformed},
		"names apart":          {good("ERIKSSON<<ANNA<<MARIA"), credential.Malformed},
		"sex of another kind":  {passport("A<<B", "1", "740812", "X", "300101", ""), credential.Malformed},
		"issuer of digits":     {strings.Replace(td3, "P<UTO", "P<0TO", 1), credential.Malformed},
		"nationality, a digit": {strings.Replace(td3, "36UTO", "36UT0", 1), credential.Malformed},
		"letters in a date":    {passport("A<<B", "1", "7A0812", "M", "300101", ""), credential.Malformed},
		"no number":            {passport("A<<B", "", "740812", "M", "300101", ""), credential.Malformed},
		"number after filler":  {passport("A<<B", "<1", "740812", "M", "300101", ""), credential.Malformed},
		"number goes nowhere":  {strings.Replace(td1, "D231458907", "D23145890<", 1), credential.Malformed},
		"birth changed":        {strings.Replace(td3, "7408122F", "7408112F", 1), credential.WrongCheckDigit},
		"personal, no digit":   {strings.Replace(td3, "<<<<<10", "<<<<<<0", 1), credential.WrongCheckDigit},
		"composite a filler":   {td3[:len(td3)-1] + "<", credential.WrongCheckDigit},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := credential.ParseMRZ(c.text, today)
			if !errors.Is(err, c.want) || said(got) != "  " {
				t.Errorf("%v, %s", err, said(got))
			}
		})
	}
}

// covered lists, by form, which places of which line a check digit covers, or are one.
var covered = map[credential.Format][3][]int{
	credential.TD1:  {places(5, 29), slices.Concat(places(0, 6), places(8, 14), places(18, 29))},
	credential.TD2:  {nil, slices.Concat(places(0, 9), places(13, 19), places(21, 35))},
	credential.TD3:  {nil, slices.Concat(places(0, 9), places(13, 19), places(21, 43))},
	credential.MRVA: {nil, slices.Concat(places(0, 9), places(13, 19), places(21, 27))},
	credential.MRVB: {nil, slices.Concat(places(0, 9), places(13, 19), places(21, 27))},
}

func places(from, to int) []int {
	var all []int
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

// Wherever a check digit looks, one digit that is read as another refuses the text.
func refusesEveryChangedDigit(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string) {
	t.Helper()
	c, err := credential.ParseMRZ(text, today)
	if err != nil {
		t.Fatalf("%v", err)
	}
	lines := strings.Split(text, "\n")
	for l, all := range covered[c.Format] {
		for _, at := range all {
			was := lines[l][at]
			if was < '0' || was > '9' {
				continue
			}
			for d := byte('0'); d <= '9'; d++ {
				changed := slices.Clone(lines)
				changed[l] = lines[l][:at] + string(d) + lines[l][at+1:]
				if _, err := credential.ParseMRZ(strings.Join(changed, "\n"), today); (err == nil) != (d == was) {
					t.Fatalf("%s, line %d, place %d: %c as %c: %v", c.Format, l+1, at+1, was, d, err)
				}
			}
		}
	}
}

func TestEveryChangedDigitIsRefused(t *testing.T) {
	for _, text := range []string{td3, td1, td2, mrvA, mrvB, td1Long, td2Long} {
		refusesEveryChangedDigit(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`[A-Z0-9]{1,9}`).Draw(t, "number")
		born := rapid.StringMatching(`[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])`).Draw(t, "born")
		expires := rapid.StringMatching(`[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])`).Draw(t, "expires")
		optional := rapid.StringMatching(`[A-Z0-9]{0,11}`).Draw(t, "optional")
		name := rapid.StringMatching(`[A-Z]{1,9}(<[A-Z]{1,5})?<<[A-Z]{1,9}`).Draw(t, "name")
		refusesEveryChangedDigit(t, passport(name, number, born, "F", expires, optional))
		refusesEveryChangedDigit(t, card(name, number, born, "M", expires, optional))
	})
}

// Nothing of a person is shown by printing, logging or encoding.
func TestNothingIsPrinted(t *testing.T) {
	c := parse(t, td3)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("read", "credential", c, "name", c.LastName)
	slog.New(slog.NewTextHandler(&log, nil)).Info("read", "credential", c, "name", c.LastName)
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(encoded) + fmt.Sprintf("%v %+v %#v %v %#v", c, c, c, c.LastName, c.LastName)
	for _, word := range []string{"ERIKSSON", "ANNA", "L898902C3", "1974", "2012"} {
		if strings.Contains(shown, word) {
			t.Errorf("%s is shown", word)
		}
	}
}

func FuzzParseMRZ(f *testing.F) {
	for _, seed := range []string{td3, td1, td2, mrvA, mrvB, td1Long, td2Long} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := credential.ParseMRZ(text, today)
		if err != nil {
			return
		}
		for name, v := range map[string]credential.Value{"number": c.Number, "last name": c.LastName} {
			first, _, _ := strings.Cut(v.Reveal(), " ")
			if first == "" || !strings.Contains(text, first[:min(9, len(first))]) {
				t.Errorf("%s %q is not in the text", name, v.Reveal())
			}
		}
		for _, d := range []credential.Value{c.BirthDate, c.Expires} {
			if d.Missing() == "" && !strings.Contains(text, strings.ReplaceAll(d.Reveal(), "-", "")[2:]) {
				t.Errorf("date %q is not in the text", d.Reveal())
			}
		}
		c.Compare(nil, today)
	})
}
