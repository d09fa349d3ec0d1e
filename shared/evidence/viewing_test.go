package evidence_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"kyc/shared/clock"
	"kyc/shared/evidence"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/outbox"
	"kyc/shared/queue"
	"kyc/shared/testbed"
	"kyc/shared/verification"
)

func (w world) viewing(b *testbed.Bed) *evidence.Viewing {
	store := b.Store(clock.Now)
	return &evidence.Viewing{Customers: store, Archive: store, Links: w.vault(b), Audit: store, Now: clock.Now, NewID: uuid.NewString}
}

func wanted(dt kyc.DocumentType, side string) evidence.Wanted {
	return evidence.Wanted{
		BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID, DocumentID: testbed.DocumentID(dt), Side: side,
		Identity: testbed.Identity, RequestID: "r",
	}
}

// receive has a file taken as the front of a document.
func (w world) receive(dt kyc.DocumentType, data string) {
	w.t.Helper()
	w.announce(map[kyc.DocumentType]map[kyc.Side]string{dt: {kyc.Front: data}})
	w.inspect(w.inspector(w.bed), dt, kyc.Front, w.store(dt, kyc.Front, data), evidence.Taken)
}

// records returns those of documents that were read.
func (w world) records() []kyc.AuditRecord {
	w.t.Helper()
	now := clock.Now().UTC()
	all, _, err := w.bed.Store(clock.Now).Records(w.t.Context(), testbed.BrandID, time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC), kyc.AuditPlace{}, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	var read []kyc.AuditRecord
	for _, r := range all {
		if r.Action == kyc.AuditReadDocument {
			read = append(read, r)
		}
	}
	return read
}

// follow returns what a link leads to.
func (w world) follow(link string) (int, string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, link, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	data, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(data)
}

// reads wants a file to be readable, and one more record of who has read it.
func (w world) reads(want evidence.Wanted, attemptID, data string) {
	w.t.Helper()
	before, asked := len(w.records()), clock.Now()
	got, err := w.viewing(w.bed).Read(w.t.Context(), want)
	if err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff(contentOf(data), got.Content); diff != "" || got.Until.Before(asked.Add(time.Minute)) || got.Until.After(clock.Now().Add(time.Minute)) {
		w.t.Errorf("until %s, content (-want +got):\n%s", got.Until, diff)
	}
	if status, read := w.follow(got.URL); status != http.StatusOK || read != data || !strings.Contains(got.URL, "-front.jpg") {
		w.t.Errorf("%s: %d %q", got.URL, status, read)
	}
	records := w.records()
	if len(records) != before+1 {
		w.t.Fatalf("%d records more", len(records)-before)
	}
	record := kyc.AuditRecord{
		Action: kyc.AuditReadDocument, BrandID: testbed.BrandID, ProgramID: testbed.ProgramID, CustomerID: testbed.CustomerID, AttemptID: attemptID,
		DocumentID: strings.ToLower(want.DocumentID), Side: kyc.Front, Outcome: kyc.AuditDone, RequestID: "r", AskedBy: testbed.Identity,
	}
	if diff := cmp.Diff(record, records[0], cmpopts.IgnoreFields(kyc.AuditRecord{}, "ID", "At")); diff != "" || records[0].At.Before(asked.Truncate(time.Microsecond)) {
		w.t.Errorf("on record at %s (-want +got):\n%s", records[0].At, diff)
	}
}

func TestWhatIsHeldIsRead(t *testing.T) {
	w := newWorld(t, kyc.SocialSecurityCard, kyc.ProofOfAddress)
	w.receive(kyc.SocialSecurityCard, "card")
	w.reads(wanted(kyc.SocialSecurityCard, "front"), testbed.AttemptID, "card")
	w.store(kyc.SocialSecurityCard, kyc.Front, "another card, that nobody has looked into")
	w.reads(wanted(kyc.SocialSecurityCard, "front"), testbed.AttemptID, "card")
	shouted := wanted(kyc.SocialSecurityCard, "front")
	shouted.AttemptID = testbed.AttemptID
	for _, id := range []*string{&shouted.CustomerID, &shouted.ProgramID, &shouted.DocumentID, &shouted.AttemptID} {
		*id = strings.ToUpper(*id)
	}
	w.reads(shouted, testbed.AttemptID, "card")
}

