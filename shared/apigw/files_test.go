package apigw_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/apigw"
)

const said = "a: ü\n"

// ask asks for a path's file, in one of the forms in which the gateway hands it on, with headers in pairs.
func ask(t *testing.T, routeKey, proxy string, headers ...string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	handle := apigw.Files(quiet, map[string]apigw.File{
		"/a":   {Zipped: apigw.Zip([]byte(said)), Headers: map[string]string{"Content-Type": "text/a", "Cache-Control": "no-cache"}},
		"/a/b": {Zipped: apigw.Zip([]byte("b")), Headers: map[string]string{"Content-Type": "text/b"}},
	})
	e := events.APIGatewayV2HTTPRequest{RouteKey: routeKey, Headers: map[string]string{}}
	if proxy != "" {
		e.PathParameters = map[string]string{"proxy": proxy}
	}
	for i := 0; i < len(headers); i += 2 {
		e.Headers[headers[i]] = headers[i+1]
	}
	response, err := handle(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestFilesAreFoundByPath(t *testing.T) {
	for name, c := range map[string]struct {
		routeKey, proxy, media string
		status                 int
	}{
		"plain":             {"GET /api/v0.1/a", "", "text/a", 200},
		"slash":             {"GET /api/v0.1/a/{proxy+}", "", "text/a", 200},
		"slash, in a local": {"GET /api/v0.1/a/", "", "text/a", 200},
		"below":             {"GET /api/v0.1/a/{proxy+}", "b", "text/b", 200},
		"nothing below":     {"GET /api/v0.1/a/{proxy+}", "c", "application/json", 404},
		"not a file":        {"GET /api/v0.1/a/{proxy+}", "../a", "application/json", 404},
		"nothing":           {"GET /api/v0.1/c", "", "application/json", 404},
	} {
		if r := ask(t, c.routeKey, c.proxy); r.StatusCode != c.status || r.Headers["Content-Type"] != c.media {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.Headers["Content-Type"])
		}
	}
}

func TestFileIsCompressedForWhoTakesIt(t *testing.T) {
	for accepted, want := range map[string]bool{
		"": false, "gzip": true, "deflate, GZIP;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=1": true,
		"identity": false, "*": false, "x-gzip": false, "br, gzip": true,
	} {
		r := ask(t, "GET /api/v0.1/a", "", "accept-encoding", accepted)
		body := r.Body
		if r.IsBase64Encoded {
			zipped, err := base64.StdEncoding.DecodeString(body)
			if err != nil {
				t.Fatal(err)
			}
			z, err := gzip.NewReader(bytes.NewReader(zipped))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			body = string(text)
		}
		if zipped := r.Headers["Content-Encoding"] == "gzip"; zipped != want || r.IsBase64Encoded != want || body != said || r.Headers["Vary"] != "Accept-Encoding" {
			t.Errorf("%q: %+v", accepted, r)
		}
	}
}

func TestWhoHasAFileIsToldSo(t *testing.T) {
	first := ask(t, "GET /api/v0.1/a", "")
	tag := first.Headers["ETag"]
	if !strings.HasPrefix(tag, `W/"`) || tag == ask(t, "GET /api/v0.1/a/{proxy+}", "b").Headers["ETag"] || tag != ask(t, "GET /api/v0.1/a", "").Headers["ETag"] {
		t.Errorf("tag %s", tag)
	}
	for known, want := range map[string]int{
		tag: 304, strings.TrimPrefix(tag, "W/"): 304, `"x", ` + tag: 304, "*": 304, "": 200, `"x"`: 200, "W/": 200, ",": 200,
	} {
		r := ask(t, "GET /api/v0.1/a", "", "if-none-match", known, "accept-encoding", "gzip")
		if r.StatusCode != want || (r.Body == "") != (want == 304) || r.Headers["ETag"] != tag {
			t.Errorf("%q: %+v", known, r)
		}
		if want == 304 {
			wanted := map[string]string{"ETag": tag, "Vary": "Accept-Encoding", "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
			if diff := cmp.Diff(wanted, r.Headers); diff != "" {
				t.Errorf("%q (-want +got):\n%s", known, diff)
			}
		}
	}
}

func TestFilesWriteOneLine(t *testing.T) {
	var log bytes.Buffer
	handle := apigw.Files(slog.New(slog.NewJSONHandler(&log, nil)), map[string]apigw.File{})
	if _, err := handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: "GET /api/v0.1/a/{proxy+}", PathParameters: map[string]string{"proxy": "secret"}}); err != nil {
		t.Fatal(err)
	}
	if line := log.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, `"route":"GET /api/v0.1/a/{proxy+}","status":404`) || strings.Contains(line, "secret") {
		t.Errorf("log: %s", line)
	}
}
