// Package memstore is a model of the table in memory: what dynamostore promises, written as plain rules on values. It
// passes the same conformance suite, so that a simulation of the whole flow may stand on it and be believed.
package memstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"kyc/shared/kyc"
)

// Store is the table. It is safe for concurrent use.
type Store struct {
	mu         sync.Mutex
	customers  map[kyc.CustomerRef]*record
	keys       map[keyRef]kyc.KeyRecord
	archive    map[kyc.Pair][]kyc.Attempt
	events     map[eventRef]kyc.Event
	subs       map[string]map[string]kyc.Subscription // by brand and id
	deliveries map[kyc.DeliveryRef]kyc.Delivery
	answers    map[answerRef]kyc.Sealed
	lines      map[kyc.SubscriptionRef]kyc.Line
	lanes      map[kyc.Lane][]string
	retries    map[kyc.Pair]kyc.RetryRequest
	ssns       map[ssnRef]map[string]bool // ids of the customers with an SSN
	clocks     map[string]moved           // by brand
	records    map[string]kyc.AuditRecord // by id
}

// moved is the clock of a brand that has moved it, with its own alarm.
type moved struct {
	Ahead time.Duration
	DueAt time.Time
}

// record is a customer with its profile.
type record struct {
	kyc.Customer
	profile kyc.Sealed
}

type keyRef struct {
	brandID   string
	operation kyc.Operation
	hash      string
}

type ssnRef struct{ brandID, hash string }

// New returns an empty table.
func New() *Store {
	return &Store{
		customers: map[kyc.CustomerRef]*record{}, keys: map[keyRef]kyc.KeyRecord{}, archive: map[kyc.Pair][]kyc.Attempt{},
		events: map[eventRef]kyc.Event{}, subs: map[string]map[string]kyc.Subscription{},
		deliveries: map[kyc.DeliveryRef]kyc.Delivery{}, answers: map[answerRef]kyc.Sealed{}, lines: map[kyc.SubscriptionRef]kyc.Line{},
		lanes: map[kyc.Lane][]string{}, retries: map[kyc.Pair]kyc.RetryRequest{}, ssns: map[ssnRef]map[string]bool{},
		clocks: map[string]moved{}, records: map[string]kyc.AuditRecord{},
	}
}

// copied returns the customer with maps of its own. What they hold is never changed in place.
func copied(c kyc.Customer) kyc.Customer {
	c.Attempts, c.Previous, c.Used = maps.Clone(c.Attempts), maps.Clone(c.Previous), maps.Clone(c.Used)
	c.Ended, c.Versions, c.Relayed = maps.Clone(c.Ended), maps.Clone(c.Versions), maps.Clone(c.Relayed)
	return c
}

func standing(r *record) *kyc.Standing {
	if r == nil {
		return &kyc.Standing{}
	}
	c := copied(r.Customer)
	return &kyc.Standing{Customer: &c}
}

// CreateCustomer stores a new customer and its encrypted data, or returns by what its key is taken. The id must be new.
func (s *Store) CreateCustomer(_ context.Context, n kyc.NewCustomer) (*kyc.KeyRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := n.Customer
	ref := kyc.CustomerRef{BrandID: c.BrandID, CustomerID: c.ID}
	if seen := s.taken(c.BrandID, n.Key, c.CreatedAt); seen != nil {
		return seen, nil
	}
	if s.customers[ref] != nil {
		return nil, fmt.Errorf("create customer %s: the id is taken", c.ID)
	}
	s.take(c.BrandID, n.Key, n.KeyRecord())
	c.Attempts, c.Previous, c.Used = map[string]kyc.Attempt{}, map[string]kyc.Attempt{}, map[string]int{}
	c.Ended, c.Versions, c.Relayed = map[string]time.Time{}, map[string]int{}, map[string]int{}
	c.ProfileVersion, c.Rev = 1, 1
	s.customers[ref] = &record{c, n.Profile}
	s.changeSSN(ref, n.SSN)
	return nil, nil
}

