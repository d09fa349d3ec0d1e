package main

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/keyring"
	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/notification"
	"kyc/shared/outbox"
	"kyc/shared/queue"
	"kyc/shared/sandbox"
	"kyc/shared/testbed"
	"kyc/shared/verification"
	"kyc/shared/webhook"
)

// TestFromStartToWebhook counts the calls of AWS that one KYC makes, and the write units of the table and its indexes, in
// environments that have served one before: what is cached then is the program, the brand's key and nothing of the
// customer. A sandbox stage reads the brand's clock each time that it asks for the time: once for a start, before and
// after the checks in the verifier.
func TestFromStartToWebhook(t *testing.T) {
	bed := testbed.Open(t)
	bed.Seed(t)
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	egress := webhook.NewEgress(kyc.Sandbox, strings.TrimPrefix(receiver.URL, "http://"))

	var calls []string
	var table, index float64
	counted := bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		calls = append(calls, r.Operation)
		return pass()
	}).Metered(func(t, i float64) { table, index = table+t, index+i })
	store := counted.Store(clock.Now)
	keys := keyring.New(counted.AWS, counted.KeyARN, store, clock.Now)
	subscriptions := &notification.Service{Subscriptions: store, Lines: store, Vault: keys, CheckURL: egress.CheckURL, NewSecret: webhook.NewSecret, NewID: uuid.NewString, Now: clock.Now}
	starts := &verification.Service{Attempts: store, Programs: store, Vault: keys, Mode: kyc.Sandbox, NewID: uuid.NewString}
	relay := &outbox.Relay{
		Store: store, Lanes: store,
		Verifications: queue.New(counted.AWS, counted.VerificationQueue),
		Notifications: queue.New(counted.AWS, counted.NotificationQueue),
	}
	worker := &verification.Worker{
		Claims: store, Programs: store, Vault: keys, Provider: sandbox.Provider{}, NewID: uuid.NewString,
		Lease: verification.LeaseMargin,
	}
	notifier := &notification.Notifier{
		Deliveries: store, Lines: store, Order: store, Vault: keys, Sender: webhook.NewSender(egress, clock.Now),
		Queue: queue.New(counted.AWS, counted.NotificationQueue), Clock: clock.For(kyc.Live, store), Now: clock.Now, Spread: rand.Float64,
	}
	if _, _, err := subscriptions.Create(t.Context(), testbed.BrandID, notification.Input{URL: receiver.URL, Events: []string{"kyc.*"}}); err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		name  string
		key   bool
		mode  kyc.Mode // of the stage whose clock is asked
		reads int      // of that clock, each time
		first bool
		units float64
		twice bool // the stack's secret is being rotated, and what is hashed is stored under two
	}{
		{"first", true, kyc.Live, 0, true, 17, false}, {"without a key", false, kyc.Live, 0, false, 13, false}, {"with a key", true, kyc.Live, 0, false, 17, false},
		{"without a key on a sandbox stage", false, kyc.Sandbox, 1, false, 13, false}, {"with a key on a sandbox stage", true, kyc.Sandbox, 1, false, 17, false},
		{"with a key while the secret is rotated", true, kyc.Live, 0, false, 19, true},
	} {
		starts.Clock, worker.Clock = clock.For(c.mode, store), clock.For(c.mode, store)
		if c.twice {
			rotate(t, store, keys)
			keys = keyring.New(counted.AWS, counted.KeyARN, store, clock.Now)
			starts.Vault = keys
			if derived, err := keys.Purpose(t.Context(), "idempotency"); err != nil || len(derived.Keys) != 2 {
				t.Fatalf("%d keys, err %v", len(derived.Keys), err)
			}
		}
		customerID := uuid.NewString()
		bed.Customer(t, customerID, "123-45-6780")
		read := func() kyc.Customer {
			customer, err := bed.Store(clock.Now).Customer(t.Context(), testbed.BrandID, customerID)
			if err != nil {
				t.Fatal(err)
			}
			return customer
		}
		units := 0.0
		step := func(name string, most int, do func() error) {
			t.Helper()
			calls, table, index = nil, 0, 0
			if err := do(); err != nil {
				t.Fatalf("%s, %s: %v", c.name, name, err)
			}
			if !c.first && len(calls) > most {
				t.Errorf("%s, %s: %d calls, at most %d are allowed: %q", c.name, name, len(calls), most, calls)
			}
			t.Logf("%s, %s: %v write units of the table, %v of indexes", c.name, name, table, index)
			units += table + index
		}
		created := read()
		var started kyc.Start
		step("start", 1+c.reads, func() (err error) {
			var key *string
			if c.key {
				key = &customerID
			}
			started, err = starts.Start(t.Context(), verification.Request{
				BrandID: testbed.BrandID, Identity: testbed.Identity, CustomerID: customerID, ProgramID: testbed.ProgramID,
				IdempotencyKey: key, Body: []byte(`{}`),
			})
			return err
		})
		submitted := read()
		step("relay of the start", 2, func() error { return relay.Changed(t.Context(), created, submitted) })
		step("verification", 4+2*c.reads, func() error {
			return worker.Run(t.Context(), kyc.Work{BrandID: testbed.BrandID, CustomerID: customerID, ProgramID: testbed.ProgramID, AttemptID: started.Attempt.ID})
		})
		step("relay of the pass", 4, func() error { return relay.Changed(t.Context(), submitted, read()) })
		bodies := bed.Messages(t, bed.NotificationQueue)
		n := slices.IndexFunc(bodies, func(body string) bool { return strings.Contains(body, started.Attempt.ID) })
		if n < 0 {
			t.Fatalf("no notification among %q", bodies)
		}
		delivery, err := message.DecodeDelivery([]byte(bodies[n]))
		if err != nil {
			t.Fatal(err)
		}
		step("delivery", 3, func() error {
			report, err := notifier.Deliver(t.Context(), delivery, false)
			if report.Outcome != notification.Delivered {
				t.Errorf("%s: %s", c.name, report.Outcome)
			}
			return err
		})
		if t.Logf("%s: %v write units", c.name, units); units > c.units {
			t.Errorf("%s: %v write units, at most %v are allowed", c.name, units, c.units)
		}
	}
}

// rotate brings the rotation of the stack's secret to the phase in which two are in use.
func rotate(t *testing.T, store *dynamostore.Store, keys *keyring.Keyring) {
	t.Helper()
	s, err1 := store.StackSecret(t.Context())
	fresh, err2 := keys.NewStackSecret(t.Context())
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for _, next := range []func() kyc.StackSecret{
		func() kyc.StackSecret { return s.Rotate(fresh, clock.Now()) }, func() kyc.StackSecret { return s.NextPhase(clock.Now()) },
	} {
		after := next()
		if ok, err := store.AdvanceStackSecret(t.Context(), s, after, testbed.Record()); err != nil || !ok {
			t.Fatalf("%t, err %v", ok, err)
		}
		s = after
	}
}
