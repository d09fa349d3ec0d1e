package verification_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"kyc/shared/kyc"
	"kyc/shared/sandbox"
	"kyc/shared/testbed"
	"kyc/shared/verification"
)

func TestWorkerPasses(t *testing.T) {
	w := open(t)
	work := w.start(t, customerID, nil)
	submitted := w.clock.Now()
	w.clock.Move(time.Second)
	must(t, w.worker().Run(t.Context(), work))
	c := w.read(t, customerID)
	a := c.Attempts[programID]
	if a.ID != work.AttemptID || a.Status != kyc.Passed || len(a.Results) != 6 || a.Results[0].Check != kyc.CheckCIP || len(a.Reasons) != 0 ||
		!a.SubmittedAt.Equal(submitted) || !a.ChangedAt().Equal(w.clock.Now()) || !a.LeaseUntil.IsZero() || !a.Counted {
		t.Errorf("attempt %+v", a)
	}
	if c.Versions[programID] != 2 || c.Used[programID] != 1 || len(c.Ended) != 0 || c.ProfileVersion != 1 || !c.DueAt.Equal(w.clock.Now().Add(kyc.AlarmDelay)) {
		t.Errorf("customer %+v", c)
	}
}

func TestSandboxNumbers(t *testing.T) {
	w := open(t)
	gov, addr, ssc := kyc.GovernmentID, kyc.ProofOfAddress, kyc.SocialSecurityCard
	for ssn, want := range map[string]struct {
		status    kyc.Status
		reasons   []string
		documents []kyc.DocumentType
	}{
		"000-00-0000": {kyc.UnderReview, nil, nil},
		"111-11-1111": {kyc.DocumentRequired, nil, []kyc.DocumentType{ssc, gov}},
		"222-22-2222": {kyc.DocumentRequired, nil, []kyc.DocumentType{gov, addr}},
		"333-33-3333": {kyc.DocumentRequired, nil, []kyc.DocumentType{gov}},
		"444-44-4444": {kyc.DocumentRequired, nil, []kyc.DocumentType{ssc, gov, addr}},
		"999-99-0000": {kyc.Failed, []string{kyc.ReasonBureau}, nil},
		"999-99-1111": {kyc.Failed, []string{kyc.ReasonOFAC}, nil},
		"999-99-2222": {kyc.Failed, []string{kyc.ReasonBureau, kyc.ReasonOFAC}, nil},
		"123-45-6789": {kyc.Passed, nil, nil},
	} {
		t.Run(ssn, func(t *testing.T) {
			id := uuid.NewString()
			w.bed.Customer(t, id, ssn)
			must(t, w.worker().Run(t.Context(), w.start(t, id, nil)))
			c := w.read(t, id)
			a := c.Attempts[programID]
			var documents []kyc.DocumentType
			for _, d := range a.Documents {
				documents = append(documents, d.Type)
				if d.ID == "" || d.Status != "required" {
					t.Errorf("document %+v", d)
				}
			}
			slices.Sort(want.reasons)
			if a.Status != want.status || !slices.Equal(a.Reasons, want.reasons) || !slices.Equal(documents, want.documents) {
				t.Errorf("%s, reasons %q, documents %q", a.Status, a.Reasons, documents)
			}
			if _, ended := c.Ended[programID]; ended != (want.status == kyc.Failed) || c.Versions[programID] != 2 || c.Used[programID] != 1 {
				t.Errorf("customer %+v", c)
			}
			for _, r := range a.Results {
				if r.Mode != kyc.Sandbox || r.Provider == "" {
					t.Errorf("a stub's result looks real: %+v", r)
				}
			}
		})
	}
}