// taken returns by what a key is taken at now, nil where it is free or there is none.
func (s *Store) taken(brandID string, claim *kyc.KeyClaim, now time.Time) *kyc.KeyRecord {
	if claim == nil {
		return nil
	}
	for _, c := range claim.Each() {
		if seen, ok := s.keys[keyRef{brandID, c.Operation, c.Hash}]; ok && now.Unix() < seen.ExpiresAt.Unix() {
			return &seen
		}
	}
	return nil
}

func (s *Store) take(brandID string, claim *kyc.KeyClaim, r kyc.KeyRecord) {
	if claim == nil {
		return
	}
	for _, c := range claim.Each() {
		r.Fingerprint = c.Fingerprint
		s.keys[keyRef{brandID, c.Operation, c.Hash}] = r
	}
}

func (s *Store) changeSSN(ref kyc.CustomerRef, change kyc.SSNEntries) {
	for _, hash := range change.Add {
		at := ssnRef{ref.BrandID, hash}
		if s.ssns[at] == nil {
			s.ssns[at] = map[string]bool{}
		}
		s.ssns[at][ref.CustomerID] = true
	}
	for _, hash := range change.Remove {
		delete(s.ssns[ssnRef{ref.BrandID, hash}], ref.CustomerID)
	}
}

// CustomersWithSSN lists up to limit customers of a brand that have the SSN of a keyed hash, in the order of their ids.
func (s *Store) CustomersWithSSN(_ context.Context, brandID, hash string, limit int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := slices.Sorted(maps.Keys(s.ssns[ssnRef{brandID, hash}]))
	return ids[:min(limit, len(ids))], nil
}

// SetCustomer stores c exactly as it is, whatever was there.
func (s *Store) SetCustomer(_ context.Context, c kyc.Customer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.customers[kyc.CustomerRef{BrandID: c.BrandID, CustomerID: c.ID}] = &record{Customer: copied(c)}
	return nil
}

// SetKeyRecord stores what an accepted start leaves behind under its key.
func (s *Store) SetKeyRecord(_ context.Context, brandID, hash string, r kyc.KeyRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[keyRef{brandID, kyc.OperationStart, hash}] = r
	return nil
}

// DropKeyRecord removes the record of a key.
func (s *Store) DropKeyRecord(_ context.Context, brandID, hash string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, keyRef{brandID, kyc.OperationStart, hash})
	return nil
}

// Snapshot returns all that is stored, an entry for each item of the table, for comparing.
func (s *Store) Snapshot() map[string]map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := map[string]map[string]any{}
	put := func(name string, key, value any) { items[fmt.Sprint(name, " ", key)] = map[string]any{"value": value} }
	for ref, r := range s.customers {
		put("customer", ref, copied(r.Customer))
		if !r.profile.Empty() {
			put("profile", ref, r.profile)
		}
	}
	for ref, r := range s.keys {
		put("idempotency", ref, r)
	}
	for pair, attempts := range s.archive {
		for _, a := range attempts {
			put("attempt "+a.ID, pair, a)
		}
	}
	for ref, e := range s.events {
		put("event", ref, e)
	}
	for brandID, subs := range s.subs {
		put("subscriptions", brandID, maps.Clone(subs))
	}
	for ref, d := range s.deliveries {
		put("delivery", ref, d)
	}
	for ref, a := range s.answers {
		put("answer", ref, a)
	}
	for ref, l := range s.lines {
		put("line", ref, l)
	}
	for lane, events := range s.lanes {
		put("lane", lane, slices.Clone(events))
	}
	for ref, ids := range s.ssns {
		for id := range ids {
			put("ssn "+id, ref, id)
		}
	}
	for pair, r := range s.retries {
		put("retry", pair, r)
	}
	for brandID, c := range s.clocks {
		put("clock", brandID, c)
	}
	for id, r := range s.records {
		put("audit", id, r)
	}
	return items
}

