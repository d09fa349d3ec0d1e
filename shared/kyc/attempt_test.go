package kyc_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
)

func TestNextAction(t *testing.T) {
	ofac := []string{kyc.ReasonOFAC}
	for name, c := range map[string]struct {
		attempt kyc.Attempt
		left    int
		want    kyc.NextAction
	}{
		"submitted":          {kyc.Attempt{Status: kyc.Submitted}, 3, kyc.ActionWait},
		"under review":       {kyc.Attempt{Status: kyc.UnderReview}, 0, kyc.ActionWait},
		"documents":          {kyc.Attempt{Status: kyc.DocumentRequired}, 0, kyc.ActionProvideDocuments},
		"passed":             {kyc.Attempt{Status: kyc.Passed}, 3, kyc.ActionNone},
		"failed":             {kyc.Attempt{Status: kyc.Failed, Reasons: []string{kyc.ReasonBureau}}, 1, kyc.ActionStartAgain},
		"error":              {kyc.Attempt{Status: kyc.Errored}, 1, kyc.ActionStartAgain},
		"expired":            {kyc.Attempt{Status: kyc.Expired}, 1, kyc.ActionStartAgain},
		"canceled":           {kyc.Attempt{Status: kyc.Canceled}, 1, kyc.ActionStartAgain},
		"failed, none left":  {kyc.Attempt{Status: kyc.Failed}, 0, kyc.ActionNone},
		"on a sanction list": {kyc.Attempt{Status: kyc.Failed, Reasons: ofac}, 3, kyc.ActionNone},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.attempt.NextAction(c.left); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestCauseAndTimeOfAnAttemptWithoutATimeLine(t *testing.T) {
	a := kyc.Attempt{SubmittedAt: noon}
	if a.Cause() != "" || !a.ChangedAt().Equal(noon) {
		t.Errorf("got %q, %s", a.Cause(), a.ChangedAt())
	}
}

func TestAlarms(t *testing.T) {
	changed := func(status kyc.Status, at time.Time) kyc.Attempt {
		return kyc.Attempt{ID: attemptID, Status: status, SubmittedAt: noon.Add(-time.Hour), Timeline: []kyc.Transition{
			{Version: 1, Status: kyc.Submitted, At: noon.Add(-time.Hour)}, {Version: 2, Status: status, At: at},
		}}
	}
	asking := func(until time.Time) kyc.Attempt {
		a := changed(kyc.DocumentRequired, noon.Add(-time.Minute))
		a.DocumentsBy = until
		return a
	}
	two := map[string]int{"p": 2, "q": 2, "z": 2}
	for name, c := range map[string]struct {
		attempts          map[string]kyc.Attempt
		versions, relayed map[string]int
		next              time.Time // zero: none
		out               []kyc.RunOut
	}{
		"no attempt":         {},
		"all is done":        {attempts: map[string]kyc.Attempt{"p": changed(kyc.Passed, noon)}, versions: two, relayed: two},
		"waiting for people": {attempts: map[string]kyc.Attempt{"p": changed(kyc.UnderReview, noon)}, versions: two, relayed: two},
		"waiting for documents": {attempts: map[string]kyc.Attempt{"q": asking(noon.Add(24 * time.Hour))}, versions: two, relayed: two,
			next: noon.Add(24 * time.Hour)},
		"for documents, since before there were deadlines": {attempts: map[string]kyc.Attempt{"q": changed(kyc.DocumentRequired, noon)}, versions: two,
			relayed: two, next: noon.Add(28 * 24 * time.Hour)},
		"for documents, a microsecond left": {attempts: map[string]kyc.Attempt{"q": asking(noon.Add(time.Microsecond))}, versions: two, relayed: two,
			next: noon.Add(time.Microsecond)},
		"for documents that did not come": {attempts: map[string]kyc.Attempt{"q": asking(noon)}, versions: two, relayed: two,
			next: noon, out: []kyc.RunOut{{ProgramID: "q", Status: kyc.Expired, Cause: "documents_not_provided"}}},
		"not relayed": {attempts: map[string]kyc.Attempt{"p": changed(kyc.Passed, noon.Add(-time.Hour))}, versions: two,
			next: noon.Add(5 * time.Minute)},
		"not all relayed": {attempts: map[string]kyc.Attempt{"p": changed(kyc.Passed, noon)}, versions: two, relayed: map[string]int{"p": 1},
			next: noon.Add(5 * time.Minute)},
		"with a verifier": {attempts: map[string]kyc.Attempt{"p": changed(kyc.Submitted, noon.Add(-time.Minute))}, versions: two, relayed: two,
			next: noon.Add(14 * time.Minute)},
		"the earliest counts": {attempts: map[string]kyc.Attempt{"p": changed(kyc.Submitted, noon.Add(-time.Minute)), "q": changed(kyc.Submitted, noon.Add(-2*time.Minute)),
			"z": changed(kyc.Submitted, noon)}, versions: two, relayed: two, next: noon.Add(13 * time.Minute)},
		"the deadline comes before the relay": {attempts: map[string]kyc.Attempt{"p": changed(kyc.Submitted, noon.Add(-12*time.Minute))}, versions: two,
			next: noon.Add(3 * time.Minute)},
		"a microsecond left": {attempts: map[string]kyc.Attempt{"p": changed(kyc.Submitted, noon.Add(-15*time.Minute+time.Microsecond))}, versions: two, relayed: two,
			next: noon.Add(time.Microsecond)},
		"abandoned to the microsecond": {attempts: map[string]kyc.Attempt{"p": changed(kyc.Submitted, noon.Add(-15*time.Minute))}, versions: two, relayed: two,
			next: noon, out: []kyc.RunOut{{ProgramID: "p", Status: kyc.Errored, Cause: "not_verified_in_time"}}},
		"abandoned, in order": {attempts: map[string]kyc.Attempt{
			"z": changed(kyc.Submitted, noon.Add(-time.Hour)), "p": changed(kyc.Submitted, noon.Add(-time.Hour)), "q": changed(kyc.Failed, noon.Add(-time.Hour)),
		}, versions: two, relayed: two, next: noon.Add(-45 * time.Minute), out: []kyc.RunOut{
			{ProgramID: "p", Status: kyc.Errored, Cause: "not_verified_in_time"}, {ProgramID: "z", Status: kyc.Errored, Cause: "not_verified_in_time"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			held := kyc.Customer{Attempts: c.attempts, Versions: c.versions, Relayed: c.relayed}
			next, pending := held.NextAlarm(noon)
			if diff := cmp.Diff(c.next, next); diff != "" || pending == c.next.IsZero() {
				t.Errorf("next alarm, pending is %t (-want +got):\n%s", pending, diff)
			}
			if diff := cmp.Diff(c.out, held.RunOut(noon)); diff != "" {
				t.Errorf("run out (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAttemptStatus(t *testing.T) {
	held := kyc.Customer{
		Attempts: map[string]kyc.Attempt{"p": {ID: "new", Status: kyc.Submitted}},
		Previous: map[string]kyc.Attempt{"p": {ID: "old", Status: kyc.Failed}},
	}
	for name, c := range map[string]struct {
		program, id string
		want        kyc.Status
		known       bool
	}{
		"current":         {"p", "new", kyc.Submitted, true},
		"before it":       {"p", "old", kyc.Failed, true},
		"archived":        {"p", "older", "", false},
		"another program": {"q", "new", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, known := held.AttemptStatus(c.program, c.id); got != c.want || known != c.known {
				t.Errorf("got %q, %t", got, known)
			}
		})
	}
}

func TestNothingProvesNothing(t *testing.T) {
	if mode := kyc.WeakestMode(nil); mode != kyc.Sandbox {
		t.Errorf("no result counts as %s", mode)
	}
	if status, ok := (kyc.Customer{}).AttemptStatus("program", ""); ok {
		t.Errorf("no attempt has status %q", status)
	}
}

func TestAHeldAttemptIsNotAbandoned(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	deadline := start.Add(kyc.WorkerDeadline)
	c := kyc.Customer{Attempts: map[string]kyc.Attempt{"p": {Status: kyc.Submitted, SubmittedAt: start, LeaseUntil: deadline.Add(time.Second)}}}
	if programs := c.RunOut(deadline); len(programs) != 0 {
		t.Errorf("given up while a verifier holds it: %v", programs)
	}
	if next, ok := c.NextAlarm(deadline); !ok || !next.Equal(deadline.Add(time.Second)) {
		t.Errorf("alarm %v %t", next, ok)
	}
	if programs := c.RunOut(deadline.Add(time.Second)); len(programs) != 1 {
		t.Errorf("not given up after the lease: %v", programs)
	}
}
