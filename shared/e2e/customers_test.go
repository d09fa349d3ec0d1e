package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"kyc/shared/openapi"
)

// changed changes a customer before, while and after KYC judges it, and lists all customers of its brand.
func changed(t *testing.T, hooks *receiver) {
	b := newBrand(t)
	secret := b.subscribe(open.webhooks.Addr(), "customer.*")
	id := b.customer("000-00-0000") // a person looks
	path := "/customers/" + id
	want := func(status int, code any) func(int, map[string]any) map[string]any {
		return func(got int, answer map[string]any) map[string]any {
			t.Helper()
			if got != status || answer["Code"] != code {
				t.Errorf("%d %v, want %d %v", got, answer, status, code)
			}
			return answer
		}
	}
	_, header, _ := b.exchange("GET", path, nil)
	read := header.Get("ETag")
	mail := map[string]any{"email": "new@example.com"}
	want(http.StatusOK, nil)(b.call("PATCH", path, mail, "If-Match", read))
	mail["email"] = "other@example.com"
	want(http.StatusPreconditionFailed, "resource_conflict")(b.call("PATCH", path, mail, "If-Match", read))
	if _, now := b.call("GET", path, nil); now["email"] != "new@example.com" {
		t.Errorf("on file is %v", now["email"])
	}

	address := map[string]any{"address_type": "MAILING", "street": "PO Box 12", "city": "San Francisco", "state": "CA", "zip_code": "94104", "country": "US"}
	added := want(http.StatusCreated, nil)(b.call("POST", path+"/addresses/", address))
	other := path + "/addresses/" + fmt.Sprint(added["address_id"])
	want(http.StatusOK, nil)(b.call("PATCH", other, map[string]any{"street": "PO Box 21"}))
	if removed := want(http.StatusOK, nil)(b.call("DELETE", other, nil)); removed["street"] != "PO Box 21" {
		t.Errorf("removed: %v", removed)
	}

	b.start(id)
	b.until(id, "under_review")
	name := map[string]any{"last_name": "Exemplar"}
	want(http.StatusConflict, "kyc_in_progress")(b.call("PATCH", path, name))
	want(http.StatusOK, nil)(b.call("DELETE", kycPath(id)+"?program_id="+b.program, nil))
	want(http.StatusOK, nil)(b.call("PATCH", path, map[string]any{"ssn": "123-45-6780"}))
	b.start(id)
	b.until(id, "passed")
	want(http.StatusConflict, "kyc_customer")(b.call("PATCH", path, name))
	phone := want(http.StatusOK, nil)(b.call("PATCH", path, map[string]any{"phone": "202-555-0175"}))
	if phone["phone"] != "2025550175" || phone["last_name"] != "Example" || phone["ssn"] != "XXX-XX-6780" {
		t.Errorf("in the end: %v", phone)
	}

	// Each change is told once or more under its own id, by the names of what changed.
	told := []string{"[email]", "[addresses]", "[addresses]", "[addresses]", "[ssn]", "[phone phone_country_code]"}
	for n, fields := range told {
		version := n + 2 // the customer was created with the first one
		event := hooks.waitFor(b, fmt.Sprintf("evt_%s_%d", id, version))
		event.verify(t, secret)
		names := slices.Sorted(slices.Values(texts(event.event["fields"])))
		if event.event["event"] != "customer.updated" || event.event["state_version"] != float64(version) || fmt.Sprint(names) != fields {
			t.Errorf("want %s in version %d: %s", fields, version, event.body)
		}
	}
	if ids := slices.Compact(slices.Sorted(slices.Values(hooks.events(b, id)))); len(ids) != len(told) {
		t.Errorf("events %v", ids)
	}
	listed(b, id)
}

// listed reads the list of the brand's customers in pages of one, each by the Link of the one before.
func listed(b *brand, oldest string) {
	b.t.Helper()
	want := []string{b.customer("123-45-6780"), b.customer("123-45-6780"), oldest}
	slices.Reverse(want[:2])
	eventually(b.t, "all of them in the list, the newest first", func() bool {
		var got []string
		for path := "/customers?per_page=1"; path != ""; {
			status, header, answer := b.exchange("GET", path, nil)
			if status != http.StatusOK {
				b.t.Fatalf("list: %d %v", status, answer)
			}
			for _, c := range answer["all"].([]any) {
				got = append(got, fmt.Sprint(c.(map[string]any)["customer_id"]))
			}
			next, _, _ := strings.Cut(strings.TrimPrefix(header.Get("Link"), "<"), ">")
			path = strings.TrimPrefix(next, openapi.BasePath)
		}
		return slices.Equal(got, want)
	})
}

// texts returns a list of a JSON document as texts.
func texts(list any) []string {
	var all []string
	raw, _ := json.Marshal(list)
	_ = json.Unmarshal(raw, &all)
	return all
}
