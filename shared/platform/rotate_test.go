package platform_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kyc/shared/duplicate"
	"kyc/shared/idempotency"
	"kyc/shared/kyc"
	"kyc/shared/platform"
)

// stack is a stage's table as far as a rotation concerns it, with a clock.
type stack struct {
	now       time.Time
	secret    kyc.StackSecret
	made      int                        // secrets
	taken     map[string]time.Time       // until when, by the hash of an idempotency key
	customers map[string]*person         // by id
	entries   map[string]map[string]bool // ids by the hash of an SSN
	page      int                        // customers of a page of a sweep
	fails     error                      // of every write of a sweep
	damaged   map[string]error           // of reading what is sealed, by the customer's id
	records   []kyc.AuditRecord
	meanwhile func() // what somebody else does while a new secret is made
}

type person struct {
	ssn     string
	version int
}

func newStack() *stack {
	return &stack{
		now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), secret: kyc.StackSecret{Version: 1, Wrapped: []byte("secret 1")}, made: 1, page: 2,
		taken: map[string]time.Time{}, customers: map[string]*person{}, entries: map[string]map[string]bool{},
	}
}

func (s *stack) service() *platform.Service {
	return &platform.Service{
		Audit: s, Now: func() time.Time { return s.now }, NewID: func() string { return "00000000-0000-4000-8000-000000000000" },
		Rotation: platform.Rotation{Secrets: s, Profiles: s, Keys: s, MagicSSN: func(ssn string) bool { return ssn == "magic" }},
	}
}

func (s *stack) rotate(ctx context.Context) (platform.Rotated, error) {
	o := s.service().Begin(platform.Asked{Action: "rotate_stack_secret"})
	r, err := o.RotateStackSecret(ctx)
	return r, o.End(ctx, err)
}

func (s *stack) goOn(ctx context.Context) (platform.Rotated, error) {
	o := s.service().Begin(platform.Asked{Action: "continue_rotation"})
	r, err := o.ContinueRotation(ctx)
	return r, o.End(ctx, err)
}

func (s *stack) KeepRecord(_ context.Context, r kyc.AuditRecord) error {
	s.records = append(s.records, r)
	return nil
}

func (s *stack) Records(context.Context, string, time.Time, kyc.AuditPlace, int) ([]kyc.AuditRecord, bool, error) {
	return nil, false, nil
}

func (s *stack) StackSecret(context.Context) (kyc.StackSecret, error) { return s.secret, nil }

func (s *stack) AdvanceStackSecret(ctx context.Context, before, after kyc.StackSecret, r kyc.AuditRecord) (bool, error) {
	advanced, err := s.NoteSwept(ctx, before, after)
	if advanced {
		s.records = append(s.records, r)
	}
	return advanced, err
}

func (s *stack) NoteSwept(_ context.Context, before, after kyc.StackSecret) (bool, error) {
	if s.secret.Rev != before.Rev {
		return false, nil
	}
	s.secret = after
	return true, nil
}

func (s *stack) NewStackSecret(context.Context) ([]byte, error) {
	s.made++
	if s.meanwhile != nil {
		s.meanwhile()
	}
	return fmt.Appendf(nil, "secret %d", s.made), nil
}

func (s *stack) DerivedOf(_ context.Context, secret kyc.StackSecret, _ string) (kyc.Derived, error) {
	return secret.Derived(secret.Wrapped, secret.Next), nil
}

func (s *stack) Profiles(_ context.Context, cursor string) (page []kyc.OnFile, next string, err error) {
	for _, id := range slices.Sorted(maps.Keys(s.customers)) {
		if id <= cursor {
			continue
		}
		if len(page) == s.page {
			return page, page[s.page-1].Customer.ID, nil
		}
		c := s.customers[id]
		page = append(page, kyc.OnFile{
			Customer: kyc.Customer{BrandID: brandID, ID: id}, Version: c.version, Profile: kyc.Sealed{Fields: map[kyc.Field][]byte{kyc.SSN: []byte(c.ssn)}},
		})
	}
	return page, "", nil
}

func (s *stack) Open(_ context.Context, place kyc.Place, sealed kyc.Sealed) (kyc.Profile, error) {
	if err := s.damaged[place.Owner]; err != nil {
		return nil, err
	}
	return kyc.Profile{kyc.SSN: kyc.NewSecret(string(sealed.Fields[kyc.SSN]))}, nil
}

