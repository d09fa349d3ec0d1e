package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"

	"kyc/shared/testbed"
)

// photo is a JPEG that is no other of the given number.
func photo(n byte) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for i := range m.Pix {
		m.Pix[i] = byte(i*i) ^ n
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, m, nil)
	return b.Bytes()
}

// drawing is a PNG.
func drawing() []byte {
	m := image.NewGray(image.Rect(0, 0, 640, 480))
	for i := range 480 {
		m.SetGray(i, i, color.Gray{200})
	}
	var b bytes.Buffer
	_ = png.Encode(&b, m)
	return b.Bytes()
}

func submitted(name string, data []byte) map[string]any {
	return map[string]any{"file_name": name, "image": base64.StdEncoding.EncodeToString(data)}
}

// announced is what is told of a photo ahead of it.
func announced(data []byte) map[string]any {
	return map[string]any{"content_type": "image/jpeg", "content_length": len(data), "sha256": fmt.Sprintf("%x", sha256.Sum256(data))}
}

// preflight asks as a browser does whether a page may send a file.
func preflight(t *testing.T, upload map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, upload["url"].(string), nil)
	must(t, err)
	r.Header.Set("Origin", "https://kyc.example.com")
	r.Header.Set("Access-Control-Request-Method", "PUT")
	r.Header.Set("Access-Control-Request-Headers", "content-type,x-amz-checksum-sha256,x-amz-server-side-encryption,x-amz-server-side-encryption-context")
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	_ = response.Body.Close()
	if response.StatusCode/100 != 2 || response.Header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("a page may not send files: %d %v", response.StatusCode, response.Header)
	}
}

// put sends a file by its link, and returns S3's status.
func put(t *testing.T, upload map[string]any, data []byte) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), upload["method"].(string), upload["url"].(string), bytes.NewReader(data))
	must(t, err)
	for name, value := range upload["headers"].(map[string]any) {
		r.Header.Set(name, value.(string))
	}
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	_ = response.Body.Close()
	return response.StatusCode
}

// documentStates tells how far each document has come.
func documentStates(state map[string]any) map[string]string {
	states := map[string]string{}
	list, _ := state["documents"].([]any)
	for _, d := range list {
		d := d.(map[string]any)
		states[d["document_type"].(string)] = fmt.Sprint(d["status"])
		if d["reason"] != nil {
			states[d["document_type"].(string)] += fmt.Sprint(" ", d["reason"])
		}
	}
	return states
}

// byLink asks for what a customer's link leads to, without a key pair, and holds the answer to openapi.yaml.
func byLink(t *testing.T, method, link string, body any) (int, map[string]any) {
	t.Helper()
	page, token, _ := strings.Cut(link, "#")
	if page != publicURL+"/upload" {
		t.Errorf("the link leads to %s", page)
	}
	stranger := &brand{t: t}
	return stranger.call(method, "/upload/documents", body, "Upload-Token", token)
}