// Customer returns the aggregate, or kyc.ErrCustomerUnknown, for a closed one too.
func (s *Store) Customer(ctx context.Context, brandID, customerID string) (kyc.Customer, error) {
	c, err := s.Aggregate(ctx, brandID, customerID)
	if err == nil && c.Closed() {
		return kyc.Customer{}, kyc.ErrCustomerUnknown()
	}
	return c, err
}

// Aggregate is Customer for those who look after closed ones too.
func (s *Store) Aggregate(_ context.Context, brandID, customerID string) (kyc.Customer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.customers[kyc.CustomerRef{BrandID: brandID, CustomerID: customerID}]
	if r == nil {
		return kyc.Customer{}, kyc.ErrCustomerUnknown()
	}
	return copied(r.Customer), nil
}

// Profile returns a customer's encrypted data and its version.
func (s *Store) Profile(_ context.Context, brandID, customerID string) (kyc.Sealed, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.customers[kyc.CustomerRef{BrandID: brandID, CustomerID: customerID}]
	if r == nil {
		return kyc.Sealed{}, 0, kyc.ErrCustomerUnknown()
	}
	return r.profile, r.ProfileVersion, nil
}

// CustomerAndProfile returns a customer with its encrypted data, or kyc.ErrCustomerUnknown.
func (s *Store) CustomerAndProfile(_ context.Context, brandID, customerID string) (kyc.Customer, kyc.Sealed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.customers[kyc.CustomerRef{BrandID: brandID, CustomerID: customerID}]
	if r == nil || r.Closed() {
		return kyc.Customer{}, kyc.Sealed{}, kyc.ErrCustomerUnknown()
	}
	return copied(r.Customer), r.profile, nil
}

// UpdateProfile makes one change of a customer's data, or returns false where someone has written the customer since it
// was read.
func (s *Store) UpdateProfile(_ context.Context, up kyc.Update) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := kyc.CustomerRef{BrandID: up.Customer.BrandID, CustomerID: up.Customer.ID}
	r := s.customers[ref]
	if r == nil || r.Rev != up.Customer.Rev {
		return false, nil
	}
	c := &r.Customer
	c.ProfileVersion++
	c.Versions[kyc.OfProfile] = c.ProfileVersion
	c.Present, c.Changes = slices.Sorted(slices.Values(up.Present)), up.Changes
	c.DueAt = up.Alarm
	c.Rev++
	r.profile.Fields = up.Profile.Fields
	s.changeSSN(ref, up.SSN)
	return true, nil
}

// OpenAttempt opens an attempt, or returns what stood in the way: exactly where Start.Refusal finds a refusal.
func (s *Store) OpenAttempt(_ context.Context, start kyc.Start) (*kyc.Standing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.customers[kyc.CustomerRef{BrandID: start.BrandID, CustomerID: start.CustomerID}]
	stood := standing(r)
	if seen := s.taken(start.BrandID, start.Key, start.Now); seen != nil {
		stood.Key = s.keyInTheWay(start, stood.Customer, *seen)
	}
	if start.Refusal(stood.Customer, stood.Key) != nil {
		return stood, nil
	}
	c, p := &r.Customer, start.ProgramID
	c.Versions[p]++
	next := start.Attempt
	next.Timeline = slices.Clone(next.Timeline)
	next.Timeline[0].Version = c.Versions[p]
	if current, ok := c.Attempts[p]; ok {
		c.Previous[p] = current.SupersededBy(next)
	}
	c.Attempts[p] = next
	c.Rev++
	c.DueAt = start.Alarm()
	s.take(start.BrandID, start.Key, start.KeyRecord())
	return nil, nil
}

