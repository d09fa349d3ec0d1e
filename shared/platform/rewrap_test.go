package platform_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/platform"
)

// vaults is the keys of a brand with two customers, whose data keys say by their first digit which version wraps them.
type vaults struct {
	*world
	keys     kyc.BrandKeys
	dataKeys map[string]string // by customer
	overtake bool              // another pass begins beside each write of this one
}

func (v *vaults) BrandKeys(context.Context, string) (kyc.BrandKeys, error) {
	return v.keys, v.do("read brand keys")
}

func (v *vaults) AddBrandKey(_ context.Context, k kyc.BrandKeys, wrapped []byte, at time.Time, r kyc.AuditRecord) (bool, error) {
	v.with(r)
	v.wrapped, v.keys.Newest, v.keys.RotatedAt = wrapped, k.Newest+1, at
	return !v.raced, v.do("add brand key")
}

func (v *vaults) DestroyBrandKeys(_ context.Context, k kyc.BrandKeys, r kyc.AuditRecord) (bool, error) {
	v.with(r)
	v.keys.Versions = []int{k.Newest}
	return !v.raced, v.do("destroy brand keys")
}

func (v *vaults) MoveRewrap(_ context.Context, _ string, from *kyc.Rewrap, to kyc.Rewrap) (bool, error) {
	v.keys.Rewrap = &to
	return from == nil || !v.overtake, v.do("move")
}

func (v *vaults) NoteRewrapped(_ context.Context, _ string, _ kyc.Rewrap, at time.Time) (bool, error) {
	v.keys.RewrappedAt = at
	return !v.overtake, v.do("note")
}

func (v *vaults) KeyHolders(_ context.Context, _, cursor string) (kyc.KeyHolders, string, error) {
	pages := map[string]string{"": "a", "a": "b", "b": ""}
	return kyc.KeyHolders{Customers: map[string][]string{"": {"one"}, "a": nil, "b": {"two", "one"}}[cursor]}, pages[cursor], v.do("list customers")
}

func (v *vaults) RewrapDelivery(context.Context, kyc.DeliveryRef, func(kyc.Place, []byte) ([]byte, error)) (int, error) {
	return 0, v.do("rewrap delivery")
}

func (v *vaults) RewrapCustomer(_ context.Context, _, id string, rewrap func(kyc.Place, []byte) ([]byte, error)) (int, error) {
	anew, err := rewrap(kyc.Place{}, []byte(v.dataKeys[id]))
	if err != nil || string(anew) == v.dataKeys[id] {
		return 0, err
	}
	v.dataKeys[id] = string(anew)
	return 1, v.do("rewrap customer")
}

func (v *vaults) RewrapSubscriptions(context.Context, string, func(kyc.Place, []byte) ([]byte, error)) (int, error) {
	return 0, v.do("rewrap subscriptions")
}

func (v *vaults) Rewrap(_ context.Context, _ kyc.Place, wrapped []byte, version int) ([]byte, error) {
	return fmt.Appendf(nil, "%d%s", version, wrapped[1:]), v.do("rewrap")
}

// rotated is a brand whose key was rotated once, and an action of its operator.
func rotated() (*vaults, *platform.Operation) {
	v := &vaults{world: &world{}, dataKeys: map[string]string{"one": "1x", "two": "2y"},
		keys: kyc.BrandKeys{BrandID: brandID, Newest: 2, Versions: []int{1, 2}, RotatedAt: noon.Add(-kyc.KeyRest)}}
	o := service(v.world)
	o.BrandKeys, o.DataKeys, o.Keyring = v, v, v
	return v, o
}

func TestRewrapDataKeys(t *testing.T) {
	v, o := rotated()
	done, err := o.RewrapDataKeys(t.Context(), brandID, nil)
	if err != nil || done.Cursor != "" || done.Customers != 3 || done.DataKeys != 1 || !done.Rewrap.Complete || !done.RewrappedAt.Equal(noon) || done.Destroyable() {
		t.Errorf("%+v, err %v", done, err)
	}
	if diff := cmp.Diff(map[string]string{"one": "2x", "two": "2y"}, v.dataKeys); diff != "" {
		t.Errorf("data keys (-want +got):\n%s", diff)
	}
	first := func(what string) int { return slices.Index(v.done, what) }
	if first("keep record") > first("move") || first("note") > first("rewrap customer") {
		t.Errorf("in the order of %q: a record comes first, and a note before what it tells of", v.done)
	}
	if v.records[0].Outcome != kyc.AuditBegun || o.End(t.Context(), nil) != nil || v.records[1].Outcome != kyc.AuditDone ||
		!slices.Equal(v.records[1].Changes, []kyc.AuditChange{{Name: "data_keys_rewrapped", Before: "0", After: "1"}}) {
		t.Errorf("records %+v", v.records)
	}
	v.keys.RewrappedAt = noon.Add(-kyc.KeyRest)
	if done, err := o.RewrapDataKeys(t.Context(), brandID, nil); err != nil || done.DataKeys != 0 || !done.Destroyable() {
		t.Errorf("after the rest: %+v, err %v", done, err)
	}
}

