package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/duplicate"
	"kyc/shared/keyring"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/platform"
	"kyc/shared/testbed"
)

// A rotation from its beginning to its end, on the table, with environments that have remembered the secret for as long as
// they may. In every phase each of them finds who shares an SSN and which idempotency key is taken.
func TestRotation(t *testing.T) {
	bed, now := testbed.Open(t), testbed.NewClock()
	bed.Seed(t) // with a customer who has no entry in the look-up, as from before there was one
	store := bed.Store(now.Now)
	keys := keyring.New(bed.AWS, bed.KeyARN, store, now.Now)
	service := &platform.Service{
		Audit: store, Brands: store, Programs: store, Keys: store, Grants: store, Keyring: keys, Now: now.Now, NewID: uuid.NewString,
		Rotation: platform.Rotation{Secrets: store, Profiles: store, Keys: keys, Patience: time.Minute},
	}
	environments := []*keyring.Keyring{keyring.New(bed.AWS, bed.KeyARN, store, now.Now), keyring.New(bed.AWS, bed.KeyARN, store, now.Now)}
	desk := func(e *keyring.Keyring) *onboarding.Service {
		return &onboarding.Service{Customers: store, Programs: store, Vault: e, Clock: clock.Brands{Real: now.Now, Store: store}, NewID: uuid.NewString}
	}
	var want []string
	create := func(e *keyring.Keyring, key string) (string, error) {
		v, err := desk(e).Create(t.Context(), testbed.BrandID, onboarding.Input{
			Fields:         map[kyc.Field]string{kyc.FirstName: "Ada", kyc.LastName: "Example", kyc.BirthDate: "1990-05-17", kyc.SSN: "123-45-6780"},
			Addresses:      []kyc.Address{{Type: "PHYSICAL", Street: "345 California St", City: "San Francisco", State: "CA", ZipCode: "94104", Country: "US", IsPrimary: true}},
			IdempotencyKey: &key, Body: []byte("{}"),
		})
		return v.Customer.ID, err
	}
	taken := map[string]time.Time{}
	look := func(when string) {
		t.Helper()
		for n, e := range environments {
			key := fmt.Sprint("key-", len(taken))
			id, err := create(e, key)
			if err != nil {
				t.Fatalf("%s, in environment %d: %v", when, n, err)
			}
			taken[key] = now.Now()
			want = append(want, id)
			slices.Sort(want)
		}
		for n, e := range environments {
			hash, _, err := duplicate.Lookup{Secrets: e}.Hash(t.Context(), testbed.BrandID, "123456780")
			if err != nil {
				t.Fatal(err)
			}
			got, err := store.CustomersWithSSN(t.Context(), testbed.BrandID, hash, 100)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, in environment %d: %d of %d customers are found, err %v", when, n, len(got), len(want), err)
			}
			for key, at := range taken {
				if !now.Now().Before(at.Add(kyc.KeyWindow - time.Second)) {
					continue // it may be free
				}
				if _, err := create(e, key); kyc.KindOf(err) != kyc.Conflict {
					t.Errorf("%s, in environment %d: the key of %v is free, err %v", when, n, at, err)
				}
			}
		}
	}
	act := func(name string) platform.Rotated {
		t.Helper()
		o := service.Begin(platform.Asked{Action: name})
		act := o.ContinueRotation
		if name == "rotate_stack_secret" {
			act = o.RotateStackSecret
		}
		r, err := act(t.Context())
		if err := o.End(t.Context(), err); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return r
	}
	look("before")
	for r := act("rotate_stack_secret"); !r.Over; r = act("continue_rotation") {
		if r.Secret.Done && !slices.Contains(want, testbed.CustomerID) {
			want = append(want, testbed.CustomerID)
			slices.Sort(want)
		}
		look(fmt.Sprint(r.Secret.Phase, " begins"))
		now.Move(kyc.SecretRemembered - time.Second)
		// One of the two forgets what it knew, the other one does not.
		environments[0] = keyring.New(bed.AWS, bed.KeyARN, store, now.Now)
		look(fmt.Sprint(r.Secret.Phase, " is known to one"))
		now.Move(max(0, r.Secret.Due().Sub(now.Now())))
		look(fmt.Sprint(r.Secret.Phase, " is known to all"))
	}
	look("afterwards")
	entries := 0
	for _, item := range bed.Items(t) {
		if strings.Contains(testbed.Text(item), "#ssn#") {
			entries++
		}
	}
	if entries != len(want) {
		t.Errorf("%d entries for %d customers: some of the old secret are left", entries, len(want))
	}
	if s, err := store.StackSecret(t.Context()); err != nil || s.Version != 2 || s.Next != nil {
		t.Errorf("secret of version %d, err %v", s.Version, err)
	}
}
