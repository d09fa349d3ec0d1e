// Package verification opens attempts, runs them, reads them and ends what nobody else ends.
package verification

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"kyc/shared/idempotency"
	"kyc/shared/identity"
	"kyc/shared/kyc"
)

// Attempts is where attempts are opened.
type Attempts interface {
	// OpenAttempt opens an attempt in one step, or returns what stood in the way and has written nothing.
	OpenAttempt(ctx context.Context, start kyc.Start) (*kyc.Standing, error)
	// RequestRetry notes that another attempt is asked for, and returns since when.
	RequestRetry(ctx context.Context, r kyc.RetryRequest) (time.Time, error)
}

// Programs knows the programs of a brand. It returns kyc.ErrProgramUnknown for one that the brand does not have.
type Programs interface {
	Program(ctx context.Context, brandID, programID string) (kyc.Program, error)
}

// Vault encrypts personal data, and derives the key that idempotency keys are hashed with.
type Vault interface {
	Seal(ctx context.Context, place kyc.Place, fields kyc.Profile) (kyc.Sealed, error)
	idempotency.Secrets
}

// Service opens attempts. It is safe for concurrent use.
type Service struct {
	Attempts Attempts
	Programs Programs
	Vault    Vault
	Mode     kyc.Mode
	Clock    Clock
	NewID    func() string
	// MagicSSN reports numbers that steer the sandbox; they are taken unchecked. It is nil on live stages.
	MagicSSN func(ssn string) bool
}

// Request is a start as it came in.
type Request struct {
	BrandID        string
	Identity       string // of the key pair
	CustomerID     string
	ProgramID      string
	Fields         map[kyc.Field]string // what the body brings
	RetryRequested bool
	IdempotencyKey *string             // the header as it was sent, nil where there was none
	Body           []byte              // for the fingerprint
	Wrong          map[string][]string // what the reader of the body has found wrong already
}

// Start opens an attempt, or refuses with the documented error. An accepted start is committed when it returns; what
// must follow is derived from the commit, so that no crash can lose it. Whatever fails on our side, before the write or
// in it, is kyc.Unavailable: the same request can be sent again, and is told of the attempt if there is one.
func (s *Service) Start(ctx context.Context, r Request) (kyc.Start, error) {
	start, err := s.start(ctx, r)
	return start, unconfirmed(err,
		"The start of KYC could not be confirmed. Send the same request again in a moment: if it was started, the answer names its attempt.")
}

func (s *Service) start(ctx context.Context, r Request) (kyc.Start, error) {
	customerID := strings.ToLower(r.CustomerID)
	if !kyc.IsUUID(customerID) {
		return kyc.Start{}, kyc.ErrCustomerMalformed()
	}
	now, err := s.Clock.Now(ctx, r.BrandID)
	if err != nil {
		return kyc.Start{}, err
	}
	brought, wrong := s.brought(r, now.Time)
	if len(wrong) > 0 {
		return kyc.Start{}, &kyc.Error{Kind: kyc.Invalid, Code: "create_kyc_schema", Fields: wrong}
	}
	program, err := s.Programs.Program(ctx, r.BrandID, strings.ToLower(r.ProgramID))
	if err != nil {
		return kyc.Start{}, err
	}
	if err := oldEnough(brought, program.Policy(), now.Time); err != nil {
		return kyc.Start{}, err
	}
	start := kyc.Start{BrandID: r.BrandID, CustomerID: customerID, ProgramID: program.ID, Policy: program.Policy(), Now: now.Time, Ahead: now.Ahead}
	present := brought.Present()
	for _, f := range start.Policy.Required {
		if !slices.Contains(present, f) {
			start.Missing = append(start.Missing, f)
		}
	}
	start.Key, err = idempotency.Request{
		Header: r.IdempotencyKey, BrandID: r.BrandID, Operation: kyc.OperationStart,
		Method: "POST", Path: "/customers/" + customerID + "/verification-kyc", Body: r.Body,
	}.Claim(ctx, s.Vault)
	if err != nil {
		return kyc.Start{}, err
	}
	start.Attempt = kyc.Attempt{
		ID: s.NewID(), Status: kyc.Submitted, SubmittedAt: now.Time, Mode: s.Mode, PolicyVersion: start.Policy.Version,
		OpenedBy: r.Identity, RetryRequested: r.RetryRequested,
		Timeline: []kyc.Transition{{Status: kyc.Submitted, At: now.Time}},
	}
	if len(brought) > 0 {
		place := kyc.AttemptPlace(r.BrandID, customerID, start.Attempt.ID)
		if start.Attempt.Fields, err = s.Vault.Seal(ctx, place, brought); err != nil {
			return kyc.Start{}, fmt.Errorf("seal fields: %w", err)
		}
	}
	stood, err := s.Attempts.OpenAttempt(ctx, start)
	if err != nil {
		return kyc.Start{}, err
	}
	if stood == nil {
		return start, nil
	}
	if refusal := start.Refusal(stood.Customer, stood.Key); refusal != nil {
		if r.RetryRequested && refusal.Code == "kyc_retries" && start.UsedUp(*stood.Customer) {
			return kyc.Start{}, s.requestRetry(ctx, start, refusal)
		}
		return kyc.Start{}, refusal
	}
	return kyc.Start{}, fmt.Errorf("start of attempt %s was refused for no reason that its rules know", start.Attempt.ID)
}

