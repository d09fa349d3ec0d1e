package contract

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/message"
)

// The HTTP events that handlers are tested with are requests of documented operations; those named invalid have a body
// that the document forbids, and the others one that it allows.
func TestEventFilesAreDocumentedRequests(t *testing.T) {
	d := mustParse(t)
	names, err := filepath.Glob("../../../events/*.json")
	if err != nil {
		t.Fatal(err)
	}
	requests := 0
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var event struct {
			Version, RouteKey, RawPath, RawQueryString, Body string
			Type                                             string // REQUEST: what an authorizer is asked
		}
		if err := json.Unmarshal(source, &event); err != nil {
			continue // another shape
		}
		method, template, ok := strings.Cut(event.RouteKey, " ")
		if !ok || event.Type != "" {
			continue
		}
		requests++
		t.Run(filepath.Base(name), func(t *testing.T) {
			route, query, err := d.route(event.RawPath + "?" + event.RawQueryString)
			if err != nil {
				t.Fatal(err)
			}
			if want := pointer("/paths", strings.TrimPrefix(template, "/api/v0.1")); route != want {
				t.Errorf("routeKey %s and path %s differ", template, event.RawPath)
			}
			operation := pointer(route, strings.ToLower(method))
			if d.at(operation) == nil {
				t.Fatalf("method %s is not documented", method)
			}
			if err := d.checkQuery(route, operation, query); err != nil {
				t.Error(err)
			}
			err = d.checkRequest(operation, []byte(event.Body))
			if wanted := strings.Contains(filepath.Base(name), "-invalid"); (err != nil) != wanted {
				t.Errorf("the document refuses the body is %t, want %t: %v", err != nil, wanted, err)
			}
		})
	}
	if requests == 0 {
		t.Error("no HTTP event in events/")
	}
}

// What the domain tells, as it goes over the wire, is what the document says.
func TestEventsOfTheDomain(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	const program, attempt = "5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02", "8e2f4a6c-1b3d-4e5f-a7b8-c9d0e1f2a306"
	seen := map[kyc.EventName]bool{}
	for _, status := range kyc.Statuses() {
		for _, cause := range []string{"", "verifier_gone"} {
			if status == kyc.Expired && cause == "" {
				continue // running out of time has a cause
			}
			a := kyc.Attempt{ID: attempt, Status: status, SubmittedAt: at, Timeline: []kyc.Transition{
				{Version: 1, Status: kyc.Submitted, At: at}, {Version: 2, Status: status, At: at, Cause: cause},
			}}
			switch status {
			case kyc.Failed:
				a.Reasons = []string{kyc.ReasonOFAC, kyc.ReasonBureau, kyc.ReasonMissing, kyc.ReasonBirthDate, kyc.ReasonUnderage, kyc.ReasonPhone, kyc.ReasonDuplicate,
					kyc.ReasonContradicts, kyc.ReasonOtherFailed}
			case kyc.DocumentRequired:
				a.Reenter = []kyc.Field{kyc.SSN}
				for _, kind := range []kyc.DocumentType{kyc.GovernmentID, kyc.ProofOfAddress, kyc.SocialSecurityCard} {
					a.Documents = append(a.Documents, kyc.Document{ID: "2b3c4d5e-6f7a-4b8c-9d0e-1f2a3b4c5d08", Type: kind, Status: kyc.DocumentAskedFor, Asked: []int{2}})
				}
			}
			c := kyc.Customer{BrandID: "0b7e9c4e-4a44-4c8c-9a43-0f6f0d4f3a01", ID: "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03",
				Attempts: map[string]kyc.Attempt{program: a}}
			for _, e := range c.Follows(program, 0).Events {
				seen[e.Name] = true
				body, err := message.EventBody(e)
				if err != nil {
					t.Fatal(err)
				}
				CheckEvent(t, body)
			}
		}
	}
	all := kyc.Profile{}
	for _, f := range []kyc.Field{kyc.FirstName, kyc.MiddleName, kyc.LastName, kyc.BirthDate, kyc.SSN, kyc.Phone, kyc.PhoneCountryCode, kyc.Email, kyc.BrandPersonID} {
		all.Set(f, "x")
	}
	all.SetAddress(kyc.Address{ID: "a", Type: "MAILING"})
	updated := kyc.Customer{BrandID: "0b7e9c4e-4a44-4c8c-9a43-0f6f0d4f3a01", ID: "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03", ProfileVersion: 1}
	update, err := updated.Update(kyc.Profile{}, all, kyc.Moment{Time: at})
	if err != nil {
		t.Fatal(err)
	}
	updated.Changes = update.Changes
	updated.ProfileVersion, updated.ClosedAt = 3, at
	sub := kyc.Subscription{ID: "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e05", Version: 1}
	others := []kyc.Event{sub.Test("2b3c4d5e-6f7a-4b8c-9d0e-1f2a3b4c5d08", at)}
	for _, cause := range []string{kyc.DisabledGone, kyc.DisabledFailing} {
		disabled := sub.WithStatus(kyc.StatusDisabled, cause, at)
		disabled.Version++
		others = append(others, disabled.Disabled(at))
	}
	for _, e := range append(updated.Follows(kyc.OfProfile, 1).Events, others...) {
		seen[e.Name] = true
		body, err := message.EventBody(e)
		if err != nil {
			t.Fatal(err)
		}
		CheckEvent(t, body)
	}
	for _, name := range mustParse(t).keys("/webhooks") {
		if !seen[kyc.EventName(name)] {
			t.Errorf("nothing leads to %s", name)
		}
	}
}

