package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kyc/shared/evidence"
	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/notification"
	"kyc/shared/onboarding"
	"kyc/shared/outbox"
	"kyc/shared/platform"
	"kyc/shared/testbed"
	"kyc/shared/uploadlink"
	"kyc/shared/verification"
)

// table is what the flow needs of the table, and what it begins with.
type table interface {
	flow
	webhooks
	founding
	beside
}

type webhooks interface {
	notification.Deliveries
	notification.Lines
	turns
	wakes
}

type turns interface {
	outbox.Lanes
	notification.Order
}

type wakes interface {
	notification.Alarms
	notification.Replays
}

type flow interface {
	verification.Attempts
	verification.Claims
	verification.Alarms
	endings
}

type endings interface {
	verification.Cancellations
	outbox.Store
}

// beside is what happens beside the flow.
type beside interface {
	onboarding.Customers
	grants
	clocks
	documents
}

type clocks interface {
	verification.Clocks
	verification.MovedClocks
}

type documents interface {
	evidence.Attempts
	evidence.Archive
}

type grants interface {
	platform.Grants
	KeepRecord(ctx context.Context, r kyc.AuditRecord) error
}

type founding interface {
	CreateBrand(ctx context.Context, b kyc.Brand, wrappedKey []byte, r kyc.AuditRecord) error
	CreateSubscription(ctx context.Context, sub kyc.Subscription) error
}

// Of the template: how long functions may run, how long messages stay hidden and how often they come.
const (
	startTimeout  = 10 * time.Second
	workerTimeout = 30 * time.Second // of relay, verifier and notifier
	timersTimeout = 50 * time.Second
	visibility    = 3 * time.Minute
	maxReceives   = 5
	maxRelays     = 10
)

// world is one stage with its surroundings, at one moment of an execution.
type world struct {
	table     table
	now       time.Time
	clients   []*client
	customers []kyc.CustomerRef
	streams   map[kyc.CustomerRef]*stream
	work      queue
	mail      queue
	uploads   queue
	bucket    map[string]bool // versions that are there
	grants    map[string]grant
	parcels   []*parcel
	given     []string // tokens of links that the customer was given, oldest first
	verdict   func(asked int) (kyc.Verdict, error)
	scan      func(asked int) kyc.Scan
	post      func(e kyc.Event, tries int) kyc.Try
	strict    bool
	automatic bool
	moves     bool // somebody moves a clock; where nobody does it is not read

	tasks   []*task
	current *task
	calm    bool // nothing goes wrong any more
	resting bool // nothing is left to do
	tag     int
	ids     int
	asked   int
	scanned int
	settled bool // whether what comes before the scenario has come to its end
	history history
	broken  error
	strays  []func() // calls whose functions have died
	trace   bool     // note all that happens
	log     []string
}

// client is someone who calls the API, and calls again where no answer came.
type client struct {
	name string
	caller
	request verification.Request
	at      time.Time // when it calls
	tries   int       // left
	busy    bool
	told    string // the attempt that it knows of
	done    bool
}

// stream is the table's stream of one customer.
type stream struct {
	records []*record // not relayed yet
	last    []*record // the batch before those
	tries   int
	busy    bool
}

type record struct{ before, after kyc.Customer }

// queue is an SQS queue with its dead letters.
type queue struct {
	messages []*letter
	dead     []*letter
}

type letter struct {
	body     []byte
	visible  time.Time // when it can be received
	receives int
}

// due returns the messages that can be received, and sets those aside that came too often.
func (q *queue) due(now time.Time) []*letter {
	var due, left []*letter
	for _, m := range q.messages {
		switch {
		case m.visible.After(now):
			left = append(left, m)
		case m.receives >= maxReceives:
			q.dead = append(q.dead, m)
		default:
			due = append(due, m)
			left = append(left, m)
		}
	}
	q.messages = left
	return due
}

func (q *queue) remove(m *letter) {
	q.messages = slices.DeleteFunc(q.messages, func(o *letter) bool { return o == m })
}

