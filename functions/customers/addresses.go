package main

import (
	"context"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
)

func addAddress(s *onboarding.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		in, err := addressOf(r)
		if err != nil {
			return apigw.Response{}, err
		}
		view, added, err := s.AddAddress(ctx, r.BrandID, r.Path("customer_id"), r.IfMatch(), in)
		return tagged(http.StatusCreated, view, addressBodyOf(added)), err
	}
}

func listAddresses(s *onboarding.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		view, err := s.Read(ctx, r.BrandID, r.Path("customer_id"))
		return unlessSeen(r, view, addressBodies(view.Profile)), err
	}
}

func readAddress(s *onboarding.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		view, err := s.Read(ctx, r.BrandID, r.Path("customer_id"))
		if err != nil {
			return apigw.Response{}, err
		}
		found, err := view.Address(r.Path("address_id"))
		return unlessSeen(r, view, addressBodyOf(found)), err
	}
}

func changeAddress(s *onboarding.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		in, err := addressOf(r)
		if err != nil {
			return apigw.Response{}, err
		}
		view, changed, err := s.ChangeAddress(ctx, r.BrandID, r.Path("customer_id"), r.Path("address_id"), r.IfMatch(), in)
		return tagged(http.StatusOK, view, addressBodyOf(changed)), err
	}
}

func removeAddress(s *onboarding.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		view, removed, err := s.RemoveAddress(ctx, r.BrandID, r.Path("customer_id"), r.Path("address_id"), r.IfMatch())
		return tagged(http.StatusOK, view, addressBodyOf(removed)), err
	}
}

// addressOf reads the body of a request that is an address, or what is to be different in one.
func addressOf(r *apigw.Request) (onboarding.AddressInput, error) {
	body, err := r.Object("edit_customer_schema")
	if err != nil {
		return onboarding.AddressInput{}, err
	}
	in := addressInput(body)
	in.Wrong = body.Wrong()
	return in, nil
}

// addressInput reads an address of any body.
func addressInput(o *apigw.Object) onboarding.AddressInput {
	text := func(name string) *string {
		if s, ok := o.String(name); ok {
			return &s
		}
		return nil
	}
	in := onboarding.AddressInput{
		Type: text("address_type"), Street: text("street"), Street2: text("street2"), City: text("city"),
		State: text("state"), ZipCode: text("zip_code"), Country: text("country"), IsPrimary: o.Flag("is_primary"),
	}
	o.Rest()
	return in
}

type addressBody struct {
	AddressID   string  `json:"address_id"`
	AddressType string  `json:"address_type"`
	Street      string  `json:"street"`
	Street2     *string `json:"street2"`
	City        string  `json:"city"`
	State       string  `json:"state"`
	ZipCode     string  `json:"zip_code"`
	Country     string  `json:"country"`
	IsPrimary   bool    `json:"is_primary"`
	DateCreated string  `json:"date_created"`
}

func addressBodyOf(a kyc.Address) addressBody {
	return addressBody{
		AddressID: a.ID, AddressType: a.Type, Street: a.Street, Street2: optional(a.Street2), City: a.City, State: a.State,
		ZipCode: a.ZipCode, Country: a.Country, IsPrimary: a.IsPrimary, DateCreated: kyc.FormatTime(a.DateCreated),
	}
}

func addressBodies(p kyc.Profile) []addressBody {
	bodies := []addressBody{}
	for _, a := range p.Addresses() {
		bodies = append(bodies, addressBodyOf(a))
	}
	return bodies
}
