package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/outbox"
	"kyc/shared/queue"
	"kyc/shared/testbed"
	"kyc/shared/uploadlink"
	"kyc/shared/verification"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func TestRead(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	event := func(t *testing.T, query string) events.APIGatewayV2HTTPRequest {
		e := testbed.HTTPEvent(t, "get-kyc.json")
		e.RawQueryString, e.QueryStringParameters["program_id"] = "program_id="+query, query
		return e
	}
	expect := func(name, query string, status int, code string) {
		t.Run(name, func(t *testing.T) {
			if got, body := testbed.HTTP(t, handle, event(t, query)); got != status || body["Code"] != code {
				t.Errorf("%d %v", got, body)
			}
		})
	}
	expect("never started", testbed.ProgramID, 404, "kyc_dne")
	expect("unknown program", testbed.BrandID, 404, "invalid_program")
	expect("program_id that is no UUID", "42", 400, "get_kyc_schema")
	t.Run("names the parameter", func(t *testing.T) {
		_, body := testbed.HTTP(t, handle, event(t, "42"))
		want := []any{map[string]any{"parameter": "program_id", "detail": "Must be in the query, as a UUID: ?program_id=…"}}
		if diff := cmp.Diff(want, body["errors"]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	t.Run("an open attempt", func(t *testing.T) {
		status, body := testbed.HTTP(t, handle, event(t, testbed.ProgramID))
		if status != 200 || body["kyc_status"] != "submitted" || body["attempt_id"] != testbed.AttemptID || body["next_action"] != "wait" || body["kyc_requests_available"] != 3.0 {
			t.Errorf("%d %v", status, body)
		}
	})
}

func TestAttempts(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	page := func(cursor string) (int, map[string]any) {
		e := testbed.HTTPEvent(t, "get-kyc-attempts.json")
		if cursor != "" {
			e.RawQueryString += "&cursor=" + cursor
			e.QueryStringParameters["cursor"] = cursor
		}
		return testbed.HTTP(t, handle, e)
	}
	if status, body := page(""); status != 404 || body["Code"] != "kyc_dne" {
		t.Errorf("never started: %d %v", status, body)
	}
	var want []string
	canceler := &verification.Canceler{Attempts: bed.Store(clock.Now), Clock: clock.Brands{Real: clock.Now}}
	relay := &outbox.Relay{Store: bed.Store(clock.Now), Lanes: bed.Store(clock.Now), Verifications: queue.New(bed.AWS, bed.VerificationQueue)}
	for n := range 25 {
		id := fmt.Sprintf("%08d-0000-4000-8000-000000000000", n)
		want = append([]string{id}, want...)
		bed.Start(t, testbed.CustomerID, id)
		c, err := bed.Store(clock.Now).Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
		if err == nil {
			err = relay.CatchUp(t.Context(), c) // archives what was replaced
		}
		if err == nil && n < 24 {
			_, _, err = canceler.Cancel(t.Context(), testbed.BrandID, testbed.CustomerID, testbed.ProgramID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	cursor, pages := "", 0
	for more := true; more; more = cursor != "" {
		status, body := page(cursor)
		if status != 200 {
			t.Fatalf("%d %v", status, body)
		}
		for _, a := range body["attempts"].([]any) {
			a := a.(map[string]any)
			timeline := a["timeline"].([]any)
			first := timeline[0].(map[string]any)["state_version"].(float64)
			if last := timeline[len(timeline)-1].(map[string]any); a["kyc_status"] != last["kyc_status"] || last["state_version"] != first+float64(len(timeline)-1) {
				t.Errorf("attempt %v", a)
			}
			got = append(got, a["attempt_id"].(string))
		}
		cursor, _ = body["next_cursor"].(string)
		pages++
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 2 {
		t.Errorf("%d pages (-want +got):\n%s", pages, diff)
	}
	if status, body := page("bogus"); status != 400 || body["Code"] != "get_kyc_schema" {
		t.Errorf("a made-up cursor: %d %v", status, body)
	}
}

// A brand is told which other customers have the SSN, and one of those customers, who may ask too, is not.
func TestOtherCustomersAreTheBrandsToKnow(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	store := bed.Store(clock.Now)
	c, err := store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil {
		t.Fatal(err)
	}
	other := "11111111-1111-4111-8111-111111111111"
	policy := kyc.DefaultPolicy()
	policy.Duplicates = kyc.DuplicatesReviewed
	from := c.Attempts[testbed.ProgramID]
	to, err := from.Advance(kyc.Decide(kyc.Verdict{Results: []kyc.Result{kyc.CheckSharedSSN([]string{other}, policy, kyc.Sandbox)}}, kyc.DefaultPolicy(), nil), 2, clock.Now(), "")
	if err != nil {
		t.Fatal(err)
	}
	stood, err := store.AdvanceAttempt(t.Context(), kyc.Advance{
		BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID, From: from, To: to, Version: 1, Alarm: clock.Now(),
	})
	if err != nil || stood != nil {
		t.Fatalf("stood %+v, err %v", stood, err)
	}
	for name, shown := range map[string]any{"get-kyc.json": []any{other}, "get-kyc-attempts.json": []any{other}} {
		for _, temporary := range []bool{false, true} {
			e := testbed.HTTPEvent(t, name)
			if temporary {
				e.RequestContext.Authorizer.Lambda["customer_id"], shown = testbed.CustomerID, nil
			}
			status, body := testbed.HTTP(t, handle, e)
			if attempts, ok := body["attempts"].([]any); ok {
				body = attempts[0].(map[string]any)
			}
			results, _ := body["results"].(map[string]any)
			if diff := cmp.Diff(shown, body["duplicate_customer_ids"]); status != 200 || results["duplicates"] != "review" || body["kyc_status"] != "under_review" || diff != "" {
				t.Errorf("%s, to a temporary pair %t: %d %v (-want +got):\n%s", name, temporary, status, body, diff)
			}
		}
	}
}

// What was read of a document is shown with it, also of an attempt in the list, as the contract has it.
func TestWhatWasReadIsShown(t *testing.T) {
	all := kyc.Reading{
		Source: kyc.FromPDF, Form: kyc.FormBarcode, Profile: 1, Name: kyc.FoundSame, BirthDate: kyc.FoundDiffers, Expiry: kyc.FoundUnreadable,
		Number: kyc.FoundAbsent, Kind: kyc.FoundDiffers, Country: kyc.FoundUnreadable,
	}
	want := map[string]any{"read": true, "source": "pdf_text", "form": "barcode", "fields": map[string]any{
		"name": "same", "dob": "differs", "expiry": "unreadable", "number": "absent", "type": "differs", "country": "unreadable"}}
	shown := map[string]any{"none yet": nil, "all": want}
	readings := map[string]kyc.Reading{"all": all}
	for _, why := range kyc.Unreads() {
		readings[string(why)], shown[string(why)] = kyc.Reading{Unread: why}, map[string]any{"read": false, "why": string(why)}
	}
	for name, want := range shown {
		bed, _ := testbed.Seeded(t)
		bed.AskFor(t, testbed.CustomerID, testbed.AttemptID, kyc.GovernmentID)
		handle, err := build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		store := bed.Store(clock.Now)
		c, err := store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
		if err != nil {
			t.Fatal(err)
		}
		from := c.Attempts[testbed.ProgramID]
		to := from
		if r, sent := readings[name]; sent {
			to = from.Receive(testbed.DocumentID(kyc.GovernmentID), kyc.Front, kyc.Evidence{
				Content: kyc.Content{Media: kyc.PDF, Length: 1, SHA256: [32]byte{1}}, Version: "v", At: clock.Now().Truncate(time.Second), Reading: r,
			})
		}
		pair := kyc.Pair{BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID}
		if stood, err := store.FileDocuments(t.Context(), kyc.Filing{Pair: pair, From: from, To: to}); err != nil || stood != nil {
			t.Fatal(stood, err)
		}
		for _, event := range []string{"get-kyc.json", "get-kyc-attempts.json"} {
			status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, event))
			if attempts, ok := body["attempts"].([]any); ok {
				body = attempts[0].(map[string]any)
			}
			document := body["documents"].([]any)[0].(map[string]any)
			if diff := cmp.Diff(want, document["machine_readable"]); status != 200 || diff != "" {
				t.Errorf("%s, %s: %d (-want +got):\n%s", name, event, status, diff)
			}
		}
	}
}

func TestLateResultsAreInTheHistory(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	store := bed.Store(clock.Now)
	work := kyc.Work{BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID, AttemptID: testbed.AttemptID}
	claimed, _, err := store.Claim(t.Context(), work, clock.Now(), clock.Now().Add(time.Minute))
	if err == nil {
		_, _, err = (&verification.Canceler{Attempts: store, Clock: clock.Brands{Real: clock.Now}}).Cancel(t.Context(), testbed.BrandID, testbed.CustomerID, testbed.ProgramID)
	}
	late := claimed.Attempts[testbed.ProgramID]
	late.Late, late.LateAt = []kyc.Result{{Check: kyc.CheckOFAC, Passed: true, Provider: "p", Mode: kyc.Sandbox}, {Check: kyc.CheckBureau}}, clock.Now()
	if err == nil {
		err = store.RecordLate(t.Context(), claimed, testbed.ProgramID, late)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "get-kyc-attempts.json"))
	attempt := body["attempts"].([]any)[0].(map[string]any)
	want := map[string]any{"ofac": "passed", "bureau": "failed"}
	if diff := cmp.Diff(want, attempt["late_results"]); diff != "" || attempt["late_results_at"] != kyc.FormatTime(late.LateAt) || attempt["results"] != nil {
		t.Errorf("attempt %v (-want +got):\n%s", attempt, diff)
	}
}

// What is to be sent can be sent by the link; what is in needs none, and neither does the history.
func TestDocumentsHaveALink(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	if err := bed.Keyring().EnsureStackSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bed.AskFor(t, testbed.CustomerID, testbed.AttemptID, kyc.GovernmentID, kyc.SocialSecurityCard)
	store := bed.Store(clock.Now)
	c, err := store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil {
		t.Fatal(err)
	}
	from := c.Attempts[testbed.ProgramID]
	pair := kyc.Pair{BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID}
	to := from.Receive(testbed.DocumentID(kyc.SocialSecurityCard), kyc.Front, kyc.Evidence{Content: kyc.Content{Media: kyc.PNG, Length: 1}, Version: "v", At: clock.Now()})
	if stood, err := store.FileDocuments(t.Context(), kyc.Filing{Pair: pair, From: from, To: to}); err != nil || stood != nil {
		t.Fatalf("stood %+v, err %v", stood, err)
	}
	e := testbed.HTTPEvent(t, "get-kyc.json")
	status, body := testbed.HTTP(t, handle, e)
	if status != 200 || body["documents_due_at"] != kyc.FormatTime(from.DocumentsBy) || body["upload_link_expires_at"] != kyc.FormatTime(from.Link.Until) {
		t.Errorf("%d %v", status, body)
	}
	links := uploadlink.Links{Secrets: bed.Keyring(), API: "https://" + e.RequestContext.DomainName + "/api/v0.1"}
	want, err := links.To(t.Context(), pair.Link(to))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range body["documents"].([]any) {
		d := d.(map[string]any)
		if link := d["upload_link"]; d["document_type"] == "government_id" && link != want.Reveal() || d["document_type"] != "government_id" && link != nil {
			t.Errorf("%s has the link %v, want %s", d["document_type"], link, want.Reveal())
		}
	}
	t.Setenv("PUBLIC_URL", "https://kyc.example.com/api/v0.1")
	if handle, err = build(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, body = testbed.HTTP(t, handle, e)
	if link, _ := body["documents"].([]any)[0].(map[string]any)["upload_link"].(string); !strings.HasPrefix(link, "https://kyc.example.com/api/v0.1/upload#") {
		t.Errorf("where the API has an address of its own, the link is %s", link)
	}
	e.RequestContext.Authorizer.Lambda["permissions"] = "read webhooks review"
	if _, body := testbed.HTTP(t, handle, e); strings.Contains(fmt.Sprint(body), "upload#") || body["upload_link_expires_at"] != nil || body["documents_due_at"] == nil {
		t.Errorf("a key pair that may send no documents is shown %v", body)
	}
	_, history := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "get-kyc-attempts.json"))
	if text := fmt.Sprint(history); strings.Contains(text, "upload#") {
		t.Errorf("the history has a link: %s", text)
	}
}
