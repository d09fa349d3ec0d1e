package verification_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"kyc/shared/dynamostore"
	"kyc/shared/kyc"
	"kyc/shared/uploadlink"
	"kyc/shared/verification"
)

// asking is a customer whose attempt asks for a document, and what reads its state.
func asking(t *testing.T) (world, *verification.Reader) {
	t.Helper()
	w := open(t)
	must(t, w.vault.EnsureStackSecret(t.Context()))
	must(t, w.worker().Run(t.Context(), w.start(t, customerID, map[kyc.Field]string{kyc.SSN: "333-33-3333"})))
	links := uploadlink.Links{Secrets: w.vault}
	return w, &verification.Reader{Customers: w.store, Programs: w.store, Clock: w.brands(), Links: links}
}

const api = "https://kyc.example.com/api/v0.1"

func state(t *testing.T, r *verification.Reader) verification.State {
	t.Helper()
	s, err := r.Read(t.Context(), brandID, customerID, programID, api)
	must(t, err)
	return s
}

// leads returns what the link of a state leads to.
func leads(t *testing.T, r *verification.Reader, s verification.State) kyc.LinkRef {
	t.Helper()
	token, ours := strings.CutPrefix(s.UploadLink.Reveal(), api+"/upload#")
	ref, err := r.Links.Read(t.Context(), token)
	if err != nil || !ours {
		t.Fatalf("link %q: %v", s.UploadLink.Reveal(), err)
	}
	return ref
}

// A link is the same until it has ended, lives on while someone asks for it in its second half, and is followed by another
// that lets nobody in who has the first.
func TestReadingGivesAFreshLink(t *testing.T) {
	w, r := asking(t)
	first := leads(t, r, state(t, r))
	for name, c := range map[string]struct {
		after  time.Duration
		writes bool
	}{"at once": {0, false}, "in its first half": {80 * time.Hour, false}} {
		w.clock.Move(c.after)
		w.unchanged(t, func() {
			if s := state(t, r); leads(t, r, s) != first || !s.Attempt.Admits(first, w.clock.Now()) {
				t.Errorf("%s the link is another one", name)
			}
		})
	}
	w.clock.Move(10 * time.Hour)
	if s := state(t, r); leads(t, r, s) != first || s.Attempt.Link.Until != w.clock.Now().Add(kyc.LinkLife).Truncate(time.Second) {
		t.Errorf("in its second half the link became %+v", s.Attempt.Link)
	}
	w.clock.Move(kyc.LinkLife)
	s := state(t, r)
	second := leads(t, r, s)
	if second.Generation != 2 || s.Attempt.Admits(first, w.clock.Now()) || !s.Attempt.Admits(second, w.clock.Now()) {
		t.Errorf("after its end there is %+v with the link %+v", second, s.Attempt.Link)
	}
	if stored := w.read(t, customerID).Attempts[programID]; stored.Link != s.Attempt.Link || stored.Fence != s.Attempt.Fence {
		t.Errorf("stored is %+v, shown %+v", stored, s.Attempt)
	}
	_, _, err := (&verification.Canceler{Attempts: w.store, Clock: w.brands()}).Cancel(t.Context(), brandID, customerID, programID)
	must(t, err)
	w.clock.Move(kyc.LinkLife)
	w.unchanged(t, func() {
		if s := state(t, r); !s.UploadLink.IsZero() {
			t.Error("an attempt that was canceled has a link")
		}
	})
}

// Many who read at once are given one and the same link.
func TestReadersAtOnce(t *testing.T) {
	w, r := asking(t)
	w.clock.Move(kyc.LinkLife)
	var mu sync.Mutex
	links := map[kyc.LinkRef]int{}
	atOnce(8, func(int) {
		for { // who finds everybody else writing is asked to come back
			s, err := r.Read(t.Context(), brandID, customerID, programID, api)
			if kyc.KindOf(err) == kyc.Unavailable {
				continue
			}
			if err != nil {
				t.Error(err)
				return
			}
			ref := leads(t, r, s)
			mu.Lock()
			links[ref]++
			mu.Unlock()
			return
		}
	})
	if len(links) != 1 || w.read(t, customerID).Attempts[programID].Link.Generation != 2 {
		t.Errorf("they were given %v", links)
	}
}

// overtaken is a table in which someone else writes between a read and the write after it.
type overtaken struct {
	*dynamostore.Store
	between func()
}

func (o overtaken) FileDocuments(ctx context.Context, f kyc.Filing) (*kyc.Standing, error) {
	o.between()
	return o.Store.FileDocuments(ctx, f)
}

func TestReadersAreOvertaken(t *testing.T) {
	w, r := asking(t)
	w.clock.Move(kyc.LinkLife)
	once := sync.OnceFunc(func() {
		if _, _, err := (&verification.Canceler{Attempts: w.store, Clock: w.brands()}).Cancel(t.Context(), brandID, customerID, programID); err != nil {
			t.Error(err)
		}
	})
	r.Customers = overtaken{w.store, once}
	if s := state(t, r); s.Attempt.Status != kyc.Canceled || !s.UploadLink.IsZero() {
		t.Errorf("canceled meanwhile, it is shown as %+v", s.Attempt)
	}

	w, r = asking(t)
	w.clock.Move(kyc.LinkLife)
	r.Customers = overtaken{w.store, func() {
		c := w.read(t, customerID)
		a := c.Attempts[programID]
		to := a
		to.Fence++
		if stood, err := w.store.FileDocuments(t.Context(), kyc.Filing{Pair: kyc.Pair{BrandID: brandID, CustomerID: customerID, ProgramID: programID}, From: a, To: to}); err != nil || stood != nil {
			t.Errorf("stood %+v, err %v", stood, err)
		}
	}}
	if _, err := r.Read(t.Context(), brandID, customerID, programID, api); refusal(t, err).Kind != kyc.Unavailable {
		t.Errorf("always overtaken: %v", err)
	}
}
