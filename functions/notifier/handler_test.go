package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/notification"
	"kyc/shared/openapi/contract"
	"kyc/shared/testbed"
	"kyc/shared/webhook"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func TestNotify(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	answers := []int{500, 200}
	var posts []*http.Request
	var bodies []string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posts, bodies = append(posts, r), append(bodies, string(body))
		w.WriteHeader(answers[len(posts)-1])
	}))
	defer receiver.Close()
	host := strings.TrimPrefix(receiver.URL, "http://")
	t.Setenv("WEBHOOK_TEST_HOSTS", host)
	service := &notification.Service{
		Subscriptions: bed.Store(clock.Now), Lines: bed.Store(clock.Now), Vault: bed.Keyring(), CheckURL: webhook.NewEgress(kyc.Sandbox, host).CheckURL,
		NewSecret: webhook.NewSecret, Now: clock.Now, NewID: func() string { return testbed.SubscriptionID },
	}
	_, secret, err := service.Create(t.Context(), testbed.BrandID, notification.Input{URL: receiver.URL, Events: []string{"kyc.*"}})
	if err != nil {
		t.Fatal(err)
	}
	bed.Keep(t)
	verify, err := standardwebhooks.NewWebhook(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var e events.SQSEvent
	testbed.Event(t, "notifier.json", &e)

	// The plan of a test's environment waits for no time at all, so that its message can be received at once.
	done := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for n, want := range []int{1, 0, 0} {
		got, err := handle(testbed.Context(t), e)
		if diff := cmp.Diff(done, got); err != nil || diff != "" {
			t.Errorf("time %d: err %v (-want +got):\n%s", n+1, err, diff)
		}
		if again := bed.Messages(t, bed.NotificationQueue); len(again) != want || want > 0 && again[0] != e.Records[0].Body {
			t.Errorf("time %d: it sends %q", n+1, again)
		}
	}
	if len(posts) != 2 {
		t.Fatalf("%d posts, want 2: one refused, one taken, none after that", len(posts))
	}
	for n, post := range posts {
		if err := verify.Verify([]byte(bodies[n]), post.Header); err != nil {
			t.Errorf("post %d: %v", n+1, err)
		}
		contract.CheckEvent(t, []byte(bodies[n]))
	}
	if a, b := posts[0].Header.Get("webhook-id"), posts[1].Header.Get("webhook-id"); a != b || bodies[0] != bodies[1] {
		t.Errorf("the tries differ: %s %s", a, b)
	}
}
