package identity_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kyc/shared/identity"
	"kyc/shared/kyc"
)

const customerID = "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03"

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// read reads one field, and returns it as it is stored, and what is wrong with it.
func read(f kyc.Field, value string) (stored, wrong string) {
	profile, all := identity.Rules{Now: noon, Partial: true}.Read(map[kyc.Field]string{f: value})
	return profile.Get(f), strings.Join(all[string(f)], " ")
}

func names(wrong map[string][]string) []string { return slices.Sorted(maps.Keys(wrong)) }

func TestRead(t *testing.T) {
	const name, letters, date, digits = "2 to 50", "Must consist of", "date in the past", "nine digits"
	const issued, email, ip, id = "could have issued", "e-mail", "of one device", "UUID"
	for field, values := range map[kyc.Field]map[string]string{ // by value: what the refusal says, empty where it is taken
		kyc.FirstName: {
			"Al": "", "Ada": "", "O'Brien": "", "O’Brien": "", "Anne-Marie": "", "van der Berg": "", "Łukasz": "", "李小": "", "محمد": "",
			"李": "", "김": "", "Андрей": "", "अनीता": "", "प्रिया": "", "أحمد": "", "Đặng": "", "Nguye\u0302\u0303n": "", "𠮷田": "", "ʻOkina": "", "田中 太郎": "", "გიორგი": "",
			"علی\u200cرضا": "", "ශ\u0dca\u200dර\u0dd3": "", "प्\u200dरिया": "", // Persian, Sinhala and Hindi are spelled so
			"Ad\u200da": letters, "Ada\u200c": letters, "علی\u200c": letters, "علی\u200c Ada": letters, "A\u200cعلی": letters, "ا\u200c\u200cا": letters, "あ": name, "ა": name, "\u200dعلی": name,
			"Ada\u2066": letters, "Ad\u00ada": letters, "Ada\ufeff": letters, "Ada\U000e0041": letters, "Ada\u2028B": letters, "Ada\u0085": letters,
			"Jose\u0301": "", strings.Repeat("é", 50): "",
			"": name, "A": name, strings.Repeat("a", 51): name, " Ada": name, "-Ada": name, "'Ada": name, "1Ada": name, "\u0301da": name, "\xff\xfe": name,
			"Ada1": letters, "Ada\n": letters, "Ada\tB": letters, "Ada!": letters, "Ada\x00": letters, "Ada\u202e": letters, "Ada\u200b": letters, "Ada😀": letters, "Ada\xff": letters, "A.B.": letters,
		},
		kyc.BirthDate: {
			"1990-01-01": "", "2026-01-01": "", "1896-01-03": "", "2024-02-29": "",
			"2026-01-02": date, "2026-01-03": date, "1895-12-31": date, "1990-1-1": date, "01/01/1990": date, "1990-02-30": date, "2023-02-29": date,
			"0000-00-00": date, "0000-01-01": date, "1990-01-01T00:00:00Z": date, " 1990-01-01": date, "90-01-01": date, "": date,
		},
		kyc.SSN: {
			"123456789": "", "123-45-6789": "", "001010001": "", "899-99-9999": "", "665010001": "", "667010001": "",
			// ITINs
			"900500001": "", "900650001": "", "900700001": "", "900880001": "", "900900001": "", "900920001": "", "900940001": "", "999999999": "", "900500000": "",
			"12345678": digits, "1234567890": digits, "123-456789": digits, "12345-6789": digits, "123 45 6789": digits, "12345678a": digits, "１２３456789": digits, "": digits, "123-45-6789\n": digits,
			"000123456": issued, "666123456": issued, "666-12-3456": issued, "123001234": issued, "123450000": issued,
			"900490001": issued, "900660001": issued, "900690001": issued, "900890001": issued, "900930001": issued, "999990000": "",
			"900930000": issued, "078051120": issued, "078-05-1120": issued, "219-09-9999": issued, "078051121": "", "078051119": "", "219099998": "", "900010001": issued,
		},
		kyc.Email: {
			"nobody@example.com": "", "no.body+tag@mail.example.co.uk": "", "n@a-b.example": "", "用户@example.com": "", strings.Repeat("a", 64) + "@example.com": "",
			"o'brien@example.com": "", "a@example.xn--p1ai": "", "a@xn--e1afmkfd.xn--p1ai": "", "!#$%&*+-/=?^_`{|}~@example.com": "", "1@1.example": "", "é.é@example.com": "", "a@" + strings.Repeat("b", 63) + ".com": "",
			".a@example.com": email, "a.@example.com": email, "a..b@example.com": email, "a\u00a0b@example.com": email, "a\u200bb@example.com": email, "a\u202eb@example.com": email, "\"a\"@example.com": email,
			strings.Repeat("é", 33) + "@example.com": email, "a@example.123": email, "a@[8.8.8.8]": email, "a@exämple.com": email, "a@" + strings.Repeat("b", 64) + ".com": email, "a@example.c-": email,
			"": email, "nobody": email, "nobody@": email, "@example.com": email, "nobody@example": email, "no body@example.com": email, "a@b@example.com": email,
			"nobody@-a.example": email, "nobody@a-.example": email, "nobody@example..com": email, "nobody@.com": email, "nobody@example.c": email, "nobody@example.com\n": email,
			"<nobody@example.com>": email, strings.Repeat("a", 65) + "@example.com": email, "a@" + strings.Repeat("b.", 130) + "com": email, "nobody@1.2.3.4": email, "nobody@example.com.": email,
		},
		kyc.IP: {
			"8.8.8.8": "", "10.0.0.1": "", "127.0.0.1": "", "169.254.1.1": "", "223.255.255.255": "", "255.255.255.254": "",
			"2001:db8::7": "", "2001:DB8:0:0:0:0:0:7": "", "::1": "", "fd00::1": "", "fe80::1": "", "::ffff:8.8.8.8": "", "::ffff:808:808": "", "64:ff9b::8.8.8.8": "",
			"": ip, "8.8.8": ip, "8.8.8.8.8": ip, "8.8.8.8.": ip, "256.8.8.8": ip, "08.8.8.8": ip, "8.8.8.8 ": ip, "8,8,8,8": ip, "8.8.8.8/8": ip, "8.8..8": ip, "8.8.8.8:80": ip,
			"0.0.0.0": ip, "224.0.0.1": ip, "239.255.255.255": ip, "255.255.255.255": ip, "::": ip, "ff02::1": ip, "::ffff:0.0.0.0": ip, "::ffff:224.0.0.1": ip, "::ffff:255.255.255.255": ip,
			"fe80::1%eth0": ip, "::ffff:8.8.8.8%1": ip, "[2001:db8::7]": ip, "2001:db8::7::1": ip, "2001:db8:::7": ip, "1:2:3:4:5:6:7": ip, "2001:db8::g": ip, "12345::1": ip,
		},
		kyc.BrandPersonID: {
			customerID: "", strings.ToUpper(customerID): "",
			"": id, "x": id, customerID + "0": id, strings.ReplaceAll(customerID, "-", ""): id, "{" + customerID + "}": id, "00000000-0000-0000-0000-000000000000": id,
		},
		"a field without rules": {"": "", "anything": ""},
	} {
		for value, want := range values {
			t.Run(string(field)+" "+value, func(t *testing.T) {
				_, got := read(field, value)
				if (got == "") != (want == "") || !strings.Contains(got, want) {
					t.Errorf("%q: got %q, want %q", value, got, want)
				}
			})
		}
	}
	for _, field := range []kyc.Field{kyc.MiddleName, kyc.LastName} {
		if _, wrong := read(field, "O'Neil"); wrong != "" {
			t.Errorf("%s: %s", field, wrong)
		}
		if _, wrong := read(field, "1"); wrong == "" {
			t.Errorf("%s is no name", field)
		}
	}
}

