package kyc

import (
	"slices"
	"strings"
	"time"
)

// Mode says whether a result can be relied on. A sandbox result never makes a live attempt pass.
type Mode string

const (
	Sandbox Mode = "sandbox"
	Live    Mode = "live"
)

// Check names one test inside an attempt, spelled as in the API.
type Check string

const (
	CheckCIP    Check = "cip"  // the identifying information itself, 31 CFR 1020.220(a)(2)(i)
	CheckOFAC   Check = "ofac" // sanctions lists, 31 CFR part 501
	CheckBureau Check = "bureau"
	CheckMobile Check = "mobile"
	CheckIP     Check = "ip"
	CheckEmail  Check = "email"

	CheckDuplicates Check = "duplicates" // whether another customer of the brand has the SSN
)

// Checks lists the checks that a policy can name, in the order of the documentation.
func Checks() []Check {
	return []Check{CheckCIP, CheckOFAC, CheckBureau, CheckMobile, CheckIP, CheckEmail}
}

// Result is what one check found.
type Result struct {
	Check    Check
	Passed   bool
	Reason   string   // from the closed list below; empty where passed
	Review   bool     // what it found is for a person to judge, and does not fail the attempt
	Others   []string // ids of other customers that it found, MaxOthers at the most
	Provider string
	Mode     Mode
}

// Reasons for a failure. The list is closed; an entry is never reused for another meaning.
const (
	ReasonOFAC        = "ofac_match"
	ReasonBureau      = "identity_not_confirmed"
	ReasonMissing     = "identity_information_missing"
	ReasonBirthDate   = "date_of_birth_invalid"
	ReasonUnderage    = "below_minimum_age"
	ReasonPhone       = "phone_invalid"
	ReasonDuplicate   = "duplicate_identity"
	ReasonContradicts = "identity_differs"
	ReasonOtherFailed = "check_failed"
)

// Transition is one entry of an attempt's time line.
type Transition struct {
	Version int // the program's state_version that this change made
	Status  Status
	At      time.Time
	Cause   string // why, where the state alone does not say it
}

// Attempt is one KYC run of a customer in a program.
type Attempt struct {
	ID             string
	Status         Status
	SubmittedAt    time.Time
	Mode           Mode   // the stage's mode when it was opened
	PolicyVersion  int    // it is judged by the policy it was opened under
	OpenedBy       string // Identity of the key pair that opened it
	RetryRequested bool
	Fields         Sealed // what the start's body brought
	Fence          int    // raised by every claim and every change of its documents or its link; writes are conditional on what they saw
	LeaseUntil     time.Time
	Counted        bool // whether it has been counted as used
	Results        []Result
	Reasons        []string
	Documents      []Document
	DocumentsBy    time.Time // when it is given up while it asks for documents; zero in every other state
	Link           Link      // by which its customer sends documents
	Reenter        []Field   // what the customer may have mistyped; a new start with these replaces the attempt
	Timeline       []Transition
	Late           []Result // what its checks had found when someone else had ended it; it changes nothing
	LateAt         time.Time
}

// EndedBeside reports whether a is the attempt that a worker claimed, ended by someone else before any other worker
// claimed it.
func (a Attempt) EndedBeside(claimed Attempt) bool {
	return a.ID == claimed.ID && a.Fence == claimed.Fence && slices.Contains(EndedWithoutResults(), a.Status)
}

// Cause returns the cause of the attempt's newest state.
func (a Attempt) Cause() string {
	if len(a.Timeline) == 0 {
		return ""
	}
	return a.Timeline[len(a.Timeline)-1].Cause
}

// ChangedAt returns the time of the attempt's newest state.
func (a Attempt) ChangedAt() time.Time {
	if len(a.Timeline) == 0 {
		return a.SubmittedAt
	}
	return a.Timeline[len(a.Timeline)-1].At
}

// Retryable reports whether another attempt may end differently. A sanctions match does not go away by asking again.
func (a Attempt) Retryable() bool { return !slices.Contains(a.Reasons, ReasonOFAC) }

// NextAction is what the brand can do now.
type NextAction string

const (
	ActionNone             NextAction = "none"
	ActionWait             NextAction = "wait"
	ActionProvideDocuments NextAction = "provide_documents"
	ActionStartAgain       NextAction = "start_again"
)

// NextAction tells what the brand can do now, with the given number of attempts left.
func (a Attempt) NextAction(left int) NextAction {
	switch {
	case !a.Status.Final() && a.Status != DocumentRequired:
		return ActionWait
	case a.Status == DocumentRequired:
		return ActionProvideDocuments
	case a.Status != Passed && a.Retryable() && left > 0:
		return ActionStartAgain
	}
	return ActionNone
}

// SupersededBy returns the attempt, which asked for corrections, as the start of the next one leaves it: canceled by the
// same change.
func (a Attempt) SupersededBy(next Attempt) Attempt {
	if a.Status.Final() || len(next.Timeline) == 0 {
		return a
	}
	a.Status = Canceled
	a.Documents = archivedDocuments(a.Documents)
	a.Timeline = append(slices.Clone(a.Timeline), Transition{
		Version: next.Timeline[0].Version, Status: Canceled, At: next.SubmittedAt, Cause: "superseded",
	})
	return a
}

