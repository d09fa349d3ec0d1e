package evidence_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/clock"
	"kyc/shared/evidence"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/testbed"
)

// The zone of the seeded customer's passport, and what a file says that brings it.
var (
	own     = testbed.Passport("EXAMPLE<<ADA", "900517", "400101")
	agrees  = kyc.Reading{Source: kyc.FromPDF, Form: kyc.FormMRZ, Profile: 1, Name: kyc.FoundSame, BirthDate: kyc.FoundSame, Expiry: kyc.FoundValid, Number: kyc.FoundRead, Kind: kyc.FoundSame, Country: kyc.FoundSame}
	license = "@\n\x1e\rANSI 636000100001DL00000000DLDAQT64235789\nDCSEXAMPLE\nDDEN\nDACADA\nDDFN\nDADNONE\nDDGN\nDBD06062019\nDBB05171990\nDBA12102040\nDBC2\nDCGUSA\r"
)

// program makes a program's policy say so, and returns its version.
func (w world) program(documents kyc.DocumentPolicy) int {
	w.t.Helper()
	store := w.bed.Store(clock.Now)
	p, err := store.CurrentProgram(w.t.Context(), testbed.BrandID, testbed.ProgramID)
	if err != nil {
		w.t.Fatal(err)
	}
	next := p.Policy()
	next.Version, next.Documents = p.PolicyVersion+1, documents
	if ok, err := store.AddPolicy(w.t.Context(), testbed.BrandID, testbed.ProgramID, next, testbed.Record()); err != nil || !ok {
		w.t.Fatal(ok, err)
	}
	return next.Version
}

// asked is a customer who is asked for documents by an attempt of such a policy, which brought some fields itself.
func asked(t *testing.T, documents kyc.DocumentPolicy, brought kyc.Profile, types ...kyc.DocumentType) world {
	t.Helper()
	w := world{t: t, bed: testbed.Open(t), country: "US"}
	w.bed.Seed(t)
	w.bed.Documents(t)
	store, now := w.bed.Store(clock.Now), clock.Now()
	fields, err := w.bed.Keyring().Seal(t.Context(), kyc.AttemptPlace(testbed.BrandID, testbed.CustomerID, testbed.AttemptID), brought)
	if err != nil {
		t.Fatal(err)
	}
	started := kyc.Attempt{
		ID: testbed.AttemptID, Status: kyc.Submitted, SubmittedAt: now, Mode: kyc.Sandbox, PolicyVersion: w.program(documents), OpenedBy: testbed.Identity,
		Fields: fields, Timeline: []kyc.Transition{{Status: kyc.Submitted, At: now}},
	}
	stood, err := store.OpenAttempt(t.Context(), kyc.Start{
		BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID, Policy: kyc.DefaultPolicy(), Now: now, Attempt: started,
	})
	if err != nil || stood != nil {
		t.Fatal(stood, err)
	}
	next := 0
	d := kyc.Decide(kyc.Verdict{Documents: types}, kyc.DefaultPolicy(), func() string { next++; return testbed.DocumentID(types[next-1]) })
	to, err := started.Advance(d, 2, now, "")
	if err != nil {
		t.Fatal(err)
	}
	to.Counted = true
	stood, err = store.AdvanceAttempt(t.Context(), kyc.Advance{
		BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID, From: started, To: to, Version: 1, Used: 1, Alarm: now.Add(kyc.AlarmDelay),
	})
	if err != nil || stood != nil {
		t.Fatal(stood, err)
	}
	return w
}

// send announces files of a government ID of that kind and country, and has them inspected one after the other.
func (w world) send(i *evidence.Inspector, kind, country string, files map[kyc.Side]string) {
	w.t.Helper()
	for _, v := range w.sent(kind, country, files) {
		w.inspect(i, kyc.GovernmentID, v.side, v.version, evidence.Taken)
	}
}

type version struct {
	side    kyc.Side
	version string
}

func (w world) sent(kind, country string, files map[kyc.Side]string) []version {
	w.t.Helper()
	w.kind, w.country = kyc.DocumentKind(kind), country
	w.announce(map[kyc.DocumentType]map[kyc.Side]string{kyc.GovernmentID: files})
	var all []version
	for _, side := range slices.Backward(slices.Sorted(maps.Keys(files))) {
		all = append(all, version{side, w.store(kyc.GovernmentID, side, files[side])})
	}
	return all
}

func (w world) wasRead() kyc.Reading {
	d, _ := w.attempt().Document(testbed.DocumentID(kyc.GovernmentID))
	r, _ := d.Reading()
	return r
}