func (s *stack) ChangeSSN(_ context.Context, c kyc.OnFile, change kyc.SSNEntries) error {
	if s.fails != nil {
		return s.fails
	}
	if s.customers[c.Customer.ID].version == c.Version {
		s.apply(c.Customer.ID, change)
	}
	return nil
}

func (s *stack) apply(id string, change kyc.SSNEntries) {
	for _, hash := range change.Add {
		if s.entries[hash] == nil {
			s.entries[hash] = map[string]bool{}
		}
		s.entries[hash][id] = true
	}
	for _, hash := range change.Remove {
		delete(s.entries[hash], id)
	}
}

// environment is one that remembers the secret.
type environment struct {
	*stack
	secret kyc.StackSecret
	read   time.Time
}

// remembered is how old what a request goes by may be: what its environment remembers, and the time that the request takes.
const remembered = 2*kyc.SecretRemembered - time.Microsecond

func (e *environment) Purpose(ctx context.Context, purpose string) (kyc.Derived, error) {
	if e.now.Sub(e.read) > remembered {
		e.secret, e.read = e.stack.secret, e.now
	}
	return e.DerivedOf(ctx, e.secret, purpose)
}

// take reports whether a request takes a key.
func (e *environment) take(t *rapid.T, key string) bool {
	claim, err := idempotency.Request{Header: &key, BrandID: brandID, Operation: kyc.OperationStart, Body: []byte("{}")}.Claim(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claim.Each() {
		if e.now.Before(e.taken[c.Hash]) {
			return false
		}
	}
	for _, c := range claim.Each() {
		e.taken[c.Hash] = e.now.Add(kyc.KeyWindow)
	}
	return true
}

func (e *environment) lookup() duplicate.Lookup {
	return duplicate.Lookup{Secrets: e, MagicSSN: func(ssn string) bool { return ssn == "magic" }}
}

// put makes an SSN the one on file.
func (e *environment) put(t *rapid.T, id, ssn string) {
	c := e.customers[id]
	if c == nil {
		c = &person{}
		e.customers[id] = c
	}
	change, err := e.lookup().Change(t.Context(), brandID, c.ssn, ssn)
	if err != nil {
		t.Fatal(err)
	}
	e.apply(id, change)
	c.ssn = ssn
	c.version++
}

func (e *environment) find(t *rapid.T, ssn string) []string {
	hash, looksUp, err := e.lookup().Hash(t.Context(), brandID, ssn)
	if err != nil {
		t.Fatal(err)
	}
	if !looksUp {
		return nil
	}
	return slices.Sorted(maps.Keys(e.entries[hash]))
}

// holders lists who has an SSN.
func (s *stack) holders(ssn string) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(s.customers)) {
		if s.customers[id].ssn == ssn && ssn != "magic" {
			ids = append(ids, id)
		}
	}
	return ids
}

