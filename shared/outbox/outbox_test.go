package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"kyc/shared/dynamostore"
	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/openapi/contract"
	"kyc/shared/outbox"
	"kyc/shared/queue"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

const (
	brandID    = testbed.BrandID
	programID  = testbed.ProgramID
	customerID = testbed.CustomerID
	wantsAll   = "aaaaaaaa-0000-4000-8000-000000000001"
	wantsFails = "aaaaaaaa-0000-4000-8000-000000000002" // and is paused: the notifier holds them
	wantsNone  = "aaaaaaaa-0000-4000-8000-000000000003"
)

// post is a brand with three subscriptions, on a clock that a test can move.
type post struct {
	bed   *testbed.Bed
	clock *testbed.Clock
	store *dynamostore.Store
}

func open(t *testing.T) post {
	t.Helper()
	bed, clock := testbed.Open(t), testbed.NewClock()
	p := post{bed, clock, bed.Store(clock.Now)}
	must(t, p.store.CreateBrand(t.Context(), kyc.Brand{ID: brandID, Name: "Brand", CreatedAt: clock.Now()}, []byte("wrapped"), testbed.Record()))
	for id, s := range map[string]kyc.Subscription{
		wantsAll:   {Status: kyc.StatusEnabled, Events: kyc.EventNames()},
		wantsFails: {Status: kyc.StatusPaused, Events: []kyc.EventName{kyc.EventFailure}},
		wantsNone:  {Status: kyc.StatusEnabled, Events: []kyc.EventName{kyc.EventCustomerUpdated}},
	} {
		s.BrandID, s.ID, s.URL, s.CreatedAt, s.UpdatedAt = brandID, id, "https://example.com/", clock.Now(), clock.Now()
		must(t, p.store.CreateSubscription(t.Context(), s))
	}
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p post) relay() *outbox.Relay {
	return &outbox.Relay{
		Store: p.store, Lanes: p.store, Verifications: queue.New(p.bed.AWS, p.bed.VerificationQueue), Notifications: queue.New(p.bed.AWS, p.bed.NotificationQueue),
	}
}

func (p post) read(t *testing.T, id string) kyc.Customer {
	t.Helper()
	c, err := p.store.Customer(t.Context(), brandID, id)
	must(t, err)
	return c
}

const mark = "a marked secret"

func (p post) newCustomer(t *testing.T) kyc.Customer {
	t.Helper()
	id := uuid.NewString()
	sealed := kyc.Sealed{Key: []byte(mark), Fields: map[kyc.Field][]byte{kyc.SSN: []byte(mark)}}
	_, err := p.store.CreateCustomer(t.Context(), kyc.NewCustomer{
		Customer: kyc.Customer{BrandID: brandID, ID: id, CreatedAt: p.clock.Now(), Present: []kyc.Field{kyc.SSN}}, Profile: sealed,
	})
	must(t, err)
	return p.read(t, id)
}

// start opens an attempt and returns the customer after it.
func (p post) start(t *testing.T, id string) kyc.Customer {
	t.Helper()
	p.clock.Move(time.Second)
	now := p.clock.Now()
	stood, err := p.store.OpenAttempt(t.Context(), kyc.Start{
		BrandID: brandID, CustomerID: id, ProgramID: programID, Policy: kyc.DefaultPolicy(), Now: now,
		Attempt: kyc.Attempt{
			ID: uuid.NewString(), Status: kyc.Submitted, SubmittedAt: now, Mode: kyc.Sandbox, PolicyVersion: 1, OpenedBy: mark,
			Fields:   kyc.Sealed{Key: []byte(mark), Fields: map[kyc.Field][]byte{kyc.SSN: []byte(mark)}},
			Timeline: []kyc.Transition{{Status: kyc.Submitted, At: now}},
		},
	})
	if err != nil || stood != nil {
		t.Fatalf("stood %+v, err %v", stood.Customer, err)
	}
	return p.read(t, id)
}

// causes says why, where the state alone does not.
var causes = map[kyc.Status]string{kyc.Expired: "documents_not_provided", kyc.Errored: "not_verified_in_time", kyc.Canceled: "by_brand"}

