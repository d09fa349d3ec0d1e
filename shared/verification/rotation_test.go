package verification_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kyc/shared/keyring"
	"kyc/shared/kyc"
	"kyc/shared/platform"
	"kyc/shared/testbed"
	"kyc/shared/verification"
)

// vault is that of an execution environment of its own.
func (w world) environment() *keyring.Keyring {
	return keyring.New(w.bed.AWS, w.bed.KeyARN, w.store, w.clock.Now)
}

// operator begins an action in an environment of its own, which dies at the given write; never at zero.
func (w world) operator(action string, dies int) *platform.Operation {
	writes := 0
	store := w.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		if strings.HasPrefix(r.Operation, "Update") || strings.HasPrefix(r.Operation, "Transact") || strings.HasPrefix(r.Operation, "Put") {
			writes++
		}
		if dies > 0 && writes >= dies {
			return testbed.Refused(`{"__type":"com.amazonaws#ValidationException"}`)
		}
		return pass()
	}).Store(w.clock.Now)
	service := &platform.Service{
		Audit: store, Brands: store, Programs: store, Keys: store, Grants: store, BrandKeys: store, DataKeys: store, Keyring: w.environment(),
		Now: w.clock.Now, NewID: uuid.NewString,
	}
	return service.Begin(platform.Asked{Action: action, BrandID: brandID})
}

func (w world) rotate(t *testing.T) {
	t.Helper()
	_, err := w.operator("rotate_brand_key", 0).RotateBrandKey(t.Context(), brandID)
	if kyc.KindOf(err) != kyc.Conflict { // there are too many versions already
		must(t, err)
	}
}

// rewrap runs a whole pass, and returns how many data keys it has wrapped anew.
func (w world) rewrap(t *testing.T) int {
	t.Helper()
	done, err := w.operator("rewrap_data_keys", 0).RewrapDataKeys(t.Context(), brandID, nil)
	must(t, err)
	if done.Cursor != "" {
		t.Fatalf("%d customers take more than one call", done.Customers)
	}
	return done.DataKeys
}

func (w world) destroy(t *testing.T) error {
	t.Helper()
	_, err := w.operator("destroy_brand_keys", 0).DestroyBrandKeys(t.Context(), brandID)
	if kyc.KindOf(err) != kyc.Conflict {
		must(t, err)
	}
	return err
}

// opens holds that all that is sealed can be opened by an environment that remembers nothing. It returns by which versions
// of the brand's key it is sealed.
func (w world) opens(t *testing.T, customers ...string) []int {
	t.Helper()
	vault, versions := w.environment(), map[int]bool{}
	open := func(what string, place kyc.Place, sealed kyc.Sealed) {
		t.Helper()
		if sealed.Empty() {
			return
		}
		versions[int(binary.BigEndian.Uint32(sealed.Key))] = true
		fields, err := vault.Open(t.Context(), place, sealed)
		if err != nil || len(fields) != len(sealed.Fields) {
			t.Fatalf("%s cannot be opened any more: %v", what, err)
		}
	}
	for _, id := range customers {
		c := w.read(t, id)
		profile, _, err := w.store.Profile(t.Context(), brandID, id)
		must(t, err)
		open("a profile", kyc.ProfilePlace(brandID, id), profile)
		archived, err := w.store.ArchivedAttempts(t.Context(), kyc.Pair{BrandID: brandID, CustomerID: id, ProgramID: programID}, time.Time{}, "", 100)
		must(t, err)
		for _, a := range slices.Concat(slices.Collect(maps.Values(c.Attempts)), slices.Collect(maps.Values(c.Previous)), archived) {
			open("what a start brought, "+string(a.Status), kyc.AttemptPlace(brandID, id, a.ID), a.Fields)
		}
	}
	subs, err := w.store.Subscriptions(t.Context(), brandID)
	must(t, err)
	for _, sub := range subs {
		open("a subscription's secret", kyc.SubscriptionPlace(brandID, sub.ID), sub.Secret)
	}
	return slices.Sorted(maps.Keys(versions))
}

