package main

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
	"kyc/shared/openapi/contract"
	"kyc/shared/testbed"
)

// opened is the handler as it is built, with a bucket.
func opened(t *testing.T) (*testbed.Bed, apigw.Func) {
	t.Helper()
	bed, _ := testbed.Seeded(t)
	bed.Documents(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return bed, handle
}

// load gets what is below the page, as the page does.
func load(t *testing.T, handle apigw.Func, name string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	e := testbed.HTTPEvent(t, "documents-page.json")
	e.RouteKey, e.PathParameters = "GET /api/v0.1/upload/{proxy+}", map[string]string{"proxy": name}
	response, err := handle(testbed.Context(t), e)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

var address = regexp.MustCompile(`(?:href|src)="([^"]*)"|from "\./([^"]*)"`)

// The page and its scripts name nothing that this function does not serve, and its policy forbids the rest.
func TestPageLoadsOnlyWhatIsHere(t *testing.T) {
	bed, handle := opened(t)
	e := testbed.HTTPEvent(t, "documents-page.json")
	response, err := handle(testbed.Context(t), e)
	if err != nil {
		t.Fatal(err)
	}
	contract.Check(t, "GET", e.RawPath, nil, response.StatusCode, response.Headers, response.Body)
	all := response.Body + load(t, handle, "page.js").Body + load(t, handle, "net.js").Body + load(t, handle, "file.js").Body
	found := address.FindAllStringSubmatch(all, -1)
	if len(found) != 6 {
		t.Errorf("loads %q", found)
	}
	for _, one := range found {
		name, ours := strings.CutPrefix(one[1], "/api/v0.1/upload/")
		if one[2] != "" {
			name, ours = one[2], true
		}
		if p := load(t, handle, name); one[1] != "data:," && (!ours || p.StatusCode != 200 || p.Headers["Content-Type"] == "") {
			t.Errorf("%q: %d %v", one[0], p.StatusCode, p.Headers)
		}
	}
	if regexp.MustCompile(`<script[^>]*>[^<]|<style|style=|\son[a-z]+="`).MatchString(response.Body) {
		t.Error("the page has a script or a style within, which its policy forbids")
	}
	want := "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob: data:; connect-src 'self' " + bed.Endpoint +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
	for name, want := range map[string]string{"Content-Security-Policy": want, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if got := response.Headers[name]; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if slash := load(t, handle, ""); slash.StatusCode != 200 || slash.Body != response.Body {
		t.Errorf("with a trailing slash: %d", slash.StatusCode)
	}
	e.RouteKey += "/"
	if slash, err := handle(testbed.Context(t), e); err != nil || slash.StatusCode != 200 || slash.Body != response.Body {
		t.Errorf("by a route that ends in a slash: %d %v", slash.StatusCode, err)
	}
	if other := load(t, handle, "page.html"); other.StatusCode != 404 {
		t.Errorf("the page by its file's name, without its policy: %d", other.StatusCode)
	}
}

var (
	spoken = regexp.MustCompile(`"([a-z]+(?:_[a-z]+)*)"`)
	blank  = regexp.MustCompile(`\{\w+\}`)
)

// Both languages say the same: all that is asked for, all that a file or a document is rejected for, and nothing else.
func TestPageSaysAllInBothLanguages(t *testing.T) {
	read := func(name string) (texts map[string]string) {
		t.Helper()
		raw, err := os.ReadFile("page/" + name + ".json")
		if err == nil {
			err = json.Unmarshal(raw, &texts)
		}
		if err != nil {
			t.Fatal(err)
		}
		return texts
	}
	en, es := read("en"), read("es")
	script, err := os.ReadFile("page/page.js")
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadFile("page/file.js")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"reason_unknown": true, "hello_nameless": true, "in_title_nameless": true}
	for _, why := range slices.Concat(kyc.FileRejections(), kyc.DocumentRejections()) {
		want["reason_"+string(why)] = true
	}
	for _, d := range kyc.DocumentTypes() {
		want["type_"+string(d)], want["for_"+string(d)] = true, true
		for _, p := range d.Papers() {
			want["kind_"+string(p.Kind)] = true
		}
	}
	for _, over := range []string{"in", "done", "expired", "link", "link_expired", "failed", "insecure"} {
		want[over+"_title"], want[over+"_text"] = true, true
	}
	for _, name := range spoken.FindAllStringSubmatch(string(script)+string(files), -1) {
		if _, ok := en[name[1]]; ok {
			want[name[1]] = true
		}
	}
	for name := range want {
		if en[name] == "" {
			t.Errorf("no text for %s", name)
		}
	}
	for name, text := range en {
		places := func(text string) []string { return slices.Sorted(slices.Values(blank.FindAllString(text, -1))) }
		if !want[name] {
			t.Errorf("%s is never said", name)
		}
		if es[name] == "" || !slices.Equal(places(text), places(es[name])) {
			t.Errorf("%s: %q, in Spanish %q", name, text, es[name])
		}
	}
	if extra := slices.DeleteFunc(slices.Collect(maps.Keys(es)), func(name string) bool { return en[name] != "" }); len(extra) > 0 {
		t.Errorf("in Spanish alone: %v", extra)
	}
}
