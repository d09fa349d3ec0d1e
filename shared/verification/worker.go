package verification

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"kyc/shared/duplicate"
	"kyc/shared/identity"
	"kyc/shared/kyc"
)

// ErrBusy says that another worker holds the attempt; the message must come back after its lease.
var ErrBusy = errors.New("another verifier holds the attempt")

// Claims is where a worker claims an attempt and moves it on.
type Claims interface {
	// Claim gives a submitted attempt to one worker until the lease ends, or returns what stood in the way. Both times are
	// the brand's.
	Claim(ctx context.Context, w kyc.Work, now, until time.Time) (kyc.Customer, *kyc.Standing, error)
	// Profile returns the customer's encrypted data and its version.
	Profile(ctx context.Context, brandID, customerID string) (kyc.Sealed, int, error)
	// AdvanceAttempt makes one change of state, or returns what stood in the way.
	AdvanceAttempt(ctx context.Context, a kyc.Advance) (*kyc.Standing, error)
	// RecordLate keeps the late results of an attempt that was ended by someone else, of the customer as it was found.
	RecordLate(ctx context.Context, c kyc.Customer, programID string, a kyc.Attempt) error
}

// Duplicates is where the customers are found who share an SSN.
type Duplicates interface {
	// CustomersWithSSN lists up to limit customers of a brand by the keyed hash of their SSN.
	CustomersWithSSN(ctx context.Context, brandID, hash string, limit int) ([]string, error)
}

// Opener decrypts personal data, and derives the key that SSNs are hashed with.
type Opener interface {
	duplicate.Secrets
	Open(ctx context.Context, place kyc.Place, sealed kyc.Sealed) (kyc.Profile, error)
	Add(ctx context.Context, place kyc.Place, sealed kyc.Sealed, more kyc.Profile) (kyc.Sealed, error)
}

// Provider runs the checks that our own data can't answer.
type Provider interface {
	// Check runs the named checks, and no other. It asks for none of the documents that were accepted in this attempt.
	Check(ctx context.Context, applicant kyc.Profile, checks []kyc.Check, accepted []kyc.DocumentType) (kyc.Verdict, error)
}

// CurrentPrograms knows the programs of a brand, also those that were changed just now.
type CurrentPrograms interface {
	Programs
	// CurrentProgram returns the program as of the last write.
	CurrentProgram(ctx context.Context, brandID, programID string) (kyc.Program, error)
}

// Worker runs attempts. It is safe for concurrent use.
type Worker struct {
	Claims     Claims
	Programs   CurrentPrograms
	Duplicates Duplicates
	Vault      Opener
	Provider   Provider
	Clock      Clock
	NewID      func() string
	// MagicSSN reports numbers that steer the sandbox. It is nil on live stages.
	MagicSSN func(ssn string) bool
	// Lease is how long a claim lasts: longer than this worker can live, shorter than its message stays hidden. A clock
	// that its brand moves ends it early; then the fence keeps the one who held it from writing.
	Lease time.Duration
}

// LeaseMargin is how much longer than its function's timeout a worker holds an attempt: a worker that was stopped can't
// write any more when the next one begins.
const LeaseMargin = 5 * time.Second

// maxEvaluations bounds how often an identity that keeps changing is judged again in one run.
const maxEvaluations = 3