func TestBodyOverridesAndIsLearnedOnAPassAlone(t *testing.T) {
	w := open(t)
	body := map[kyc.Field]string{kyc.SSN: "123-45-6799", kyc.Email: "learned@example.com", kyc.IP: "192.0.2.1"}

	t.Run("pass", func(t *testing.T) {
		id := uuid.NewString()
		w.bed.Customer(t, id, "999-99-0000") // would fail
		must(t, w.worker().Run(t.Context(), w.start(t, id, body)))
		c, p := w.read(t, id), w.onFile(t, id)
		if c.Attempts[programID].Status != kyc.Passed || c.ProfileVersion != 2 || !slices.Contains(c.Present, kyc.Email) || slices.Contains(c.Present, kyc.IP) {
			t.Errorf("customer %+v", c)
		}
		if p.Get(kyc.SSN) != "123456799" || p.Get(kyc.Email) != "learned@example.com" || p.Get(kyc.IP) != "" || p.Get(kyc.FirstName) != "Ada" {
			t.Error("the identity that passed is not the one on file")
		}
		w.inClear(t, "123456799", "learned@example.com", "192.0.2.1")
	})
	for ssn, status := range map[string]kyc.Status{"999-99-0000": kyc.Failed, "333-33-3333": kyc.DocumentRequired, "000-00-0000": kyc.UnderReview} {
		t.Run(string(status), func(t *testing.T) {
			id := uuid.NewString()
			w.bed.Customer(t, id, "123-45-6799") // would pass
			must(t, w.worker().Run(t.Context(), w.start(t, id, map[kyc.Field]string{kyc.SSN: ssn, kyc.Email: "learned@example.com"})))
			c, p := w.read(t, id), w.onFile(t, id)
			if c.Attempts[programID].Status != status || c.ProfileVersion != 1 || slices.Contains(c.Present, kyc.Email) || p.Get(kyc.SSN) != "123456799" || p.Get(kyc.Email) != "" {
				t.Errorf("customer %+v", c)
			}
		})
	}
}

// A verdict is of use only where it answers what was asked.
func TestAProviderThatAnswersSomethingElseDecidesNothing(t *testing.T) {
	ofac := kyc.Result{Check: kyc.CheckOFAC, Passed: true, Provider: "test", Mode: kyc.Sandbox}
	bureau := kyc.Result{Check: kyc.CheckBureau, Reason: kyc.ReasonBureau, Provider: "test", Mode: kyc.Sandbox}
	w := open(t)
	w.checks(t, kyc.CheckCIP, kyc.CheckOFAC)
	for name, answered := range map[string][]kyc.Result{"nothing": nil, "less": {bureau}, "more": {ofac, bureau}, "one twice": {ofac, ofac}} {
		id := uuid.NewString()
		w.bed.Customer(t, id, "123-45-6799")
		work := w.start(t, id, nil)
		worker := w.worker()
		worker.Provider = fixed{kyc.Verdict{Results: answered}}
		if err := worker.Run(t.Context(), work); err == nil {
			t.Errorf("%s: no error", name)
		}
		if a := w.read(t, id).Attempts[programID]; a.Status != kyc.Submitted {
			t.Errorf("%s: status %s", name, a.Status)
		}
	}
}

// fixed answers the same, whatever it is asked.
type fixed struct{ verdict kyc.Verdict }

func (f fixed) Check(context.Context, kyc.Profile, []kyc.Check, []kyc.DocumentType) (kyc.Verdict, error) {
	return f.verdict, nil
}

// checks has attempts run these alone from now on, and wait a day for documents.
func (w world) checks(t *testing.T, checks ...kyc.Check) {
	t.Helper()
	policy := kyc.DefaultPolicy()
	policy.Version, policy.Checks, policy.DocumentDeadline = 2, checks, 24*time.Hour
	if added, err := w.store.AddPolicy(t.Context(), brandID, programID, policy, testbed.Record()); err != nil || !added {
		t.Fatalf("added %t, err %v", added, err)
	}
	_, err := w.store.CurrentProgram(t.Context(), brandID, programID)
	must(t, err)
}

func TestOnlyTheChecksOfThePolicyRun(t *testing.T) {
	w := open(t)
	before := w.start(t, customerID, map[kyc.Field]string{kyc.SSN: "999-99-0000"})
	w.checks(t, kyc.CheckCIP, kyc.CheckOFAC, kyc.CheckEmail)
	must(t, w.worker().Run(t.Context(), before))
	if a := w.read(t, customerID).Attempts[programID]; a.Status != kyc.Failed || len(a.Results) != 6 {
		t.Errorf("under the policy before: %+v", a)
	}
	for ssn, want := range map[string]kyc.Status{"999-99-0000": kyc.Passed, "999-99-2222": kyc.Failed} {
		id := uuid.NewString()
		w.bed.Customer(t, id, ssn)
		must(t, w.worker().Run(t.Context(), w.start(t, id, nil)))
		a := w.read(t, id).Attempts[programID]
		var ran []kyc.Check
		for _, r := range a.Results {
			ran = append(ran, r.Check)
		}
		if a.Status != want || !slices.Equal(ran, []kyc.Check{kyc.CheckCIP, kyc.CheckOFAC, kyc.CheckEmail}) {
			t.Errorf("SSN %s: %s after %v", ssn, a.Status, ran)
		}
	}
}