// What a passport's file says is compared field by field, with what is on file and what the start has brought; where the
// policy does not let it decide, or anything is not as it must be, a person looks.
func TestDocumentsAreCompared(t *testing.T) {
	with := func(change func(*kyc.Reading)) kyc.Reading {
		r := agrees
		change(&r)
		return r
	}
	unread := func(why kyc.Unread) kyc.Reading { return kyc.Reading{Unread: why} }
	brought := kyc.Profile{}
	brought.Set(kyc.BirthDate, "1991-06-18")
	for name, c := range map[string]struct {
		kind, country, file string
		brought             kyc.Profile
		want                kyc.Reading
	}{
		"all agrees":              {"passport", "US", "text UNITED STATES\n" + own, nil, agrees},
		"another name":            {"passport", "US", "text " + testbed.Passport("SPECIMEN<<ADA", "900517", "400101"), nil, with(func(r *kyc.Reading) { r.Name = kyc.FoundDiffers })},
		"another first name":      {"passport", "US", "text " + testbed.Passport("EXAMPLE<<EVE", "900517", "400101"), nil, with(func(r *kyc.Reading) { r.Name = kyc.FoundDiffers })},
		"a cut name":              {"passport", "US", "text " + testbed.Passport("EX<<"+strings.Repeat("A", 40), "900517", "400101"), nil, with(func(r *kyc.Reading) { r.Name = kyc.FoundDiffers })},
		"no first name":           {"passport", "US", "text " + testbed.Passport("EXAMPLE", "900517", "400101"), nil, with(func(r *kyc.Reading) { r.Name = kyc.FoundAbsent })},
		"another day of birth":    {"passport", "US", "text " + testbed.Passport("EXAMPLE<<ADA", "900518", "400101"), nil, with(func(r *kyc.Reading) { r.BirthDate = kyc.FoundDiffers })},
		"no day of birth":         {"passport", "US", "text " + testbed.Passport("EXAMPLE<<ADA", "9005<<", "400101"), nil, with(func(r *kyc.Reading) { r.BirthDate = kyc.FoundUnreadable })},
		"the start's day":         {"passport", "US", "text " + testbed.Passport("EXAMPLE<<ADA", "910618", "400101"), brought, agrees},
		"not the start's day":     {"passport", "US", "text " + own, brought, with(func(r *kyc.Reading) { r.BirthDate = kyc.FoundDiffers })},
		"no end":                  {"passport", "US", "text " + testbed.Passport("EXAMPLE<<ADA", "900517", "<<<<<<"), nil, with(func(r *kyc.Reading) { r.Expiry = kyc.FoundAbsent })},
		"another kind":            {"visa", "US", "text " + own, nil, with(func(r *kyc.Reading) { r.Kind = kyc.FoundDiffers })},
		"another country":         {"passport", "FR", "text " + own, nil, with(func(r *kyc.Reading) { r.Country = kyc.FoundDiffers })},
		"a license":               {"drivers_license", "US", "text " + license, nil, with(func(r *kyc.Reading) { r.Form = kyc.FormBarcode })},
		"a picture":               {"passport", "US", "photo", nil, unread(kyc.UnreadPicture)},
		"nothing for machines":    {"passport", "US", "text PASSPORT", nil, unread(kyc.UnreadNoZone)},
		"a digit changed":         {"passport", "US", "text " + strings.Replace(own, "900517", "900518", 1), nil, unread(kyc.UnreadCheckDigit)},
		"two passports":           {"passport", "US", "text " + own + "\n" + testbed.Passport("EXAMPLE<<EVE", "900517", "400101"), nil, unread(kyc.UnreadSeveral)},
		"a license without lines": {"drivers_license", "US", "text " + strings.Replace(license, "DDEN", "DE", 1), nil, unread(kyc.UnreadMalformed)},
	} {
		for _, policy := range kyc.DocumentPolicies() {
			t.Run(name+", "+string(policy), func(t *testing.T) {
				w := asked(t, policy, c.brought, kyc.GovernmentID)
				w.send(w.inspector(w.bed), c.kind, c.country, map[kyc.Side]string{kyc.Front: c.file})
				if diff := cmp.Diff(c.want, w.wasRead()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				want, cause := map[string]string{"attempt": "under_review", government: "received"}, kyc.CauseDocumentsReceived
				if policy == kyc.DocumentsAutomatic && c.want.Agrees() {
					want, cause = map[string]string{"attempt": "submitted", government: "accepted"}, kyc.CauseDocumentsAccepted
				}
				w.expect("all in", 1, want)
				if got := w.attempt().Cause(); got != cause {
					t.Errorf("because of %s", got)
				}
			})
		}
	}
}

type moment time.Time

func (m moment) Now(context.Context, string) (kyc.Moment, error) {
	return kyc.Moment{Time: time.Time(m)}, nil
}

// An expired document is rejected whatever the policy, and all of it is to be sent again; another one is taken. It has expired
// once its last day is over everywhere on earth.
func TestExpiredDocumentsAreRejected(t *testing.T) {
	over := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	ends := testbed.Passport("EXAMPLE<<ADA", "900517", "300101")
	for _, policy := range kyc.DocumentPolicies() {
		w := asked(t, policy, nil, kyc.GovernmentID)
		i := w.inspector(w.bed)
		i.Clock = moment(over)
		w.send(i, "passport", "US", map[kyc.Side]string{kyc.Front: "text " + ends})
		w.expect("expired", 1, map[string]string{"attempt": "document_required", government: "rejected expired"})
		if r := w.wasRead(); r.Expiry != kyc.FoundExpired || r.Name != kyc.FoundSame {
			t.Errorf("%+v", r)
		}
		i.Clock = moment(over.Add(-1))
		w.send(i, "passport", "US", map[kyc.Side]string{kyc.Front: "text " + ends})
		if r := w.wasRead(); r.Expiry != kyc.FoundValid {
			t.Errorf("on its last day: %+v", r)
		}
	}
	w := asked(t, kyc.DocumentsReviewed, nil, kyc.GovernmentID)
	i := w.inspector(w.bed)
	card := strings.Replace(license, "DBA12102040", "DBA12102019", 1)
	files := w.sent("drivers_license", "US", map[kyc.Side]string{kyc.Front: "photo", kyc.Back: "text " + card})
	w.inspect(i, kyc.GovernmentID, kyc.Back, files[1].version, evidence.Taken)
	w.inspect(i, kyc.GovernmentID, kyc.Front, files[0].version, evidence.NotAwaited)
	w.inspect(i, kyc.GovernmentID, kyc.Back, files[1].version, evidence.Known)
	w.expect("its front on the way", 1, map[string]string{"attempt": "document_required", government: "rejected expired"})
}

// One document that agrees is not all: the other is for a person, who finds the first one accepted.
func TestAllDocumentsMustAgree(t *testing.T) {
	w := asked(t, kyc.DocumentsAutomatic, nil, kyc.GovernmentID, kyc.SocialSecurityCard)
	i := w.inspector(w.bed)
	w.send(i, "passport", "US", map[kyc.Side]string{kyc.Front: "text " + own})
	w.expect("one in", 1, map[string]string{"attempt": "document_required", government: "received", social: "required"})
	w.announce(map[kyc.DocumentType]map[kyc.Side]string{kyc.SocialSecurityCard: {kyc.Front: "text  " + own}})
	w.inspect(i, kyc.SocialSecurityCard, kyc.Front, w.store(kyc.SocialSecurityCard, kyc.Front, "text  "+own), evidence.Taken)
	w.expect("all in", 2, map[string]string{"attempt": "under_review", government: "accepted", social: "received"})
}

// The identity changes between the comparison and the write: it is compared again. Where it changed after a comparison that
// was written, nobody compares again, and a person looks.
func TestIdentityThatChangesIsComparedAgain(t *testing.T) {
	w := asked(t, kyc.DocumentsAutomatic, nil, kyc.GovernmentID)
	sent := w.sent("passport", "US", map[kyc.Side]string{kyc.Front: "text " + own})
	changed := false
	broken := w.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		if r.Operation == "UpdateItem" && !changed {
			changed = true
			w.rename("Eve")
		}
		return pass()
	})
	w.inspect(w.inspector(broken), kyc.GovernmentID, kyc.Front, sent[0].version, evidence.Taken)
	want := agrees
	want.Name, want.Profile = kyc.FoundDiffers, 2
	if diff := cmp.Diff(want, w.wasRead()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.expect("changed meanwhile", 1, map[string]string{"attempt": "under_review", government: "received"})

	w = asked(t, kyc.DocumentsAutomatic, nil, kyc.GovernmentID)
	i := w.inspector(w.bed)
	sent = w.sent("drivers_license", "US", map[kyc.Side]string{kyc.Front: "photo", kyc.Back: "text " + license})
	w.inspect(i, kyc.GovernmentID, kyc.Back, sent[1].version, evidence.Taken)
	w.rename("Eve")
	w.inspect(i, kyc.GovernmentID, kyc.Front, sent[0].version, evidence.Taken)
	w.expect("changed since", 2, map[string]string{"attempt": "under_review", government: "received"})
}