func (s *Store) keyInTheWay(start kyc.Start, c *kyc.Customer, seen kyc.KeyRecord) *kyc.KeyRecord {
	if c == nil || !seen.Of(*start.Key) {
		return &seen
	}
	if _, known := c.AttemptStatus(seen.ProgramID, seen.AttemptID); known {
		return &seen
	}
	for _, a := range s.archive[kyc.Pair{BrandID: start.BrandID, CustomerID: start.CustomerID, ProgramID: seen.ProgramID}] {
		if a.ID == seen.AttemptID {
			seen.Status = a.Status
		}
	}
	return &seen
}

// Claim gives a submitted attempt to one worker until the lease ends, or returns what stood in the way.
func (s *Store) Claim(_ context.Context, w kyc.Work, now, until time.Time) (kyc.Customer, *kyc.Standing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.customers[kyc.CustomerRef{BrandID: w.BrandID, CustomerID: w.CustomerID}]
	if r == nil {
		return kyc.Customer{}, standing(nil), nil
	}
	a := r.Attempts[w.ProgramID]
	if a.ID != w.AttemptID || a.Status != kyc.Submitted || a.LeaseUntil.After(now) {
		return kyc.Customer{}, standing(r), nil
	}
	a.Fence++
	a.LeaseUntil = until
	r.Attempts[w.ProgramID] = a
	r.Rev++
	return copied(r.Customer), nil, nil
}

// AdvanceAttempt makes one change of state, or returns what stood in the way.
func (s *Store) AdvanceAttempt(_ context.Context, a kyc.Advance) (*kyc.Standing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.customers[kyc.CustomerRef{BrandID: a.BrandID, CustomerID: a.CustomerID}]
	if r == nil {
		return standing(nil), nil
	}
	c, p := &r.Customer, a.ProgramID
	current := c.Attempts[p]
	same := current.ID == a.From.ID && current.Status == a.From.Status && current.Fence == a.From.Fence && c.Versions[p] == a.Version
	judged := a.ProfileVersion == 0 || a.ProfileVersion == c.ProfileVersion
	decides := a.To.Status == kyc.Passed || len(a.To.Results) > 0
	strong := !decides || kyc.WeakestMode(a.To.Results) == kyc.Live || current.Mode == kyc.Sandbox
	if !same || !judged || !strong || a.PassedBeside(*c) {
		if a.Learned.Empty() && a.Stands(*c) {
			return nil, nil // somebody repeated a call whose answer was lost
		}
		return standing(r), nil
	}
	c.Attempts[p] = a.To
	c.Versions[p]++
	c.Rev++
	c.Used[p] += a.Used
	if a.Ended {
		c.Ended[p] = a.To.ChangedAt()
	}
	c.DueAt = a.Alarm
	if !a.Learned.Empty() {
		r.profile, c.Present = a.Learned, slices.Sorted(slices.Values(a.Present))
		c.ProfileVersion++
		s.changeSSN(kyc.CustomerRef{BrandID: a.BrandID, CustomerID: a.CustomerID}, a.SSN)
	}
	return nil, nil
}

// FileDocuments changes an attempt's documents or its link, or returns what stood in the way.
func (s *Store) FileDocuments(_ context.Context, f kyc.Filing) (*kyc.Standing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.customers[kyc.CustomerRef{BrandID: f.BrandID, CustomerID: f.CustomerID}]
	if r == nil {
		return standing(nil), nil
	}
	current := r.Attempts[f.ProgramID]
	if current.ID != f.From.ID || current.Status != f.From.Status || current.Fence != f.From.Fence {
		return standing(r), nil
	}
	current.Documents, current.Link, current.Fence = f.To.Documents, f.To.Link, f.To.Fence
	r.Attempts[f.ProgramID] = current
	r.Rev++
	return nil, nil
}

// RequestRetry notes that a brand asks for another attempt, and returns since when.
func (s *Store) RequestRetry(_ context.Context, r kyc.RetryRequest) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isOpen(r.BrandID, r.CustomerID) {
		return time.Time{}, kyc.ErrCustomerUnknown()
	}
	if _, asked := s.retries[r.Pair]; !asked {
		s.retries[r.Pair] = r
	}
	return s.retries[r.Pair].RequestedAt, nil
}

