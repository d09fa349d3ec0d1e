package credential_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kyc/shared/credential"
	"kyc/shared/kyc"
)

func customer(first, middle, last string) kyc.Profile {
	p := kyc.Profile{}
	p.Set(kyc.FirstName, first)
	p.Set(kyc.MiddleName, middle)
	p.Set(kyc.LastName, last)
	p.Set(kyc.BirthDate, "1974-08-12")
	return p
}

const (
	same    = credential.Same
	differs = credential.Differs
	unclear = credential.NotReadable
	absent  = credential.NotPresent
)

// long fills the name field of a passport to its last place.
const long = "NILAVADHANANDA<<CHAYAPA<DEJTHAMRONG<KRA"

func TestNamesInZones(t *testing.T) {
	for _, c := range []struct {
		printed             string
		first, middle, last string // of the customer
		want                [3]credential.Match
	}{
		{"ERIKSSON<<ANNA<MARIA", "Anna", "Maria", "Eriksson", [3]credential.Match{same, same, same}},
		{"ERIKSSON<<ANNA<MARIA", "anna", "MARIA", "eriksson", [3]credential.Match{same, same, same}},
		{"ERIKSSON<<ANNA<MARIA", "Anna Maria", "", "Eriksson", [3]credential.Match{same, absent, same}},
		{"ERIKSSON<<ANNA<MARIA", "Anna-Maria", "", "Eriksson", [3]credential.Match{same, absent, same}},
		{"ERIKSSON<<ANNA<MARIA", "Annamaria", "", "Eriksson", [3]credential.Match{same, absent, same}},
		{"ERIKSSON<<ANNA<MARIA", "Anna", "", "Eriksson", [3]credential.Match{same, absent, same}},
		{"ERIKSSON<<ANNA<MARIA", "Anna", "M", "Eriksson", [3]credential.Match{same, same, same}},
		{"ERIKSSON<<ANNA<M", "Anna", "Maria", "Eriksson", [3]credential.Match{same, same, same}},
		{"ERIKSSON<<ANNA<MARIA<LENA", "Anna", "M L", "Eriksson", [3]credential.Match{same, same, same}},
		{"ERIKSSON<<ANNA<MARIA<LENA", "Anna", "Maria-Lena", "Eriksson", [3]credential.Match{same, same, same}},
		{"ERIKSSON<<ANNA<MARIA<LENA", "Anna", "Maria", "Eriksson", [3]credential.Match{same, differs, same}},
		{"ERIKSSON<<ANNA<MARIA", "Anna", "Maria Lena", "Eriksson", [3]credential.Match{same, differs, same}},
		{"ERIKSSON<<ANNA<MARIA", "Anna", "Lena", "Eriksson", [3]credential.Match{same, differs, same}},
		{"ERIKSSON<<ANNA<MARIA", "Anna", "N", "Eriksson", [3]credential.Match{same, differs, same}},
		{"ERIKSSON<<ANNA", "Anna", "Maria", "Eriksson", [3]credential.Match{same, absent, same}},
		{"ERIKSSON<<ANNA<MARIA", "Maria", "Anna", "Eriksson", [3]credential.Match{differs, unclear, same}},
		{"ERIKSSON<<ANNA<MARIA", "Ann", "", "Eriksson", [3]credential.Match{differs, absent, same}},
		{"ERIKSSON<<ANN<MARIA", "Anna", "", "Eriksson", [3]credential.Match{differs, absent, same}},
		{"ERIKSSON<<A<MARIA", "Anna", "", "Eriksson", [3]credential.Match{differs, absent, same}},
		{"ERIKSSON<<ANNA", "A", "", "Eriksson", [3]credential.Match{differs, absent, same}},
		{"ANNA<<ERIKSSON", "Anna", "", "Eriksson", [3]credential.Match{differs, absent, differs}},
		{"SUKARNO", "Sukarno", "", "Sukarno", [3]credential.Match{absent, absent, same}},

		{"GARCIA<LOPEZ<<ANA", "Ana", "", "García López", [3]credential.Match{same, absent, same}},
		{"GARCIA<LOPEZ<<ANA", "Ana", "", "García-López", [3]credential.Match{same, absent, same}},
		{"GARCIA<LOPEZ<<ANA", "Ana", "", "García", [3]credential.Match{same, absent, differs}},
		{"GARCIA<LOPEZ<<ANA", "Ana", "", "López", [3]credential.Match{same, absent, differs}},
		{"GARCIA<LOPEZ<<ANA", "Ana", "", "López García", [3]credential.Match{same, absent, differs}},
		{"GARCIA<<ANA", "Ana", "", "García López", [3]credential.Match{same, absent, differs}},
		{"GARCIA<Y<LOPEZ<<ANA", "Ana", "", "García López", [3]credential.Match{same, absent, differs}},
		{"VAN<DER<BERG<<JAN", "Jan", "", "van der Berg", [3]credential.Match{same, absent, same}},
		{"VANDERBERG<<JAN", "Jan", "", "van der Berg", [3]credential.Match{same, absent, same}},
		{"BERG<<JAN", "Jan", "", "van der Berg", [3]credential.Match{same, absent, differs}},
		{"OCONNOR<<SEAN", "Seán", "", "O'Connor", [3]credential.Match{same, absent, same}},
		{"O<CONNOR<<SEAN", "Seán", "", "O’Connor", [3]credential.Match{same, absent, same}},
		{"DARC<<JEANNE", "Jeanne", "", "d'Arc", [3]credential.Match{same, absent, same}},
		{"SMITH<JONES<<SUSIE<MARGARET", "Susie", "Margaret", "Smith-Jones", [3]credential.Match{same, same, same}},
		{"OKAI<<KEALOHA", "Kealoha", "", "ʻOkai", [3]credential.Match{same, absent, same}},

		{"MUELLER<<JUERGEN", "Jürgen", "", "Müller", [3]credential.Match{same, absent, same}},
		{"MULLER<<JURGEN", "Jürgen", "", "Müller", [3]credential.Match{same, absent, same}},
		{"MUXXLLER<<JUXXRGEN", "Jürgen", "", "Müller", [3]credential.Match{same, absent, same}},
		{"MUELLER<<JURGEN", "Jürgen", "", "Mu\u0308ller", [3]credential.Match{same, absent, same}},
		{"MUELLER<<JURGEN", "Jurgen", "", "Muller", [3]credential.Match{same, absent, differs}},
		{"MILLER<<JURGEN", "Jürgen", "", "Müller", [3]credential.Match{same, absent, differs}},
		{"MUNXXOZ<<NINO", "Niño", "", "Muñoz", [3]credential.Match{same, absent, same}},
		{"AAKESSON<<AAKE", "Åke", "", "Åkesson", [3]credential.Match{same, absent, same}},
		{"AKESSON<<AKE", "Åke", "", "Åkesson", [3]credential.Match{same, absent, same}},
		{"SOERENSEN<<AESE", "Æse", "", "Sørensen", [3]credential.Match{same, absent, same}},
		{"SORENSEN<<ASE", "Æse", "", "Sørensen", [3]credential.Match{differs, absent, differs}},
		{"STRAUSS<<THOR", "Þór", "", "Strauß", [3]credential.Match{same, absent, same}},
		{"LUKASZEWICZ<<DJORDE", "Djorđe", "", "Łukaszewicz", [3]credential.Match{same, absent, same}},
		{"NGUYEN<<DUC", "Đức", "", "Nguyễn", [3]credential.Match{same, absent, same}},
		{"NGUYEN<<DUC", "Đu\u031b\u0301c", "", "Nguye\u0302\u0303n", [3]credential.Match{same, absent, same}},
		{"YILMAZ<<ISIL", "Işıl", "", "Yılmaz", [3]credential.Match{same, absent, same}},
		{"IVANOV<<IVAN", "Иван", "", "Иванов", [3]credential.Match{unclear, unclear, unclear}},
		{"IVANOV<<IVAN", "Ivan", "", "Иванов", [3]credential.Match{same, absent, unclear}},
		{"IVANOV<<IVAN<PETROV", "Ivan", "Петров", "Ivanov", [3]credential.Match{same, unclear, same}},
		{"ERIKSSON<<ANNA", "Аnna", "", "Eriksson", [3]credential.Match{unclear, unclear, same}}, // the first letter is Cyrillic

		{long, "Chayapa", "Dejthamrong Krasuang", "Nilavadhananda", [3]credential.Match{same, same, same}},
		{long, "Chayapa", "Dejthamrong", "Nilavadhananda", [3]credential.Match{same, differs, same}},
		{long, "Chayapa", "", "Nilavadhananda", [3]credential.Match{same, absent, same}},
		{long, "Chaya", "", "Nilavadhananda", [3]credential.Match{differs, absent, same}},
		{long, "Chayapa", "", "Nilavadhanandasiri", [3]credential.Match{same, absent, same}},
		{long, "Chayapa", "", "Nilavad", [3]credential.Match{same, absent, differs}},
		{filled("PAPANDROPOULOUSOULOUSOULOUSOU<<JONATHON", 39), "Jonathonas", "", "Papandropoulousoulousoulousou", [3]credential.Match{same, absent, same}},
		{filled("PAPANDROPOULOUSOULOUSOULOUSOU<<JONATHON", 39), "Jonathonas", "Alec", "Papandropoulousoulousoulousou", [3]credential.Match{same, unclear, same}},
		{filled("PAPANDROPOULOUSOULOUSOULOUSOULOUSOU<<JO", 39), "Jonathon", "", "Papandropoulousoulousoulousoulousou", [3]credential.Match{unclear, absent, same}},
		{filled("PAPANDROPOULOUSOULOUSOULOUSOULOUSOU<<JO", 39), "Jo", "", "Papandropoulousoulousoulousoulousou", [3]credential.Match{same, absent, same}},
		{filled("PAPANDROPOULOUSOULOUSOULOUSOULOUSOU<<JO", 39), "Alec", "", "Papandropoulousoulousoulousoulousou", [3]credential.Match{differs, absent, same}},
		{strings.Repeat("AB", 19) + "A", "Anna", "Maria", strings.Repeat("Ab", 25), [3]credential.Match{unclear, unclear, same}},

		{"ERIKSSON<<ANNA", "", "", "", [3]credential.Match{absent, absent, absent}},
		{"ERIKSSON<<ANNA", "", "Maria", "Eriksson", [3]credential.Match{absent, absent, same}},
		{"ERIKSSON<<ANNA", "'", "", "-", [3]credential.Match{unclear, unclear, unclear}},
	} {
		t.Run(fmt.Sprintf("%s/%s+%s+%s", c.printed, c.first, c.middle, c.last), func(t *testing.T) {
			got := parse(t, passport(c.printed, "1", "740812", "F", "300101", "")).Compare(customer(c.first, c.middle, c.last), today)
			if [3]credential.Match{got.FirstName, got.MiddleName, got.LastName} != c.want {
				t.Errorf("first, middle, last: got %s %s %s, want %s", got.FirstName, got.MiddleName, got.LastName, c.want)
			}
		})
	}
}

