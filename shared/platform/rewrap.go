package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kyc/shared/kyc"
)

// BrandKeyStore is where the wrapped keys of brands are kept, and how far their data keys are wrapped anew.
type BrandKeyStore interface {
	BrandKeys(ctx context.Context, brandID string) (kyc.BrandKeys, error)
	// AddBrandKey and DestroyBrandKeys return false where k is not how the keys stand any more.
	AddBrandKey(ctx context.Context, k kyc.BrandKeys, wrapped []byte, at time.Time, r kyc.AuditRecord) (bool, error)
	DestroyBrandKeys(ctx context.Context, k kyc.BrandKeys, r kyc.AuditRecord) (bool, error)
	Passes
}

// Passes is how far a pass over a brand's data keys has come.
type Passes interface {
	// MoveRewrap takes a pass further, or with a nil from begins one, and NoteRewrapped notes that it is about to wrap a data
	// key anew. They return false where another pass has begun or someone else has taken this one further.
	MoveRewrap(ctx context.Context, brandID string, from *kyc.Rewrap, to kyc.Rewrap) (bool, error)
	NoteRewrapped(ctx context.Context, brandID string, pass kyc.Rewrap, at time.Time) (bool, error)
}

// DataKeys is where the wrapped data keys of a brand lie. What rewrap returns takes the place of what it is given, unless
// that is the same.
type DataKeys interface {
	// KeyHolders lists the next customers after a cursor, those too of whom the law alone keeps something, and the next
	// deliveries, and returns the cursor after them, an empty one at the end. One may be listed twice.
	KeyHolders(ctx context.Context, brandID, cursor string) (kyc.KeyHolders, string, error)
	RewrapCustomer(ctx context.Context, brandID, customerID string, rewrap func(kyc.Place, []byte) ([]byte, error)) (int, error)
	RewrapDelivery(ctx context.Context, ref kyc.DeliveryRef, rewrap func(kyc.Place, []byte) ([]byte, error)) (int, error)
	RewrapSubscriptions(ctx context.Context, brandID string, rewrap func(kyc.Place, []byte) ([]byte, error)) (int, error)
}

// RotateBrandKey makes a new version of the brand's key. New data keys are wrapped by it within five minutes; what there is
// stays readable under the versions before.
func (o *Operation) RotateBrandKey(ctx context.Context, brandID string) (kyc.BrandKeys, error) {
	keys, err := o.brandKeys(ctx, brandID)
	if err != nil {
		return kyc.BrandKeys{}, err
	}
	if len(keys.Versions) >= kyc.MaxBrandKeys {
		return kyc.BrandKeys{}, conflict(fmt.Sprintf("A brand's key can have %d versions at once. Wrap its data keys anew with rewrap_data_keys, and destroy the old "+
			"versions with destroy_brand_keys.", kyc.MaxBrandKeys))
	}
	wrapped, err := o.Keyring.NewBrandKey(ctx, brandID)
	if err != nil {
		return kyc.BrandKeys{}, fmt.Errorf("brand key: %w", err)
	}
	now, next := o.Now(), keys.Newest+1
	o.changed("key_version", strconv.Itoa(keys.Newest), strconv.Itoa(next))
	added, err := o.BrandKeys.AddBrandKey(ctx, keys, wrapped, now, o.record)
	if err == nil && !added {
		err = conflict("The brand's key was rotated by someone else at the same time. Its newest version is younger than your request: there may be no need for another.")
	}
	if err != nil {
		return kyc.BrandKeys{}, err
	}
	keys.Newest, keys.RotatedAt, keys.Versions = next, now, append(slices.Clone(keys.Versions), next)
	return keys, nil
}

// DestroyBrandKeys destroys every version of the brand's key but the newest. It refuses unless nothing needs them any more.
func (o *Operation) DestroyBrandKeys(ctx context.Context, brandID string) (kyc.BrandKeys, error) {
	keys, err := o.brandKeys(ctx, brandID)
	if err != nil || len(keys.Versions) == 1 {
		return keys, err
	}
	if !keys.Destroyable() {
		return kyc.BrandKeys{}, &kyc.Error{Kind: kyc.Conflict, Code: "resource_conflict", Extra: map[string]any{"rest_until": kyc.FormatTime(keys.RestUntil())},
			Message: "Data may still be encrypted under an old version. Run rewrap_data_keys until it answers complete: once it was begun after rest_until and has found " +
				"nothing to wrap anew, the old versions can be destroyed."}
	}
	var old []string
	for _, version := range keys.Versions {
		if version != keys.Newest {
			old = append(old, strconv.Itoa(version))
		}
	}
	o.changed("key_versions", strings.Join(append(old, strconv.Itoa(keys.Newest)), ", "), strconv.Itoa(keys.Newest))
	destroyed, err := o.BrandKeys.DestroyBrandKeys(ctx, keys, o.record)
	if err == nil && !destroyed {
		err = conflict("The brand's keys were changed by someone else at the same time, and nothing was destroyed. Send the same again.")
	}
	if err != nil {
		return kyc.BrandKeys{}, err
	}
	keys.Versions = []int{keys.Newest}
	return keys, nil
}

// Rewrapped is how far a pass over the data keys has come.
type Rewrapped struct {
	kyc.BrandKeys
	Cursor    string // to go on with; empty where the pass is complete
	Customers int    // that were looked at now
	DataKeys  int    // that were wrapped anew now
}

const (
	// rewrapTime is how long one call goes on: two thirds of what the function has. The next one goes on from its cursor.
	rewrapTime = 40 * time.Second
	// rewrapAtOnce is how many customers or deliveries are looked at side by side.
	rewrapAtOnce = 10
)

