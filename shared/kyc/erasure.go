package kyc

import (
	"maps"
	"slices"
	"time"
)

// Three clocks say how long a customer's records are kept, from two starting points. Years are those of the calendar;
// five years after a 29 February end on a 1 March.
const (
	// The identifying information of 31 CFR 1020.220(a)(2)(i), five years after the account is closed, which here is when
	// the customer is deleted; results of checks, five years after they were recorded: both 31 CFR 1020.220(a)(3)(ii).
	cipYears = 5
	// The result of a sanctions screening, ten years after it was recorded: 31 CFR 501.601, since 12 March 2025.
	ofacYears = 10
)

// BackupsFor is how long a backup may still hold what was erased: the table's point-in-time recovery reaches back 35 days.
const BackupsFor = 35 * 24 * time.Hour

// RecordKind is a kind of record that the law keeps.
type RecordKind string

const (
	IdentityRecord     RecordKind = "identifying_information"
	VerificationRecord RecordKind = "verification"
	ScreeningRecord    RecordKind = "sanctions_screening"
)

// Because names the rule that keeps records of the kind.
func (k RecordKind) Because() string {
	switch k {
	case IdentityRecord:
		return "31 CFR 1020.220(a)(3)(ii): five years after the account is closed"
	case VerificationRecord:
		return "31 CFR 1020.220(a)(3)(ii): five years after the record is made"
	}
	return "31 CFR 501.601: ten years after the record is made"
}

// KeptRecord is a record that the law keeps of a customer who was deleted.
type KeptRecord struct {
	Kind      RecordKind
	ProgramID string  // of the attempt, empty for the identifying information
	AttemptID string  // likewise
	Fields    []Field // of the identifying information, sorted
	Checks    []Check // whose results are kept
	Until     time.Time
}

// Names, beside those of fields, of what may be erased at once.
const (
	ErasedAttempts      = "attempts"       // attempts of which no record is to be kept, whole
	ErasedAttemptFields = "attempt_fields" // what the bodies of starts brought
	ErasedFiles         = "document_files" // the files that were sent as evidence
)

// Erasure says what became of a customer who was deleted.
type Erasure struct {
	CustomerID string
	At         time.Time
	Erased     []string     // names of fields, and of the constants above, sorted
	Kept       []KeptRecord // the identifying information first, then by attempt
}

// BackupsUntil is when the last backup has gone that could hold what was erased.
func (e Erasure) BackupsUntil() time.Time { return e.At.Add(BackupsFor) }

// Archived is an attempt beside its customer, with the program that it was in.
type Archived struct {
	ProgramID string
	Attempt   Attempt
}

// Closing is the deletion of a customer, complete but for the store's consent: it happens only if nobody has written the
// customer since it was read. From then on the customer is unknown to everyone but retention.
type Closing struct {
	Customer Customer // as it was read
	Closed   Customer
	Profile  Sealed     // what the law keeps of the customer's data, under a data key of its own; empty for nothing
	Records  []Archived // what it keeps of the attempts that the customer held
	SSN      SSNEntries // nobody finds a deleted customer by its SSN, not even where that is kept
}

// Closed reports whether the customer was deleted. What is left is kept by law, or still to be told of.
func (c Customer) Closed() bool { return !c.ClosedAt.IsZero() }

// Close returns the deletion of the customer, without its sealed part, and what the law keeps of its data. archived are the
// attempts that the customer does not hold any more. An attempt that is open stands against it.
func (c Customer) Close(onFile Profile, archived []Archived, now Moment) (Closing, Profile, error) {
	if refusal := c.openAttempt(); refusal != nil {
		return Closing{}, nil, refusal
	}
	closing := Closing{Customer: c, Closed: c}
	closed := &closing.Closed
	closed.Attempts, closed.Previous = map[string]Attempt{}, map[string]Attempt{}
	erased := map[string]bool{}
	kept := false
	look := func(a Archived) (Attempt, bool) {
		record, keeps := a.Attempt.Retained(now.Time)
		kept = kept || a.Attempt.reachedCheck()
		erased[ErasedAttempts] = erased[ErasedAttempts] || !keeps
		erased[ErasedFiles] = erased[ErasedFiles] || slices.ContainsFunc(a.Attempt.Documents, Document.holdsFiles)
		erased[ErasedAttemptFields] = erased[ErasedAttemptFields] || !a.Attempt.Fields.Empty()
		return record, keeps
	}
	for _, held := range []struct{ from, to map[string]Attempt }{{c.Attempts, closed.Attempts}, {c.Previous, closed.Previous}} {
		for programID, a := range held.from {
			if record, keeps := look(Archived{programID, a}); keeps {
				closing.Records = append(closing.Records, Archived{programID, record})
			}
			a.Fields = Sealed{}
			held.to[programID] = a // until what follows from it has been sent
		}
	}
	for _, a := range archived {
		look(a)
	}
	identity := Profile{}
	if kept {
		identity = onFile.identifying()
	}
	for _, f := range onFile.Changed(identity) {
		erased[string(f)] = true
	}
	maps.DeleteFunc(erased, func(_ string, is bool) bool { return !is })
	closed.ClosedAt, closed.Erased, closed.Present = now.Time, slices.Sorted(maps.Keys(erased)), Profile{}.Changed(identity)
	closed.ProfileVersion++
	closed.Versions = maps.Clone(c.Versions)
	closed.Versions[OfProfile] = closed.ProfileVersion
	closed.Rev++
	closed.DueAt = now.Alarm()
	return closing, identity, nil
}