// Every number that the SSA or the IRS can issue is taken, and the nearest ones that they can't are not.
func TestSSNs(t *testing.T) {
	itins := slices.Concat(span(50, 65), span(70, 88), span(90, 92), span(94, 99))
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, low, high int, not ...int) int {
			return rapid.IntRange(low, high).Filter(func(n int) bool { return !slices.Contains(not, n) }).Draw(t, name)
		}
		check := func(area, group, serial int, want bool) {
			ssn := fmt.Sprintf("%03d-%02d-%04d", area, group, serial)
			want = want && ssn != "078-05-1120" && ssn != "219-09-9999"
			if rapid.Bool().Draw(t, "bare") {
				ssn = strings.ReplaceAll(ssn, "-", "")
			}
			if _, wrong := read(kyc.SSN, ssn); (wrong == "") != want {
				t.Fatalf("%s: %q", ssn, wrong)
			}
		}
		area, group, serial := draw("area", 1, 899, 666), draw("group", 1, 99), draw("serial", 1, 9999)
		check(area, group, serial, true)
		check(rapid.SampledFrom([]int{0, 666}).Draw(t, "no area"), group, serial, false)
		check(area, 0, serial, false)
		check(area, group, 0, false)
		area = draw("ITIN area", 900, 999)
		check(area, rapid.SampledFrom(itins).Draw(t, "ITIN group"), draw("ITIN serial", 0, 9999), true)
		check(area, draw("no ITIN group", 0, 99, itins...), serial, false)
	})
}