// Whatever is rotated, claimed, stored, changed and looked up in whatever order by environments that remember different
// secrets: a key is accepted once in 24 hours, and free to the second then; and whoever shares an SSN is found, and nobody
// else. When all is over nothing is left of the old secret.
func TestNothingIsMissedWhileTheSecretIsRotated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStack()
		environments := []*environment{{stack: s}, {stack: s}, {stack: s}}
		anyone := func(t *rapid.T) *environment { return rapid.SampledFrom(environments).Draw(t, "environment") }
		ssns := []string{"1", "2", "3", "magic"}
		ssn := func(t *rapid.T) string { return rapid.SampledFrom(ssns).Draw(t, "ssn") }
		accepted := map[string]time.Time{}
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				s.now = s.now.Add(rapid.SampledFrom([]time.Duration{
					time.Second, time.Minute, remembered, remembered + time.Microsecond, time.Hour, kyc.KeyWindow - time.Hour, kyc.KeyWindow,
				}).Draw(t, "time"))
			},
			"rotate": func(t *rapid.T) {
				under := s.secret.Phase != ""
				if _, err := s.rotate(t.Context()); (kyc.KindOf(err) == kyc.Conflict) != under || err != nil && !under {
					t.Fatalf("while one is under way: %t, err %v", under, err)
				}
			},
			"go on": func(t *rapid.T) {
				if _, err := s.goOn(t.Context()); err != nil {
					t.Fatal(err)
				}
			},
			"take": func(t *rapid.T) {
				key := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")
				first, before := accepted[key]
				free := !before || !s.now.Before(first.Add(kyc.KeyWindow))
				got := anyone(t).take(t, key)
				if got != free {
					t.Fatalf("key %s, free %t, was accepted %t", key, free, got)
				}
				if got {
					accepted[key] = s.now
				}
			},
			"create": func(t *rapid.T) { anyone(t).put(t, fmt.Sprintf("c%03d", rapid.IntRange(0, 999).Draw(t, "id")), ssn(t)) },
			"change": func(t *rapid.T) {
				if len(s.customers) > 0 {
					anyone(t).put(t, rapid.SampledFrom(slices.Sorted(maps.Keys(s.customers))).Draw(t, "customer"), ssn(t))
				}
			},
			"look up": func(t *rapid.T) {
				number := ssn(t)
				if diff := cmp.Diff(s.holders(number), anyone(t).find(t, number)); diff != "" {
					t.Fatalf("who has %s (-want +found):\n%s", number, diff)
				}
			},
		})
		for range 1000 {
			r, err := s.goOn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.Over {
				break
			}
			if due := s.secret.Due(); s.now.Before(due) {
				s.now = due
			}
		}
		if s.secret.Phase != "" || s.secret.Next != nil {
			t.Fatalf("the rotation does not end: %+v", s.secret)
		}
		left := map[string][]string{}
		for hash, ids := range s.entries {
			if len(ids) > 0 {
				left[hash] = slices.Sorted(maps.Keys(ids))
			}
		}
		for _, number := range ssns[:3] {
			e := environment{stack: s}
			hash, _, _ := e.lookup().Hash(t.Context(), brandID, number)
			if diff := cmp.Diff(s.holders(number), left[hash]); diff != "" {
				t.Fatalf("who has %s at the end (-want +found):\n%s", number, diff)
			}
			delete(left, hash)
		}
		if len(left) > 0 {
			t.Fatalf("left under an old secret: %v", left)
		}
	})
}

func TestRotationStepByStep(t *testing.T) {
	s := newStack()
	for n := range 5 {
		s.customers["c"+strconv.Itoa(n)] = &person{ssn: "123456780", version: 1}
	}
	const settles = 10 * time.Minute
	began := s.now
	expect := func(when string, r platform.Rotated, err error, phase kyc.RotationPhase, swept int, due time.Time) {
		t.Helper()
		if err != nil || r.Secret.Phase != phase || r.Secret.Swept != swept || phase != "" && !r.Secret.Due().Equal(due) || r.Over != (phase == "") {
			t.Errorf("%s: err %v, %s, %d swept, due %v, over %t", when, err, r.Secret.Phase, r.Secret.Swept, r.Secret.Due(), r.Over)
		}
	}
	r, err := s.goOn(t.Context())
	expect("nothing to go on with", r, err, "", 0, began)
	r, err = s.rotate(t.Context())
	expect("rotate", r, err, kyc.RotationAnnounced, 0, began.Add(settles))
	s.now = began.Add(settles - time.Microsecond)
	r, err = s.goOn(t.Context())
	expect("too early", r, err, kyc.RotationAnnounced, 0, began.Add(settles))
	s.now = began.Add(settles)
	r, err = s.goOn(t.Context())
	spread := s.now
	expect("all know the next", r, err, kyc.RotationSpreading, 0, spread.Add(settles))
	_, err = s.rotate(t.Context())
	e, ok := errors.AsType[*kyc.Error](err)
	want := "The secret of version 1 is being replaced and still in use: the rotation is spreading since " + kyc.FormatTime(spread) +
		". Repeat the action continue_rotation, which can go on at " + kyc.FormatTime(spread.Add(settles)) + ", until it answers done; then rotate again."
	if !ok || e.Kind != kyc.Conflict || e.Message != want {
		t.Errorf("rotate again: %v", err)
	}
	s.now = spread.Add(settles)
	s.fails = errors.New("the table is down")
	if _, err := s.goOn(t.Context()); !errors.Is(err, s.fails) || s.secret.Swept != 0 {
		t.Errorf("a page that fails: err %v, %d swept", err, s.secret.Swept)
	}
	s.fails = nil
	for _, swept := range []int{2, 4, 5} {
		r, err = s.goOn(t.Context())
		expect("a page of the sweep", r, err, kyc.RotationSpreading, swept, spread.Add(settles))
	}
	r, err = s.goOn(t.Context())
	expect("all are stored under both", r, err, kyc.RotationSwitched, 0, spread.Add(24*time.Hour+settles))
	s.now = spread.Add(24*time.Hour + settles - time.Microsecond)
	r, err = s.goOn(t.Context())
	expect("a key may still be taken under the old secret alone", r, err, kyc.RotationSwitched, 0, spread.Add(24*time.Hour+settles))
	s.now = spread.Add(24*time.Hour + settles)
	r, err = s.goOn(t.Context())
	expect("no key is", r, err, kyc.RotationClearing, 0, s.now.Add(settles))
	due := s.now.Add(settles)
	s.now = due
	for _, swept := range []int{2, 4, 5} {
		r, err = s.goOn(t.Context())
		expect("a page of the last sweep", r, err, kyc.RotationClearing, swept, due)
	}
	r, err = s.goOn(t.Context())
	expect("the end", r, err, "", 0, due)
	if s.secret.Version != 2 || string(s.secret.Wrapped) != "secret 2" || s.secret.Next != nil {
		t.Errorf("the secret is %+v", s.secret)
	}
	if last := s.records[len(s.records)-1]; last.Outcome != kyc.AuditDone {
		t.Errorf("the last record is %+v", last)
	}
}