// The very file is announced as of another country between the comparison and the write: it is compared again.
func TestAnnouncementThatChangesIsComparedAgain(t *testing.T) {
	w := asked(t, kyc.DocumentsAutomatic, nil, kyc.GovernmentID)
	file := "text " + own
	sent := w.sent("passport", "US", map[kyc.Side]string{kyc.Front: file})
	changed := false
	broken := w.bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		if r.Operation == "UpdateItem" && !changed {
			changed = true
			w.kind, w.country = "passport", "FR"
			w.announce(map[kyc.DocumentType]map[kyc.Side]string{kyc.GovernmentID: {kyc.Front: file}})
		}
		return pass()
	})
	w.inspect(w.inspector(broken), kyc.GovernmentID, kyc.Front, sent[0].version, evidence.Taken)
	want := agrees
	want.Country = kyc.FoundDiffers
	if diff := cmp.Diff(want, w.wasRead()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.expect("announced anew", 1, map[string]string{"attempt": "under_review", government: "received"})
}

// rename changes the customer's first name on file.
func (w world) rename(name string) {
	w.t.Helper()
	store := w.bed.Store(clock.Now)
	desk := &onboarding.Service{Customers: store, Programs: store, Vault: w.bed.Keyring(), Clock: w.clock(w.bed), MagicSSN: func(string) bool { return true }}
	if _, err := desk.Update(w.t.Context(), testbed.BrandID, testbed.CustomerID, func(string) bool { return true }, onboarding.Input{Fields: map[kyc.Field]string{kyc.FirstName: name}}); err != nil {
		w.t.Fatal(err)
	}
}
