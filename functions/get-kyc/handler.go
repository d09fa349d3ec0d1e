package main

import (
	"context"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/verification"
)

func routes(reader *verification.Reader) map[string]apigw.Route {
	return map[string]apigw.Route{
		"GET /customers/{customer_id}/verification-kyc":          {Handle: read(reader), Needs: kyc.MayRead, OurFault: "unknown_kyc_get", Query: []string{"program_id"}},
		"GET /customers/{customer_id}/verification-kyc/attempts": {Handle: attempts(reader), Needs: kyc.MayRead, OurFault: "unknown_kyc_get", Query: []string{"program_id", "cursor"}},
	}
}

// stateBody is the state of KYC of a customer in a program.
type stateBody struct {
	CustomerID           string            `json:"customer_id"`
	BrandID              string            `json:"brand_id"`
	ProgramID            string            `json:"program_id"`
	KYCStatus            string            `json:"kyc_status"`
	AttemptID            string            `json:"attempt_id"`
	SubmittedAt          string            `json:"submitted_at"`
	PassedAt             string            `json:"passed_at,omitempty"`
	Results              map[string]string `json:"results,omitempty"`
	Reasons              []string          `json:"reasons,omitempty"`
	Duplicates           []string          `json:"duplicate_customer_ids,omitempty"`
	Retryable            *bool             `json:"retryable,omitempty"`
	Documents            []documentBody    `json:"documents,omitempty"`
	DocumentsDueAt       string            `json:"documents_due_at,omitempty"`
	UploadLinkExpiresAt  string            `json:"upload_link_expires_at,omitempty"`
	NextAction           string            `json:"next_action"`
	KYCRequestsAvailable int               `json:"kyc_requests_available"`
}

type documentBody struct {
	Type       string       `json:"document_type"`
	ID         string       `json:"document_id"`
	Status     string       `json:"status"`
	Reason     string       `json:"reason,omitempty"`
	Missing    []kyc.Side   `json:"missing,omitempty"`
	UploadLink string       `json:"upload_link,omitempty"` // where what is missing can be sent
	Reading    *readingBody `json:"machine_readable,omitempty"`
}

// readingBody says what a machine has read of a document: how each field agrees, and nothing of what it says.
type readingBody struct {
	Read   bool        `json:"read"`
	Why    kyc.Unread  `json:"why,omitempty"`
	Source kyc.Source  `json:"source,omitempty"`
	Form   kyc.Form    `json:"form,omitempty"`
	Fields *fieldsBody `json:"fields,omitempty"`
}

type fieldsBody struct {
	Name      kyc.Finding `json:"name"`
	BirthDate kyc.Finding `json:"dob"`
	Expiry    kyc.Finding `json:"expiry"`
	Number    kyc.Finding `json:"number"`
	Kind      kyc.Finding `json:"type"`
	Country   kyc.Finding `json:"country"`
}

func read(reader *verification.Reader) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		api := ""
		if r.May(kyc.MayWrite) { // whoever has the link can send documents
			api = r.API()
		}
		s, err := reader.Read(ctx, r.BrandID, r.Path("customer_id"), r.Query("program_id"), api)
		if err != nil {
			return apigw.Response{}, err
		}
		body := state(s)
		body.Duplicates = duplicates(r, s.Attempt.Results)
		return apigw.Response{Status: http.StatusOK, Body: body}, nil
	}
}

func state(s verification.State) stateBody {
	a := s.Attempt
	body := stateBody{
		CustomerID: s.CustomerID, BrandID: s.BrandID, ProgramID: s.ProgramID, KYCStatus: string(a.Status), AttemptID: a.ID,
		SubmittedAt: kyc.FormatTime(a.SubmittedAt), Reasons: a.Reasons, NextAction: string(s.NextAction),
		KYCRequestsAvailable: s.RequestsAvailable,
	}
	switch a.Status {
	case kyc.Passed:
		body.PassedAt = kyc.FormatTime(a.ChangedAt())
	case kyc.Failed:
		retryable := a.Retryable()
		body.Retryable = &retryable
	case kyc.DocumentRequired:
		body.DocumentsDueAt = kyc.FormatTime(a.DocumentsDue())
		if !s.UploadLink.IsZero() {
			body.UploadLinkExpiresAt = kyc.FormatTime(a.Link.Until)
		}
	}
	body.Results, body.Documents = results(a.Results), documents(a)
	for i, d := range body.Documents {
		if len(d.Missing) > 0 {
			body.Documents[i].UploadLink = s.UploadLink.Reveal()
		}
	}
	return body
}

