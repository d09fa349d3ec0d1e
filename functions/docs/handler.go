package main

import (
	_ "embed"
	"strings"

	"kyc/shared/apigw"
	"kyc/shared/openapi"
)

// What the reference is made with: see redoc/README.md.
var (
	//go:embed page.html
	page []byte
	//go:embed page.css
	style []byte
	//go:embed redoc/redoc-2.5.4.js.gz
	redoc []byte
)

// policy lets the page load what this function serves, and nothing from anywhere else. Redoc fills its style elements by
// script, which a policy does not regard, but for two: the hashes are of an empty one, and of the one by which its scroll
// bars know Internet Explorer. Its search runs in a worker, which it makes of a blob.
var policy = strings.Join([]string{
	"default-src 'none'", "script-src 'self'", "connect-src 'self'", "img-src data:", "worker-src blob:",
	"style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
	"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
}, "; ")

// files lists what is shown, by path. What has no version in its name is asked for again each time, which costs little:
// most often the answer is that it has not changed.
func files() (map[string]apigw.File, error) {
	inJSON, err := openapi.JSON(openapi.Document)
	if err != nil {
		return nil, err
	}
	const fresh, forever = "no-cache", "public, max-age=31536000, immutable"
	file := func(zipped []byte, media, cache string) apigw.File {
		return apigw.File{Zipped: zipped, Headers: map[string]string{"Content-Type": media, "Cache-Control": cache}}
	}
	reference := file(apigw.Zip(page), "text/html; charset=utf-8", fresh)
	reference.Headers["Content-Security-Policy"] = policy
	reference.Headers["Referrer-Policy"] = "no-referrer"
	return map[string]apigw.File{
		"/openapi.yaml":        file(apigw.Zip(openapi.Document), "application/yaml", fresh),
		"/openapi.json":        file(apigw.Zip(inJSON), "application/json", fresh),
		"/docs":                reference,
		"/docs/page.css":       file(apigw.Zip(style), "text/css; charset=utf-8", fresh),
		"/docs/redoc-2.5.4.js": file(redoc, "text/javascript; charset=utf-8", forever),
	}, nil
}
