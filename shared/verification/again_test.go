package verification_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"kyc/shared/kyc"
	"kyc/shared/message"
)

// agreeing makes the customer's attempt, which asks for documents, hold a file for each that agrees with the customer, all in
// under a policy that lets that decide; relay follows.
func (w world) agreeing(t *testing.T, customerID string) {
	t.Helper()
	c := w.read(t, customerID)
	to := c.Attempts[programID]
	for n, d := range to.Documents {
		content := kyc.Content{Media: kyc.PDF, Length: 1, SHA256: [32]byte{byte(n + 1)}}
		to, _, _ = to.Announce([]kyc.Announcement{{Type: d.Type, Kind: "passport", Country: "US", Files: map[kyc.Side]kyc.Content{kyc.Front: content}}}, w.clock.Now().Add(time.Hour))
		to = to.Receive(d.ID, kyc.Front, kyc.Evidence{Content: content, Version: "v", At: w.clock.Now().Truncate(time.Second), Reading: kyc.Reading{
			Source: kyc.FromPDF, Form: kyc.FormMRZ, Profile: c.ProfileVersion, Name: kyc.FoundSame, BirthDate: kyc.FoundSame, Expiry: kyc.FoundValid,
			Number: kyc.FoundRead, Kind: kyc.FoundSame, Country: kyc.FoundSame,
		}})
	}
	now, err := w.brands().Now(t.Context(), brandID)
	must(t, err)
	_, advance, err := c.Filed(programID, to, kyc.DocumentsAutomatic, now)
	must(t, err)
	if advance == nil || advance.To.Status != kyc.Submitted {
		t.Fatalf("%+v", advance)
	}
	stood, err := w.store.AdvanceAttempt(t.Context(), *advance)
	must(t, err)
	if stood != nil {
		t.Fatal("something stood in the way")
	}
	must(t, w.relay().Changed(t.Context(), c, w.read(t, customerID)))
}

// askedFor starts an attempt of a customer who is asked for a government ID.
func (w world) askedFor(t *testing.T) (string, kyc.Work) {
	t.Helper()
	id := uuid.NewString()
	w.bed.Customer(t, id, "333-33-3333")
	work := w.start(t, id, nil)
	must(t, w.worker().Run(t.Context(), work))
	return id, work
}

// Once all documents were accepted relay has the attempt judged again, and it passes: one attempt was used, the documents
// stay, and nobody is asked for them twice, however often the message comes.
func TestAttemptIsJudgedAgainWithItsDocuments(t *testing.T) {
	w := open(t)
	w.subscribe(t)
	id, work := w.askedFor(t)
	must(t, w.relay().CatchUp(t.Context(), w.read(t, id)))
	w.bed.Messages(t, w.bed.VerificationQueue)
	w.clock.Move(30 * time.Hour) // longer than a worker has for an attempt
	w.agreeing(t, id)
	bodies := w.bed.Messages(t, w.bed.VerificationQueue)
	if len(bodies) != 1 {
		t.Fatalf("%d messages", len(bodies))
	}
	sent, err := message.DecodeWork([]byte(bodies[0]))
	must(t, err)
	if sent != work {
		t.Errorf("%+v is to be judged", sent)
	}
	if n, err := w.timers().Sweep(t.Context()); err != nil || w.read(t, id).Attempts[programID].Status != kyc.Submitted {
		t.Errorf("%d looked at, %v: it was given up at once", n, err)
	}
	for range 2 {
		must(t, w.worker().Run(t.Context(), sent))
	}
	c := w.read(t, id)
	a := c.Attempts[programID]
	if a.Status != kyc.Passed || c.Used[programID] != 1 || len(a.Documents) != 1 || a.Documents[0].Status != kyc.DocumentAccepted || len(a.Timeline) != 4 {
		t.Errorf("%+v, %d used", a, c.Used[programID])
	}
	must(t, w.relay().CatchUp(t.Context(), c))
	if got, want := w.events(t), []string{"kyc.verification.document_required", "kyc.verification.success"}; !slices.Equal(got, want) {
		t.Errorf("events %v", got)
	}
}

