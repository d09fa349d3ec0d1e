package main

import (
	"context"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
)

// erasureBody says what became of a customer who was deleted.
type erasureBody struct {
	CustomerID   string     `json:"customer_id"`
	ErasedAt     string     `json:"erased_at"`
	BackupsUntil string     `json:"backups_until"`
	Erased       []string   `json:"erased"`
	Kept         []keptBody `json:"kept"`
}

// keptBody is a record that the law keeps.
type keptBody struct {
	Record    kyc.RecordKind `json:"record"`
	ProgramID string         `json:"program_id,omitempty"`
	AttemptID string         `json:"attempt_id,omitempty"`
	Fields    []kyc.Field    `json:"fields,omitempty"`
	Checks    []kyc.Check    `json:"checks,omitempty"`
	Until     string         `json:"until"`
	Because   string         `json:"because"`
}

func erase(s *onboarding.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		e, err := s.Erase(ctx, r.BrandID, r.Path("customer_id"), r.IfMatch())
		return apigw.Response{Status: http.StatusOK, Body: erasure(e)}, err
	}
}

func erasure(e kyc.Erasure) erasureBody {
	body := erasureBody{
		CustomerID: e.CustomerID, ErasedAt: kyc.FormatTime(e.At), BackupsUntil: kyc.FormatTime(e.BackupsUntil()),
		Erased: append([]string{}, e.Erased...), Kept: []keptBody{},
	}
	for _, k := range e.Kept {
		body.Kept = append(body.Kept, keptBody{k.Kind, k.ProgramID, k.AttemptID, k.Fields, k.Checks, kyc.FormatTime(k.Until), k.Kind.Because()})
	}
	return body
}
