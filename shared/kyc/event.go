package kyc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EventName is the name of an event, as subscriptions list it.
type EventName string

const (
	EventSuccess          EventName = "kyc.verification.success"
	EventFailure          EventName = "kyc.verification.failure"
	EventDocumentRequired EventName = "kyc.verification.document_required"
	EventReenter          EventName = "kyc.verification.reenter_information"
	EventUnderReview      EventName = "kyc.verification.under_review"
	EventTimeout          EventName = "kyc.verification.timeout"
	EventError            EventName = "kyc.verification.error"
	EventCanceled         EventName = "kyc.verification.canceled"
	EventCustomerUpdated  EventName = "customer.updated"
	EventCustomerDeleted  EventName = "customer.deleted"
	// EventSubscriptionDisabled tells a brand's other subscriptions that the product has disabled one.
	EventSubscriptionDisabled EventName = "webhook.subscription.disabled"
	// EventTest is sent on demand to one subscription, whatever it has subscribed to.
	EventTest EventName = "webhook.test"
)

// EventNames lists every event that can be subscribed to, in the order of the documentation.
func EventNames() []EventName {
	return []EventName{EventSuccess, EventFailure, EventDocumentRequired, EventReenter, EventUnderReview, EventTimeout,
		EventError, EventCanceled, EventCustomerUpdated, EventCustomerDeleted, EventSubscriptionDisabled}
}

// OfCustomer reports whether the event is about a customer's data, and so about no attempt.
func (n EventName) OfCustomer() bool { return n == EventCustomerUpdated || n == EventCustomerDeleted }

var eventOf = map[Status]EventName{
	Passed: EventSuccess, Failed: EventFailure, DocumentRequired: EventDocumentRequired, UnderReview: EventUnderReview,
	Expired: EventTimeout, Errored: EventError, Canceled: EventCanceled,
}

// Event is one change that brands are told about. It holds ids and states, never personal data.
type Event struct {
	ID             string // of EventID, so that relaying twice makes the same event
	Name           EventName
	BrandID        string
	CustomerID     string // empty where it is about a subscription
	ProgramID      string
	AttemptID      string
	SubscriptionID string // of which it tells, empty where it is about a customer
	OccurredAt     time.Time
	StateVersion   int // 0 of a test
	Status         Status
	Reasons        []string
	Retryable      bool
	Documents      []Document
	Link           int    // generation of the link by which the documents can be sent, 0 where there is none
	UploadLink     Secret // that very link; only on the way out
	Fields         []Field
	Cause          string
}

// LinkRef names the link of the event, whose Link is not 0.
func (e Event) LinkRef() LinkRef {
	return LinkRef{Pair{e.BrandID, e.CustomerID, e.ProgramID}, e.AttemptID, e.Link}
}

// KeepEvents is how long events and their deliveries can be read and sent again.
const KeepEvents = 90 * 24 * time.Hour

// EventID names the event of the change that made the given version of an attempt, of a customer's data or of a
// subscription.
func EventID(of string, version int) string { return fmt.Sprintf("evt_%s_%d", of, version) }

// VersionOf returns the state_version in the id of an event, 0 where there is none.
func VersionOf(eventID string) int {
	parts := strings.Split(eventID, "_")
	if len(parts) < 3 {
		return 0
	}
	version, _ := strconv.Atoi(parts[2])
	return version
}

// Work asks a verifier to evaluate an attempt.
type Work struct {
	BrandID, CustomerID, ProgramID, AttemptID string
}

// Consequences is all that must follow from the changes of one customer in one program.
type Consequences struct {
	Work    []Work
	Events  []Event
	Archive *Attempt // the attempt that was replaced, nil where none was
}

// Follows derives what must follow from every change of the program's state after state_version after, or with OfProfile
// from every change of the customer's data. It is a pure function: the same customer gives the same consequences with the
// same ids, whenever it is asked.
func (c Customer) Follows(programID string, after int) Consequences {
	if programID == OfProfile {
		return Consequences{Events: c.updates(after)}
	}
	var all Consequences
	if prev, ok := c.Previous[programID]; ok {
		c.follow(prev, programID, after, &all)
		// Replaced by this very change, or by one that was never relayed.
		if current := c.Attempts[programID]; len(current.Timeline) > 0 && current.Timeline[0].Version > after {
			all.Archive = &prev
		}
	}
	if current, ok := c.Attempts[programID]; ok {
		c.follow(current, programID, after, &all)
	}
	return all
}

func (c Customer) follow(a Attempt, programID string, after int, all *Consequences) {
	for _, t := range a.Timeline {
		if t.Version <= after {
			continue
		}
		if t.Status == Submitted {
			all.Work = append(all.Work, Work{c.BrandID, c.ID, programID, a.ID})
			continue
		}
		e := Event{
			ID: EventID(a.ID, t.Version), Name: eventOf[t.Status],
			BrandID: c.BrandID, CustomerID: c.ID, ProgramID: programID, AttemptID: a.ID,
			OccurredAt: t.At, StateVersion: t.Version, Status: t.Status,
		}
		switch t.Status {
		case Failed:
			e.Reasons, e.Retryable = a.Reasons, a.Retryable()
		case DocumentRequired:
			e.Documents, e.Link = a.askedFor(t.Version), a.Link.Generation
		case Expired, Errored, Canceled:
			e.Cause = t.Cause
		}
		all.Events = append(all.Events, e)
		if t.Status == DocumentRequired && len(a.Reenter) > 0 {
			e.ID += "_fields"
			e.Name, e.Documents, e.Link, e.Fields = EventReenter, nil, 0, a.Reenter
			all.Events = append(all.Events, e)
		}
	}
}

// Note says how far the consequences of a customer's changes in one program have been sent.
type Note struct {
	ProgramID string
	From, To  int    // all that follows from the changes after state_version From and up to To has been sent
	Archived  string // the replaced attempt that the archive holds now; none where empty
	Settled   bool   // nothing is pending any more
}

// ExpandEvents turns the patterns of a subscription into event names: a name stands for itself, and a * at the end for
// everything that begins so. It returns the patterns that match nothing.
func ExpandEvents(patterns []string) (names []EventName, unknown []string) {
	for _, p := range patterns {
		prefix, wild := strings.CutSuffix(p, "*")
		matched := false
		for _, name := range EventNames() {
			if string(name) == p || wild && strings.HasPrefix(string(name), prefix) {
				matched = true
				names = append(names, name)
			}
		}
		if !matched {
			unknown = append(unknown, p)
		}
	}
	order := EventNames()
	slices.SortFunc(names, func(a, b EventName) int { return slices.Index(order, a) - slices.Index(order, b) })
	return slices.Compact(names), unknown
}