// RewrapDataKeys wraps data keys of the brand by the newest version of its key, for as long as one call may take. Without a
// cursor it begins a pass; with the cursor of the call before it goes on. A call that was cut short can be sent again: what
// is wrapped already stays as it is.
//
// Before it wraps the first data key anew it notes the time. A pass that began after everything had come to rest, and
// completes without such a note, proves that nothing is left under an old version.
func (o *Operation) RewrapDataKeys(ctx context.Context, brandID string, cursor *string) (Rewrapped, error) {
	keys, err := o.brandKeys(ctx, brandID)
	if err != nil {
		return Rewrapped{}, err
	}
	now := o.Now()
	p := &pass{Operation: o, brandID: brandID, keys: keys}
	switch {
	case cursor == nil:
		p.at = kyc.Rewrap{Version: keys.Newest, BegunAt: now}
	case keys.Rewrap == nil || keys.Rewrap.Complete || keys.Rewrap.Version != keys.Newest || keys.Rewrap.Cursor != *cursor:
		return Rewrapped{}, conflict("The cursor is not where the pass over this brand's data keys stands: someone else has taken it further, begun another, or rotated the key. " +
			"Begin anew without a cursor; what is wrapped already stays as it is.")
	default:
		p.at = *keys.Rewrap
	}
	if err := o.begin(ctx); err != nil {
		return Rewrapped{}, err
	}
	err = p.run(ctx, cursor == nil, now.Add(rewrapTime))
	done := Rewrapped{BrandKeys: keys, Customers: p.customers, DataKeys: int(p.replaced.Load())}
	o.changed("data_keys_rewrapped", "0", strconv.Itoa(done.DataKeys))
	if err != nil {
		return Rewrapped{}, err
	}
	if done.BrandKeys, err = o.BrandKeys.BrandKeys(ctx, brandID); err == nil && !p.at.Complete {
		done.Cursor = p.at.Cursor
	}
	return done, err
}

// pass is one call's part of a pass over a brand's data keys.
type pass struct {
	*Operation
	brandID   string
	keys      kyc.BrandKeys
	at        kyc.Rewrap
	customers int
	replaced  atomic.Int64
	noting    sync.Mutex
	noted     bool
}

func (p *pass) run(ctx context.Context, anew bool, until time.Time) error {
	if anew {
		if err := p.move(ctx, nil, p.at); err != nil {
			return err
		}
		n, err := p.DataKeys.RewrapSubscriptions(ctx, p.brandID, p.rewrap(ctx))
		if p.replaced.Add(int64(n)); err != nil {
			return err
		}
	}
	for !p.at.Complete && p.Now().Before(until) {
		holders, next, err := p.DataKeys.KeyHolders(ctx, p.brandID, p.at.Cursor)
		if err != nil {
			return err
		}
		err = rewrapAll(p, holders.Customers, func(id string) (int, error) { return p.DataKeys.RewrapCustomer(ctx, p.brandID, id, p.rewrap(ctx)) })
		if err != nil {
			return err
		}
		err = rewrapAll(p, holders.Deliveries, func(d kyc.DeliveryRef) (int, error) { return p.DataKeys.RewrapDelivery(ctx, d, p.rewrap(ctx)) })
		if err != nil {
			return err
		}
		p.customers += len(holders.Customers)
		to := p.at
		to.Cursor, to.Complete = next, next == ""
		if err := p.move(ctx, &p.at, to); err != nil {
			return err
		}
	}
	return nil
}

// rewrapAll has one wrap anew what each holder has, some of them side by side.
func rewrapAll[H any](p *pass, holders []H, one func(H) (int, error)) error {
	for some := range slices.Chunk(holders, rewrapAtOnce) {
		errs := make([]error, len(some))
		var all sync.WaitGroup
		for n, holder := range some {
			all.Go(func() {
				replaced, err := one(holder)
				p.replaced.Add(int64(replaced))
				errs[n] = err
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

// rewrap wraps a data key by the newest version, after it has noted that it is about to.
func (p *pass) rewrap(ctx context.Context) func(kyc.Place, []byte) ([]byte, error) {
	return func(place kyc.Place, wrapped []byte) ([]byte, error) {
		anew, err := p.Keyring.Rewrap(ctx, place, wrapped, p.at.Version)
		if err != nil || bytes.Equal(anew, wrapped) {
			return anew, err
		}
		return anew, p.note(ctx)
	}
}

func (p *pass) note(ctx context.Context) error {
	p.noting.Lock()
	defer p.noting.Unlock()
	if p.noted {
		return nil
	}
	noted, err := p.BrandKeys.NoteRewrapped(ctx, p.brandID, p.at, p.Now())
	if err == nil && !noted {
		err = errOvertaken()
	}
	p.noted = err == nil
	return err
}

func (p *pass) move(ctx context.Context, from *kyc.Rewrap, to kyc.Rewrap) error {
	moved, err := p.BrandKeys.MoveRewrap(ctx, p.brandID, from, to)
	if err == nil && !moved {
		err = errOvertaken()
	}
	if err == nil {
		p.at = to
	}
	return err
}

func errOvertaken() error {
	return conflict("Someone else has taken the pass over this brand's data keys further, begun another, or rotated the key. Begin anew without a cursor; " +
		"what is wrapped already stays as it is.")
}

func (o *Operation) brandKeys(ctx context.Context, brandID string) (kyc.BrandKeys, error) {
	if err := o.known(ctx, brandID, map[string][]string{}); err != nil {
		return kyc.BrandKeys{}, err
	}
	return o.BrandKeys.BrandKeys(ctx, brandID)
}
