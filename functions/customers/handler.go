package main

import (
	"context"
	"fmt"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
)

func routes(s *onboarding.Service) map[string]apigw.Route {
	return map[string]apigw.Route{
		"POST /customers":                 {Handle: create(s), Needs: kyc.MayWrite, OurFault: "unknown_create_customer"},
		"GET /customers":                  {Handle: list(s), Needs: kyc.MayRead, OurFault: "unknown_get_customer", Query: []string{"page", "per_page", "cursor"}},
		"GET /customers/{customer_id}":    {Handle: read(s), Needs: kyc.MayRead, OurFault: "unknown_get_customer"},
		"PATCH /customers/{customer_id}":  {Handle: update(s), Needs: kyc.MayWrite, OurFault: "unknown_edit_customer"},
		"DELETE /customers/{customer_id}": {Handle: erase(s), Needs: kyc.MayWrite, BrandsOwn: true, OurFault: "unknown_delete_customer"},

		"POST /customers/{customer_id}/addresses":                {Handle: addAddress(s), Needs: kyc.MayWrite, OurFault: "unknown_edit_customer"},
		"GET /customers/{customer_id}/addresses":                 {Handle: listAddresses(s), Needs: kyc.MayRead, OurFault: "unknown_get_customer"},
		"GET /customers/{customer_id}/addresses/{address_id}":    {Handle: readAddress(s), Needs: kyc.MayRead, OurFault: "unknown_get_customer"},
		"PATCH /customers/{customer_id}/addresses/{address_id}":  {Handle: changeAddress(s), Needs: kyc.MayWrite, OurFault: "unknown_edit_customer"},
		"DELETE /customers/{customer_id}/addresses/{address_id}": {Handle: removeAddress(s), Needs: kyc.MayWrite, OurFault: "unknown_edit_customer"},
	}
}

func create(s *onboarding.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		in, err := input(r, "create_customer_schema")
		if err != nil {
			return apigw.Response{}, err
		}
		in.IdempotencyKey = r.IdempotencyKey()
		if in.Body, err = r.Body(); err != nil {
			return apigw.Response{}, err
		}
		view, err := s.Create(ctx, r.BrandID, in)
		return tagged(http.StatusCreated, view, customer(view)), err
	}
}

func update(s *onboarding.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		in, err := input(r, "edit_customer_schema")
		if err != nil {
			return apigw.Response{}, err
		}
		view, err := s.Update(ctx, r.BrandID, r.Path("customer_id"), r.IfMatch(), in)
		return tagged(http.StatusOK, view, customer(view)), err
	}
}

// input reads the body of a create or an update.
func input(r *apigw.Request, code string) (onboarding.Input, error) {
	body, err := r.Object(code)
	if err != nil {
		return onboarding.Input{}, err
	}
	in := onboarding.Input{Fields: map[kyc.Field]string{}}
	for _, f := range onboarding.Creatable() {
		if v, ok := body.String(string(f)); ok {
			in.Fields[f] = v
		}
	}
	if list := body.Objects("addresses"); list != nil {
		in.Addresses = []kyc.Address{}
		for _, o := range list {
			in.Addresses = append(in.Addresses, addressInput(o).Onto(kyc.Address{}))
		}
	}
	body.Rest()
	in.Wrong = body.Wrong()
	return in, nil
}

func list(s *onboarding.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		page, err := s.List(ctx, r.BrandID, onboarding.ListInput{Page: r.Query("page"), PerPage: r.Query("per_page"), Cursor: r.Query("cursor")})
		bodies := []customerBody{}
		for _, v := range page.Views {
			bodies = append(bodies, customer(v))
		}
		answer := apigw.Response{Status: http.StatusOK, Body: bodies}
		if page.Next != "" {
			next := fmt.Sprintf("%s/customers?cursor=%s&per_page=%d", apigw.BasePath, page.Next, page.PerPage)
			answer.Headers = map[string]string{"Link": "<" + next + `>; rel="next"`}
		}
		return answer, err
	}
}

func read(s *onboarding.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		view, err := s.Read(ctx, r.BrandID, r.Path("customer_id"))
		return unlessSeen(r, view, customer(view)), err
	}
}

// tagged is an answer about the customer as v shows it.
func tagged(status int, v onboarding.View, body any) apigw.Response {
	return apigw.Response{Status: status, Headers: map[string]string{"ETag": apigw.ETag(v.Version())}, Body: body}
}

// unlessSeen is the answer to a read, without its body where the caller has it.
func unlessSeen(r *apigw.Request, v onboarding.View, body any) apigw.Response {
	if !r.NoneMatch(v.Version()) {
		return tagged(http.StatusNotModified, v, nil)
	}
	return tagged(http.StatusOK, v, body)
}