func TestIdentityInformationIsCheckedByPolicy(t *testing.T) {
	w := open(t)
	young := w.clock.Now().AddDate(-18, 0, 1).Format(time.DateOnly)
	for _, mode := range []kyc.Mode{kyc.Sandbox, kyc.Live} {
		id := w.customer(t, map[kyc.Field]string{kyc.BirthDate: young})
		s := w.service()
		s.Mode = mode
		started, err := s.Start(t.Context(), request(id))
		must(t, err)
		worker := w.worker()
		worker.Provider = provider(func(context.Context, kyc.Profile) (kyc.Verdict, error) {
			return kyc.Verdict{Results: []kyc.Result{{Check: kyc.CheckOFAC, Passed: true, Provider: "test", Mode: mode}}}, nil
		})
		must(t, worker.Run(t.Context(), kyc.Work{BrandID: brandID, CustomerID: id, ProgramID: programID, AttemptID: started.Attempt.ID}))
		if a := w.read(t, id).Attempts[programID]; a.Status != kyc.Failed || !slices.Equal(a.Reasons, []string{kyc.ReasonUnderage}) || a.Results[0].Mode != mode {
			t.Errorf("attempt %+v", a)
		}
	}
}

// Of a telephone number the start may bring one half and find the other on file.
func TestHalvesOfAPhoneAreJudgedTogether(t *testing.T) {
	w := open(t)
	half := func(code, phone string) map[kyc.Field]string {
		fields := map[kyc.Field]string{}
		for f, v := range map[kyc.Field]string{kyc.PhoneCountryCode: code, kyc.Phone: phone} {
			if v != "" {
				fields[f] = v
			}
		}
		return fields
	}
	for name, c := range map[string]struct {
		onFile, body map[kyc.Field]string
		want         string // on file afterwards
		reasons      []string
	}{
		"phone under the code on file":             {half("44", "7400123456"), half("", "07400-123457"), "44 7400123457", nil},
		"phone of another country":                 {half("44", "7400123456"), half("", "202-555-0123"), "44 7400123456", []string{kyc.ReasonPhone}},
		"phone, no code anywhere":                  {nil, half("", "1-202-555-0123"), "1 2025550123", nil},
		"phone of nobody, no code anywhere":        {nil, half("", "7400-123456"), " ", []string{kyc.ReasonPhone}},
		"code for the phone on file":               {half("", "7400123456"), half("44", ""), "44 7400123456", nil},
		"code that the phone on file is not of":    {half("1", "2025550123"), half("44", ""), "1 2025550123", []string{kyc.ReasonPhone}},
		"code, no phone anywhere":                  {nil, half("44", ""), "44 ", nil},
		"both, whatever is on file":                {half("1", "5555550100"), half("44", "7400123456"), "44 7400123456", nil},
		"neither: what is on file was judged once": {half("1", "5555550100"), nil, "1 5555550100", nil},
	} {
		t.Run(name, func(t *testing.T) {
			id := w.customer(t, c.onFile)
			must(t, w.worker().Run(t.Context(), w.start(t, id, c.body)))
			a, p := w.read(t, id).Attempts[programID], w.onFile(t, id)
			status := kyc.Passed
			if c.reasons != nil {
				status = kyc.Failed
			}
			if a.Status != status || !slices.Equal(a.Reasons, c.reasons) {
				t.Errorf("%s for %q", a.Status, a.Reasons)
			}
			if got := p.Get(kyc.PhoneCountryCode) + " " + p.Get(kyc.Phone); got != c.want {
				t.Errorf("on file is %q, want %q", got, c.want)
			}
		})
	}
}

// An attempt may be opened under a policy that is younger than the program as its verifier remembers it.
func TestPolicyOfAMomentAgo(t *testing.T) {
	w := open(t)
	worker, reads := w.worker(), 0
	worker.Programs = w.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		reads++
		return pass()
	}).Store(w.clock.Now)
	must(t, worker.Run(t.Context(), w.start(t, customerID, map[kyc.Field]string{kyc.SSN: "999-99-0000"}))) // the program is remembered now

	strict := kyc.DefaultPolicy()
	strict.Version, strict.MinimumAge = 2, 100
	if added, err := w.store.AddPolicy(t.Context(), brandID, programID, strict, testbed.Record()); err != nil || !added {
		t.Fatalf("added %t, err %v", added, err)
	}
	old := w.start(t, customerID, nil) // where it is opened, the program is a minute old at the most
	must(t, worker.Run(t.Context(), old))
	if a := w.read(t, customerID).Attempts[programID]; a.Status != kyc.Passed || a.PolicyVersion != 1 || reads != 1 {
		t.Errorf("under the policy before, after %d reads: %+v", reads, a)
	}

	id := uuid.NewString()
	w.bed.Customer(t, id, "123-45-6799")
	_, err := w.store.CurrentProgram(t.Context(), brandID, programID)
	must(t, err)
	work := w.start(t, id, nil)
	must(t, worker.Run(t.Context(), work))
	if a := w.read(t, id).Attempts[programID]; a.PolicyVersion != 2 || a.Status != kyc.Failed || !slices.Equal(a.Reasons, []string{kyc.ReasonUnderage}) || reads != 2 {
		t.Errorf("under the new policy, after %d reads: %+v", reads, a)
	}
}

