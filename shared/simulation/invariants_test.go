package simulation

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/verification"
)

// history is what has been committed, as an observer sees it who reads after every write.
type history struct {
	seen     map[kyc.CustomerRef]kyc.Customer
	onFile   map[kyc.CustomerRef]map[kyc.Field][]byte
	updates  map[kyc.CustomerRef][]kyc.ProfileChange
	clocks   map[string]*moved // by brand
	openedBy map[string]*client
	attempts map[string]*life
	posts    map[string]int // tries by subscription and event
	arrived  map[string]kyc.Event
	keys     map[[2]string]time.Time // when a brand's key opened an attempt
	bodies   map[[2]string]kyc.Event // each event's one form, by brand and id

	deliveries map[kyc.DeliveryRef]kyc.Delivery
	lines      map[kyc.SubscriptionRef]kyc.Line
	stored     map[string]object // files, by version, those too that are there no more
}

// moved is the clock of a brand.
type moved struct {
	ahead time.Duration
	dueAt time.Time     // the clock's own alarm
	told  time.Duration // by how much it was moved, as the movers were told
}

// life is all that happened to one attempt.
type life struct {
	kyc.Pair
	states   []kyc.Transition
	archived bool
	judged   kyc.Profile // whom the provider was asked about last
	decided  bool        // by a verifier
}

func newHistory() history {
	return history{
		seen: map[kyc.CustomerRef]kyc.Customer{}, onFile: map[kyc.CustomerRef]map[kyc.Field][]byte{}, updates: map[kyc.CustomerRef][]kyc.ProfileChange{},
		clocks: map[string]*moved{}, openedBy: map[string]*client{}, attempts: map[string]*life{}, posts: map[string]int{},
		arrived: map[string]kyc.Event{}, keys: map[[2]string]time.Time{}, bodies: map[[2]string]kyc.Event{},
		deliveries: map[kyc.DeliveryRef]kyc.Delivery{}, lines: map[kyc.SubscriptionRef]kyc.Line{},
		stored: map[string]object{},
	}
}

// change is a write of a customer: its effect is read back, checked, and put on the stream.
func (w *world) change(name, brandID, customerID string, do func() error) error {
	by := w.current
	return w.effect(name, changes, func() error {
		err := do()
		ref := kyc.CustomerRef{BrandID: brandID, CustomerID: customerID}
		before := w.history.seen[ref]
		after, readErr := w.table.Customer(context.Background(), brandID, customerID)
		switch {
		case readErr != nil:
			w.breaks("read back: %v", readErr)
		case after.Rev != before.Rev:
			w.check(before, after)
			w.checkLinked(by, before)
			w.history.seen[ref] = after
			w.checkBucket()
			w.streams[ref].records = append(w.streams[ref].records, &record{before, after})
		}
		return err
	})
}

// check holds one committed write of a customer to the rules.
func (w *world) check(before, after kyc.Customer) {
	if after.Rev != before.Rev+1 {
		w.breaks("rev went from %d to %d in one write", before.Rev, after.Rev)
	}
	if after.ProfileVersion != before.ProfileVersion || after.Versions[kyc.OfProfile] != before.Versions[kyc.OfProfile] {
		w.checkProfile(before, after)
	}
	for _, programID := range []string{programID, program2} {
		old, existed := before.Attempts[programID]
		now, exists := after.Attempts[programID]
		if !exists {
			if existed {
				w.breaks("the attempt vanished")
			}
			continue
		}
		rose := after.Versions[programID] - before.Versions[programID]
		changed := !existed || old.ID != now.ID || old.Status != now.Status
		if changed && rose != 1 || !changed && rose != 0 {
			w.breaks("%s became %s and state_version rose by %d", old.Status, now.Status, rose)
		}
		w.checkTimes(old, now, after.BrandID)
		w.checkDocuments(old, now)
		w.checkUsed(before.Used[programID], after.Used[programID], old, now)
		if !changed {
			continue
		}
		newest := now.Timeline[len(now.Timeline)-1]
		if newest.Status != now.Status || newest.Version != after.Versions[programID] {
			w.breaks("the time line ends with %s at %d, the state is %s at %d", newest.Status, newest.Version, now.Status, after.Versions[programID])
		}
		if existed && old.Status == kyc.Passed {
			w.breaks("a pass was left for %s", now.Status)
		}
		pair := kyc.Pair{BrandID: after.BrandID, CustomerID: after.ID, ProgramID: programID}
		w.note("  committed: attempt %.8s is %s, state_version %d", now.ID, now.Status, newest.Version)
		if existed && old.ID == now.ID {
			if !old.Status.CanBecome(now.Status) {
				w.breaks("%s became %s", old.Status, now.Status)
			}
			l := w.history.attempts[now.ID]
			l.states = append(l.states, newest)
			l.decided = l.decided && now.Status != kyc.Submitted // it is judged again, with its documents
			continue
		}
		if now.Status != kyc.Submitted || len(now.Timeline) != 1 {
			w.breaks("an attempt was opened as %s", now.Status)
		}
		if existed && !slices.Contains(kyc.Restartable(), old.Status) {
			w.breaks("an attempt that is %s was replaced", old.Status)
		}
		if w.history.attempts[now.ID] != nil {
			w.breaks("attempt %.8s was opened again", now.ID)
		}
		if before.Used[programID] >= kyc.DefaultPolicy().MaxAttempts {
			w.breaks("attempt %.8s was opened though %d were used", now.ID, before.Used[programID])
		}
		w.history.attempts[now.ID] = &life{Pair: pair, states: []kyc.Transition{newest}}
		w.opened(now)
	}
}

