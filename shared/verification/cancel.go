package verification

import (
	"context"

	"kyc/shared/kyc"
)

// Cancellations is where attempts are canceled.
type Cancellations interface {
	Customer(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
	// AdvanceAttempt makes one change of state, or returns what stood in the way.
	AdvanceAttempt(ctx context.Context, a kyc.Advance) (*kyc.Standing, error)
}

// Canceler ends attempts at their brand's word. It is safe for concurrent use.
type Canceler struct {
	Attempts Cancellations
	Clock    Clock
}

// maxCancels bounds how often a cancellation is tried again that another change came before.
const maxCancels = 3

// Cancel ends the open attempt of a pair of customer and program, and returns it. A verifier that works on it meanwhile
// finds it gone. It refuses with kyc_dne where KYC was never started, kyc_already_passed after a pass, and
// resource_conflict where the attempt has ended otherwise. Whatever fails on our side is kyc.Unavailable, as of a start.
func (c *Canceler) Cancel(ctx context.Context, brandID, customerID, programID string) (kyc.Pair, kyc.Attempt, error) {
	pair, canceled, err := c.cancel(ctx, brandID, customerID, programID)
	return pair, canceled, unconfirmed(err,
		"The cancellation could not be confirmed. Send the same request again in a moment: if the attempt was canceled, the answer says so.")
}

func (c *Canceler) cancel(ctx context.Context, brandID, customerID, programID string) (kyc.Pair, kyc.Attempt, error) {
	pair, err := parsePair(brandID, customerID, programID)
	if err != nil {
		return pair, kyc.Attempt{}, err
	}
	for range maxCancels {
		customer, err := c.Attempts.Customer(ctx, pair.BrandID, pair.CustomerID)
		if err != nil {
			return pair, kyc.Attempt{}, err
		}
		attempt, ok := customer.Attempt(pair.ProgramID)
		switch {
		case !ok:
			return pair, kyc.Attempt{}, kyc.ErrNeverStarted()
		case attempt.Status == kyc.Passed:
			return pair, kyc.Attempt{}, kyc.ErrAlreadyPassed(attempt)
		case attempt.Status.Final():
			return pair, kyc.Attempt{}, &kyc.Error{Kind: kyc.Conflict, Code: "resource_conflict",
				Message: "The attempt has ended already; there is nothing to cancel.",
				Extra:   map[string]any{"attempt_id": attempt.ID, "kyc_status": string(attempt.Status)}}
		}
		now, err := c.Clock.Now(ctx, pair.BrandID)
		if err != nil {
			return pair, kyc.Attempt{}, err
		}
		version := customer.Versions[pair.ProgramID]
		canceled, err := attempt.Advance(kyc.Decision{Status: kyc.Canceled}, version+1, now.Time, "canceled_by_brand")
		if err != nil {
			return pair, kyc.Attempt{}, err
		}
		stood, err := c.Attempts.AdvanceAttempt(ctx, kyc.Advance{
			BrandID: pair.BrandID, CustomerID: pair.CustomerID, ProgramID: pair.ProgramID, From: attempt, To: canceled,
			Version: version, Ended: true, Alarm: now.Alarm(),
		})
		if err != nil || stood == nil {
			return pair, canceled, err
		}
	}
	return pair, kyc.Attempt{}, &kyc.Error{Kind: kyc.Unavailable, Code: "kyc_error", Headers: map[string]string{"Retry-After": "1"},
		Message: "The attempt kept changing while it was being canceled, and nothing was written. Send the same request again in a moment."}
}
