package testbed

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// A mark is found in whatever form it comes, or a test that looks for it proves nothing.
func TestMarksAreFound(t *testing.T) {
	m := NewMarks()
	for name, value := range m {
		quoted, _ := json.Marshal(map[string]string{"a": value})
		var ascii bytes.Buffer
		for _, r := range value {
			if r > 0x7f {
				fmt.Fprintf(&ascii, `\u%04x`, r)
			} else {
				ascii.WriteRune(r)
			}
		}
		sum := sha256.Sum256([]byte(value))
		texts := []string{
			value, "a" + value + "b", strings.ToUpper(value), strings.ToLower(value), string(quoted), ascii.String(), url.QueryEscape(value), url.PathEscape(value),
			fmt.Sprintf("%x", value), fmt.Sprint([]byte(value)), fmt.Sprintf("%q", value), fmt.Sprintf("%+q", value), fmt.Sprintf("%x", sum), base64.StdEncoding.EncodeToString(sum[:]),
		}
		for _, before := range []string{"", "a", "ab", "abc"} {
			for _, after := range []string{"", "a", "ab", "abc"} {
				whole := []byte(before + value + after)
				texts = append(texts, base64.StdEncoding.EncodeToString(whole), base64.RawURLEncoding.EncodeToString(whole))
			}
		}
		if slices.Contains([]string{"ssn", "phone", "dob", "zip_code"}, name) {
			digits := strings.ReplaceAll(value, "-", "")
			texts = append(texts, digits, "xx"+digits, base64.StdEncoding.EncodeToString([]byte("?"+digits)), fmt.Sprintf("%x", sha256.Sum256([]byte(digits))))
		}
		for _, text := range texts {
			if !slices.ContainsFunc(m.In(text), func(found string) bool { return strings.HasPrefix(found, name+" ") }) {
				t.Errorf("%s is not found in %q, but %q", name, text, m.In(text))
			}
		}
	}
	for _, text := range []string{"", "XXX-XX-7394", "Ada Example 1990-05-17 123-45-6780", strings.Repeat("0", 100)} {
		if found := m.In(text); found != nil {
			t.Errorf("%q is said to hold %q", text, found)
		}
	}
}