// RetryRequests lists a brand's requests for another attempt, oldest first, at most limit.
func (s *Store) RetryRequests(_ context.Context, brandID string, limit int) ([]kyc.RetryRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []kyc.RetryRequest
	for pair, r := range s.retries {
		if pair.BrandID == brandID {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b kyc.RetryRequest) int {
		return cmp.Or(a.RequestedAt.Compare(b.RequestedAt), cmp.Compare(a.CustomerID, b.CustomerID), cmp.Compare(a.ProgramID, b.ProgramID))
	})
	return all[:min(limit, len(all))], nil
}

// KeepRecord keeps the record of an action, unless it has its record already and has not only begun.
func (s *Store) KeepRecord(_ context.Context, r kyc.AuditRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept, ok := s.records[r.ID]; !ok || kept.Outcome == kyc.AuditBegun {
		s.records[r.ID] = r
	}
	return nil
}

// unrecorded returns an error for an action that has its record already.
func (s *Store) unrecorded(r kyc.AuditRecord) error {
	if _, kept := s.records[r.ID]; kept {
		return fmt.Errorf("action %s has its record already", r.ID)
	}
	return nil
}

// DropRetryRequest removes a request for another attempt, where there is one, and keeps the record of it.
func (s *Store) DropRetryRequest(_ context.Context, pair kyc.Pair, action kyc.AuditRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.unrecorded(action); err != nil {
		return err
	}
	delete(s.retries, pair)
	s.records[action.ID] = action
	return nil
}

// GrantAttempts sets the used attempts of a customer that is still as it was seen, removes the request for more, and keeps
// the record of it. It returns false where someone has written since.
func (s *Store) GrantAttempts(_ context.Context, seen kyc.Customer, programID string, used int, action kyc.AuditRecord) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.unrecorded(action); err != nil {
		return false, err
	}
	r := s.customers[kyc.CustomerRef{BrandID: seen.BrandID, CustomerID: seen.ID}]
	if r == nil || r.Rev != seen.Rev {
		return false, nil
	}
	r.Used[programID] = used
	r.Rev++
	s.records[action.ID] = action
	delete(s.retries, kyc.Pair{BrandID: seen.BrandID, CustomerID: seen.ID, ProgramID: programID})
	return true, nil
}

// RecordLate keeps, once, the late results of an attempt that a worker had claimed and someone else has ended.
func (s *Store) RecordLate(_ context.Context, seen kyc.Customer, programID string, a kyc.Attempt) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.customers[kyc.CustomerRef{BrandID: seen.BrandID, CustomerID: seen.ID}]
	if r == nil {
		return nil
	}
	late := func(held kyc.Attempt) (kyc.Attempt, bool) {
		if !held.EndedBeside(a) || !held.LateAt.IsZero() {
			return held, false
		}
		held.Late, held.LateAt = a.Late, a.LateAt
		return held, true
	}
	if current := r.Attempts[programID]; current.ID == a.ID {
		if with, ok := late(current); ok && !r.Closed() {
			r.Attempts[programID] = with
			r.Rev++
		}
		return nil
	}
	pair := kyc.Pair{BrandID: seen.BrandID, CustomerID: seen.ID, ProgramID: programID}
	for i, archived := range s.archive[pair] {
		if archived.ID == a.ID {
			s.archive[pair][i], _ = late(archived)
			return nil
		}
	}
	if with, ok := late(r.Previous[programID]); ok && !r.Closed() {
		s.archive[pair] = append(s.archive[pair], with)
	}
	return nil
}