// secretly subscribes with a secret.
func (w world) secretly(t *testing.T) {
	t.Helper()
	secret, err := w.vault.Seal(t.Context(), kyc.SubscriptionPlace(brandID, testbed.SubscriptionID), kyc.Profile{kyc.SubscriptionSecret: kyc.NewSecret("s")})
	must(t, err)
	must(t, w.store.CreateSubscription(t.Context(), kyc.Subscription{
		BrandID: brandID, ID: testbed.SubscriptionID, URL: "https://example.com/", Status: kyc.StatusEnabled, Secret: secret,
		CreatedAt: w.clock.Now(), UpdatedAt: w.clock.Now(),
	}))
}

// An operator's whole way: rotate, wrap anew, wait, look again, destroy.
func TestOldKeysGoWhenNothingNeedsThem(t *testing.T) {
	w := open(t)
	w.secretly(t)
	ssn := map[kyc.Field]string{kyc.SSN: "999-99-0000"}
	for range 2 { // one in the archive, and one that is current
		must(t, w.worker().Run(t.Context(), w.start(t, customerID, ssn)))
		w.catchUp(t)
		w.clock.Move(time.Minute)
	}
	other := w.customer(t, nil)
	before := w.read(t, customerID)
	all := []string{customerID, other}

	w.rotate(t)
	if err := w.destroy(t); err == nil {
		t.Error("destroyed at once")
	}
	w.clock.Move(5 * time.Minute)
	third := w.customer(t, nil)
	all = append(all, third)
	if got := w.opens(t, third); !slices.Contains(got, 2) {
		t.Errorf("new data keys are wrapped by %v after five minutes", got)
	}
	if n := w.rewrap(t); n != 5 { // two profiles, two attempts, a secret
		t.Errorf("%d data keys were wrapped anew, want 5", n)
	}
	if got := w.opens(t, all...); !slices.Equal(got, []int{2}) {
		t.Errorf("what is sealed is sealed by %v", got)
	}
	after := w.read(t, customerID)
	if follows := after.Follows(programID, before.Versions[programID]); len(follows.Events)+len(follows.Work) > 0 || follows.Archive != nil || after.DueAt != before.DueAt {
		t.Errorf("something follows: %+v, alarm at %v", follows, after.DueAt)
	}
	if n := w.rewrap(t); n != 0 {
		t.Errorf("%d data keys were wrapped anew a second time", n)
	}
	if err := w.destroy(t); err == nil {
		t.Error("destroyed while copies may be on their way")
	}
	w.clock.Move(kyc.KeyRest - time.Microsecond)
	w.rewrap(t)
	if err := w.destroy(t); err == nil {
		t.Error("destroyed a microsecond too early")
	}
	w.clock.Move(time.Microsecond)
	if err := w.destroy(t); err == nil {
		t.Error("destroyed after a pass that began too early")
	}
	w.rewrap(t)
	must(t, w.destroy(t))
	if got := w.opens(t, all...); !slices.Equal(got, []int{2}) {
		t.Errorf("what is sealed is sealed by %v", got)
	}
	keys, err := w.store.BrandKeys(t.Context(), brandID)
	if err != nil || !slices.Equal(keys.Versions, []int{2}) {
		t.Errorf("versions %v, err %v", keys.Versions, err)
	}
	must(t, w.destroy(t)) // again: there is nothing to do
	w.start(t, customerID, nil)
}

