package dynamostore

import (
	"strconv"
	"strings"

	"kyc/shared/kyc"
)

// What was read of a file is written by letters, each for good, because an attempt's room is scarce.
var (
	forms    = map[string]kyc.Reading{"m": {Source: kyc.FromPDF, Form: kyc.FormMRZ}, "b": {Source: kyc.FromPDF, Form: kyc.FormBarcode}}
	findings = map[byte]kyc.Finding{
		's': kyc.FoundSame, 'd': kyc.FoundDiffers, 'u': kyc.FoundUnreadable, 'a': kyc.FoundAbsent, 'v': kyc.FoundValid, 'x': kyc.FoundExpired,
		'r': kyc.FoundRead,
	}
)

// inReading lists the places of the findings, in the order in which they are written.
func inReading(r *kyc.Reading) []*kyc.Finding {
	return []*kyc.Finding{&r.Name, &r.BirthDate, &r.Expiry, &r.Number, &r.Kind, &r.Country}
}

// fromReading writes what was read and of which profile_version, as in "m.ssvrss12", or why nothing was.
func fromReading(r kyc.Reading) string {
	if r == (kyc.Reading{}) || r.Unread != "" {
		return string(r.Unread)
	}
	var b strings.Builder
	for letter, f := range forms {
		if f.Source == r.Source && f.Form == r.Form {
			b.WriteString(letter + ".")
		}
	}
	for _, place := range inReading(&r) {
		for letter, finding := range findings {
			if finding == *place {
				b.WriteByte(letter)
			}
		}
	}
	return b.String() + strconv.Itoa(r.Profile)
}

func reading(text string) kyc.Reading {
	letter, found, _ := strings.Cut(text, ".")
	r, isRead := forms[letter]
	places := inReading(&r)
	if !isRead || len(found) < len(places) {
		return kyc.Reading{Unread: kyc.Unread(text)}
	}
	for i, place := range places {
		*place = findings[found[i]]
	}
	r.Profile, _ = strconv.Atoi(found[len(places):]) // what was compared with none counts for nothing
	return r
}
