package kyc_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kyc/shared/kyc"
)

// agreeing is a reading in which all agrees with the identity of a profile_version.
func agreeing(profile int) kyc.Reading {
	return kyc.Reading{
		Source: kyc.FromPDF, Form: kyc.FormMRZ, Profile: profile, Name: kyc.FoundSame, BirthDate: kyc.FoundSame, Expiry: kyc.FoundValid,
		Number: kyc.FoundRead, Kind: kyc.FoundSame, Country: kyc.FoundSame,
	}
}

func read(n byte, r kyc.Reading) kyc.Evidence {
	e := evidence(n)
	e.Reading = r
	return e
}

// Nothing agrees but what does in every field.
func TestAgrees(t *testing.T) {
	if !agreeing(1).Agrees() || (kyc.Reading{}).Agrees() {
		t.Error("what agrees does not, or nothing does")
	}
	for name, place := range map[string]func(*kyc.Reading) *kyc.Finding{
		"name": func(r *kyc.Reading) *kyc.Finding { return &r.Name }, "dob": func(r *kyc.Reading) *kyc.Finding { return &r.BirthDate },
		"expiry": func(r *kyc.Reading) *kyc.Finding { return &r.Expiry }, "number": func(r *kyc.Reading) *kyc.Finding { return &r.Number },
		"kind": func(r *kyc.Reading) *kyc.Finding { return &r.Kind }, "country": func(r *kyc.Reading) *kyc.Finding { return &r.Country },
	} {
		for _, f := range append(kyc.Findings(), "") {
			r := agreeing(1)
			was := *place(&r)
			*place(&r) = f
			if r.Agrees() != (f == was) {
				t.Errorf("%s %s agrees: %t", name, f, r.Agrees())
			}
		}
	}
	for _, u := range kyc.Unreads() {
		r := agreeing(1)
		if r.Unread = u; r.Agrees() {
			t.Errorf("unread for %s agrees", u)
		}
	}
}

// What was read of a document is what was read of its one side for machines; no reader chooses between two.
func TestReadingOfADocument(t *testing.T) {
	unread := func(why kyc.Unread) kyc.Reading { return kyc.Reading{Unread: why} }
	for name, c := range map[string]struct {
		sort        kyc.DocumentType
		front, back kyc.Reading
		want        kyc.Reading
		none        bool
	}{
		"front":                          {kyc.GovernmentID, agreeing(2), unread(kyc.UnreadPicture), agreeing(2), false},
		"back":                           {kyc.GovernmentID, unread(kyc.UnreadNoZone), agreeing(2), agreeing(2), false},
		"both":                           {kyc.GovernmentID, agreeing(2), agreeing(2), unread(kyc.UnreadSeveral), false},
		"one damaged":                    {kyc.GovernmentID, agreeing(2), unread(kyc.UnreadCheckDigit), unread(kyc.UnreadCheckDigit), false},
		"one cut":                        {kyc.GovernmentID, unread(kyc.UnreadTextCut), agreeing(2), unread(kyc.UnreadTextCut), false},
		"neither":                        {kyc.GovernmentID, unread(kyc.UnreadPicture), unread(kyc.UnreadNoZone), unread(kyc.UnreadNoZone), false},
		"of before anything was read":    {kyc.GovernmentID, kyc.Reading{}, kyc.Reading{}, kyc.Reading{}, true},
		"what has nothing for a machine": {kyc.SocialSecurityCard, kyc.Reading{}, kyc.Reading{}, unread(kyc.UnreadNone), false},
	} {
		d := kyc.Document{Type: c.sort, Files: []kyc.File{{Side: kyc.Front, Held: read(1, c.front)}, {Side: kyc.Back, Held: read(2, c.back)}}}
		if got, known := d.Reading(); got != c.want || known == c.none {
			t.Errorf("%s: %+v, %t", name, got, known)
		}
		d.Files[0].Held, d.Files[1].Held = kyc.Evidence{}, kyc.Evidence{}
		if _, known := d.Reading(); known {
			t.Errorf("%s: read without a file", name)
		}
	}
}

