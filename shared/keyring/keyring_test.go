package keyring_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kyc/shared/keyring"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

const (
	brandID    = testbed.BrandID
	otherBrand = "11111111-1111-4111-8111-111111111111"
)

// ring is a keyring on a table with two brands, and the number of KMS calls that it made.
type ring struct {
	*keyring.Keyring
	bed   *testbed.Bed
	clock *testbed.Clock
	calls *atomic.Int32
}

func open(t *testing.T) ring {
	t.Helper()
	bed, clock, calls := testbed.Open(t), testbed.NewClock(), new(atomic.Int32)
	store := bed.Store(clock.Now)
	counted := bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		if r.Operation == "Decrypt" {
			calls.Add(1)
		}
		return pass()
	})
	r := ring{keyring.New(counted.AWS, bed.KeyARN, store, clock.Now), bed, clock, calls}
	for _, id := range []string{brandID, otherBrand} {
		wrapped, err := r.NewBrandKey(t.Context(), id)
		must(t, err)
		must(t, store.CreateBrand(t.Context(), kyc.Brand{ID: id, Name: "Brand", CreatedAt: clock.Now()}, wrapped, testbed.Record()))
	}
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const mark = "987-65-4320 in clear"

func applicant() kyc.Profile {
	return kyc.Profile{kyc.SSN: kyc.NewSecret(mark), kyc.FirstName: kyc.NewSecret("Ada " + mark), kyc.MiddleName: kyc.NewSecret("")}
}

func reveal(p kyc.Profile) map[kyc.Field]string {
	plain := map[kyc.Field]string{}
	for f := range p {
		plain[f] = p.Get(f)
	}
	return plain
}

func TestRoundTrip(t *testing.T) {
	r := open(t)
	rapid.Check(t, func(rt *rapid.T) {
		values := rapid.MapOf(rapid.SampledFrom([]kyc.Field{kyc.SSN, kyc.Email, kyc.AddressField("a", "street"), "data-key"}), rapid.String())
		plain, more := values.Draw(rt, "fields"), values.Draw(rt, "more")
		secret := func(m map[kyc.Field]string) kyc.Profile {
			p := kyc.Profile{}
			for f, v := range m {
				p[f] = kyc.NewSecret(v)
			}
			return p
		}
		place := kyc.ProfilePlace(brandID, uuid.NewString())
		sealed, err := r.Seal(t.Context(), place, secret(plain))
		must(t, err)
		opened, err := r.Open(t.Context(), place, sealed)
		if diff := cmp.Diff(plain, reveal(opened)); diff != "" || err != nil {
			rt.Errorf("err %v (-sealed +opened):\n%s", err, diff)
		}
		all, err := r.Add(t.Context(), place, sealed, secret(more))
		must(t, err)
		opened, err = r.Open(t.Context(), place, all)
		if diff := cmp.Diff(reveal(secret(plain).With(secret(more))), reveal(opened)); diff != "" || err != nil {
			rt.Errorf("err %v (-added +opened):\n%s", err, diff)
		}
		if again, _ := r.Open(t.Context(), place, sealed); !cmp.Equal(plain, reveal(again)) {
			rt.Error("adding changed what it was added to")
		}
	})
}

func TestSealedIsUnreadableAndNeverTheSame(t *testing.T) {
	r := open(t)
	place := kyc.ProfilePlace(brandID, "c")
	seen := map[string]bool{}
	for range 3 {
		sealed, err := r.Seal(t.Context(), place, applicant())
		must(t, err)
		for f, v := range sealed.Fields {
			if bytes.Contains(v, []byte("in clear")) || seen[string(v)] || seen[string(sealed.Key)] {
				t.Errorf("field %s is readable, or the same twice", f)
			}
			seen[string(v)] = true
		}
		seen[string(sealed.Key)] = true
	}
}