func TestNamesOnLicenses(t *testing.T) {
	for _, c := range []struct {
		printed             string
		first, middle, last string
		want                [3]credential.Match
	}{
		{"DCSSAMPLE DACMICHAEL DADJOHN", "Michael", "John", "Sample", [3]credential.Match{same, same, same}},
		{"DCSSample DACMichael DADJ", "Michael", "John", "Sample", [3]credential.Match{same, same, same}},
		{"DCSSAMPLE DACMICHAEL DADNONE", "Michael", "John", "Sample", [3]credential.Match{same, absent, same}},
		{"DCSSAMPLE DCTMICHAEL,JOHN", "Michael", "John", "Sample", [3]credential.Match{same, same, same}},
		{"DCSSAMPLE DACMICHAEL DADJOHN,PAUL", "Michael", "John Paul", "Sample", [3]credential.Match{same, same, same}},
		{"DCSSAMPLE DACMARY-ANN", "Mary", "Ann", "Sample", [3]credential.Match{differs, unclear, same}},
		{"DCSSAMPLE DACMARY-ANN", "Mary Ann", "", "Sample", [3]credential.Match{same, absent, same}},
		{"DCSO'NEIL DACSHAQ", "Shaq", "", "ONeil", [3]credential.Match{same, absent, same}},
		{"DCSSAMPLE DCUJR DACMICHAEL", "Michael", "", "Sample Jr", [3]credential.Match{same, absent, same}},
		{"DCSSAMPLE DCUJR DACMICHAEL", "Michael", "", "Sample", [3]credential.Match{same, absent, same}},
		{"DCSSAMPLE DCUJR DACMICHAEL", "Michael", "", "Sample Sr", [3]credential.Match{same, absent, differs}},
		{"DCSSAMPLE DACMICHAEL", "Michael", "", "Sample Jr", [3]credential.Match{same, absent, differs}},
		{"DCSMÜLLER DACJÖRG", "Jörg", "", "Müller", [3]credential.Match{same, absent, same}},
		{"DCSAKESSON DACSOREN", "Søren", "", "Åkesson", [3]credential.Match{same, absent, same}},
		{"DCSSAMPLEST DDET DACCHRISTOPH DDFT", "Christopher", "", "Samplestone", [3]credential.Match{same, absent, same}},
		{"DCSSAMPLEST DDEU DACCHRISTOPH DDFN", "Christopher", "", "Samplestone", [3]credential.Match{differs, absent, differs}},
		{"DCSSAMPLE DACCHRISTOPH DDFT DADJOHN", "Christopher", "John", "Sample", [3]credential.Match{same, same, same}},
		{"DCSSAMPLE DACANNA DADMARIALE DDGT", "Anna", "Marialena", "Sample", [3]credential.Match{same, same, same}},
		{"DCSSA DDET DACCH DDFT", "Christopher", "", "Sample", [3]credential.Match{unclear, absent, unclear}},
		{"DCSSAMPLE DACCH DDFT DADRIS", "Chris", "", "Sample", [3]credential.Match{unclear, absent, same}},
		{"DCSИВАНОВ DACИВАН", "Ivan", "", "Ivanov", [3]credential.Match{unclear, unclear, unclear}},
		{"DACMICHAEL", "Michael", "", "Sample", [3]credential.Match{same, absent, absent}},
		{"DCSSAMPLE", "Michael", "John", "Sample", [3]credential.Match{absent, absent, same}},
	} {
		t.Run(fmt.Sprintf("%s/%s+%s+%s", c.printed, c.first, c.middle, c.last), func(t *testing.T) {
			read, err := credential.ParseBarcode(license(8, "DL", append(strings.Fields(c.printed), "DCGUSA")...))
			if err != nil {
				t.Fatal(err)
			}
			got := read.Compare(customer(c.first, c.middle, c.last), today)
			if [3]credential.Match{got.FirstName, got.MiddleName, got.LastName} != c.want {
				t.Errorf("first, middle, last: got %s %s %s, want %s", got.FirstName, got.MiddleName, got.LastName, c.want)
			}
		})
	}
}

