package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// basePath is where the API is, here as on AWS.
const basePath = "/api/v0.1/"

// serveFrontDoor answers at the stable address and hands requests on to the stack's API, whose own address has a random
// port and an id in it. Closing what it returns ends it at once, with whatever is on its way.
func serveFrontDoor(listeners []net.Listener, api string) (*http.Server, error) {
	target, err := url.Parse(api)
	if err != nil {
		return nil, fmt.Errorf("open the front door: %w", err)
	}
	server := &http.Server{Handler: frontDoor(target), ReadHeaderTimeout: 10 * time.Second}
	for _, listener := range listeners {
		go func() { _ = server.Serve(listener) }() // until Close
	}
	return server, nil
}

func frontDoor(api *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(api) },
		// Not the default transport: that one may go through a proxy.
		Transport: &http.Transport{MaxIdleConnsPerHost: 100},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			answer(w, http.StatusServiceUnavailable, "Service Unavailable")
		},
	}
	// No ServeMux: it redirects paths that it would clean, and what to make of those is the API's business.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, basePath) {
			proxy.ServeHTTP(w, r)
			return
		}
		answer(w, http.StatusNotFound, "Not Found")
	})
}

// answer speaks as an HTTP API on AWS does when no function is asked.
func answer(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message}) // a client that is gone
}