func TestOfTwoWhoRotateAtOnceOneIsToldSo(t *testing.T) {
	s := newStack()
	other := []byte("another's")
	s.meanwhile = func() { s.secret = s.secret.Rotate(other, s.now) }
	if _, err := s.rotate(t.Context()); kyc.KindOf(err) != kyc.Conflict {
		t.Errorf("err %v", err)
	}
	if string(s.secret.Next) != string(other) || s.records[len(s.records)-1].Outcome != "resource_conflict" {
		t.Errorf("the secret is %+v, the records are %+v", s.secret, s.records)
	}
}

// A damaged item must not keep a secret in use that an operator wants to be rid of. What may be read later stops the sweep.
func TestSweepPassesOverWhatNobodyCanRead(t *testing.T) {
	s := newStack()
	for n := range 3 {
		s.customers["c"+strconv.Itoa(n)] = &person{ssn: "123456780", version: 1}
	}
	step := func() platform.Rotated {
		t.Helper()
		r, err := s.goOn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.now = s.now.Add(24*time.Hour + time.Hour)
		return r
	}
	if _, err := s.rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(time.Hour)
	step() // spreading
	damaged := kyc.ProfilePlace(brandID, "c1").Owner
	s.damaged = map[string]error{damaged: errors.New("KMS is down")}
	if _, err := s.goOn(t.Context()); !errors.Is(err, s.damaged[damaged]) || s.secret.Swept != 0 {
		t.Errorf("err %v, %d swept", err, s.secret.Swept)
	}
	s.damaged[damaged] = fmt.Errorf("field ssn: %w", kyc.ErrUnreadable)
	if r := step(); !slices.Equal(r.Unreadable, []string{"c1"}) {
		t.Errorf("passed over: %q", r.Unreadable)
	}
	if r := s.records[len(s.records)-1]; !slices.Contains(r.Changes, kyc.AuditChange{Name: "customers_unreadable", Before: "0", After: "1"}) {
		t.Errorf("recorded: %+v", r)
	}
	for r := step(); !r.Over; r = step() {
	}
	hash, _, err := (&environment{stack: s, secret: s.secret, read: s.now}).lookup().Hash(t.Context(), brandID, "123456780")
	if found := slices.Sorted(maps.Keys(s.entries[hash])); err != nil || !slices.Equal(found, []string{"c0", "c2"}) {
		t.Errorf("found by the SSN: %v, err %v", found, err)
	}
}

func TestAStackWithoutSecretHasNoneToRotate(t *testing.T) {
	s := newStack()
	s.secret = kyc.StackSecret{}
	if _, err := s.rotate(t.Context()); kyc.KindOf(err) != kyc.Conflict {
		t.Errorf("err %v", err)
	}
}
