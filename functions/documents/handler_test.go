package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// asked is a handler whose customer is asked for all documents.
func asked(t *testing.T) (*testbed.Bed, apigw.Func) {
	t.Helper()
	bed, _ := testbed.Seeded(t)
	bed.Documents(t)
	bed.AskFor(t, testbed.CustomerID, testbed.AttemptID, kyc.DocumentTypes()...)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return bed, handle
}

// with returns an event with changes to its body.
func with(t *testing.T, name string, change func(body map[string]any)) events.APIGatewayV2HTTPRequest {
	t.Helper()
	e := testbed.HTTPEvent(t, name)
	var body map[string]any
	if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
		t.Fatal(err)
	}
	change(body)
	raw, _ := json.Marshal(body)
	e.Body = string(raw)
	return e
}

// sides lists what is awaited of each side.
func sides(t *testing.T, bed *testbed.Bed) map[string]kyc.Media {
	t.Helper()
	c, err := bed.Store(clock.Now).Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]kyc.Media{}
	for _, d := range c.Attempts[testbed.ProgramID].Documents {
		for _, f := range d.Files {
			all[fmt.Sprint(d.Type, " ", d.Kind, " ", f.Side)] = f.Slot.Media
		}
	}
	return all
}

func TestSubmit(t *testing.T) {
	bed, handle := asked(t)
	status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "documents.json"))
	if diff := cmp.Diff(map[string]any{"customer_id": testbed.CustomerID, "num_documents_submitted": 3.0}, body); status != 201 || diff != "" {
		t.Fatalf("%d (-want +got):\n%s", status, diff)
	}
	want := map[string]kyc.Media{
		"government_id drivers_license front": kyc.JPEG, "government_id drivers_license back": kyc.JPEG,
		"proof_of_address utility_bill front": kyc.PDF, "social_security_card  front": kyc.PNG,
	}
	if diff := cmp.Diff(want, sides(t, bed)); diff != "" {
		t.Errorf("awaited (-want +got):\n%s", diff)
	}
	var places []string
	for _, file := range bed.Files(t) {
		place, _, _ := strings.Cut(strings.TrimPrefix(file, testbed.BrandID+"/"+testbed.CustomerID+"/"+testbed.ProgramID+"/"+testbed.AttemptID+"/"), " ")
		places = append(places, place)
	}
	front := func(t kyc.DocumentType) string { return testbed.DocumentID(t) + "/front" }
	stored := []string{testbed.DocumentID(kyc.GovernmentID) + "/back", front(kyc.GovernmentID), front(kyc.ProofOfAddress), front(kyc.SocialSecurityCard)}
	if diff := cmp.Diff(slices.Sorted(slices.Values(stored)), slices.Sorted(slices.Values(places))); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if status, _ := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "documents.json")); status != 201 {
		t.Errorf("sent again: %d", status)
	}
}

func TestSubmitByOlderNames(t *testing.T) {
	bed, handle := asked(t)
	e := with(t, "documents.json", func(body map[string]any) {
		delete(body, "program_id") // one attempt alone asks
		body["utility_bill"], body["ssc"] = body["proof_of_address"], body["social_security_card"]
		delete(body, "proof_of_address")
		delete(body, "social_security_card")
		body["government_id"].(map[string]any)["type"] = "permanant_resident_card"
	})
	if status, body := testbed.HTTP(t, handle, e); status != 201 || body["num_documents_submitted"] != 3.0 {
		t.Errorf("%d %v", status, body)
	}
	if want := []string{"government_id permanent_resident_card back", "government_id permanent_resident_card front", "proof_of_address utility_bill front", "social_security_card  front"}; !slices.Equal(want, slices.Sorted(maps.Keys(sides(t, bed)))) {
		t.Errorf("awaited: %v", sides(t, bed))
	}
}

// sameFile is how the page tells the refusal of a file that was sent before from others: by how it begins.
func sameFile(t *testing.T) string {
	t.Helper()
	script, err := page.ReadFile("page/page.js")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(script), `field.detail.startsWith("`)
	begin, _, _ := strings.Cut(rest, `"`)
	if !found || begin == "" {
		t.Fatal("the page looks for nothing")
	}
	return begin
}

