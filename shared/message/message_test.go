package message_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/openapi/contract"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	brandID    = "0b7e9c4e-4a44-4c8c-9a43-0f6f0d4f3a01"
	programID  = "5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02"
	customerID = "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03"
	attemptID  = "8e2f4a6c-1b3d-4e5f-a7b8-c9d0e1f2a306"
)

var (
	work     = kyc.Work{BrandID: brandID, CustomerID: customerID, ProgramID: programID, AttemptID: attemptID}
	delivery = kyc.DeliveryRef{BrandID: brandID, SubscriptionID: "3c4d5e6f-7a8b-4c9d-8e1f-2a3b4c5d6e09", EventID: kyc.EventID(attemptID, 2)}
)

// happened returns the event that follows when the attempt comes to a state, as the domain derives it.
func happened(status kyc.Status, cause string) []kyc.Event {
	c := kyc.Customer{BrandID: brandID, ID: customerID, Attempts: map[string]kyc.Attempt{programID: {
		ID: attemptID, Status: status, Reasons: []string{kyc.ReasonBureau, kyc.ReasonUnderage},
		Documents: []kyc.Document{
			{ID: "2b3c4d5e-6f7a-4b8c-9d0e-1f2a3b4c5d08", Type: kyc.GovernmentID, Status: "required", Asked: []int{2}},
			{ID: "3b3c4d5e-6f7a-4b8c-9d0e-1f2a3b4c5d08", Type: kyc.SocialSecurityCard, Status: "required", Asked: []int{2}},
		},
		Link:     kyc.Link{Generation: 1},
		Reenter:  []kyc.Field{kyc.FirstName, kyc.SSN},
		Timeline: []kyc.Transition{{Version: 2, Status: status, At: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), Cause: cause}},
	}}}
	return c.Follows(programID, 0).Events
}

// everything is an event that carries all that one can.
func everything() kyc.Event {
	e := happened(kyc.Failed, "")[0]
	e.Cause, e.Fields, e.Documents = "why", []kyc.Field{kyc.SSN}, []kyc.Document{{ID: "d", Type: kyc.ProofOfAddress, Status: "required"}}
	return e
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(name, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSuffix(string(want), "\n"), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestMessagesHaveTheirForm(t *testing.T) {
	for name, encode := range map[string]func() ([]byte, error){
		"work":     func() ([]byte, error) { return message.EncodeWork(work) },
		"delivery": func() ([]byte, error) { return message.EncodeDelivery(delivery) },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := encode()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, got)
		})
	}
}

func TestEventBodiesAreAsDocumented(t *testing.T) {
	documented := map[kyc.EventName]bool{}
	updated := kyc.Customer{BrandID: brandID, ID: customerID, Changes: []kyc.ProfileChange{
		{Version: 3, At: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), Fields: []kyc.Field{kyc.PhysicalAddress, kyc.Email}},
	}}
	deleted := kyc.Customer{BrandID: brandID, ID: customerID, ProfileVersion: 4, ClosedAt: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)}
	all := append(updated.Follows(kyc.OfProfile, 2).Events, deleted.Follows(kyc.OfProfile, 3).Events...)
	off := kyc.Subscription{BrandID: brandID, ID: "3c4d5e6f-7a8b-4c9d-8e1f-2a3b4c5d6e09", Version: 4, DisabledCause: kyc.DisabledGone}
	all = append(all, off.Disabled(time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)), off.Test(attemptID, time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)))
	for status, cause := range map[kyc.Status]string{
		kyc.Passed: "", kyc.Failed: "", kyc.DocumentRequired: "", kyc.UnderReview: "", kyc.Expired: "documents_not_provided",
		kyc.Errored: "not_verified_in_time", kyc.Canceled: "superseded",
	} {
		all = append(all, happened(status, cause)...)
	}
	for _, e := range all {
		documented[e.Name] = true
		t.Run(string(e.Name), func(t *testing.T) {
			got, err := message.EventBody(e)
			if err != nil {
				t.Fatal(err)
			}
			contract.CheckEvent(t, got)
			golden(t, string(e.Name), got)
		})
	}
	for _, name := range kyc.EventNames() {
		if !documented[name] {
			t.Errorf("%s has no body", name)
		}
	}
}