func TestUnknownPolicyIsNoPass(t *testing.T) {
	w := open(t)
	s := w.service()
	s.Programs = newest{w}
	started, err := s.Start(t.Context(), request(customerID))
	must(t, err)
	work := kyc.Work{BrandID: brandID, CustomerID: customerID, ProgramID: programID, AttemptID: started.Attempt.ID}
	if err := w.worker().Run(t.Context(), work); err == nil || w.read(t, customerID).Attempts[programID].Status != kyc.Submitted {
		t.Errorf("err %v, attempt %+v", err, w.read(t, customerID).Attempts[programID])
	}
	w.clock.Move(lease)
	worker := w.worker()
	worker.Programs = newest{w}
	must(t, worker.Run(t.Context(), work))
	if a := w.read(t, customerID).Attempts[programID]; a.Status != kyc.Passed || a.PolicyVersion != 2 {
		t.Errorf("attempt %+v", a)
	}
}

// newest knows of a second version of each program's policy.
type newest struct{ w world }

func (n newest) Program(ctx context.Context, brandID, programID string) (kyc.Program, error) {
	p, err := n.w.store.Program(ctx, brandID, programID)
	second := p.Policies[1]
	second.Version = 2
	p.Policies, p.PolicyVersion = map[int]kyc.Policy{1: p.Policies[1], 2: second}, 2
	return p, err
}

func (n newest) CurrentProgram(ctx context.Context, brandID, programID string) (kyc.Program, error) {
	return n.Program(ctx, brandID, programID)
}

// secondProgram makes another program of the brand, in which the customer can pass meanwhile.
func (w world) secondProgram(t *testing.T) {
	t.Helper()
	policy := kyc.DefaultPolicy()
	must(t, w.store.CreateProgram(t.Context(), kyc.Program{
		BrandID: brandID, ID: program2, Name: "Second", Bank: "Second Bank", CreatedAt: w.clock.Now(),
		Policies: map[int]kyc.Policy{1: policy}, PolicyVersion: 1,
	}, testbed.Record()))
}

func TestIdentityThatChangesMeanwhileIsJudgedAgain(t *testing.T) {
	w := open(t)
	w.secondProgram(t)
	id := uuid.NewString()
	w.bed.Customer(t, id, "999-99-0000") // fails, until another program's pass corrects it
	work := w.start(t, id, nil)
	var asked []string
	worker := w.worker()
	worker.Provider = provider(func(ctx context.Context, applicant kyc.Profile) (kyc.Verdict, error) {
		asked = append(asked, applicant.Get(kyc.SSN))
		if len(asked) == 1 {
			r := request(id)
			r.ProgramID, r.Fields = program2, map[kyc.Field]string{kyc.SSN: "123-45-6799"}
			s, err := w.service().Start(ctx, r)
			must(t, err)
			must(t, w.worker().Run(ctx, kyc.Work{BrandID: brandID, CustomerID: id, ProgramID: program2, AttemptID: s.Attempt.ID}))
		}
		return sandbox.Provider{}.Check(ctx, applicant, external, nil)
	})
	must(t, worker.Run(t.Context(), work))
	c := w.read(t, id)
	if a := c.Attempts[programID]; a.Status != kyc.Passed || c.Versions[programID] != 2 || c.Used[programID] != 1 || c.Attempts[program2].Status != kyc.Passed || len(asked) != 2 {
		t.Errorf("asked %d times: %+v", len(asked), c)
	}
}