// checkTimes holds that nothing is from a time that the clock of its brand has not come to, that no lease is broken, and
// that no verifier is given up before it has run out.
func (w *world) checkTimes(old, now kyc.Attempt, brandID string) {
	present := w.now.Add(w.history.clocks[brandID].ahead)
	if now.ChangedAt().After(present) {
		w.breaks("attempt %.8s became %s at a time that is still to come", now.ID, now.Status)
	}
	if old.ID != now.ID {
		return
	}
	if now.Status == kyc.Submitted && now.Fence != old.Fence && old.LeaseUntil.After(present) {
		w.breaks("attempt %.8s is claimed while another claim is live", now.ID)
	}
	if now.Cause() == "not_verified_in_time" && old.Status == kyc.Submitted &&
		(present.Before(old.SubmittedAt.Add(kyc.WorkerDeadline)) || present.Before(old.LeaseUntil)) {
		w.breaks("attempt %.8s is given up before its time", now.ID)
	}
}

// checkUsed holds that each attempt is counted once, when it reaches a check, and that nothing but a grant lowers the count.
func (w *world) checkUsed(before, after int, old, now kyc.Attempt) {
	counted := 0
	if now.Counted && !(old.ID == now.ID && old.Counted) {
		counted = 1
	}
	granted := after < before && reflect.DeepEqual(old, now)
	if after-before != counted && !granted {
		w.breaks("attempt %.8s is %s, and the attempts used went from %d to %d", now.ID, now.Status, before, after)
	}
}

// checkGrant holds that a grant takes nothing away, and leaves as many available as it was asked for.
func (w *world) checkGrant(before, after, attempts int) {
	if want := min(before, kyc.DefaultPolicy().MaxAttempts-attempts); after != want {
		w.breaks("a grant of %d went from %d used to %d", attempts, before, after)
	}
}

// checkClock reads a clock back after a write. One that has moved has its alarm at the given time.
func (w *world) checkClock(brandID string, alarm time.Time) {
	c := w.history.clocks[brandID]
	ahead, err := w.table.Ahead(context.Background(), brandID)
	due, err2 := w.table.DueClocks(context.Background(), w.now.Add(kyc.MaxAhead), 10)
	if err != nil || err2 != nil {
		w.breaks("read back: %v, %v", err, err2)
	}
	rings := slices.ContainsFunc(due, func(c kyc.MovedClock) bool { return c.BrandID == brandID })
	switch {
	case ahead < c.ahead:
		w.breaks("a clock went back, from %s to %s ahead", c.ahead, ahead)
	case ahead > c.ahead && !rings:
		w.breaks("a clock was moved and has no alarm")
	case ahead > c.ahead:
		c.dueAt = alarm
	case !rings:
		c.dueAt = time.Time{}
	}
	c.ahead = ahead
	w.note("  committed: the clock is %s ahead, its alarm is at %s", ahead, c.dueAt.Format(time.TimeOnly))
}

