package identity_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nyaruka/phonenumbers"

	"kyc/shared/identity"
	"kyc/shared/kyc"
)

func TestCheckAddress(t *testing.T) {
	us := kyc.Address{Type: "PHYSICAL", Street: "1 Nowhere St. #2_a-b,", City: "Springfield", State: "CA", ZipCode: "94104", Country: "US"}
	abroad := kyc.Address{Type: "MAILING", Street: "Straße 1", City: "Köln", ZipCode: "D-50667", Country: "DE"}
	for name, c := range map[string]struct {
		from   kyc.Address
		change func(*kyc.Address)
		wrong  []string
	}{
		"in the US":                     {us, func(*kyc.Address) {}, nil},
		"US, nine digits":               {us, func(a *kyc.Address) { a.ZipCode = "94104-0001" }, nil},
		"abroad":                        {abroad, func(*kyc.Address) {}, nil},
		"abroad with a state":           {abroad, func(a *kyc.Address) { a.State = "Nordrhein-Westfalen" }, nil},
		"second line":                   {us, func(a *kyc.Address) { a.Street2 = "Apt. 7" }, nil},
		"no type":                       {us, func(a *kyc.Address) { a.Type = "" }, []string{"address_type"}},
		"type in other case":            {us, func(a *kyc.Address) { a.Type = "physical" }, []string{"address_type"}},
		"no street":                     {us, func(a *kyc.Address) { a.Street = "" }, []string{"street"}},
		"longest street":                {us, func(a *kyc.Address) { a.Street = strings.Repeat("ß", 40) }, nil},
		"street too long":               {us, func(a *kyc.Address) { a.Street = strings.Repeat("a", 41) }, []string{"street"}},
		"street with other characters":  {us, func(a *kyc.Address) { a.Street = "1 Nowhere; St" }, []string{"street"}},
		"post office box as PHYSICAL":   {us, func(a *kyc.Address) { a.Street = "P.O. Box 12" }, []string{"street"}},
		"post office box as MAILING":    {us, func(a *kyc.Address) { a.Street, a.Type = "P.O. Box 12", "MAILING" }, nil},
		"box of a rural route":          {us, func(a *kyc.Address) { a.Street = "RR 2 Box 152" }, nil},
		"box of an APO":                 {us, func(a *kyc.Address) { a.Street, a.City, a.State = "PSC 802 Box 74", "APO", "AE" }, nil},
		"box after the street":          {us, func(a *kyc.Address) { a.Street2 = "PO Box 12" }, nil},
		"street with a line break":      {us, func(a *kyc.Address) { a.Street = "1 Nowhere\nSt" }, []string{"street"}},
		"second line too long":          {us, func(a *kyc.Address) { a.Street2 = strings.Repeat("a", 41) }, []string{"street2"}},
		"second line, other characters": {us, func(a *kyc.Address) { a.Street2 = "<b>" }, []string{"street2"}},
		"every part in Persian script": {abroad, func(a *kyc.Address) {
			a.Street, a.City, a.State, a.ZipCode, a.Country = "خیابان می\u200cخوش 1", "نجف\u200cآباد", "چهار\u200cمحال", "۸۵۱۳", "IR"
		}, nil},
		"a mark of direction in each part": {abroad, func(a *kyc.Address) {
			a.Street, a.City, a.State, a.ZipCode = "Stra\u202eße", "K\u202eöln", "N\u2066W", "50\u200f667"
		}, []string{"city", "state", "street", "zip_code"}},
		"a joiner that joins nothing, in each part": {abroad, func(a *kyc.Address) {
			a.Street, a.City, a.State, a.ZipCode = "Stra\u200dße", "K\u200cöln", "\u200dNW", "50667\u200d"
		}, []string{"city", "state", "street", "zip_code"}},
		"city of one letter":            {us, func(a *kyc.Address) { a.City = "A" }, []string{"city"}},
		"city too long":                 {us, func(a *kyc.Address) { a.City = strings.Repeat("a", 41) }, []string{"city"}},
		"US, state missing":             {us, func(a *kyc.Address) { a.State = "" }, []string{"state"}},
		"US, state written out":         {us, func(a *kyc.Address) { a.State = "California" }, []string{"state"}},
		"US, state in small letters":    {us, func(a *kyc.Address) { a.State = "ca" }, []string{"state"}},
		"US, zip code too short":        {us, func(a *kyc.Address) { a.ZipCode = "9410" }, []string{"zip_code"}},
		"US, zip code of letters":       {us, func(a *kyc.Address) { a.ZipCode = "D-506" }, []string{"zip_code"}},
		"US, zip code half extended":    {us, func(a *kyc.Address) { a.ZipCode = "94104-" }, []string{"zip_code"}},
		"US, state that is none":        {us, func(a *kyc.Address) { a.State = "ZZ" }, []string{"state"}},
		"US, parts of two states":       {us, func(a *kyc.Address) { a.State = "K " }, []string{"state"}},
		"US, territory":                 {us, func(a *kyc.Address) { a.State = "PR" }, nil},
		"abroad, state too long":        {abroad, func(a *kyc.Address) { a.State = strings.Repeat("a", 41) }, []string{"state"}},
		"abroad, zip code of one digit": {abroad, func(a *kyc.Address) { a.ZipCode = "1" }, []string{"zip_code"}},
		"abroad, zip code too long":     {abroad, func(a *kyc.Address) { a.ZipCode = strings.Repeat("1", 21) }, []string{"zip_code"}},
		"no country":                    {us, func(a *kyc.Address) { a.Country = "" }, []string{"country"}},
		"country in small letters":      {us, func(a *kyc.Address) { a.Country = "us" }, []string{"country"}},
		"country of three letters":      {us, func(a *kyc.Address) { a.Country = "USA" }, []string{"country"}},
		"country that is none":          {abroad, func(a *kyc.Address) { a.Country = "UK" }, []string{"country"}},
		"nothing but spaces": {abroad, func(a *kyc.Address) {
			a.Street, a.City, a.ZipCode = " ", "  ", "\u3000\u3000"
		}, []string{"city", "street", "zip_code"}},
		"nothing at all": {us, func(a *kyc.Address) { *a = kyc.Address{} }, []string{"address_type", "city", "country", "street", "zip_code"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.from
			c.change(&a)
			if diff := cmp.Diff(c.wrong, slices.Sorted(maps.Keys(identity.CheckAddress(a)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Wherever telephones ring, people can live; by the library's codes, of which two are parts of a country to ISO 3166-1.
func TestEveryCountryIsKnown(t *testing.T) {
	known := 0
	for region := range phonenumbers.GetSupportedRegions() {
		a := kyc.Address{Type: "MAILING", Street: "1", City: "An", State: "CA", ZipCode: "94104", Country: region}
		_, unknown := identity.CheckAddress(a)["country"]
		if part := region == "AC" || region == "TA"; unknown != part {
			t.Errorf("%s is unknown is %t", region, unknown)
		}
		known++
	}
	if known < 240 {
		t.Errorf("the library knows %d regions", known)
	}
}
