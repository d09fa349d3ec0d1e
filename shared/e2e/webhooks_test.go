package e2e

import (
	"net/http"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kyc/shared/kyc"
)

// webhooks has a brand look after its subscription: try it, change its secret, pause it, and have sent again what was before it.
func webhooks(t *testing.T, hooks *receiver) {
	b := newBrand(t)
	early := b.customer("123-45-6780")
	earlyEvent := kyc.EventID(b.start(early), 2)
	b.until(early, "passed")
	// Who subscribes to it is asked before it is kept.
	eventually(t, "event "+earlyEvent, func() bool { status, _ := b.call("GET", "/events/"+earlyEvent, nil); return status == http.StatusOK })

	secret := b.subscribe(open.webhooks.Addr())
	call := func(method, path string, body map[string]any, status int) map[string]any {
		t.Helper()
		got, answer := b.call(method, path, body)
		if got != status {
			t.Fatalf("%s %s: %d %v", method, path, got, answer)
		}
		return answer
	}
	list := call("GET", "/webhooks", nil, http.StatusOK)["webhook_subscriptions"].([]any)
	path := "/webhooks/" + list[0].(map[string]any)["id"].(string)
	tested := func() post {
		t.Helper()
		begun := call("POST", path+"/test", nil, http.StatusAccepted)["webhook_delivery"].(map[string]any)
		return hooks.waitFor(b, begun["event_id"].(string))
	}
	rotate := func(body map[string]any) string {
		t.Helper()
		return call("POST", path+"/secret/rotate", body, http.StatusOK)["webhook_subscription"].(map[string]any)["secret"].(string)
	}
	call("PATCH", path, map[string]any{"headers": map[string]any{"X-Token": "abc"}}, http.StatusOK)
	first := tested()
	first.verify(t, secret)
	if got := first.header.Get("X-Token"); got != "abc" {
		t.Errorf("the brand's own header is %q", got)
	}
	second := rotate(map[string]any{})
	both := tested()
	both.verify(t, secret)
	both.verify(t, second)
	third := rotate(map[string]any{"overlap_seconds": 0})
	last := tested()
	last.verify(t, third)
	for _, ended := range []string{secret, second} {
		if old, err := standardwebhooks.NewWebhook(ended); err != nil || old.Verify(last.body, last.header) == nil {
			t.Errorf("a secret that was ended still signs: %v", err)
		}
	}

	call("PATCH", path, map[string]any{"status": kyc.StatusPaused}, http.StatusOK)
	held := b.customer("123-45-6780")
	heldEvent := kyc.EventID(b.start(held), 2)
	b.until(held, "passed")
	state := func(eventID string) any {
		_, answer := b.call("GET", path+"/deliveries/"+eventID, nil)
		delivery, _ := answer["webhook_delivery"].(map[string]any)
		return delivery["status"]
	}
	eventually(t, "held", func() bool { return state(heldEvent) == "held" })
	call("PATCH", path, map[string]any{"status": kyc.StatusEnabled}, http.StatusOK)
	call("POST", path+"/resend", map[string]any{}, http.StatusAccepted)
	_, err := stack.Invoke(t.Context(), "TimersFunction", []byte(`{}`)) // which comes by itself within a minute
	must(t, err)
	hooks.waitFor(b, heldEvent).verify(t, third)
	hooks.waitFor(b, earlyEvent).verify(t, third)
	eventually(t, "delivered", func() bool { return state(earlyEvent) == "delivered" && state(heldEvent) == "delivered" })
	if n := len(call("GET", path+"/deliveries?event=kyc.*&status=delivered", nil, http.StatusOK)["webhook_deliveries"].([]any)); n != 2 {
		t.Errorf("%d deliveries of KYC, want those of two customers", n)
	}
}