func TestRefusals(t *testing.T) {
	bed, handle := asked(t)
	government := func(change func(map[string]any)) func(map[string]any) {
		return func(body map[string]any) { change(body["government_id"].(map[string]any)) }
	}
	for name, c := range map[string]struct {
		event events.APIGatewayV2HTTPRequest
		want  map[string]string
	}{
		"all at once": {testbed.HTTPEvent(t, "documents-invalid.json"), map[string]string{
			"government_id/type": "Must be one of drivers_license", "government_id/country": "Must be the two letters",
			"government_id/front_image/file_name": "Must end in", "government_id/front_image/image": "Must be the file's bytes in base64",
			"utility_bill/type": kyc.MissingField, "utility_bill/file_name": kyc.MissingField, "utility_bill/image": kyc.MissingField,
		}},
		"a country that there is not": {with(t, "documents-uploads.json", government(func(id map[string]any) { id["country"] = "UK" })), map[string]string{
			"government_id/country": "Must be the two letters",
		}},
		"all of an announcement": {testbed.HTTPEvent(t, "documents-uploads-invalid.json"), map[string]string{
			"government_id/front_image/content_type": "Must be one of [image/jpeg", "government_id/front_image/content_length": "Must be from 1 to 15728640",
			"government_id/front_image/sha256": "Must be the SHA-256",
		}},
		"no document": {with(t, "documents.json", func(body map[string]any) { clear(body) }),
			map[string]string{"government_id": "Send at least one", "proof_of_address": "Send at least one", "social_security_card": "Send at least one"}},
		"no back": {with(t, "documents.json", government(func(g map[string]any) { g["type"] = "work_permit"; delete(g, "back_image") })),
			map[string]string{"government_id/back_image": kyc.MissingField}},
		"a back of what has none": {with(t, "documents.json", government(func(g map[string]any) { g["type"] = "passport" })),
			map[string]string{"government_id/back_image": "This type of document has no back"}},
		"no front": {with(t, "documents-uploads.json", government(func(g map[string]any) { delete(g, "front_image"); delete(g, "back_image") })),
			map[string]string{"government_id/front_image": kyc.MissingField}},
		"one file for two sides": {with(t, "documents.json", government(func(g map[string]any) { g["back_image"] = g["front_image"] })),
			map[string]string{"government_id/front_image": sameFile(t), "government_id/back_image": sameFile(t)}},
		"two names": {with(t, "documents.json", func(body map[string]any) { body["ssc"] = body["social_security_card"] }),
			map[string]string{"ssc": "Stands there twice"}},
		"members of the other form": {with(t, "documents.json", government(func(g map[string]any) { g["front_image"].(map[string]any)["sha256"] = "00" })),
			map[string]string{"government_id/front_image/sha256": "Unknown field."}},
		"no program": {with(t, "documents.json", func(body map[string]any) { body["program_id"] = "x" }), map[string]string{"program_id": "Must be a UUID."}},
	} {
		t.Run(name, func(t *testing.T) {
			response, err := handle(testbed.Context(t), c.event)
			if err != nil {
				t.Fatal(err)
			}
			var body struct {
				Code    string
				Message map[string][]string
			}
			if err := json.Unmarshal([]byte(response.Body), &body); err != nil {
				t.Fatalf("%v: %s", err, response.Body)
			}
			if response.StatusCode != 400 || body.Code != "input_error" || !slices.Equal(slices.Sorted(maps.Keys(c.want)), slices.Sorted(maps.Keys(body.Message))) {
				t.Errorf("%d %s", response.StatusCode, response.Body)
			}
			for place, want := range c.want {
				if got := strings.Join(body.Message[place], " "); !strings.HasPrefix(got, want) {
					t.Errorf("%s: %q", place, got)
				}
			}
		})
	}
	if got := sides(t, bed); len(got) != 0 || len(bed.Files(t)) != 0 {
		t.Errorf("what was refused is awaited: %v, or stored: %v", got, bed.Files(t))
	}
}

func TestNothingIsAskedFor(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	bed.Documents(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expect := func(name string, e events.APIGatewayV2HTTPRequest, want int, code string) {
		t.Helper()
		if status, body := testbed.HTTP(t, handle, e); status != want || body["Code"] != code {
			t.Errorf("%s: %d %v", name, status, body)
		}
	}
	expect("never started", testbed.HTTPEvent(t, "documents.json"), 404, "kyc_dne")
	bed.AskFor(t, testbed.CustomerID, testbed.AttemptID, kyc.ProofOfAddress)
	expect("not this", testbed.HTTPEvent(t, "documents-uploads.json"), 400, "input_error")
	expect("another program", with(t, "documents.json", func(body map[string]any) { body["program_id"] = uuid.NewString() }), 404, "kyc_dne")
	stranger := testbed.HTTPEvent(t, "documents.json")
	stranger.PathParameters["customer_id"] = uuid.NewString()
	expect("unknown customer", stranger, 404, "customer_dne")
	stranger.PathParameters["customer_id"] = "x"
	expect("malformed customer", stranger, 400, "customer_invalid_uuid4")
	if files := bed.Files(t); len(files) != 0 {
		t.Errorf("stored: %v", files)
	}
}

func TestAnnounce(t *testing.T) {
	bed, handle := asked(t)
	status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, "documents-uploads.json"))
	if status != 201 || body["attempt_id"] != testbed.AttemptID || body["program_id"] != testbed.ProgramID {
		t.Fatalf("%d %v", status, body)
	}
	uploads := body["uploads"].([]any)
	if len(uploads) != 2 {
		t.Fatalf("%v", uploads)
	}
	for n, side := range []string{"front", "back"} {
		u := uploads[n].(map[string]any)
		if u["side"] != side || u["document_id"] != testbed.DocumentID(kyc.GovernmentID) || u["received"] != false || u["headers"].(map[string]any)["Content-Type"] != "image/jpeg" {
			t.Errorf("%v", u)
		}
	}
	// What is here already need not be sent, also once the attempt has gone on.
	store := bed.Store(clock.Now)
	for _, side := range []kyc.Side{kyc.Front, kyc.Back} {
		c, err := store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
		if err != nil {
			t.Fatal(err)
		}
		a := c.Attempts[testbed.ProgramID]
		d, _ := a.DocumentOf(kyc.GovernmentID)
		to := a.Receive(d.ID, side, kyc.Evidence{Content: d.File(side).Slot.Content, Version: "v", At: clock.Now()})
		pair := kyc.Pair{BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID}
		if stood, err := store.FileDocuments(t.Context(), kyc.Filing{Pair: pair, From: a, To: to}); err != nil || stood != nil {
			t.Fatal(stood, err)
		}
	}
	status, body = testbed.HTTP(t, handle, testbed.HTTPEvent(t, "documents-uploads.json"))
	for _, u := range body["uploads"].([]any) {
		if u := u.(map[string]any); status != 201 || u["received"] != true || u["url"] != nil {
			t.Errorf("%d %v", status, u)
		}
	}
}
