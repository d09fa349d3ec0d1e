package testbed

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kyc/shared/kyc"
	"kyc/shared/onboarding"
)

// Marks are values that occur nowhere by chance, by what they are the value of. Where one is found, it has come from its
// owner.
type Marks map[string]string

// NewMarks returns marks for all that a customer and a start can bring. A state and a country are too short to be told
// from other text.
func NewMarks() Marks {
	return Marks{
		"first_name": "Zvonimirka", "middle_name": "Quillfeather", "last_name": "Öxnehufvud", "dob": "1987-03-19",
		"ssn": "512-68-7394", "phone": "202-555-0187", "email": "featherstonehaugh@mail.example", "ip": "203.0.113.177",
		"brand_person_id": "c0ffee77-5150-4bad-9ace-7e1e9ca57e11", "idempotency_key": "zq77bv88wx99yk11",
		"street": "77 Xylographer Alley", "street2": "Mezzanine Qx 19", "city": "Zzyzxville", "zip_code": "94107-7319",
	}
}

// customer is the marked customer as a request brings it. The second address is the one that events/ speak of.
func (m Marks) customer() onboarding.Input {
	address := kyc.Address{Type: "PHYSICAL", Street: m["street"], Street2: m["street2"], City: m["city"], State: "CA", ZipCode: m["zip_code"], Country: "US"}
	in := onboarding.Input{Fields: map[kyc.Field]string{}, Addresses: []kyc.Address{address, address}}
	in.Addresses[0].IsPrimary = true
	for _, f := range onboarding.Creatable() {
		if v := m[string(f)]; v != "" {
			in.Fields[f] = v
		}
	}
	return in
}

// In lists the marks that text holds, in any form in which they could have come there: as it is, in other case, without its
// dashes, escaped for JSON, a URL or Go, in hexadecimal digits, in base64, as a list of bytes, or hashed without a key.
func (m Marks) In(text string) []string {
	lower := strings.ToLower(text)
	var found []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all := forms(m[name])
		for _, form := range slices.Sorted(maps.Keys(all)) {
			if strings.Contains(text, all[form]) || (form == "plain" || form == "part") && strings.Contains(lower, strings.ToLower(all[form])) {
				found = append(found, name+" ("+form+")")
				break
			}
		}
	}
	return found
}

// part is what every way to escape a text leaves as it is.
var part = regexp.MustCompile(`[A-Za-z0-9]{8,}`)

func forms(value string) map[string]string {
	ascii := strconv.QuoteToASCII(value)
	all := map[string]string{
		"plain": value, "escaped": ascii[1 : len(ascii)-1], "query": url.QueryEscape(value), "path": url.PathEscape(value),
		"hex": hex.EncodeToString([]byte(value)), "bytes": strings.Trim(fmt.Sprint([]byte(value)), "[]"),
	}
	if p := part.FindString(value); p != "" {
		all["part"] = p
	}
	if digits := strings.ReplaceAll(value, "-", ""); strings.Trim(digits, "0123456789") == "" {
		all["digits"] = digits
	}
	for form, v := range map[string]string{"": value, " of the digits": all["digits"]} {
		if v == "" {
			continue
		}
		// What stands before it shifts base64 by none, one or two bytes; what touches others is cut off.
		for shift := range 3 {
			encoded := base64.RawURLEncoding.EncodeToString(append(make([]byte, shift), v...))
			whole := (shift + len(v)) / 3 * 4
			name := fmt.Sprint("base64", form, " ", shift)
			all[name+" for URLs"] = encoded[(shift*4+2)/3 : whole]
			all[name] = strings.NewReplacer("-", "+", "_", "/").Replace(all[name+" for URLs"])
		}
		sum := sha256.Sum256([]byte(v))
		all["SHA-256"+form], all["SHA-256 in base64"+form] = hex.EncodeToString(sum[:]), base64.RawStdEncoding.EncodeToString(sum[:])
	}
	return all
}
