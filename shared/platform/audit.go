package platform

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kyc/shared/kyc"
)

// Audit is where the records of operators' actions are kept.
type Audit interface {
	// KeepRecord keeps the record of an action that has changed nothing, or ends that of one that had begun. It does nothing
	// where the action has its record already.
	KeepRecord(ctx context.Context, r kyc.AuditRecord) error
	// Records lists up to limit records of a month, newest first, those after before; a brand's or, with "", all. It reports
	// whether there are more.
	Records(ctx context.Context, brandID string, month time.Time, before kyc.AuditPlace, limit int) ([]kyc.AuditRecord, bool, error)
}

// Asked is what an action was asked for by. Of its ids those count that can be ids.
type Asked struct {
	Action                                   string
	BrandID, ProgramID, CustomerID, Identity string
	RequestID                                string
	Actor                                    string
}

// Operation is one action of an operator, on its way to its record. What it changes is written together with that record,
// in one transaction. It serves one request, and none at the same time.
type Operation struct {
	*Service
	record kyc.AuditRecord
}

// Begin begins an action. Call End when it is over, however it went.
func (s *Service) Begin(a Asked) *Operation {
	for _, id := range []*string{&a.BrandID, &a.ProgramID, &a.CustomerID, &a.Identity} {
		if !kyc.IsUUID(*id) {
			*id = "" // it may be anything
		}
	}
	return &Operation{s, kyc.AuditRecord{
		ID: s.NewID(), At: s.Now(), Action: a.Action, BrandID: a.BrandID, ProgramID: a.ProgramID, CustomerID: a.CustomerID,
		Identity: a.Identity, Outcome: kyc.AuditDone, RequestID: a.RequestID, Actor: a.Actor,
	}}
}

// End keeps the record of an action that ended with err, unless a change that it has made is recorded already. It returns
// err, or why the record could not be kept: then nothing of what the action found may be told.
//
// A change whose answer was lost is no exception. Where it was made, its record stands, and this one is not kept; where it
// was not, this one is, and a change that is still under way is refused by it.
func (o *Operation) End(ctx context.Context, err error) error {
	r := o.record
	if err != nil {
		r.Outcome = kyc.AuditFailed
		if o.record.Outcome == kyc.AuditDone {
			r.Changes = nil
		}
	} else if r.Outcome == kyc.AuditBegun {
		r.Outcome = kyc.AuditDone
	}
	if refusal, refused := errors.AsType[*kyc.Error](err); refused {
		r.Outcome = refusal.Code
	}
	if keepErr := o.Audit.KeepRecord(ctx, r); keepErr != nil {
		return unrecorded{keepErr, err}
	}
	return err
}

// begin keeps the record of an action of many writes before the first of them. End says how it has ended.
func (o *Operation) begin(ctx context.Context) error {
	o.record.Outcome = kyc.AuditBegun
	return o.Audit.KeepRecord(ctx, o.record)
}

// unrecorded hides the refusal that an action ended with: without its record it must not be answered.
type unrecorded struct{ keep, action error }

func (u unrecorded) Error() string {
	if u.action == nil {
		return u.keep.Error()
	}
	return fmt.Sprintf("%v, after %v", u.keep, u.action)
}

func (u unrecorded) Unwrap() error { return u.keep }

// changed notes one thing that the action changes, where it is another one afterwards.
func (o *Operation) changed(name, before, after string) {
	if before != after {
		o.record.Changes = append(o.record.Changes, kyc.AuditChange{Name: name, Before: before, After: after})
	}
}

// changedPolicy notes what a policy asks for now and did not before, by the names of the request's members. before is nil for
// a program's first one.
func (o *Operation) changedPolicy(before map[string]string, after kyc.Policy) {
	is := after.Members()
	for _, member := range slices.Sorted(maps.Keys(is)) {
		o.changed("policy/"+member, before[member], is[member])
	}
}

// ValidActor reports whether a text can say who asks for an action: 1 to 128 visible characters, and spaces between them.
func ValidActor(actor string) bool {
	return actor != "" && utf8.RuneCountInString(actor) <= 128 && strings.TrimSpace(actor) == actor &&
		!strings.ContainsFunc(actor, func(r rune) bool { return !unicode.IsPrint(r) })
}

// AuditQuery is which records an operator asks for.
type AuditQuery struct {
	BrandID string  // empty for those of all brands and of none
	Month   *string // like 2026-01, in UTC; nil for the present one
	Limit   *int    // nil for 50
	Cursor  *string // where an earlier list ended
}

// AuditPage is a page of records, newest first.
type AuditPage struct {
	Records []kyc.AuditRecord
	Next    string // the cursor of the page after it, empty where this is the last one of its month
}

const (
	monthFormat  = "2006-01"
	recordsShown = 50
	maxRecords   = 100
)

// ListAudit lists the records of a month, newest first.
func (o *Operation) ListAudit(ctx context.Context, q AuditQuery) (AuditPage, error) {
	wrong := map[string][]string{}
	month, _ := time.Parse(monthFormat, o.Now().UTC().Format(monthFormat))
	if q.Month != nil {
		var err error
		if month, err = time.Parse(monthFormat, *q.Month); err != nil {
			wrong["month"] = []string{"Must be a month like 2027-01."}
		}
	}
	limit := recordsShown
	if q.Limit != nil {
		if limit = *q.Limit; limit < 1 || limit > maxRecords {
			wrong["limit"] = []string{fmt.Sprintf("Must be a whole number from 1 to %d.", maxRecords)}
		}
	}
	var before kyc.AuditPlace
	if q.Cursor != nil {
		var ok bool
		if before, ok = parsePlace(*q.Cursor); !ok {
			wrong["cursor"] = []string{"Must be the cursor of an earlier answer, as it was."}
		} else if q.Month == nil {
			month, _ = time.Parse(monthFormat, before.At.Format(monthFormat))
		}
	}
	if q.BrandID != "" {
		if err := o.known(ctx, q.BrandID, wrong); err != nil {
			return AuditPage{}, err
		}
	}
	if len(wrong) > 0 {
		return AuditPage{}, invalid(wrong)
	}
	records, more, err := o.Audit.Records(ctx, q.BrandID, month, before, limit)
	if err != nil {
		return AuditPage{}, err
	}
	page := AuditPage{Records: records}
	if more {
		last := records[len(records)-1]
		page.Next = kyc.FormatTime(last.At) + "#" + last.ID
	}
	return page, nil
}

func parsePlace(cursor string) (kyc.AuditPlace, bool) {
	text, id, _ := strings.Cut(cursor, "#")
	at, err := kyc.ParseTime(text)
	return kyc.AuditPlace{At: at, ID: id}, err == nil && kyc.IsUUID(id)
}