// A failure that can't be retried says so; no other event speaks of it.
func TestRetryableIsToldOfFailuresAlone(t *testing.T) {
	for name, c := range map[string]struct {
		event kyc.Event
		want  any
	}{
		"failure for good": {kyc.Event{Name: kyc.EventFailure}, false},
		"failure":          {kyc.Event{Name: kyc.EventFailure, Retryable: true}, true},
		"success":          {kyc.Event{Name: kyc.EventSuccess, Retryable: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := message.EventBody(c.event)
			var got map[string]any
			if err != nil || json.Unmarshal(body, &got) != nil || got["retryable"] != c.want {
				t.Errorf("got %s, %v", body, err)
			}
		})
	}
}

// Receivers compute a signature over the characters, not over Go's escapes for HTML.
func TestBodiesAreNotEscapedForHTML(t *testing.T) {
	const want = `https://example.com/?a=1&b=<2>`
	event := kyc.Event{Name: kyc.EventCanceled, Cause: want}
	body, err := message.EventBody(event)
	if err != nil || !strings.Contains(string(body), `"`+want+`"`) || strings.HasSuffix(string(body), "\n") {
		t.Errorf("got %s, %v", body, err)
	}
}

func TestMessagesComeBackAsTheyWereSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string) string { return rapid.String().Draw(t, label) }
		list := func(label string) []string { return rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, label) }
		id := func(label string) string {
			return rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`).Draw(t, label)
		}
		sent := kyc.Work{BrandID: id("brand"), CustomerID: id("customer"), ProgramID: id("program"), AttemptID: id("attempt")}
		encoded, err := message.EncodeWork(sent)
		if err != nil {
			t.Fatal(err)
		}
		got, err := message.DecodeWork(encoded)
		if diff := cmp.Diff(sent, got); err != nil || diff != "" {
			t.Fatalf("work, %v (-sent +got):\n%s", err, diff)
		}

		e := kyc.Event{
			ID: "evt_" + id("id") + "_7" + rapid.SampledFrom([]string{"", "_fields"}).Draw(t, "part"), Name: rapid.SampledFrom(kyc.EventNames()).Draw(t, "name"), BrandID: id("brand"), CustomerID: id("customer"),
			ProgramID: id("program"), AttemptID: id("attempt"), SubscriptionID: id("of"), StateVersion: rapid.Int().Draw(t, "version"),
			OccurredAt: time.UnixMicro(rapid.Int64Range(0, 1<<50).Draw(t, "at")).UTC(),
			Status:     rapid.SampledFrom(kyc.Statuses()).Draw(t, "status"), Cause: text("cause"),
		}
		e.Reasons = append(e.Reasons, list("reasons")...)
		for _, f := range list("fields") {
			e.Fields = append(e.Fields, kyc.Field(f))
		}
		for _, d := range list("documents") {
			e.Documents = append(e.Documents, kyc.Document{ID: d, Type: kyc.GovernmentID, Status: "required"})
		}
		e.Retryable = e.Name == kyc.EventFailure && rapid.Bool().Draw(t, "retryable")
		if encoded, err = message.EventBody(e); err != nil {
			t.Fatal(err)
		}
		back, err := message.DecodeEvent(e.BrandID, encoded)
		if diff := cmp.Diff(e, back); err != nil || diff != "" {
			t.Fatalf("event, %v (-sent +got):\n%s", err, diff)
		}
		d := kyc.DeliveryRef{BrandID: e.BrandID, SubscriptionID: id("subscription"), EventID: e.ID}
		if encoded, err = message.EncodeDelivery(d); err != nil {
			t.Fatal(err)
		}
		if back, err := message.DecodeDelivery(encoded); err != nil || back != d {
			t.Fatalf("delivery, %v: %+v", err, back)
		}
	})
}

// What the notifier posts is what relay has kept.
func TestDeliveredBodyIsTheKeptOne(t *testing.T) {
	before, err := message.EventBody(everything())
	if err != nil {
		t.Fatal(err)
	}
	back, err := message.DecodeEvent(brandID, before)
	if err != nil {
		t.Fatal(err)
	}
	after, err := message.EventBody(back)
	if diff := cmp.Diff(string(before), string(after)); err != nil || diff != "" {
		t.Errorf("%v (-before +after):\n%s", err, diff)
	}
}

func TestUnknownMessagesAreRefused(t *testing.T) {
	const mark = "Zq-nobody-Zq"
	at := `"occurred_at":"2026-01-02T03:04:05.678901+00:00"`
	for name, body := range map[string]string{
		"empty":                     ``,
		"not JSON":                  `{"v":1,"brand_id":"` + mark,
		"data after it":             `{"v":1,"event":{` + at + `}} "` + mark + `"`,
		"null":                      `null`,
		"an array":                  `["` + mark + `"]`,
		"a text":                    `"` + mark + `"`,
		"wrong type":                `{"v":"1","brand_id":"` + mark + `","event":{` + at + `}}`,
		"wrong type of a member":    `{"v":1,"brand_id":["` + mark + `"],"event":{` + at + `}}`,
		"no version":                `{"brand_id":"` + mark + `","event":{` + at + `}}`,
		"version 0":                 `{"v":0,"brand_id":"` + mark + `","event":{` + at + `}}`,
		"a newer version":           `{"v":2,"brand_id":"` + mark + `","event":{` + at + `}}`,
		"a newer version, reshaped": `{"v":2,"brand_id":"` + mark + `","event":{"occurred_at":"` + mark + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, workErr := message.DecodeWork([]byte(body))
			_, deliveryErr := message.DecodeDelivery([]byte(body))
			for queue, err := range map[string]error{"verification": workErr, "notification": deliveryErr} {
				if err == nil || strings.Contains(err.Error(), "nobody") {
					t.Errorf("%s queue: %v", queue, err)
				}
			}
		})
	}
}

