// Package sandbox is the identity provider of sandbox stages. It knows nobody: its answer depends on the SSN alone, and
// every result says that it is a sandbox's.
package sandbox

import (
	"context"
	"errors"
	"slices"
	"time"

	"kyc/shared/kyc"
)

// Provider answers from the table of magic SSNs. It is safe for concurrent use.
type Provider struct {
	delay time.Duration // how long an answer takes
}

// New returns a provider that takes delay for an answer. It refuses to serve a stage that is not a sandbox.
func New(mode kyc.Mode, delay time.Duration) (Provider, error) {
	if mode != kyc.Sandbox {
		return Provider{}, errors.New("a live stage needs an identity provider, and this version has the sandbox's alone: deploy with Mode=sandbox")
	}
	return Provider{delay: delay}, nil
}

type outcome struct {
	failed    []kyc.Check
	documents []kyc.DocumentType
	review    bool
}

// outcomes is the newest published table of sandbox SSNs (reference/bond-api.md 13.2), and the three values for
// failures of its first edition. Any other number passes.
var outcomes = map[string]outcome{
	"000000000": {review: true},
	"111111111": {documents: []kyc.DocumentType{kyc.SocialSecurityCard, kyc.GovernmentID}},
	"222222222": {documents: []kyc.DocumentType{kyc.GovernmentID, kyc.ProofOfAddress}},
	"333333333": {documents: []kyc.DocumentType{kyc.GovernmentID}},
	"444444444": {documents: []kyc.DocumentType{kyc.SocialSecurityCard, kyc.GovernmentID, kyc.ProofOfAddress}},
	"999990000": {failed: []kyc.Check{kyc.CheckBureau}},
	"999991111": {failed: []kyc.Check{kyc.CheckOFAC}},
	"999992222": {failed: []kyc.Check{kyc.CheckBureau, kyc.CheckOFAC}},
}

// Magic reports whether ssn, nine digits, steers the sandbox: such a number is taken though it could not be issued.
func Magic(ssn string) bool {
	_, ok := outcomes[ssn]
	return ok
}

// MagicIn returns Magic for a sandbox stage, and nil for any other: there no number steers anything.
func MagicIn(mode kyc.Mode) func(ssn string) bool {
	if mode != kyc.Sandbox {
		return nil
	}
	return Magic
}

var reasons = map[kyc.Check]string{kyc.CheckOFAC: kyc.ReasonOFAC, kyc.CheckBureau: kyc.ReasonBureau}

// Check runs the named checks on an applicant. A number that fails a check passes where that one is not asked for; one that
// leads to documents or to a person does so whatever is asked for, because that is what it is for, and no more once the
// documents were accepted. Check returns the context's error when that ends before the delay.
func (p Provider) Check(ctx context.Context, applicant kyc.Profile, checks []kyc.Check, accepted []kyc.DocumentType) (kyc.Verdict, error) {
	timer := time.NewTimer(p.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return kyc.Verdict{}, ctx.Err()
	}
	o := outcomes[applicant.Get(kyc.SSN)]
	v := kyc.Verdict{Review: o.review}
	for _, t := range o.documents {
		if !slices.Contains(accepted, t) {
			v.Documents = append(v.Documents, t)
		}
	}
	for _, check := range checks {
		r := kyc.Result{Check: check, Passed: !slices.Contains(o.failed, check), Provider: "sandbox", Mode: kyc.Sandbox}
		if !r.Passed {
			r.Reason = reasons[check]
		}
		v.Results = append(v.Results, r)
	}
	return v, nil
}