// What has passed in one program is frozen: a start in another one may add to it, and makes nobody else of the customer.
func TestStartDoesNotReplaceTheIdentityThatPassed(t *testing.T) {
	w := open(t)
	w.secondProgram(t)
	for name, c := range map[string]struct {
		body    map[kyc.Field]string
		onFile  map[kyc.Field]string // afterwards
		reasons []string
	}{
		"another SSN":     {map[kyc.Field]string{kyc.SSN: "123-45-6700"}, map[kyc.Field]string{kyc.SSN: "123456799"}, []string{kyc.ReasonContradicts}},
		"another dob":     {map[kyc.Field]string{kyc.BirthDate: "1990-05-18"}, map[kyc.Field]string{kyc.BirthDate: "1990-05-17"}, []string{kyc.ReasonContradicts}},
		"the same of all": {map[kyc.Field]string{kyc.SSN: "123-45-6799", kyc.BirthDate: "1990-05-17"}, map[kyc.Field]string{kyc.SSN: "123456799"}, nil},
		"another phone":   {map[kyc.Field]string{kyc.Phone: "202-555-0123"}, map[kyc.Field]string{kyc.Phone: "2025550123"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			id := w.customer(t, nil)
			must(t, w.worker().Run(t.Context(), w.start(t, id, nil)))
			r := request(id)
			r.ProgramID, r.Fields = program2, c.body
			s, err := w.service().Start(t.Context(), r)
			must(t, err)
			must(t, w.worker().Run(t.Context(), kyc.Work{BrandID: brandID, CustomerID: id, ProgramID: program2, AttemptID: s.Attempt.ID}))
			a, p := w.read(t, id).Attempts[program2], w.onFile(t, id)
			if (a.Status == kyc.Passed) != (c.reasons == nil) || !slices.Equal(a.Reasons, c.reasons) {
				t.Errorf("%s for %q", a.Status, a.Reasons)
			}
			for f, want := range c.onFile {
				if got := p.Get(f); got != want {
					t.Errorf("%s on file is %q, want %q", f, got, want)
				}
			}
		})
	}
	t.Run("one that was not asked for before", func(t *testing.T) {
		before, brought := kyc.Profile{}, kyc.Profile{kyc.SSN: kyc.NewSecret("123456799")}
		c := kyc.Customer{Attempts: map[string]kyc.Attempt{programID: {Status: kyc.Passed}}}
		if c.Contradicts(before, brought) {
			t.Error("it contradicts what is not there")
		}
	})
}

// A pass in another program freezes the identity while this one's checks run too: whether that attempt was open by then or
// not, what is on file is what has passed.
func TestStartDoesNotReplaceTheIdentityThatPassesMeanwhile(t *testing.T) {
	w := open(t)
	w.secondProgram(t)
	for name, before := range map[string]bool{"open before": true, "opened meanwhile": false} {
		t.Run(name, func(t *testing.T) {
			id := w.customer(t, nil)
			r := request(id)
			r.ProgramID, r.Fields = program2, map[kyc.Field]string{kyc.SSN: "123-45-6700"}
			s, err := w.service().Start(t.Context(), r)
			must(t, err)
			var first kyc.Work
			if before {
				first = w.start(t, id, nil)
			}
			asked := 0
			worker := w.worker()
			worker.Provider = meanwhile(func() {
				if asked++; asked > 1 {
					return
				}
				if !before {
					first = w.start(t, id, nil)
				}
				must(t, w.worker().Run(t.Context(), first))
			})
			must(t, worker.Run(t.Context(), kyc.Work{BrandID: brandID, CustomerID: id, ProgramID: program2, AttemptID: s.Attempt.ID}))
			c, p := w.read(t, id), w.onFile(t, id)
			if c.Attempts[programID].Status != kyc.Passed || p.Get(kyc.SSN) != "123456799" {
				t.Errorf("%s, and the SSN on file ends in %s", c.Attempts[programID].Status, p.Get(kyc.SSN)[5:])
			}
			if a := c.Attempts[program2]; a.Status != kyc.Failed || !slices.Equal(a.Reasons, []string{kyc.ReasonContradicts}) || asked != 2 {
				t.Errorf("%s for %q, asked %d times", a.Status, a.Reasons, asked)
			}
		})
	}
	t.Run("opened meanwhile and not judged yet", func(t *testing.T) {
		id := w.customer(t, nil)
		r := request(id)
		r.ProgramID, r.Fields = program2, map[kyc.Field]string{kyc.SSN: "123-45-6700"}
		s, err := w.service().Start(t.Context(), r)
		must(t, err)
		asked := 0
		worker := w.worker()
		worker.Provider = meanwhile(func() {
			if asked++; asked == 1 {
				w.start(t, id, nil)
			}
		})
		must(t, worker.Run(t.Context(), kyc.Work{BrandID: brandID, CustomerID: id, ProgramID: program2, AttemptID: s.Attempt.ID}))
		if a, ssn := w.read(t, id).Attempts[program2], w.onFile(t, id).Get(kyc.SSN); a.Status != kyc.Passed || ssn != "123456700" || asked != 2 {
			t.Errorf("%s, and the SSN on file ends in %s, asked %d times", a.Status, ssn[5:], asked)
		}
	})
}

