package dynamostore_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func (tb table) keys(t *testing.T) kyc.BrandKeys {
	t.Helper()
	k, err := tb.BrandKeys(t.Context(), brandID)
	must(t, err)
	return k
}

func TestOneOfManyRotationsAtOnce(t *testing.T) {
	tb := open(t)
	tb.newBrand(t, brandID)
	seen := tb.keys(t)
	if diff := cmp.Diff(kyc.BrandKeys{BrandID: brandID, Newest: 1, Versions: []int{1}}, seen); diff != "" {
		t.Errorf("of a new brand (-want +got):\n%s", diff)
	}
	var added atomic.Int32
	atOnce(20, func(int) {
		if ok, err := tb.AddBrandKey(t.Context(), seen, []byte("second"), tb.clock.Now(), testbed.Record()); err != nil {
			t.Error(err)
		} else if ok {
			added.Add(1)
		}
	})
	want := kyc.BrandKeys{BrandID: brandID, Newest: 2, Versions: []int{1, 2}, RotatedAt: tb.clock.Now()}
	if diff := cmp.Diff(want, tb.keys(t)); diff != "" || added.Load() != 1 {
		t.Errorf("%d were added (-want +got):\n%s", added.Load(), diff)
	}
	for version, key := range map[int]string{0: "second", 1: "wrapped", 2: "second"} {
		if got, _, err := tb.BrandKey(t.Context(), brandID, version); err != nil || string(got) != key {
			t.Errorf("version %d: %q, err %v", version, got, err)
		}
	}
}

// A pass goes on from where it stands alone, and what it has not shown destroys nothing.
func TestPassesOverDataKeys(t *testing.T) {
	tb := open(t)
	tb.newBrand(t, brandID)
	if ok, err := tb.AddBrandKey(t.Context(), tb.keys(t), []byte("second"), tb.clock.Now(), testbed.Record()); !ok || err != nil {
		t.Fatalf("added %t, err %v", ok, err)
	}
	first := kyc.Rewrap{Version: 2, BegunAt: tb.clock.Now()}
	further, complete := first, first
	further.Cursor, complete.Cursor, complete.Complete = "a", "", true
	other := first
	other.BegunAt = first.BegunAt.Add(time.Second)
	old := first
	old.Version = 1
	move := func(what string, from *kyc.Rewrap, to kyc.Rewrap, want bool) {
		t.Helper()
		if ok, err := tb.through(dropFirst("UpdateItem", func() {})).MoveRewrap(t.Context(), brandID, from, to); ok != want || err != nil {
			t.Errorf("%s: %t, err %v", what, ok, err)
		}
	}
	note := func(what string, pass kyc.Rewrap, want bool) {
		t.Helper()
		if ok, err := tb.NoteRewrapped(t.Context(), brandID, pass, tb.clock.Now()); ok != want || err != nil {
			t.Errorf("%s: %t, err %v", what, ok, err)
		}
	}
	destroy := func(what string, k kyc.BrandKeys, want bool) {
		t.Helper()
		if ok, err := tb.DestroyBrandKeys(t.Context(), k, testbed.Record()); ok != want || err != nil {
			t.Errorf("%s: %t, err %v", what, ok, err)
		}
	}
	move("under a version that is not the newest", nil, old, false)
	move("the first", nil, first, true)
	move("further", &first, further, true)
	note("from where it is", further, true)
	move("from where it was", &first, complete, false)
	note("from where it was", first, false)
	move("another one", nil, other, true)
	note("after another one has begun", further, false)
	move("after another one has begun", &further, complete, false)
	move("back to it", nil, first, true)
	move("to its end", &first, complete, true)
	seen := tb.keys(t)
	if seen.Rewrap == nil || *seen.Rewrap != complete || !seen.RewrappedAt.Equal(tb.clock.Now()) {
		t.Errorf("stands as %+v", seen)
	}
	stale := seen
	stale.Rewrap = &other
	destroy("after another pass", stale, false)
	stale = seen
	stale.Newest = 1
	destroy("after another rotation", stale, false)
	stale = seen
	stale.Versions = []int{1, 2, 3}
	destroy("of other versions", stale, false)
	destroy("as it stands", seen, true)
	if got := tb.keys(t); !slices.Equal(got.Versions, []int{2}) {
		t.Errorf("left are %v", got.Versions)
	}
}