// NoteRelayed records how far relay has come, unless there is a gap before From.
func (s *Store) NoteRelayed(_ context.Context, seen kyc.Customer, n kyc.Note) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.customers[kyc.CustomerRef{BrandID: seen.BrandID, CustomerID: seen.ID}]
	if r == nil || r.Relayed[n.ProgramID] < n.From || r.Relayed[n.ProgramID] >= n.To {
		return nil
	}
	if n.Settled && r.Rev == seen.Rev {
		r.DueAt = time.Time{}
	}
	if n.Archived != "" && r.Previous[n.ProgramID].ID == n.Archived {
		delete(r.Previous, n.ProgramID)
	}
	r.Relayed[n.ProgramID] = n.To
	r.Rev++
	return nil
}

// MoveAlarm sets or, with a zero time, switches off the alarm of a customer that is still as it was seen.
func (s *Store) MoveAlarm(_ context.Context, seen kyc.Customer, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.customers[kyc.CustomerRef{BrandID: seen.BrandID, CustomerID: seen.ID}]
	if r != nil && r.Rev == seen.Rev {
		r.DueAt = at
		r.Rev++
	}
	return nil
}

// Due lists up to limit customers whose alarm has gone off by now, the longest waiting first.
func (s *Store) Due(_ context.Context, now time.Time, limit int) ([]kyc.CustomerRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []kyc.CustomerRef
	for ref, r := range s.customers {
		if !r.DueAt.IsZero() && !r.DueAt.After(now) {
			due = append(due, ref)
		}
	}
	slices.SortFunc(due, func(a, b kyc.CustomerRef) int {
		return cmp.Or(s.customers[a].DueAt.Compare(s.customers[b].DueAt), cmp.Compare(a.BrandID, b.BrandID), cmp.Compare(a.CustomerID, b.CustomerID))
	})
	return due[:min(limit, len(due))], nil
}

// Ahead returns by how much a brand's clock is ahead of real time.
func (s *Store) Ahead(_ context.Context, brandID string) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clocks[brandID].Ahead, nil
}

// MoveClock moves a brand's clock forward and sets the clock's alarm, or returns false where the clock is elsewhere by now.
func (s *Store) MoveClock(_ context.Context, brandID string, from, to time.Duration, alarm time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to <= from || s.subs[brandID] == nil {
		return false, errors.New("move clock: not forward, or of no brand")
	}
	if s.clocks[brandID].Ahead != from {
		return false, nil
	}
	s.clocks[brandID] = moved{to, alarm}
	return true, nil
}

// DueClocks lists up to limit clocks whose own alarm has gone off by now, the longest waiting first.
func (s *Store) DueClocks(_ context.Context, now time.Time, limit int) ([]kyc.MovedClock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []kyc.MovedClock
	for brandID, c := range s.clocks {
		if !c.DueAt.IsZero() && !c.DueAt.After(now) {
			due = append(due, kyc.MovedClock{BrandID: brandID, Ahead: c.Ahead})
		}
	}
	slices.SortFunc(due, func(a, b kyc.MovedClock) int {
		return cmp.Or(s.clocks[a.BrandID].DueAt.Compare(s.clocks[b.BrandID].DueAt), cmp.Compare(a.BrandID, b.BrandID))
	})
	return due[:min(limit, len(due))], nil
}

// SettleClock switches off the alarm of a clock, unless that was moved again since it was seen.
func (s *Store) SettleClock(_ context.Context, seen kyc.MovedClock) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.clocks[seen.BrandID]; ok && c.Ahead == seen.Ahead {
		s.clocks[seen.BrandID] = moved{Ahead: c.Ahead}
	}
	return nil
}

