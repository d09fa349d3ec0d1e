package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/memstore"
	"kyc/shared/notification"
	"kyc/shared/webhook"
)

// TestChaos sends 1,000 events to endpoints that do all that endpoints do, through the sender that production has, while
// the notifier dies now and then between two of its steps. It lets ten days pass on a clock of its own.
func TestChaos(t *testing.T) {
	const events, slow = 1000, 50 // slow: of the one that takes its time with each, and must not hold up the test
	c := &chaos{Store: memstore.New(), now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC), random: rand.New(rand.NewPCG(1, 2))}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const brandID = "0b7e9c4e-4a44-4c8c-9a43-0f6f0d4f3a01"
	must(c.CreateBrand(t.Context(), kyc.Brand{ID: brandID}, nil, kyc.AuditRecord{}))
	var inside atomic.Int64
	forbidden := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Add(1) }))
	defer forbidden.Close()
	seen := 0 // by the one that answers 429 and 500 now and then; its posts come one by one
	endpoints := []struct {
		name    string
		answer  http.HandlerFunc
		healthy bool
	}{
		// The order matters to the loop below: the first one is the slow one.
		{"drips", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(10 * time.Millisecond):
				}
			}
		}, true}, // its 200 came first
		{"healthy", func(http.ResponseWriter, *http.Request) {}, true},
		{"sends 10 MB", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.CopyN(w, endless{}, 10<<20)
		}, true},
		{"asks for time and fails at times", func(w http.ResponseWriter, _ *http.Request) {
			if seen++; seen%100 == 0 {
				w.Header().Set("Retry-After", "120")
				w.WriteHeader(429)
			} else if seen%10 == 0 {
				w.WriteHeader(500)
			}
		}, true},
		{"fails", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, false},
		{"hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false},
		{"closes early", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false},
		{"redirects inside", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, forbidden.URL, http.StatusTemporaryRedirect)
		}, false},
		{"is gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, false},
	}
	var hosts []string
	posts := make([]atomic.Int64, len(endpoints))
	subs := make([]kyc.Subscription, len(endpoints))
	for n, e := range endpoints {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			posts[n].Add(1)
			_, _ = io.Copy(io.Discard, r.Body)
			e.answer(w, r)
		}))
		server.Config.ErrorLog = nil
		defer server.Close()
		hosts = append(hosts, strings.TrimPrefix(server.URL, "http://"))
		subs[n] = kyc.Subscription{
			BrandID: brandID, ID: fmt.Sprintf("3c4d5e6f-7a8b-4c9d-8e1f-%012d", n), URL: server.URL, Status: kyc.StatusEnabled, Version: 1,
			Timeout: 100 * time.Millisecond, Events: kyc.EventNames(), Keys: []kyc.SigningKey{{Field: kyc.SubscriptionSecret}},
		}
		must(c.CreateSubscription(t.Context(), subs[n]))
	}
	// One more address that nobody may reach, taken before it was forbidden.
	stray := subs[1]
	stray.ID, stray.URL = "3c4d5e6f-7a8b-4c9d-8e1f-999999999999", forbidden.URL
	must(c.CreateSubscription(t.Context(), stray))

	c.sender = webhook.NewSender(webhook.NewEgress(kyc.Sandbox, strings.Join(hosts, ",")), c.clock)
	event := func(n int) kyc.Event {
		return kyc.Event{
			ID: fmt.Sprintf("evt_7b1d3e5f-2a4c-4e6f-8a0b-%012d_2", n), Name: kyc.EventSuccess, BrandID: brandID, CustomerID: testCustomer(n),
			OccurredAt: c.now, StateVersion: 2, Status: kyc.Passed,
		}
	}
	for n := range events {
		e := event(n)
		must(c.KeepEvent(t.Context(), e))
		for i, s := range append(subs, stray) {
			if i == 0 && n >= slow {
				continue
			}
			must(c.NotifyAfter(t.Context(), kyc.NewDelivery(s.ID, e).DeliveryRef, 0))
		}
	}
	for end := c.now.Add(10 * 24 * time.Hour); c.now.Before(end); c.now = c.now.Add(time.Minute) {
		c.minute(t.Context())
	}
	if inside.Load() != 0 {
		t.Errorf("%d posts reached a forbidden address", inside.Load())
	}
	for n, e := range endpoints {
		counts, sent := map[kyc.DeliveryStatus]int{}, events
		if n == 0 {
			sent = slow
		}
		for i := range sent {
			s, err := c.Shipment(t.Context(), kyc.DeliveryRef{BrandID: brandID, SubscriptionID: subs[n].ID, EventID: event(i).ID})
			must(err)
			counts[s.Delivery.Status]++
		}
		sub, _, err := c.Line(t.Context(), kyc.SubscriptionRef{BrandID: brandID, SubscriptionID: subs[n].ID})
		must(err)
		t.Logf("%s: %d posts, %v, %s %s", e.name, posts[n].Load(), counts, sub.Status, sub.DisabledCause)
		if e.healthy && (counts[kyc.Delivered] != sent || sub.Status != kyc.StatusEnabled) {
			t.Errorf("%s: %v, %s", e.name, counts, sub.Status)
		}
		if !e.healthy && (counts[kyc.Held]+counts[kyc.Exhausted] != sent || sub.Status != kyc.StatusDisabled || posts[n].Load() > 250) {
			t.Errorf("%s: %v, %s, %d posts", e.name, counts, sub.Status, posts[n].Load())
		}
	}
	if c.deaths < 50 {
		t.Errorf("the notifier died %d times", c.deaths)
	}
}

