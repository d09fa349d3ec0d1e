package verification_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/keyring"
	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/onboarding"
	"kyc/shared/outbox"
	"kyc/shared/queue"
	"kyc/shared/sandbox"
	"kyc/shared/testbed"
	"kyc/shared/verification"
)

func TestMain(m *testing.M) { testbed.Main(m) }

const (
	brandID    = testbed.BrandID
	programID  = testbed.ProgramID
	customerID = testbed.CustomerID
	stranger   = "11111111-1111-4111-8111-111111111111"
	program2   = "22222222-2222-4222-8222-222222222222"
	lease      = 35 * time.Second
)

// world is a seeded stage with a clock that a test can move.
type world struct {
	bed   *testbed.Bed
	clock *testbed.Clock
	store *dynamostore.Store
	vault *keyring.Keyring
}

func open(t *testing.T) world {
	t.Helper()
	bed, clock := testbed.Open(t), testbed.NewClock()
	bed.Seed(t)
	store := bed.Store(clock.Now)
	return world{bed, clock, store, keyring.New(bed.AWS, bed.KeyARN, store, clock.Now)}
}

// brands tells the brands what the test's clock shows, and those of them that have moved their own a later time.
func (w world) brands() clock.Brands { return clock.Brands{Real: w.clock.Now, Store: w.store} }

func (w world) service() *verification.Service {
	return &verification.Service{
		Attempts: w.store, Programs: w.store, Vault: w.vault, Mode: kyc.Sandbox, Clock: w.brands(), NewID: uuid.NewString, MagicSSN: sandbox.Magic,
	}
}

func (w world) worker() *verification.Worker {
	return &verification.Worker{
		Claims: w.store, Programs: w.store, Duplicates: w.store, Vault: w.vault, Provider: sandbox.Provider{}, Clock: w.brands(), NewID: uuid.NewString,
		Lease: lease, MagicSSN: sandbox.Magic,
	}
}

func (w world) timers() *verification.Timers {
	return &verification.Timers{
		Alarms: w.store, Outbox: w.relay(), Retention: &onboarding.Retention{Remains: w.store, Files: noFiles{}}, Clock: w.brands(), Now: w.clock.Now, Moved: w.store,
	}
}

func (w world) relay() *outbox.Relay {
	return &outbox.Relay{
		Store: w.store, Lanes: w.store, Verifications: queue.New(w.bed.AWS, w.bed.VerificationQueue), Notifications: queue.New(w.bed.AWS, w.bed.NotificationQueue),
	}
}

func request(customerID string) verification.Request {
	return verification.Request{
		BrandID: brandID, Identity: testbed.Identity, CustomerID: customerID, ProgramID: programID,
		Body: []byte(`{"program_id":"` + programID + `"}`),
	}
}

// start starts KYC with fields in the body, and returns the work that follows.
func (w world) start(t *testing.T, customerID string, fields map[kyc.Field]string) kyc.Work {
	t.Helper()
	r := request(customerID)
	r.Fields = fields
	s, err := w.service().Start(t.Context(), r)
	must(t, err)
	return kyc.Work{BrandID: brandID, CustomerID: s.CustomerID, ProgramID: s.ProgramID, AttemptID: s.Attempt.ID}
}

func (w world) read(t *testing.T, customerID string) kyc.Customer {
	t.Helper()
	c, err := w.store.Customer(t.Context(), brandID, customerID)
	must(t, err)
	return c
}

