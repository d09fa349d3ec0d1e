package main

import (
	"encoding/json"
	"testing"

	"kyc/shared/testbed"
)

func TestNothingLeaks(t *testing.T) {
	testbed.Leaks[json.RawMessage, any]{
		Build: build, Events: []string{"timers.json"}, Prepare: func(t *testing.T, b *testbed.Bed) { b.Start(t, testbed.MarkedID, testbed.AttemptID) },
	}.Run(t)
}
