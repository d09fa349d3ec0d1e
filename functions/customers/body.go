package main

import (
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
)

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

func customer(v onboarding.View) customerBody {
	p := v.Profile
	return customerBody{
		CustomerID: v.Customer.ID, BrandID: v.Customer.BrandID, BrandPersonID: optional(p.Get(kyc.BrandPersonID)),
		BirthDate: p.Get(kyc.BirthDate), FirstName: p.Get(kyc.FirstName), MiddleName: optional(p.Get(kyc.MiddleName)), LastName: p.Get(kyc.LastName),
		SSN: optional(p.MaskedSSN()), Phone: optional(p.Get(kyc.Phone)), PhoneCountryCode: optional(p.Get(kyc.PhoneCountryCode)),
		Email: optional(p.Get(kyc.Email)), KYCRequestsAvailable: v.RequestsAvailable,
		DateCreated: kyc.FormatTime(v.Customer.CreatedAt), Addresses: addressBodies(p),
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
