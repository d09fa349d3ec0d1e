package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
)

// erased deletes customers: one of whom nothing is kept, and one who has passed, until the law keeps nothing of it either.
func erased(t *testing.T, hooks *receiver) {
	b := newBrand(t)
	secret := b.subscribe(open.webhooks.Addr(), "kyc.*", "customer.deleted")
	unknown := func(id string, requests ...[2]string) {
		t.Helper()
		for _, r := range append(requests, [2]string{"GET", ""}, [2]string{"PATCH", ""}, [2]string{"GET", "/addresses"},
			[2]string{"POST", "/verification-kyc"}, [2]string{"GET", "/verification-kyc?program_id=" + b.program}) {
			var body any
			if r[0] == "POST" || r[0] == "PATCH" {
				body = map[string]any{"program_id": b.program}
			}
			if r[0] == "PATCH" {
				body = map[string]any{"email": "other@example.com"}
			}
			if status, answer := b.call(r[0], "/customers/"+id+r[1], body); status != http.StatusNotFound || answer["Code"] != "customer_dne" {
				t.Errorf("%s of a deleted customer%s: %d %v", r[0], r[1], status, answer)
			}
		}
	}

	whole := b.customer("123-45-6780")
	if status, report := b.call("DELETE", "/customers/"+whole, nil); status != http.StatusOK || len(report["kept"].([]any)) != 0 {
		t.Fatalf("delete: %d %v", status, report)
	}
	unknown(whole, [2]string{"DELETE", ""})
	hooks.wait(b, whole, "customer.deleted").verify(t, secret)

	id := b.customer("123-45-6780")
	_, device := b.call("POST", "/auth/key/temporary", map[string]any{"customer_id": id})
	pair := *b
	pair.identity, pair.secret = device["Identity"].(string), device["Authorization"].(string)
	if status, answer := pair.call("DELETE", "/customers/"+id, nil); status != http.StatusForbidden {
		t.Errorf("delete by the customer's own key pair: %d %v", status, answer)
	}
	attempt := b.start(id)
	b.until(id, "passed")
	status, report := b.call("DELETE", "/customers/"+id, nil)
	if want := "identifying_information verification " + attempt + " sanctions_screening " + attempt; status != http.StatusOK || kept(report) != want {
		t.Fatalf("delete: %d, kept %q, want %q", status, kept(report), want)
	}
	unknown(id)
	if status, answer := pair.call("GET", "/customers/"+id, nil); status != http.StatusNotFound {
		t.Errorf("read by the customer's own key pair: %d %v", status, answer)
	}
	if status, again := b.call("DELETE", "/customers/"+id, nil); status != http.StatusOK || !cmp.Equal(report, again) {
		t.Errorf("delete again: %d (-first +again):\n%s", status, cmp.Diff(report, again))
	}
	hooks.wait(b, id, "customer.deleted").verify(t, secret)

	at, err := kyc.ParseTime(report["erased_at"].(string))
	must(t, err)
	move := func(to time.Time) {
		t.Helper()
		if status, moved := b.call("POST", "/simulate/clock", map[string]any{"move_to": to.Format(time.RFC3339)}); status != http.StatusOK || moved["complete"] != true {
			t.Fatalf("move: %d %v", status, moved)
		}
	}
	move(at.AddDate(5, 0, 1))
	if status, later := b.call("DELETE", "/customers/"+id, nil); status != http.StatusOK || kept(later) != "sanctions_screening "+attempt {
		t.Errorf("five years later: %d %v", status, later)
	}
	move(at.AddDate(10, 0, 1))
	unknown(id, [2]string{"DELETE", ""})
	for name := range onFile(t, b) {
		if strings.Contains(name, "#customer#") && !strings.Contains(name, " event#") {
			t.Errorf("%s is left after ten years", name)
		}
	}
}

// kept names the records of a report, and their attempts.
func kept(report map[string]any) string {
	var all []string
	records, _ := report["kept"].([]any)
	for _, k := range records {
		record := k.(map[string]any)
		all = append(all, fmt.Sprint(record["record"]))
		if record["attempt_id"] != nil {
			all = append(all, fmt.Sprint(record["attempt_id"]))
		}
	}
	return strings.Join(all, " ")
}
