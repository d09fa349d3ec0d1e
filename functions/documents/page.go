package main

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"sync"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/apigw"
	"kyc/shared/uploadlink"
)

// The page on which consumers send their documents: plain files, in which nothing is built.
//
//go:embed page
var page embed.FS

// pagePath is where the page is, and what it loads below it.
const pagePath = uploadlink.Page

// policy lets the page load what this function serves, show files of the device, and send to the API and to the place where
// files are stored: nothing else, from nowhere else.
func policy(storage string) string {
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src blob: data:", "connect-src 'self' " + storage,
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
	}, "; ")
}

var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".json": "application/json",
}

// pageFiles lists the page and what it loads, by path. Files are sent to the origin storage.
func pageFiles(storage string) (map[string]apigw.File, error) {
	entries, err := page.ReadDir("page")
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	files := map[string]apigw.File{}
	for _, e := range entries {
		text, err := page.ReadFile("page/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the page: %w", err)
		}
		file := apigw.File{Zipped: apigw.Zip(text), Headers: map[string]string{
			"Content-Type": mediaTypes[path.Ext(e.Name())], "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer",
		}}
		if e.Name() != "page.html" {
			files[pagePath+"/"+e.Name()] = file
			continue
		}
		file.Headers["Cache-Control"] = "no-store"
		file.Headers["Content-Security-Policy"] = policy(storage)
		files[pagePath] = file
	}
	return files, nil
}

// withPage answers the page's routes, and all others by desk. Its files are zipped when the first of them is asked for: a
// cold start on the way to the desk has no use for them.
func withPage(log *slog.Logger, storage string, desk apigw.Func) apigw.Func {
	files := sync.OnceValues(func() (apigw.Func, error) {
		files, err := pageFiles(storage)
		return apigw.Files(log, files), err
	})
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		// The emulator's gateway names the route of a trailing slash by the slash.
		switch strings.TrimPrefix(e.RouteKey, "GET "+apigw.BasePath+pagePath) {
		case "", "/", "/{proxy+}":
			serve, err := files()
			if err != nil {
				return events.APIGatewayV2HTTPResponse{}, err
			}
			return serve(ctx, e)
		}
		return desk(ctx, e)
	}
}
