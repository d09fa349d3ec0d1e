package dynamostore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/dynamostore"
	"kyc/shared/keyring"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func (tb bench) newBrand(t *testing.T, id string) kyc.Brand {
	t.Helper()
	b := kyc.Brand{ID: id, Name: "Brand", CreatedAt: tb.clock.Now()}
	must(t, tb.CreateBrand(t.Context(), b, []byte("wrapped"), testbed.Record()))
	return b
}

func TestBrands(t *testing.T) {
	tb := open(t)
	want := []kyc.Brand{}
	for range 3 {
		tb.clock.Move(time.Second)
		want = append(want, tb.newBrand(t, uuid.NewString()))
	}
	got, err := tb.Brands(t.Context())
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("brands (-want +got):\n%s", diff)
	}
	if key, version, err := tb.BrandKey(t.Context(), want[0].ID, 0); err != nil || version != 1 || string(key) != "wrapped" {
		t.Errorf("key %q, version %d, err %v", key, version, err)
	}
	if _, _, err := tb.BrandKey(t.Context(), want[0].ID, 2); err == nil {
		t.Error("a key of version 2 was found")
	}
	if _, err := tb.Brand(t.Context(), otherBrand); kyc.KindOf(err) != kyc.NotFound {
		t.Errorf("an unknown brand: %v", err)
	}
	tb.unchanged(t, func() {
		if err := tb.CreateBrand(t.Context(), kyc.Brand{ID: want[0].ID, Name: "Thief", CreatedAt: tb.clock.Now()}, []byte("other"), testbed.Record()); err == nil {
			t.Error("a second brand got the id")
		}
	})
}

func program(brandID, id string, at time.Time) kyc.Program {
	policy := kyc.DefaultPolicy()
	policy.Required = slices.Sorted(slices.Values(policy.Required))
	strict := policy
	strict.Version, strict.MinInterval, strict.MinimumAge = 2, 36*time.Hour, 21
	strict.Checks, strict.DocumentDeadline = []kyc.Check{kyc.CheckCIP, kyc.CheckOFAC}, 24*time.Hour
	strict.BrandName, strict.BrandColor = "Acme Pay", "#1f4e79"
	return kyc.Program{
		BrandID: brandID, ID: id, Name: "Everyday", Bank: "First Bank", CreatedAt: at,
		Policies: map[int]kyc.Policy{1: policy, 2: strict}, PolicyVersion: 2,
	}
}

func TestListsAreReadPastOnePage(t *testing.T) {
	tb := open(t)
	var want []string
	for range 205 {
		tb.clock.Move(time.Microsecond)
		p := program(brandID, uuid.NewString(), tb.clock.Now())
		want = append(want, p.ID)
		must(t, tb.CreateProgram(t.Context(), p, testbed.Record()))
	}
	must(t, tb.CreateProgram(t.Context(), program(otherBrand, uuid.NewString(), tb.clock.Now()), testbed.Record()))
	got, err := tb.Programs(t.Context(), brandID)
	must(t, err)
	var ids []string
	for _, p := range got {
		ids = append(ids, p.ID)
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("programs, oldest first (-want +got):\n%s", diff)
	}
}

func TestProgramIsReadOnceAMinute(t *testing.T) {
	tb := open(t)
	p := program(brandID, programID, tb.clock.Now())
	var reads atomic.Int32
	store := tb.through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		if r.Operation == "GetItem" {
			reads.Add(1)
		}
		return pass()
	})
	read := func(after time.Duration, want int32) {
		t.Helper()
		tb.clock.Move(after)
		got, err := store.Program(t.Context(), brandID, programID)
		must(t, err)
		if diff := cmp.Diff(p, got); diff != "" {
			t.Errorf("program (-want +got):\n%s", diff)
		}
		if reads.Load() != want {
			t.Errorf("%d reads, want %d", reads.Load(), want)
		}
	}
	if _, err := store.Program(t.Context(), brandID, programID); kyc.KindOf(err) != kyc.NotFound {
		t.Errorf("an unknown program: %v", err)
	}
	must(t, tb.CreateProgram(t.Context(), p, testbed.Record())) // that it was unknown is not kept
	read(0, 2)
	read(time.Minute-time.Microsecond, 2)
	read(time.Microsecond, 3)
	if _, err := store.Program(t.Context(), otherBrand, programID); kyc.KindOf(err) != kyc.NotFound {
		t.Errorf("another brand's program: %v", err)
	}
	tb.unchanged(t, func() {
		p.Name = "Another"
		if err := tb.CreateProgram(t.Context(), p, testbed.Record()); err == nil {
			t.Error("a second program got the id")
		}
	})
}

