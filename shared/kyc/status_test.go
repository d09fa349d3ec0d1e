package kyc_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
)

// published is the list of transitions as the design writes it out.
var published = map[kyc.Status][]kyc.Status{
	"submitted":         {"passed", "failed", "document_required", "under_review", "error", "expired", "canceled"},
	"document_required": {"submitted", "under_review", "failed", "passed", "expired", "error", "canceled"},
	"under_review":      {"passed", "failed", "document_required", "error", "expired", "canceled"},
	"passed":            nil,
	"failed":            nil,
	"error":             nil,
	"expired":           nil,
	"canceled":          nil,
}

func TestTransitionsAreThePublishedOnes(t *testing.T) {
	got := map[kyc.Status][]kyc.Status{}
	for _, from := range kyc.Statuses() {
		got[from] = nil
		for _, to := range kyc.Statuses() {
			if from.CanBecome(to) {
				got[from] = append(got[from], to)
			}
		}
	}
	sorted := map[kyc.Status][]kyc.Status{}
	for from, list := range published {
		sorted[from] = slices.Clone(list)
		slices.SortFunc(sorted[from], func(a, b kyc.Status) int {
			return slices.Index(kyc.Statuses(), a) - slices.Index(kyc.Statuses(), b)
		})
	}
	if diff := cmp.Diff(sorted, got); diff != "" {
		t.Errorf("(-published +code):\n%s", diff)
	}
}

func TestFinalStates(t *testing.T) {
	final := []kyc.Status{"passed", "failed", "error", "expired", "canceled"}
	for _, s := range kyc.Statuses() {
		if got, want := s.Final(), slices.Contains(final, s); got != want {
			t.Errorf("%s: final is %t", s, got)
		}
		if got, want := slices.Contains(kyc.Restartable(), s), slices.Contains(final, s) && s != kyc.Passed; got != want {
			t.Errorf("%s: restartable is %t", s, got)
		}
	}
	for _, s := range []kyc.Status{"", "PASSED", "unknown"} {
		if kyc.Submitted.CanBecome(s) || s.CanBecome(kyc.Passed) || slices.Contains(kyc.Restartable(), s) {
			t.Errorf("%q is no state and takes part in transitions", s)
		}
	}
}

// An attempt that is pushed anywhere at random moves along published transitions only, stays where it ended, and its
// time line tells the way.
func TestAttemptWalksTheTableOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := kyc.Attempt{ID: "a", Status: kyc.Submitted, Timeline: []kyc.Transition{{Version: 1, Status: kyc.Submitted, At: noon}}}
		way := []kyc.Status{kyc.Submitted}
		for step := range rapid.IntRange(0, 12).Draw(t, "steps") {
			to := rapid.SampledFrom(kyc.Statuses()).Draw(t, "to")
			listed := slices.Contains(published[a.Status], to)
			at := noon.Add(time.Duration(step) * time.Second)
			next, err := a.Advance(kyc.Decision{Status: to}, len(way)+1, at, "because")
			if (err == nil) != listed {
				t.Fatalf("from %s to %s: listed is %t, error is %v", a.Status, to, listed, err)
			}
			if err != nil {
				if diff := cmp.Diff(a, next); diff != "" {
					t.Fatalf("a refused change changed the attempt (-before +after):\n%s", diff)
				}
				continue
			}
			way = append(way, to)
			if len(next.Timeline) != len(a.Timeline)+1 || next.Cause() != "because" || !next.ChangedAt().Equal(at) {
				t.Fatalf("the time line does not tell the change: %+v", next.Timeline)
			}
			a = next
		}
		for n, entry := range a.Timeline {
			if entry.Status != way[n] || entry.Version != n+1 {
				t.Fatalf("entry %d is %+v, want %s", n, entry, way[n])
			}
		}
	})
}

// Two changes of one attempt must not write into one time line.
func TestAdvanceLeavesTheOldAttemptAlone(t *testing.T) {
	timeline := make([]kyc.Transition, 1, 8)
	timeline[0] = kyc.Transition{Version: 1, Status: kyc.Submitted, At: noon}
	a := kyc.Attempt{ID: "a", Status: kyc.Submitted, Timeline: timeline}
	passed, err := a.Advance(kyc.Decision{Status: kyc.Passed}, 2, noon, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Advance(kyc.Decision{Status: kyc.Failed}, 2, noon, ""); err != nil {
		t.Fatal(err)
	}
	if passed.Timeline[1].Status != kyc.Passed || len(a.Timeline) != 1 {
		t.Errorf("time lines share memory: %+v", passed.Timeline)
	}
}