// readBack reads a file that was sent. Who may not review may not read it, and who reads it is on record.
func readBack(t *testing.T, b *brand, path string, data []byte) {
	t.Helper()
	pair := func(permissions ...string) *brand {
		key := admin(t, map[string]any{"action": "create_key", "brand_id": b.id, "name": "reading", "permissions": permissions})
		as := *b
		as.identity, as.secret = key["Identity"].(string), key["Authorization"].(string)
		return &as
	}
	if status, answer := pair("read", "write", "webhooks", "simulate").call("GET", path, nil); status != http.StatusForbidden || answer["Code"] != "auth_err" {
		t.Errorf("without the permission to review: %d %v", status, answer)
	}
	reviewer := pair("review")
	status, file := reviewer.call("GET", path, nil)
	if status != http.StatusOK || file["sha256"] != fmt.Sprintf("%x", sha256.Sum256(data)) || file["content_type"] != "image/jpeg" || file["content_length"] != float64(len(data)) {
		t.Fatalf("read: %d %v", status, file)
	}
	request, err := http.NewRequestWithContext(t.Context(), file["method"].(string), file["url"].(string), nil)
	must(t, err)
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	read, err := io.ReadAll(response.Body)
	must(t, err)
	_ = response.Body.Close()
	if !bytes.Equal(read, data) {
		t.Errorf("the file: %d, %d bytes", response.StatusCode, len(read))
	}
	eventually(t, "the reading on record", func() bool {
		records, _ := admin(t, map[string]any{"action": "list_audit", "brand_id": b.id})["records"].([]any)
		n := 0
		for _, r := range records {
			if r := r.(map[string]any); r["action"] == "read_document" {
				n++
				if r["asked_by"] != reviewer.identity || !strings.Contains(path, fmt.Sprint(r["document_id"], "/", r["side"])) || !strings.Contains(path, fmt.Sprint(r["customer_id"])) {
					t.Errorf("on record: %v", r)
				}
			}
		}
		return n == 1
	})
}

