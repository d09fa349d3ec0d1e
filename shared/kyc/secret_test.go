package kyc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"kyc/shared/kyc"
)

// marked is what must not be printed anywhere.
const marked = "Zq-nobody-Zq"

type exported struct{ S kyc.Secret }

type unexported struct{ s kyc.Secret }

// holders are the ways in which a Secret comes to be printed.
func holders() map[string]any {
	s := kyc.NewSecret(marked)
	return map[string]any{
		"itself":                     s,
		"pointer":                    &s,
		"exported field":             exported{s},
		"pointer to exported field":  &exported{s},
		"unexported field":           unexported{s},
		"pointer to unexported":      &unexported{s},
		"nested in both":             struct{ In []any }{[]any{exported{s}, unexported{s}}},
		"slice":                      []kyc.Secret{s},
		"map value":                  map[string]kyc.Secret{"a": s},
		"map key":                    map[kyc.Secret]int{s: 1},
		"profile":                    kyc.Profile{kyc.SSN: s},
		"error that was made of it":  fmt.Errorf("bad value %v", s),
		"error that quotes a struct": fmt.Errorf("bad value %+v", unexported{s}),
	}
}

func TestSecretIsNotPrintedByFmt(t *testing.T) {
	verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "% x", "%X", "%o", "%c", "%U", "%t", "%e", "%p", "%T", "%10.3s", "%!", "%z"}
	for name, v := range holders() {
		t.Run(name, func(t *testing.T) {
			for _, verb := range verbs {
				leaks(t, verb, fmt.Sprintf(verb, v))
			}
			leaks(t, "Sprint", fmt.Sprint(v))
			leaks(t, "Sprintln", fmt.Sprintln("is", v))
		})
	}
}

func TestSecretIsNotLogged(t *testing.T) {
	for name, v := range holders() {
		t.Run(name, func(t *testing.T) {
			var text, lines bytes.Buffer
			for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&lines, nil)} {
				slog.New(h).With("with", v).Info("m", "v", v, slog.Group("g", "v", v))
			}
			leaks(t, "text handler", text.String())
			leaks(t, "JSON handler", lines.String())
		})
	}
}

func TestSecretIsNotEncodedAsJSON(t *testing.T) {
	for name, v := range holders() {
		t.Run(name, func(t *testing.T) {
			encoded, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			leaks(t, "encoding/json", string(encoded))
		})
	}
	if got, _ := json.Marshal(exported{kyc.NewSecret(marked)}); string(got) != `{"S":"[redacted]"}` {
		t.Errorf("got %s", got)
	}
}

func TestSecretTellsThatItHidesSomething(t *testing.T) {
	s := kyc.NewSecret(marked)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		if got := fmt.Sprintf(verb, s); got != "[redacted]" {
			t.Errorf("%s printed %q", verb, got)
		}
	}
	if got := s.LogValue().String(); got != "[redacted]" {
		t.Errorf("slog shows %q", got)
	}
}

func TestSecretReveals(t *testing.T) {
	for name, c := range map[string]struct {
		secret kyc.Secret
		want   string
		zero   bool
	}{
		"value":           {kyc.NewSecret(marked), marked, false},
		"empty string":    {kyc.NewSecret(""), "", true},
		"the zero Secret": {kyc.Secret{}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.secret.Reveal(); got != c.want || c.secret.IsZero() != c.zero {
				t.Errorf("reveals %q, is zero %t", got, c.secret.IsZero())
			}
		})
	}
}

// leaks wants no form of the marked value in a text: plain, quoted, in hexadecimal or as a list of bytes.
func leaks(t *testing.T, where, text string) {
	t.Helper()
	for _, form := range []string{"%s", "%x", "%X", "% x", "%d", "%v"} {
		if strings.Contains(text, fmt.Sprintf(form, marked)) || strings.Contains(text, strings.Trim(fmt.Sprintf(form, []byte(marked)), "[]")) {
			t.Errorf("%s shows the value: %s", where, text)
		}
	}
}

func TestSecretsAreComparedByWhatTheyHold(t *testing.T) {
	for name, c := range map[string]struct {
		a, b kyc.Secret
		want bool
	}{
		"alike": {kyc.NewSecret("a"), kyc.NewSecret("a"), true}, "different": {kyc.NewSecret("a"), kyc.NewSecret("b"), false},
		"of another length": {kyc.NewSecret("a"), kyc.NewSecret("aa"), false}, "none and empty": {kyc.Secret{}, kyc.NewSecret(""), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.a.Equal(c.b); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
