package main

import (
	"context"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/evidence"
	"kyc/shared/kyc"
	"kyc/shared/uploadlink"
)

// visitBody is what the page shows: of who the customer is the first name alone.
type visitBody struct {
	Brand     string          `json:"brand_name"`
	Color     string          `json:"brand_color,omitempty"`
	Bank      string          `json:"bank"`
	FirstName string          `json:"first_name,omitempty"`
	KYCStatus string          `json:"kyc_status"`
	ExpiresAt string          `json:"expires_at,omitempty"`
	Documents []askedDocument `json:"documents"`
}

// askedDocument is a document that is asked for, with all that may be sent for it.
type askedDocument struct {
	Type          string      `json:"document_type"`
	ID            string      `json:"document_id"`
	Status        string      `json:"status"`
	Reason        string      `json:"reason,omitempty"`
	Kind          string      `json:"type,omitempty"`
	Country       string      `json:"country,omitempty"`
	CountryNeeded bool        `json:"country_needed"`
	Kinds         []kindBody  `json:"types"`
	Sides         []askedSide `json:"sides"`
}

type kindBody struct {
	Kind string `json:"type"`
	Back string `json:"back"`
}

type askedSide struct {
	Side   string `json:"side"`
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

var backs = map[kyc.BackRule]string{kyc.NoBack: "none", kyc.BackWelcome: "welcome", kyc.BackNeeded: "needed"}

// visit answers what a link leads to.
func visit(counter *evidence.Counter) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		token, _ := r.Header(uploadlink.Header)
		v, err := counter.Visit(ctx, token)
		if err != nil {
			return apigw.Response{}, err
		}
		return apigw.Response{Status: http.StatusOK, Body: shown(v)}, nil
	}
}

func shown(v evidence.Visit) visitBody {
	body := visitBody{
		Brand: v.Brand, Color: v.Color, Bank: v.Bank, FirstName: v.FirstName.Reveal(), KYCStatus: string(v.Attempt.Status), Documents: []askedDocument{},
	}
	if !v.Until.IsZero() {
		body.ExpiresAt = kyc.FormatTime(v.Until)
	}
	for _, d := range v.Attempt.Documents {
		if d.Status != kyc.DocumentArchived {
			body.Documents = append(body.Documents, askedFor(d))
		}
	}
	return body
}

func askedFor(d kyc.Document) askedDocument {
	body := askedDocument{
		Type: string(d.Type), ID: d.ID, Status: string(d.Status), Reason: string(d.Rejection()), Kind: string(d.Kind), Country: d.Country,
		CountryNeeded: d.Type.IssuedByState(), Kinds: []kindBody{}, Sides: []askedSide{},
	}
	for _, p := range d.Type.Papers() {
		body.Kinds = append(body.Kinds, kindBody{string(p.Kind), backs[p.Back]})
	}
	for _, f := range d.Files {
		side := askedSide{Side: string(f.Side), Status: string(f.Status())}
		if f.Status() == kyc.SideRejected {
			side.Reason = string(f.Refused)
		}
		body.Sides = append(body.Sides, side)
	}
	return body
}

// announceByLink answers as announce does, but for the ids: whoever comes by a link needs none.
func announceByLink(counter *evidence.Counter) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		body, err := r.Object("input_error")
		if err != nil {
			return apigw.Response{}, err
		}
		token, _ := r.Header(uploadlink.Header)
		accepted, err := counter.Announce(ctx, token, documents(body, ahead))
		if err != nil {
			return apigw.Response{}, err
		}
		return apigw.Response{Status: http.StatusCreated, Body: map[string]any{"uploads": uploads(accepted)}}, nil
	}
}