// openAttempt refuses to delete a customer while an attempt is open.
func (c Customer) openAttempt() error {
	for _, programID := range slices.Sorted(maps.Keys(c.Attempts)) {
		if a := c.Attempts[programID]; !a.Status.Final() {
			return &Error{Kind: Conflict, Code: "kyc_in_progress",
				Message: "An attempt of this customer is open. Wait for its webhook, or cancel it with DELETE on the path that ends in verification-kyc, and send the same request again.",
				Extra:   map[string]any{"attempt_id": a.ID, "kyc_status": string(a.Status), "program_id": programID}}
		}
	}
	return nil
}

// identifying returns the part of p that identifies the customer: the four of 31 CFR 1020.220(a)(2)(i).
func (p Profile) identifying() Profile {
	identity := Profile{}
	for _, f := range []Field{FirstName, MiddleName, LastName, BirthDate, SSN} {
		identity.Set(f, p.Get(f))
	}
	return identity.WithAddresses(identifyingOf(p.Addresses()))
}

// reachedCheck reports whether a check has found something in the attempt: there is a record of its verification then.
func (a Attempt) reachedCheck() bool { return a.Counted || len(a.Results)+len(a.Late) > 0 }

// recordedAt is when the last of the attempt's records was made.
func (a Attempt) recordedAt() time.Time {
	if at := a.ChangedAt(); at.After(a.LateAt) {
		return at
	}
	return a.LateAt
}

// screening returns the results of the sanctions screening among results.
func screening(results []Result) []Result {
	var found []Result
	for _, r := range results {
		if r.Check == CheckOFAC {
			found = append(found, r)
		}
	}
	return found
}

// Retained returns what the law keeps at the time now of the attempt of a deleted customer, and false where that is
// nothing. What its start brought is no part of it: the identity that passed is in the customer's data.
func (a Attempt) Retained(now time.Time) (Attempt, bool) {
	made := a.recordedAt()
	found, late := screening(a.Results), screening(a.Late)
	switch {
	case !a.reachedCheck():
		return Attempt{}, false
	case now.Before(made.AddDate(cipYears, 0, 0)):
		a.Fields = Sealed{}
		return a, true
	case len(found)+len(late) > 0 && now.Before(made.AddDate(ofacYears, 0, 0)):
		return Attempt{
			ID: a.ID, Status: a.Status, SubmittedAt: a.SubmittedAt, Mode: a.Mode, PolicyVersion: a.PolicyVersion, Counted: a.Counted,
			Results: found, Late: late, LateAt: a.LateAt, Timeline: a.Timeline,
		}, true
	}
	return Attempt{}, false
}

// kept lists the records of the attempt that the law keeps at the time now.
func (a Archived) kept(now time.Time) []KeptRecord {
	checks := map[RecordKind][]Check{}
	for _, r := range slices.Concat(a.Attempt.Results, a.Attempt.Late) {
		kind := VerificationRecord
		if r.Check == CheckOFAC {
			kind = ScreeningRecord
		}
		if !slices.Contains(checks[kind], r.Check) {
			checks[kind] = append(checks[kind], r.Check)
		}
	}
	made := a.Attempt.recordedAt()
	var all []KeptRecord
	add := func(kind RecordKind, years int) {
		if until := made.AddDate(years, 0, 0); now.Before(until) {
			all = append(all, KeptRecord{Kind: kind, ProgramID: a.ProgramID, AttemptID: a.Attempt.ID, Checks: checks[kind], Until: until})
		}
	}
	add(VerificationRecord, cipYears)
	if len(checks[ScreeningRecord]) > 0 {
		add(ScreeningRecord, ofacYears)
	}
	return all
}

// Erasure says what became of a closed customer of whose attempts left is still there.
func (c Customer) Erasure(left []Archived, now time.Time) Erasure {
	e := Erasure{CustomerID: c.ID, At: c.ClosedAt, Erased: c.Erased}
	if until := c.ClosedAt.AddDate(cipYears, 0, 0); len(c.Present) > 0 && now.Before(until) {
		e.Kept = append(e.Kept, KeptRecord{Kind: IdentityRecord, Fields: c.Present, Until: until})
	}
	for _, a := range left {
		e.Kept = append(e.Kept, a.kept(now)...)
	}
	return e
}

// Rest returns a closed customer as it waits for the next record's time to be over, and false where nothing is left to
// wait for. As long as something that follows from its changes was not sent, it stays as it is.
func (c Customer) Rest(left []Archived, now Moment) (Customer, bool) {
	c.Rev++
	for programID := range c.Versions {
		if c.Unrelayed(programID) {
			c.DueAt = now.Alarm()
			return c, true
		}
	}
	kept := c.Erasure(left, now.Time).Kept
	if len(kept) == 0 {
		return c, false
	}
	if kept[0].Kind != IdentityRecord {
		c.Present = nil
	}
	c.Attempts, c.Previous = map[string]Attempt{}, map[string]Attempt{}
	c.Used, c.Ended, c.Changes = map[string]int{}, map[string]time.Time{}, nil
	c.DueAt = now.Real(slices.MinFunc(kept, func(a, b KeptRecord) int { return a.Until.Compare(b.Until) }).Until)
	return c, true
}
