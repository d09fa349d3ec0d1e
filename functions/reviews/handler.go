package main

import (
	"context"
	"encoding/hex"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/evidence"
	"kyc/shared/kyc"
	"kyc/shared/telemetry"
)

func routes(viewing *evidence.Viewing) map[string]apigw.Route {
	return map[string]apigw.Route{
		"GET /customers/{customer_id}/verification-kyc/documents/{document_id}/{side}": {
			Handle: readDocument(viewing), Needs: kyc.MayReview, BrandsOwn: true, OurFault: "unknown_kyc_documents", Query: []string{"program_id", "attempt_id"},
		},
	}
}

// readableBody says where a file can be read, and what it is.
type readableBody struct {
	Method        string    `json:"method"`
	URL           string    `json:"url"`
	ExpiresAt     string    `json:"expires_at"`
	ContentType   kyc.Media `json:"content_type"`
	ContentLength int64     `json:"content_length"`
	SHA256        string    `json:"sha256"`
}

func readDocument(viewing *evidence.Viewing) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		file, err := viewing.Read(ctx, evidence.Wanted{
			BrandID: r.BrandID, CustomerID: r.Path("customer_id"), ProgramID: r.Query("program_id"), AttemptID: r.Query("attempt_id"),
			DocumentID: r.Path("document_id"), Side: r.Path("side"), Identity: r.Identity, RequestID: telemetry.RequestID(ctx),
		})
		if err != nil {
			return apigw.Response{}, err
		}
		return apigw.Response{Status: http.StatusOK, Body: readableBody{
			http.MethodGet, file.URL, kyc.FormatTime(file.Until), file.Media, file.Length, hex.EncodeToString(file.SHA256[:]),
		}}, nil
	}
}