// Run evaluates the attempt and moves it on. A message whose attempt has moved on does nothing. It returns ErrBusy where
// another worker has it, and any other error where the message must come back too.
func (w *Worker) Run(ctx context.Context, work kyc.Work) error {
	now, err := w.Clock.Now(ctx, work.BrandID)
	if err != nil {
		return err
	}
	customer, stood, err := w.Claims.Claim(ctx, work, now.Time, now.Time.Add(w.Lease))
	if err != nil {
		return err
	}
	if stood != nil {
		return heldBy(stood, work)
	}
	attempt := customer.Attempts[work.ProgramID]
	policy, err := w.policy(ctx, work, attempt.PolicyVersion)
	if err != nil {
		return err
	}
	for range maxEvaluations {
		advance, err := w.evaluate(ctx, customer, work.ProgramID, policy)
		if err != nil {
			return err
		}
		stood, err := w.Claims.AdvanceAttempt(ctx, advance)
		if err != nil || stood == nil {
			return err
		}
		current := stood.Customer
		if current == nil || !sameClaim(*current, work, attempt.Fence) {
			// Canceled, ended or taken over meanwhile: whoever did it has the say. Who has taken it over may be at work on this
			// very message.
			return cmp.Or(w.recordLate(ctx, current, work.ProgramID, attempt, advance.To), heldBy(stood, work))
		}
		if current.ProfileVersion == advance.ProfileVersion && !advance.PassedBeside(*current) {
			return fmt.Errorf("attempt %s: the table refused %s, for results of a %s on an attempt of a %s stage",
				work.AttemptID, advance.To.Status, kyc.WeakestMode(advance.To.Results), attempt.Mode)
		}
		customer = *current // the identity was changed, or has passed elsewhere, while it was judged: judge the one on file
	}
	return fmt.Errorf("attempt %s: its customer's identity kept changing", work.AttemptID)
}

// policy returns the policy that the attempt was opened under, which may be younger than the program that this
// environment remembers.
func (w *Worker) policy(ctx context.Context, work kyc.Work, version int) (kyc.Policy, error) {
	policy, known, err := kyc.PolicyAt(version,
		func() (kyc.Program, error) { return w.Programs.Program(ctx, work.BrandID, work.ProgramID) },
		func() (kyc.Program, error) { return w.Programs.CurrentProgram(ctx, work.BrandID, work.ProgramID) },
	)
	if err != nil || known {
		return policy, err
	}
	// Judged by no policy at all, everyone would pass.
	return kyc.Policy{}, fmt.Errorf("attempt %s was opened under policy %d, which its program does not have", work.AttemptID, version)
}

func heldBy(stood *kyc.Standing, work kyc.Work) error {
	if stood.Customer == nil {
		return nil
	}
	a := stood.Customer.Attempts[work.ProgramID]
	if a.ID == work.AttemptID && a.Status == kyc.Submitted {
		return ErrBusy
	}
	return nil
}

func sameClaim(c kyc.Customer, work kyc.Work, fence int) bool {
	a := c.Attempts[work.ProgramID]
	return a.ID == work.AttemptID && a.Status == kyc.Submitted && a.Fence == fence
}

// recordLate keeps for the history what the checks of an attempt found that someone else has ended meanwhile. Where
// another worker has taken it over, the results are that one's.
func (w *Worker) recordLate(ctx context.Context, c *kyc.Customer, programID string, claimed, judged kyc.Attempt) error {
	if c == nil {
		return nil
	}
	for _, a := range []kyc.Attempt{c.Attempts[programID], c.Previous[programID]} {
		if a.ID == claimed.ID && !a.EndedBeside(claimed) {
			return nil
		}
	}
	claimed.Late, claimed.LateAt = judged.Results, judged.ChangedAt()
	return w.Claims.RecordLate(ctx, *c, programID, claimed)
}