// A policy of before there were checks and a deadline to choose asks for what was done then.
func TestPolicyOfBefore(t *testing.T) {
	tb := open(t)
	want := program(brandID, programID, tb.clock.Now())
	want.Policies[1] = kyc.DefaultPolicy()
	stored := want
	older := want.Policies[1]
	older.Checks, older.DocumentDeadline = nil, 0
	stored.Policies = map[int]kyc.Policy{1: older, 2: want.Policies[2]}
	must(t, tb.CreateProgram(t.Context(), stored, testbed.Record()))
	got, err := tb.Program(t.Context(), brandID, programID)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("err %v (-want +got):\n%s", err, diff)
	}
}

func TestPolicyIsAddedAfterTheOneThatWasRead(t *testing.T) {
	tb := open(t)
	p := program(brandID, programID, tb.clock.Now())
	must(t, tb.CreateProgram(t.Context(), p, testbed.Record()))
	remembers := tb.bed.Store(tb.clock.Now)
	_, err := remembers.Program(t.Context(), brandID, programID)
	must(t, err)

	next := p.Policies[2]
	next.Version, next.MaxAttempts = 3, 9
	if added, err := tb.through(dropFirst("TransactWriteItems", func() {})).AddPolicy(t.Context(), brandID, programID, next, testbed.Record()); !added || err != nil {
		t.Fatalf("added %t, err %v", added, err)
	}
	p.Policies[3], p.PolicyVersion = next, 3
	for _, read := range []func(context.Context, string, string) (kyc.Program, error){remembers.CurrentProgram, remembers.Program} {
		got, err := read(t.Context(), brandID, programID)
		if diff := cmp.Diff(p, got); diff != "" || err != nil {
			t.Errorf("err %v, program (-want +got):\n%s", err, diff)
		}
	}
	tb.unchanged(t, func() {
		other, far := next, next
		other.MaxAttempts, far.Version = 8, 5
		for name, c := range map[string]struct {
			brand, program string
			policy         kyc.Policy
			added          bool
		}{
			"the same by another operator":   {brandID, programID, next, false},
			"another one at the same moment": {brandID, programID, other, false},
			"one that leaves a gap":          {brandID, programID, far, false},
			"of a program that is not there": {brandID, program2, next, false},
			"of another brand's":             {otherBrand, programID, next, false},
		} {
			if added, err := tb.AddPolicy(t.Context(), c.brand, c.program, c.policy, testbed.Record()); added != c.added || err != nil {
				t.Errorf("%s: added %t, err %v", name, added, err)
			}
		}
	})
}

func TestLostAnswerOfACreateIsNoRefusal(t *testing.T) {
	tb := open(t)
	must(t, tb.through(dropFirst("TransactWriteItems", func() {})).CreateProgram(t.Context(), program(brandID, programID, tb.clock.Now()), testbed.Record()))
	k := kyc.APIKey{BrandID: brandID, Identity: testbed.Identity, Name: "n", SecretHash: []byte("h"), Permissions: []kyc.Permission{kyc.MayRead}, CreatedAt: tb.clock.Now()}
	must(t, tb.through(dropFirst("TransactWriteItems", func() {})).CreateKey(t.Context(), k, testbed.Record()))
	must(t, tb.through(dropFirst("TransactWriteItems", func() {})).CreateBrand(t.Context(), kyc.Brand{ID: brandID, CreatedAt: tb.clock.Now()}, []byte("w"), testbed.Record()))
	must(t, tb.through(dropFirst("TransactWriteItems", func() {})).CreateSubscription(t.Context(), subscription(1, tb.clock.Now())))
	got, err := tb.through(dropFirst("PutItem", func() {})).PutStackSecret(t.Context(), []byte("mine"))
	if err != nil || string(got) != "mine" {
		t.Errorf("stack secret %q, err %v", got, err)
	}
}