func TestIdentityThatKeepsChangingIsNotJudged(t *testing.T) {
	w := open(t)
	work := w.start(t, customerID, map[kyc.Field]string{kyc.SSN: "123-45-6799"})
	asked := 0
	worker := w.worker()
	worker.Provider = provider(func(ctx context.Context, applicant kyc.Profile) (kyc.Verdict, error) {
		asked++
		w.bumpProfile(t, customerID)
		return sandbox.Provider{}.Check(ctx, applicant, external, nil)
	})
	if err := worker.Run(t.Context(), work); err == nil || errors.Is(err, verification.ErrBusy) || asked > 5 {
		t.Errorf("asked %d times, err %v", asked, err)
	}
	if c := w.read(t, customerID); c.Attempts[programID].Status != kyc.Submitted || c.Versions[programID] != 1 || c.ProfileVersion != 1+asked {
		t.Errorf("customer %+v", c)
	}
	w.clock.Move(lease)
	must(t, w.worker().Run(t.Context(), work))
	if c := w.read(t, customerID); c.Attempts[programID].Status != kyc.Passed {
		t.Errorf("customer %+v", c)
	}
}

// bumpProfile counts the customer's identity up by one version, as a change of it does.
func (w world) bumpProfile(t *testing.T, id string) {
	t.Helper()
	var items []types.TransactWriteItem
	for _, sk := range []string{"customer", "profile"} {
		items = append(items, types.TransactWriteItem{Update: &types.Update{
			TableName: &w.bed.Table, UpdateExpression: aws.String("SET profile_version = profile_version + :one"),
			Key: map[string]types.AttributeValue{
				"pk": &types.AttributeValueMemberS{Value: "brand#" + brandID + "#customer#" + id}, "sk": &types.AttributeValueMemberS{Value: sk},
			},
			ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
		}})
	}
	_, err := dynamodb.NewFromConfig(w.bed.AWS).TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: items})
	must(t, err)
}

func TestMessageThatComesTwiceOrLateDoesNothing(t *testing.T) {
	w := open(t)
	old := w.start(t, customerID, map[kyc.Field]string{kyc.SSN: "999-99-0000"})
	must(t, w.worker().Run(t.Context(), old))
	w.unchanged(t, func() { must(t, w.worker().Run(t.Context(), old)) })
	current := w.start(t, customerID, nil)
	w.unchanged(t, func() {
		must(t, w.worker().Run(t.Context(), old))
		for _, unknown := range []kyc.Work{
			{BrandID: stranger, CustomerID: customerID, ProgramID: programID, AttemptID: current.AttemptID},
			{BrandID: brandID, CustomerID: stranger, ProgramID: programID, AttemptID: current.AttemptID},
			{BrandID: brandID, CustomerID: customerID, ProgramID: program2, AttemptID: current.AttemptID},
		} {
			must(t, w.worker().Run(t.Context(), unknown))
		}
	})
	must(t, w.worker().Run(t.Context(), current))
	w.unchanged(t, func() { must(t, w.worker().Run(t.Context(), current)) })
	if a := w.read(t, customerID).Attempts[programID]; a.ID != current.AttemptID || a.Status != kyc.Passed {
		t.Errorf("attempt %+v", a)
	}
}

func TestConcurrentMessagesJudgeOnce(t *testing.T) {
	w := open(t)
	for range 3 {
		id := uuid.NewString()
		w.bed.Customer(t, id, "123-45-6799")
		work := w.start(t, id, map[kyc.Field]string{kyc.Email: "a@example.com"})
		atOnce(10, func(int) {
			if err := w.worker().Run(t.Context(), work); err != nil && !errors.Is(err, verification.ErrBusy) {
				t.Error(err)
			}
		})
		c := w.read(t, id)
		if a := c.Attempts[programID]; a.Status != kyc.Passed || a.Fence != 1 || c.Versions[programID] != 2 || c.Used[programID] != 1 || len(a.Timeline) != 2 {
			t.Errorf("customer %+v", c)
		}
	}
}

func TestLiveLeaseIsBusy(t *testing.T) {
	w := open(t)
	work := w.start(t, customerID, nil)
	worker := w.worker()
	worker.Provider = provider(func(ctx context.Context, applicant kyc.Profile) (kyc.Verdict, error) {
		w.unchanged(t, func() {
			if err := w.worker().Run(ctx, work); !errors.Is(err, verification.ErrBusy) {
				t.Errorf("a second worker beside the first: err %v", err)
			}
		})
		w.clock.Move(lease)
		must(t, w.worker().Run(ctx, work)) // the first one's lease has ended: it is taken over, and judged
		return kyc.Verdict{Results: []kyc.Result{{Check: kyc.CheckOFAC, Reason: kyc.ReasonOFAC, Provider: "late", Mode: kyc.Sandbox}}}, nil
	})
	must(t, worker.Run(t.Context(), work))
	c := w.read(t, customerID)
	if a := c.Attempts[programID]; a.Status != kyc.Passed || a.Fence != 2 || c.Versions[programID] != 2 || c.Used[programID] != 1 {
		t.Errorf("the late worker had the say: %+v", c)
	}
}

