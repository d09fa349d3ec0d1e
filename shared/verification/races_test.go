package verification_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/message"
)

// Whoever comes at once, one is accepted, and all that follows follows once: one attempt, one message of work, one event.
func TestRaces(t *testing.T) {
	const callers, rounds = 50, 100
	for name, c := range map[string]struct {
		key     func(round, caller int) *string
		refused string
		keys    int // that are taken in the end
	}{
		"the same request": {func(round, _ int) *string { return new(fmt.Sprint(round)) }, "idempotency_key_exists", rounds},
		"distinct keys":    {func(round, caller int) *string { return new(fmt.Sprint(round, "-", caller)) }, "kyc_in_progress", rounds},
		"no key":           {func(int, int) *string { return nil }, "kyc_in_progress", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			w.subscribe(t)
			relay, service, worker := w.relay(), w.service(), w.worker()
			// As on a live stage: a read of the brand's clock before each call would be half of all calls.
			service.Clock, worker.Clock = clock.Brands{Real: w.clock.Now}, clock.Brands{Real: w.clock.Now}
			attempts := map[string]bool{}
			for round := range rounds {
				id := uuid.NewString()
				w.bed.Customer(t, id, "123-45-6780")
				starts, errs := make([]kyc.Start, callers), make([]error, callers)
				atOnce(callers, func(i int) {
					r := request(id)
					r.IdempotencyKey = c.key(round, i)
					starts[i], errs[i] = service.Start(t.Context(), r)
				})
				submitted := w.read(t, id)
				attempt := submitted.Attempts[programID]
				accepted := 0
				for i, err := range errs {
					if err == nil {
						accepted++
						if starts[i].Attempt.ID != attempt.ID {
							t.Errorf("caller %d was told of attempt %s, it is %s", i, starts[i].Attempt.ID, attempt.ID)
						}
						continue
					}
					e := refusal(t, err)
					if e.Code != c.refused || e.Kind != kyc.Conflict || e.Extra["attempt_id"] != attempt.ID || e.Extra["kyc_status"] != "submitted" {
						t.Errorf("caller %d was refused as %+v", i, e)
					}
				}
				if accepted != 1 || submitted.Versions[programID] != 1 || len(submitted.Attempts) != 1 || len(submitted.Previous) != 0 {
					t.Errorf("round %d: %d were accepted, customer %+v", round, accepted, submitted)
				}
				attempts[attempt.ID] = true
				must(t, relay.Changed(t.Context(), kyc.Customer{}, submitted))
				must(t, worker.Run(t.Context(), kyc.Work{BrandID: brandID, CustomerID: id, ProgramID: programID, AttemptID: attempt.ID}))
				must(t, relay.Changed(t.Context(), submitted, w.read(t, id)))
			}
			w.onceEach(t, attempts)
			keys := 0
			for k := range w.bed.Snapshot(t) {
				if strings.Contains(k, "#idempotency#") {
					keys++
				}
			}
			if keys != c.keys {
				t.Errorf("%d keys are taken, want %d", keys, c.keys)
			}
		})
	}
}

// onceEach fails the test unless each attempt has one message of work and one event, which says that it passed, and
// nothing else was sent.
func (w world) onceEach(t *testing.T, attempts map[string]bool) {
	t.Helper()
	var work, passed []string
	for _, body := range w.bed.Messages(t, w.bed.VerificationQueue) {
		m, err := message.DecodeWork([]byte(body))
		must(t, err)
		work = append(work, m.AttemptID)
	}
	for _, body := range w.bed.Messages(t, w.bed.NotificationQueue) {
		d, err := message.DecodeDelivery([]byte(body))
		must(t, err)
		e, err := w.store.Event(t.Context(), d.BrandID, d.EventID)
		must(t, err)
		if e.Name != kyc.EventSuccess {
			t.Errorf("attempt %s: %s", e.AttemptID, e.Name)
		}
		passed = append(passed, e.AttemptID)
	}
	for what, got := range map[string][]string{"work": work, "success": passed} {
		slices.Sort(got)
		for id := range attempts {
			if _, found := slices.BinarySearch(got, id); !found {
				t.Errorf("attempt %s: no %s", id, what)
			}
		}
		if len(got) != len(attempts) {
			t.Errorf("%s: %d messages for %d attempts", what, len(got), len(attempts))
		}
	}
}