// What endpoints answered is kept encrypted too, for as long as the deliveries are, and can be read after a rotation.
func TestAnswersOutliveARotation(t *testing.T) {
	w := open(t)
	e := kyc.Event{
		ID: kyc.EventID(testbed.CustomerID, 2), Name: kyc.EventCustomerUpdated, BrandID: brandID, CustomerID: testbed.CustomerID, OccurredAt: w.clock.Now(),
	}
	d := kyc.NewDelivery(testbed.SubscriptionID, e)
	place := kyc.AnswerPlace(d.DeliveryRef)
	sealed := func(answer string) kyc.Sealed {
		t.Helper()
		s, err := w.vault.Seal(t.Context(), place, kyc.Profile{kyc.AnswerField: kyc.NewSecret(answer)})
		must(t, err)
		return s
	}
	for n, answer := range []string{"first", "second", "apart"} {
		try := kyc.Try{At: w.clock.Now().Add(time.Duration(n) * time.Second), Code: 500, Error: "status", Apart: answer == "apart"}
		if try.Apart {
			must(t, w.store.KeepAnswer(t.Context(), d, try.At, sealed(answer)))
		} else {
			try.Kept = sealed(answer)
		}
		d = d.Tried(try, kyc.DefaultRetryPlan(), 0)
		stood, err := w.store.AdvanceDelivery(t.Context(), d)
		if must(t, err); stood != nil {
			t.Fatalf("%+v stands in the way", stood)
		}
		d.Rev++
	}

	w.rotate(t)
	w.clock.Move(5 * time.Minute)
	if n := w.rewrap(t); n != 4 { // three answers and a profile
		t.Errorf("%d data keys were wrapped anew, want 4", n)
	}
	w.clock.Move(kyc.KeyRest)
	w.rewrap(t)
	must(t, w.destroy(t))

	kept, err := w.store.Delivery(t.Context(), d.DeliveryRef)
	must(t, err)
	var answers []string
	for _, try := range kept.Tries {
		opened, err := w.environment().Open(t.Context(), place, try.Kept)
		must(t, err)
		answers = append(answers, opened.Get(kyc.AnswerField))
	}
	if !slices.Equal(answers, []string{"first", "second", "apart"}) || kept.Rev != d.Rev {
		t.Errorf("answers %q at rev %d", answers, kept.Rev)
	}
}

// A verifier that has read an attempt writes all of it, and with it the data key that was there. What it brings back is found
// by the next pass, and until then nothing is destroyed.
func TestAnAttemptThatBringsItsOldKeyBack(t *testing.T) {
	w := open(t)
	work := w.start(t, customerID, map[kyc.Field]string{kyc.SSN: "333-33-3333"})
	worker := w.worker()
	worker.Provider = meanwhile(func() {
		w.rotate(t)
		w.rewrap(t)
	})
	must(t, worker.Run(t.Context(), work))
	if got := w.opens(t, customerID); !slices.Equal(got, []int{1, 2}) {
		t.Fatalf("sealed by %v: the attempt has not brought it back", got)
	}
	w.clock.Move(kyc.KeyRest)
	if n := w.rewrap(t); n != 1 {
		t.Errorf("%d data keys were wrapped anew, want 1", n)
	}
	if err := w.destroy(t); err == nil {
		t.Error("destroyed after a pass that has found something")
	}
	w.clock.Move(kyc.KeyRest)
	w.rewrap(t)
	must(t, w.destroy(t))
	w.opens(t, customerID)
}

// Whoever may still write a data key of an old version is waited for.
func TestOldKeysStayForWhatIsOnItsWay(t *testing.T) {
	// asEagerAsCanBe wraps anew twice and asks for the old version to be destroyed, after time has passed.
	asEagerAsCanBe := func(w world, after time.Duration) {
		w.rotate(t)
		w.rewrap(t)
		w.clock.Move(after)
		w.rewrap(t)
		if err := w.destroy(t); err == nil {
			t.Errorf("destroyed %v after the rotation", after)
		}
	}
	ssn := map[kyc.Field]string{kyc.SSN: "999-99-0000"}
	t.Run("a verifier that runs for as long as any function can", func(t *testing.T) {
		w := open(t)
		worker := w.worker()
		worker.Provider = meanwhile(func() { asEagerAsCanBe(w, 15*time.Minute) })
		must(t, worker.Run(t.Context(), w.start(t, customerID, ssn)))
		if got := w.opens(t, customerID); !slices.Contains(got, 1) {
			t.Errorf("sealed by %v: the verifier has brought nothing back", got)
		}
	})
	t.Run("a relay that is a day behind", func(t *testing.T) {
		w := open(t)
		must(t, w.worker().Run(t.Context(), w.start(t, customerID, ssn)))
		w.catchUp(t)
		w.clock.Move(time.Minute)
		w.start(t, customerID, nil)
		image := w.read(t, customerID)
		asEagerAsCanBe(w, 24*time.Hour)
		must(t, w.relay().CatchUp(t.Context(), image))
		if got := w.opens(t, customerID); !slices.Contains(got, 1) {
			t.Errorf("sealed by %v: relay has brought nothing back", got)
		}
	})
	t.Run("an environment that remembers the version before", func(t *testing.T) {
		w := open(t)
		w.customer(t, nil) // it knows the newest version now
		asEagerAsCanBe(w, 5*time.Minute-time.Microsecond)
		if got := w.opens(t, w.customer(t, nil)); !slices.Equal(got, []int{1}) {
			t.Errorf("sealed by %v: it remembers nothing", got)
		}
	})
}