// crash fails at one chosen step, counted from 1: before the step, after it, or by a panic after it.
type crash struct {
	step int
	how  string
	seen int
}

var errCrash = errors.New("crashed on purpose")

func (c *crash) at(do func() error) error {
	c.seen++
	if c.seen != c.step {
		return do()
	}
	if c.how == "before" {
		return errCrash
	}
	if err := do(); err != nil {
		return err
	}
	if c.how == "panic" {
		panic(errCrash)
	}
	return errCrash
}

// crashing runs every port of a worker through crash.
type crashing struct {
	*crash
	verification.Claims
	verification.CurrentPrograms
	verification.Opener
	verification.Provider
}

func (c crashing) Claim(ctx context.Context, w kyc.Work, now, until time.Time) (customer kyc.Customer, stood *kyc.Standing, err error) {
	err = c.at(func() error { customer, stood, err = c.Claims.Claim(ctx, w, now, until); return err })
	return customer, stood, err
}

func (c crashing) Profile(ctx context.Context, brandID, customerID string) (sealed kyc.Sealed, version int, err error) {
	err = c.at(func() error { sealed, version, err = c.Claims.Profile(ctx, brandID, customerID); return err })
	return sealed, version, err
}

func (c crashing) AdvanceAttempt(ctx context.Context, a kyc.Advance) (stood *kyc.Standing, err error) {
	err = c.at(func() error { stood, err = c.Claims.AdvanceAttempt(ctx, a); return err })
	return stood, err
}

func (c crashing) RecordLate(ctx context.Context, customer kyc.Customer, programID string, a kyc.Attempt) error {
	return c.at(func() error { return c.Claims.RecordLate(ctx, customer, programID, a) })
}

func (c crashing) Program(ctx context.Context, brandID, programID string) (p kyc.Program, err error) {
	err = c.at(func() error { p, err = c.CurrentPrograms.Program(ctx, brandID, programID); return err })
	return p, err
}

func (c crashing) Open(ctx context.Context, place kyc.Place, sealed kyc.Sealed) (p kyc.Profile, err error) {
	err = c.at(func() error { p, err = c.Opener.Open(ctx, place, sealed); return err })
	return p, err
}

func (c crashing) Add(ctx context.Context, place kyc.Place, sealed kyc.Sealed, more kyc.Profile) (all kyc.Sealed, err error) {
	err = c.at(func() error { all, err = c.Opener.Add(ctx, place, sealed, more); return err })
	return all, err
}

func (c crashing) Check(ctx context.Context, applicant kyc.Profile, checks []kyc.Check, accepted []kyc.DocumentType) (v kyc.Verdict, err error) {
	err = c.at(func() error { v, err = c.Provider.Check(ctx, applicant, checks, accepted); return err })
	return v, err
}

// survive runs the work and swallows what the crash throws.
func survive(t *testing.T, worker *verification.Worker, work kyc.Work) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil && r != any(errCrash) {
			panic(r)
		}
	}()
	if err := worker.Run(t.Context(), work); err != nil && !errors.Is(err, errCrash) {
		t.Errorf("err %v", err)
	}
}

func TestCrashAtEveryStepIsTakenOver(t *testing.T) {
	w := open(t)
	for _, how := range []string{"before", "after", "panic"} {
		for step := 1; ; step++ {
			id := uuid.NewString()
			w.bed.Customer(t, id, "999-99-0000")
			work := w.start(t, id, map[kyc.Field]string{kyc.SSN: "123-45-6799"})
			c := &crash{step: step, how: how}
			worker := w.worker()
			ports := crashing{c, worker.Claims, worker.Programs, worker.Vault, worker.Provider}
			worker.Claims, worker.Programs, worker.Vault, worker.Provider = ports, ports, ports, ports
			survive(t, worker, work)
			if c.seen < step {
				if step < 8 {
					t.Errorf("a run has only %d steps", c.seen)
				}
				break
			}
			// Its message comes back, once too early and once after the lease.
			if err := w.worker().Run(t.Context(), work); err != nil && !errors.Is(err, verification.ErrBusy) {
				t.Error(err)
			}
			w.clock.Move(lease)
			must(t, w.worker().Run(t.Context(), work))
			must(t, w.worker().Run(t.Context(), work))
			got := w.read(t, id)
			a := got.Attempts[programID]
			if a.Status != kyc.Passed || got.Versions[programID] != 2 || len(a.Timeline) != 2 || a.Timeline[0].Version != 1 || a.Timeline[1].Version != 2 ||
				got.Used[programID] != 1 || got.ProfileVersion != 2 || w.onFile(t, id).Get(kyc.SSN) != "123456799" {
				t.Errorf("crash %s step %d: %+v", how, step, got)
			}
		}
	}
}