func TestDatesCompared(t *testing.T) {
	zone := func(born, expires string) credential.Credential {
		return parse(t, passport("ERIKSSON<<ANNA", "1", born, "F", expires, ""))
	}
	evening := time.Date(2030, 1, 1, 22, 0, 0, 0, time.FixedZone("", -5*3600)) // the next day in UTC
	for name, c := range map[string]struct {
		c      credential.Credential
		now    time.Time
		born   credential.Match
		expiry credential.Match
	}{
		"same, valid":      {zone("740812", "300101"), today, same, credential.Valid},
		"last day":         {zone("740812", "300101"), evening, same, credential.Valid},
		"the day after":    {zone("740812", "300101"), evening.AddDate(0, 0, 1), same, credential.Expired},
		"a day off":        {zone("740813", "300101"), today, differs, credential.Valid},
		"another century":  {zone("140812", "300101"), today, differs, credential.Valid},
		"day not known":    {zone("7408<<", "300101"), today, unclear, credential.Valid},
		"birth not known":  {zone("<<<<<<", "300101"), today, absent, credential.Valid},
		"expires never":    {zone("740812", "<<<<<<"), today, same, absent},
		"expiry no day":    {zone("740812", "300132"), today, same, unclear},
		"nothing was read": {credential.Credential{}, today, absent, absent},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.c.Compare(customer("Anna", "", "Eriksson"), c.now)
			if got.BirthDate != c.born || got.Expiry != c.expiry {
				t.Errorf("birth %s, want %s; expiry %s, want %s", got.BirthDate, c.born, got.Expiry, c.expiry)
			}
		})
	}
	if got := zone("740812", "300101").Compare(kyc.Profile{}, today); got.BirthDate != absent {
		t.Errorf("no date of birth on file: %s", got.BirthDate)
	}
}