// checkProfile holds a change of a customer's data to what was asked for, and to what KYC allows.
func (w *world) checkProfile(before, after kyc.Customer) {
	ref := kyc.CustomerRef{BrandID: after.BrandID, CustomerID: after.ID}
	sealed, version, err := w.table.Profile(context.Background(), ref.BrandID, ref.CustomerID)
	if err != nil || version != after.ProfileVersion || version != before.ProfileVersion+1 {
		w.breaks("the data are of version %d, and the customer's went from %d to %d; err %v", version, before.ProfileVersion, after.ProfileVersion, err)
	}
	was := w.history.onFile[ref]
	w.history.onFile[ref] = sealed.Fields
	changed := map[kyc.Field]string{}
	for _, fields := range []map[kyc.Field][]byte{was, sealed.Fields} {
		for f := range fields {
			if string(was[f]) != string(sealed.Fields[f]) {
				changed[f] = string(sealed.Fields[f])
			}
		}
	}
	names := slices.Sorted(maps.Keys(changed))
	asked := func(all map[kyc.Field]string) bool {
		for f, v := range changed {
			if want, ok := all[f]; !ok || want != v {
				return false
			}
		}
		return true
	}
	if after.Versions[kyc.OfProfile] == before.Versions[kyc.OfProfile] {
		for programID, a := range after.Attempts {
			if a.Status == kyc.Passed && before.Attempts[programID].Status != kyc.Passed && !asked(w.history.openedBy[a.ID].request.Fields) {
				w.breaks("the pass of attempt %.8s changed %v on file", a.ID, names)
			}
		}
		return
	}
	newest := after.Changes[len(after.Changes)-1]
	w.note("  committed: %v changed, version %d", names, version)
	if newest.Version != version || after.Versions[kyc.OfProfile] != version || !slices.Equal(newest.Fields, names) {
		w.breaks("%v changed in version %d, and it is noted as %+v, %d", names, version, newest, after.Versions[kyc.OfProfile])
	}
	if !slices.ContainsFunc(w.clients, func(c *client) bool { return asked(c.Changes) && ref.BrandID == c.request.BrandID }) {
		w.breaks("%v changed, which nobody had asked for", names)
	}
	w.history.updates[ref] = append(w.history.updates[ref], newest)
	for _, a := range before.Attempts {
		for _, f := range names {
			judged, passed := f != kyc.BrandPersonID, f != kyc.Email && f != kyc.Phone && f != kyc.PhoneCountryCode
			if judged && (a.Status == kyc.Submitted || a.Status == kyc.UnderReview) || passed && a.Status == kyc.Passed {
				w.breaks("%s changed while attempt %.8s is %s", f, a.ID, a.Status)
			}
		}
	}
}

// opened holds that a key opens one attempt in its 24 hours.
func (w *world) opened(a kyc.Attempt) {
	by := w.history.openedBy[a.ID].request
	if w.taken(by, a.SubmittedAt) {
		w.breaks("the key of attempt %.8s has opened another one before", a.ID)
	}
	if by.IdempotencyKey != nil {
		w.history.keys[[2]string{by.BrandID, *by.IdempotencyKey}] = a.SubmittedAt
	}
}

// taken reports whether the key of a request has opened an attempt in the 24 hours before.
func (w *world) taken(r verification.Request, at time.Time) bool {
	if r.IdempotencyKey == nil {
		return false
	}
	first, ok := w.history.keys[[2]string{r.BrandID, *r.IdempotencyKey}]
	return ok && at.Sub(first) < kyc.KeyWindow
}

// checkAdvance holds a change of state that was just committed to what it was conditional on: a verifier's to the newest
// claim, and a pass to the identity that is on file now.
func (w *world) checkAdvance(ctx context.Context, held kyc.Attempt, a kyc.Advance, byVerifier bool) {
	if !byVerifier {
		return
	}
	l := w.history.attempts[a.To.ID]
	l.decided = true
	if held.Fence != a.From.Fence {
		w.breaks("a verifier with claim %d decided attempt %.8s, which another one holds by claim %d", a.From.Fence, a.To.ID, held.Fence)
	}
	if a.To.Status != kyc.Passed {
		return
	}
	sealed, _, err := w.table.Profile(ctx, a.BrandID, a.CustomerID)
	if err != nil {
		w.breaks("read back: %v", err)
	}
	for f := range l.judged {
		if f != kyc.IP && l.judged.Get(f) != string(sealed.Fields[f]) {
			w.breaks("attempt %.8s passed with another %s than is on file", a.To.ID, f)
		}
	}
}

