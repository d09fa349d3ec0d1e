package main

import (
	"context"
	"io"
	"log/slog"
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
	"kyc/shared/uploadlink"
	"kyc/shared/webhook"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// subscribe has the seeded brand's events sent to a server of the test, and returns the subscription's secret.
func subscribe(t *testing.T, bed *testbed.Bed, url string) kyc.Secret {
	t.Helper()
	host, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	t.Setenv("WEBHOOK_TEST_HOSTS", host)
	store := bed.Store(clock.Now)
	service := &notification.Service{
		Subscriptions: store, Lines: store, Vault: bed.Keyring(), CheckURL: webhook.NewEgress(kyc.Sandbox, host).CheckURL,
		NewSecret: webhook.NewSecret, Now: clock.Now, NewID: func() string { return testbed.SubscriptionID },
	}
	_, secret, err := service.Create(t.Context(), testbed.BrandID, notification.Input{URL: url, Events: []string{"kyc.*"}})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

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
	secret := subscribe(t, bed, receiver.URL)
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

// An event that asks for documents brings the link by which they can be sent. The table has none, and the queue neither.
func TestEventsBringTheLink(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	if err := bed.Keyring().EnsureStackSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { body, _ = io.ReadAll(r.Body) }))
	defer receiver.Close()
	subscribe(t, bed, receiver.URL)
	t.Setenv("PUBLIC_URL", "https://kyc.example.com/api/v0.1")
	store := bed.Store(clock.Now)
	bed.AskFor(t, testbed.CustomerID, testbed.AttemptID, kyc.GovernmentID)
	c, err := store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil {
		t.Fatal(err)
	}
	asks := c.Follows(testbed.ProgramID, 1).Events[0]
	if err := store.KeepEvent(t.Context(), asks); err != nil {
		t.Fatal(err)
	}
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var e events.SQSEvent
	testbed.Event(t, "notifier.json", &e)
	if _, err := handle(testbed.Context(t), e); err != nil {
		t.Fatal(err)
	}
	contract.CheckEvent(t, body)
	want, err := uploadlink.Links{Secrets: bed.Keyring(), API: "https://kyc.example.com/api/v0.1"}.To(t.Context(), asks.LinkRef())
	if err != nil || !strings.Contains(string(body), `"upload_link":"`+want.Reveal()+`"`) {
		t.Errorf("err %v, posted %s", err, body)
	}
	for _, item := range bed.Items(t) {
		if strings.Contains(testbed.Text(item), "upload#") {
			t.Errorf("the link is in the table: %s", testbed.Text(item))
		}
	}
}

// fakeDeliverer notes for each event whether its message came again.
type fakeDeliverer map[string]bool

func (f fakeDeliverer) Deliver(_ context.Context, ref kyc.DeliveryRef, again bool) (notification.Report, error) {
	f[ref.EventID] = again
	return notification.Report{}, nil
}

func TestAMessageThatComesAgainIsToldFromANewOne(t *testing.T) {
	for count, want := range map[string]bool{"1": false, "2": true, "5": true, "": true} {
		var e events.SQSEvent
		testbed.Event(t, "notifier.json", &e)
		e.Records[0].Attributes["ApproximateReceiveCount"] = count
		got := fakeDeliverer{}
		if _, err := handler(slog.New(slog.DiscardHandler), got)(t.Context(), e); err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		for _, again := range got {
			if again != want {
				t.Errorf("received %q times: again %t", count, again)
			}
		}
	}
}
