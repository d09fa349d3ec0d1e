package main

import (
	"testing"

	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[request, any]{
		Build: build, Events: files(t),
		Prepare: func(t *testing.T, b *testbed.Bed) {
			b.Start(t, testbed.MarkedID, testbed.AttemptID)
			rotatedKey(t, b)
		},
	}.Run(t)
}