// acknowledged holds that a message is deleted only when its attempt has moved on.
func (w *world) acknowledged(work kyc.Work) {
	if l := w.history.attempts[work.AttemptID]; l == nil || l.states[len(l.states)-1].Status == kyc.Submitted {
		w.breaks("the message of attempt %.8s is deleted, and it is still submitted", work.AttemptID)
	}
}

func (w *world) archived(a kyc.Attempt) {
	l := w.history.attempts[a.ID]
	if l == nil || !a.Status.Final() || a.Status != l.states[len(l.states)-1].Status {
		w.breaks("attempt %.8s is archived as %s", a.ID, a.Status)
		return
	}
	l.archived = true
}

func (w *world) checkWork(work kyc.Work) {
	l := w.history.attempts[work.AttemptID]
	if l == nil || l.Pair != (kyc.Pair{BrandID: work.BrandID, CustomerID: work.CustomerID, ProgramID: work.ProgramID}) {
		w.breaks("work for attempt %.8s, which is not there", work.AttemptID)
	}
}

// checkAsked holds that the provider is not asked again for an attempt whose answer has been recorded. Where a clock was moved
// it may be, by the verifier whose lease that has ended while it was about to ask; its answer then changes nothing.
func (w *world) checkAsked(work kyc.Work) {
	if l := w.history.attempts[work.AttemptID]; l != nil && l.decided && !w.moves {
		w.breaks("the provider is asked for attempt %.8s, which a verifier has decided", work.AttemptID)
	}
}

// checkEvent holds that an event tells of a committed state, always in the same words.
func (w *world) checkEvent(e kyc.Event) {
	if e.Name == kyc.EventCustomerUpdated {
		w.checkUpdated(e)
	} else if l := w.history.attempts[e.AttemptID]; l == nil || l.Pair != (kyc.Pair{BrandID: e.BrandID, CustomerID: e.CustomerID, ProgramID: e.ProgramID}) ||
		!slices.ContainsFunc(l.states, func(t kyc.Transition) bool {
			return t.Version == e.StateVersion && t.Status == e.Status && t.At.Equal(e.OccurredAt)
		}) {
		w.breaks("event %s tells of %s, which was never committed", e.ID, e.Status)
	}
	first, told := w.history.bodies[[2]string{e.BrandID, e.ID}]
	if !told {
		w.history.bodies[[2]string{e.BrandID, e.ID}] = e
		return
	}
	one, _ := message.EventBody(first)
	other, _ := message.EventBody(e)
	if string(one) != string(other) {
		w.breaks("event %s has two forms:\n%s\n%s", e.ID, one, other)
	}
}

// checkUpdated holds that a customer.updated tells of a committed change, under the id of that change.
func (w *world) checkUpdated(e kyc.Event) {
	told := slices.ContainsFunc(w.history.updates[kyc.CustomerRef{BrandID: e.BrandID, CustomerID: e.CustomerID}], func(c kyc.ProfileChange) bool {
		return c.Version == e.StateVersion && c.At.Equal(e.OccurredAt) && slices.Equal(c.Fields, e.Fields)
	})
	if !told || e.ID != kyc.EventID(e.CustomerID, e.StateVersion) {
		w.breaks("event %s tells of a change of %v, which was never committed", e.ID, e.Fields)
	}
}

// received is what a subscription's endpoint does with a post.
func (w *world) received(subscriptionID string, e kyc.Event) kyc.Try {
	at := subscriptionID + " " + e.ID
	if w.strict {
		w.checkOrder(subscriptionID, e)
	}
	w.history.posts[at]++
	try := w.post(e, w.history.posts[at])
	try.At = w.now
	if try.Error == "" {
		w.history.arrived[at] = e
	}
	return try
}