// An expired document is rejected at once, all of it, be the rest of it still on its way.
func TestRejectedWhilePartsAreOnTheirWay(t *testing.T) {
	id := string(kyc.GovernmentID)
	a, _, _ := asking(kyc.GovernmentID).Announce([]kyc.Announcement{card("passport_card", sides{kyc.Front: content(1), kyc.Back: content(2)})}, noon.Add(time.Hour))
	expired := a.Receive(id, kyc.Back, evidence(2)).Reject(id, kyc.RejectedExpired)
	d, _ := expired.Document(id)
	if d.Status != kyc.DocumentRejected || d.Rejection() != kyc.RejectedExpired || !slices.Equal(d.Missing(), []kyc.Side{kyc.Front, kyc.Back}) {
		t.Errorf("%+v", d)
	}
	if got := expired.Arrival(id, kyc.Front, stored(a, id, kyc.Front, content(1)), "v1", noon); got != kyc.Stray {
		t.Errorf("its front is %v", got)
	}
	if got := expired.Arrival(id, kyc.Back, stored(a, id, kyc.Back, content(2)), "v2", noon); got != kyc.Kept {
		t.Errorf("its back is %v", got)
	}
	next, _, wrong := expired.Announce([]kyc.Announcement{card("passport", sides{kyc.Front: content(3)})}, noon.Add(time.Hour))
	if len(wrong) > 0 || status(next.Receive(id, kyc.Front, evidence(3)), kyc.GovernmentID) != kyc.DocumentReceived {
		t.Errorf("another one is not taken: %v", wrong)
	}
}

// Whatever was read, whoever looks at it and whenever the identity changes: an attempt is judged again only if the policy
// lets it and every document agrees with the identity that is on file now, and else a person looks. No change takes more
// room than was counted before, and none goes another way than the tables have it.
func TestDocumentsAreDecidedByNobodyUnlessAllAgrees(t *testing.T) {
	readings := rapid.Custom(func(t *rapid.T) kyc.Reading {
		r := agreeing(rapid.IntRange(1, 3).Draw(t, "profile"))
		if rapid.IntRange(0, 3).Draw(t, "disagrees") == 0 {
			r.Name = rapid.SampledFrom(kyc.Findings()).Draw(t, "name")
		}
		return r
	})
	rapid.Check(t, func(t *rapid.T) {
		types := []kyc.DocumentType{kyc.GovernmentID, kyc.SocialSecurityCard}[:rapid.IntRange(1, 2).Draw(t, "documents")]
		a := asking(types...)
		c := kyc.Customer{BrandID: brandID, ID: customerID, Attempts: map[string]kyc.Attempt{programID: a}, Versions: map[string]int{programID: 2}, ProfileVersion: 1}
		policy := rapid.SampledFrom(append(kyc.DocumentPolicies(), "")).Draw(t, "policy")
		for n := byte(1); n < 40 && c.Attempts[programID].Status == kyc.DocumentRequired; n++ {
			a = c.Attempts[programID]
			want := rapid.SampledFrom(types).Draw(t, "of")
			d, _ := a.Document(string(want))
			to := a
			switch rapid.SampledFrom([]string{"announce", "arrive", "identity", "judge"}).Draw(t, "step") {
			case "announce":
				kinds := map[kyc.DocumentType]kyc.DocumentKind{kyc.GovernmentID: "passport_card"}
				files := sides{kyc.Front: content(n)}
				if want.HasBacks() {
					files[kyc.Back] = content(n + 100)
				}
				var wrong []kyc.Misannounced
				if to, _, wrong = a.Announce([]kyc.Announcement{{Type: want, Kind: kinds[want], Country: "US", Files: files}}, noon.Add(time.Hour)); len(wrong) > 0 {
					continue
				}
			case "arrive":
				side := rapid.SampledFrom([]kyc.Side{kyc.Front, kyc.Back}).Draw(t, "side")
				if a.Arrival(d.ID, side, stored(a, d.ID, side, d.File(side).Slot.Content), fmt.Sprint(n), noon) != kyc.Expected {
					continue
				}
				e := kyc.Evidence{Content: d.File(side).Slot.Content, Version: fmt.Sprint(n), At: noon}
				if want.MachineReadable() && side == kyc.Back {
					e.Reading = readings.Draw(t, "reading")
				} else if want.MachineReadable() {
					e.Reading.Unread = kyc.UnreadPicture
				}
				if to = a.Receive(d.ID, side, e); e.Reading.Expiry == kyc.FoundExpired {
					to = to.Reject(d.ID, kyc.RejectedExpired)
				}
			case "identity":
				c.ProfileVersion++
				continue
			case "judge":
				to, _ = a.Judge(d.ID, rapid.SampledFrom([]kyc.Rejection{"", kyc.RejectedUnreadable}).Draw(t, "verdict"))
			}
			if to.Bytes() > a.Bytes()+512 {
				t.Errorf("%d bytes, %d before", to.Bytes(), a.Bytes())
			}
			filing, advance, err := c.Filed(programID, to, policy, kyc.Moment{Time: noon})
			if err != nil {
				t.Fatal(err)
			}
			if advance == nil {
				c.Attempts[programID] = filing.To
				continue
			}
			agrees := len(types) == 1 // nothing is read of a social security card
			for _, d := range advance.To.Documents {
				r, _ := d.Reading()
				agrees = agrees && r.Agrees() && r.Profile == c.ProfileVersion
				before, _ := to.Document(d.ID)
				if d.Status != before.Status && (d.Status != kyc.DocumentAccepted || policy != kyc.DocumentsAutomatic || !r.Agrees() || r.Profile != advance.ProfileVersion) {
					t.Errorf("%s became %s by %+v", d.Type, d.Status, r)
				}
			}
			switch status := advance.To.Status; {
			case status == kyc.Submitted && (policy != kyc.DocumentsAutomatic || !agrees || advance.ProfileVersion != c.ProfileVersion):
				t.Errorf("judged again, %s, agrees: %t, by profile %d of %d", policy, agrees, advance.ProfileVersion, c.ProfileVersion)
			case status == kyc.Submitted && (advance.To.Cause() != kyc.CauseDocumentsAccepted || !advance.To.DocumentsBy.IsZero() || advance.Used != 0):
				t.Errorf("%+v", advance)
			case status != kyc.Submitted && status != kyc.UnderReview:
				t.Errorf("it is %s", status)
			}
			c.Attempts[programID], c.Versions[programID] = advance.To, 3
		}
	})
}