// requestRetry notes that the refused start asks for another attempt, and says so in the refusal.
func (s *Service) requestRetry(ctx context.Context, start kyc.Start, refusal *kyc.Error) *kyc.Error {
	since, err := s.Attempts.RequestRetry(ctx, kyc.RetryRequest{
		Pair:        kyc.Pair{BrandID: start.BrandID, CustomerID: start.CustomerID, ProgramID: start.ProgramID},
		RequestedAt: start.Now, RequestedBy: start.Attempt.OpenedBy,
	})
	if kyc.KindOf(err) == kyc.NotFound {
		return kyc.ErrCustomerUnknown() // deleted since it refused
	}
	if err != nil {
		return &kyc.Error{Kind: kyc.Unavailable, Code: "kyc_error", Err: err, Headers: map[string]string{"Retry-After": "1"},
			Message: "All KYC attempts are used up, and the request for another one could not be noted. Send the same request again in a moment."}
	}
	refusal.Message = "All KYC attempts of this customer in this program are used up. Another one has been asked for since retry_requested_at. Start again once your operator has granted it."
	refusal.Extra = map[string]any{"retry_requested_at": kyc.FormatTime(since)}
	return refusal
}

func (s *Service) brought(r Request, now time.Time) (kyc.Profile, map[string][]string) {
	profile, wrong := identity.Rules{Now: now, MagicSSN: s.MagicSSN, Partial: true}.Read(r.Fields)
	switch {
	case r.ProgramID == "":
		wrong["program_id"] = []string{kyc.MissingField}
	case !kyc.IsUUID(strings.ToLower(r.ProgramID)):
		wrong["program_id"] = []string{"Must be a UUID."}
	}
	maps.Copy(wrong, r.Wrong)
	return profile, wrong
}

// oldEnough refuses a date of birth in the body that the program's check would fail, so that it costs no attempt. One on
// file is left to that check.
func oldEnough(brought kyc.Profile, policy kyc.Policy, now time.Time) error {
	born, err := time.Parse(time.DateOnly, brought.Get(kyc.BirthDate))
	if err != nil || policy.OldEnough(born, now) {
		return nil
	}
	why := fmt.Sprintf("Must be the date of birth of a customer of at least %d years, the minimum age of this program.", policy.MinimumAge)
	return &kyc.Error{Kind: kyc.Invalid, Code: "create_kyc_schema", Fields: map[string][]string{string(kyc.BirthDate): {why}}}
}

// unconfirmed returns err, unless that is a failure on our side: then an answer that asks for the same request again.
func unconfirmed(err error, message string) error {
	if err == nil || kyc.KindOf(err) != kyc.Internal {
		return err
	}
	return &kyc.Error{Kind: kyc.Unavailable, Code: "kyc_error", Err: err, Headers: map[string]string{"Retry-After": "1"}, Message: message}
}