// evaluate runs the checks on the identity on file, completed and overridden by what the start brought.
func (w *Worker) evaluate(ctx context.Context, c kyc.Customer, programID string, policy kyc.Policy) (kyc.Advance, error) {
	attempt := c.Attempts[programID]
	sealed, profileVersion, err := w.Claims.Profile(ctx, c.BrandID, c.ID)
	if err != nil {
		return kyc.Advance{}, err
	}
	onFile, err := w.Vault.Open(ctx, kyc.ProfilePlace(c.BrandID, c.ID), sealed)
	if err != nil {
		return kyc.Advance{}, fmt.Errorf("open profile: %w", err)
	}
	own, err := w.Vault.Open(ctx, kyc.AttemptPlace(c.BrandID, c.ID, attempt.ID), attempt.Fields)
	if err != nil {
		return kyc.Advance{}, fmt.Errorf("open fields of attempt: %w", err)
	}
	applicant := onFile.With(own)
	phoneInUse := joinPhone(own, applicant)
	asked := slices.DeleteFunc(slices.Clone(policy.Checks), func(c kyc.Check) bool { return c == kyc.CheckCIP }) // which is ours
	accepted := attempt.Accepted()
	verdict, err := w.Provider.Check(ctx, applicant, asked, accepted)
	if err != nil {
		return kyc.Advance{}, providerError{err}
	}
	if err := answered(verdict, asked); err != nil {
		return kyc.Advance{}, err
	}
	verdict = verdict.Beside(accepted)
	verdict.Review = verdict.Review || attempt.AcceptedOfAnother(profileVersion)
	now, err := w.Clock.Now(ctx, c.BrandID) // once more: the provider may have taken long
	if err != nil {
		return kyc.Advance{}, err
	}
	cip := kyc.CheckIdentity(applicant, policy, attempt.Mode, now.Time)
	switch {
	case !cip.Passed:
	case c.Contradicts(onFile, own):
		cip.Passed, cip.Reason = false, kyc.ReasonContradicts
	case !phoneInUse:
		cip.Passed, cip.Reason = false, kyc.ReasonPhone
	}
	verdict.Results = append([]kyc.Result{cip}, verdict.Results...)
	shared, err := w.sharedSSN(ctx, c, applicant, policy, attempt.Mode)
	if err != nil {
		return kyc.Advance{}, err
	}
	verdict.Results = append(verdict.Results, shared...)
	decision := kyc.Decide(verdict, policy, w.NewID)

	advance := kyc.Advance{
		BrandID: c.BrandID, CustomerID: c.ID, ProgramID: programID, From: attempt,
		Version: c.Versions[programID], ProfileVersion: profileVersion, Alarm: now.Alarm(),
	}
	advance.To, err = attempt.Advance(decision, advance.Version+1, now.Time, "")
	if errors.Is(err, kyc.ErrAttemptFull) {
		decision = kyc.Decision{Status: kyc.Errored, Results: decision.Results}
		advance.To, err = attempt.Advance(decision, advance.Version+1, now.Time, "attempt_too_large")
	}
	if err != nil {
		return kyc.Advance{}, err
	}
	advance.Ended = decision.Status == kyc.Failed || decision.Status == kyc.Errored
	if !attempt.Counted {
		advance.Used, advance.To.Counted = 1, true
	}
	advance.To.LeaseUntil = time.Time{}
	if decision.Status == kyc.Passed {
		err = learn(ctx, w.Vault, w.lookup(), c, sealed, onFile, own, &advance)
	}
	return advance, err
}

// learn makes own, what an attempt's start brought, the identity on file by the change that lets the attempt pass.
func learn(
	ctx context.Context, vault Opener, lookup duplicate.Lookup, c kyc.Customer, sealed kyc.Sealed, onFile, own kyc.Profile, advance *kyc.Advance,
) error {
	if len(own) == 0 {
		return nil
	}
	delete(own, kyc.IP) // where a request came from is no part of who the customer is
	var err error
	if advance.Learned, err = vault.Add(ctx, kyc.ProfilePlace(c.BrandID, c.ID), sealed, own); err != nil {
		return fmt.Errorf("add fields to profile: %w", err)
	}
	learned := onFile.With(own)
	advance.Present = learned.Present()
	if onFile.ReplacedBy(own) {
		advance.Unpassed = slices.Sorted(maps.Keys(c.Attempts))
	}
	advance.SSN, err = lookup.Change(ctx, c.BrandID, onFile.Get(kyc.SSN), learned.Get(kyc.SSN))
	return err
}