func TestKeys(t *testing.T) {
	tb := open(t)
	k := kyc.APIKey{BrandID: brandID, Identity: testbed.Identity, Name: "n", SecretHash: []byte("h"), Permissions: []kyc.Permission{kyc.MayRead}, CreatedAt: tb.clock.Now()}
	must(t, tb.CreateKey(t.Context(), k, testbed.Record()))
	tb.unchanged(t, func() {
		thief := k
		thief.BrandID = otherBrand
		if err := tb.CreateKey(t.Context(), thief, testbed.Record()); err == nil {
			t.Error("a second pair got the identity")
		}
		if ok, _, err := tb.RevokeKey(t.Context(), otherBrand, k.Identity, tb.clock.Now(), testbed.Record()); ok || err != nil {
			t.Errorf("another brand revoked it: %t, %v", ok, err)
		}
		if ok, _, err := tb.RevokeKey(t.Context(), brandID, uuid.NewString(), tb.clock.Now(), testbed.Record()); ok || err != nil {
			t.Errorf("an unknown pair was revoked: %t, %v", ok, err)
		}
	})
	at := tb.clock.Now()
	if found, changed, err := tb.through(dropFirst("TransactWriteItems", func() {})).RevokeKey(t.Context(), brandID, k.Identity, at, testbed.Record()); !found || !changed || err != nil {
		t.Fatalf("found %t, changed %t, %v", found, changed, err)
	}
	tb.clock.Move(time.Hour)
	tb.unchanged(t, func() { // a pair that was revoked before keeps its time
		if found, changed, err := tb.RevokeKey(t.Context(), brandID, k.Identity, tb.clock.Now(), testbed.Record()); !found || changed || err != nil {
			t.Fatalf("found %t, changed %t, %v", found, changed, err)
		}
	})
	k.RevokedAt = at
	got, found, err := tb.Key(t.Context(), k.Identity)
	if diff := cmp.Diff(k, got); diff != "" || !found || err != nil {
		t.Errorf("found %t, err %v (-want +got):\n%s", found, err, diff)
	}
	if _, found, err := tb.Key(t.Context(), uuid.NewString()); found || err != nil {
		t.Errorf("an unknown pair: found %t, err %v", found, err)
	}
	all, err := tb.Keys(t.Context(), brandID)
	if diff := cmp.Diff([]kyc.APIKey{k}, all); diff != "" || err != nil {
		t.Errorf("err %v, keys (-want +got):\n%s", err, diff)
	}
}

func TestUseOfAKeyIsNotedOncePerDay(t *testing.T) {
	tb := open(t)
	k := kyc.APIKey{
		BrandID: brandID, Identity: testbed.Identity, Name: "n", SecretHash: []byte("h"), Permissions: kyc.Permissions(), CreatedAt: tb.clock.Now(),
		ExpiresAt: tb.clock.Now().Add(time.Hour),
	}
	must(t, tb.CreateKey(t.Context(), k, testbed.Record()))
	for _, note := range []struct{ day, want string }{
		{"2026-01-02", "2026-01-02"}, {"2026-01-02", "2026-01-02"}, {"2026-01-01", "2026-01-02"}, {"2026-01-03", "2026-01-03"},
	} {
		must(t, tb.NoteKeyUse(t.Context(), k.Identity, note.day))
		k.LastUsedOn = note.want
		got, _, err := tb.Key(t.Context(), k.Identity)
		if diff := cmp.Diff(k, got); diff != "" || err != nil {
			t.Errorf("after %s: err %v (-want +got):\n%s", note.day, err, diff)
		}
	}
	tb.unchanged(t, func() { must(t, tb.NoteKeyUse(t.Context(), uuid.NewString(), "2026-01-02")) })
}

// A temporary pair is found by who holds it, is in no list, and DynamoDB removes it: never before it has expired.
func TestTemporaryKey(t *testing.T) {
	tb := open(t)
	k := kyc.APIKey{
		BrandID: brandID, Identity: testbed.Identity, Name: "temporary", SecretHash: []byte("h"), Permissions: []kyc.Permission{kyc.MayRead},
		CustomerID: customerID, CreatedAt: tb.clock.Now(), ExpiresAt: tb.clock.Now().Add(15 * time.Minute),
	}
	must(t, tb.CreateTemporaryKey(t.Context(), k))
	got, found, err := tb.Key(t.Context(), k.Identity)
	if diff := cmp.Diff(k, got); diff != "" || !found || err != nil {
		t.Errorf("found %t, err %v (-want +got):\n%s", found, err, diff)
	}
	if all, err := tb.Keys(t.Context(), brandID); len(all) > 0 || err != nil {
		t.Errorf("listed %v, err %v", all, err)
	}
	removed := time.Unix(int64(tb.bed.Snapshot(t)["key#"+k.Identity+" key"]["expires_at"].(float64)), 0)
	if early := k.ExpiresAt.Sub(removed); early > 0 || early < -time.Second {
		t.Errorf("removed %v before it expires", early)
	}
}

