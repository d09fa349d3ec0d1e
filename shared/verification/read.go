package verification

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"kyc/shared/kyc"
)

// Customers is where customers are read as of the last write.
type Customers interface {
	// Customer returns kyc.ErrCustomerUnknown for a customer that the brand does not have.
	Customer(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
	// ArchivedAttempts lists up to limit attempts that were replaced, newest first, those older than the one that was
	// submitted at before with the id beforeID; with a zero before from the newest.
	ArchivedAttempts(ctx context.Context, pair kyc.Pair, before time.Time, beforeID string, limit int) ([]kyc.Attempt, error)
}

// Reader reads the state of KYC and its history. It is safe for concurrent use.
type Reader struct {
	Customers Customers
	Programs  Programs
}

// State is the state of KYC for a pair of customer and program.
type State struct {
	kyc.Pair
	Attempt           kyc.Attempt
	RequestsAvailable int
	NextAction        kyc.NextAction
}

// Read returns the state of KYC for a pair of customer and program, as of the last write. It returns kyc_dne where KYC
// was never started.
func (r *Reader) Read(ctx context.Context, brandID, customerID, programID string) (State, error) {
	pair, program, c, err := r.find(ctx, brandID, customerID, programID)
	if err != nil {
		return State{}, err
	}
	a, ok := c.Attempt(pair.ProgramID)
	if !ok {
		return State{}, kyc.ErrNeverStarted()
	}
	left := c.RequestsAvailable(pair.ProgramID, program.Policy())
	return State{Pair: pair, Attempt: a, RequestsAvailable: left, NextAction: a.NextAction(left)}, nil
}

// pageSize is how many attempts one page of the history holds.
const pageSize = 20

// Page is a part of the history, newest first. Next is the cursor of the page after it, empty where there is none.
type Page struct {
	kyc.Pair
	Attempts []kyc.Attempt
	Next     string
}

// Attempts returns the attempts of a pair of customer and program, newest first, from the cursor of an earlier page on.
// The current attempt stands on the customer, and so does the one that it replaced until relay has archived that; between
// the two it is found in both places.
func (r *Reader) Attempts(ctx context.Context, brandID, customerID, programID, cursor string) (Page, error) {
	pair, _, c, err := r.find(ctx, brandID, customerID, programID)
	if err != nil {
		return Page{}, err
	}
	before, beforeID, ok := parseCursor(cursor)
	if !ok {
		return Page{}, pairError("cursor", "Must be the next_cursor of an earlier answer.")
	}
	var all []kyc.Attempt
	if before.IsZero() {
		for _, attempts := range []map[string]kyc.Attempt{c.Attempts, c.Previous} {
			if a, ok := attempts[pair.ProgramID]; ok {
				all = append(all, a)
			}
		}
	}
	archived, err := r.Customers.ArchivedAttempts(ctx, pair, before, beforeID, pageSize+1)
	if err != nil {
		return Page{}, err
	}
	for _, a := range archived {
		if i := slices.IndexFunc(all, func(b kyc.Attempt) bool { return a.ID == b.ID }); i >= 0 {
			all[i] = a // late results are added to the archived one
		} else {
			all = append(all, a)
		}
	}
	if len(all) == 0 && cursor == "" {
		return Page{}, kyc.ErrNeverStarted()
	}
	page := Page{Pair: pair, Attempts: all}
	if len(all) > pageSize {
		page.Attempts = all[:pageSize]
		page.Next = formatCursor(all[pageSize-1])
	}
	return page, nil
}

func (r *Reader) find(ctx context.Context, brandID, customerID, programID string) (kyc.Pair, kyc.Program, kyc.Customer, error) {
	pair, err := parsePair(brandID, customerID, programID)
	if err != nil {
		return pair, kyc.Program{}, kyc.Customer{}, err
	}
	program, err := r.Programs.Program(ctx, pair.BrandID, pair.ProgramID)
	if err != nil {
		return pair, kyc.Program{}, kyc.Customer{}, err
	}
	c, err := r.Customers.Customer(ctx, pair.BrandID, pair.CustomerID)
	return pair, program, c, err
}

// parsePair reads the ids of a path and a query.
func parsePair(brandID, customerID, programID string) (kyc.Pair, error) {
	pair := kyc.Pair{BrandID: brandID, CustomerID: strings.ToLower(customerID), ProgramID: strings.ToLower(programID)}
	switch {
	case !kyc.IsUUID(pair.CustomerID):
		return pair, kyc.ErrCustomerMalformed()
	case !kyc.IsUUID(pair.ProgramID):
		return pair, pairError("program_id", "Must be in the query, as a UUID: ?program_id=…")
	}
	return pair, nil
}

func pairError(parameter, why string) error {
	return &kyc.Error{Kind: kyc.Invalid, Code: "get_kyc_schema", In: kyc.Query, Fields: map[string][]string{parameter: {why}}}
}

// A cursor names the last attempt of a page. It is opaque to its user, and holds nothing that the page did not show.
func formatCursor(last kyc.Attempt) string {
	return base64.RawURLEncoding.EncodeToString([]byte(kyc.FormatTime(last.SubmittedAt) + "#" + last.ID))
}

func parseCursor(cursor string) (before time.Time, beforeID string, ok bool) {
	if cursor == "" {
		return time.Time{}, "", true
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	at, id, _ := strings.Cut(string(raw), "#")
	before, timeErr := kyc.ParseTime(at)
	return before, id, err == nil && timeErr == nil && kyc.IsUUID(id)
}
