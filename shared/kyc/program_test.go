package kyc_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
)

func TestPolicyChange(t *testing.T) {
	number := func(n int) *int { return &n }
	text := func(s string) *string { return &s }
	duplicates := func(d kyc.Duplicates) *kyc.Duplicates { return &d }
	documents := func(d kyc.DocumentPolicy) *kyc.DocumentPolicy { return &d }
	base := kyc.DefaultPolicy()
	for name, c := range map[string]struct {
		change kyc.PolicyChange
		want   func(*kyc.Policy)
		wrong  []string
	}{
		"nothing":             {want: func(*kyc.Policy) {}},
		"required, in order":  {change: kyc.PolicyChange{Required: []kyc.Field{kyc.SSN, kyc.BirthDate, kyc.SSN}}, want: func(p *kyc.Policy) { p.Required = []kyc.Field{"dob", "ssn"} }},
		"all that can be":     {change: kyc.PolicyChange{Required: kyc.Requirable()}, want: func(p *kyc.Policy) { p.Required = kyc.Requirable() }},
		"required nothing":    {change: kyc.PolicyChange{Required: []kyc.Field{}}, wrong: []string{"policy/minimum_age", "policy/required"}},
		"a field of no one":   {change: kyc.PolicyChange{Required: []kyc.Field{"dob", "shoe_size"}}, wrong: []string{"policy/required"}},
		"a middle name":       {change: kyc.PolicyChange{Required: []kyc.Field{"dob", kyc.MiddleName}}, wrong: []string{"policy/required"}},
		"age without dob":     {change: kyc.PolicyChange{Required: []kyc.Field{kyc.SSN}}, wrong: []string{"policy/minimum_age"}},
		"neither age nor dob": {change: kyc.PolicyChange{Required: []kyc.Field{kyc.SSN}, MinimumAge: number(0)}, want: func(p *kyc.Policy) { p.Required, p.MinimumAge = []kyc.Field{"ssn"}, 0 }},
		"what happens to duplicates": {change: kyc.PolicyChange{Duplicates: duplicates(kyc.DuplicatesRefused)},
			want: func(p *kyc.Policy) { p.Duplicates = kyc.DuplicatesRefused }},
		"what cannot happen to them": {change: kyc.PolicyChange{Duplicates: duplicates("forgive")}, wrong: []string{"policy/duplicates"}},
		"documents without a person": {change: kyc.PolicyChange{Documents: documents(kyc.DocumentsAutomatic)},
			want: func(p *kyc.Policy) { p.Documents = kyc.DocumentsAutomatic }},
		"documents without a look": {change: kyc.PolicyChange{Documents: documents("accept")}, wrong: []string{"policy/documents"}},
		"the lowest": {change: kyc.PolicyChange{MinimumAge: number(0), MaxAttempts: number(1), MinInterval: number(0), DocumentDeadline: number(1)},
			want: func(p *kyc.Policy) {
				p.MinimumAge, p.MaxAttempts, p.MinInterval, p.DocumentDeadline = 0, 1, 0, 24*time.Hour
			}},
		"the highest": {change: kyc.PolicyChange{MinimumAge: number(100), MaxAttempts: number(100), MinInterval: number(31536000), DocumentDeadline: number(365)},
			want: func(p *kyc.Policy) {
				p.MinimumAge, p.MaxAttempts, p.MinInterval, p.DocumentDeadline = 100, 100, 365*24*time.Hour, 365*24*time.Hour
			}},
		"below the lowest": {change: kyc.PolicyChange{MinimumAge: number(-1), MaxAttempts: number(0), MinInterval: number(-1), DocumentDeadline: number(0)},
			wrong: []string{"policy/document_deadline_days", "policy/max_attempts", "policy/min_interval_seconds", "policy/minimum_age"}},
		"above the highest": {change: kyc.PolicyChange{MinimumAge: number(101), MaxAttempts: number(101), MinInterval: number(31536001), DocumentDeadline: number(366)},
			wrong: []string{"policy/document_deadline_days", "policy/max_attempts", "policy/min_interval_seconds", "policy/minimum_age"}},
		"what the law asks for": {change: kyc.PolicyChange{Checks: []kyc.Check{"ofac", "cip", "ofac"}},
			want: func(p *kyc.Policy) { p.Checks = []kyc.Check{"cip", "ofac"} }},
		"checks in any order":  {change: kyc.PolicyChange{Checks: []kyc.Check{"email", "ofac", "bureau", "cip"}}, want: func(p *kyc.Policy) { p.Checks = []kyc.Check{"cip", "ofac", "bureau", "email"} }},
		"without sanctions":    {change: kyc.PolicyChange{Checks: []kyc.Check{"cip", "bureau"}}, wrong: []string{"policy/checks"}},
		"without the customer": {change: kyc.PolicyChange{Checks: []kyc.Check{"ofac"}}, wrong: []string{"policy/checks"}},
		"no check at all":      {change: kyc.PolicyChange{Checks: []kyc.Check{}}, wrong: []string{"policy/checks"}},
		"a check of no one":    {change: kyc.PolicyChange{Checks: []kyc.Check{"cip", "ofac", "horoscope"}}, wrong: []string{"policy/checks"}},
		"a name and a color": {change: kyc.PolicyChange{BrandName: text(" Ácme "), BrandColor: text("#1F4E79")},
			want: func(p *kyc.Policy) { p.BrandName, p.BrandColor = "Ácme", "#1f4e79" }},
		"the longest name":      {change: kyc.PolicyChange{BrandName: text(strings.Repeat("é", 64))}, want: func(p *kyc.Policy) { p.BrandName = strings.Repeat("é", 64) }},
		"too long a name":       {change: kyc.PolicyChange{BrandName: text(strings.Repeat("é", 65))}, wrong: []string{"policy/brand_name"}},
		"a name in two lines":   {change: kyc.PolicyChange{BrandName: text("Ac\nme")}, wrong: []string{"policy/brand_name"}},
		"a color by its name":   {change: kyc.PolicyChange{BrandColor: text("blue")}, wrong: []string{"policy/brand_color"}},
		"a color and more":      {change: kyc.PolicyChange{BrandColor: text("#1f4e79;")}, wrong: []string{"policy/brand_color"}},
		"a time that overflows": {change: kyc.PolicyChange{MinInterval: number(1 << 62)}, wrong: []string{"policy/min_interval_seconds"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, wrong := base.Change(c.change)
			if told := slices.Sorted(maps.Keys(wrong)); !slices.Equal(told, c.wrong) {
				t.Fatalf("told %q, want %q", told, c.wrong)
			}
			if c.wrong != nil {
				return
			}
			want := kyc.DefaultPolicy()
			c.want(&want)
			if diff := cmp.Diff(want, got); diff != "" || got.Equal(base) != want.Equal(kyc.DefaultPolicy()) || got.Equal(base) != c.change.Empty() {
				t.Errorf("equal to what it was: %t (-want +got):\n%s", got.Equal(base), diff)
			}
		})
	}
	if diff := cmp.Diff(kyc.DefaultPolicy(), base); diff != "" {
		t.Errorf("a change changed its base (-want +got):\n%s", diff)
	}
}