// The table of Doc 9303 part 3 section 6, its lines where a letter has one spelling without the mark left out.
func TestTransliteration(t *testing.T) {
	for letters, spelled := range map[string]string{
		"ÁÀÂÃĂĀĄ": "A", "ĆĈČĊÇ": "C", "ĐĎÐ": "D", "ÉÈÊËĚĖĒĘĔ": "E", "ĜĞĠĢ": "G", "ĦĤ": "H", "ıÍÌÎÏĨİĪĮĬ": "I", "Ĵ": "J", "Ķ": "K",
		"ŁĹĽĻĿ": "L", "ŃÑŇŅŊ": "N", "ÓÒÔÖÕŐŌŎ": "O", "ŔŘŖ": "R", "ŚŜŠŞ": "S", "ŤŢŦ": "T", "ÚÙÛÜŨŬŰŮŪŲ": "U", "Ŵ": "W", "ÝŶŸ": "Y", "ŹŽŻ": "Z",
		"Ä": "AE", "Å": "AA", "Æ": "AE", "Ö": "OE", "ØŒ": "OE", "Ü": "UE", "Þ": "TH", "Ĳ": "IJ", "ßẞ": "SS", "Ñ": "NXX",
	} {
		for _, letter := range letters {
			for _, written := range []string{string(letter), strings.ToLower(string(letter))} {
				c := parse(t, passport("A"+spelled+"Z<<B", "1", "740812", "F", "300101", ""))
				if got := c.Compare(customer("B", "", "A"+written+"z"), today).LastName; got != same {
					t.Errorf("%s as %s: %s", written, spelled, got)
				}
			}
		}
	}
}