// Who asks for what is not there learns so, and nothing is put on record.
func TestWhatIsNotHeldIsNotRead(t *testing.T) {
	w := newWorld(t, kyc.SocialSecurityCard, kyc.ProofOfAddress, kyc.GovernmentID)
	w.receive(kyc.SocialSecurityCard, "card")
	w.announce(map[kyc.DocumentType]map[kyc.Side]string{kyc.GovernmentID: {kyc.Front: "bad front", kyc.Back: "back"}})
	w.inspect(w.inspector(w.bed), kyc.GovernmentID, kyc.Front, w.store(kyc.GovernmentID, kyc.Front, "bad front"), evidence.Refused)
	stranger := uuid.NewString()
	for name, c := range map[string]struct {
		change func(*evidence.Wanted)
		code   string // empty for a failure of ours
		says   string
	}{
		"another brand":        {func(r *evidence.Wanted) { r.BrandID = stranger }, "customer_dne", ""},
		"unknown customer":     {func(r *evidence.Wanted) { r.CustomerID = stranger }, "customer_dne", ""},
		"malformed customer":   {func(r *evidence.Wanted) { r.CustomerID = "x" }, "customer_invalid_uuid4", ""},
		"no program":           {func(r *evidence.Wanted) { r.ProgramID = "" }, "get_kyc_schema", "program_id"},
		"another program":      {func(r *evidence.Wanted) { r.ProgramID = stranger }, "kyc_dne", ""},
		"malformed attempt":    {func(r *evidence.Wanted) { r.AttemptID = "x" }, "get_kyc_schema", "attempt_id"},
		"unknown attempt":      {func(r *evidence.Wanted) { r.AttemptID = stranger }, "invalid_reference", "no attempt"},
		"unknown document":     {func(r *evidence.Wanted) { r.DocumentID = stranger }, "invalid_reference", "no document"},
		"malformed document":   {func(r *evidence.Wanted) { r.DocumentID = "x" }, "invalid_reference", "no document"},
		"unknown side":         {func(r *evidence.Wanted) { r.Side = "left" }, "invalid_reference", "front or back"},
		"no back":              {func(r *evidence.Wanted) { r.Side = "back" }, "invalid_reference", "No file is held"},
		"nothing was sent":     {func(r *evidence.Wanted) { r.DocumentID = testbed.DocumentID(kyc.ProofOfAddress) }, "invalid_reference", "No file is held"},
		"what came is refused": {func(r *evidence.Wanted) { r.DocumentID = testbed.DocumentID(kyc.GovernmentID) }, "invalid_reference", "No file is held"},
		"it is on its way": {func(r *evidence.Wanted) { r.DocumentID, r.Side = testbed.DocumentID(kyc.GovernmentID), "back" },
			"invalid_reference", "No file is held"},
		"nobody asks": {func(r *evidence.Wanted) { r.Identity = "" }, "", ""},
	} {
		r := wanted(kyc.SocialSecurityCard, "front")
		c.change(&r)
		got, err := w.viewing(w.bed).Read(t.Context(), r)
		refusal, _ := errors.AsType[*kyc.Error](err)
		if err == nil || got.URL != "" || (refusal == nil) != (c.code == "") || refusal != nil && (refusal.Code != c.code || !strings.Contains(refusal.Error(), c.says)) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if records := w.records(); len(records) > 0 {
		t.Errorf("on record: %+v", records)
	}
}

// Nobody is given what could not be put on record, wherever that fails.
func TestNothingIsReadOffTheRecord(t *testing.T) {
	w := newWorld(t, kyc.SocialSecurityCard)
	w.receive(kyc.SocialSecurityCard, "card")
	for name, cut := range map[string]func(pass func() testbed.Answer) testbed.Answer{
		"the record is lost": func(func() testbed.Answer) testbed.Answer { return testbed.Lost() },
		"the record is refused": func(func() testbed.Answer) testbed.Answer {
			return testbed.Refused(`{"__type":"com.amazonaws#ValidationException"}`)
		},
	} {
		broken := w.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
			if r.Operation == "PutItem" {
				return cut(pass)
			}
			return pass()
		})
		if got, err := w.viewing(broken).Read(t.Context(), wanted(kyc.SocialSecurityCard, "front")); err == nil || got.URL != "" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if records := w.records(); len(records) > 0 {
		t.Errorf("on record: %+v", records)
	}
	// An answer that is lost once is no failure: the record is kept once, and the link given.
	lost := false
	broken := w.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		answer := pass()
		if r.Operation == "PutItem" && !lost {
			lost = true
			return testbed.Lost()
		}
		return answer
	})
	if got, err := w.viewing(broken).Read(t.Context(), wanted(kyc.SocialSecurityCard, "front")); err != nil || got.URL == "" || len(w.records()) != 1 {
		t.Errorf("the answer is lost: %v, %v, records %+v", got, err, w.records())
	}
}