func TestSealedBelongsToItsPlace(t *testing.T) {
	r := open(t)
	home := kyc.AttemptPlace(brandID, "c", "a")
	sealed, err := r.Seal(t.Context(), home, applicant())
	must(t, err)
	others := map[string]kyc.Place{
		"another customer": kyc.AttemptPlace(brandID, "d", "a"),
		"another attempt":  kyc.AttemptPlace(brandID, "c", "b"),
		"the profile":      kyc.ProfilePlace(brandID, "c"),
		"another brand":    kyc.AttemptPlace(otherBrand, "c", "a"),
		"a subscription":   kyc.SubscriptionPlace(brandID, "a"),
	}
	refused := func(t *testing.T, place kyc.Place, s kyc.Sealed) {
		t.Helper()
		_, err1 := r.Open(t.Context(), place, s)
		_, err2 := r.Add(t.Context(), place, s, applicant())
		for _, err := range []error{err1, err2} {
			if !errors.Is(err, kyc.ErrUnreadable) || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "in clear") {
				t.Errorf("err %v", err)
			}
		}
	}
	for name, place := range others {
		t.Run("whole, moved to "+name, func(t *testing.T) { refused(t, place, sealed) })
		t.Run("one field, moved to "+name, func(t *testing.T) {
			there, err := r.Seal(t.Context(), place, applicant())
			must(t, err)
			there.Fields[kyc.SSN] = sealed.Fields[kyc.SSN]
			if opened, err := r.Open(t.Context(), place, there); !errors.Is(err, kyc.ErrUnreadable) || opened != nil {
				t.Errorf("err %v", err)
			}
		})
	}
	t.Run("one field, moved to another", func(t *testing.T) {
		swapped := kyc.Sealed{Key: sealed.Key, Fields: map[kyc.Field][]byte{kyc.SSN: sealed.Fields[kyc.FirstName]}}
		if _, err := r.Open(t.Context(), home, swapped); !errors.Is(err, kyc.ErrUnreadable) {
			t.Errorf("err %v", err)
		}
	})
	t.Run("the data key, taken for a field", func(t *testing.T) {
		forged := kyc.Sealed{Key: sealed.Key, Fields: map[kyc.Field][]byte{"data-key": sealed.Key[4:]}}
		if _, err := r.Open(t.Context(), home, forged); !errors.Is(err, kyc.ErrUnreadable) {
			t.Errorf("err %v", err)
		}
	})
	t.Run("no data key at all", func(t *testing.T) { refused(t, home, kyc.Sealed{Fields: sealed.Fields}) })
	t.Run("at home", func(t *testing.T) {
		if opened, err := r.Open(t.Context(), home, sealed); err != nil || opened.Get(kyc.SSN) != mark {
			t.Errorf("err %v", err)
		}
	})
}

func TestEveryByteCounts(t *testing.T) {
	r := open(t)
	place := kyc.ProfilePlace(brandID, "c")
	sealed, err := r.Seal(t.Context(), place, kyc.Profile{kyc.SSN: kyc.NewSecret(mark)})
	must(t, err)
	foreign := func(what string, n int, s kyc.Sealed) {
		t.Helper()
		if _, err := r.Open(t.Context(), place, s); !errors.Is(err, kyc.ErrUnreadable) {
			t.Errorf("byte %d of the %s: err %v", n, what, err)
		}
	}
	flipped := func(b []byte, n int) []byte {
		b = slices.Clone(b)
		b[n] ^= 1
		return b
	}
	for n := range sealed.Fields[kyc.SSN] {
		foreign("field", n, kyc.Sealed{Key: sealed.Key, Fields: map[kyc.Field][]byte{kyc.SSN: flipped(sealed.Fields[kyc.SSN], n)}})
		foreign("field, cut off", n, kyc.Sealed{Key: sealed.Key, Fields: map[kyc.Field][]byte{kyc.SSN: sealed.Fields[kyc.SSN][:n]}})
	}
	for n := range sealed.Key {
		if n < 4 { // the version of the brand's key, of which there is one
			if _, err := r.Open(t.Context(), place, kyc.Sealed{Key: flipped(sealed.Key, n), Fields: sealed.Fields}); err == nil {
				t.Errorf("byte %d of the version does not count", n)
			}
			continue
		}
		foreign("data key", n, kyc.Sealed{Key: flipped(sealed.Key, n), Fields: sealed.Fields})
	}
}

func TestBrandKeyIsUnwrappedOnceInFiveMinutes(t *testing.T) {
	r := open(t)
	seal := func() kyc.Sealed {
		t.Helper()
		sealed, err := r.Seal(t.Context(), kyc.ProfilePlace(brandID, uuid.NewString()), applicant())
		must(t, err)
		return sealed
	}
	for range 20 {
		seal()
	}
	if n := r.calls.Load(); n != 1 {
		t.Errorf("%d KMS calls for 20 customers, want 1", n)
	}
	r.clock.Move(5*time.Minute - time.Microsecond)
	seal()
	if n := r.calls.Load(); n != 1 {
		t.Errorf("%d KMS calls just before 5 minutes, want 1", n)
	}
	r.clock.Move(time.Microsecond)
	seal()
	if n := r.calls.Load(); n != 2 {
		t.Errorf("%d KMS calls after 5 minutes, want 2", n)
	}
	place := kyc.ProfilePlace(otherBrand, "c")
	sealed, err := r.Seal(t.Context(), place, applicant())
	must(t, err)
	r.calls.Store(0)
	for range 20 {
		_, err := r.Open(t.Context(), place, sealed)
		must(t, err)
	}
	if n := r.calls.Load(); n > 0 {
		t.Errorf("%d KMS calls to open 20 times what was sealed here, want none", n)
	}
}

