package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

// The endpoint answers with marks, in every place that it has, or goes away; the secret of the subscription is a mark too.
func TestNothingLeaks(t *testing.T) {
	marks := testbed.NewMarks()
	said := marks["last_name"] + " " + marks["ssn"]
	for name, answer := range map[string]http.HandlerFunc{
		"echoes the event": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", said)
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.Copy(w, io.MultiReader(r.Body, strings.NewReader(said)))
		},
		"leads on": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://"+said)
			w.WriteHeader(302)
		},
		"hangs":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"hangs up":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"no answer": nonsense(said),
		"takes it":  func(http.ResponseWriter, *http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			var secret kyc.Secret
			receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				for _, mark := range (testbed.Marks{"secret": secret.Reveal()}).In(string(body)) {
					t.Errorf("%s is in the event", mark)
				}
				if found := marks.In(string(body)); found != nil {
					t.Errorf("%s are in the event", found)
				}
				answer(w, r)
			}))
			receiver.Config.ErrorLog = nil
			defer receiver.Close()
			testbed.Leaks[events.SQSEvent, events.SQSEventResponse]{
				Build: build, Events: []string{"notifier.json"}, Limit: 100 * time.Millisecond,
				Prepare: func(t *testing.T, b *testbed.Bed) {
					secret = subscribe(t, b, receiver.URL+"/token")
					b.Keep(t)
				},
				Change: func(m testbed.Marks, _ map[string]any) {
					m["webhook_secret"] = strings.TrimPrefix(secret.Reveal(), "whsec_")
				},
			}.Run(t)
		})
	}
}

// nonsense answers with what is no HTTP.
func nonsense(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_, _ = io.WriteString(conn, text+"\r\n\r\n")
			_ = conn.Close()
		}
	}
}
