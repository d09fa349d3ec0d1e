package credential_test

import (
	"errors"
	"strings"
	"testing"

	"kyc/shared/credential"
	"kyc/shared/kyc"
)

// A zone or a barcode is found among whatever else a page shows, and never put together of what does not belong together.
func TestFind(t *testing.T) {
	spaced := strings.NewReplacer("<<<<", "<< <<", "ERIKSSON", "ERIK SSON").Replace(td3)
	lines := strings.Split(td3, "\n")
	damaged := strings.Replace(td3, "7408122", "7408132", 1)
	for name, c := range map[string]struct {
		text string
		want credential.Format
		err  error
	}{
		"alone":                     {td3, credential.TD3, nil},
		"three lines":               {"CARD\n" + td1 + "\nof Utopia", credential.TD1, nil},
		"among other text":          {"UTOPIA\nPassport\n" + td3 + "\n\nsee page 2", credential.TD3, nil},
		"with spaces":               {"Passport\r\n" + strings.ReplaceAll(spaced, "\n", " \r\n  ") + " ", credential.TD3, nil},
		"drawn and hidden":          {td3 + "\nUTOPIA\n" + spaced, credential.TD3, nil},
		"a barcode":                 {"Virginia\n" + virginia + "\nSAMPLE\n", credential.AAMVA, nil},
		"a barcode and an address":  {"me@example.com\n" + virginia, credential.AAMVA, nil},
		"nothing":                   {"", "", credential.NotRecognized},
		"a letter":                  {"Dear Sir or Madam,\nas agreed @ noon\n", "", credential.NotRecognized},
		"a digit changed":           {"UTOPIA\n" + damaged, "", credential.WrongCheckDigit},
		"half of it":                {lines[0], "", credential.NotRecognized},
		"a line between":            {lines[0] + "\nUTOPIA\n" + lines[1], "", credential.NotRecognized},
		"the other way round":       {lines[1] + "\n" + lines[0], "", credential.NotRecognized},
		"two of them":               {td3 + "\n" + td2, "", credential.Several},
		"one of them damaged":       {td3 + "\n" + damaged, "", credential.Several},
		"one damaged before":        {damaged + "\n" + td3, "", credential.Several},
		"a zone and a barcode":      {td3 + "\n" + virginia, "", credential.Several},
		"a barcode without its end": {strings.TrimSuffix(virginia, "\rZVZVA01\r"), "", credential.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := credential.Find(c.text, today)
			if got.Format != c.want || !errors.Is(err, c.err) {
				t.Errorf("%q, %v", got.Format, err)
			}
		})
	}
}

func TestKindAndCountry(t *testing.T) {
	card := func(head string) string { return head + td1[5:] }
	for name, c := range map[string]struct {
		text            string
		kind            kyc.DocumentKind
		country         string
		ofKind, ofState credential.Match
	}{
		"passport":                   {strings.ReplaceAll(td3, "UTO", "FRA"), "passport", "FR", same, same},
		"passport of another state":  {strings.ReplaceAll(td3, "UTO", "FRA"), "passport", "US", same, differs},
		"passport of Germany":        {strings.ReplaceAll(td3, "UTO", "D<<"), "passport", "DE", same, same},
		"passport of no state":       {td3, "passport", "US", same, unclear},
		"passport of an institution": {strings.ReplaceAll(td3, "UTO", "UNO"), "passport", "US", same, unclear},
		"passport as a card":         {strings.ReplaceAll(td3, "UTO", "USA"), "passport_card", "US", differs, same},
		"visa":                       {mrvA, "visa", "US", same, unclear},
		"visa as a passport":         {mrvB, "passport", "US", differs, unclear},
		"passport card":              {card("IPUSA"), "passport_card", "US", same, same},
		"card as a passport":         {card("IPUSA"), "passport", "US", differs, same},
		"resident":                   {card("C1USA"), "permanent_resident_card", "US", same, same},
		"work permit":                {card("IAUSA"), "work_permit", "US", same, same},
		"passport card as a permit":  {card("IPUSA"), "work_permit", "US", differs, same},
		"license":                    {virginia, "drivers_license", "US", same, same},
		"license as a state's card":  {virginia, "state_id", "US", differs, same},
		"license of another state":   {virginia, "drivers_license", "CA", same, differs},
		"license of no state":        {strings.Replace(virginia, "DCGUSA\n", "", 1), "drivers_license", "US", same, unclear},
		"another kind":               {td3, "utility_bill", "US", differs, unclear},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := credential.Find(c.text, today)
			if err != nil {
				t.Fatal(err)
			}
			if kind, state := found.Is(c.kind, c.country); kind != c.ofKind || state != c.ofState {
				t.Errorf("%s, %s", kind, state)
			}
		})
	}
}

func FuzzFind(f *testing.F) {
	f.Add("UTOPIA\n" + td3)
	f.Add(virginia + td1)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := credential.Find(text, today)
		if (err == nil) != (c.Format != "") {
			t.Errorf("%q, %v", c.Format, err)
		}
	})
}
