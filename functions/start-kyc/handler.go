package main

import (
	"context"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/verification"
)

func routes(s *verification.Service) map[string]apigw.Route {
	return map[string]apigw.Route{
		"POST /customers/{customer_id}/verification-kyc": {Handle: start(s), OurFault: "unknown_start_kyc"},
	}
}

type startedBody struct {
	CustomerID  string `json:"customer_id"`
	ProgramID   string `json:"program_id"`
	KYCStatus   string `json:"kyc_status"`
	AttemptID   string `json:"attempt_id"`
	SubmittedAt string `json:"submitted_at"`
}

func start(s *verification.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		body, err := r.Object("create_kyc_schema")
		if err != nil {
			return apigw.Response{}, err
		}
		request := verification.Request{
			BrandID: r.BrandID, Identity: r.Identity, CustomerID: r.Path("customer_id"), Fields: map[kyc.Field]string{},
		}
		request.ProgramID, _ = body.String("program_id")
		request.RetryRequested = body.Bool("kyc_retry_request")
		for _, f := range verification.Bringable() {
			if v, ok := body.String(string(f)); ok {
				request.Fields[f] = v
			}
		}
		body.Rest()
		request.Wrong = body.Wrong()
		if key, ok := r.Header("Idempotency-Key"); ok {
			request.IdempotencyKey = &key
		}
		if request.Body, err = r.Body(); err != nil {
			return apigw.Response{}, err
		}
		started, err := s.Start(ctx, request)
		if err != nil {
			return apigw.Response{}, err
		}
		response := apigw.Response{Status: http.StatusCreated, Body: startedBody{
			CustomerID: started.CustomerID, ProgramID: started.ProgramID, KYCStatus: string(started.Attempt.Status),
			AttemptID: started.Attempt.ID, SubmittedAt: kyc.FormatTime(started.Attempt.SubmittedAt),
		}}
		return response, nil
	}
}