// What tells an operator which fields there are names each of them.
func TestWrongRequiredNamesTheFields(t *testing.T) {
	_, wrong := kyc.DefaultPolicy().Change(kyc.PolicyChange{Required: []kyc.Field{"x"}})
	for _, f := range kyc.Requirable() {
		if !strings.Contains(wrong["policy/required"][0], string(f)) {
			t.Errorf("%s is not named in %q", f, wrong["policy/required"])
		}
	}
}

// The programs are read no further than to the first that has the version.
func TestPolicyAt(t *testing.T) {
	failed := errors.New("read")
	var reads int
	with := func(err error, versions ...int) func() (kyc.Program, error) {
		return func() (kyc.Program, error) {
			reads++
			p := kyc.Program{Policies: map[int]kyc.Policy{}}
			for _, v := range versions {
				p.Policies[v] = kyc.Policy{Version: v}
			}
			return p, err
		}
	}
	for name, c := range map[string]struct {
		programs []func() (kyc.Program, error)
		known    bool
		reads    int
		err      error
	}{
		"remembered":             {[]func() (kyc.Program, error){with(nil, 1, 2), with(failed)}, true, 1, nil},
		"younger than that":      {[]func() (kyc.Program, error){with(nil, 1), with(nil, 1, 2)}, true, 2, nil},
		"nowhere":                {[]func() (kyc.Program, error){with(nil, 1), with(nil, 1)}, false, 2, nil},
		"one that can't be read": {[]func() (kyc.Program, error){with(nil, 1), with(failed, 2)}, false, 2, failed},
	} {
		reads = 0
		policy, known, err := kyc.PolicyAt(2, c.programs...)
		if known != c.known || known != (policy.Version == 2) || err != c.err || reads != c.reads {
			t.Errorf("%s: %+v, %t, %v after %d reads", name, policy, known, err, reads)
		}
	}
}
