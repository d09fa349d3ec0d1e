package platform_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/platform"
)

// Records answers with as many records as are asked for, and that there are more where the limit is odd.
func (w *world) Records(_ context.Context, brand string, month time.Time, before kyc.AuditPlace, limit int) ([]kyc.AuditRecord, bool, error) {
	w.done = append(w.done, brand, month.Format(time.DateOnly), before.ID)
	records := make([]kyc.AuditRecord, limit)
	for n := range records {
		records[n] = kyc.AuditRecord{ID: newID, At: noon}
	}
	return records, limit%2 == 1, w.do("list records")
}

func TestRecordOfAnAction(t *testing.T) {
	tries := 5
	asked := platform.Asked{
		Action: "update_policy", BrandID: brandID, ProgramID: newID, CustomerID: "123-45-6789", Identity: "Ada", RequestID: "r", Actor: "ticket 7",
	}
	want := kyc.AuditRecord{
		ID: newID, At: noon, Action: "update_policy", BrandID: brandID, ProgramID: newID, Outcome: kyc.AuditDone, RequestID: "r", Actor: "ticket 7",
		Changes: []kyc.AuditChange{{Name: "policy/max_attempts", Before: "3", After: "5"}},
	}
	act := func(w *world, change kyc.PolicyChange) error {
		o := service(w).Begin(asked)
		_, err := o.UpdatePolicy(t.Context(), brandID, newID, change)
		return o.End(t.Context(), err)
	}
	for name, c := range map[string]struct {
		fail   string
		change kyc.PolicyChange
		raced  bool
		record func(*kyc.AuditRecord)
	}{
		"with the change":        {change: kyc.PolicyChange{MaxAttempts: &tries}, record: func(*kyc.AuditRecord) {}},
		"of a refusal":           {change: kyc.PolicyChange{}, record: func(r *kyc.AuditRecord) { r.Outcome, r.Changes = "input_error", nil }},
		"of a refusal by others": {change: kyc.PolicyChange{MaxAttempts: &tries}, raced: true, record: func(r *kyc.AuditRecord) { r.Outcome, r.Changes = "resource_conflict", nil }},
		"of a failure":           {change: kyc.PolicyChange{MaxAttempts: &tries}, fail: "read brand", record: func(r *kyc.AuditRecord) { r.Outcome, r.Changes = kyc.AuditFailed, nil }},
	} {
		t.Run(name, func(t *testing.T) {
			w := stocked(1)
			w.fail, w.raced = c.fail, c.raced
			err := act(w, c.change)
			want := want
			c.record(&want)
			if diff := cmp.Diff(want, w.records[len(w.records)-1]); diff != "" || (err == nil) != (want.Outcome == kyc.AuditDone) {
				t.Errorf("err %v (-want +kept last):\n%s", err, diff)
			}
		})
	}
	t.Run("that can't be kept hides the answer", func(t *testing.T) {
		for _, change := range []kyc.PolicyChange{{}, {MaxAttempts: &tries}} {
			w := stocked(1)
			w.fail = "keep record"
			err := act(w, change)
			if _, refused := errors.AsType[*kyc.Error](err); refused || !errors.Is(err, errGone) {
				t.Errorf("ended with %v", err)
			}
		}
	})
}

func TestRevokingAgainIsOnRecordAsNoChange(t *testing.T) {
	w := &world{raced: true}
	o := service(w)
	if _, err := o.RevokeKey(t.Context(), brandID, newID); err != nil || o.End(t.Context(), nil) != nil {
		t.Fatal(err)
	}
	if r := w.records[len(w.records)-1]; r.Outcome != kyc.AuditDone || r.Changes != nil {
		t.Errorf("kept %+v", r)
	}
}

// The place of a pass among what is settled is that of a refusal, though something is written with it.
func TestGrantAfterAPassIsOnRecordAsRefused(t *testing.T) {
	d, o := open(kyc.Passed)
	_, err := o.GrantAttempts(t.Context(), brandID, customerID, newID, 1)
	if err == nil || len(d.records) != 1 || d.records[0].Outcome != "kyc_already_passed" || d.records[0].Changes != nil {
		t.Errorf("err %v, kept %+v", err, d.records)
	}
}

func TestValidActor(t *testing.T) {
	for actor, valid := range map[string]bool{
		"a": true, "Zoë, by ticket 7": true, strings.Repeat("é", 128): true,
		"": false, " a": false, "a ": false, "a\tb": false, "a\u200bb": false, "a\u00a0b": false, strings.Repeat("a", 129): false,
	} {
		if platform.ValidActor(actor) != valid {
			t.Errorf("%q: %t", actor, !valid)
		}
	}
}

func TestListAudit(t *testing.T) {
	text := func(s string) *string { return &s }
	number := func(n int) *int { return &n }
	cursor := "2025-12-31T23:59:59.000000+00:00#" + newID
	for name, c := range map[string]struct {
		query platform.AuditQuery
		asked []string // brand, month, place
		n     int
		next  bool
		wrong []string
	}{
		"nothing said":             {platform.AuditQuery{}, []string{"", "2026-01-01", ""}, 50, false, nil},
		"a brand's":                {platform.AuditQuery{BrandID: brandID, Limit: number(1)}, []string{brandID, "2026-01-01", ""}, 1, true, nil},
		"a month's":                {platform.AuditQuery{Month: text("2024-02"), Limit: number(100)}, []string{"", "2024-02-01", ""}, 100, false, nil},
		"further, of its month":    {platform.AuditQuery{Cursor: &cursor}, []string{"", "2025-12-01", newID}, 50, false, nil},
		"further":                  {platform.AuditQuery{Cursor: &cursor, Month: text("2025-12")}, []string{"", "2025-12-01", newID}, 50, false, nil},
		"none":                     {query: platform.AuditQuery{Limit: number(0)}, wrong: []string{"limit"}},
		"too many":                 {query: platform.AuditQuery{Limit: number(101)}, wrong: []string{"limit"}},
		"a day":                    {query: platform.AuditQuery{Month: text("2026-01-02")}, wrong: []string{"month"}},
		"a month that is none":     {query: platform.AuditQuery{Month: text("2026-13")}, wrong: []string{"month"}},
		"another list's cursor":    {query: platform.AuditQuery{Cursor: text(newID)}, wrong: []string{"cursor"}},
		"a cursor without its end": {query: platform.AuditQuery{Cursor: text(cursor[:40])}, wrong: []string{"cursor"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			page, err := service(w).ListAudit(t.Context(), c.query)
			if c.wrong != nil {
				if wrong := fields(t, err); len(wrong) != 1 || wrong[c.wrong[0]] == nil || len(w.done) > 0 {
					t.Errorf("told %v, done %v", wrong, w.done)
				}
				return
			}
			want := ""
			if c.next {
				want = "2026-01-02T12:00:00.000000+00:00#" + newID
			}
			if err != nil || len(page.Records) != c.n || page.Next != want {
				t.Errorf("%d records, next %q, err %v", len(page.Records), page.Next, err)
			}
			if diff := cmp.Diff(append(c.asked, "list records"), w.done[len(w.done)-4:]); diff != "" {
				t.Errorf("(-want +asked):\n%s", diff)
			}
		})
	}
	if _, err := service(&world{}).ListAudit(t.Context(), platform.AuditQuery{BrandID: newID}); kyc.KindOf(err) != kyc.NotFound {
		t.Errorf("of an unknown brand: %v", err)
	}
	if _, err := service(&world{fail: "list records"}).ListAudit(t.Context(), platform.AuditQuery{}); !errors.Is(err, errGone) {
		t.Errorf("failing: %v", err)
	}
}
