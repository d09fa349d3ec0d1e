package kyc

import "slices"

// Status is the state of an attempt, spelled as on the wire.
type Status string

const (
	Submitted        Status = "submitted"
	DocumentRequired Status = "document_required"
	UnderReview      Status = "under_review"
	Passed           Status = "passed"
	Failed           Status = "failed"
	Errored          Status = "error"
	Expired          Status = "expired"
	Canceled         Status = "canceled"
)

// transitions is the only place that says which state may follow which. Final states have no entry.
var transitions = map[Status][]Status{
	Submitted:        {Passed, Failed, DocumentRequired, UnderReview, Errored, Expired, Canceled},
	DocumentRequired: {Submitted, UnderReview, Failed, Passed, Expired, Errored, Canceled},
	UnderReview:      {Passed, Failed, DocumentRequired, Errored, Expired, Canceled},
}

// Statuses lists every state an attempt can have.
func Statuses() []Status {
	return []Status{Submitted, DocumentRequired, UnderReview, Passed, Failed, Errored, Expired, Canceled}
}

// CanBecome reports whether an attempt in state s may go to state t.
func (s Status) CanBecome(t Status) bool { return slices.Contains(transitions[s], t) }

// Final reports whether an attempt in state s has ended. Passed is final for the pair of customer and program too.
func (s Status) Final() bool { return len(transitions[s]) == 0 }

// EndedWithoutResults lists the final states that no result of a check leads to.
func EndedWithoutResults() []Status { return []Status{Errored, Expired, Canceled} }

// Restartable lists the states after which a new attempt may be opened.
func Restartable() []Status { return []Status{Failed, Errored, Expired, Canceled} }
