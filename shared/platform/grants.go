package platform

import (
	"context"
	"fmt"
	"strconv"

	"kyc/shared/kyc"
)

// Grants is where attempts are asked for and granted.
type Grants interface {
	// Customer returns kyc.ErrCustomerUnknown for a customer that the brand does not have.
	Customer(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
	// GrantAttempts sets the used attempts of a customer that is still as it was seen, and removes the request for more.
	// It returns false where someone has written since.
	GrantAttempts(ctx context.Context, c kyc.Customer, programID string, used int, r kyc.AuditRecord) (bool, error)
	// RetryRequests lists a brand's requests for another attempt, oldest first, at most limit.
	RetryRequests(ctx context.Context, brandID string, limit int) ([]kyc.RetryRequest, error)
	DropRetryRequest(ctx context.Context, pair kyc.Pair, r kyc.AuditRecord) error
}

// Granted is how a customer stands in a program after a grant.
type Granted struct {
	kyc.Pair
	Used      int // below zero where more is available than the policy allows
	Available int
}

const (
	maxGranted = 10
	// maxGrants bounds how often a grant is tried again that another change came before.
	maxGrants = 3
	// maxListed bounds a list of requests. Those behind it come up as the ones before are granted.
	maxListed = 1000
)

// ListRetryRequests returns a brand's oldest requests for another attempt, and whether there are more.
func (o *Operation) ListRetryRequests(ctx context.Context, brandID string) ([]kyc.RetryRequest, bool, error) {
	if err := o.known(ctx, brandID, map[string][]string{}); err != nil {
		return nil, false, err
	}
	requests, err := o.Grants.RetryRequests(ctx, brandID, maxListed+1)
	return requests[:min(len(requests), maxListed)], len(requests) > maxListed, err
}

// GrantAttempts sees to it that a customer has attempts available in a program: this many, however often it is asked. It
// takes none away, disturbs no attempt that is running, and leaves the policy's minimum interval as it is. It settles the
// request for another attempt. It refuses where KYC was never started, and after a pass, which settles the request too.
func (o *Operation) GrantAttempts(ctx context.Context, brandID, customerID, programID string, attempts int) (Granted, error) {
	wrong := map[string][]string{}
	checkID(wrong, "customer_id", customerID)
	checkID(wrong, "program_id", programID)
	if attempts < 1 || attempts > maxGranted {
		wrong["attempts"] = []string{fmt.Sprintf("Must be a whole number from 1 to %d: how many are to be available then.", maxGranted)}
	}
	if err := o.known(ctx, brandID, wrong); err != nil {
		return Granted{}, err
	}
	program, err := o.program(ctx, brandID, programID)
	if err != nil {
		return Granted{}, err
	}
	pair := kyc.Pair{BrandID: brandID, CustomerID: customerID, ProgramID: programID}
	for range maxGrants {
		c, err := o.Grants.Customer(ctx, brandID, customerID)
		if err != nil {
			return Granted{}, err
		}
		attempt, started := c.Attempt(programID)
		switch {
		case !started:
			return Granted{}, kyc.ErrNeverStarted()
		case attempt.Status == kyc.Passed:
			refusal := kyc.ErrAlreadyPassed(attempt)
			refused := o.record
			refused.Outcome = refusal.Code
			if err := o.Grants.DropRetryRequest(ctx, pair, refused); err != nil {
				return Granted{}, err
			}
			return Granted{}, refusal
		}
		used := c.UsedAfterGrant(programID, program.Policy(), attempts)
		o.record.Changes = nil
		o.changed("attempts_used", strconv.Itoa(c.Used[programID]), strconv.Itoa(used))
		granted, err := o.Grants.GrantAttempts(ctx, c, programID, used, o.record)
		if err != nil {
			return Granted{}, err
		}
		if granted {
			return Granted{Pair: pair, Used: used, Available: program.Policy().MaxAttempts - used}, nil
		}
	}
	return Granted{}, &kyc.Error{Kind: kyc.Unavailable, Code: "kyc_error",
		Message: "The customer kept changing, and nothing was granted. Ask for the same again in a moment."}
}
