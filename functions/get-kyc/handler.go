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
		"GET /customers/{customer_id}/verification-kyc": {Handle: read(reader), OurFault: "unknown_kyc_get"},
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
	Retryable            *bool             `json:"retryable,omitempty"`
	Documents            []documentBody    `json:"documents,omitempty"`
	NextAction           string            `json:"next_action"`
	KYCRequestsAvailable int               `json:"kyc_requests_available"`
}

type documentBody struct {
	Type   string `json:"document_type"`
	ID     string `json:"document_id"`
	Status string `json:"status"`
}

func read(reader *verification.Reader) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		s, err := reader.Read(ctx, r.BrandID, r.Path("customer_id"), r.Query("program_id"))
		if err != nil {
			return apigw.Response{}, err
		}
		return apigw.Response{Status: http.StatusOK, Body: state(s)}, nil
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
	}
	for _, result := range a.Results {
		if body.Results == nil {
			body.Results = map[string]string{}
		}
		body.Results[string(result.Check)] = map[bool]string{true: "passed", false: "failed"}[result.Passed]
	}
	for _, d := range a.Documents {
		body.Documents = append(body.Documents, documentBody{string(d.Type), d.ID, d.Status})
	}
	return body
}
