package credential_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kyc/shared/credential"
)

// virginia is the sample of the standard (2020, annex D.13.2).
const virginia = "@\n\x1e\rANSI 636000100102DL00410278ZV03190008DLDAQT64235789\nDCSSAMPLE\nDDEN\nDACMICHAEL\nDDFN\nDADJOHN\nDDGN\nDCUJR\nDCAD\nDCBK\n" +
	"DCDPH\nDBD06062019\nDBB06061986\nDBA12102024\nDBC1\nDAU068 in\nDAYBRO\nDAG2300 WEST BROAD STREET\nDAIRICHMOND\nDAJVA\nDAK232690000  \n" +
	"DCF2424244747474786102204\nDCGUSA\nDCK123456789\nDDAF\nDDB06062018\nDDC06062020\nDDD1\rZVZVA01\r"

// license makes a barcode of one subfile.
func license(version int, kind string, lines ...string) string {
	body := kind + strings.Join(lines, "\n") + "\r"
	jurisdiction := ""
	if version > 1 {
		jurisdiction = "01"
	}
	head := fmt.Sprintf("@\n\x1e\rANSI 636001%02d%s01", version, jurisdiction)
	return head + fmt.Sprintf("%s%04d%04d", kind, len(head)+10, len(body)) + body
}

func TestBarcodes(t *testing.T) {
	const virginiaRead = "; number T64235789; last SAMPLE; given MICHAEL; middle JOHN; suffix JR; sex M; born 1986-06-06; issued 2019-06-06; " +
		"expires 2024-12-10; street 2300 WEST BROAD STREET; city RICHMOND; state VA; zip 23269; country US"
	rest := []string{"DAQ1", "DBB19860606", "DBA20301210"}
	us := []string{"DAQ1", "DBB06061986", "DBA12102030", "DCGUSA"}
	const read = "number 1; last SAMPLE; given ANNA; middle M; "
	const dates = "born 1986-06-06; expires 2030-12-10"
	for name, c := range map[string]struct{ text, want string }{
		"sample, 2020":                 {virginia, "aamva DL 636000" + virginiaRead},
		"sample, 2016":                 {strings.Replace(virginia, "636000100102", "636000090002", 1), "aamva DL 636000" + virginiaRead},
		"later version":                {strings.Replace(virginia, "636000100102", "636000110002", 1), "aamva DL 636000" + virginiaRead},
		"file separator":               {strings.Replace(virginia, "\x1e", "\x1c", 1), "aamva DL 636000" + virginiaRead},
		"offsets miscounted":           {strings.Replace(virginia, "DL00410278", "DL00390001", 1), "aamva DL 636000" + virginiaRead},
		"identification card":          {strings.NewReplacer("DL0041", "ID0041", "DLDAQ", "IDDAQ").Replace(virginia), "aamva ID 636000" + virginiaRead},
		"last subfile open":            {strings.TrimSuffix(virginia, "\r"), "aamva DL 636000" + virginiaRead},
		"Canada":                       {strings.NewReplacer("DCGUSA", "DCGCAN", "06061986", "19860606", "12102024", "20241210", "06062019", "20190606", "232690000  ", "K1A 0B1").Replace(virginia), "aamva DL 636000" + strings.NewReplacer("country US", "country CA", "23269", "K1A 0B1").Replace(virginiaRead)},
		"US dates in Canada":           {strings.Replace(virginia, "DCGUSA", "DCGCAN", 1), "aamva DL 636000" + strings.NewReplacer("country US", "country CA", "23269", "232690000").Replace(virginiaRead)},
		"no country":                   {strings.Replace(virginia, "DCGUSA\n", "", 1), "aamva DL 636000" + strings.NewReplacer("; country US", "", "23269", "232690000").Replace(virginiaRead)},
		"1, whole name":                {license(1, "DL", append(rest, "DAASAMPLE,ANNA,M")...), "aamva DL 636001; " + read + dates},
		"1, whole name with suffix":    {license(1, "DL", append(rest, "DAASAMPLE,ANNA,M,JR")...), "aamva DL 636001; " + read + "suffix JR; " + dates},
		"1, no middle name":            {license(1, "DL", append(rest, "DAASAMPLE,ANNA")...), "aamva DL 636001; number 1; last SAMPLE; given ANNA; " + dates},
		"1, name of spaces":            {license(1, "DL", append(rest, "DAASAMPLE ANNA M")...), "aamva DL 636001; number 1; last ?; given ?; middle ?; " + dates},
		"1, name of five":              {license(1, "DL", append(rest, "DAAA,B,C,D,E")...), "aamva DL 636001; number 1; last ?; given ?; middle ?; " + dates},
		"1, Colorado":                  {strings.Replace(license(1, "DL", append(rest, "DAAANNA,M,SAMPLE")...), "636001", "636020", 1), "aamva DL 636020; number 1; last ?; given ?; middle ?; " + dates},
		"1, name in parts":             {license(1, "DL", append(rest, "DABSAMPLE", "DACANNA", "DADM", "DBCF")...), "aamva DL 636001; number 1; last SAMPLE; given ANNA; middle M; sex F; " + dates},
		"1, US dates":                  {license(1, "DL", "DAQ1", "DBB06061986"), "aamva DL 636001; number 1; born 1986-06-06"},
		"2, given names together":      {license(2, "DL", append(us, "DCSSAMPLE", "DCTANNA M")...), "aamva DL 636001; number 1; last SAMPLE; given ANNA M; " + dates + "; country US"},
		"3, given names together":      {license(3, "DL", append(us, "DCSSAMPLE", "DCTANNA,M")...), "aamva DL 636001; number 1; last SAMPLE; given ANNA,M; " + dates + "; country US"},
		"8, no middle name":            {license(8, "DL", append(us, "DCSSAMPLE", "DACANNA", "DADNONE")...), "aamva DL 636001; number 1; last SAMPLE; given ANNA; " + dates + "; country US"},
		"8, enhanced":                  {license(8, "EN", append(us, "DCSSAMPLE")...), "aamva EN 636001; number 1; last SAMPLE; " + dates + "; country US"},
		"8, no expiry":                 {license(8, "DL", "DAQ1", "DBAunavl", "DCGUSA"), "aamva DL 636001; number 1; country US"},
		"8, no such day":               {license(8, "DL", "DAQ1", "DBB02302000", "DBA00000000", "DCGUSA"), "aamva DL 636001; number 1; born ?; expires ?; country US"},
		"8, zip code of nine":          {license(8, "DL", "DAQ1", "DAK232691234", "DCGUSA"), "aamva DL 636001; number 1; zip 23269-1234; country US"},
		"8, zip code of six":           {license(8, "DL", "DAQ1", "DAK232691", "DCGUSA"), "aamva DL 636001; number 1; zip ?; country US"},
		"8, sex of another kind":       {license(8, "DL", "DAQ1", "DBC7", "DCGUSA"), "aamva DL 636001; number 1; sex ?; country US"},
		"8, sex neither":               {license(8, "DL", "DAQ1", "DBC9", "DCGUSA"), "aamva DL 636001; number 1; sex X; country US"},
		"8, Latin-1":                   {license(8, "DL", "DAQ1", "DCSMU\xd1OZ", "DCGUSA"), "aamva DL 636001; number 1; last MUÑOZ; country US"},
		"8, an element twice the same": {license(8, "DL", "DAQ1", "DAQ1", "DCGUSA"), "aamva DL 636001; number 1; country US"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := credential.ParseBarcode(c.text)
			if err != nil || said(got) != c.want {
				t.Errorf("%v\n got %s\nwant %s", err, said(got), c.want)
			}
		})
	}
}