// BrandAlarms lists a brand's customers with an alarm later than after.
func (s *Store) BrandAlarms(_ context.Context, brandID string, after time.Time) iter.Seq2[kyc.CustomerRef, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var refs []kyc.CustomerRef
	for ref, r := range s.customers {
		if ref.BrandID == brandID && r.DueAt.After(after) {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, func(a, b kyc.CustomerRef) int { return cmp.Compare(a.CustomerID, b.CustomerID) })
	return func(yield func(kyc.CustomerRef, error) bool) {
		for _, ref := range refs {
			if !yield(ref, nil) {
				return
			}
		}
	}
}

// Ring brings the alarm of a customer forward to now. One that has gone off already, or is switched off, stays as it is.
func (s *Store) Ring(_ context.Context, ref kyc.CustomerRef, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.customers[ref]; r != nil && r.DueAt.After(now) {
		r.DueAt = now
		r.Rev++
	}
	return nil
}

// ArchiveAttempt keeps an attempt that was replaced. Archiving it again, or that of a closed customer, does nothing.
func (s *Store) ArchiveAttempt(_ context.Context, brandID, customerID, programID string, a kyc.Attempt) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	pair := kyc.Pair{BrandID: brandID, CustomerID: customerID, ProgramID: programID}
	if s.isOpen(brandID, customerID) && !slices.ContainsFunc(s.archive[pair], func(b kyc.Attempt) bool { return a.ID == b.ID }) {
		s.archive[pair] = append(s.archive[pair], a)
	}
	return nil
}

// ArchivedAttempts lists up to limit attempts that were replaced, newest first, those older than the one that was
// submitted at before with the id beforeID; with a zero before from the newest.
func (s *Store) ArchivedAttempts(_ context.Context, pair kyc.Pair, before time.Time, beforeID string, limit int) ([]kyc.Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	newestFirst := func(a, b kyc.Attempt) int {
		return cmp.Or(b.SubmittedAt.Compare(a.SubmittedAt), cmp.Compare(b.ID, a.ID))
	}
	all := slices.SortedFunc(slices.Values(s.archive[pair]), newestFirst)
	if !before.IsZero() {
		all = slices.DeleteFunc(all, func(a kyc.Attempt) bool {
			return newestFirst(a, kyc.Attempt{SubmittedAt: before, ID: beforeID}) <= 0
		})
	}
	return all[:min(limit, len(all))], nil
}

// isOpen reports whether a customer is there, and was not closed.
func (s *Store) isOpen(brandID, customerID string) bool {
	r := s.customers[kyc.CustomerRef{BrandID: brandID, CustomerID: customerID}]
	return r != nil && !r.Closed()
}

// CloseCustomer makes a customer unknown, or returns false where someone has written it since it was read.
func (s *Store) CloseCustomer(_ context.Context, closing kyc.Closing) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := closing.Customer
	ref := kyc.CustomerRef{BrandID: c.BrandID, CustomerID: c.ID}
	r := s.customers[ref]
	if r == nil || r.Rev != c.Rev {
		return false, nil
	}
	s.customers[ref] = &record{copied(closing.Closed), closing.Profile}
	s.changeSSN(ref, closing.SSN)
	for programID := range c.Attempts {
		delete(s.retries, kyc.Pair{BrandID: c.BrandID, CustomerID: c.ID, ProgramID: programID})
	}
	for _, kept := range closing.Records {
		pair := kyc.Pair{BrandID: c.BrandID, CustomerID: c.ID, ProgramID: kept.ProgramID}
		s.archive[pair] = append(slices.DeleteFunc(s.archive[pair], func(a kyc.Attempt) bool { return a.ID == kept.Attempt.ID }), kept.Attempt)
	}
	return true, nil
}

// ArchivedOf returns all of a customer's attempts in the archive, by program, oldest first.
func (s *Store) ArchivedOf(_ context.Context, ref kyc.CustomerRef) ([]kyc.Archived, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []kyc.Archived
	for pair, attempts := range s.archive {
		for _, a := range attempts {
			if pair.BrandID == ref.BrandID && pair.CustomerID == ref.CustomerID {
				all = append(all, kyc.Archived{ProgramID: pair.ProgramID, Attempt: a})
			}
		}
	}
	slices.SortFunc(all, func(a, b kyc.Archived) int {
		return cmp.Or(cmp.Compare(a.ProgramID, b.ProgramID), a.Attempt.SubmittedAt.Compare(b.Attempt.SubmittedAt), cmp.Compare(a.Attempt.ID, b.Attempt.ID))
	})
	return all, nil
}