// sharedSSN returns the result of the check that no other customer of the brand has the applicant's SSN, none where the
// policy does not ask for it. It looks at what is on file, which an attempt's own SSN becomes by a pass, and it looks last,
// so that little can come between this and the decision. Of two attempts whose customers have the SSN on file the later one
// always finds the other customer; where one brings it with its start and both are judged in the same moment, neither may.
func (w *Worker) sharedSSN(ctx context.Context, c kyc.Customer, applicant kyc.Profile, policy kyc.Policy, mode kyc.Mode) ([]kyc.Result, error) {
	if policy.Duplicates != kyc.DuplicatesReviewed && policy.Duplicates != kyc.DuplicatesRefused {
		return nil, nil
	}
	hash, looksUp, err := w.lookup().Hash(ctx, c.BrandID, applicant.Get(kyc.SSN))
	if err != nil || !looksUp {
		return nil, err
	}
	others, err := w.Duplicates.CustomersWithSSN(ctx, c.BrandID, hash, kyc.MaxOthers+1) // the customer is one of them
	if err != nil {
		return nil, err
	}
	others = slices.DeleteFunc(others, func(id string) bool { return id == c.ID })
	return []kyc.Result{kyc.CheckSharedSSN(others, policy, mode)}, nil
}

func (w *Worker) lookup() duplicate.Lookup {
	return duplicate.Lookup{Secrets: w.Vault, MagicSSN: w.MagicSSN}
}

// answered returns an error unless the verdict has one result of each check that was asked for: without one it would be no
// pass of the policy, and what the policy does not ask for must fail nobody.
func answered(v kyc.Verdict, asked []kyc.Check) error {
	var results []kyc.Check
	for _, r := range v.Results {
		results = append(results, r.Check)
	}
	if slices.Sort(results); !slices.Equal(results, slices.Sorted(slices.Values(asked))) {
		return fmt.Errorf("provider: it was asked for the checks %v and answered %v", asked, results)
	}
	return nil
}

// providerError tells of a provider's failure what kind it is and not its text, which may quote the applicant.
type providerError struct{ err error }

func (e providerError) Error() string {
	for _, kind := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(e.err, kind) {
			return "provider: " + kind.Error()
		}
	}
	return fmt.Sprintf("provider: failed with %T", e.err)
}

func (e providerError) Unwrap() error { return e.err }

// joinPhone makes one number, in both profiles, of the half that the start brought and the half on file, and reports
// whether it is in use. The start could judge them only where it brought both.
func joinPhone(own, applicant kyc.Profile) bool {
	digits, code := applicant.Get(kyc.Phone), applicant.Get(kyc.PhoneCountryCode)
	if digits == "" || own.Get(kyc.Phone) == "" && own.Get(kyc.PhoneCountryCode) == "" {
		return true
	}
	country, national, ok := identity.Phone(code, digits)
	for _, p := range []kyc.Profile{own, applicant} {
		p.Set(kyc.PhoneCountryCode, country)
		p.Set(kyc.Phone, national)
	}
	return ok
}

