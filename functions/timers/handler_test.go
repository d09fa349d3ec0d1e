package main

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func TestSweep(t *testing.T) {
	bed, _ := testbed.Seeded(t)
	bed.Start(t, testbed.CustomerID, testbed.AttemptID)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var e json.RawMessage
	testbed.Event(t, "timers.json", &e)
	got, err := handle(testbed.Context(t), e)
	if diff := cmp.Diff(any(map[string]int{"customers": 0, "webhooks": 0}), got); err != nil || diff != "" {
		t.Errorf("a fresh attempt is due in five minutes, not now: err %v (-want +got):\n%s", err, diff)
	}
}