// A call that runs out of time answers with where it stands; the next one goes on from there, and from nowhere else.
func TestRewrapGoesOn(t *testing.T) {
	v, o := rotated()
	now := noon
	o.Now = func() time.Time { now = now.Add(15 * time.Second); return now }
	done, err := o.RewrapDataKeys(t.Context(), brandID, nil)
	if err != nil || done.Cursor != "a" {
		t.Fatalf("%+v, err %v", done, err)
	}
	wrong, right := "b", done.Cursor
	if _, err := o.RewrapDataKeys(t.Context(), brandID, &wrong); kyc.KindOf(err) != kyc.Conflict {
		t.Errorf("from elsewhere: %v", err)
	}
	o.Now = func() time.Time { return noon }
	if done, err = o.RewrapDataKeys(t.Context(), brandID, &right); err != nil || !done.Rewrap.Complete {
		t.Errorf("%+v, err %v", done, err)
	}
	if _, err := o.RewrapDataKeys(t.Context(), brandID, &right); kyc.KindOf(err) != kyc.Conflict {
		t.Errorf("past the end: %v", err)
	}
	v.keys.Rewrap.Complete, v.keys.Newest = false, 3
	if _, err := o.RewrapDataKeys(t.Context(), brandID, &v.keys.Rewrap.Cursor); kyc.KindOf(err) != kyc.Conflict {
		t.Errorf("after another rotation: %v", err)
	}
}

func TestRotationsAreRefused(t *testing.T) {
	full := func(v *vaults) { v.keys.Versions = make([]int, kyc.MaxBrandKeys) }
	rotate := func(o *platform.Operation) error {
		_, err := o.RotateBrandKey(context.Background(), brandID)
		return err
	}
	rewrap := func(o *platform.Operation) error {
		_, err := o.RewrapDataKeys(context.Background(), brandID, nil)
		return err
	}
	destroy := func(o *platform.Operation) error {
		_, err := o.DestroyBrandKeys(context.Background(), brandID)
		return err
	}
	proved := func(v *vaults) {
		v.keys.Rewrap, v.keys.RewrappedAt = &kyc.Rewrap{Version: 2, BegunAt: noon, Complete: true}, time.Time{}
	}
	but := func(change func(*kyc.BrandKeys)) func(*vaults) {
		return func(v *vaults) { proved(v); change(&v.keys) }
	}
	for name, c := range map[string]struct {
		change func(*vaults)
		do     func(*platform.Operation) error
		ok     bool
	}{
		"a rotation":                                       {func(*vaults) {}, rotate, true},
		"too many versions":                                {full, rotate, false},
		"a rotation beside another":                        {func(v *vaults) { v.raced = true }, rotate, false},
		"a pass that is overtaken":                         {func(v *vaults) { v.overtake = true }, rewrap, false},
		"destroying after a pass":                          {proved, destroy, true},
		"destroying one version":                           {func(v *vaults) { v.keys.Versions = []int{2} }, destroy, true},
		"destroying without a pass":                        {func(*vaults) {}, destroy, false},
		"destroying beside another":                        {but(func(k *kyc.BrandKeys) { k.Newest = 3 }), destroy, false},
		"destroying after half a pass":                     {but(func(k *kyc.BrandKeys) { k.Rewrap.Complete = false }), destroy, false},
		"destroying a moment after what was wrapped anew":  {but(func(k *kyc.BrandKeys) { k.RewrappedAt = noon.Add(1 - kyc.KeyRest) }), destroy, false},
		"destroying after a pass begun a moment too early": {but(func(k *kyc.BrandKeys) { k.Rewrap.BegunAt = noon.Add(-1) }), destroy, false},
		"destroying beside someone":                        {func(v *vaults) { proved(v); v.raced = true }, destroy, false},
	} {
		t.Run(name, func(t *testing.T) {
			v, o := rotated()
			c.change(v)
			if err := c.do(o); (err == nil) != c.ok || !c.ok && kyc.KindOf(err) != kyc.Conflict {
				t.Errorf("err %v", err)
			}
		})
	}
	for _, fail := range []string{"read brand keys", "brand key", "add brand key", "keep record", "move", "note", "list customers", "rewrap", "rewrap customer",
		"rewrap subscriptions", "destroy brand keys"} {
		v, o := rotated()
		v.fail = fail
		errs := []error{rewrap(o)}
		proved(v)
		if errs = append(errs, destroy(o), rotate(o)); !slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, errGone) }) {
			t.Errorf("failing: %s: %v", fail, errs)
		}
	}
}