// documents are sent in all three ways; a bad one is refused and sent again; with the last of them a person is to look.
func documents(t *testing.T, hooks *receiver) {
	b := newBrand(t)
	secret := b.subscribe(open.webhooks.Addr())
	id := b.customer("444-44-4444")
	b.start(id)
	asked := hooks.wait(b, id, "kyc.verification.document_required")
	asked.verify(t, secret)
	list, _ := asked.event["documents"].([]any)
	if len(list) != 3 {
		t.Fatalf("event: %v", asked.event)
	}
	link := fmt.Sprint(list[0].(map[string]any)["upload_link"])
	_, state := b.call("GET", kycPath(id)+"?program_id="+b.program, nil)
	for _, d := range state["documents"].([]any) {
		if got := d.(map[string]any)["upload_link"]; got != link {
			t.Errorf("the state has the link %v, the event %s", got, link)
		}
	}
	if status, visit := byLink(t, "GET", link, nil); status != http.StatusOK || visit["first_name"] != "Ada" || len(visit["documents"].([]any)) != 3 {
		t.Errorf("by the link: %d %v", status, visit)
	}
	if status, answer := byLink(t, "GET", link[:len(link)-1], nil); status != http.StatusForbidden || answer["Code"] != "upload_link_invalid" {
		t.Errorf("by half a link: %d %v", status, answer)
	}
	become := func(document, want string) {
		t.Helper()
		eventually(t, document+" "+want, func() bool {
			_, state := b.call("GET", kycPath(id)+"?program_id="+b.program, nil)
			return documentStates(state)[document] == want
		})
	}
	path := kycPath(id) + "/documents"
	status, answer := b.call("POST", path, map[string]any{"utility_bill": map[string]any{
		"type": "utility_bill", "file_name": "bill.png", "image": base64.StdEncoding.EncodeToString([]byte("#!/bin/sh")),
	}})
	if status != http.StatusCreated || answer["num_documents_submitted"] != 1.0 || answer["customer_id"] != id {
		t.Fatalf("submit: %d %v", status, answer)
	}
	become("proof_of_address", "rejected file_type")
	card := photo(1)
	status, answer = byLink(t, "POST", link, map[string]any{"social_security_card": announced(card)})
	if status != http.StatusCreated {
		t.Fatalf("announce by the link: %d %v", status, answer)
	}
	upload := answer["uploads"].([]any)[0].(map[string]any)
	preflight(t, upload)
	if status := put(t, upload, card); status != http.StatusOK {
		t.Fatalf("put by the link: %d", status)
	}
	become("social_security_card", "received")
	front := photo(2)
	status, answer = b.call("POST", path+"/uploads/", map[string]any{"government_id": map[string]any{"type": "passport", "country": "us", "front_image": announced(front)}})
	if status != http.StatusCreated {
		t.Fatalf("announce: %d %v", status, answer)
	}
	upload = answer["uploads"].([]any)[0].(map[string]any)
	for name, data := range map[string][]byte{"another photo": photo(3), "half of it": front[:len(front)/2]} {
		if status := put(t, upload, data); status < 400 || status > 499 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status := put(t, upload, front); status != http.StatusOK {
		t.Fatalf("put: %d", status)
	}
	become("government_id", "received")
	if status, answer := b.call("POST", path, map[string]any{"proof_of_address": map[string]any{
		"type": "property_tax_bill", "file_name": "bill.png", "image": base64.StdEncoding.EncodeToString(drawing()),
	}}); status != http.StatusCreated {
		t.Fatalf("submit again: %d %v", status, answer)
	}
	review := hooks.wait(b, id, "kyc.verification.under_review")
	review.verify(t, secret)
	state = b.until(id, "under_review")
	for document, status := range documentStates(state) {
		if status != "received" {
			t.Errorf("under review with %s %s", document, status)
		}
	}
	readBack(t, b, path+"/"+upload["document_id"].(string)+"/front?program_id="+b.program, front)
	if status, answer := b.call("POST", path, map[string]any{"ssc": submitted("card.jpg", photo(4))}); status != http.StatusBadRequest && status != http.StatusConflict {
		t.Errorf("another card under review: %d %v", status, answer)
	}
	if status, answer := b.call("POST", "/simulate/kyc-pass", map[string]any{"customer_id": id, "program_id": b.program}); status != http.StatusOK || answer["kyc_status"] != "passed" {
		t.Fatalf("simulate: %d %v", status, answer)
	}
	hooks.wait(b, id, "kyc.verification.success").verify(t, secret)
}

// readable sends passports that a scanner has read, where the policy lets that decide: one that agrees lets the customer pass,
// after one that has expired; one with a digit changed is for a person.
func readable(t *testing.T, hooks *receiver) {
	b := newBrand(t)
	admin(t, map[string]any{"action": "update_policy", "brand_id": b.id, "program_id": b.program, "policy": map[string]any{"documents": "automatic"}})
	secret := b.subscribe(open.webhooks.Addr())
	own := testbed.Passport("EXAMPLE<<ADA", "900517", "400101")
	send := func(id, zone string) {
		t.Helper()
		status, answer := b.call("POST", kycPath(id)+"/documents", map[string]any{"government_id": map[string]any{
			"type": "passport", "country": "US", "front_image": submitted("passport.pdf", testbed.Scan(zone)),
		}})
		if status != http.StatusCreated {
			t.Fatalf("submit: %d %v", status, answer)
		}
	}
	reading := func(state map[string]any) map[string]any {
		read, _ := state["documents"].([]any)[0].(map[string]any)["machine_readable"].(map[string]any)
		return read
	}

	id := b.customer("333-33-3333")
	b.start(id)
	hooks.wait(b, id, "kyc.verification.document_required")
	send(id, testbed.Passport("EXAMPLE<<ADA", "900517", "200101"))
	eventually(t, "the expired one rejected", func() bool {
		_, state := b.call("GET", kycPath(id)+"?program_id="+b.program, nil)
		return documentStates(state)["government_id"] == "rejected expired"
	})
	send(id, own)
	passed := hooks.wait(b, id, "kyc.verification.success")
	passed.verify(t, secret)
	state := b.until(id, "passed")
	if read := reading(state); documentStates(state)["government_id"] != "accepted" || read["read"] != true {
		t.Errorf("passed: %v", state)
	}

	id = b.customer("333-33-3333")
	b.start(id)
	hooks.wait(b, id, "kyc.verification.document_required")
	send(id, strings.Replace(own, "900517", "900518", 1))
	hooks.wait(b, id, "kyc.verification.under_review")
	state = b.until(id, "under_review")
	if read := reading(state); documentStates(state)["government_id"] != "received" || read["why"] != "check_digit" {
		t.Errorf("under review: %v", state)
	}
}