func span(from, to int) []int {
	var all []int
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

// What is wrong with a value is said without the value: it may be someone's.
func TestRefusedValuesAreNotRepeated(t *testing.T) {
	fields := []kyc.Field{kyc.FirstName, kyc.MiddleName, kyc.LastName, kyc.BirthDate, kyc.SSN, kyc.Phone, kyc.PhoneCountryCode, kyc.Email, kyc.IP, kyc.BrandPersonID}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`(555-?){2,6}`).Draw(t, "mark") + "!" + rapid.String().Draw(t, "rest")
		for _, f := range fields {
			_, why := read(f, value)
			if why == "" || strings.Contains(why, value) || strings.Contains(why, "555") {
				t.Fatalf("%s: %q is answered with %q", f, value, why)
			}
		}
		a := kyc.Address{Type: value, Street: value, Street2: value, City: strings.Repeat(value, 10), State: value, ZipCode: value, Country: value}
		for part, why := range identity.CheckAddress(a) {
			if strings.Contains(why, value) || strings.Contains(why, "555") {
				t.Fatalf("%s: %q is answered with %q", part, value, why)
			}
		}
	})
}

func TestStoredForm(t *testing.T) {
	for name, c := range map[string]struct {
		field       kyc.Field
		value, want string
	}{
		"SSN with dashes":           {kyc.SSN, "123-45-6789", "123456789"},
		"SSN without":               {kyc.SSN, "123456789", "123456789"},
		"phone with dashes":         {kyc.Phone, "415-555-0100", "4155550100"},
		"IPv4":                      {kyc.IP, "203.0.113.7", "203.0.113.7"},
		"IPv4 as IPv6":              {kyc.IP, "::FFFF:203.0.113.7", "203.0.113.7"},
		"IPv4 as IPv6, hexadecimal": {kyc.IP, "0:0:0:0:0:ffff:cb00:7107", "203.0.113.7"},
		"IPv6 with capitals, zeros": {kyc.IP, "2001:0DB8:0000:0000:0000:0000:0000:0007", "2001:db8::7"},
		"dashes of a name":          {kyc.LastName, "Anne-Marie", "Anne-Marie"},
		"dashes of a date":          {kyc.BirthDate, "1990-01-01", "1990-01-01"},
		"case of an address":        {kyc.Email, "Nobody@Example.com", "Nobody@Example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := read(c.field, c.value); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
