package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/docvault"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

const front = "\xff\xd8\xff the front of a card"

// receive opens an attempt of a seeded customer that holds the front of a government ID.
func receive(t *testing.T, bed *testbed.Bed, customerID string) {
	t.Helper()
	bed.AskFor(t, customerID, testbed.AttemptID, kyc.GovernmentID)
	pair := kyc.Pair{BrandID: testbed.BrandID, CustomerID: customerID, ProgramID: testbed.ProgramID}
	e := kyc.Exhibit{Pair: pair, AttemptID: testbed.AttemptID, DocumentID: testbed.DocumentID(kyc.GovernmentID), Side: kyc.Front}
	content := kyc.Content{Media: kyc.JPEG, Length: int64(len(front)), SHA256: sha256.Sum256([]byte(front))}
	if err := docvault.New(bed.AWS, bed.Bucket, bed.KeyARN, clock.Now).Put(t.Context(), e, kyc.Slot{Content: content}, []byte(front)); err != nil {
		t.Fatal(err)
	}
	_, version, _ := strings.Cut(bed.Files(t)[0], " ")
	store := bed.Store(clock.Now)
	c, err := store.Customer(t.Context(), testbed.BrandID, customerID)
	if err != nil {
		t.Fatal(err)
	}
	a := c.Attempts[testbed.ProgramID]
	to := a.Receive(e.DocumentID, e.Side, kyc.Evidence{Content: content, Version: version, At: clock.Now()})
	if stood, err := store.FileDocuments(t.Context(), kyc.Filing{Pair: pair, From: a, To: to}); err != nil || stood != nil {
		t.Fatal(stood, err)
	}
}

func TestReadDocument(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	receive(t, bed, testbed.CustomerID)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"reviews-document.json", "reviews-document-attempt.json"} {
		status, body := testbed.HTTP(t, handle, testbed.HTTPEvent(t, name))
		link, _ := body["url"].(string)
		expires, _ := body["expires_at"].(string)
		until, err := kyc.ParseTime(expires)
		if left := until.Sub(clock.Now()); err != nil || left <= 0 || left > time.Minute {
			t.Errorf("%s: until %q", name, expires)
		}
		delete(body, "url")
		delete(body, "expires_at")
		want := map[string]any{
			"method": "GET", "content_type": "image/jpeg", "content_length": float64(len(front)), "sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(front))),
		}
		if diff := cmp.Diff(want, body); diff != "" || status != http.StatusOK || !strings.Contains(link, "government_id-front.jpg") {
			t.Fatalf("%s: %d %s (-want +got):\n%s", name, status, link, diff)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if string(data) != front {
			t.Errorf("%s: %d %q", name, response.StatusCode, data)
		}
	}
	records := 0
	for key, item := range bed.Snapshot(t) {
		if strings.HasPrefix(key, "audit#") && item["action"] == "read_document" {
			records++
			if item["asked_by"] != testbed.Identity || item["request_id"] != "00000000-0000-4000-8000-000000000000" || item["document_id"] != testbed.DocumentID(kyc.GovernmentID) {
				t.Errorf("record: %v", item)
			}
		}
	}
	if records != 2 {
		t.Errorf("%d records", records)
	}
}

func TestRefusals(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expect := func(name string, want int, code string, change func(path, query map[string]string, pair map[string]any)) {
		t.Helper()
		e := testbed.HTTPEvent(t, "reviews-document-attempt.json")
		change(e.PathParameters, e.QueryStringParameters, e.RequestContext.Authorizer.Lambda)
		if status, body := testbed.HTTP(t, handle, e); status != want || fmt.Sprint(body["Code"]) != code {
			t.Errorf("%s: %d %v", name, status, body)
		}
	}
	expect("never started", 404, "kyc_dne", func(_, _ map[string]string, _ map[string]any) {})
	receive(t, bed, testbed.CustomerID)
	expect("all permissions but this", 403, "auth_err", func(_, _ map[string]string, pair map[string]any) {
		pair["permissions"] = "read write webhooks simulate"
	})
	expect("a pair for one customer alone", 403, "auth_err", func(_, _ map[string]string, pair map[string]any) { pair["customer_id"] = testbed.CustomerID })
	expect("unknown customer", 404, "customer_dne", func(path, _ map[string]string, _ map[string]any) { path["customer_id"] = uuid.NewString() })
	expect("malformed customer", 400, "customer_invalid_uuid4", func(path, _ map[string]string, _ map[string]any) { path["customer_id"] = "x" })
	expect("no program", 400, "get_kyc_schema", func(_, query map[string]string, _ map[string]any) { delete(query, "program_id") })
	expect("malformed attempt", 400, "get_kyc_schema", func(_, query map[string]string, _ map[string]any) { query["attempt_id"] = "x" })
	expect("unknown parameter", 400, "invalid_request", func(_, query map[string]string, _ map[string]any) { query["version"] = "x" })
	expect("no file held", 404, "invalid_reference", func(path, _ map[string]string, _ map[string]any) { path["side"] = "back" })
	expect("another brand", 404, "customer_dne", func(_, _ map[string]string, pair map[string]any) { pair["brand_id"] = uuid.NewString() })
	expect("nobody who could be put on record", 500, "unknown_kyc_documents", func(_, _ map[string]string, pair map[string]any) { delete(pair, "identity") })
	expect("may review", 200, "<nil>", func(_, _ map[string]string, pair map[string]any) { pair["permissions"] = string(kyc.MayReview) })
}