const (
	programID  = "5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02"
	program2   = "22222222-2222-4222-8222-222222222222"
	customerID = "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03"
)

// scenario is what an execution begins with and who takes part.
type scenario struct {
	Name string
	// Long says that its executions are so long that all of them can be run with one deviation less than others'.
	Long    bool
	Clients []caller
	// Settled says that nothing goes wrong before the first client's call has had all its consequences.
	Settled bool
	// Verdict is what the identity provider says, when it is asked for the nth time. Nil passes everyone.
	Verdict func(asked int) (kyc.Verdict, error)
	// Automatic says that the policy lets documents be accepted without a person.
	Automatic bool
	// Scan is what a virus scanner has found in a file, when it is asked for the nth time. Nil looks at none.
	Scan func(asked int) kyc.Scan
	// Post is what the endpoint of every subscription answers to an event's nth post. Nil takes everything.
	Post func(e kyc.Event, tries int) kyc.Try
	// Strict says that the subscriptions want a customer's events in order.
	Strict bool
}

// caller is a caller of the API, who starts KYC unless it does something else.
type caller struct {
	Brand   int    // 0 or 1; both have a customer with the same id
	Program int    // 0 or 1
	Key     string // Idempotency-Key, none where empty
	Body    map[kyc.Field]string
	Retry   bool // asks for another attempt where none is left
	Later   time.Duration
	Cancels bool                 // the attempt
	Changes map[kyc.Field]string // of the customer's data
	Moves   time.Duration        // by which the brand's clock
	Grants  int                  // as the operator: how many attempts are to be available
	Sends   *sending             // documents
	Reads   bool                 // the state of KYC, and gives the customer the link that stands in it
	Judges  *verdictOn           // a document, as a reviewer
}

// newWorld returns the world at the beginning of the scenario, on an empty table. tag makes brands that are no other
// world's, so that several may stand on one table. With trace, an error tells all that happened before it.
func newWorld(table table, s scenario, tag int, begin time.Time, trace bool) (*world, error) {
	w := &world{table: table, tag: tag, now: begin, trace: trace, streams: map[kyc.CustomerRef]*stream{}, verdict: s.Verdict, scan: s.Scan, post: s.Post, strict: s.Strict, automatic: s.Automatic, history: newHistory()}
	w.bucket, w.grants, w.settled = map[string]bool{}, map[string]grant{}, !s.Settled
	if w.verdict == nil {
		w.verdict = func(int) (kyc.Verdict, error) { return passed(), nil }
	}
	if w.post == nil {
		w.post = func(kyc.Event, int) kyc.Try { return kyc.Try{Code: 200} }
	}
	for brand := range 2 {
		ref := kyc.CustomerRef{BrandID: fmt.Sprintf("00000000-0000-4000-8000-%06d%06d", tag, brand), CustomerID: customerID}
		if err := table.CreateBrand(context.Background(), kyc.Brand{ID: ref.BrandID, Name: "brand", CreatedAt: begin}, []byte("key"), testbed.Record()); err != nil {
			return nil, err
		}
		c := kyc.Customer{BrandID: ref.BrandID, ID: customerID, CreatedAt: begin, Present: kyc.DefaultPolicy().Required}
		sealed := w.seal(kyc.ProfilePlace(ref.BrandID, customerID), onFile())
		if _, err := table.CreateCustomer(context.Background(), kyc.NewCustomer{Customer: c, Profile: sealed}); err != nil {
			return nil, err
		}
		sub := kyc.Subscription{
			BrandID: ref.BrandID, ID: fmt.Sprintf("%08d-0000-4000-8000-%012d", brand, tag), URL: "https://example.com/", Events: kyc.EventNames(),
			Keys: []kyc.SigningKey{{Field: kyc.SubscriptionSecret}}, Status: kyc.StatusEnabled, StrictOrder: s.Strict, CreatedAt: begin, UpdatedAt: begin, Version: 1,
		}
		sub.Secret = w.seal(kyc.SubscriptionPlace(sub.BrandID, sub.ID), kyc.Profile{kyc.SubscriptionSecret: kyc.NewSecret(sub.ID)})
		if err := table.CreateSubscription(context.Background(), sub); err != nil {
			return nil, err
		}
		stored, err := table.Customer(context.Background(), ref.BrandID, ref.CustomerID)
		if err != nil {
			return nil, err
		}
		w.customers = append(w.customers, ref)
		w.history.seen[ref], w.history.onFile[ref] = stored, sealed.Fields
		w.history.clocks[ref.BrandID] = &moved{}
		w.streams[ref] = &stream{}
	}
	for i, c := range s.Clients {
		r := verification.Request{
			BrandID: w.customers[c.Brand].BrandID, Identity: "identity", CustomerID: customerID, ProgramID: []string{programID, program2}[c.Program],
			Fields: c.Body, Body: []byte("{}"), RetryRequested: c.Retry,
		}
		if c.Key != "" {
			r.IdempotencyKey = &c.Key
		}
		w.clients = append(w.clients, &client{name: fmt.Sprintf("client %d", i+1), caller: c, request: r, at: begin.Add(c.Later), tries: 3})
		w.moves = w.moves || c.Moves > 0
	}
	return w, nil
}

