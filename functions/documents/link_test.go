package main

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/testbed"
	"kyc/shared/uploadlink"
)

var pair = kyc.Pair{BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID}

// token returns that of the newest link of a customer's attempt.
func token(t *testing.T, bed *testbed.Bed, customerID string) string {
	t.Helper()
	keys := bed.Keyring()
	if err := keys.EnsureStackSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	ref := pair
	ref.CustomerID = customerID
	link, err := uploadlink.Links{Secrets: keys}.To(t.Context(), ref.Link(attempt(t, bed, customerID)))
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(link.Reveal(), "#")
	return token
}

func attempt(t *testing.T, bed *testbed.Bed, customerID string) kyc.Attempt {
	t.Helper()
	c, err := bed.Store(clock.Now).Customer(t.Context(), testbed.BrandID, customerID)
	if err != nil {
		t.Fatal(err)
	}
	return c.Attempts[testbed.ProgramID]
}

// by returns an event that comes by a link.
func by(t *testing.T, name, token string) events.APIGatewayV2HTTPRequest {
	e := testbed.HTTPEvent(t, name)
	e.Headers["upload-token"] = token
	return e
}

func TestVisit(t *testing.T) {
	bed, handle := asked(t)
	card := token(t, bed, testbed.CustomerID)
	status, body := testbed.HTTP(t, handle, by(t, "documents-visit.json", card))
	if status != 200 {
		t.Fatalf("%d %v", status, body)
	}
	documents := body["documents"].([]any)
	delete(body, "documents")
	until := attempt(t, bed, testbed.CustomerID).Link.Until // which ends before the documents are due
	want := map[string]any{
		"brand_name": "Everyday", "bank": "First Bank", "first_name": "Ada", "kyc_status": "document_required", "expires_at": kyc.FormatTime(until),
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(documents) != 3 {
		t.Fatalf("documents %v", documents)
	}
	id := documents[0].(map[string]any)
	if kinds := id["types"].([]any); len(kinds) != 7 || id["country_needed"] != true || id["status"] != "required" || len(id["sides"].([]any)) != 0 {
		t.Errorf("%v", id)
	}
	if social := documents[2].(map[string]any); len(social["types"].([]any)) != 0 || social["country_needed"] != false {
		t.Errorf("%v", social)
	}

	status, body = testbed.HTTP(t, handle, by(t, "documents-visit-uploads.json", card))
	if status != 201 || len(body) != 1 {
		t.Fatalf("%d %v", status, body)
	}
	upload := body["uploads"].([]any)[0].(map[string]any)
	if upload["document_id"] != testbed.DocumentID(kyc.SocialSecurityCard) || upload["received"] != false {
		t.Errorf("%v", upload)
	}
	side := func() map[string]any {
		_, body := testbed.HTTP(t, handle, by(t, "documents-visit.json", card))
		sides := body["documents"].([]any)[2].(map[string]any)["sides"].([]any)
		return sides[0].(map[string]any)
	}
	if got := side(); got["status"] != "awaited" {
		t.Errorf("announced, it is %v", got)
	}
	store, from := bed.Store(clock.Now), attempt(t, bed, testbed.CustomerID)
	refused := from.Refuse(testbed.DocumentID(kyc.SocialSecurityCard), kyc.Front, kyc.RejectedFileDamaged)
	if stood, err := store.FileDocuments(t.Context(), kyc.Filing{Pair: pair, From: from, To: refused}); err != nil || stood != nil {
		t.Fatal(stood, err)
	}
	if diff := cmp.Diff(map[string]any{"side": "front", "status": "rejected", "reason": "file_damaged"}, side()); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

func TestWhoeverHasNoLink(t *testing.T) {
	bed, handle := asked(t)
	good := token(t, bed, testbed.CustomerID)
	refused := func(what, token, code string) {
		t.Helper()
		for _, name := range []string{"documents-visit.json", "documents-visit-uploads.json"} {
			if status, body := testbed.HTTP(t, handle, by(t, name, token)); status != 403 || body["Code"] != code {
				t.Errorf("%s, %s: %d %v", what, name, status, body)
			}
		}
	}
	e := by(t, "documents-visit.json", "")
	delete(e.Headers, "upload-token")
	if status, body := testbed.HTTP(t, handle, e); status != 403 || body["Code"] != "upload_link_invalid" {
		t.Errorf("without a header: %d %v", status, body)
	}
	refused("no token", "", "upload_link_invalid")
	refused("a made-up token", strings.Repeat("A", len(good)), "upload_link_invalid")
	refused("a token that was changed", good[:10]+"A"+good[11:], "upload_link_invalid")

	// Of two links the newer one counts.
	store, from := bed.Store(clock.Now), attempt(t, bed, testbed.CustomerID)
	to := from
	to.Fence++
	to.Link = kyc.Link{Generation: 2, Until: clock.Now().Add(time.Hour)}
	if stood, err := store.FileDocuments(t.Context(), kyc.Filing{Pair: pair, From: from, To: to}); err != nil || stood != nil {
		t.Fatal(stood, err)
	}
	refused("the link before", good, "upload_link_expired")
	good = token(t, bed, testbed.CustomerID)
	if status, body := testbed.HTTP(t, handle, by(t, "documents-visit.json", good)); status != 200 {
		t.Errorf("the newest link: %d %v", status, body)
	}

	// Time ends it, by the brand's clock.
	if _, err := store.MoveClock(t.Context(), testbed.BrandID, 0, time.Hour, clock.Now()); err != nil {
		t.Fatal(err)
	}
	refused("after its end", good, "upload_link_expired")
}

// What was sent by a link is not lost to a customer who comes back once the attempt has gone on; of another attempt it tells
// nothing.
func TestLinksOfAttemptsThatHaveGoneOn(t *testing.T) {
	bed, handle := asked(t)
	good := token(t, bed, testbed.CustomerID)
	store := bed.Store(clock.Now)
	advance := func(status kyc.Status) {
		t.Helper()
		c, err := store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
		if err != nil {
			t.Fatal(err)
		}
		from, version := c.Attempts[testbed.ProgramID], c.Versions[testbed.ProgramID]
		to, err := from.Advance(kyc.Decision{Status: status}, version+1, clock.Now(), "")
		if err != nil {
			t.Fatal(err)
		}
		stood, err := store.AdvanceAttempt(t.Context(), kyc.Advance{
			BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID, From: from, To: to, Version: version, Ended: status.Final(),
		})
		if err != nil || stood != nil {
			t.Fatal(stood, err)
		}
	}
	for _, status := range []kyc.Status{kyc.UnderReview, kyc.Canceled} {
		advance(status)
		got, body := testbed.HTTP(t, handle, by(t, "documents-visit.json", good))
		if got != 200 || body["kyc_status"] != string(status) || body["expires_at"] != nil {
			t.Errorf("%s: %d %v", status, got, body)
		}
		if got, body := testbed.HTTP(t, handle, by(t, "documents-visit-uploads.json", good)); got != 409 || body["Code"] != "resource_conflict" {
			t.Errorf("%s, announced: %d %v", status, got, body)
		}
	}
	bed.Start(t, testbed.CustomerID, "99999999-9999-4999-8999-999999999999")
	for _, name := range []string{"documents-visit.json", "documents-visit-uploads.json"} {
		if got, body := testbed.HTTP(t, handle, by(t, name, good)); got != 403 || body["Code"] != "upload_link_expired" || body["attempt_id"] != nil {
			t.Errorf("%s, after another start: %d %v", name, got, body)
		}
	}

	// The customer is deleted: the link knows no more than one that has ended.
	advance(kyc.Errored)
	keys := bed.Keyring()
	desk := &onboarding.Service{
		Customers: store, Lists: store, Closings: store, Programs: store, Vault: keys, Clock: clock.For(kyc.Sandbox, store), NewID: uuid.NewString,
		Retention: &onboarding.Retention{Remains: store, Files: testbed.NoFiles{}},
	}
	if _, err := desk.Erase(t.Context(), testbed.BrandID, testbed.CustomerID, func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"documents-visit.json", "documents-visit-uploads.json"} {
		if got, body := testbed.HTTP(t, handle, by(t, name, good)); got != 403 || body["Code"] != "upload_link_expired" {
			t.Errorf("%s, of a deleted customer: %d %v", name, got, body)
		}
	}
}

// Whose documents they are is told by the link and by nothing else.
func TestTheLinkTellsWhose(t *testing.T) {
	bed, handle := asked(t)
	card := token(t, bed, testbed.CustomerID)
	for member, value := range map[string]any{"program_id": testbed.ProgramID, "customer_id": testbed.MarkedID} {
		e := with(t, "documents-visit-uploads.json", func(body map[string]any) { body[member] = value })
		e.Headers["upload-token"] = card
		if status, body := testbed.HTTP(t, handle, e); status != 400 || body["Code"] != "input_error" {
			t.Errorf("with %s: %d %v", member, status, body)
		}
	}
	e := by(t, "documents-visit-uploads.json", card) // a key pair makes no difference
	e.RequestContext.Authorizer = testbed.HTTPEvent(t, "documents.json").RequestContext.Authorizer
	e.RequestContext.Authorizer.Lambda["brand_id"] = testbed.ProgramID
	if status, body := testbed.HTTP(t, handle, e); status != 201 {
		t.Errorf("with another brand's key pair beside it: %d %v", status, body)
	}
}