// rotate makes a second version of the brand's key.
func (r ring) rotate(t *testing.T) {
	t.Helper()
	store := r.bed.Store(r.clock.Now)
	wrapped, err := r.NewBrandKey(t.Context(), brandID)
	must(t, err)
	keys, err := store.BrandKeys(t.Context(), brandID)
	must(t, err)
	if added, err := store.AddBrandKey(t.Context(), keys, wrapped, r.clock.Now(), testbed.Record()); err != nil || !added {
		t.Fatalf("added %t, err %v", added, err)
	}
}

func version(s kyc.Sealed) byte { return s.Key[3] }

func TestRotatedKeyIsUsedWithinFiveMinutes(t *testing.T) {
	r := open(t)
	place := kyc.ProfilePlace(brandID, "c")
	seal := func(want byte) kyc.Sealed {
		t.Helper()
		sealed, err := r.Seal(t.Context(), place, applicant())
		must(t, err)
		if got := version(sealed); got != want {
			t.Errorf("sealed by version %d, want %d", got, want)
		}
		return sealed
	}
	old := seal(1)
	r.rotate(t)
	r.clock.Move(5*time.Minute - time.Microsecond)
	seal(1)
	r.clock.Move(time.Microsecond)
	r.calls.Store(0)
	fresh := seal(2)
	for range 10 {
		seal(2)
		for _, sealed := range []kyc.Sealed{old, fresh} {
			if opened, err := r.Open(t.Context(), place, sealed); err != nil || opened.Get(kyc.SSN) != mark {
				t.Errorf("version %d: err %v", version(sealed), err)
			}
		}
	}
	if n := r.calls.Load(); n != 2 {
		t.Errorf("%d KMS calls for two versions, want 2", n)
	}
	added, err := r.Add(t.Context(), place, old, kyc.Profile{kyc.Email: kyc.NewSecret("a@example.com")})
	if err != nil || version(added) != 1 {
		t.Errorf("what is added to is sealed anew, by version %d: err %v", version(added), err)
	}
}

func TestRewrap(t *testing.T) {
	r := open(t)
	place := kyc.ProfilePlace(brandID, "c")
	sealed, err := r.Seal(t.Context(), place, applicant())
	must(t, err)
	r.rotate(t)
	if same, err := r.Rewrap(t.Context(), place, sealed.Key, 1); err != nil || !bytes.Equal(same, sealed.Key) {
		t.Errorf("by the version that it has: another one, err %v", err)
	}
	anew, err := r.Rewrap(t.Context(), place, sealed.Key, 2)
	must(t, err)
	for name, key := range map[string][]byte{"before": sealed.Key, "after": anew} {
		opened, err := r.Open(t.Context(), place, kyc.Sealed{Key: key, Fields: sealed.Fields})
		if diff := cmp.Diff(reveal(applicant()), reveal(opened)); diff != "" || err != nil {
			t.Errorf("with the key of %s: err %v (-sealed +opened):\n%s", name, err, diff)
		}
	}
	for name, place := range map[string]kyc.Place{"another customer": kyc.ProfilePlace(brandID, "d"), "another brand": kyc.ProfilePlace(otherBrand, "c")} {
		if _, err := r.Rewrap(t.Context(), place, sealed.Key, 2); !errors.Is(err, kyc.ErrUnreadable) {
			t.Errorf("of %s: %v", name, err)
		}
	}
	for _, wrapped := range [][]byte{nil, {0, 0, 0}, {0, 0, 0, 0, 1}} {
		if _, err := r.Rewrap(t.Context(), place, wrapped, 2); !errors.Is(err, kyc.ErrUnreadable) {
			t.Errorf("%x: %v", wrapped, err)
		}
	}
	if _, err := r.Rewrap(t.Context(), place, sealed.Key, 3); !errors.Is(err, kyc.ErrUnreadable) {
		t.Errorf("by a version that there is not: %v", err)
	}
}