func results(rs []kyc.Result) map[string]string {
	words := map[string]string{}
	for _, result := range rs {
		words[string(result.Check)] = word(result)
	}
	return words
}

func word(r kyc.Result) string {
	switch {
	case r.Passed:
		return "passed"
	case r.Review:
		return "review"
	}
	return "failed"
}

// duplicates lists other customers that the checks have found, which are the brand's to know and no customer's.
func duplicates(r *apigw.Request, rs []kyc.Result) []string {
	var ids []string
	for _, result := range rs {
		ids = append(ids, result.Others...)
	}
	if r.ForOneCustomer() {
		return nil
	}
	return ids
}

// documents lists what the attempt has asked for.
func documents(a kyc.Attempt) []documentBody {
	var bodies []documentBody
	for _, d := range a.Documents {
		body := documentBody{Type: string(d.Type), ID: d.ID, Status: string(d.Status), Reason: string(d.Rejection())}
		if a.Status == kyc.DocumentRequired {
			body.Missing = d.Missing()
		}
		if r, known := d.Reading(); known {
			body.Reading = reading(r)
		}
		bodies = append(bodies, body)
	}
	return bodies
}

func reading(r kyc.Reading) *readingBody {
	if r.Unread != "" {
		return &readingBody{Why: r.Unread}
	}
	return &readingBody{Read: true, Source: r.Source, Form: r.Form, Fields: &fieldsBody{r.Name, r.BirthDate, r.Expiry, r.Number, r.Kind, r.Country}}
}

// historyBody is one page of the attempts of a customer in a program.
type historyBody struct {
	CustomerID string        `json:"customer_id"`
	ProgramID  string        `json:"program_id"`
	Attempts   []attemptBody `json:"attempts"`
	NextCursor string        `json:"next_cursor,omitempty"`
}

type attemptBody struct {
	AttemptID     string            `json:"attempt_id"`
	KYCStatus     string            `json:"kyc_status"`
	SubmittedAt   string            `json:"submitted_at"`
	Results       map[string]string `json:"results,omitempty"`
	Reasons       []string          `json:"reasons,omitempty"`
	Duplicates    []string          `json:"duplicate_customer_ids,omitempty"`
	Documents     []documentBody    `json:"documents,omitempty"`
	Timeline      []changeBody      `json:"timeline"`
	LateResults   map[string]string `json:"late_results,omitempty"`
	LateResultsAt string            `json:"late_results_at,omitempty"`
}

type changeBody struct {
	KYCStatus    string `json:"kyc_status"`
	OccurredAt   string `json:"occurred_at"`
	StateVersion int    `json:"state_version"`
	Cause        string `json:"cause,omitempty"`
}

func attempts(reader *verification.Reader) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		page, err := reader.Attempts(ctx, r.BrandID, r.Path("customer_id"), r.Query("program_id"), r.Query("cursor"))
		if err != nil {
			return apigw.Response{}, err
		}
		body := historyBody{CustomerID: page.CustomerID, ProgramID: page.ProgramID, Attempts: []attemptBody{}, NextCursor: page.Next}
		for _, a := range page.Attempts {
			one := attemptBody{
				AttemptID: a.ID, KYCStatus: string(a.Status), SubmittedAt: kyc.FormatTime(a.SubmittedAt),
				Results: results(a.Results), Reasons: a.Reasons, Documents: documents(a), LateResults: results(a.Late),
				Duplicates: duplicates(r, a.Results),
			}
			if !a.LateAt.IsZero() {
				one.LateResultsAt = kyc.FormatTime(a.LateAt)
			}
			for _, t := range a.Timeline {
				one.Timeline = append(one.Timeline, changeBody{string(t.Status), kyc.FormatTime(t.At), t.Version, t.Cause})
			}
			body.Attempts = append(body.Attempts, one)
		}
		return apigw.Response{Status: http.StatusOK, Body: body}, nil
	}
}