// decide takes the current attempt to the given state and returns the customer after it.
func (p post) decide(t *testing.T, id string, status kyc.Status) kyc.Customer {
	t.Helper()
	p.clock.Move(time.Second)
	c := p.read(t, id)
	from := c.Attempts[programID]
	d := kyc.Decision{Status: status}
	switch status {
	case kyc.Failed:
		d.Reasons = []string{kyc.ReasonBureau}
	case kyc.DocumentRequired:
		d.Documents = []kyc.Document{{ID: uuid.NewString(), Type: kyc.GovernmentID, Status: "required"}}
	}
	to, err := from.Advance(d, c.Versions[programID]+1, p.clock.Now(), causes[status])
	must(t, err)
	stood, err := p.store.AdvanceAttempt(t.Context(), kyc.Advance{
		BrandID: brandID, CustomerID: id, ProgramID: programID, From: from, To: to, Version: c.Versions[programID], Ended: status == kyc.Failed,
		Alarm: p.clock.Now().Add(kyc.AlarmDelay),
	})
	if err != nil || stood != nil {
		t.Fatalf("stood %+v, err %v", stood.Customer, err)
	}
	return p.read(t, id)
}

// mail is what lies on the queues: the attempts to verify, and per subscription the bodies of the events.
type mail struct {
	Work   []string
	Events map[string][]string
}

func (p post) mail(t *testing.T) mail {
	t.Helper()
	m := mail{Events: map[string][]string{}}
	for _, body := range p.bed.Messages(t, p.bed.VerificationQueue) {
		p.impersonal(t, body)
		w, err := message.DecodeWork([]byte(body))
		must(t, err)
		m.Work = append(m.Work, w.AttemptID)
	}
	for _, body := range p.bed.Messages(t, p.bed.NotificationQueue) {
		p.impersonal(t, body)
		d, err := message.DecodeDelivery([]byte(body))
		must(t, err)
		e, err := p.store.Event(t.Context(), d.BrandID, d.EventID)
		must(t, err)
		event, err := message.EventBody(e)
		must(t, err)
		contract.CheckEvent(t, event)
		m.Events[d.SubscriptionID] = append(m.Events[d.SubscriptionID], string(event))
	}
	return m
}

func (p post) impersonal(t *testing.T, body string) {
	t.Helper()
	if strings.Contains(body, mark) {
		t.Errorf("personal data in a message: %s", body)
	}
}

// once is the mail without repetitions.
func (m mail) once() mail {
	n := mail{Work: slices.Compact(slices.Sorted(slices.Values(m.Work))), Events: map[string][]string{}}
	for id, events := range m.Events {
		n.Events[id] = slices.Compact(slices.Sorted(slices.Values(events)))
	}
	return n
}

func names(t *testing.T, bodies []string) []string {
	t.Helper()
	var ns []string
	for _, b := range bodies {
		_, rest, _ := strings.Cut(b, `"event":"`)
		name, _, _ := strings.Cut(rest, `"`)
		ns = append(ns, name)
	}
	return ns
}

func TestStartSendsWork(t *testing.T) {
	p := open(t)
	created := p.newCustomer(t)
	must(t, p.relay().Changed(t.Context(), kyc.Customer{}, created))
	if m := p.mail(t); len(m.Work) != 0 || len(m.Events) != 0 {
		t.Errorf("a new customer sends %+v", m)
	}
	started := p.start(t, created.ID)
	must(t, p.relay().Changed(t.Context(), created, started))
	if diff := cmp.Diff(mail{Work: []string{started.Attempts[programID].ID}, Events: map[string][]string{}}, p.mail(t)); diff != "" {
		t.Errorf("mail (-want +got):\n%s", diff)
	}
	if c := p.read(t, created.ID); c.Relayed[programID] != 1 || c.DueAt.IsZero() {
		t.Errorf("noted: %+v", c)
	}
}

// A write that changes no attempt has nothing follow from it, and costs the relay no call at all.
func TestNothingFollowsFromAGrant(t *testing.T) {
	p := open(t)
	created := p.newCustomer(t)
	p.start(t, created.ID)
	before := p.decide(t, created.ID, kyc.Failed)
	if granted, err := p.store.GrantAttempts(t.Context(), before, programID, -2, testbed.Record()); err != nil || !granted {
		t.Fatalf("granted %t, err %v", granted, err)
	}
	var unplugged outbox.Relay // any call would panic
	must(t, unplugged.Changed(t.Context(), before, p.read(t, created.ID)))
}