// One letter that is another makes another name, in whatever place it is, and so does one more or one less.
func TestOtherNamesDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		last := rapid.StringMatching(`[A-Z]{4,12}`).Draw(t, "last")
		c, err := credential.ParseMRZ(passport(last+"<<B", "1", "740812", "F", "300101", ""), today)
		if err != nil {
			t.Fatal(err)
		}
		at := rapid.IntRange(0, len(last)-1).Draw(t, "at")
		letter := rapid.StringMatching(`[A-Z]`).Draw(t, "letter")
		for _, other := range []string{last[:at] + letter + last[at+1:], last[:at] + last[at+1:], last[:at] + letter + last[at:]} {
			want := differs
			if other == last {
				want = same
			}
			if got := c.Compare(customer("B", "", other), today).LastName; got != want {
				t.Fatalf("%s for %s: %s", other, last, got)
			}
		}
	})
}

func FuzzCompare(f *testing.F) {
	f.Add("Anna", "Maria", "Eriksson", "ERIKSSON", "ANNA MARIA")
	f.Add("Jürgen", "Ä", "Müller-Ößling", "MUELLER", "JUERGEN A")
	f.Fuzz(func(t *testing.T, first, middle, last, surname, given string) {
		c, err := credential.ParseBarcode(license(8, "DL", "DCS"+surname, "DCT"+given, "DDET", "DCGUSA"))
		if err != nil {
			return
		}
		got := c.Compare(customer(first, middle, last), today)
		for _, m := range []credential.Match{got.FirstName, got.MiddleName, got.LastName} {
			if m != same && m != differs && m != unclear && m != absent {
				t.Errorf("%q", m)
			}
		}
	})
}