func testCustomer(n int) string { return fmt.Sprintf("9d0c6f8b-2f5e-4a57-b6c7-%012d", n) }

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// chaos is the table, the queue and the clock around a notifier that dies at one of a hundred of its steps.
type chaos struct {
	*memstore.Store
	now     time.Time
	random  *rand.Rand
	deaths  int
	letters []letter
	sender  notification.Sender
}

type letter struct {
	ref      kyc.DeliveryRef
	at       time.Time
	receives int
}

type death struct{}

func (c *chaos) die() {
	if c.random.IntN(100) == 0 {
		panic(death{})
	}
}

func (c *chaos) clock() time.Time { return c.now }

func (c *chaos) Now(context.Context, string) (kyc.Moment, error) {
	return kyc.Moment{Time: c.now}, nil
}

func (c *chaos) NotifyAfter(_ context.Context, d kyc.DeliveryRef, wait time.Duration) error {
	c.letters = append(c.letters, letter{ref: d, at: c.now.Add(wait)})
	return nil
}

func (c *chaos) AdvanceDelivery(ctx context.Context, d kyc.Delivery) (*kyc.Delivery, error) {
	if c.random.IntN(2) == 0 {
		c.die()
	}
	stood, err := c.Store.AdvanceDelivery(ctx, d)
	c.die()
	return stood, err
}

func (c *chaos) AdvanceLine(ctx context.Context, ref kyc.SubscriptionRef, l kyc.Line) (bool, error) {
	done, err := c.Store.AdvanceLine(ctx, ref, l)
	c.die()
	return done, err
}

func (c *chaos) Seal(_ context.Context, _ kyc.Place, fields kyc.Profile) (kyc.Sealed, error) {
	return kyc.Sealed{Key: []byte("k"), Fields: map[kyc.Field][]byte{kyc.AnswerField: []byte(fields.Get(kyc.AnswerField))}}, nil
}

func (c *chaos) Open(context.Context, kyc.Place, kyc.Sealed) (kyc.Profile, error) {
	return kyc.Profile{kyc.SubscriptionSecret: kyc.NewSecret("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")}, nil
}

// minute delivers what can be received, and then ticks once.
func (c *chaos) minute(ctx context.Context) {
	n := &notification.Notifier{
		Deliveries: c, Lines: c, Order: c, Vault: c, Sender: c.sender, Queue: c, Clock: c, Now: c.clock, Plan: kyc.DefaultRetryPlan(), Spread: c.random.Float64,
	}
	for range 3 { // what comes of it may be received within the minute too
		var later []letter
		due := c.letters
		c.letters = nil
		for _, l := range due {
			if l.at.After(c.now) {
				later = append(later, l)
			} else if !c.alive(func() error { _, err := n.Deliver(ctx, l.ref, l.receives > 0); return err }) {
				later = append(later, letter{l.ref, c.now.Add(5 * time.Minute), l.receives + 1})
			}
		}
		c.letters = append(c.letters, later...)
	}
	timers := &notification.Timers{Alarms: c, Lines: c, Deliveries: c, Replays: c, Lanes: c, Queue: c, Now: c.clock}
	c.alive(func() error { _, err := timers.Sweep(ctx); return err })
}

func (c *chaos) alive(run func() error) bool {
	defer func() {
		if r := recover(); r != nil {
			if _, died := r.(death); !died {
				panic(r)
			}
			c.deaths++
		}
	}()
	return run() == nil
}