// What a reader logs of a message, and asks the table for, is of the form of an id or a name, or the message is refused.
func TestWhatIsNoIDIsRefused(t *testing.T) {
	const mark = "Zq-nobody-Zq"
	sent, err1 := message.EncodeWork(work)
	sentOn, err2 := message.EncodeDelivery(delivery)
	event, err3 := message.EventBody(everything())
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	for _, id := range []string{brandID, customerID, programID, attemptID} {
		_, err := message.DecodeWork([]byte(strings.Replace(string(sent), id, mark, 1)))
		if err == nil || strings.Contains(err.Error(), mark) {
			t.Errorf("work with another %s: %v", id, err)
		}
	}
	for _, id := range []string{brandID, delivery.SubscriptionID, delivery.EventID, "evt_"} {
		changed := strings.Replace(string(sentOn), id, mark, 1)
		if _, err := message.DecodeDelivery([]byte(changed)); changed == string(sentOn) || err == nil || strings.Contains(err.Error(), mark) {
			t.Errorf("delivery with another %s: %v", id, err)
		}
	}
	e := everything()
	for _, id := range []string{customerID, programID, `"` + attemptID, e.ID, "evt_", string(e.Name), `"` + string(e.Status), kyc.FormatTime(e.OccurredAt)} {
		changed := strings.Replace(string(event), id, strings.Repeat(`"`, strings.Count(id, `"`))+mark, 1)
		if _, err := message.DecodeEvent(brandID, []byte(changed)); changed == string(event) || err == nil || strings.Contains(err.Error(), mark) {
			t.Errorf("event with another %s: %v", id, err)
		}
	}
}

func TestUnreadableTimeIsRefusedWithoutIt(t *testing.T) {
	for name, at := range map[string]string{"empty": "", "a text": "Zq-nobody-Zq", "no microseconds": "2026-01-02T03:04:05Z"} {
		t.Run(name, func(t *testing.T) {
			_, err := message.DecodeEvent(brandID, []byte(`{"occurred_at":"`+at+`"}`))
			if err == nil || at != "" && strings.Contains(err.Error(), at) {
				t.Errorf("got %v", err)
			}
		})
	}
}