// Retain leaves of an attempt in the archive what left says, nothing where left is nil, unless late results came to it.
func (s *Store) Retain(_ context.Context, ref kyc.CustomerRef, was kyc.Archived, left *kyc.Attempt) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pair := kyc.Pair{BrandID: ref.BrandID, CustomerID: ref.CustomerID, ProgramID: was.ProgramID}
	i := slices.IndexFunc(s.archive[pair], func(a kyc.Attempt) bool { return a.ID == was.Attempt.ID })
	if i < 0 || len(was.Attempt.Late) == 0 && len(s.archive[pair][i].Late) > 0 {
		return false, nil
	}
	if left != nil {
		s.archive[pair][i] = *left
	} else {
		s.archive[pair] = slices.Delete(s.archive[pair], i, i+1)
	}
	return true, nil
}

// RestClosed writes a closed customer as it is to wait, where it is still as it was seen.
func (s *Store) RestClosed(_ context.Context, seen, rest kyc.Customer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.customers[kyc.CustomerRef{BrandID: seen.BrandID, CustomerID: seen.ID}]; r != nil && r.Rev == seen.Rev {
		r.Customer = copied(rest)
		if len(rest.Present) == 0 {
			r.profile = kyc.Sealed{}
		}
	}
	return nil
}

// RemoveClosed removes what is left of a closed customer that is still as it was seen.
func (s *Store) RemoveClosed(_ context.Context, seen kyc.Customer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := kyc.CustomerRef{BrandID: seen.BrandID, CustomerID: seen.ID}
	if r := s.customers[ref]; r != nil && r.Rev == seen.Rev {
		delete(s.customers, ref)
	}
	return nil
}

// CreateBrand makes an empty directory of a brand's subscriptions. The id must be new.
func (s *Store) CreateBrand(_ context.Context, b kyc.Brand, _ []byte, action kyc.AuditRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.unrecorded(action); err != nil {
		return err
	}
	if s.subs[b.ID] != nil {
		return errors.New("create brand: the id is taken")
	}
	s.records[action.ID] = action
	s.subs[b.ID] = map[string]kyc.Subscription{}
	return nil
}

// CreateSubscription stores a subscription of a brand that is there.
func (s *Store) CreateSubscription(_ context.Context, sub kyc.Subscription) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs[sub.BrandID] == nil {
		return &kyc.Error{Kind: kyc.Conflict, Code: "webhooks_err"}
	}
	s.subs[sub.BrandID][sub.ID] = sub
	return nil
}

// DeleteSubscription removes a subscription and returns what it was.
func (s *Store) DeleteSubscription(_ context.Context, brandID, subscriptionID string) (kyc.Subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, ok := s.subs[brandID][subscriptionID]
	if !ok {
		return sub, &kyc.Error{Kind: kyc.NotFound, Code: "webhooks_err"}
	}
	delete(s.subs[brandID], subscriptionID)
	delete(s.lines, kyc.SubscriptionRef{BrandID: brandID, SubscriptionID: subscriptionID})
	return sub, nil
}

// Subscribers lists, in a fixed order, the brand's subscriptions with what each wants.
func (s *Store) Subscribers(_ context.Context, brandID string) ([]kyc.Subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs[brandID] == nil {
		return nil, fmt.Errorf("brand %s has no directory of subscriptions", brandID)
	}
	var subs []kyc.Subscription
	for _, id := range slices.Sorted(maps.Keys(s.subs[brandID])) {
		sub := s.subs[brandID][id]
		subs = append(subs, kyc.Subscription{BrandID: brandID, ID: id, Events: sub.Events, Status: sub.Status, StrictOrder: sub.StrictOrder})
	}
	return subs, nil
}
