package verification

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/uploadlink"
)

// Customers is where customers are read as of the last write.
type Customers interface {
	// Customer returns kyc.ErrCustomerUnknown for a customer that the brand does not have.
	Customer(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
	// ArchivedAttempts lists up to limit attempts that were replaced, newest first, those older than the one that was
	// submitted at before with the id beforeID; with a zero before from the newest.
	ArchivedAttempts(ctx context.Context, pair kyc.Pair, before time.Time, beforeID string, limit int) ([]kyc.Attempt, error)
	// FileDocuments gives an attempt another link, or returns what stood in the way.
	FileDocuments(ctx context.Context, f kyc.Filing) (*kyc.Standing, error)
}

// Reader reads the state of KYC and its history. It is safe for concurrent use.
type Reader struct {
	Customers Customers
	Programs  Programs
	Clock     Clock
	Links     uploadlink.Links
}

// State is the state of KYC for a pair of customer and program.
type State struct {
	kyc.Pair
	Attempt           kyc.Attempt
	UploadLink        kyc.Secret // by which the customer sends the documents that are asked for; zero where none are
	RequestsAvailable int
	NextAction        kyc.NextAction
}

// maxReads bounds how often the state is read again because the attempt has changed while it got a fresh link.
const maxReads = 5

// Read returns the state of KYC for a pair of customer and program, as of the last write. It returns kyc_dne where KYC
// was never started. The link of an attempt that asks for documents is fresh then: where the old one has ended, or soon
// does, reading writes. The API is reached at api where the reader knows no address of it;
// without api there is no link, and nothing is written.
func (r *Reader) Read(ctx context.Context, brandID, customerID, programID, api string) (State, error) {
	for range maxReads {
		pair, program, c, err := r.find(ctx, brandID, customerID, programID)
		if err != nil {
			return State{}, err
		}
		a, ok := c.Attempt(pair.ProgramID)
		if !ok {
			return State{}, kyc.ErrNeverStarted()
		}
		left := c.RequestsAvailable(pair.ProgramID, program.Policy())
		state := State{Pair: pair, Attempt: a, RequestsAvailable: left, NextAction: a.NextAction(left)}
		if a.Status != kyc.DocumentRequired || api == "" {
			return state, nil
		}
		stood, err := r.link(ctx, c, api, &state)
		if err != nil || stood == nil {
			return state, err
		}
	}
	return State{}, &kyc.Error{Kind: kyc.Unavailable, Code: "kyc_error", Headers: map[string]string{"Retry-After": "1"},
		Message: "The attempt kept changing while it was read. Send the same request again in a moment."}
}

// link gives the state a fresh link to its attempt, or returns what stood in the way.
func (r *Reader) link(ctx context.Context, c kyc.Customer, api string, s *State) (*kyc.Standing, error) {
	now, err := r.Clock.Now(ctx, s.BrandID)
	if err != nil {
		return nil, err
	}
	filing, stale := c.Relinked(s.ProgramID, now.Time)
	if stale {
		if stood, err := r.Customers.FileDocuments(ctx, filing); err != nil || stood != nil {
			return stood, err
		}
		s.Attempt = filing.To
	}
	s.UploadLink, err = r.Links.Or(api).To(ctx, s.Pair.Link(s.Attempt))
	return nil, err
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