func TestEventsGoToThoseWhoWantThem(t *testing.T) {
	p := open(t)
	for status, want := range map[kyc.Status]struct {
		event kyc.EventName
		to    []string
	}{
		kyc.Passed:           {kyc.EventSuccess, []string{wantsAll}},
		kyc.Failed:           {kyc.EventFailure, []string{wantsAll, wantsFails}},
		kyc.DocumentRequired: {kyc.EventDocumentRequired, []string{wantsAll}},
		kyc.UnderReview:      {kyc.EventUnderReview, []string{wantsAll}},
		kyc.Errored:          {kyc.EventError, []string{wantsAll}},
		kyc.Expired:          {kyc.EventTimeout, []string{wantsAll}},
		kyc.Canceled:         {kyc.EventCanceled, []string{wantsAll}},
	} {
		t.Run(string(status), func(t *testing.T) {
			created := p.newCustomer(t)
			id := created.ID
			before := p.start(t, id)
			must(t, p.relay().Changed(t.Context(), created, before))
			p.mail(t)
			after := p.decide(t, id, status)
			must(t, p.relay().Changed(t.Context(), before, after))
			m := p.mail(t)
			if len(m.Work) != 0 || len(m.Events) != len(want.to) {
				t.Errorf("mail %+v", m)
			}
			for _, to := range want.to {
				if got := names(t, m.Events[to]); !slices.Equal(got, []string{string(want.event)}) {
					t.Errorf("%s is sent %q", to, got)
				}
			}
			if c := p.read(t, id); c.Relayed[programID] != 2 || c.DueAt.IsZero() == c.Attempts[programID].Awaits() {
				t.Errorf("settled: %+v", c)
			}
		})
	}
}

// A change of the customer's data is told as a change of KYC is, and neither waits for, nor settles, what the other has pending.
func TestUpdateIsTold(t *testing.T) {
	p := open(t)
	created := p.newCustomer(t)
	update := func(fields ...kyc.Field) (before, after kyc.Customer) {
		t.Helper()
		p.clock.Move(time.Second)
		c := p.read(t, created.ID)
		done, err := p.store.UpdateProfile(t.Context(), kyc.Update{
			Customer: c, Profile: kyc.Sealed{Key: []byte(mark), Fields: map[kyc.Field][]byte{kyc.SSN: []byte(mark)}}, Present: []kyc.Field{kyc.SSN},
			Changes: append(c.Changes, kyc.ProfileChange{Version: c.ProfileVersion + 1, At: p.clock.Now(), Fields: fields}),
			Alarm:   p.clock.Now().Add(kyc.AlarmDelay),
		})
		if err != nil || !done {
			t.Fatalf("done %t, err %v", done, err)
		}
		return c, p.read(t, created.ID)
	}
	before, after := update(kyc.LastName)
	must(t, p.relay().Changed(t.Context(), before, after))
	told := p.mail(t)
	if len(told.Work) != 0 || len(told.Events[wantsAll]) != 1 || len(told.Events[wantsNone]) != 1 || len(told.Events[wantsFails]) != 0 {
		t.Errorf("mail %+v", told)
	}
	if c := p.read(t, created.ID); c.Unrelayed(kyc.OfProfile) || !c.DueAt.IsZero() {
		t.Errorf("settled: %+v", c)
	}
	must(t, p.relay().Changed(t.Context(), before, after))
	if diff := cmp.Diff(told, p.mail(t)); diff != "" {
		t.Errorf("told again (-first +again):\n%s", diff)
	}

	lostBefore, lost := update(kyc.SSN)
	before, after = update(kyc.Email)
	must(t, p.relay().Changed(t.Context(), before, after))
	if c := p.read(t, created.ID); !c.Unrelayed(kyc.OfProfile) || c.DueAt.IsZero() {
		t.Errorf("a change was noted though the one before it was not sent: %+v", c)
	}
	second := p.mail(t)
	must(t, p.relay().Changed(t.Context(), lostBefore, lost))
	first := p.mail(t)
	must(t, p.relay().CatchUp(t.Context(), after))
	if got, want := p.mail(t), append(first.Events[wantsAll], second.Events[wantsAll]...); !slices.Equal(slices.Sorted(slices.Values(got.Events[wantsAll])), slices.Sorted(slices.Values(want))) {
		t.Errorf("caught up with %q, want %q", got.Events[wantsAll], want)
	}

	p.start(t, created.ID)
	p.decide(t, created.ID, kyc.Failed)
	before, after = update(kyc.LastName)
	must(t, p.relay().Changed(t.Context(), before, after))
	if c := p.read(t, created.ID); c.Unrelayed(kyc.OfProfile) || !c.Unrelayed(programID) || c.DueAt.IsZero() {
		t.Errorf("the attempt is not relayed: %+v", c)
	}
	must(t, p.relay().CatchUp(t.Context(), p.read(t, created.ID)))
	if c := p.read(t, created.ID); c.Unrelayed(programID) || !c.DueAt.IsZero() {
		t.Errorf("settled: %+v", c)
	}
}

