package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/notification"
	"kyc/shared/testbed"
	"kyc/shared/webhook"
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
			host := strings.TrimPrefix(receiver.URL, "http://")
			testbed.Leaks[events.SQSEvent, events.SQSEventResponse]{
				Build: build, Events: []string{"notifier.json"}, Limit: 100 * time.Millisecond,
				Prepare: func(t *testing.T, b *testbed.Bed) {
					t.Setenv("WEBHOOK_TEST_HOSTS", host)
					service := &notification.Service{
						Subscriptions: b.Store(clock.Now), Lines: b.Store(clock.Now), Vault: b.Keyring(), CheckURL: webhook.NewEgress(kyc.Sandbox, host).CheckURL,
						NewSecret: webhook.NewSecret, Now: clock.Now, NewID: func() string { return testbed.SubscriptionID },
					}
					var err error
					if _, secret, err = service.Create(t.Context(), testbed.BrandID, notification.Input{URL: receiver.URL + "/token", Events: []string{"kyc.*"}}); err != nil {
						t.Fatal(err)
					}
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
