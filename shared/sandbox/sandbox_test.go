package sandbox_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/sandbox"
)

func applicant(ssn string) kyc.Profile {
	p := kyc.Profile{}
	p.Set(kyc.SSN, ssn)
	return p
}

func provider(t *testing.T, delay time.Duration) sandbox.Provider {
	t.Helper()
	p, err := sandbox.New(kyc.Sandbox, delay)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNoOtherStageIsServed(t *testing.T) {
	for _, mode := range []kyc.Mode{kyc.Live, "", "test"} {
		if _, err := sandbox.New(mode, 0); err == nil {
			t.Errorf("a stage of mode %q is served", mode)
		}
	}
}

func TestOutcomes(t *testing.T) {
	for ssn, want := range map[string]struct {
		magic     bool
		failed    map[kyc.Check]string
		documents []kyc.DocumentType
		review    bool
	}{
		"123456789":   {},
		"":            {},
		"333332222":   {}, // of an older edition only
		"000-00-0000": {}, // stored numbers have no dashes
		"000000000":   {magic: true, review: true},
		"111111111":   {magic: true, documents: []kyc.DocumentType{"social_security_card", "government_id"}},
		"222222222":   {magic: true, documents: []kyc.DocumentType{"government_id", "proof_of_address"}},
		"333333333":   {magic: true, documents: []kyc.DocumentType{"government_id"}},
		"444444444":   {magic: true, documents: []kyc.DocumentType{"social_security_card", "government_id", "proof_of_address"}},
		"999990000":   {magic: true, failed: map[kyc.Check]string{"bureau": "identity_not_confirmed"}},
		"999991111":   {magic: true, failed: map[kyc.Check]string{"ofac": "ofac_match"}},
		"999992222":   {magic: true, failed: map[kyc.Check]string{"ofac": "ofac_match", "bureau": "identity_not_confirmed"}},
	} {
		t.Run("SSN "+ssn, func(t *testing.T) {
			verdict := kyc.Verdict{Documents: want.documents, Review: want.review}
			for _, check := range []kyc.Check{"ofac", "bureau", "mobile", "ip", "email"} {
				reason := want.failed[check]
				verdict.Results = append(verdict.Results, kyc.Result{Check: check, Passed: reason == "", Reason: reason, Provider: "sandbox", Mode: "sandbox"})
			}
			got, err := provider(t, 0).Check(t.Context(), applicant(ssn), kyc.Checks()[1:], nil)
			if diff := cmp.Diff(verdict, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if got := sandbox.Magic(ssn); got != want.magic {
				t.Errorf("is magic: %t", got)
			}
			if kyc.WeakestMode(got.Results) != kyc.Sandbox {
				t.Error("a sandbox's result looks like a real one")
			}
		})
	}
}

// What the policy does not ask for fails nobody; documents and a person's look belong to no check.
func TestOnlyWhatIsAskedForIsAnswered(t *testing.T) {
	for ssn, want := range map[string]kyc.Verdict{
		"999990000": {Results: []kyc.Result{{Check: "ofac", Passed: true, Provider: "sandbox", Mode: "sandbox"}}},
		"999992222": {Results: []kyc.Result{{Check: "ofac", Reason: "ofac_match", Provider: "sandbox", Mode: "sandbox"}}},
		"333333333": {Results: []kyc.Result{{Check: "ofac", Passed: true, Provider: "sandbox", Mode: "sandbox"}}, Documents: []kyc.DocumentType{"government_id"}},
		"000000000": {Results: []kyc.Result{{Check: "ofac", Passed: true, Provider: "sandbox", Mode: "sandbox"}}, Review: true},
	} {
		got, err := provider(t, 0).Check(t.Context(), applicant(ssn), []kyc.Check{kyc.CheckOFAC}, nil)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("SSN %s: %v (-want +got):\n%s", ssn, err, diff)
		}
	}
}

func TestAnswersTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if _, err := provider(t, 3*time.Second).Check(t.Context(), applicant(""), kyc.Checks()[1:], nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestCallersWhoGoAreNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err := provider(t, time.Hour).Check(ctx, applicant("000000000"), kyc.Checks()[1:], nil)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(begin))
		}
		if diff := cmp.Diff(kyc.Verdict{}, got); diff != "" {
			t.Errorf("a verdict that nobody waited for:\n%s", diff)
		}
	})
}