func TestBarcodeRefusals(t *testing.T) {
	change := func(from, to string) string {
		if !strings.Contains(virginia, from) {
			t.Fatalf("%q is not there", from)
		}
		return strings.Replace(virginia, from, to, 1)
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"nothing":                {"", credential.NotRecognized},
		"head alone":             {"@\n\x1e\rANSI ", credential.NotRecognized},
		"a zone":                 {td3, credential.NotRecognized},
		"no at sign":             {virginia[1:], credential.NotRecognized},
		"other lines":            {change("@\n", "@\r\n"), credential.NotRecognized},
		"another issuer":         {change("ANSI 636", "ANSI 999"), credential.NotRecognized},
		"issuer of letters":      {change("636000", "63600O"), credential.NotRecognized},
		"version zero":           {change("636000100102", "636000000102"), credential.NotRecognized},
		"no subfile":             {change("100102DL", "100100DL"), credential.Malformed},
		"more than there are":    {change("100102DL", "100103DL"), credential.Malformed},
		"one, of two":            {change("100102DL", "100101DL"), credential.Malformed},
		"directory cut":          {virginia[:35], credential.Malformed},
		"directory of letters":   {change("DL00410278", "DL0O410278"), credential.Malformed},
		"another order":          {change("DL00410278ZV03190008", "ZV03190008DL00410278"), credential.Malformed},
		"no license":             {change("DL00410278", "ZA00410278"), credential.Malformed},
		"unknown subfile":        {strings.NewReplacer("DL0041", "XX0041", "DLDAQ", "XXDAQ").Replace(virginia), credential.Malformed},
		"two licenses":           {strings.NewReplacer("ZV0319", "ID0319", "ZVZVA01", "IDDAQ1").Replace(virginia), credential.Malformed},
		"element of two letters": {change("DDEN", "DE"), credential.Malformed},
		"element of a digit":     {change("DDEN", "DD0N"), credential.Malformed},
		"element of another":     {change("DDEN", "XDEN"), credential.Malformed},
		"element twice":          {change("DDEN", "DCSOTHER"), credential.Malformed},
		"control character":      {change("SAMPLE", "SAM\x00PLE"), credential.Malformed},
		"text behind":            {virginia + "DCSOTHER", credential.Malformed},
		"more than fits":         {change("MICHAEL", strings.Repeat("M ", 1200)), credential.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := credential.ParseBarcode(c.text)
			if !errors.Is(err, c.want) || said(got) != "  " {
				t.Errorf("%v, %s", err, said(got))
			}
		})
	}
}

