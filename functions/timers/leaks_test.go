package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[json.RawMessage, any]{
		Build: build, Events: []string{"timers.json"}, Prepare: func(t *testing.T, b *testbed.Bed) { b.Start(t, testbed.MarkedID, testbed.AttemptID) },
	}.Run(t)
}

// A customer who was deleted ten minutes ago is due.
func TestNothingOfADeletedCustomerLeaks(t *testing.T) {
	testbed.Leaks[json.RawMessage, any]{Build: build, Events: []string{"timers.json"}, Prepare: deleted}.Run(t)
}

func deleted(t *testing.T, b *testbed.Bed) {
	store := b.Store(clock.Now)
	a := kyc.Attempt{
		ID: testbed.AttemptID, Status: kyc.Failed, SubmittedAt: clock.Now(), Mode: kyc.Sandbox,
		Results: []kyc.Result{{Check: kyc.CheckCIP, Reason: kyc.ReasonMissing, Provider: "policy", Mode: kyc.Sandbox}},
		Fields:  kyc.Sealed{Key: []byte("key"), Fields: map[kyc.Field][]byte{kyc.SSN: []byte("sealed")}},
	}
	if err := store.ArchiveAttempt(t.Context(), testbed.BrandID, testbed.MarkedID, testbed.ProgramID, a); err != nil {
		t.Fatal(err)
	}
	desk := &onboarding.Service{
		Customers: store, Programs: store, Vault: b.Keyring(), Closings: store, Retention: &onboarding.Retention{Remains: unerased{store}, Files: testbed.NoFiles{}},
		Clock: tenMinutesAgo{}, NewID: uuid.NewString,
	}
	if _, err := desk.Erase(t.Context(), testbed.BrandID, testbed.MarkedID, func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
}

// unerased leaves to timers what is in the archive.
type unerased struct{ onboarding.Remains }

func (unerased) Retain(context.Context, kyc.CustomerRef, kyc.Archived, *kyc.Attempt) (bool, error) {
	return true, nil
}

type tenMinutesAgo struct{}

func (tenMinutesAgo) Now(context.Context, string) (kyc.Moment, error) {
	return kyc.Moment{Time: clock.Now().Add(-10 * time.Minute)}, nil
}
