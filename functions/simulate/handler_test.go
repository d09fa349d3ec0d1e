package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/outbox"
	"kyc/shared/queue"
	"kyc/shared/testbed"
	"kyc/shared/verification"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func open(t *testing.T) (*testbed.Bed, apigw.Func) {
	bed, _ := testbed.Seeded(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return bed, handle
}

// send sends a file of events/, with another body where one is given.
func send(t *testing.T, handle apigw.Func, name, body string) (int, map[string]any) {
	t.Helper()
	e := testbed.HTTPEvent(t, name)
	if body != "" {
		e.Body = body
	}
	return testbed.HTTP(t, handle, e)
}

func TestMoveByADay(t *testing.T) {
	bed, handle := open(t)
	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	c, err := bed.Store(clock.Now).Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil {
		t.Fatal(err)
	}
	// With the start relayed, what is done about it is that it ends.
	relay := &outbox.Relay{Store: bed.Store(clock.Now), Lanes: bed.Store(clock.Now), Verifications: queue.New(bed.AWS, bed.VerificationQueue)}
	if err := relay.CatchUp(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	before := clock.Now().Add(24 * time.Hour)
	status, moved := send(t, handle, "simulate-clock.json", "")
	want := map[string]any{
		"ahead_seconds": 86400.0, "advanced_seconds": 86400.0, "complete": true,
		"alarms": []any{map[string]any{
			"customer_id": testbed.CustomerID, "program_id": testbed.ProgramID, "attempt_id": testbed.AttemptID,
			"kyc_status": "error", "done": []any{"ended"},
		}},
	}
	now, err := kyc.ParseTime(moved["current_time"].(string))
	delete(moved, "current_time")
	if diff := cmp.Diff(want, moved); status != http.StatusOK || diff != "" {
		t.Errorf("%d (-want +got):\n%s", status, diff)
	}
	if err != nil || now.Before(before) || now.After(clock.Now().Add(24*time.Hour)) {
		t.Errorf("it is %v, err %v", now, err)
	}
	status, again := send(t, handle, "simulate-clock.json", "")
	first := want["alarms"].([]any)[0].(map[string]any)
	first["done"] = []any{"relayed_again"} // nobody relays here but the move
	if diff := cmp.Diff(want["alarms"], again["alarms"]); status != http.StatusOK || again["ahead_seconds"] != 2*86400.0 || diff != "" {
		t.Errorf("another day: %d %v", status, again)
	}
	status, past := send(t, handle, "simulate-clock-to.json", "")
	if status != http.StatusOK || past["ahead_seconds"] != 2*86400.0 || past["advanced_seconds"] != 0.0 || past["complete"] != true {
		t.Errorf("to a time that is past: %d %v", status, past)
	}
}

func TestAnswerSaysHowToGoOn(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	body := answer(verification.Moved{Now: at, Ahead: time.Hour, By: time.Minute})
	want := movedBody{
		CurrentTime: "2026-01-02T03:04:05.000000+00:00", AheadSeconds: 3600, AdvancedSeconds: 60, Alarms: []alarmBody{},
		GoOnWith: &goOnBody{"2026-01-02T03:04:05.000000+00:00"},
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMoveIsRefused(t *testing.T) {
	bed, handle := open(t)
	before := bed.Snapshot(t)
	for _, body := range []string{
		"", `{}`, `{"advance_seconds":1.5}`, `{"advance_seconds":"60"}`, `{"advance_seconds":1e400}`, `{"advance_seconds":9223372036854775808}`,
		`{"advance_seconds":60,"move_to":"2999-01-01T00:00:00Z"}`, `{"advance_seconds":60,"by":1}`, `{"move_to":7}`, `{"move_to":"soon"}`, `[]`,
	} {
		if status, answer := send(t, handle, "simulate-clock-invalid.json", body); status != http.StatusBadRequest || answer["Code"] != "input_error" {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
	if diff := cmp.Diff(before, bed.Snapshot(t)); diff != "" {
		t.Errorf("a refused move has written (-before +after):\n%s", diff)
	}
}

func TestLiveStageRefusesToStart(t *testing.T) {
	testbed.Open(t).Setenv(t)
	t.Setenv("MODE", "live")
	if _, err := build(t.Context()); err == nil || !strings.Contains(err.Error(), "live") {
		t.Errorf("built on a live stage: %v", err)
	}
}