// customer makes a customer with the given fields on file, taken as they are, beside those that the policy requires.
func (w world) customer(t *testing.T, fields map[kyc.Field]string) string {
	t.Helper()
	id, profile := uuid.NewString(), kyc.Profile{}
	for f, v := range map[kyc.Field]string{kyc.FirstName: "Ada", kyc.LastName: "Example", kyc.BirthDate: "1990-05-17", kyc.SSN: "123456799"} {
		profile.Set(f, v)
	}
	for f, v := range fields {
		profile.Set(f, v)
	}
	profile.SetAddress(kyc.Address{ID: "a", Type: "PHYSICAL", Street: "345 California St", City: "San Francisco", State: "CA", ZipCode: "94104", Country: "US", IsPrimary: true})
	sealed, err := w.vault.Seal(t.Context(), kyc.ProfilePlace(brandID, id), profile)
	must(t, err)
	_, err = w.store.CreateCustomer(t.Context(), kyc.NewCustomer{Profile: sealed, Customer: kyc.Customer{
		BrandID: brandID, ID: id, CreatedAt: w.clock.Now(), Present: profile.Present(), ProfileVersion: 1, Rev: 1,
	}})
	must(t, err)
	return id
}

// onFile returns the customer's profile in clear.
func (w world) onFile(t *testing.T, customerID string) kyc.Profile {
	t.Helper()
	sealed, _, err := w.store.Profile(t.Context(), brandID, customerID)
	must(t, err)
	profile, err := w.vault.Open(t.Context(), kyc.ProfilePlace(brandID, customerID), sealed)
	must(t, err)
	return profile
}

// subscribe subscribes to every event.
func (w world) subscribe(t *testing.T) {
	t.Helper()
	must(t, w.store.CreateSubscription(t.Context(), kyc.Subscription{
		BrandID: brandID, ID: testbed.SubscriptionID, URL: "https://example.com/", Events: kyc.EventNames(), Status: kyc.StatusEnabled,
		CreatedAt: clock.Now(), UpdatedAt: clock.Now(),
	}))
}

// events receives the names of the events on the notification queue.
func (w world) events(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, body := range w.bed.Messages(t, w.bed.NotificationQueue) {
		d, err := message.DecodeDelivery([]byte(body))
		must(t, err)
		e, err := w.store.Event(t.Context(), d.BrandID, d.EventID)
		must(t, err)
		names = append(names, string(e.Name))
	}
	slices.Sort(names)
	return names
}

// unchanged fails the test where do changes an item of the table.
func (w world) unchanged(t *testing.T, do func()) {
	t.Helper()
	before := w.bed.Snapshot(t)
	do()
	if diff := cmp.Diff(before, w.bed.Snapshot(t), cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("something was written (-before +after):\n%s", diff)
	}
}

// provider is one that a test writes as a function. Checks that it does not speak of pass like its first one was made.
type provider func(ctx context.Context, applicant kyc.Profile) (kyc.Verdict, error)

func (p provider) Check(ctx context.Context, applicant kyc.Profile, checks []kyc.Check, _ []kyc.DocumentType) (kyc.Verdict, error) {
	v, err := p(ctx, applicant)
	for _, check := range checks {
		if len(v.Results) > 0 && !slices.ContainsFunc(v.Results, func(r kyc.Result) bool { return r.Check == check }) {
			v.Results = append(v.Results, kyc.Result{Check: check, Passed: true, Provider: v.Results[0].Provider, Mode: v.Results[0].Mode})
		}
	}
	return v, err
}

// external are the checks that a provider is asked for.
var external = kyc.Checks()[1:]

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refusal returns err as the refusal that a caller sees.
func refusal(t *testing.T, err error) *kyc.Error {
	t.Helper()
	e, ok := err.(*kyc.Error)
	if !ok {
		t.Fatalf("err %v, want a refusal", err)
	}
	return e
}

func atOnce(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// inClear fails the test where a mark stands readable in an item of the table.
func (w world) inClear(t *testing.T, marks ...string) {
	t.Helper()
	for _, item := range w.bed.Items(t) {
		text := testbed.Text(item)
		for _, mark := range marks {
			if strings.Contains(text, mark) {
				t.Errorf("%q stands in clear in an item: %.200s", mark, text)
			}
		}
	}
}

// noFiles is the store of evidence where nothing was sent.
type noFiles struct{}

func (noFiles) RemoveAll(context.Context, kyc.CustomerRef) error { return nil }
