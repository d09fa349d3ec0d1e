package main

import (
	"context"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/evidence"
	"kyc/shared/kyc"
	"kyc/shared/uploadlink"
)

func routes(desk *evidence.Desk, counter *evidence.Counter) map[string]apigw.Route {
	return map[string]apigw.Route{
		"POST /customers/{customer_id}/verification-kyc/documents":         {Handle: submit(desk), Needs: kyc.MayWrite, OurFault: "unknown_kyc_documents"},
		"POST /customers/{customer_id}/verification-kyc/documents/uploads": {Handle: announce(desk), Needs: kyc.MayWrite, OurFault: "unknown_kyc_documents"},
		"GET " + uploadlink.Page + "/documents":                            {Handle: visit(counter), Open: true, OurFault: "unknown_kyc_documents"},
		"POST " + uploadlink.Page + "/documents":                           {Handle: announceByLink(counter), Open: true, OurFault: "unknown_kyc_documents"},
	}
}

// maxSubmission is what AWS Lambda takes of a request and all that the gateway adds to it: 6 MB, which in base64 are 4.4 MB
// of files.
const maxSubmission = 6 << 20

// submittedBody is the published answer.
type submittedBody struct {
	CustomerID            string `json:"customer_id"`
	NumDocumentsSubmitted int    `json:"num_documents_submitted"`
}

func submit(desk *evidence.Desk) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		body, err := r.LongObject("input_error", maxSubmission)
		if err != nil {
			return apigw.Response{}, err
		}
		request := read(r, body, inside)
		accepted, err := desk.Submit(ctx, request)
		if err != nil {
			return apigw.Response{}, err
		}
		return apigw.Response{Status: http.StatusCreated, Body: submittedBody{accepted.CustomerID, len(request.Documents)}}, nil
	}
}

// announcedBody says how each announced file is to be sent.
type announcedBody struct {
	CustomerID string       `json:"customer_id"`
	ProgramID  string       `json:"program_id"`
	AttemptID  string       `json:"attempt_id"`
	Uploads    []uploadBody `json:"uploads"`
}

type uploadBody struct {
	Type      string            `json:"document_type"`
	ID        string            `json:"document_id"`
	Side      string            `json:"side"`
	Received  bool              `json:"received"`
	Method    string            `json:"method,omitempty"`
	URL       string            `json:"url,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	ExpiresAt string            `json:"expires_at,omitempty"`
}

func announce(desk *evidence.Desk) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		body, err := r.Object("input_error")
		if err != nil {
			return apigw.Response{}, err
		}
		accepted, err := desk.Announce(ctx, read(r, body, ahead))
		if err != nil {
			return apigw.Response{}, err
		}
		answer := announcedBody{accepted.CustomerID, accepted.ProgramID, accepted.AttemptID, uploads(accepted)}
		return apigw.Response{Status: http.StatusCreated, Body: answer}, nil
	}
}

func uploads(accepted evidence.Accepted) []uploadBody {
	var all []uploadBody
	for _, w := range accepted.Awaited {
		upload := uploadBody{Type: string(w.Document.Type), ID: w.Document.ID, Side: string(w.File.Side), Received: w.Held()}
		if !upload.Received {
			upload.Method, upload.URL, upload.Headers = w.Upload.Method, w.Upload.URL, w.Upload.Headers
			upload.ExpiresAt = kyc.FormatTime(w.Until)
		}
		all = append(all, upload)
	}
	return all
}
