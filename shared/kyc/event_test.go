package kyc_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
)

// history is a customer whose first attempt ended and was replaced by one that went through everything.
func history() kyc.Customer {
	c := customer()
	c.Previous[programID] = kyc.Attempt{ID: "old", Status: kyc.Canceled, Timeline: []kyc.Transition{
		{Version: 1, Status: kyc.Submitted, At: noon}, {Version: 2, Status: kyc.Canceled, At: noon.Add(time.Second), Cause: "canceled_by_brand"},
	}}
	c.Attempts[programID] = kyc.Attempt{
		ID: "new", Status: kyc.Failed, Reasons: []string{kyc.ReasonBureau}, Reenter: []kyc.Field{kyc.SSN, kyc.LastName},
		Documents: []kyc.Document{{ID: "d", Type: kyc.GovernmentID, Status: kyc.DocumentAccepted, Asked: []int{4}}},
		Link:      kyc.Link{Generation: 2, Until: noon},
		Timeline: []kyc.Transition{
			{Version: 3, Status: kyc.Submitted, At: noon.Add(2 * time.Second)},
			{Version: 4, Status: kyc.DocumentRequired, At: noon.Add(3 * time.Second)},
			{Version: 5, Status: kyc.Submitted, At: noon.Add(4 * time.Second)},
			{Version: 6, Status: kyc.UnderReview, At: noon.Add(5 * time.Second)},
			{Version: 7, Status: kyc.Failed, At: noon.Add(6 * time.Second)},
		},
	}
	return c
}

