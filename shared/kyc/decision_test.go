package kyc_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
)

func passed(c kyc.Check) kyc.Result {
	return kyc.Result{Check: c, Passed: true, Provider: "p", Mode: kyc.Live}
}

func failed(c kyc.Check, reason string) kyc.Result {
	return kyc.Result{Check: c, Reason: reason, Provider: "p", Mode: kyc.Live}
}

func TestDecide(t *testing.T) {
	good := []kyc.Result{passed(kyc.CheckCIP), passed(kyc.CheckOFAC)}
	asked := []kyc.DocumentType{kyc.GovernmentID, kyc.ProofOfAddress}
	named := []kyc.Document{
		{ID: "id-1", Type: kyc.GovernmentID, Status: "required"}, {ID: "id-2", Type: kyc.ProofOfAddress, Status: "required"},
	}
	bad := []kyc.Result{failed(kyc.CheckOFAC, kyc.ReasonOFAC), passed(kyc.CheckIP), failed(kyc.CheckBureau, kyc.ReasonBureau),
		failed(kyc.CheckMobile, kyc.ReasonBureau)}
	reasons := []string{kyc.ReasonBureau, kyc.ReasonOFAC}
	unsure := []kyc.Result{passed(kyc.CheckCIP), {Check: kyc.CheckDuplicates, Review: true, Reason: kyc.ReasonDuplicate, Provider: "policy", Mode: kyc.Live}}
	for name, c := range map[string]struct {
		verdict kyc.Verdict
		want    kyc.Decision
	}{
		"all passed":                 {kyc.Verdict{Results: good}, kyc.Decision{Status: kyc.Passed, Results: good}},
		"a person looks":             {kyc.Verdict{Results: good, Review: true}, kyc.Decision{Status: kyc.UnderReview, Results: good}},
		"a person looks at a result": {kyc.Verdict{Results: unsure}, kyc.Decision{Status: kyc.UnderReview, Results: unsure}},
		"a failure beside such a result": {kyc.Verdict{Results: append(unsure[:2:2], bad...)},
			kyc.Decision{Status: kyc.Failed, Results: append(unsure[:2:2], bad...), Reasons: reasons}},
		"documents asked": {kyc.Verdict{Results: good, Documents: asked}, kyc.Decision{Status: kyc.DocumentRequired, Results: good, Documents: named, DocumentDeadline: time.Hour}},
		"documents go before a person": {kyc.Verdict{Results: good, Documents: asked, Review: true},
			kyc.Decision{Status: kyc.DocumentRequired, Results: good, Documents: named, DocumentDeadline: time.Hour}},
		"each reason once, sorted": {kyc.Verdict{Results: bad}, kyc.Decision{Status: kyc.Failed, Results: bad, Reasons: reasons}},
		"a failure goes before all": {kyc.Verdict{Results: bad, Documents: asked, Review: true},
			kyc.Decision{Status: kyc.Failed, Results: bad, Reasons: reasons}},
		"a failure without a reason is given one": {kyc.Verdict{Results: []kyc.Result{failed(kyc.CheckIP, "")}},
			kyc.Decision{Status: kyc.Failed, Results: []kyc.Result{failed(kyc.CheckIP, "")}, Reasons: []string{kyc.ReasonOtherFailed}}},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			newID := func() string { n++; return fmt.Sprintf("id-%d", n) }
			if diff := cmp.Diff(c.want, kyc.Decide(c.verdict, kyc.Policy{DocumentDeadline: time.Hour}, newID)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckIdentity(t *testing.T) {
	policy := kyc.DefaultPolicy()
	person := func(born string) kyc.Profile {
		p := kyc.Profile{}
		p.Set(kyc.FirstName, "Nobody")
		p.Set(kyc.LastName, "Obviously-Fake")
		p.Set(kyc.BirthDate, born)
		p.Set(kyc.SSN, "123456780")
		p.SetAddress(kyc.Address{ID: "a", Type: "PHYSICAL", Street: "1 Nowhere"})
		return p
	}
	without := func(f kyc.Field) kyc.Profile { p := person("1990-01-01"); delete(p, f); return p }
	homeless := person("1990-01-01")
	homeless.SetAddress(kyc.Address{ID: "a", Type: "MAILING", Street: "1 Nowhere", IsPrimary: true})
	boxed := person("1990-01-01")
	boxed.SetAddress(kyc.Address{ID: "a", Type: "PHYSICAL", Street: "PO Box 1", IsPrimary: true})
	young := policy
	young.MinimumAge = 0
	for name, c := range map[string]struct {
		person kyc.Profile
		policy kyc.Policy
		now    time.Time
		want   string // reason; empty: passes
	}{
		"18 long ago":                     {person("1990-01-01"), policy, noon, ""},
		"18 today, at midnight":           {person("2008-01-02"), policy, noon.Truncate(24 * time.Hour), ""},
		"18 today, at the day's end":      {person("2008-01-02"), policy, noon.Truncate(24 * time.Hour).Add(24*time.Hour - 1), ""},
		"18 tomorrow":                     {person("2008-01-03"), policy, noon, kyc.ReasonUnderage},
		"18 in a microsecond":             {person("2008-01-03"), policy, noon.Truncate(24 * time.Hour).Add(24*time.Hour - time.Microsecond), kyc.ReasonUnderage},
		"born on 29 February, day before": {person("2008-02-29"), policy, time.Date(2026, 2, 28, 23, 59, 59, 0, time.UTC), kyc.ReasonUnderage},
		"born on 29 February, 1 March":    {person("2008-02-29"), policy, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), ""},
		"born tomorrow":                   {person("2026-01-03"), policy, noon, kyc.ReasonBirthDate},
		"no day at all":                   {person("1990-13-01"), policy, noon, kyc.ReasonBirthDate},
		"a child where no age is asked":   {person("2020-01-01"), young, noon, ""},
		"first name missing":              {without(kyc.FirstName), policy, noon, kyc.ReasonMissing},
		"birth date missing":              {without(kyc.BirthDate), policy, noon, kyc.ReasonMissing},
		"SSN missing":                     {without(kyc.SSN), policy, noon, kyc.ReasonMissing},
		"no physical address":             {homeless, policy, noon, kyc.ReasonMissing},
		"a post office box for one":       {boxed, policy, noon, kyc.ReasonMissing},
		"nothing there":                   {nil, policy, noon, kyc.ReasonMissing},
	} {
		t.Run(name, func(t *testing.T) {
			want := kyc.Result{Check: kyc.CheckCIP, Passed: c.want == "", Reason: c.want, Provider: "policy", Mode: kyc.Live}
			if diff := cmp.Diff(want, kyc.CheckIdentity(c.person, c.policy, kyc.Live, c.now)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWeakestMode(t *testing.T) {
	live, sandbox, unknown := kyc.Result{Mode: kyc.Live}, kyc.Result{Mode: kyc.Sandbox}, kyc.Result{}
	for name, c := range map[string]struct {
		results []kyc.Result
		want    kyc.Mode
	}{
		"all live":         {[]kyc.Result{live, live}, kyc.Live},
		"one of a sandbox": {[]kyc.Result{live, sandbox, live}, kyc.Sandbox},
		"one unmarked":     {[]kyc.Result{live, unknown}, kyc.Sandbox},
	} {
		t.Run(name, func(t *testing.T) {
			if got := kyc.WeakestMode(c.results); got != c.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestDocumentsAreAwaitedForAsLongAsThePolicySays(t *testing.T) {
	a := kyc.Attempt{ID: attemptID, Status: kyc.Submitted}
	for asked, want := range map[time.Duration]time.Duration{time.Hour: time.Hour, 0: 28 * 24 * time.Hour} {
		asking, err := a.Advance(kyc.Decision{Status: kyc.DocumentRequired, DocumentDeadline: asked}, 2, noon, "")
		if link := (kyc.Link{Generation: 1, Until: noon.Add(kyc.LinkLife).Truncate(time.Second)}); asking.Link != link {
			t.Errorf("asked for %v with the link %+v", asked, asking.Link)
		}
		if err != nil || !asking.DocumentsBy.Equal(noon.Add(want)) {
			t.Errorf("asked for %v: until %v, err %v", asked, asking.DocumentsBy, err)
		}
		for _, next := range []kyc.Status{kyc.Submitted, kyc.Expired} {
			if after, err := asking.Advance(kyc.Decision{Status: next}, 3, noon, ""); err != nil || !after.DocumentsBy.IsZero() {
				t.Errorf("%s awaits documents until %v, err %v", next, after.DocumentsBy, err)
			}
		}
	}
}