// What the domain refuses with is what the examples say.
func TestExamplesOfRefusals(t *testing.T) {
	start := kyc.Start{ProgramID: "p", Policy: kyc.DefaultPolicy(), Key: &kyc.KeyClaim{}}
	with := func(a kyc.Attempt) *kyc.Customer { return &kyc.Customer{Attempts: map[string]kyc.Attempt{"p": a}} }
	change := func(status kyc.Status) *kyc.Error {
		born := kyc.Profile{}
		born.Set(kyc.BirthDate, "1990-05-17")
		_, err := with(kyc.Attempt{Status: status}).Update(kyc.Profile{}, born, kyc.Moment{})
		refusal, _ := errors.AsType[*kyc.Error](err)
		return refusal
	}
	seen := start.KeyRecord()
	another := seen
	another.Fingerprint = []byte("another")
	_, _, err := with(kyc.Attempt{Status: kyc.UnderReview}).Close(kyc.Profile{}, nil, kyc.Moment{})
	deletion, _ := errors.AsType[*kyc.Error](err)
	texts := map[string][]string{}
	for _, e := range []*kyc.Error{
		deletion,
		kyc.ErrCustomerMalformed(), kyc.ErrCustomerUnknown(), kyc.ErrProgramUnknown(), kyc.ErrNeverStarted(), kyc.ErrAlreadyPassed(kyc.Attempt{}),
		start.Refusal(with(kyc.Attempt{Status: kyc.Submitted}), nil), change(kyc.Submitted), change(kyc.Passed),
		start.Refusal(with(kyc.Attempt{}), &seen), start.Refusal(with(kyc.Attempt{}), &another), kyc.NewCustomer{Key: start.Key}.KeySeen(seen),
	} {
		texts[e.Code] = append(texts[e.Code], e.Message)
	}
	shown := map[string]bool{}
	for _, e := range mustParse(t).examples() {
		answer, _ := e.value.(map[string]any)
		code, _ := answer["Code"].(string)
		if text, _ := answer["Message"].(string); slices.Contains(texts[code], text) {
			shown[text] = true
		} else if texts[code] != nil {
			t.Errorf("%s says %q", e.where, text)
		}
	}
	for code, all := range texts {
		for _, text := range all {
			if !shown[text] {
				t.Errorf("no example of %s says %q", code, text)
			}
		}
	}
}