func TestBrandKeyIsTheBrandsOwn(t *testing.T) {
	r := open(t)
	wrapped, _, err := r.bed.Store(r.clock.Now).BrandKey(t.Context(), brandID, 0)
	must(t, err)
	const thief = "22222222-2222-4222-8222-222222222222"
	must(t, r.bed.Store(r.clock.Now).CreateBrand(t.Context(), kyc.Brand{ID: thief, Name: "Thief", CreatedAt: r.clock.Now()}, wrapped, testbed.Record()))
	if _, err := r.Seal(t.Context(), kyc.ProfilePlace(thief, "c"), applicant()); err == nil {
		t.Error("a brand's key serves another brand")
	}
}

func TestUnknownBrandAndVersion(t *testing.T) {
	r := open(t)
	if _, err := r.Seal(t.Context(), kyc.ProfilePlace(uuid.NewString(), "c"), applicant()); err == nil || strings.Contains(err.Error(), "in clear") {
		t.Errorf("err %v", err)
	}
}

func TestPurposes(t *testing.T) {
	r := open(t)
	if _, err := r.Purpose(t.Context(), "a"); err == nil {
		t.Error("a stack without secret has keys")
	}
	must(t, r.EnsureStackSecret(t.Context()))
	derive := func(k *keyring.Keyring, purpose string) []byte {
		t.Helper()
		derived, err := k.Purpose(t.Context(), purpose)
		must(t, err)
		return derived.Keys[0]
	}
	a, b := derive(r.Keyring, "a"), derive(r.Keyring, "b")
	if len(a) != 32 || len(b) != 32 || bytes.Equal(a, b) {
		t.Errorf("%d and %d bytes, equal %t", len(a), len(b), bytes.Equal(a, b))
	}
	must(t, r.EnsureStackSecret(t.Context())) // again: the secret stays
	r.clock.Move(time.Hour)
	fresh := keyring.New(r.bed.AWS, r.bed.KeyARN, r.bed.Store(r.clock.Now), r.clock.Now)
	if !bytes.Equal(a, derive(fresh, "a")) || !bytes.Equal(a, derive(r.Keyring, "a")) {
		t.Error("a purpose's key is not stable")
	}
	other := open(t)
	must(t, other.EnsureStackSecret(t.Context()))
	if bytes.Equal(a, derive(other.Keyring, "a")) {
		t.Error("two stacks have the same key")
	}
}

// An environment goes by what it has read of the secret for five minutes, and by nothing older.
func TestPurposesWhileTheSecretIsRotated(t *testing.T) {
	r := open(t)
	must(t, r.EnsureStackSecret(t.Context()))
	store := r.bed.Store(r.clock.Now)
	state := func() kyc.StackSecret {
		t.Helper()
		s, err := store.StackSecret(t.Context())
		must(t, err)
		return s
	}
	derive := func() kyc.Derived {
		t.Helper()
		d, err := r.Purpose(t.Context(), "a")
		must(t, err)
		return d
	}
	old := derive().Keys[0]
	next, err := r.NewStackSecret(t.Context())
	must(t, err)
	write := func(after kyc.StackSecret) {
		t.Helper()
		if ok, err := store.AdvanceStackSecret(t.Context(), state(), after, testbed.Record()); err != nil || !ok {
			t.Fatalf("%t, err %v", ok, err)
		}
	}
	write(state().Rotate(next, r.clock.Now()))
	announced, err := r.DerivedOf(t.Context(), state(), "a")
	must(t, err)
	fresh := announced.Idle[0]
	steps := []kyc.Derived{
		{Keys: [][]byte{old}, Idle: [][]byte{fresh}}, {Keys: [][]byte{old, fresh}}, {Keys: [][]byte{fresh, old}},
		{Keys: [][]byte{fresh}, Idle: [][]byte{old}}, {Keys: [][]byte{fresh}},
	}
	before := kyc.Derived{Keys: [][]byte{old}}
	for n, want := range steps {
		if n > 0 {
			write(state().NextPhase(r.clock.Now()))
		}
		r.clock.Move(kyc.SecretRemembered - time.Microsecond)
		if diff := cmp.Diff(before, derive()); diff != "" {
			t.Errorf("step %d, just before five minutes (-want +got):\n%s", n, diff)
		}
		r.clock.Move(time.Microsecond)
		if diff := cmp.Diff(want, derive()); diff != "" {
			t.Errorf("step %d, after five minutes (-want +got):\n%s", n, diff)
		}
		before = want
	}
}

func TestConcurrentUse(t *testing.T) {
	r := open(t)
	place := kyc.ProfilePlace(brandID, "c")
	done := make(chan error)
	for range 10 {
		go func() {
			sealed, err := r.Seal(t.Context(), place, applicant())
			if err == nil {
				_, err = r.Open(t.Context(), place, sealed)
			}
			done <- err
		}()
	}
	for range 10 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