func onFile() kyc.Profile {
	p := kyc.Profile{}
	for f, v := range map[kyc.Field]string{kyc.FirstName: "Ada", kyc.LastName: "Example", kyc.BirthDate: "1990-05-17", kyc.SSN: "123456780"} {
		p.Set(f, v)
	}
	p.SetAddress(kyc.Address{ID: "a", Type: "PHYSICAL", Street: "345 California St", City: "San Francisco", State: "CA", ZipCode: "94104", Country: "US", IsPrimary: true})
	return p
}

// passed has one result of each check that a provider is asked for.
func passed() kyc.Verdict {
	var v kyc.Verdict
	for _, check := range kyc.DefaultPolicy().Checks[1:] {
		v.Results = append(v.Results, kyc.Result{Check: check, Passed: true, Provider: "simulated", Mode: kyc.Sandbox})
	}
	return v
}

func failed() kyc.Verdict {
	v := passed()
	v.Results[1].Passed, v.Results[1].Reason = false, kyc.ReasonBureau
	return v
}

// waiting adds what waits to be begun.
func (w *world) waiting(add func(string, func())) {
	for _, c := range w.clients {
		if !c.done && !c.busy && c.tries > 0 && !c.at.After(w.now) {
			add(c.name+" calls", func() { w.call(c) })
		}
	}
	for _, p := range w.parcels {
		if p.tries > 0 && !p.busy {
			add("send "+p.name, func() { w.upload(p) })
		}
	}
	for _, ref := range w.customers {
		if s := w.streams[ref]; len(s.records) > 0 && !s.busy {
			add("relay", func() { w.relay(s, s.records) })
		}
	}
	for _, m := range w.work.due(w.now) {
		add("verify", func() { w.verify(m) })
	}
	for _, m := range w.mail.due(w.now) {
		add("deliver", func() { w.deliver(m) })
	}
	for _, m := range w.uploads.due(w.now) {
		add("inspect", func() { w.inspect(m) })
	}
	if w.alarm(true).After(time.Time{}) && !w.sweeping() {
		add("sweep", w.sweep)
	}
}