// Whatever happens in whatever order, and wherever an operator's action dies: what is sealed can be opened.
func TestEverythingOpensWhateverIsRotated(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { rotateAtRandom(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func rotateAtRandom(t *testing.T, random *rand.Rand) {
	w := open(t)
	w.secretly(t)
	customers := []string{customerID, w.customer(t, nil)}
	environments := []*keyring.Keyring{w.vault, w.environment()}
	ssns := []string{"999-99-0000", "333-33-3333", "123-45-6788"}
	moves := []time.Duration{time.Minute, 6 * time.Minute, 24 * time.Hour, kyc.KeyRest}
	var work []kyc.Work
	var stale []kyc.Customer // as the stream holds them, for a day at most
	operate := func() {
		switch random.IntN(4) {
		case 0:
			w.rotate(t)
		case 1:
			_ = w.destroy(t)
		default:
			var cursor *string
			if keys, err := w.store.BrandKeys(t.Context(), brandID); err == nil && keys.Rewrap != nil && random.IntN(2) == 0 {
				cursor = &keys.Rewrap.Cursor
			}
			o := w.operator("rewrap_data_keys", random.IntN(9))
			_, err := o.RewrapDataKeys(t.Context(), brandID, cursor)
			_ = o.End(t.Context(), err)
		}
	}
	for range 20 {
		id := customers[random.IntN(len(customers))]
		w.vault = environments[random.IntN(len(environments))]
		switch random.IntN(8) {
		case 0, 1:
			r := request(id)
			r.Fields = map[kyc.Field]string{kyc.SSN: ssns[random.IntN(len(ssns))]}
			if s, err := w.service().Start(t.Context(), r); err == nil {
				work = append(work, kyc.Work{BrandID: brandID, CustomerID: id, ProgramID: programID, AttemptID: s.Attempt.ID})
			}
		case 2, 3:
			if len(work) > 0 {
				worker := w.worker()
				worker.Provider = meanwhile(operate)
				if err := worker.Run(t.Context(), work[len(work)-1]); err != nil && !errors.Is(err, verification.ErrBusy) {
					t.Fatal(err)
				}
			}
		case 4:
			stale = append(stale, w.read(t, id))
			name := rename(fmt.Sprintf("Name-%c", 'a'+random.IntN(26)))
			if _, err := w.desk().Update(t.Context(), brandID, id, always, name); err != nil && kyc.KindOf(err) != kyc.Conflict {
				t.Fatal(err)
			}
		case 5:
			stale = append(stale, w.read(t, id))
			must(t, w.relay().CatchUp(t.Context(), stale[random.IntN(len(stale))]))
		case 6:
			by := moves[random.IntN(len(moves))]
			if w.clock.Move(by); by >= 24*time.Hour {
				stale = nil
			}
		default:
			operate()
		}
		w.opens(t, customers...)
	}
	w.rotate(t)
	w.clock.Move(kyc.KeyRest)
	w.rewrap(t)
	w.clock.Move(kyc.KeyRest)
	w.rewrap(t)
	must(t, w.destroy(t))
	keys, err := w.store.BrandKeys(t.Context(), brandID)
	must(t, err)
	if got := w.opens(t, customers...); !slices.Equal(got, []int{keys.Newest}) || !slices.Equal(keys.Versions, got) {
		t.Errorf("sealed by %v, keys of %v", got, keys.Versions)
	}
}