// Alarms is where the customers with an alarm are found.
type Alarms interface {
	// Due lists customers whose alarm has gone off by the real time now.
	Due(ctx context.Context, now time.Time, limit int) ([]kyc.CustomerRef, error)
	// Aggregate returns a customer, a closed one too, or kyc.ErrCustomerUnknown.
	Aggregate(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
	AdvanceAttempt(ctx context.Context, a kyc.Advance) (*kyc.Standing, error)
	// MoveAlarm sets to a real time or, with a zero one, switches off the alarm of a customer that is still as it was seen.
	MoveAlarm(ctx context.Context, c kyc.Customer, at time.Time) error
}

// Outbox sends again what was not sent.
type Outbox interface {
	CatchUp(ctx context.Context, c kyc.Customer) error
}

// Retention keeps of closed customers what the law demands, and no longer.
type Retention interface {
	// Continue erases what is over at the brand's time, and sets the customer's alarm to when more will be.
	Continue(ctx context.Context, c kyc.Customer, now kyc.Moment) error
}

// Timers looks at every customer whose alarm has gone off.
type Timers struct {
	Alarms    Alarms
	Outbox    Outbox
	Retention Retention
	Clock     Clock
	Now       func() time.Time // real time
	Moved     MovedClocks      // nil on live stages
}

// dueLimit is how many customers of one shard are looked at in one sweep; the next one is a minute away.
const dueLimit = 50

// Sweep sends again what was not sent, ends what has run out, erases what the law keeps no longer, and moves each alarm to
// the next deadline. It returns how many customers it looked at, and the errors of those it could not finish: they are
// looked at again in five minutes, so that they do not stand before all others. On a sandbox stage it then rings the alarms
// of brands whose clocks were moved; the next sweep looks at those.
func (t *Timers) Sweep(ctx context.Context) (int, error) {
	due, err := t.Alarms.Due(ctx, t.Now(), dueLimit)
	failed := []error{err}
	for _, ref := range due {
		_, err := t.look(ctx, ref)
		failed = append(failed, err)
	}
	if t.Moved != nil {
		failed = append(failed, t.ringMoved(ctx))
	}
	return len(due), errors.Join(failed...)
}

// look does what is due about a customer, and moves its alarm. It returns what it has done.
func (t *Timers) look(ctx context.Context, ref kyc.CustomerRef) ([]Fired, error) {
	c, done, err := t.fire(ctx, ref)
	if err != nil {
		err = fmt.Errorf("customer %s: %w", ref.CustomerID, err)
	}
	var fired []Fired
	for _, programID := range slices.Sorted(maps.Keys(done)) {
		pair := kyc.Pair{BrandID: c.BrandID, CustomerID: c.ID, ProgramID: programID}
		fired = append(fired, Fired{pair, c.Attempts[programID], done[programID]})
	}
	return fired, err
}

// fire returns the customer as it is after all that was done, by program.
func (t *Timers) fire(ctx context.Context, ref kyc.CustomerRef) (kyc.Customer, map[string][]Done, error) {
	done := map[string][]Done{}
	c, err := t.Alarms.Aggregate(ctx, ref.BrandID, ref.CustomerID)
	if err != nil {
		if kyc.KindOf(err) == kyc.NotFound {
			return c, nil, nil // removed; the index follows
		}
		return c, nil, err
	}
	now, err := t.Clock.Now(ctx, ref.BrandID)
	if err != nil {
		return c, nil, err
	}
	failed := []error{t.Outbox.CatchUp(ctx, c)}
	for programID := range c.Attempts {
		if failed[0] == nil && c.Unrelayed(programID) {
			done[programID] = append(done[programID], RelayedAgain)
		}
	}
	for _, out := range c.RunOut(now.Time) {
		ended, err := t.end(ctx, c, out, now)
		if ended {
			done[out.ProgramID] = append(done[out.ProgramID], Ended)
		}
		failed = append(failed, err)
	}
	if c, err = t.Alarms.Aggregate(ctx, ref.BrandID, ref.CustomerID); err != nil {
		return c, nil, errors.Join(append(failed, err)...)
	}
	if c.Closed() {
		failed = append(failed, t.Retention.Continue(ctx, c, now))
	}
	if err := errors.Join(failed...); err != nil {
		return c, done, errors.Join(err, t.Alarms.MoveAlarm(ctx, c, now.Alarm()))
	}
	if c.Closed() {
		return c, done, nil
	}
	if c.DueAt.IsZero() || c.DueAt.After(now.Real(now.Time)) {
		return c, done, nil
	}
	next, _ := c.NextAlarm(now.Time)
	return c, done, t.Alarms.MoveAlarm(ctx, c, now.Real(next))
}

// end ends an attempt whose time has run out. It counts as used where it had reached a check before. It reports whether
// it did: what stood in the way is newer than this look, and has set its own alarm.
func (t *Timers) end(ctx context.Context, c kyc.Customer, out kyc.RunOut, now kyc.Moment) (bool, error) {
	programID := out.ProgramID
	attempt := c.Attempts[programID]
	to, err := attempt.Advance(kyc.Decision{Status: out.Status}, c.Versions[programID]+1, now.Time, out.Cause)
	if err != nil {
		return false, err
	}
	stood, err := t.Alarms.AdvanceAttempt(ctx, kyc.Advance{
		BrandID: c.BrandID, CustomerID: c.ID, ProgramID: programID, From: attempt, To: to,
		Version: c.Versions[programID], Ended: true, Alarm: now.Alarm(),
	})
	return err == nil && stood == nil, err
}