// WeakestMode returns Sandbox if any result is a sandbox's, or if there is none: nothing proves nothing.
func WeakestMode(results []Result) Mode {
	if len(results) == 0 || slices.ContainsFunc(results, func(r Result) bool { return r.Mode != Live }) {
		return Sandbox
	}
	return Live
}

// Customer is the aggregate of KYC: small, without personal data in clear. Maps are keyed by program id.
type Customer struct {
	BrandID        string
	ID             string
	CreatedAt      time.Time
	Attempts       map[string]Attempt   // the current attempt
	Previous       map[string]Attempt   // the one it replaced, until that is archived
	Used           map[string]int       // attempts that reached a check
	Ended          map[string]time.Time // when the last attempt ended without a pass
	Versions       map[string]int       // state_version: raised by one by every change
	Relayed        map[string]int       // the state_version up to which all that follows has been sent
	Present        []Field
	ProfileVersion int
	Changes        []ProfileChange // of the customer's data, at least those that are still to be relayed, oldest first
	Rev            int             // raised by every write of the item
	DueAt          time.Time       // the alarm, in real time
	ClosedAt       time.Time       // when it was deleted, zero while it was not
	Erased         []string        // what that has erased, by the names of Erasure
}

// Attempt returns the current attempt in a program.
func (c Customer) Attempt(programID string) (Attempt, bool) {
	a, ok := c.Attempts[programID]
	return a, ok
}

// AttemptStatus returns the state of an attempt that is the program's current one, or the one before while it is not archived.
func (c Customer) AttemptStatus(programID, attemptID string) (Status, bool) {
	for _, attempts := range []map[string]Attempt{c.Attempts, c.Previous} {
		if a, ok := attempts[programID]; ok && a.ID == attemptID {
			return a.Status, true
		}
	}
	return "", false
}

// WorkerDeadline is how long an attempt may stay submitted without a verifier ending it.
const WorkerDeadline = 15 * time.Minute

// workerDeadline is when a submitted attempt is given up: not while a verifier still holds it.
func (a Attempt) workerDeadline() time.Time {
	deadline := a.ChangedAt().Add(WorkerDeadline)
	if a.LeaseUntil.After(deadline) {
		return a.LeaseUntil
	}
	return deadline
}

// deadline is when someone must end the attempt, and false where nothing is awaited that may not come.
func (a Attempt) deadline() (time.Time, bool) {
	switch a.Status {
	case Submitted:
		return a.workerDeadline(), true
	case DocumentRequired:
		return a.DocumentsDue(), true
	}
	return time.Time{}, false
}

// DocumentsDue is when an attempt that asks for documents is given up, and zero in every other state.
func (a Attempt) DocumentsDue() time.Time {
	if a.Status == DocumentRequired && a.DocumentsBy.IsZero() { // it asked before there were deadlines
		return a.ChangedAt().Add(DefaultDocumentDeadline)
	}
	return a.DocumentsBy
}

// Awaits reports whether the attempt is to be ended at some time, if nobody else moves it on.
func (a Attempt) Awaits() bool {
	_, awaits := a.deadline()
	return awaits
}

// AlarmDelay is how far ahead each write that opens or advances an attempt sets the customer's alarm: by then all that
// follows must have been sent, or it is sent again.
const AlarmDelay = 5 * time.Minute

// Unrelayed reports whether it is not on record that all that follows from the program's changes was sent.
func (c Customer) Unrelayed(programID string) bool {
	return c.Relayed[programID] < c.Versions[programID]
}

// NextAlarm returns the moment, in the brand's time as now is, when someone must look at the customer again, and false
// when nothing is pending.
func (c Customer) NextAlarm(now time.Time) (time.Time, bool) {
	var next time.Time
	ring := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for programID := range c.Versions {
		if c.Unrelayed(programID) {
			ring(now.Add(AlarmDelay))
		}
	}
	for _, a := range c.Attempts {
		if deadline, awaits := a.deadline(); awaits {
			ring(deadline)
		}
	}
	return next, !next.IsZero()
}

// RunOut is how an attempt ends whose time has run out.
type RunOut struct {
	ProgramID string
	Status    Status
	Cause     string
}

// RunOut lists, in the order of their programs, the attempts whose time has run out: those that no verifier has ended, which
// is an error on our side, and those whose documents were not provided.
func (c Customer) RunOut(now time.Time) []RunOut {
	var out []RunOut
	for programID, a := range c.Attempts {
		deadline, awaits := a.deadline()
		switch {
		case !awaits || deadline.After(now):
		case a.Status == DocumentRequired:
			out = append(out, RunOut{programID, Expired, "documents_not_provided"})
		default:
			out = append(out, RunOut{programID, Errored, "not_verified_in_time"})
		}
	}
	slices.SortFunc(out, func(a, b RunOut) int { return strings.Compare(a.ProgramID, b.ProgramID) })
	return out
}

// OnFile is a customer with its encrypted data, which are of the same version unless a write came between their reads.
type OnFile struct {
	Customer Customer
	Profile  Sealed
	Version  int // of Profile
}

// Listed is the place of a customer in the list of its brand's: by the time of creation, and then by id.
type Listed struct {
	CreatedAt  time.Time
	CustomerID string
}

// CustomerRef names a customer.
type CustomerRef struct{ BrandID, CustomerID string }

// Pair is a customer in a program: what KYC is run for.
type Pair struct{ BrandID, CustomerID, ProgramID string }