func TestFollows(t *testing.T) {
	held := history()
	old, fresh := held.Previous[programID], held.Attempts[programID]
	work := func(id string) kyc.Work {
		return kyc.Work{BrandID: brandID, CustomerID: customerID, ProgramID: programID, AttemptID: id}
	}
	event := func(id string, name kyc.EventName, attempt string, version int, status kyc.Status) kyc.Event {
		return kyc.Event{ID: id, Name: name, BrandID: brandID, CustomerID: customerID, ProgramID: programID, AttemptID: attempt,
			OccurredAt: noon.Add(time.Duration(version-1) * time.Second), StateVersion: version, Status: status}
	}
	canceled := event("evt_old_2", "kyc.verification.canceled", "old", 2, kyc.Canceled)
	canceled.Cause = "canceled_by_brand"
	documents := event("evt_new_4", "kyc.verification.document_required", "new", 4, kyc.DocumentRequired)
	documents.Documents = []kyc.Document{{ID: "d", Type: kyc.GovernmentID, Status: kyc.DocumentAskedFor}}
	documents.Link = 2
	reenter := event("evt_new_4_fields", "kyc.verification.reenter_information", "new", 4, kyc.DocumentRequired)
	reenter.Fields = fresh.Reenter
	review := event("evt_new_6", "kyc.verification.under_review", "new", 6, kyc.UnderReview)
	failure := event("evt_new_7", "kyc.verification.failure", "new", 7, kyc.Failed)
	failure.Reasons, failure.Retryable = []string{kyc.ReasonBureau}, true

	for name, c := range map[string]struct {
		after int
		want  kyc.Consequences
	}{
		"all of it": {0, kyc.Consequences{
			Work:    []kyc.Work{work("old"), work("new"), work("new")},
			Events:  []kyc.Event{canceled, documents, reenter, review, failure},
			Archive: &old,
		}},
		"since the start that replaced": {2, kyc.Consequences{
			Work: []kyc.Work{work("new"), work("new")}, Events: []kyc.Event{documents, reenter, review, failure}, Archive: &old,
		}},
		"after that start":    {3, kyc.Consequences{Work: []kyc.Work{work("new")}, Events: []kyc.Event{documents, reenter, review, failure}}},
		"companions together": {4, kyc.Consequences{Work: []kyc.Work{work("new")}, Events: []kyc.Event{review, failure}}},
		"the newest":          {6, kyc.Consequences{Events: []kyc.Event{failure}}},
		"nothing new":         {7, kyc.Consequences{}},
		"from the future":     {8, kyc.Consequences{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, held.Follows(programID, c.after)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff(history(), held); diff != "" {
		t.Errorf("deriving changed the customer (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(kyc.Consequences{}, held.Follows("another program", 0)); diff != "" {
		t.Errorf("another program (-want +got):\n%s", diff)
	}
}

func TestEachStateHasItsEvent(t *testing.T) {
	for status, want := range map[kyc.Status]kyc.Event{
		kyc.Passed:           {Name: "kyc.verification.success"},
		kyc.Failed:           {Name: "kyc.verification.failure", Reasons: []string{kyc.ReasonOFAC}},
		kyc.DocumentRequired: {Name: "kyc.verification.document_required", Documents: []kyc.Document{{ID: "d", Status: kyc.DocumentAskedFor}}},
		kyc.UnderReview:      {Name: "kyc.verification.under_review"},
		kyc.Expired:          {Name: "kyc.verification.timeout", Cause: "why"},
		kyc.Errored:          {Name: "kyc.verification.error", Cause: "why"},
		kyc.Canceled:         {Name: "kyc.verification.canceled", Cause: "why"},
		kyc.Submitted:        {},
	} {
		t.Run(string(status), func(t *testing.T) {
			held := customer()
			held.Attempts[programID] = kyc.Attempt{
				ID: "a", Status: status, Reasons: []string{kyc.ReasonOFAC}, Documents: []kyc.Document{{ID: "d", Asked: []int{9}, Status: kyc.DocumentReceived}},
				Timeline: []kyc.Transition{{Version: 9, Status: status, At: noon, Cause: "why"}},
			}
			got := held.Follows(programID, 8)
			if status == kyc.Submitted {
				if len(got.Work) != 1 || len(got.Events) != 0 {
					t.Errorf("got %+v", got)
				}
				return
			}
			want.ID, want.BrandID, want.CustomerID, want.ProgramID, want.AttemptID = "evt_a_9", brandID, customerID, programID, "a"
			want.OccurredAt, want.StateVersion, want.Status = noon, 9, status
			if diff := cmp.Diff(kyc.Consequences{Events: []kyc.Event{want}}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever happened: asking again gives the same, asking later gives the rest of it, and no id stands for two events.
func TestFollowsIsPureAndComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		version := 0
		walk := func(id string) kyc.Attempt {
			a := kyc.Attempt{ID: id}
			if rapid.Bool().Draw(t, "reenter") {
				a.Reenter = []kyc.Field{kyc.SSN}
			}
			for range rapid.IntRange(0, 6).Draw(t, "changes") {
				version++
				a.Status = rapid.SampledFrom(kyc.Statuses()).Draw(t, "status")
				a.Timeline = append(a.Timeline, kyc.Transition{Version: version, Status: a.Status, At: noon})
			}
			return a
		}
		held := customer()
		held.Previous[programID], held.Attempts[programID] = walk("old"), walk("new")
		all := held.Follows(programID, 0)
		if diff := cmp.Diff(all, held.Follows(programID, 0)); diff != "" {
			t.Fatalf("a second time something else follows:\n%s", diff)
		}
		after := rapid.IntRange(0, version).Draw(t, "after")
		later := slices.DeleteFunc(slices.Clone(all.Events), func(e kyc.Event) bool { return e.StateVersion <= after })
		got := held.Follows(programID, after)
		if diff := cmp.Diff(fmt.Sprint(later), fmt.Sprint(got.Events)); diff != "" {
			t.Fatalf("after %d:\n%s", after, diff)
		}
		seen := map[string]bool{}
		for _, e := range all.Events {
			if seen[e.ID] || e.Name == "" {
				t.Fatalf("event %+v has no name, or the id of another", e)
			}
			seen[e.ID] = true
		}
		replaced := len(held.Attempts[programID].Timeline) > 0 && held.Attempts[programID].Timeline[0].Version > after
		if (got.Archive != nil) != replaced {
			t.Fatalf("after %d: archives %v, replaced is %t", after, got.Archive, replaced)
		}
	})
}

func TestExpandEvents(t *testing.T) {
	verification := kyc.EventNames()[:8]
	for name, c := range map[string]struct {
		patterns []string
		names    []kyc.EventName
		unknown  []string
	}{
		"nothing":                   {},
		"one name":                  {[]string{"customer.updated"}, []kyc.EventName{kyc.EventCustomerUpdated}, nil},
		"in the documents' order":   {[]string{"customer.updated", "kyc.verification.failure", "kyc.verification.success"}, []kyc.EventName{kyc.EventSuccess, kyc.EventFailure, kyc.EventCustomerUpdated}, nil},
		"each once":                 {[]string{"kyc.verification.success", "kyc.*", "kyc.verification.success"}, verification, nil},
		"all of a kind":             {[]string{"kyc.*"}, verification, nil},
		"all of a kind, no dot":     {[]string{"kyc*"}, verification, nil},
		"everything":                {[]string{"*"}, kyc.EventNames(), nil},
		"a part of a name":          {[]string{"kyc.verification.e*"}, []kyc.EventName{kyc.EventError}, nil},
		"a whole name and a star":   {[]string{"kyc.verification.error*"}, []kyc.EventName{kyc.EventError}, nil},
		"a prefix without a star":   {[]string{"kyc."}, nil, []string{"kyc."}},
		"a star in the middle":      {[]string{"kyc.*.success"}, nil, []string{"kyc.*.success"}},
		"other case":                {[]string{"KYC.*"}, nil, []string{"KYC.*"}},
		"empty":                     {[]string{""}, nil, []string{""}},
		"known and unknown at once": {[]string{"kyb.*", "customer.*", "x"}, []kyc.EventName{kyc.EventCustomerUpdated, kyc.EventCustomerDeleted}, []string{"kyb.*", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			names, unknown := kyc.ExpandEvents(c.patterns)
			if diff := cmp.Diff([]any{c.names, c.unknown}, []any{names, unknown}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSubscriptionWants(t *testing.T) {
	events := []kyc.EventName{kyc.EventSuccess}
	for name, c := range map[string]struct {
		sub  kyc.Subscription
		name kyc.EventName
		want bool
	}{
		"listed":           {kyc.Subscription{Status: kyc.StatusEnabled, Events: events}, kyc.EventSuccess, true},
		"not listed":       {kyc.Subscription{Status: kyc.StatusEnabled, Events: events}, kyc.EventFailure, false},
		"listed, paused":   {kyc.Subscription{Status: kyc.StatusPaused, Events: events}, kyc.EventSuccess, true},
		"listed, disabled": {kyc.Subscription{Status: kyc.StatusDisabled, Events: events}, kyc.EventSuccess, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.sub.Wants(c.name); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