// checkOrder holds that an event is posted once those before it of the same customer and program are done with.
func (w *world) checkOrder(subscriptionID string, e kyc.Event) {
	for id, l := range w.history.attempts {
		if l.Pair != (kyc.Pair{BrandID: e.BrandID, CustomerID: e.CustomerID, ProgramID: e.ProgramID}) {
			continue
		}
		for _, t := range l.states {
			ref := kyc.DeliveryRef{BrandID: e.BrandID, SubscriptionID: subscriptionID, EventID: kyc.EventID(id, t.Version)}
			if t.Status != kyc.Submitted && t.Version < e.StateVersion && !w.history.deliveries[ref].Status.Resting() {
				w.breaks("event %s is posted before %s, which is %q", e.ID, ref.EventID, w.history.deliveries[ref].Status)
			}
		}
	}
}

// atRest checks what must be true once nothing is left to do.
func (w *world) atRest() {
	for _, ref := range w.customers {
		c, err := w.table.Customer(context.Background(), ref.BrandID, ref.CustomerID)
		if seen := w.history.seen[ref]; err != nil || !reflect.DeepEqual(c, seen) {
			w.breaks("a customer was changed without a rise of its rev, or by another one's write: err %v\n%+v\n%+v", err, seen, c)
		}
		for of, version := range c.Versions {
			if c.Relayed[of] != version {
				w.breaks("state_version is %d, relayed are %d", version, c.Relayed[of])
			}
		}
		for _, a := range c.Attempts {
			if a.Awaits() {
				w.breaks("attempt %.8s stays %s for ever", a.ID, a.Status)
			}
		}
	}
	for id, l := range w.history.attempts {
		w.checkLife(id, l)
	}
	for ref, d := range w.history.deliveries {
		if !d.Status.Resting() && !w.waits(ref, d) {
			w.breaks("the delivery of event %s stays %s for ever", ref.EventID, d.Status)
		}
	}
	for ref, updates := range w.history.updates {
		for _, u := range updates {
			w.checkTold(ref.BrandID, kyc.EventID(ref.CustomerID, u.Version))
		}
	}
	for _, c := range w.history.clocks {
		if c.ahead < c.told {
			w.breaks("a clock is %s ahead, and its movers were told of %s", c.ahead, c.told)
		}
	}
}

func (w *world) checkLife(id string, l *life) {
	final := 0
	for _, t := range l.states {
		if t.Status.Final() {
			final++
		}
	}
	last := l.states[len(l.states)-1]
	if final != 1 && last.Status != kyc.UnderReview {
		w.breaks("attempt %.8s went through %d final states, and is %s", id, final, last.Status)
	}
	current := w.history.seen[kyc.CustomerRef{BrandID: l.BrandID, CustomerID: l.CustomerID}].Attempts[l.ProgramID]
	if current.ID != id && !l.archived {
		w.breaks("attempt %.8s was replaced and is not in the archive", id)
	}
	for _, t := range l.states {
		if t.Status == kyc.Submitted {
			continue // nobody is told of it but a verifier
		}
		w.checkTold(l.BrandID, fmt.Sprintf("evt_%s_%d", id, t.Version))
	}
}

// waits reports whether a delivery is held for a subscription that has failed for so long that it was disabled.
func (w *world) waits(ref kyc.DeliveryRef, d kyc.Delivery) bool {
	sub, _, err := w.table.Line(context.Background(), ref.Subscription())
	return d.Status == kyc.Held && err == nil && sub != nil && sub.Status == kyc.StatusDisabled
}

// checkTold holds that an event has arrived, or that it can be seen that it did not: in the table, where it was given up or
// waits for its subscription to be enabled again, or among the dead letters.
func (w *world) checkTold(brandID, eventID string) {
	for _, e := range w.history.arrived {
		if e.BrandID == brandID && e.ID == eventID {
			return
		}
	}
	for ref, d := range w.history.deliveries {
		if ref.BrandID == brandID && ref.EventID == eventID && (d.Status == kyc.Exhausted || w.waits(ref, d)) {
			return
		}
	}
	if !slices.ContainsFunc(w.mail.dead, func(m *letter) bool {
		d, err := message.DecodeDelivery(m.body)
		return err == nil && d.BrandID == brandID && d.EventID == eventID
	}) {
		w.breaks("event %s neither arrived, nor was given up, nor is held, nor is a dead letter", eventID)
	}
}