// What is sent again has the same ids and the same bodies, however it comes to be sent again.
func TestAgainIsTheSame(t *testing.T) {
	p := open(t)
	created := p.newCustomer(t)
	started := p.start(t, created.ID)
	failed := p.decide(t, created.ID, kyc.Failed)
	send := func() {
		t.Helper()
		must(t, p.relay().Changed(t.Context(), created, started))
		must(t, p.relay().Changed(t.Context(), started, failed))
	}
	send()
	first, items := p.mail(t), p.bed.Snapshot(t)
	p.clock.Move(time.Hour)
	send()
	if diff := cmp.Diff(first, p.mail(t)); diff != "" {
		t.Errorf("mail (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(items, p.bed.Snapshot(t), cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("table (-first +second):\n%s", diff)
	}
	must(t, p.relay().CatchUp(t.Context(), p.read(t, created.ID)))
	if m := p.mail(t); len(m.Work)+len(m.Events) != 0 {
		t.Errorf("nothing is behind, and it sends %+v", m)
	}
	// As if nothing had been noted: the table alone says all that the stream said.
	forgotten := failed
	forgotten.Relayed = nil
	must(t, p.relay().CatchUp(t.Context(), forgotten))
	if diff := cmp.Diff(first.once(), p.mail(t).once()); diff != "" {
		t.Errorf("mail (-stream +table):\n%s", diff)
	}
}

// A late record of the stream must not undo what a newer one noted.
func TestOldRecordAfterANewOne(t *testing.T) {
	p := open(t)
	created := p.newCustomer(t)
	started := p.start(t, created.ID)
	failed := p.decide(t, created.ID, kyc.Failed)
	must(t, p.relay().CatchUp(t.Context(), failed))
	must(t, p.relay().Changed(t.Context(), created, started))
	if c := p.read(t, created.ID); c.Relayed[programID] != 2 {
		t.Errorf("customer %+v", c)
	}
}

// A record that was set aside, or whose retries are used up, leaves a gap. The records after it must not cover it.
func TestAGapIsSentLater(t *testing.T) {
	p := open(t)
	created := p.newCustomer(t)
	started := p.start(t, created.ID)
	must(t, p.relay().Changed(t.Context(), created, started))
	failed := p.decide(t, created.ID, kyc.Failed) // its record is never relayed
	again := p.start(t, created.ID)
	must(t, p.relay().Changed(t.Context(), failed, again))
	passed := p.decide(t, created.ID, kyc.Passed)
	must(t, p.relay().Changed(t.Context(), again, passed))
	if c := p.read(t, created.ID); c.Relayed[programID] != 1 || c.DueAt.IsZero() {
		t.Fatalf("the gap was covered: relayed %d, alarm %v", c.Relayed[programID], c.DueAt)
	}
	p.mail(t)
	must(t, p.relay().CatchUp(t.Context(), p.read(t, created.ID)))
	if c, m := p.read(t, created.ID), p.mail(t); c.Relayed[programID] != 4 || !c.DueAt.IsZero() || len(m.Events) != 2 {
		t.Errorf("relayed %d, alarm %v, events %v", c.Relayed[programID], c.DueAt, m.Events)
	}
}

// Events for a subscription that wants them in order have their places before they are sent. One whose record was set aside
// has its place before those behind it, which wait for it until it is sent.
func TestAGapKeepsItsPlaceInAStrictOrder(t *testing.T) {
	p := open(t)
	const strict = "aaaaaaaa-0000-4000-8000-000000000004"
	must(t, p.store.CreateSubscription(t.Context(), kyc.Subscription{
		BrandID: brandID, ID: strict, URL: "https://example.com/", Status: kyc.StatusEnabled, Events: kyc.EventNames(), StrictOrder: true,
		CreatedAt: p.clock.Now(), UpdatedAt: p.clock.Now(),
	}))
	created := p.newCustomer(t)
	started := p.start(t, created.ID)
	must(t, p.relay().Changed(t.Context(), created, started))
	failed := p.decide(t, created.ID, kyc.Failed) // its record is set aside
	again := p.start(t, created.ID)
	must(t, p.relay().Changed(t.Context(), failed, again))
	passed := p.decide(t, created.ID, kyc.Passed)
	p.mail(t)
	must(t, p.relay().Changed(t.Context(), again, passed))
	if m := p.mail(t); !slices.Equal(names(t, m.Events[strict]), []string{string(kyc.EventSuccess)}) {
		t.Errorf("sent %q", m.Events[strict])
	}
	missed, next := kyc.EventID(failed.Attempts[programID].ID, 2), kyc.EventID(passed.Attempts[programID].ID, 4)
	lane := kyc.Lane{BrandID: brandID, SubscriptionID: strict, CustomerID: created.ID, ProgramID: programID}
	for _, want := range []string{missed, next, ""} {
		if head, err := p.store.Head(t.Context(), lane); err != nil || head != want {
			t.Errorf("first is %q, %v, want %q", head, err, want)
		}
		must(t, p.store.Leave(t.Context(), lane, want))
	}
	if _, err := p.store.Event(t.Context(), brandID, missed); err != nil {
		t.Errorf("the missed event is not kept: %v", err)
	}
	lane.SubscriptionID = wantsAll
	if head, err := p.store.Head(t.Context(), lane); err != nil || head != "" {
		t.Errorf("%q waits for a subscription that did not ask for order, %v", head, err)
	}
}

func TestReplacedAttemptIsArchived(t *testing.T) {
	p := open(t)
	id := p.newCustomer(t).ID
	p.start(t, id)
	failed := p.decide(t, id, kyc.Failed)
	must(t, p.relay().CatchUp(t.Context(), failed))
	p.mail(t)
	again := p.start(t, id)
	archived := func() map[string]any {
		t.Helper()
		for key, item := range p.bed.Snapshot(t) {
			if strings.Contains(key, " attempt#") && strings.HasSuffix(key, failed.Attempts[programID].ID) {
				return item
			}
		}
		return nil
	}
	if archived() != nil {
		t.Fatal("archived before the relay")
	}
	must(t, p.relay().Changed(t.Context(), failed, again))
	item := archived()
	if item == nil {
		t.Fatal("not archived")
	}
	if item["st"] != "failed" || len(item["log"].([]any)) != 2 {
		t.Errorf("archived %v", item)
	}
	if c := p.read(t, id); len(c.Previous) != 0 || c.Relayed[programID] != 3 {
		t.Errorf("the archived attempt stays with its customer: %+v", c)
	}
	if m := p.mail(t); !slices.Equal(m.Work, []string{again.Attempts[programID].ID}) || len(m.Events) != 0 {
		t.Errorf("mail %+v", m)
	}
	must(t, p.relay().Changed(t.Context(), again, p.decide(t, id, kyc.Passed)))
	if diff := cmp.Diff(item, archived()); diff != "" {
		t.Errorf("archived (-before +after):\n%s", diff)
	}
}

// crash fails at one chosen step, before it or after it.
type crash struct {
	step, seen int
	after      bool
}

var errCrash = errors.New("crashed on purpose")

func (c *crash) at(do func() error) error {
	c.seen++
	if c.seen != c.step {
		return do()
	}
	if c.after {
		_ = do()
	}
	return errCrash
}

type crashing struct {
	*crash
	outbox.Store
	outbox.Lanes
	outbox.VerificationQueue
	outbox.NotificationQueue
}

func (c crashing) ArchiveAttempt(ctx context.Context, brandID, customerID, programID string, a kyc.Attempt) error {
	return c.at(func() error { return c.Store.ArchiveAttempt(ctx, brandID, customerID, programID, a) })
}

func (c crashing) KeepEvent(ctx context.Context, e kyc.Event) error {
	return c.at(func() error { return c.Store.KeepEvent(ctx, e) })
}

func (c crashing) Subscribers(ctx context.Context, brandID string) (subs []kyc.Subscription, err error) {
	err = c.at(func() error { subs, err = c.Store.Subscribers(ctx, brandID); return err })
	return subs, err
}

func (c crashing) NoteRelayed(ctx context.Context, customer kyc.Customer, n kyc.Note) error {
	return c.at(func() error { return c.Store.NoteRelayed(ctx, customer, n) })
}

func (c crashing) Queue(ctx context.Context, lane kyc.Lane, e kyc.Event) error {
	return c.at(func() error { return c.Lanes.Queue(ctx, lane, e) })
}

func (c crashing) Verify(ctx context.Context, w kyc.Work) error {
	return c.at(func() error { return c.VerificationQueue.Verify(ctx, w) })
}

func (c crashing) Notify(ctx context.Context, d kyc.DeliveryRef) error {
	return c.at(func() error { return c.NotificationQueue.Notify(ctx, d) })
}

func TestCrashAtEveryStepLosesNothing(t *testing.T) {
	p := open(t)
	// Everything at once is behind: a replaced attempt to archive, its events, work for the new one.
	behind := func(t *testing.T) kyc.Customer {
		id := p.newCustomer(t).ID
		p.start(t, id)
		p.decide(t, id, kyc.UnderReview)
		p.decide(t, id, kyc.Failed)
		return p.start(t, id)
	}
	// kept lists what the table keeps of a customer's consequences.
	kept := func(t *testing.T, id string) (attempts, events int) {
		for key, item := range p.bed.Snapshot(t) {
			if strings.HasPrefix(key, "brand#"+brandID+"#customer#"+id+" attempt#") {
				attempts++
			}
			if body, kept := item["body"].(string); kept && strings.Contains(key, "#event#") && strings.Contains(body, id) {
				events++
			}
		}
		return attempts, events
	}
	complete := func(t *testing.T, when string, c kyc.Customer, m mail) {
		t.Helper()
		m = m.once()
		attempts, events := kept(t, c.ID)
		if !slices.Equal(m.Work, slices.Sorted(slices.Values([]string{c.Attempts[programID].ID, c.Previous[programID].ID}))) ||
			len(m.Events[wantsAll]) != 2 || len(m.Events[wantsFails]) != 1 || len(m.Events) != 2 || attempts != 1 || events != 2 {
			t.Errorf("%s: %d attempts and %d events are kept, mail %+v", when, attempts, events, m)
		}
	}
	for _, after := range []bool{false, true} {
		for step := 1; ; step++ {
			c := behind(t)
			x := &crash{step: step, after: after}
			relay := p.relay()
			ports := crashing{x, relay.Store, relay.Lanes, relay.Verifications, relay.Notifications}
			err := (&outbox.Relay{Store: ports, Lanes: ports, Verifications: ports, Notifications: ports}).Changed(t.Context(), kyc.Customer{}, c)
			when := fmt.Sprintf("crash at step %d, after it %t", step, after)
			if x.seen < step {
				complete(t, "without crash", c, p.mail(t))
				if err != nil || step < 9 {
					t.Errorf("without crash: %d steps, err %v", x.seen, err)
				}
				break
			}
			if !errors.Is(err, errCrash) {
				t.Errorf("%s: err %v", when, err)
			}
			sent := p.mail(t)
			now := p.read(t, c.ID)
			if now.Relayed[programID] != 0 { // the note says that all was sent, so all was
				complete(t, when+", noted", c, sent)
			}
			must(t, p.relay().CatchUp(t.Context(), now))
			more := p.mail(t)
			sent.Work = append(sent.Work, more.Work...)
			for id, events := range more.Events {
				sent.Events[id] = append(sent.Events[id], events...)
			}
			complete(t, when, c, sent)
			if now = p.read(t, c.ID); now.Relayed[programID] != now.Versions[programID] {
				t.Errorf("%s: noted %+v", when, now)
			}
		}
	}
}

func TestErrorNamesNoValue(t *testing.T) {
	p := open(t)
	c := p.start(t, p.newCustomer(t).ID)
	x := &crash{step: 1}
	relay := p.relay()
	ports := crashing{x, relay.Store, relay.Lanes, relay.Verifications, relay.Notifications}
	err := (&outbox.Relay{Store: ports, Lanes: ports, Verifications: ports, Notifications: ports}).Changed(t.Context(), kyc.Customer{}, c)
	if err == nil || strings.Contains(err.Error(), mark) || !strings.Contains(err.Error(), c.ID) {
		t.Errorf("err %v", err)
	}
}
