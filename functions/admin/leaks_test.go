package main

import (
	"testing"

	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[request, any]{
		Build: build, Events: []string{
			"admin-create-brand.json", "admin-create-program.json", "admin-create-key.json", "admin-update-policy.json", "admin-grant-attempts.json",
			"admin-list-retry-requests.json",
		},
		Prepare: func(t *testing.T, b *testbed.Bed) { b.Start(t, testbed.MarkedID, testbed.AttemptID) },
	}.Run(t)
}