// An attempt whose documents were accepted is work for a verifier once more, from its start on or from then on alone; it has
// its time for that, and nobody asks for the same again.
func TestJudgedAgain(t *testing.T) {
	id := string(kyc.GovernmentID)
	a, _, _ := asking(kyc.GovernmentID).Announce([]kyc.Announcement{card("passport", sides{kyc.Front: content(1)})}, noon.Add(time.Hour))
	c := kyc.Customer{BrandID: brandID, ID: customerID, Attempts: map[string]kyc.Attempt{programID: a}, Versions: map[string]int{programID: 2}, ProfileVersion: 7}
	later := noon.Add(48 * time.Hour)
	_, advance, err := c.Filed(programID, a.Receive(id, kyc.Front, read(1, agreeing(7))), kyc.DocumentsAutomatic, kyc.Moment{Time: later})
	if err != nil || advance == nil || advance.To.Status != kyc.Submitted {
		t.Fatal(advance, err)
	}
	c.Attempts[programID], c.Versions[programID] = advance.To, 3
	work := kyc.Work{BrandID: brandID, CustomerID: customerID, ProgramID: programID, AttemptID: "a"}
	for after, want := range map[int][]kyc.Work{0: {work, work}, 1: {work}, 2: {work}, 3: nil} {
		if got := c.Follows(programID, after); !slices.Equal(got.Work, want) {
			t.Errorf("after %d: %v", after, got.Work)
		}
	}
	for at, want := range map[time.Time]int{later: 0, later.Add(kyc.WorkerDeadline - 1): 0, later.Add(kyc.WorkerDeadline): 1} {
		if got := c.RunOut(at); len(got) != want || want == 1 && got[0].Status != kyc.Errored {
			t.Errorf("%s: %v", at.Sub(later), got)
		}
	}
	verdict := kyc.Verdict{Documents: []kyc.DocumentType{kyc.GovernmentID, kyc.ProofOfAddress}}.Beside(advance.To.Accepted())
	if !slices.Equal(verdict.Documents, []kyc.DocumentType{kyc.ProofOfAddress}) || !verdict.Review {
		t.Errorf("it is asked for again: %+v", verdict)
	}
	if verdict := (kyc.Verdict{Documents: []kyc.DocumentType{kyc.ProofOfAddress}}).Beside(advance.To.Accepted()); verdict.Review {
		t.Error("a person looks at what is asked for at first")
	}
	again, err := advance.To.Advance(kyc.Decide(verdict, kyc.DefaultPolicy(), func() string { return "p" }), 4, later, "")
	if err != nil || len(again.Documents) != 2 || status(again, kyc.GovernmentID) != kyc.DocumentAccepted || again.AllIn() {
		t.Errorf("%+v, %v", again.Documents, err)
	}
	c.Attempts[programID], c.Versions[programID] = again, 4
	if events := c.Follows(programID, 3).Events; len(events) != 1 || len(events[0].Documents) != 1 || events[0].Documents[0].Type != kyc.ProofOfAddress {
		t.Errorf("%+v", events)
	}
}