func TestOneStackSecret(t *testing.T) {
	tb := open(t)
	if secret, err := tb.StackSecret(t.Context()); secret.Version != 0 || err != nil {
		t.Fatalf("before the first: version %d, %v", secret.Version, err)
	}
	atOnce(20, func(int) {
		if err := keyring.New(tb.bed.AWS, tb.bed.KeyARN, tb.Store, clock.Now).EnsureStackSecret(t.Context()); err != nil {
			t.Error(err)
		}
	})
	secret, err := tb.StackSecret(t.Context())
	if err != nil || len(secret.Wrapped) == 0 || secret.Version != 1 || len(tb.snapshot(t)) != 1 {
		t.Fatalf("secret of %d bytes, version %d, err %v", len(secret.Wrapped), secret.Version, err)
	}
	tb.unchanged(t, func() {
		got, err := tb.PutStackSecret(t.Context(), []byte("late"))
		if err != nil || !slices.Equal(got, secret.Wrapped) {
			t.Errorf("a late one got %x, err %v", got, err)
		}
	})
	keys := make([][]byte, 5)
	atOnce(len(keys), func(i int) {
		derived, err := keyring.New(tb.bed.AWS, tb.bed.KeyARN, tb.Store, clock.Now).Purpose(t.Context(), "test")
		if err != nil {
			t.Error(err)
			return
		}
		keys[i] = derived.Keys[0]
	})
	for _, k := range keys {
		if !slices.Equal(k, keys[0]) || len(k) != 32 {
			t.Error("two environments derive different keys")
		}
	}
}

func subscription(n int, at time.Time) kyc.Subscription {
	return kyc.Subscription{
		BrandID: brandID, ID: uuid.NewString(), URL: fmt.Sprintf("https://example.com/%d", n), Events: []kyc.EventName{kyc.EventSuccess, kyc.EventFailure},
		Description: "d", Status: kyc.StatusEnabled, Secret: kyc.Sealed{Key: []byte("k"), Fields: map[kyc.Field][]byte{kyc.SubscriptionSecret: []byte("s")}},
		Keys:      []kyc.SigningKey{{Field: kyc.SubscriptionSecret, Scheme: kyc.SchemeHMAC, CreatedAt: at}},
		CreatedAt: at, UpdatedAt: at, Version: 1,
	}
}

// inStep fails the test unless the directory names exactly the given subscriptions, and each of them has its item.
func (tb table) inStep(t *testing.T, want map[string]bool) {
	t.Helper()
	entries, err := tb.DirectoryOf(t.Context(), brandID)
	must(t, err)
	for id, exists := range want {
		has, err := tb.HasSubscription(t.Context(), brandID, id)
		must(t, err)
		if _, listed := entries[id]; listed != exists || has != exists {
			t.Errorf("subscription %s: in the directory %t, item %t, want %t", id, listed, has, exists)
		}
		delete(entries, id)
	}
	if len(entries) > 0 {
		t.Errorf("the directory names %v too", entries)
	}
}

func TestSubscriptions(t *testing.T) {
	tb := open(t)
	tb.newBrand(t, brandID)
	tb.newBrand(t, otherBrand)
	var want []kyc.Subscription
	for n := range 3 {
		tb.clock.Move(time.Second)
		s := subscription(n, tb.clock.Now())
		want = append(want, s)
		must(t, tb.CreateSubscription(t.Context(), s))
	}
	check := func() {
		t.Helper()
		got, err := tb.Subscriptions(t.Context(), brandID)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("subscriptions, oldest first (-want +got):\n%s", diff)
		}
		subscribers, err := tb.Subscribers(t.Context(), brandID)
		must(t, err)
		for _, s := range subscribers {
			if !s.Wants(kyc.EventSuccess) || s.Wants(kyc.EventError) || s.URL != "" || !s.Secret.Empty() {
				t.Errorf("subscriber %+v", s)
			}
		}
		if len(subscribers) != len(want) {
			t.Errorf("%d subscribers", len(subscribers))
		}
	}
	check()
	if got, err := tb.Subscriptions(t.Context(), otherBrand); err != nil || len(got) != 0 {
		t.Errorf("another brand sees %v, err %v", got, err)
	}
	tb.unchanged(t, func() {
		for brand, id := range map[string]string{otherBrand: want[0].ID, brandID: uuid.NewString()} {
			if _, err := tb.DeleteSubscription(t.Context(), brand, id); kyc.KindOf(err) != kyc.NotFound {
				t.Errorf("deleted by brand %s: %v", brand, err)
			}
		}
	})
	gone, err := tb.DeleteSubscription(t.Context(), brandID, want[1].ID)
	if diff := cmp.Diff(want[1], gone); diff != "" || err != nil {
		t.Errorf("err %v, deleted (-want +got):\n%s", err, diff)
	}
	want = slices.Delete(want, 1, 2)
	check()
}

