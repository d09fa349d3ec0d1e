package verification

import (
	"context"
	"strings"

	"kyc/shared/kyc"
)

// Customers is where customers are read as of the last write.
type Customers interface {
	// Customer returns kyc.ErrCustomerUnknown for a customer that the brand does not have.
	Customer(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
}

// Reader reads the state of KYC. It is safe for concurrent use.
type Reader struct {
	Customers Customers
	Programs  Programs
}

// State is the state of KYC for a pair of customer and program.
type State struct {
	BrandID, CustomerID, ProgramID string
	Attempt                        kyc.Attempt
	RequestsAvailable              int
	NextAction                     kyc.NextAction
}

// Read returns the state of KYC for a pair of customer and program, as of the last write. It returns kyc_dne where KYC
// was never started.
func (r *Reader) Read(ctx context.Context, brandID, customerID, programID string) (State, error) {
	customerID, programID = strings.ToLower(customerID), strings.ToLower(programID)
	if !kyc.IsUUID(customerID) {
		return State{}, kyc.ErrCustomerMalformed()
	}
	if !kyc.IsUUID(programID) {
		return State{}, &kyc.Error{Kind: kyc.Invalid, Code: "get_kyc_schema",
			Fields: map[string][]string{"program_id": {"Must be in the query, as a UUID: ?program_id=…"}}}
	}
	program, err := r.Programs.Program(ctx, brandID, programID)
	if err != nil {
		return State{}, err
	}
	c, err := r.Customers.Customer(ctx, brandID, customerID)
	if err != nil {
		return State{}, err
	}
	a, ok := c.Attempt(programID)
	if !ok {
		return State{}, &kyc.Error{Kind: kyc.NotFound, Code: "kyc_dne",
			Message: "KYC was never started for this customer and program. Start it with POST on this path."}
	}
	left := c.RequestsAvailable(programID, program.Policy())
	return State{
		BrandID: brandID, CustomerID: customerID, ProgramID: programID,
		Attempt: a, RequestsAvailable: left, NextAction: a.NextAction(left),
	}, nil
}
