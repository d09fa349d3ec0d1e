package dynamostore_test

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"kyc/shared/dynamostore"
	"kyc/shared/kyc"
	"kyc/shared/notification"
	"kyc/shared/outbox"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

const (
	brandID    = testbed.BrandID
	programID  = testbed.ProgramID
	customerID = testbed.CustomerID
	otherBrand = "11111111-1111-4111-8111-111111111111"
	program2   = "22222222-2222-4222-8222-222222222222"
)

// subject is a table as the flow of KYC sees it, and what a test needs to begin in any state.
type subject interface {
	flow
	updates
	grants
	clocks
}

type flow interface {
	starts
	works
	follows
	endings
}

type follows interface {
	relays
	keeps
}

type keeps interface {
	deliveries
	filings
}

type endings interface {
	closings
	remains
}

type starts interface {
	CreateCustomer(ctx context.Context, n kyc.NewCustomer) (*kyc.KeyRecord, error)
	Customer(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
	OpenAttempt(ctx context.Context, start kyc.Start) (*kyc.Standing, error)
	setter
}

type setter interface {
	SetCustomer(ctx context.Context, c kyc.Customer) error
	CustomersWithSSN(ctx context.Context, brandID, hash string, limit int) ([]string, error)
	SetKeyRecord(ctx context.Context, brandID, hash string, r kyc.KeyRecord) error
	DropKeyRecord(ctx context.Context, brandID, hash string) error
}

type works interface {
	Claim(ctx context.Context, w kyc.Work, now, until time.Time) (kyc.Customer, *kyc.Standing, error)
	AdvanceAttempt(ctx context.Context, a kyc.Advance) (*kyc.Standing, error)
	RecordLate(ctx context.Context, c kyc.Customer, programID string, a kyc.Attempt) error
	MoveAlarm(ctx context.Context, c kyc.Customer, at time.Time) error
}

type filings interface {
	FileDocuments(ctx context.Context, f kyc.Filing) (*kyc.Standing, error)
}

type relays interface {
	NoteRelayed(ctx context.Context, c kyc.Customer, n kyc.Note) error
	ArchiveAttempt(ctx context.Context, brandID, customerID, programID string, a kyc.Attempt) error
	ArchivedAttempts(ctx context.Context, pair kyc.Pair, before time.Time, beforeID string, limit int) ([]kyc.Attempt, error)
	Due(ctx context.Context, now time.Time, limit int) ([]kyc.CustomerRef, error)
}

type closings interface {
	Aggregate(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
	CloseCustomer(ctx context.Context, closing kyc.Closing) (bool, error)
	Profile(ctx context.Context, brandID, customerID string) (kyc.Sealed, int, error)
	RequestRetry(ctx context.Context, r kyc.RetryRequest) (time.Time, error)
}

type remains interface {
	ArchivedOf(ctx context.Context, ref kyc.CustomerRef) ([]kyc.Archived, error)
	Retain(ctx context.Context, ref kyc.CustomerRef, was kyc.Archived, left *kyc.Attempt) (bool, error)
	RestClosed(ctx context.Context, seen, rest kyc.Customer) error
	RemoveClosed(ctx context.Context, c kyc.Customer) error
}

type deliveries interface {
	notification.Deliveries
	notification.Lines
	subscriptions
	waiting
}

type subscriptions interface {
	CreateBrand(ctx context.Context, b kyc.Brand, wrappedKey []byte, r kyc.AuditRecord) error
	CreateSubscription(ctx context.Context, sub kyc.Subscription) error
	DeleteSubscription(ctx context.Context, brandID, subscriptionID string) (kyc.Subscription, error)
	Delivery(ctx context.Context, ref kyc.DeliveryRef) (kyc.Delivery, error)
}

type waiting interface {
	KeepEvent(ctx context.Context, e kyc.Event) error
	turns
	notification.Alarms
	notification.Replays
}

type turns interface {
	outbox.Lanes
	notification.Order
}

type updates interface {
	CustomerAndProfile(ctx context.Context, brandID, customerID string) (kyc.Customer, kyc.Sealed, error)
	Profile(ctx context.Context, brandID, customerID string) (kyc.Sealed, int, error)
	UpdateProfile(ctx context.Context, up kyc.Update) (bool, error)
}

type grants interface {
	RequestRetry(ctx context.Context, r kyc.RetryRequest) (time.Time, error)
	RetryRequests(ctx context.Context, brandID string, limit int) ([]kyc.RetryRequest, error)
	recorded
}

type recorded interface {
	DropRetryRequest(ctx context.Context, pair kyc.Pair, r kyc.AuditRecord) error
	GrantAttempts(ctx context.Context, c kyc.Customer, programID string, used int, r kyc.AuditRecord) (bool, error)
	KeepRecord(ctx context.Context, r kyc.AuditRecord) error
}

type clocks interface {
	Ahead(ctx context.Context, brandID string) (time.Duration, error)
	MoveClock(ctx context.Context, brandID string, from, to time.Duration, alarm time.Time) (bool, error)
	alarms
}

type alarms interface {
	DueClocks(ctx context.Context, now time.Time, limit int) ([]kyc.MovedClock, error)
	SettleClock(ctx context.Context, c kyc.MovedClock) error
	BrandAlarms(ctx context.Context, brandID string, after time.Time) iter.Seq2[kyc.CustomerRef, error]
	Ring(ctx context.Context, ref kyc.CustomerRef, now time.Time) error
}

// bench is a subject of its own with a clock that a test can move.
type bench struct {
	subject
	clock    *testbed.Clock
	snapshot func(testing.TB) map[string]map[string]any
}

// table is a bench on DynamoDB.
type table struct {
	bench
	*dynamostore.Store
	bed *testbed.Bed
}

func open(t testing.TB) table {
	t.Helper()
	bed, clock := testbed.Open(t), testbed.NewClock()
	store := bed.Store(clock.Now)
	return table{bench{store, clock, bed.Snapshot}, store, bed}
}

// through is the same table as seen through a wire.
func (tb table) through(hand func(testbed.Request, func() testbed.Answer) testbed.Answer) *dynamostore.Store {
	return tb.bed.Through(hand).Store(tb.clock.Now)
}

var required = kyc.DefaultPolicy().Required

func profile() kyc.Sealed {
	return kyc.Sealed{Key: []byte("wrapped"), Fields: map[kyc.Field][]byte{kyc.SSN: []byte("sealed")}}
}

// newCustomer stores a customer in the state in which production creates one.
func (tb bench) newCustomer(t *testing.T, id string) kyc.Customer {
	t.Helper()
	tb.mustCreate(t, brandID, id, required)
	return tb.read(t, id)
}

func (tb bench) mustCreate(t *testing.T, brandID, id string, present []kyc.Field) {
	t.Helper()
	c := kyc.Customer{BrandID: brandID, ID: id, CreatedAt: tb.clock.Now(), Present: present}
	if seen, err := tb.CreateCustomer(t.Context(), kyc.NewCustomer{Customer: c, Profile: profile()}); err != nil || seen != nil {
		t.Fatalf("create customer: seen %+v, err %v", seen, err)
	}
}

func (tb bench) read(t testing.TB, id string) kyc.Customer {
	t.Helper()
	c, err := tb.Customer(context.Background(), brandID, id)
	must(t, err)
	return c
}

// start is a start of the customer under the default policy, with the given idempotency key unless that is empty.
func (tb bench) start(id, key string) kyc.Start {
	now := tb.clock.Now()
	s := kyc.Start{
		BrandID: brandID, CustomerID: id, ProgramID: programID, Policy: kyc.DefaultPolicy(), Missing: required, Now: now,
		Attempt: kyc.Attempt{
			ID: uuid.NewString(), Status: kyc.Submitted, SubmittedAt: now, Mode: kyc.Sandbox, PolicyVersion: 1, OpenedBy: testbed.Identity,
			Timeline: []kyc.Transition{{Status: kyc.Submitted, At: now}},
		},
	}
	if key != "" {
		s.Key = &kyc.KeyClaim{Operation: kyc.OperationStart, Hash: key, Fingerprint: []byte("the request of " + key)}
	}
	return s
}

func (tb bench) mustStart(t *testing.T, s kyc.Start) kyc.Start {
	t.Helper()
	if stood, err := tb.OpenAttempt(t.Context(), s); err != nil || stood != nil {
		t.Fatalf("start: stood %+v, err %v", stood, err)
	}
	return s
}

func work(s kyc.Start) kyc.Work {
	return kyc.Work{BrandID: s.BrandID, CustomerID: s.CustomerID, ProgramID: s.ProgramID, AttemptID: s.Attempt.ID}
}

const lease = time.Minute

func (tb bench) mustClaim(t *testing.T, s kyc.Start) kyc.Customer {
	t.Helper()
	c, stood, err := tb.Claim(t.Context(), work(s), tb.clock.Now(), tb.clock.Now().Add(lease))
	if err != nil || stood != nil {
		t.Fatalf("claim: stood %+v, err %v", stood, err)
	}
	return c
}

// advance is the change that a worker which claimed c makes when the checks come out as status.
func (tb bench) advance(t testing.TB, c kyc.Customer, status kyc.Status) kyc.Advance {
	t.Helper()
	from := c.Attempts[programID]
	decision := kyc.Decision{Status: status, Results: []kyc.Result{{Check: kyc.CheckCIP, Passed: status == kyc.Passed, Provider: "p", Mode: kyc.Sandbox}}}
	if status == kyc.Failed {
		decision.Reasons = []string{kyc.ReasonBureau}
	}
	if status == kyc.DocumentRequired {
		decision.Documents = []kyc.Document{{ID: "d", Type: kyc.GovernmentID, Status: "required"}}
	}
	to, err := from.Advance(decision, c.Versions[programID]+1, tb.clock.Now(), "")
	must(t, err)
	to.Counted, to.LeaseUntil = true, time.Time{}
	used := 0
	if !from.Counted {
		used = 1
	}
	return kyc.Advance{
		BrandID: c.BrandID, CustomerID: c.ID, ProgramID: programID, From: from, To: to, Version: c.Versions[programID],
		ProfileVersion: c.ProfileVersion, Used: used, Ended: status == kyc.Failed, Alarm: tb.clock.Now().Add(kyc.AlarmDelay),
	}
}

func (tb bench) mustAdvance(t *testing.T, a kyc.Advance) {
	t.Helper()
	if stood, err := tb.AdvanceAttempt(t.Context(), a); err != nil || stood != nil {
		t.Fatalf("advance: stood %+v, err %v", stood, err)
	}
}

// run takes a started attempt to the given state.
func (tb bench) run(t *testing.T, s kyc.Start, status kyc.Status) kyc.Customer {
	t.Helper()
	tb.mustAdvance(t, tb.advance(t, tb.mustClaim(t, s), status))
	return tb.read(t, s.CustomerID)
}

// unchanged fails the test where do changes an item of the table.
func (tb bench) unchanged(t *testing.T, do func()) {
	t.Helper()
	before := tb.snapshot(t)
	do()
	if diff := cmp.Diff(before, tb.snapshot(t), sets); diff != "" {
		t.Errorf("something was written (-before +after):\n%s", diff)
	}
}

// sets compares the members of a set, whose order DynamoDB does not promise.
var sets = cmpopts.SortSlices(func(a, b string) bool { return a < b })

// at once runs do n times side by side and waits.
func atOnce(n int, do func(i int)) {
	var ready, all sync.WaitGroup
	ready.Add(n)
	for i := range n {
		all.Go(func() {
			ready.Done()
			ready.Wait()
			do(i)
		})
	}
	all.Wait()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