// An attempt that goes to the archive while its customer is looked at is not missed, wherever it is met; and a data key that
// another one has taken the place of stays.
func TestRewrapMeetsWhatMoves(t *testing.T) {
	tb := open(t)
	tb.newCustomer(t, customerID)
	start := tb.start(customerID, "")
	start.Attempt.Fields = kyc.Sealed{Key: []byte("old"), Fields: map[kyc.Field][]byte{kyc.SSN: []byte("sealed")}}
	tb.run(t, tb.mustStart(t, start), kyc.Failed)
	replaced := tb.mustStart(t, tb.start(customerID, ""))
	before := tb.read(t, customerID)
	archive := before.Previous[programID]
	moved := false
	rewrap := func(place kyc.Place, wrapped []byte) ([]byte, error) {
		if place == kyc.AttemptPlace(brandID, customerID, start.Attempt.ID) && !moved { // between the read and the write
			moved = true
			must(t, tb.ArchiveAttempt(t.Context(), brandID, customerID, programID, archive))
			must(t, tb.NoteRelayed(t.Context(), before, kyc.Note{ProgramID: programID, To: before.Versions[programID], Archived: archive.ID}))
		}
		if string(wrapped) == "old" {
			return []byte("new"), nil
		}
		return wrapped, nil
	}
	n, err := tb.RewrapCustomer(t.Context(), brandID, customerID, rewrap)
	archived, err2 := tb.ArchivedAttempts(t.Context(), kyc.Pair{BrandID: brandID, CustomerID: customerID, ProgramID: programID}, time.Time{}, "", 10)
	if err != nil || err2 != nil || n != 1 || len(archived) != 1 || string(archived[0].Fields.Key) != "new" || string(archived[0].Fields.Fields[kyc.SSN]) != "sealed" {
		t.Errorf("%d were replaced, err %v; archived %+v", n, err, archived)
	}
	after := tb.read(t, customerID)
	if after.Attempts[programID].ID != replaced.Attempt.ID || after.Versions[programID] != before.Versions[programID] {
		t.Errorf("customer %+v", after)
	}
	tb.unchanged(t, func() {
		if n, err := tb.RewrapCustomer(t.Context(), brandID, customerID, rewrap); n != 0 || err != nil {
			t.Errorf("again: %d were replaced, err %v", n, err)
		}
	})
}

// What the law keeps of a customer who was deleted is wrapped anew too, though no list names it.
func TestRewrapComesToClosedCustomers(t *testing.T) {
	tb := open(t)
	tb.mustClose(t, tb.replaced(t))
	found, next, err := tb.KeyHolders(t.Context(), brandID, "")
	if err != nil || next != "" || !slices.Equal(found.Customers, []string{customerID}) {
		t.Fatalf("found %v, next %q, err %v", found, next, err)
	}
	if others, _, err := tb.KeyHolders(t.Context(), otherBrand, ""); err != nil || len(others.Customers) > 0 {
		t.Errorf("another brand's: %v, err %v", others, err)
	}
	n, err := tb.RewrapCustomer(t.Context(), brandID, customerID, func(kyc.Place, []byte) ([]byte, error) { return []byte("new"), nil })
	profile := tb.snapshot(t)["brand#"+brandID+"#customer#"+customerID+" profile"]
	if err != nil || n != 1 || string(profile["dk"].([]byte)) != "new" {
		t.Errorf("%d were replaced, err %v", n, err)
	}
}