// An attempt that was replaced keeps its files, in the archive and before it is there, until the customer is deleted.
func TestReplacedAttemptsAreReadUntilTheyAreErased(t *testing.T) {
	w := newWorld(t, kyc.SocialSecurityCard, kyc.ProofOfAddress)
	w.receive(kyc.SocialSecurityCard, "card")
	store := w.bed.Store(clock.Now)
	cancel := func() {
		t.Helper()
		canceler := &verification.Canceler{Attempts: store, Clock: w.clock(w.bed)}
		if _, _, err := canceler.Cancel(t.Context(), testbed.BrandID, testbed.CustomerID, testbed.ProgramID); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	const newest = "11111111-1111-4111-8111-111111111111"
	w.bed.Start(t, testbed.CustomerID, newest)
	old := wanted(kyc.SocialSecurityCard, "front")
	old.AttemptID = testbed.AttemptID
	w.reads(old, testbed.AttemptID, "card")
	c, err := store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&outbox.Relay{Store: store, Lanes: store, Verifications: queue.New(w.bed.AWS, w.bed.VerificationQueue)}).CatchUp(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if c, err = store.Customer(t.Context(), testbed.BrandID, testbed.CustomerID); err != nil || len(c.Previous) > 0 {
		t.Fatalf("not archived: %v, %v", c.Previous, err)
	}
	w.reads(old, testbed.AttemptID, "card")
	refused := func(r evidence.Wanted, code string) {
		t.Helper()
		got, err := w.viewing(w.bed).Read(t.Context(), r)
		if refusal, _ := errors.AsType[*kyc.Error](err); refusal == nil || refusal.Code != code {
			t.Errorf("%v, %v; want %s", got, err, code)
		}
	}
	refused(wanted(kyc.SocialSecurityCard, "front"), "invalid_reference") // of the newest attempt, which asks for none
	given, err := w.viewing(w.bed).Read(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}

	cancel()
	desk := &onboarding.Service{
		Customers: store, Lists: store, Closings: store, Retention: &onboarding.Retention{Remains: store, Files: w.vault(w.bed)},
		Programs: store, Vault: w.bed.Keyring(), Clock: w.clock(w.bed), NewID: uuid.NewString, MagicSSN: func(string) bool { return true },
	}
	if _, err := desk.Erase(t.Context(), testbed.BrandID, testbed.CustomerID, func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	refused(old, "customer_dne")
	if status, read := w.follow(given.URL); status != http.StatusNotFound {
		t.Errorf("a link from before: %d %q", status, read)
	}
}
