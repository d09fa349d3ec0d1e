//go:build browser

package e2e

import (
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kyc/shared/testbed"
)

// installed is where `make page` has put what drives the browser.
const installed = "../../.local/browser"

// A customer's browser follows the link of an event, and sends what is asked for to the deployed stack and its bucket:
// testdata/page.mjs says how. PAGE_SHOTS names a folder for pictures of it.
func TestPageOfTheStack(t *testing.T) {
	deploy(t)
	hooks := receive(open.webhooks)
	t.Cleanup(hooks.close)
	b := newBrand(t)
	secret := b.subscribe(open.webhooks.Addr())
	id := b.customer("222-22-2222")
	b.start(id)
	asked := hooks.wait(b, id, "kyc.verification.document_required")
	list, _ := asked.event["documents"].([]any)
	if len(list) != 2 {
		t.Fatalf("event: %v", asked.event)
	}
	_, token, _ := strings.Cut(fmt.Sprint(list[0].(map[string]any)["upload_link"]), "#")

	api, err := url.Parse(stack.URL(""))
	must(t, err)
	site := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(api) }})
	defer site.Close()
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"passport.jpg": photo(7), "script.png": []byte("#!/bin/sh\n"), "bill.pdf": testbed.Scan("345 California St"),
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	script, err := os.ReadFile("testdata/page.mjs")
	must(t, err)
	must(t, os.WriteFile(installed+"/page.mjs", script, 0o600))
	walk := exec.CommandContext(t.Context(), "node", installed+"/page.mjs", site.URL+"/api/v0.1/upload#"+token, dir)
	walk.WaitDelay = 10 * time.Second
	if output, err := walk.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}

	hooks.wait(b, id, "kyc.verification.under_review").verify(t, secret)
	if status, answer := b.call("POST", "/simulate/kyc-pass", map[string]any{"customer_id": id, "program_id": b.program}); status != 200 {
		t.Fatalf("simulate: %d %v", status, answer)
	}
	hooks.wait(b, id, "kyc.verification.success").verify(t, secret)
}
