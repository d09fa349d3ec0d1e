package verification_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/sandbox"
)

func (w world) desk() *onboarding.Service {
	return &onboarding.Service{
		Customers: w.store, Closings: w.store, Retention: &onboarding.Retention{Remains: w.store, Files: noFiles{}},
		Programs: w.store, Vault: w.vault, Clock: w.brands(), NewID: uuid.NewString, MagicSSN: sandbox.Magic,
	}
}

func always(string) bool { return true }

func rename(name string) onboarding.Input {
	return onboarding.Input{Fields: map[kyc.Field]string{kyc.LastName: name}}
}

// Whatever comes first, a start, its verification or an update: the identity that has passed is the one on file, and from
// the start on nobody has changed it.
func TestUpdateRacesWithAStart(t *testing.T) {
	w := open(t)
	desk, service := w.desk(), w.service()
	var updated, refused int
	for round := range 60 {
		id := w.customer(t, nil)
		judged := ""
		worker := w.worker()
		worker.Provider = provider(func(ctx context.Context, applicant kyc.Profile) (kyc.Verdict, error) {
			judged = applicant.Get(kyc.LastName)
			return sandbox.Provider{}.Check(ctx, applicant, external, nil)
		})
		var updates [2]error
		atOnce(3, func(i int) {
			if i < len(updates) {
				_, updates[i] = desk.Update(t.Context(), brandID, id, always, rename(fmt.Sprintf("Name-%c", 'a'+i)))
				return
			}
			if round%2 == 0 {
				w.read(t, id) // begin a little later
			}
			s, err := service.Start(t.Context(), request(id))
			must(t, err)
			must(t, worker.Run(t.Context(), kyc.Work{BrandID: brandID, CustomerID: id, ProgramID: programID, AttemptID: s.Attempt.ID}))
		})
		for _, err := range updates {
			if err == nil {
				updated++
				continue
			}
			refused++
			if e := refusal(t, err); e.Code != "kyc_in_progress" && e.Code != "kyc_customer" {
				t.Errorf("refused as %+v", e)
			}
		}
		c, onFile := w.read(t, id), w.onFile(t, id).Get(kyc.LastName)
		if c.Attempts[programID].Status != kyc.Passed || judged != onFile {
			t.Errorf("%s, judged was %q, on file is %q", c.Attempts[programID].Status, judged, onFile)
		}
		_, err := desk.Update(t.Context(), brandID, id, always, rename("Later"))
		if e := refusal(t, err); e.Code != "kyc_customer" {
			t.Errorf("after the pass: %+v", e)
		}
		_, err = desk.Update(t.Context(), brandID, id, always, onboarding.Input{Fields: map[kyc.Field]string{kyc.Email: "new@example.com"}})
		must(t, err)
	}
	if updated == 0 || refused == 0 {
		t.Errorf("%d updates came before, %d after the start: there was no race", updated, refused)
	}
}

// Between an update's read and its write an attempt is opened: the write must not happen.
func TestUpdateIsConditionalOnWhatItWasDecidedOn(t *testing.T) {
	w := open(t)
	for name, between := range map[string]func(id string){
		"a start":          func(id string) { w.start(t, id, nil) },
		"a start, passed":  func(id string) { must(t, w.worker().Run(t.Context(), w.start(t, id, nil))) },
		"start and cancel": func(id string) { w.start(t, id, nil); cancel(t, w, id) },
	} {
		t.Run(name, func(t *testing.T) {
			id := w.customer(t, nil)
			desk := w.desk()
			once := true
			desk.Customers = interrupted{w, func() {
				if once {
					once = false
					between(id)
				}
			}}
			_, err := desk.Update(t.Context(), brandID, id, always, rename("Changed"))
			c, name := w.read(t, id), w.onFile(t, id).Get(kyc.LastName)
			if c.Attempts[programID].Status == kyc.Canceled {
				if err != nil || name != "Changed" {
					t.Errorf("after the end: err %v, on file is %q", err, name)
				}
				return
			}
			if err == nil || name != "Example" || c.ProfileVersion != 1 {
				t.Errorf("err %v, on file is %q: %+v", err, name, c)
			}
		})
	}
}

func cancel(t *testing.T, w world, id string) {
	t.Helper()
	c := w.read(t, id)
	from := c.Attempts[programID]
	to, err := from.Advance(kyc.Decision{Status: kyc.Canceled}, c.Versions[programID]+1, w.clock.Now(), "by_brand")
	must(t, err)
	stood, err := w.store.AdvanceAttempt(t.Context(), kyc.Advance{
		BrandID: brandID, CustomerID: id, ProgramID: programID, From: from, To: to, Version: c.Versions[programID], Ended: true,
	})
	if must(t, err); stood != nil {
		t.Fatalf("stood %+v", stood.Customer)
	}
}

// interrupted is a table to which something happens before each update.
type interrupted struct {
	world
	before func()
}

func (i interrupted) CreateCustomer(ctx context.Context, n kyc.NewCustomer) (*kyc.KeyRecord, error) {
	return i.store.CreateCustomer(ctx, n)
}

func (i interrupted) CustomerAndProfile(ctx context.Context, brandID, customerID string) (kyc.Customer, kyc.Sealed, error) {
	return i.store.CustomerAndProfile(ctx, brandID, customerID)
}

func (i interrupted) UpdateProfile(ctx context.Context, up kyc.Update) (bool, error) {
	i.before()
	return i.store.UpdateProfile(ctx, up)
}

// What relay never came to is told after five minutes, though nothing but the customer's data has changed.
func TestUnrelayedUpdateIsToldAgain(t *testing.T) {
	w := open(t)
	w.subscribe(t)
	id := w.customer(t, nil)
	for _, name := range []string{"Once", "Twice"} {
		_, err := w.desk().Update(t.Context(), brandID, id, always, rename(name))
		must(t, err)
	}
	w.unchanged(t, func() { w.sweep(t, 0) })
	w.clock.Move(kyc.AlarmDelay)
	w.sweep(t, 1)
	want := []string{string(kyc.EventCustomerUpdated), string(kyc.EventCustomerUpdated)}
	if got := w.events(t); !slices.Equal(got, want) {
		t.Errorf("events %q", got)
	}
	if c := w.read(t, id); c.Unrelayed(kyc.OfProfile) || !c.DueAt.IsZero() {
		t.Errorf("something is pending: %+v", c)
	}
	w.clock.Move(kyc.AlarmDelay)
	w.unchanged(t, func() { w.sweep(t, 0) })
}