// A provider that asks for what was accepted does not get it twice: a person looks. What it asks for beside that is asked for.
func TestAcceptedDocumentsAreNotAskedForAgain(t *testing.T) {
	for name, c := range map[string]struct {
		asks []kyc.DocumentType
		want kyc.Status
	}{
		"the same": {[]kyc.DocumentType{kyc.GovernmentID}, kyc.UnderReview}, "another": {[]kyc.DocumentType{kyc.ProofOfAddress}, kyc.DocumentRequired},
		"both": {[]kyc.DocumentType{kyc.GovernmentID, kyc.ProofOfAddress}, kyc.DocumentRequired},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			id, work := w.askedFor(t)
			w.agreeing(t, id)
			worker := w.worker()
			worker.Provider = asks(c.asks)
			must(t, worker.Run(t.Context(), work))
			a := w.read(t, id).Attempts[programID]
			if a.Status != c.want || a.Documents[0].Status != kyc.DocumentAccepted {
				t.Errorf("%s, %+v", a.Status, a.Documents)
			}
			if c.want == kyc.DocumentRequired && (len(a.Documents) != 2 || a.Documents[1].Type != kyc.ProofOfAddress || a.DocumentsBy.IsZero()) {
				t.Errorf("%+v", a.Documents)
			}
		})
	}
}

// A pass in another program changes the identity after the documents have agreed with it: what was accepted counts for nobody
// else, and a person looks.
func TestAcceptedDocumentsAreOfTheIdentityThatIsJudged(t *testing.T) {
	w := open(t)
	w.secondProgram(t)
	id, work := w.askedFor(t)
	w.agreeing(t, id)
	r := request(id)
	r.ProgramID, r.Fields = program2, map[kyc.Field]string{kyc.BirthDate: "1991-06-18"}
	s, err := w.service().Start(t.Context(), r)
	must(t, err)
	lenient := w.worker()
	lenient.Provider = asks(nil)
	must(t, lenient.Run(t.Context(), kyc.Work{BrandID: brandID, CustomerID: id, ProgramID: program2, AttemptID: s.Attempt.ID}))
	must(t, w.worker().Run(t.Context(), work))
	if c := w.read(t, id); c.Attempts[program2].Status != kyc.Passed || c.ProfileVersion != 2 || c.Attempts[programID].Status != kyc.UnderReview {
		t.Errorf("%s elsewhere, profile %d, %s", c.Attempts[program2].Status, c.ProfileVersion, c.Attempts[programID].Status)
	}
}

// An attempt that no verifier judges again ends as any other that none judges, its time counted from then on.
func TestAttemptThatNobodyJudgesAgainEnds(t *testing.T) {
	w := open(t)
	id, work := w.askedFor(t)
	w.clock.Move(48 * time.Hour)
	w.agreeing(t, id)
	w.clock.Move(kyc.WorkerDeadline - time.Minute)
	_, err := w.timers().Sweep(t.Context())
	must(t, err)
	if a := w.read(t, id).Attempts[programID]; a.Status != kyc.Submitted {
		t.Fatalf("too early: %s", a.Status)
	}
	w.clock.Move(2 * kyc.AlarmDelay)
	_, err = w.timers().Sweep(t.Context())
	must(t, err)
	c := w.read(t, id)
	if a := c.Attempts[programID]; a.Status != kyc.Errored || a.Cause() != "not_verified_in_time" || c.Used[programID] != 1 {
		t.Errorf("%s, %s, %d used", a.Status, a.Cause(), c.Used[programID])
	}
	must(t, w.worker().Run(t.Context(), work))
	if a := w.read(t, id).Attempts[programID]; a.Status != kyc.Errored {
		t.Errorf("late: %s", a.Status)
	}
}

// Whatever call of the worker that judges again fails: the message comes back, and the end is the same.
func TestCrashWhileJudgingAgain(t *testing.T) {
	w := open(t)
	for _, how := range []string{"before", "after", "panic"} {
		for step := 1; ; step++ {
			id, work := w.askedFor(t)
			w.agreeing(t, id)
			c := &crash{step: step, how: how}
			worker := w.worker()
			ports := crashing{c, worker.Claims, worker.Programs, worker.Vault, worker.Provider}
			worker.Claims, worker.Programs, worker.Vault, worker.Provider = ports, ports, ports, ports
			survive(t, worker, work)
			if c.seen < step {
				break
			}
			w.clock.Move(lease)
			must(t, w.worker().Run(t.Context(), work))
			customer := w.read(t, id)
			if a := customer.Attempts[programID]; a.Status != kyc.Passed || customer.Used[programID] != 1 || customer.Versions[programID] != 4 {
				t.Errorf("crash %s step %d: %s, %d used", how, step, a.Status, customer.Used[programID])
			}
		}
	}
}

// asks is a provider that asks for documents whatever was accepted.
type asks []kyc.DocumentType

func (a asks) Check(_ context.Context, _ kyc.Profile, checks []kyc.Check, _ []kyc.DocumentType) (kyc.Verdict, error) {
	v := kyc.Verdict{Documents: a}
	for _, check := range checks {
		v.Results = append(v.Results, kyc.Result{Check: check, Passed: true, Provider: "test", Mode: kyc.Sandbox})
	}
	return v, nil
}