// A character that is changed, put in or left out changes the field that it is in, or refuses the text, and moves nothing
// into another field.
func TestChangedBarcodeIsNotMisread(t *testing.T) {
	values := func(c credential.Credential) []credential.Value {
		return []credential.Value{c.Number, c.LastName, c.GivenNames, c.MiddleNames, c.Suffix, c.Sex, c.BirthDate, c.Issued, c.Expires,
			c.Street, c.City, c.State, c.ZipCode, c.Country}
	}
	whole, err := credential.ParseBarcode(virginia)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(virginia)-1).Draw(t, "at")
		with := rapid.SampledFrom([]string{"", "0", "A", "\n", "\r", "9", virginia[at:at+1] + virginia[at:at+1]}).Draw(t, "with")
		got, err := credential.ParseBarcode(virginia[:at] + with + virginia[at+1:])
		if err != nil {
			return
		}
		changed := 0
		for i, v := range values(got) {
			if v.Reveal() != values(whole)[i].Reveal() {
				changed++
			}
		}
		// By the country a license says how its dates and its zip code are written, and by its version how its names are.
		head, country := at < strings.Index(virginia, "DLDAQ"), strings.Index(virginia, "DCGUSA")
		if changed > 2 && !head && (at < country-1 || at > country+len("DCGUSA")) {
			t.Fatalf("%d fields changed: %s", changed, said(got))
		}
	})
}

func FuzzParseBarcode(f *testing.F) {
	f.Add(virginia)
	f.Add(license(1, "DL", "DAQ1", "DBB19860606", "DAASAMPLE,ANNA,M"))
	f.Add(license(3, "ID", "DAQ1", "DBB06061986", "DCSSAMPLE", "DCTANNA,M", "DCGUSA"))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := credential.ParseBarcode(text)
		if err != nil {
			return
		}
		for name, v := range map[string]credential.Value{"number": c.Number, "street": c.Street, "city": c.City} {
			if !strings.Contains(text, v.Reveal()) && strings.ToValidUTF8(text, "") == text {
				t.Errorf("%s is not in the text", name)
			}
		}
		c.Compare(nil, today)
	})
}
