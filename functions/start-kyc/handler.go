package main

import (
	"context"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/verification"
)

func routes(s *verification.Service, c *verification.Canceler) map[string]apigw.Route {
	return map[string]apigw.Route{
		"POST /customers/{customer_id}/verification-kyc":   {Handle: start(s), Needs: kyc.MayWrite, OurFault: "unknown_start_kyc"},
		"DELETE /customers/{customer_id}/verification-kyc": {Handle: cancel(c), Needs: kyc.MayWrite, OurFault: "unknown_start_kyc", Query: []string{"program_id"}},
	}
}

// attemptBody is an attempt as it was opened or canceled.
type attemptBody struct {
	CustomerID  string `json:"customer_id"`
	ProgramID   string `json:"program_id"`
	KYCStatus   string `json:"kyc_status"`
	AttemptID   string `json:"attempt_id"`
	SubmittedAt string `json:"submitted_at"`
}

func start(s *verification.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		object, err := r.Object("create_kyc_schema")
		if err != nil {
			return apigw.Response{}, err
		}
		request := verification.Request{
			BrandID: r.BrandID, Identity: r.Identity, CustomerID: r.Path("customer_id"), Fields: map[kyc.Field]string{},
		}
		request.ProgramID, _ = object.String("program_id")
		request.RetryRequested = object.Bool("kyc_retry_request")
		for _, f := range kyc.Bringable() {
			if v, ok := object.String(string(f)); ok {
				request.Fields[f] = v
			}
		}
		object.Rest()
		request.Wrong = object.Wrong()
		request.IdempotencyKey = r.IdempotencyKey()
		if request.Body, err = r.Body(); err != nil {
			return apigw.Response{}, err
		}
		started, err := s.Start(ctx, request)
		if err != nil {
			return apigw.Response{}, err
		}
		return apigw.Response{Status: http.StatusCreated, Body: body(started.CustomerID, started.ProgramID, started.Attempt)}, nil
	}
}

func cancel(c *verification.Canceler) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		pair, canceled, err := c.Cancel(ctx, r.BrandID, r.Path("customer_id"), r.Query("program_id"))
		return apigw.Response{Status: http.StatusOK, Body: body(pair.CustomerID, pair.ProgramID, canceled)}, err
	}
}

func body(customerID, programID string, a kyc.Attempt) attemptBody {
	return attemptBody{
		CustomerID: customerID, ProgramID: programID, KYCStatus: string(a.Status), AttemptID: a.ID, SubmittedAt: kyc.FormatTime(a.SubmittedAt),
	}
}