// mishaps adds what the surroundings may do beside what they should.
func (w *world) mishaps(add func(string, func())) {
	for i, call := range w.strays {
		add("a stray call arrives", func() {
			w.strays = slices.Delete(w.strays, i, i+1)
			call()
		})
	}
	for _, ref := range w.customers {
		s := w.streams[ref]
		if s.busy {
			continue
		}
		if len(s.records) > 0 {
			add("the stream gives up", func() { s.records, s.tries = nil, 0 })
		}
		if len(s.last) > 0 {
			add("the stream repeats itself", func() { w.relay(s, s.last) })
		}
	}
	for _, m := range w.work.messages {
		if m.visible.After(w.now) {
			add("a verification comes twice", func() { w.verify(m) })
		}
	}
	for _, m := range w.mail.messages {
		if m.visible.After(w.now) {
			add("a notification comes twice", func() { w.deliver(m) })
		}
	}
	for _, m := range w.uploads.messages {
		if m.visible.After(w.now) {
			add("a file is told of twice", func() { w.inspect(m) })
		}
	}
}

// passTime adds that time passes, to the next moment that something waits for.
func (w *world) passTime(add func(string, func())) {
	next := w.alarm(false)
	sooner := func(at time.Time) {
		if at.After(w.now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, c := range w.clients {
		sooner(c.at)
	}
	for _, q := range []queue{w.work, w.mail, w.uploads} {
		for _, m := range q.messages {
			sooner(m.visible)
		}
	}
	if !next.After(w.now) {
		return
	}
	add(timePasses, func() {
		w.now = next
		w.note("it is %s", next.Format(time.TimeOnly))
		for _, t := range slices.Clone(w.tasks) {
			if t.deadline.Before(next) {
				w.note("%s runs out of time", t.name)
				w.end(t)
			}
		}
	})
}

// alarm returns the earliest alarm of all: of those that have gone off, or of those that have not.
func (w *world) alarm(gone bool) time.Time {
	var earliest time.Time
	consider := func(at time.Time) {
		if !at.IsZero() && !at.After(w.now) == gone && (earliest.IsZero() || at.Before(earliest)) {
			earliest = at
		}
	}
	for _, ref := range w.customers {
		consider(w.history.seen[ref].DueAt)
		consider(w.history.clocks[ref.BrandID].dueAt)
	}
	for _, d := range w.history.deliveries {
		consider(d.DueAt)
	}
	for _, l := range w.history.lines {
		consider(l.DueAt)
	}
	return earliest
}

func (w *world) sweeping() bool {
	return slices.ContainsFunc(w.tasks, func(t *task) bool { return t.name == "timers" })
}

func (w *world) clock() time.Time { return w.now }

func (w *world) newID() string {
	w.ids++
	return fmt.Sprintf("%08d-0000-4000-8000-%012d", w.ids, w.tag)
}

// call runs a function for a client. A client that gets no answer calls again.
func (w *world) call(c *client) {
	c.busy, c.tries = true, c.tries-1
	answered := false
	name, run := w.function(c)
	w.start(name+" for "+c.name, startTimeout, func(ctx context.Context) { answered = run(ctx) }, func() { c.busy, c.done = false, answered })
}

// function returns the function that a client calls, which reports whether it has answered.
func (w *world) function(c *client) (name string, run func(ctx context.Context) bool) {
	ports, r := ports{w}, c.request
	switch {
	case c.Cancels:
		return "cancel", func(ctx context.Context) bool {
			s := &verification.Canceler{Attempts: ports, Clock: ports}
			_, canceled, err := s.Cancel(ctx, r.BrandID, r.CustomerID, r.ProgramID)
			return w.answered(c, canceled.ID, err)
		}
	case c.Changes != nil:
		return "update", func(ctx context.Context) bool {
			s := &onboarding.Service{Customers: ports, Programs: ports, Vault: ports, Clock: ports, NewID: w.newID}
			_, err := s.Update(ctx, r.BrandID, r.CustomerID, func(string) bool { return true }, onboarding.Input{Fields: c.Changes})
			return w.answered(c, "", err)
		}
	case c.Moves > 0:
		return "move clock", func(ctx context.Context) bool {
			mover, _ := verification.NewMover(kyc.Sandbox, ports, w.timers(), time.Hour)
			seconds := int(c.Moves / time.Second)
			moved, err := mover.Move(ctx, r.BrandID, verification.Move{Seconds: &seconds})
			w.history.clocks[r.BrandID].told += moved.By
			return w.answered(c, "", err)
		}
	case c.Grants > 0:
		return "grant", func(ctx context.Context) bool {
			o := operated{ports: ports}
			s := &platform.Service{Audit: o, Brands: o, Programs: o, Grants: granting{ports, c.Grants}, Now: w.clock, NewID: w.newID}
			action := s.Begin(platform.Asked{Action: "grant_attempts"})
			_, err := action.GrantAttempts(ctx, r.BrandID, r.CustomerID, r.ProgramID, c.Grants)
			return w.answered(c, "", action.End(ctx, err))
		}
	case c.Sends != nil:
		return "documents", func(ctx context.Context) bool { return w.answered(c, "", w.send(ctx, c)) }
	case c.Reads:
		return "get-kyc", func(ctx context.Context) bool { return w.answered(c, "", w.look(ctx, c)) }
	case c.Judges != nil:
		return "simulate", func(ctx context.Context) bool { return w.answered(c, "", w.judge(ctx, c)) }
	}
	return "start-kyc", func(ctx context.Context) bool {
		s := &verification.Service{Attempts: ports, Programs: ports, Vault: ports, Mode: kyc.Sandbox, Clock: ports, NewID: func() string {
			id := w.newID()
			w.history.openedBy[id] = c
			return id
		}}
		started, err := s.Start(ctx, r)
		return w.answered(c, started.Attempt.ID, err)
	}
}

// refusals lists the codes that the function which c calls may refuse with.
func (c caller) refusals() []string {
	switch {
	case c.Cancels:
		return []string{"kyc_dne", "kyc_already_passed", "resource_conflict"}
	case c.Changes != nil:
		return []string{"kyc_in_progress", "kyc_customer", "resource_conflict"}
	case c.Moves > 0:
		return []string{"resource_conflict"}
	case c.Grants > 0:
		return []string{"kyc_dne", "kyc_already_passed"}
	case c.Sends != nil && c.Sends.Link != byKey:
		return []string{"upload_link_expired", "input_error", "resource_conflict"}
	case c.Sends != nil:
		return []string{"kyc_dne", "input_error", "resource_conflict"}
	case c.Reads:
		return []string{"kyc_dne"}
	case c.Judges != nil:
		return []string{"kyc_dne", "kyc_already_passed", "invalid_reference", "resource_conflict"}
	}
	return []string{"idempotency_key_exists", "kyc_in_progress", "kyc_already_passed", "kyc_retries"}
}

// answered notes what a client was told, and reports whether that was an answer.
func (w *world) answered(c *client, attemptID string, err error) bool {
	if err == nil {
		w.note("%s: accepted as %.8s", c.name, attemptID)
		c.told = attemptID
		if by := w.history.openedBy[attemptID]; attemptID != "" && !c.Cancels && by != c {
			w.breaks("%s was told of attempt %.8s, which it did not open", c.name, attemptID)
		}
		return true
	}
	refusal, ok := errors.AsType[*kyc.Error](err)
	if !ok || refusal.Kind == kyc.Unavailable {
		return false
	}
	w.note("%s: refused, %s", c.name, refusal.Code)
	if !slices.Contains(c.refusals(), refusal.Code) {
		w.breaks("%s was refused as %s", c.name, refusal.Code)
	}
	if taken := w.taken(c.request, w.current.saw); taken != (refusal.Code == "idempotency_key_exists") {
		w.breaks("%s was refused as %s; its key is taken: %t", c.name, refusal.Code, taken)
	}
	if id, ok := refusal.Extra["attempt_id"].(string); ok {
		c.told = id
		if _, known := w.history.attempts[id]; !known {
			w.breaks("%s was told of attempt %.8s, which was never opened", c.name, id)
		}
	}
	return true
}

// relay runs the function on a batch of a stream's records, as Lambda does: in order, and again from the beginning where
// it fails, until Lambda gives up.
func (w *world) relay(s *stream, batch []*record) {
	s.busy = true
	batch = slices.Clone(batch)
	ports := ports{w}
	relayed := false
	w.start("relay", workerTimeout, func(ctx context.Context) {
		r := &outbox.Relay{Store: ports, Lanes: ports, Verifications: ports, Notifications: ports}
		for _, record := range batch {
			if err := r.Changed(ctx, record.before, record.after); err != nil {
				return
			}
		}
		relayed = true
	}, func() {
		s.busy = false
		fresh := len(s.records) > 0 && s.records[0].after.Rev == batch[0].after.Rev
		switch s.tries++; {
		case !fresh: // it was a repetition
		case relayed || s.tries >= maxRelays:
			s.records, s.last, s.tries = s.records[len(batch):], batch, 0
		}
	})
}

// verify runs the function on a message, which stays hidden meanwhile and is deleted when all went well.
func (w *world) verify(m *letter) {
	m.receives++
	m.visible = w.now.Add(visibility)
	ports, done := ports{w}, false
	w.start("verifier", workerTimeout, func(ctx context.Context) {
		work, err := message.DecodeWork(m.body)
		if err != nil {
			w.breaks("verification queue: %v", err)
			return
		}
		worker := &verification.Worker{
			Claims: ports, Programs: ports, Vault: ports, Provider: asking{w, work}, Clock: ports, NewID: w.newID,
			Lease: workerTimeout + verification.LeaseMargin,
		}
		err = worker.Run(ctx, work)
		done = err == nil
		if done {
			w.acknowledged(work)
		}
		if err != nil {
			w.note("verifier: %v", err)
		}
	}, func() {
		if done {
			w.work.remove(m)
		}
	})
}

// retryPlan is the template's.
var retryPlan = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour}

// deliver runs the function on a message.
func (w *world) deliver(m *letter) {
	m.receives++
	m.visible = w.now.Add(visibility)
	ports, done := ports{w}, false
	w.start("notifier", workerTimeout, func(ctx context.Context) {
		d, err := message.DecodeDelivery(m.body)
		if err != nil {
			w.breaks("notification queue: %v", err)
			return
		}
		n := &notification.Notifier{
			Deliveries: ports, Lines: ports, Order: ports, Vault: ports, Links: w.links(), Sender: posting{w, d}, Queue: ports, Clock: ports, Now: w.clock,
			Plan: retryPlan, Spread: func() float64 { return 0.5 },
		}
		_, err = n.Deliver(ctx, d, m.receives > 1)
		done = err == nil
	}, func() {
		if done {
			w.mail.remove(m)
		}
	})
}

func (w *world) links() uploadlink.Links {
	return uploadlink.Links{Secrets: ports{w}, API: "https://kyc.example.com"}
}

// sweep runs the function on a tick of its schedule.
func (w *world) sweep() {
	w.start("timers", timersTimeout, func(ctx context.Context) {
		ports := ports{w}
		n := &notification.Timers{Alarms: ports, Lines: ports, Deliveries: ports, Replays: ports, Lanes: ports, Queue: ports, Now: w.clock}
		_, _ = n.Sweep(ctx)
		_, _ = w.timers().Sweep(ctx)
	}, func() {})
}

func (w *world) timers() *verification.Timers {
	ports := ports{w}
	t := &verification.Timers{Alarms: ports, Outbox: &outbox.Relay{Store: ports, Lanes: ports, Verifications: ports, Notifications: ports}, Clock: ports, Now: w.clock}
	if w.moves {
		t.Moved = ports
	}
	return t
}

func (w *world) note(format string, args ...any) {
	if w.trace {
		w.log = append(w.log, fmt.Sprintf(format, args...))
	}
}

// breaks notes that an invariant is broken; the first one counts.
func (w *world) breaks(format string, args ...any) {
	w.broken = cmp.Or(w.broken, fmt.Errorf(format, args...))
}

func (w *world) story() string { return strings.Join(w.log, "\n") }
