package verification

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kyc/shared/duplicate"
	"kyc/shared/kyc"
)

// Overrides is where outcomes are forced.
type Overrides interface {
	Customer(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
	// Profile returns the customer's encrypted data and its version.
	Profile(ctx context.Context, brandID, customerID string) (kyc.Sealed, int, error)
	// AdvanceAttempt makes one change of state, or returns what stood in the way.
	AdvanceAttempt(ctx context.Context, a kyc.Advance) (*kyc.Standing, error)
	// FileDocuments changes documents and leaves the attempt's state as it is, or returns what stood in the way.
	FileDocuments(ctx context.Context, f kyc.Filing) (*kyc.Standing, error)
}

// Overrider forces the outcomes of attempts on sandbox stages: what a provider or a reviewer would decide. What it does is
// what they do, so that events, conditions and the identity on file are as they would be. It is safe for concurrent use.
type Overrider struct {
	attempts Overrides
	vault    Opener
	clock    Clock
	magic    func(ssn string) bool
}

// NewOverrider refuses to serve a live stage.
func NewOverrider(mode kyc.Mode, attempts Overrides, vault Opener, clock Clock, magicSSN func(ssn string) bool) (*Overrider, error) {
	if mode != kyc.Sandbox {
		return nil, errors.New("the outcome of an attempt of a live stage can't be forced: this function is for Mode=sandbox")
	}
	return &Overrider{attempts, vault, clock, magicSSN}, nil
}

// Override is an outcome that is asked for.
type Override struct {
	BrandID, CustomerID, ProgramID string
	Status                         kyc.Status          // passed, failed or expired; empty for a verdict on a document
	DocumentID                     string              // that the verdict is on
	Verdict                        string              // accepted or rejected
	Reason                         string              // of a rejection
	Wrong                          map[string][]string // what the reader of the body has found wrong already
}

// causeSimulated is why an attempt is where a simulation has put it.
const causeSimulated = "simulated"

// Override forces an outcome, and returns the attempt with it. It refuses with input_error what is malformed, and as a
// cancellation does what is no open attempt; with resource_conflict a verdict on a document that was not received.
func (o *Overrider) Override(ctx context.Context, want Override) (kyc.Pair, kyc.Attempt, error) {
	pair := kyc.Pair{BrandID: want.BrandID, CustomerID: strings.ToLower(want.CustomerID), ProgramID: strings.ToLower(want.ProgramID)}
	if wrong := want.validate(pair); len(wrong) > 0 {
		return pair, kyc.Attempt{}, &kyc.Error{Kind: kyc.Invalid, Code: "input_error", Fields: wrong}
	}
	for range maxCancels {
		c, err := o.attempts.Customer(ctx, pair.BrandID, pair.CustomerID)
		if err != nil {
			return pair, kyc.Attempt{}, err
		}
		a, ok := c.Attempt(pair.ProgramID)
		switch {
		case !ok:
			return pair, a, kyc.ErrNeverStarted()
		case a.Status == kyc.Passed:
			return pair, a, kyc.ErrAlreadyPassed(a)
		case a.Status.Final():
			return pair, a, overrideConflict(a, "The attempt has ended already. Start KYC again, and then ask for this outcome.")
		}
		now, err := o.clock.Now(ctx, pair.BrandID)
		if err != nil {
			return pair, a, err
		}
		to, stood, err := o.once(ctx, c, pair.ProgramID, want, now)
		if err != nil || stood == nil {
			return pair, to, err
		}
	}
	return pair, kyc.Attempt{}, &kyc.Error{Kind: kyc.Unavailable, Code: "kyc_error", Headers: map[string]string{"Retry-After": "1"},
		Message: "The attempt kept changing, and nothing was written. Send the same request again in a moment."}
}

func (w Override) validate(pair kyc.Pair) map[string][]string {
	wrong := map[string][]string{}
	refuse := func(field, why string) { wrong[field] = []string{why} }
	for field, id := range map[string]string{"customer_id": pair.CustomerID, "program_id": pair.ProgramID} {
		if id == "" {
			refuse(field, kyc.MissingField)
		} else if !kyc.IsUUID(id) {
			refuse(field, "Must be a UUID.")
		}
	}
	if w.Status == "" {
		if w.DocumentID == "" {
			refuse("document_id", kyc.MissingField)
		} else if !kyc.IsUUID(strings.ToLower(w.DocumentID)) {
			refuse("document_id", "Must be a UUID.")
		}
		switch w.Verdict {
		case "":
			refuse("verdict", kyc.MissingField)
		case string(kyc.DocumentAccepted), string(kyc.DocumentRejected):
		default:
			refuse("verdict", "Must be accepted or rejected.")
		}
		switch rejects := w.Verdict == string(kyc.DocumentRejected); {
		case rejects && w.Reason == "":
			refuse("reason", kyc.MissingField)
		case rejects && !slices.Contains(kyc.DocumentRejections(), kyc.Rejection(w.Reason)):
			refuse("reason", fmt.Sprintf("Must be one of %v.", kyc.DocumentRejections()))
		case !rejects && w.Reason != "":
			refuse("reason", "Belongs to a rejection: leave it out.")
		}
	}
	maps.Copy(wrong, w.Wrong)
	return wrong
}

func overrideConflict(a kyc.Attempt, message string) error {
	return &kyc.Error{Kind: kyc.Conflict, Code: "resource_conflict", Message: message,
		Extra: map[string]any{"attempt_id": a.ID, "kyc_status": string(a.Status)}}
}

// once makes the change that is asked for, unless something stands in the way.
func (o *Overrider) once(ctx context.Context, c kyc.Customer, programID string, want Override, now kyc.Moment) (kyc.Attempt, *kyc.Standing, error) {
	from := c.Attempts[programID]
	to, decision := from, kyc.Decision{Status: want.Status}
	if want.Status == "" {
		var judged bool
		if to, judged = from.Judge(strings.ToLower(want.DocumentID), kyc.Rejection(want.Reason)); !judged {
			if _, known := from.Document(strings.ToLower(want.DocumentID)); !known {
				return from, nil, kyc.ErrDocumentUnknown()
			}
			return from, nil, overrideConflict(from, "The document was not received, or was judged already: there is nothing to judge. Send it first.")
		}
		if from.Status == kyc.DocumentRequired || to.AllIn() {
			stood, err := o.attempts.FileDocuments(ctx, kyc.Filing{Pair: kyc.Pair{BrandID: c.BrandID, CustomerID: c.ID, ProgramID: programID}, From: from, To: to})
			return to, stood, err
		}
		decision.Status = kyc.DocumentRequired
	}
	if decision.Status == kyc.Failed {
		decision.Reasons = []string{kyc.ReasonOtherFailed}
	}
	advance := kyc.Advance{
		BrandID: c.BrandID, CustomerID: c.ID, ProgramID: programID, From: from, Version: c.Versions[programID], Alarm: now.Alarm(),
		Ended: decision.Status == kyc.Failed || decision.Status == kyc.Expired,
	}
	var err error
	if advance.To, err = to.Advance(decision, advance.Version+1, now.Time, causeSimulated); err != nil {
		return from, nil, err
	}
	if !from.Counted && decision.Status != kyc.Expired {
		advance.Used, advance.To.Counted = 1, true
	}
	if decision.Status == kyc.Passed {
		if err := o.learn(ctx, c, &advance); err != nil {
			return from, nil, err
		}
	}
	stood, err := o.attempts.AdvanceAttempt(ctx, advance)
	return advance.To, stood, err
}

// learn makes what the attempt's start brought the identity on file, by the change that lets it pass.
func (o *Overrider) learn(ctx context.Context, c kyc.Customer, advance *kyc.Advance) error {
	sealed, version, err := o.attempts.Profile(ctx, c.BrandID, c.ID)
	if err != nil {
		return err
	}
	onFile, err := o.vault.Open(ctx, kyc.ProfilePlace(c.BrandID, c.ID), sealed)
	if err != nil {
		return fmt.Errorf("open profile: %w", err)
	}
	own, err := o.vault.Open(ctx, kyc.AttemptPlace(c.BrandID, c.ID, advance.From.ID), advance.From.Fields)
	if err != nil {
		return fmt.Errorf("open fields of attempt: %w", err)
	}
	if c.Contradicts(onFile, own) {
		return overrideConflict(advance.From, "The customer has passed in another program, with another SSN or date of birth than this attempt's start has brought: it can't pass.")
	}
	joinPhone(own, onFile.With(own))
	advance.ProfileVersion = version
	return learn(ctx, o.vault, duplicate.Lookup{Secrets: o.vault, MagicSSN: o.magic}, c, sealed, onFile, own, advance)
}