func TestErrorsOfAWorkerHoldNoPersonalData(t *testing.T) {
	w := open(t)
	for step := 1; step <= 8; step++ {
		id := uuid.NewString()
		w.bed.Customer(t, id, "123-45-6799")
		work := w.start(t, id, marked)
		c := &crash{step: step, how: "before"}
		worker := w.worker()
		ports := crashing{c, worker.Claims, worker.Programs, worker.Vault, worker.Provider}
		worker.Claims, worker.Programs, worker.Vault, worker.Provider = ports, ports, ports, ports
		err := worker.Run(t.Context(), work)
		for _, mark := range append(slices.Clone(marks), "123456799", "Ada") {
			if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, mark) {
				t.Errorf("step %d: the error holds %q", step, mark)
			}
		}
	}
}

// Whatever the code above the table believes: a stub never makes a live attempt pass, and the attempt does not stay
// open for ever either.
func TestLiveAttemptNeverPassesOnSandboxResults(t *testing.T) {
	w := open(t)
	s := w.service()
	s.Mode = kyc.Live
	started, err := s.Start(t.Context(), request(customerID))
	must(t, err)
	work := kyc.Work{BrandID: brandID, CustomerID: customerID, ProgramID: programID, AttemptID: started.Attempt.ID}
	for range 3 {
		if err := w.worker().Run(t.Context(), work); err == nil {
			t.Error("a sandbox's verdict on a live attempt is no error")
		}
		if c := w.read(t, customerID); c.Attempts[programID].Status != kyc.Submitted || c.Versions[programID] != 1 {
			t.Errorf("customer %+v", c)
		}
		w.clock.Move(lease)
	}
	w.clock.Move(kyc.WorkerDeadline)
	_, err = w.timers().Sweep(t.Context())
	must(t, err)
	if a := w.read(t, customerID).Attempts[programID]; a.Status != kyc.Errored {
		t.Errorf("attempt %+v", a)
	}
}

// An attempt that went to and fro until no change fits that does not end it, ends as an error of ours.
func TestAttemptThatIsTooLargeToGoOnEnds(t *testing.T) {
	w := open(t)
	w.subscribe(t)
	id := uuid.NewString()
	w.bed.Customer(t, id, "333-33-3333") // asks for a document
	work := w.start(t, id, nil)
	for turn := 1; ; turn++ {
		must(t, w.worker().Run(t.Context(), work))
		c := w.read(t, id)
		a := c.Attempts[programID]
		if a.Status == kyc.Errored {
			if a.Cause() != "attempt_too_large" || turn < 5 || len(a.Results) == 0 || c.Used[programID] != 1 || !c.Ended[programID].Equal(w.clock.Now()) {
				t.Errorf("after %d turns: %+v", turn, c)
			}
			break
		}
		// The document comes in; what is said about it fills the attempt, so that it is the verifier who finds it full.
		again, err := a.Advance(kyc.Decision{Status: kyc.Submitted}, c.Versions[programID]+1, w.clock.Now(), strings.Repeat("x", 200))
		for n := 200; errors.Is(err, kyc.ErrAttemptFull) && n > 0; n-- {
			again, err = a.Advance(kyc.Decision{Status: kyc.Submitted}, c.Versions[programID]+1, w.clock.Now(), strings.Repeat("x", n))
		}
		must(t, err)
		stood, err := w.store.AdvanceAttempt(t.Context(), kyc.Advance{
			BrandID: brandID, CustomerID: id, ProgramID: programID, From: a, To: again, Version: c.Versions[programID], Alarm: w.clock.Now().Add(kyc.AlarmDelay),
		})
		if err != nil || stood != nil {
			t.Fatalf("stood %+v, err %v", stood, err)
		}
	}
	must(t, w.relay().CatchUp(t.Context(), w.read(t, id)))
	if names := w.events(t); !slices.Contains(names, string(kyc.EventError)) {
		t.Errorf("events %q", names)
	}
	w.start(t, id, nil) // another one may be opened
}
