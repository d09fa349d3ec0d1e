package main

import (
	"context"
	"net/http"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
)

func routes(s *onboarding.Service) map[string]apigw.Route {
	return map[string]apigw.Route{
		"POST /customers":              {Handle: create(s), Needs: kyc.MayWrite, OurFault: "unknown_create_customer"},
		"GET /customers/{customer_id}": {Handle: read(s), Needs: kyc.MayRead, OurFault: "unknown_get_customer"},
	}
}

func create(s *onboarding.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		body, err := r.Object("create_customer_schema")
		if err != nil {
			return apigw.Response{}, err
		}
		in := onboarding.Input{Fields: map[kyc.Field]string{}}
		for _, f := range onboarding.Creatable() {
			if v, ok := body.String(string(f)); ok {
				in.Fields[f] = v
			}
		}
		for _, o := range body.Objects("addresses") {
			in.Addresses = append(in.Addresses, address(o))
		}
		body.Rest()
		in.Wrong = body.Wrong()
		view, err := s.Create(ctx, r.BrandID, in)
		return apigw.Response{Status: http.StatusCreated, Body: customer(view)}, err
	}
}

func address(o *apigw.Object) kyc.Address {
	text := func(name string) string { s, _ := o.String(name); return s }
	a := kyc.Address{
		Type: text("address_type"), Street: text("street"), Street2: text("street2"), City: text("city"),
		State: text("state"), ZipCode: text("zip_code"), Country: text("country"), IsPrimary: o.Bool("is_primary"),
	}
	o.Rest()
	return a
}

func read(s *onboarding.Service) func(context.Context, *apigw.Request) (apigw.Response, error) {
	return func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
		view, err := s.Read(ctx, r.BrandID, r.Path("customer_id"))
		return apigw.Response{Status: http.StatusOK, Body: customer(view)}, err
	}
}

// customerBody is a customer as its brand sees it.
type customerBody struct {
	CustomerID           string        `json:"customer_id"`
	BrandID              string        `json:"bond_brand_id"`
	BrandPersonID        *string       `json:"brand_person_id"`
	BusinessID           *string       `json:"business_id"` // of the published object; persons have none
	BirthDate            string        `json:"dob"`
	FirstName            string        `json:"first_name"`
	MiddleName           *string       `json:"middle_name"`
	LastName             string        `json:"last_name"`
	SSN                  *string       `json:"ssn"`
	Phone                *string       `json:"phone"`
	PhoneCountryCode     *string       `json:"phone_country_code"`
	Email                *string       `json:"email"`
	KYCRequestsAvailable int           `json:"kyc_requests_available"`
	Addresses            []addressBody `json:"addresses"`
	DateCreated          string        `json:"date_created"`
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

func customer(v onboarding.View) customerBody {
	p := v.Profile
	body := customerBody{
		CustomerID: v.Customer.ID, BrandID: v.Customer.BrandID, BrandPersonID: optional(p.Get(kyc.BrandPersonID)),
		BirthDate: p.Get(kyc.BirthDate), FirstName: p.Get(kyc.FirstName), MiddleName: optional(p.Get(kyc.MiddleName)), LastName: p.Get(kyc.LastName),
		SSN: optional(p.MaskedSSN()), Phone: optional(p.Get(kyc.Phone)), PhoneCountryCode: optional(p.Get(kyc.PhoneCountryCode)),
		Email: optional(p.Get(kyc.Email)), KYCRequestsAvailable: v.RequestsAvailable,
		DateCreated: kyc.FormatTime(v.Customer.CreatedAt), Addresses: []addressBody{},
	}
	for _, a := range p.Addresses() {
		body.Addresses = append(body.Addresses, addressBody{
			AddressID: a.ID, AddressType: a.Type, Street: a.Street, Street2: optional(a.Street2), City: a.City, State: a.State,
			ZipCode: a.ZipCode, Country: a.Country, IsPrimary: a.IsPrimary, DateCreated: kyc.FormatTime(a.DateCreated),
		})
	}
	return body
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
