package kyc

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Verdict is what the checks of one evaluation found together.
type Verdict struct {
	Results   []Result
	Documents []DocumentType // to be asked for
	Review    bool           // a person must look
}

// Beside returns the verdict where some documents were accepted: they are not asked for again. Where the provider does so all
// the same, which they should have answered, a person looks.
func (v Verdict) Beside(accepted []DocumentType) Verdict {
	asked := len(v.Documents)
	v.Documents = slices.DeleteFunc(slices.Clone(v.Documents), func(t DocumentType) bool { return slices.Contains(accepted, t) })
	v.Review = v.Review || len(v.Documents) < asked
	return v
}

// Decision is the state that follows from a verdict, and why.
type Decision struct {
	Status    Status
	Results   []Result
	Reasons   []string
	Documents []Document

	DocumentDeadline time.Duration // of the documents; zero for DefaultDocumentDeadline
}

// Decide applies the rules in the order of their weight: a failed check fails, then documents are asked for, then a
// person looks, and what is left has passed. newID names the documents that are asked for, for as long as the policy says.
func Decide(v Verdict, policy Policy, newID func() string) Decision {
	d := Decision{Status: Passed, Results: v.Results}
	for _, r := range v.Results {
		v.Review = v.Review || r.Review
		if !r.Passed && !r.Review {
			d.Reasons = append(d.Reasons, cmp.Or(r.Reason, ReasonOtherFailed))
		}
	}
	slices.Sort(d.Reasons)
	d.Reasons = slices.Compact(d.Reasons)
	switch {
	case len(d.Reasons) > 0:
		d.Status = Failed
	case len(v.Documents) > 0:
		d.Status, d.DocumentDeadline = DocumentRequired, policy.DocumentDeadline
		for _, t := range v.Documents {
			d.Documents = append(d.Documents, Document{ID: newID(), Type: t, Status: DocumentAskedFor})
		}
	case v.Review:
		d.Status = UnderReview
	}
	return d
}

// CheckIdentity is the check of the identifying information itself: all that the policy requires is there, and the
// customer is old enough on the day of now.
func CheckIdentity(p Profile, policy Policy, mode Mode, now time.Time) Result {
	r := Result{Check: CheckCIP, Passed: true, Provider: "policy", Mode: mode}
	fail := func(reason string) Result { r.Passed, r.Reason = false, reason; return r }
	present := p.Present()
	for _, f := range policy.Required {
		if !slices.Contains(present, f) {
			return fail(ReasonMissing)
		}
	}
	if policy.MinimumAge == 0 {
		return r
	}
	born, err := time.Parse(time.DateOnly, p.Get(BirthDate))
	switch {
	case err != nil || born.After(now):
		return fail(ReasonBirthDate)
	case !policy.OldEnough(born, now):
		return fail(ReasonUnderage)
	}
	return r
}

// Advance moves the attempt to the state that d decided, as the change that makes state_version version. It returns
// an error when the table of transitions does not allow it or its results are too many, and ErrAttemptFull when it is too
// large to go on; it can be ended then.
func (a Attempt) Advance(d Decision, version int, at time.Time, cause string) (Attempt, error) {
	if !a.Status.CanBecome(d.Status) {
		return a, fmt.Errorf("attempt %s cannot go from %s to %s", a.ID, a.Status, d.Status)
	}
	if n := resultBytes(d.Results); n > maxResultBytes {
		return a, fmt.Errorf("attempt %s: its %d results take %d bytes, of %d", a.ID, len(d.Results), n, maxResultBytes)
	}
	before := a
	a.Status, a.DocumentsBy = d.Status, time.Time{}
	if d.Status == DocumentRequired {
		a.DocumentsBy = at.Add(cmp.Or(d.DocumentDeadline, DefaultDocumentDeadline))
	}
	// What an earlier state came with stays, so that its event can be derived again from the attempt.
	if d.Results != nil {
		a.Results = d.Results
	}
	if d.Reasons != nil {
		a.Reasons = d.Reasons
	}
	if d.Documents != nil { // beside those that were accepted before
		a.Documents = append(slices.DeleteFunc(slices.Clone(a.Documents), func(d Document) bool { return d.Status != DocumentAccepted }), d.Documents...)
	}
	if d.Status == DocumentRequired {
		a.Documents = asking(a.Documents, version)
		a.Link = a.Link.fresh(at)
	}
	a.Timeline = append(slices.Clone(a.Timeline), Transition{Version: version, Status: d.Status, At: at, Cause: cause})
	if !a.Status.Final() && a.Bytes() > maxAttemptBytes-roomToEnd {
		return before, ErrAttemptFull
	}
	return a, nil
}
