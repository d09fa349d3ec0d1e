package main

import (
	"context"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/verification"
)

// forcedBody is the published answer to a forced outcome.
type forcedBody struct {
	CustomerID string `json:"customer_id"`
	KYCStatus  string `json:"kyc_status"`
	DocumentID string `json:"document_id,omitempty"`
	Status     string `json:"status,omitempty"`
}

// force makes the outcome status of an attempt. Without a status it passes a verdict on a document.
func force(o *verification.Overrider, status kyc.Status) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		body, err := r.Object("input_error")
		if err != nil {
			return apigw.Response{}, err
		}
		want := verification.Override{BrandID: r.BrandID, Status: status}
		want.CustomerID, _ = body.String("customer_id")
		want.ProgramID, _ = body.String("program_id")
		if status == "" {
			want.DocumentID, _ = body.String("document_id")
			want.Verdict, _ = body.String("verdict")
			want.Reason, _ = body.String("reason")
		}
		body.Rest()
		want.Wrong = body.Wrong()
		pair, a, err := o.Override(ctx, want)
		if err != nil {
			return apigw.Response{}, err
		}
		answer := forcedBody{CustomerID: pair.CustomerID, KYCStatus: string(a.Status)}
		if d, ok := a.Document(want.DocumentID); ok {
			answer.DocumentID, answer.Status = d.ID, string(d.Status)
		}
		return apigw.Response{Status: http.StatusOK, Body: answer}, nil
	}
}