// changed returns a subscription with something else in every part that may change.
func changed(s kyc.Subscription, at time.Time) kyc.Subscription {
	s.URL, s.Events, s.Description = "https://example.com/other", []kyc.EventName{kyc.EventError}, "another"
	s = s.WithStatus(kyc.StatusDisabled, kyc.DisabledGone, at)
	s.Timeout, s.RetryPlan, s.StrictOrder = 3*time.Second, []time.Duration{time.Second, time.Hour}, true
	old := s.Keys[0]
	old.Until = at.Add(time.Hour)
	s.Keys = []kyc.SigningKey{{Field: "secret_2", Scheme: kyc.SchemeEd25519, PublicKey: "whpk_x", CreatedAt: at}, old}
	s.Headers = []string{"X-Token"}
	s.Secret.Fields = map[kyc.Field][]byte{"secret": []byte("s"), "secret_2": []byte("t"), kyc.HeaderField("X-Token"): []byte("h")}
	s.UpdatedAt = at
	s.Version++
	return s
}

func TestUpdateSubscription(t *testing.T) {
	tb := open(t)
	tb.newBrand(t, brandID)
	first := subscription(1, tb.clock.Now())
	must(t, tb.CreateSubscription(t.Context(), first))
	tb.clock.Move(time.Minute)
	second := changed(first, tb.clock.Now())
	update := func(s kyc.Subscription, want bool) {
		t.Helper()
		if ok, err := tb.UpdateSubscription(t.Context(), s); ok != want || err != nil {
			t.Errorf("got %t, %v", ok, err)
		}
	}
	update(second, true)
	got, err := tb.Subscription(t.Context(), brandID, first.ID)
	if diff := cmp.Diff(second, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	subscribers, err := tb.Subscribers(t.Context(), brandID)
	want := []kyc.Subscription{{BrandID: brandID, ID: first.ID, Events: second.Events, Status: kyc.StatusDisabled, StrictOrder: true}}
	if diff := cmp.Diff(want, subscribers); err != nil || diff != "" {
		t.Errorf("%v, directory (-want +got):\n%s", err, diff)
	}
	tb.unchanged(t, func() {
		stale := first
		stale.Description, stale.Version = "from what it was before", 2
		stale.UpdatedAt = stale.UpdatedAt.Add(time.Second)
		update(stale, false)
		unknown := subscription(2, tb.clock.Now())
		unknown.Version = 2
		update(unknown, false)
		if _, err := tb.Subscription(t.Context(), brandID, unknown.ID); kyc.KindOf(err) != kyc.NotFound {
			t.Errorf("got %v", err)
		}
	})
	third := second.WithStatus(kyc.StatusEnabled, "", tb.clock.Now())
	third.Version++
	update(third, true)
	if got, err := tb.Subscription(t.Context(), brandID, first.ID); err != nil || got.DisabledCause != "" || !got.DisabledAt.IsZero() {
		t.Errorf("enabled again: %+v, %v", got, err)
	}
	_, err = tb.DeleteSubscription(t.Context(), brandID, first.ID)
	must(t, err)
	third.Version++
	tb.unchanged(t, func() { update(third, false) })
}

// Of many who change a subscription at once, one after the other wins: what each wrote stood on what it had read.
func TestNoChangeOfASubscriptionIsLost(t *testing.T) {
	tb := open(t)
	tb.newBrand(t, brandID)
	first := subscription(1, tb.clock.Now())
	must(t, tb.CreateSubscription(t.Context(), first))
	atOnce(10, func(n int) {
		for {
			s, err := tb.Subscription(t.Context(), brandID, first.ID)
			if err != nil {
				t.Error(err)
				return
			}
			s.Description += fmt.Sprint(n)
			s.Version++
			if ok, err := tb.UpdateSubscription(t.Context(), s); ok || err != nil && !errors.Is(err, dynamostore.ErrContended) {
				return
			}
		}
	})
	s, err := tb.Subscription(t.Context(), brandID, first.ID)
	if err != nil || len(s.Description) != 11 || s.Version != 11 {
		t.Errorf("description %q, version %d, %v", s.Description, s.Version, err)
	}
}

func TestSubscriptionsStayInStep(t *testing.T) {
	tb := open(t)
	tb.newBrand(t, brandID)
	want := map[string]bool{}
	subs := make([]kyc.Subscription, 30)
	for n := range subs {
		subs[n] = subscription(n, tb.clock.Now())
		want[subs[n].ID] = n%3 != 0
	}
	atOnce(len(subs), func(n int) {
		if err := tb.CreateSubscription(t.Context(), subs[n]); err != nil {
			t.Error(err)
		}
		if want[subs[n].ID] {
			return
		}
		atOnce(2, func(int) { // one of the two may come late
			if _, err := tb.DeleteSubscription(t.Context(), brandID, subs[n].ID); err != nil && kyc.KindOf(err) != kyc.NotFound {
				t.Error(err)
			}
		})
		if _, err := tb.Subscriptions(t.Context(), brandID); err != nil {
			t.Error(err)
		}
	})
	tb.inStep(t, want)
}

func TestHundredSubscriptionsAreTheLimit(t *testing.T) {
	const limit = 100
	tb := open(t)
	tb.newBrand(t, brandID)
	subs := make([]kyc.Subscription, limit+5)
	created := make([]bool, len(subs))
	for n := range subs {
		subs[n] = subscription(n, tb.clock.Now())
	}
	for n := range limit - 5 {
		must(t, tb.CreateSubscription(t.Context(), subs[n]))
		created[n] = true
	}
	atOnce(10, func(i int) {
		n := limit - 5 + i
		err := tb.CreateSubscription(t.Context(), subs[n])
		if created[n] = err == nil; !created[n] && kyc.KindOf(err) != kyc.Conflict {
			t.Errorf("one too many: %v", err)
		}
	})
	want, n := map[string]bool{}, 0
	for i, sub := range subs {
		if want[sub.ID] = created[i]; created[i] {
			n++
		}
	}
	tb.inStep(t, want)
	if listed, err := tb.Subscriptions(t.Context(), brandID); n != limit || len(listed) != limit || err != nil {
		t.Errorf("%d were created, %d are listed, err %v", n, len(listed), err)
	}
}

func TestBrandWithoutDirectoryIsNoBrand(t *testing.T) {
	tb := open(t)
	tb.unchanged(t, func() {
		if err := tb.CreateSubscription(t.Context(), subscription(1, tb.clock.Now())); err == nil {
			t.Error("a brand that does not exist has a subscription")
		}
	})
	if _, err := tb.Subscribers(t.Context(), brandID); err == nil {
		t.Error("a brand that does not exist has subscribers")
	}
}

func event(at time.Time) kyc.Event {
	return kyc.Event{
		ID: kyc.EventID(attemptID, 2), Name: kyc.EventFailure, BrandID: brandID, CustomerID: customerID, ProgramID: programID, AttemptID: attemptID, OccurredAt: at,
		StateVersion: 2, Status: kyc.Failed, Reasons: []string{kyc.ReasonBureau}, Retryable: true,
	}
}

func TestEventIsKeptOnce(t *testing.T) {
	tb := open(t)
	e := event(tb.clock.Now())
	e.Documents, e.Link, e.UploadLink = []kyc.Document{{ID: "d", Type: kyc.GovernmentID, Status: kyc.DocumentAskedFor}}, 3, kyc.NewSecret("https://example.com/upload#token")
	must(t, tb.KeepEvent(t.Context(), e))
	kept, err := tb.Event(t.Context(), brandID, e.ID)
	stored := e
	stored.UploadLink = kyc.Secret{} // nothing of the link but its generation
	if diff := cmp.Diff(stored, kept); err != nil || diff != "" {
		t.Errorf("kept with %v (-want +got):\n%s", err, diff)
	}
	items := tb.snapshot(t)
	if len(items) != 1 {
		t.Fatalf("items %v", keysOf(items))
	}
	for _, item := range items {
		if want := float64(e.OccurredAt.Add(90 * 24 * time.Hour).Unix()); item["expires_at"] != want {
			t.Errorf("expires at %v, want %v", item["expires_at"], want)
		}
	}
	tb.unchanged(t, func() {
		must(t, tb.KeepEvent(t.Context(), e))
		e.Reasons = nil
		must(t, tb.KeepEvent(t.Context(), e))
	})
}
