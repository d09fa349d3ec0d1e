package main

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/apigw"
	"kyc/shared/openapi"
	"kyc/shared/openapi/contract"
	"kyc/shared/testbed"
)

func open(t *testing.T) apigw.Func {
	t.Helper()
	t.Setenv("STAGE", "test")
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return handle
}

// get sends a file of events/, and holds the answer to openapi.yaml.
func get(t *testing.T, handle apigw.Func, name string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	e := testbed.HTTPEvent(t, name)
	response, err := handle(testbed.Context(t), e)
	if err != nil {
		t.Fatal(err)
	}
	contract.Check(t, "GET", e.RawPath, nil, response.StatusCode, response.Headers, response.Body)
	return response
}

// part gets what is below /docs, as the page does.
func part(t *testing.T, handle apigw.Func, name string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	e := testbed.HTTPEvent(t, "docs.json")
	e.RouteKey, e.PathParameters = "GET /api/v0.1/docs/{proxy+}", map[string]string{"proxy": name}
	e.Headers["accept-encoding"] = "gzip"
	response, err := handle(testbed.Context(t), e)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestDocumentIsShownAsItIs(t *testing.T) {
	handle := open(t)
	inYAML, inJSON := get(t, handle, "docs-openapi-yaml.json"), get(t, handle, "docs-openapi-json.json")
	if inYAML.StatusCode != 200 || inYAML.Body != string(openapi.Document) {
		t.Errorf("%d, %d bytes, want the %d of openapi.yaml", inYAML.StatusCode, len(inYAML.Body), len(openapi.Document))
	}
	// YAML is a superset of JSON: read as YAML, both are the same.
	want, err := openapi.JSON(openapi.Document)
	if err != nil {
		t.Fatal(err)
	}
	got, err := openapi.JSON([]byte(inJSON.Body))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); inJSON.StatusCode != 200 || diff != "" {
		t.Errorf("%d (-want +got):\n%s", inJSON.StatusCode, diff)
	}
}

var address = regexp.MustCompile(`(?:href|src|spec-url)="([^"]*)"`)

// The page names nothing that this function does not serve, and its policy forbids the rest.
func TestPageLoadsOnlyWhatIsHere(t *testing.T) {
	handle := open(t)
	response := get(t, handle, "docs.json")
	for _, found := range address.FindAllStringSubmatch(response.Body, -1) {
		name, ours := strings.CutPrefix(found[1], "/api/v0.1/docs/")
		switch {
		case ours:
			if p := part(t, handle, name); p.StatusCode != 200 {
				t.Errorf("%s answers %d", found[1], p.StatusCode)
			}
		case found[1] != "data:," && found[1] != "/api/v0.1/openapi.yaml":
			t.Errorf("the page loads %s", found[1])
		}
	}
	if regexp.MustCompile(`<script[^>]*>[^<]|<style|style=|\son[a-z]+=`).MatchString(response.Body) {
		t.Error("the page has a script or a style within, which its policy forbids")
	}
	allowed := response.Headers["Content-Security-Policy"]
	if !strings.HasPrefix(allowed, "default-src 'none'; ") || strings.Contains(allowed, "unsafe") || strings.Contains(allowed, "http") || strings.Contains(allowed, "*") {
		t.Errorf("policy: %s", allowed)
	}
	if slash := part(t, handle, ""); slash.StatusCode != 200 || slash.Headers["ETag"] != response.Headers["ETag"] {
		t.Errorf("with a trailing slash: %d", slash.StatusCode)
	}
}

// The script is the published one: redoc/README.md says which.
func TestScriptIsThePublishedOne(t *testing.T) {
	response := part(t, open(t), "redoc-2.5.4.js")
	unzipped, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(response.Body)))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, unzipped); err != nil {
		t.Fatal(err)
	}
	const want = "e3d4361ba4ecdba1fad6ff3c627ef1e2563d78c02fbadb8e38572accac6a2acc"
	if got := hex.EncodeToString(sum.Sum(nil)); got != want || !strings.Contains(response.Headers["Cache-Control"], "immutable") {
		t.Errorf("sha256 %s, want %s; headers %v", got, want, response.Headers)
	}
}

func TestUnknownPathIsRefused(t *testing.T) {
	if response := part(t, open(t), "other.js"); response.StatusCode != 404 || !strings.Contains(response.Body, `"Code":"invalid_request"`) {
		t.Errorf("%d %s", response.StatusCode, response.Body)
	}
}
