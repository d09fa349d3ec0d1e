package kyc_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
)

func content(n byte) kyc.Content {
	return kyc.Content{Media: kyc.JPEG, Length: 1000, SHA256: [32]byte{n}}
}

func evidence(n byte) kyc.Evidence {
	return kyc.Evidence{Content: content(n), Version: fmt.Sprint("v", n), At: noon}
}

// stored is a file with this content that was sent for what an attempt awaits now.
func stored(a kyc.Attempt, id string, s kyc.Side, c kyc.Content) kyc.StoredFile {
	d, _ := a.Document(id)
	return kyc.StoredFile{Content: c, Slot: d.File(s).Slot.Number}
}

// asking is an attempt that asks for documents of these types, named after them.
func asking(types ...kyc.DocumentType) kyc.Attempt {
	a := kyc.Attempt{ID: "a", Status: kyc.Submitted, Timeline: []kyc.Transition{{Version: 1, Status: kyc.Submitted, At: noon}}}
	next := 0
	d := kyc.Decide(kyc.Verdict{Documents: types}, kyc.DefaultPolicy(), func() string { next++; return string(types[next-1]) })
	a, err := a.Advance(d, 2, noon, "")
	if err != nil {
		panic(err)
	}
	return a
}

func status(a kyc.Attempt, t kyc.DocumentType) kyc.DocumentStatus {
	d, _ := a.Document(string(t))
	return d.Status
}

func card(kind kyc.DocumentKind, files map[kyc.Side]kyc.Content) kyc.Announcement {
	return kyc.Announcement{Type: kyc.GovernmentID, Kind: kind, Country: "US", Files: files}
}

type sides = map[kyc.Side]kyc.Content

func TestDocumentNames(t *testing.T) {
	for name, want := range map[kyc.DocumentKind]kyc.Paper{
		"permanant_resident_card": {Kind: "permanent_resident_card", Back: kyc.BackNeeded}, "passport": {Kind: "passport"},
		"permanent_resident_card": {Kind: "permanent_resident_card", Back: kyc.BackNeeded},
		"state_id":                {Kind: "state_id", Back: kyc.BackWelcome}, "work_permit": {Kind: "work_permit", Back: kyc.BackNeeded},
	} {
		if got, ok := kyc.GovernmentID.Paper(name); !ok || got.Kind != want.Kind || got.Back != want.Back {
			t.Errorf("%s is %+v, %t", name, got, ok)
		}
	}
	for _, wrong := range []struct {
		kyc.DocumentType
		kyc.DocumentKind
	}{{kyc.GovernmentID, ""}, {kyc.GovernmentID, "utility_bill"}, {kyc.SocialSecurityCard, "ssc"}, {"stranger", ""}, {kyc.ProofOfAddress, ""}} {
		if paper, ok := wrong.Paper(wrong.DocumentKind); ok {
			t.Errorf("%v is %+v", wrong, paper)
		}
	}
	if _, ok := kyc.SocialSecurityCard.Paper(""); !ok {
		t.Error("a social security card has one kind alone, which needs no name")
	}
	want := [][]string{{"government_id"}, {"proof_of_address", "utility_bill"}, {"social_security_card", "ssc"}}
	for i, dt := range kyc.DocumentTypes() {
		if diff := cmp.Diff(want[i], dt.Spellings()); diff != "" {
			t.Error(diff)
		}
	}
	for name, want := range map[string]kyc.Media{"a.JPG": kyc.JPEG, "b.c.jpeg": kyc.JPEG, ".heic": kyc.HEIC, "a.pdf": kyc.PDF, "png": "", "a.svg": "", "": "", "a.png.exe": ""} {
		if got, ok := kyc.MediaOf(name); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %t", name, got, ok)
		}
	}
}

// What a file is called says what it is, and nothing of whose.
func TestFileName(t *testing.T) {
	for media, want := range map[kyc.Media]string{
		kyc.JPEG: "government_id-back.jpg", kyc.PNG: "government_id-back.png", kyc.HEIC: "government_id-back.heic", kyc.PDF: "government_id-back.pdf",
	} {
		d := kyc.Document{Type: kyc.GovernmentID, Files: []kyc.File{{Side: kyc.Back, Held: kyc.Evidence{Content: kyc.Content{Media: media}}}}}
		if got := d.FileName(kyc.Back); got != want {
			t.Errorf("%s: %q", media, got)
		}
		if again, ok := kyc.MediaOf(want); again != media || !ok {
			t.Errorf("%q is %s", want, again)
		}
	}
}

// A card's life: announced, one side after the other, looked into, judged, sent again.
func TestDocumentsLife(t *testing.T) {
	until := noon.Add(time.Hour)
	a := asking(kyc.GovernmentID)
	step := func(name string, next kyc.Attempt, want kyc.DocumentStatus, missing ...kyc.Side) {
		t.Helper()
		d, _ := next.Document(string(kyc.GovernmentID))
		if d.Status != want || !slices.Equal(d.Missing(), missing) {
			t.Errorf("%s: %s, missing %v", name, d.Status, d.Missing())
		}
		if next.Fence != a.Fence+1 {
			t.Errorf("%s: the fence was not raised", name)
		}
		a = next
	}
	announce := func(name string, n kyc.Announcement) kyc.Attempt {
		t.Helper()
		next, _, wrong := a.Announce([]kyc.Announcement{n}, until)
		if len(wrong) > 0 {
			t.Errorf("%s: %v", name, wrong)
		}
		return next
	}
	id := string(kyc.GovernmentID)
	step("front announced", announce("front", card("work_permit", sides{kyc.Front: content(1)})), kyc.DocumentAskedFor, kyc.Front, kyc.Back)
	step("front refused", a.Refuse(id, kyc.Front, kyc.RejectedFileDamaged), kyc.DocumentRejected, kyc.Front, kyc.Back)
	step("both announced", announce("both", card("work_permit", sides{kyc.Front: content(2), kyc.Back: content(3)})), kyc.DocumentRejected, kyc.Front, kyc.Back)
	step("back received", a.Receive(id, kyc.Back, evidence(3)), kyc.DocumentRejected, kyc.Front)
	step("front received", a.Receive(id, kyc.Front, evidence(2)), kyc.DocumentReceived)
	if !a.AllIn() {
		t.Error("not all in")
	}
	judged, ok := a.Judge(id, kyc.RejectedNoBack)
	if !ok {
		t.Fatal("not judged")
	}
	step("back no good", judged, kyc.DocumentRejected, kyc.Back)
	if again := a.Arrival(id, kyc.Back, stored(a, id, kyc.Back, content(3)), "v3", noon); again != kyc.Kept {
		t.Errorf("the rejected evidence told of again is %v", again)
	}
	step("back again", announce("back", card("work_permit", sides{kyc.Back: content(4)})), kyc.DocumentRejected, kyc.Back)
	step("back received again", a.Receive(id, kyc.Back, evidence(4)), kyc.DocumentReceived)
	if judged, ok = a.Judge(id, kyc.RejectedExpired); !ok {
		t.Fatal("not judged")
	}
	step("expired", judged, kyc.DocumentRejected, kyc.Front, kyc.Back)
	step("another paper", announce("passport", card("passport", sides{kyc.Front: content(5)})), kyc.DocumentRejected, kyc.Front)
	step("it is received", a.Receive(id, kyc.Front, evidence(5)), kyc.DocumentReceived)
	judged, _ = a.Judge(id, "")
	step("accepted", judged, kyc.DocumentAccepted)
	if _, ok := a.Judge(id, ""); ok {
		t.Error("judged twice")
	}
}

func TestAnnouncementsAreRefused(t *testing.T) {
	until := noon.Add(time.Hour)
	a := asking(kyc.GovernmentID, kyc.SocialSecurityCard)
	a, _, _ = a.Announce([]kyc.Announcement{card("passport_card", sides{kyc.Front: content(1)})}, until)
	a = a.Receive(string(kyc.GovernmentID), kyc.Front, evidence(1))
	social := func(c kyc.Content) kyc.Announcement {
		return kyc.Announcement{Type: kyc.SocialSecurityCard, Files: sides{kyc.Front: c}}
	}
	for name, c := range map[string]struct {
		announced kyc.Announcement
		want      []kyc.Misannounced
	}{
		"not asked for":       {kyc.Announcement{Type: kyc.ProofOfAddress, Kind: "utility_bill", Files: sides{kyc.Front: content(9)}}, []kyc.Misannounced{{kyc.ProofOfAddress, "", kyc.NotAskedFor}}},
		"no back":             {kyc.Announcement{Type: kyc.SocialSecurityCard, Files: sides{kyc.Front: content(9), kyc.Back: content(8)}}, []kyc.Misannounced{{kyc.SocialSecurityCard, kyc.Back, kyc.HasNoBack}}},
		"another front":       {card("passport_card", sides{kyc.Front: content(9)}), []kyc.Misannounced{{kyc.GovernmentID, kyc.Front, kyc.AlreadyIn}}},
		"another kind":        {card("work_permit", sides{kyc.Back: content(9)}), []kyc.Misannounced{{kyc.GovernmentID, "", kyc.OtherPaper}}},
		"the front as back":   {card("passport_card", sides{kyc.Back: content(1)}), []kyc.Misannounced{{kyc.GovernmentID, kyc.Back, kyc.SameFile}}},
		"the front elsewhere": {social(content(1)), []kyc.Misannounced{{kyc.SocialSecurityCard, kyc.Front, kyc.SameFile}}},
		"the front again":     {card("passport_card", sides{kyc.Front: content(1)}), nil},
		"the back":            {card("passport_card", sides{kyc.Back: content(2)}), nil},
		"another document":    {social(content(2)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			next, awaited, wrong := a.Announce([]kyc.Announcement{c.announced}, until)
			if diff := cmp.Diff(c.want, wrong); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, w := range awaited {
				if held := w.Held(); len(wrong) == 0 && held != (name == "the front again") {
					t.Errorf("%+v is held: %t", w.File, held)
				}
			}
			if len(wrong) == 0 && status(next, kyc.GovernmentID) != kyc.DocumentFrontReceived {
				t.Errorf("now %s", status(next, kyc.GovernmentID))
			}
		})
	}
	if _, _, wrong := a.Announce([]kyc.Announcement{card("passport_card", sides{kyc.Back: content(3)}), social(content(3))}, until); len(wrong) != 2 {
		t.Errorf("one file for two documents: %v", wrong)
	}
}

func TestArrival(t *testing.T) {
	until := noon.Add(time.Hour)
	id := string(kyc.GovernmentID)
	a, _, _ := asking(kyc.GovernmentID, kyc.SocialSecurityCard).Announce([]kyc.Announcement{card("passport", sides{kyc.Front: content(1)})}, until)
	longer := content(1)
	longer.Length++
	reviewed := a
	reviewed.Status = kyc.UnderReview
	received := a.Receive(id, kyc.Front, evidence(1))
	for name, c := range map[string]struct {
		a       kyc.Attempt
		id      string
		side    kyc.Side
		content kyc.Content
		version string
		at      time.Time
		want    kyc.Arrival
	}{
		"at the last moment":   {a, id, kyc.Front, content(1), "v", until, kyc.Expected},
		"after it":             {a, id, kyc.Front, content(1), "v", until.Add(1), kyc.Late},
		"another content":      {a, id, kyc.Front, content(2), "v", noon, kyc.Stray},
		"another length":       {a, id, kyc.Front, longer, "v", noon, kyc.Stray},
		"another side":         {a, id, kyc.Back, content(1), "v", noon, kyc.Stray},
		"another document":     {a, "x", kyc.Front, content(1), "v", noon, kyc.Stray},
		"the attempt went on":  {reviewed, id, kyc.Front, content(1), "v", noon, kyc.Stray},
		"kept":                 {received, id, kyc.Front, content(1), "v1", until.Add(1), kyc.Kept},
		"the same bytes again": {received, id, kyc.Front, content(1), "v2", noon, kyc.Stray},
		"no version":           {a, id, kyc.Front, content(2), "", noon, kyc.Stray},
	} {
		if got := c.a.Arrival(c.id, c.side, stored(a, id, kyc.Front, c.content), c.version, c.at); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// What was not awaited once never is: neither what was sent for content that another one has taken the place of, though that
// is announced again, nor what came too late, though there is more time. Announced again in time it is awaited for longer.
func TestWhatWasNotAwaitedNeverIs(t *testing.T) {
	id := string(kyc.GovernmentID)
	announce := func(a kyc.Attempt, n byte, at time.Time) kyc.Attempt {
		a, _, wrong := a.Announce([]kyc.Announcement{card("passport", sides{kyc.Front: content(n)})}, at.Add(kyc.SlotLife))
		if len(wrong) > 0 {
			t.Fatal(wrong)
		}
		return a
	}
	first := announce(asking(kyc.GovernmentID), 1, noon)
	file := stored(first, id, kyc.Front, content(1))
	end := noon.Add(kyc.SlotLife)
	refused := first.Refuse(id, kyc.Front, kyc.RejectedFileDamaged)
	for name, c := range map[string]struct {
		a    kyc.Attempt
		at   time.Time
		want kyc.Arrival
	}{
		"announced again":                        {announce(first, 1, end), end.Add(1), kyc.Expected},
		"announced again when it had ended":      {announce(first, 1, end.Add(time.Second)), end.Add(1), kyc.Stray},
		"announced again after another one":      {announce(announce(first, 2, noon), 1, noon), noon, kyc.Stray},
		"announced again after it was no good":   {announce(refused, 1, noon), noon, kyc.Stray},
		"announced by another request, the same": {announce(announce(first, 1, noon), 1, noon), noon, kyc.Expected},
	} {
		if got := c.a.Arrival(id, kyc.Front, file, "v", c.at); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Whatever order files arrive in, be it twice, the end is the same; a document's state goes the ways of the table alone;
// and nothing takes more room than was counted before.
func TestArrivalsInAnyOrder(t *testing.T) {
	types := kyc.DocumentTypes()
	rapid.Check(t, func(t *rapid.T) {
		before := asking(types...)
		kind := rapid.SampledFrom(kyc.GovernmentID.Papers()).Draw(t, "kind")
		front := sides{kyc.Front: content(1)}
		if kind.Takes(kyc.Back) && (kind.Needs(kyc.Back) || rapid.Bool().Draw(t, "back")) {
			front[kyc.Back] = content(2)
		}
		announced, awaited, wrong := before.Announce([]kyc.Announcement{card(kind.Kind, front),
			{Type: kyc.ProofOfAddress, Kind: "utility_bill", Files: sides{kyc.Front: content(3)}},
			{Type: kyc.SocialSecurityCard, Files: sides{kyc.Front: content(4)}}}, noon.Add(time.Hour))
		if len(wrong) > 0 {
			t.Fatal(wrong)
		}
		refused := map[kyc.Content]kyc.Rejection{}
		for _, w := range awaited {
			if rapid.Bool().Draw(t, "refused") {
				refused[w.File.Slot.Content] = rapid.SampledFrom(kyc.FileRejections()).Draw(t, "why")
			}
		}
		play := func(order []kyc.Awaited) kyc.Attempt {
			a := announced
			for _, w := range order {
				c, id, side := w.File.Slot.Content, w.Document.ID, w.File.Side
				if a.Arrival(id, side, stored(announced, id, side, c), fmt.Sprint("v", c.SHA256[0]), noon) != kyc.Expected {
					continue
				}
				next := a
				if why := refused[c]; why != "" {
					next = a.Refuse(id, side, why)
				} else {
					next = a.Receive(id, side, evidence(c.SHA256[0]))
				}
				for i, d := range next.Documents {
					if was := a.Documents[i].Status; was != d.Status && !was.CanBecome(d.Status) {
						t.Errorf("%s went from %s to %s", d.Type, was, d.Status)
					}
				}
				if next.Bytes() != announced.Bytes() {
					t.Errorf("%d bytes, %d counted before", next.Bytes(), announced.Bytes())
				}
				a = next
			}
			return a
		}
		want := play(awaited)
		got := play(rapid.Permutation(append(slices.Clone(awaited), awaited...)).Draw(t, "order"))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in another order, and twice (-want +got):\n%s", diff)
		}
		if want.AllIn() != (len(refused) == 0) {
			t.Errorf("all in: %t, with %d refused", want.AllIn(), len(refused))
		}
		if diff := cmp.Diff(asking(types...), before); diff != "" {
			t.Errorf("the attempt was changed in place (-want +got):\n%s", diff)
		}
	})
}

// What an event says of documents is what was asked for, whatever became of it, and a rejected document is asked for anew.
func TestDocumentsAreAskedForAgain(t *testing.T) {
	until := noon.Add(time.Hour)
	a := asking(kyc.GovernmentID, kyc.SocialSecurityCard)
	a, _, _ = a.Announce([]kyc.Announcement{card("passport", sides{kyc.Front: content(1)}), {Type: kyc.SocialSecurityCard, Files: sides{kyc.Front: content(2)}}}, until)
	a = a.Receive(string(kyc.SocialSecurityCard), kyc.Front, evidence(2))
	c := kyc.Customer{BrandID: brandID, ID: customerID, Attempts: map[string]kyc.Attempt{programID: a}, Versions: map[string]int{programID: 2}}
	if _, advance, err := c.Filed(programID, a, kyc.DocumentsReviewed, kyc.Moment{Time: noon}); err != nil || advance != nil {
		t.Fatalf("not all is in: %v, %v", advance, err)
	}
	_, advance, err := c.Filed(programID, a.Receive(string(kyc.GovernmentID), kyc.Front, evidence(1)), kyc.DocumentsReviewed, kyc.Moment{Time: noon})
	if err != nil || advance == nil || advance.To.Status != kyc.UnderReview || advance.To.Cause() != "documents_received" || advance.Ended {
		t.Fatalf("all is in: %+v, %v", advance, err)
	}
	judged, _ := advance.To.Judge(string(kyc.GovernmentID), kyc.RejectedUnreadable)
	again, err := judged.Advance(kyc.Decision{Status: kyc.DocumentRequired}, 4, noon, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Attempts[programID], c.Versions[programID] = again, 4
	var told []string
	for _, e := range c.Follows(programID, 1).Events {
		for _, d := range e.Documents {
			told = append(told, fmt.Sprint(e.ID, " ", d.Type, " ", d.Status))
		}
	}
	want := []string{"evt_a_2 government_id required", "evt_a_2 social_security_card required", "evt_a_4 government_id rejected"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	superseded := again.SupersededBy(kyc.Attempt{Timeline: []kyc.Transition{{Version: 5}}})
	for _, d := range superseded.Documents {
		if d.Status != kyc.DocumentArchived {
			t.Errorf("%s of an attempt that a correction replaced is %s", d.Type, d.Status)
		}
	}
	if _, ok := superseded.DocumentOf(kyc.GovernmentID); ok {
		t.Error("an archived document is asked for")
	}
}

// Two changes of the same moment lead to the same state, and only one of them was made: that of the file that is held.
func TestAChangeIsToldFromAnotherOfItsMoment(t *testing.T) {
	a := asking(kyc.GovernmentID)
	a, _, _ = a.Announce([]kyc.Announcement{card("passport", sides{kyc.Front: content(1)})}, noon.Add(time.Hour))
	c := kyc.Customer{BrandID: brandID, ID: customerID, Attempts: map[string]kyc.Attempt{programID: a}, Versions: map[string]int{programID: 2}}
	filed := func(version string) kyc.Advance {
		e := evidence(1)
		e.Version = version
		_, advance, err := c.Filed(programID, a.Receive(string(kyc.GovernmentID), kyc.Front, e), kyc.DocumentsReviewed, kyc.Moment{Time: noon})
		if err != nil || advance == nil {
			t.Fatal(advance, err)
		}
		return *advance
	}
	one, other := filed("one"), filed("other")
	after := c
	after.Attempts, after.Versions = map[string]kyc.Attempt{programID: one.To}, map[string]int{programID: 3}
	if one.Stands(c) || !one.Stands(after) || other.Stands(after) {
		t.Errorf("before %t, its own %t, of another file %t", one.Stands(c), one.Stands(after), other.Stands(after))
	}
	claimed := one
	claimed.To.Fence++
	if claimed.Stands(after) {
		t.Error("a change by whoever claimed it later stands")
	}
}

// What was rejected stays with its document until another file takes its place, also where none is sent: it is no stray in
// the store of evidence, and is not asked for any more.
func TestARejectedSideThatIsNotSentAgain(t *testing.T) {
	until := noon.Add(time.Hour)
	for kind, missing := range map[kyc.DocumentKind][]kyc.Side{"drivers_license": {kyc.Front}, "passport": {kyc.Front}, "passport_card": {kyc.Front, kyc.Back}} {
		a := asking(kyc.GovernmentID)
		a, _, _ = a.Announce([]kyc.Announcement{card("state_id", sides{kyc.Front: content(1), kyc.Back: content(2)})}, until)
		read := evidence(2)
		read.Reading = kyc.Reading{Source: kyc.FromPDF, Form: kyc.FormBarcode, Name: kyc.FoundSame}
		a = a.Receive(string(kyc.GovernmentID), kyc.Front, evidence(1)).Receive(string(kyc.GovernmentID), kyc.Back, read)
		a, _ = a.Judge(string(kyc.GovernmentID), kyc.RejectedWrongType)
		a, _, wrong := a.Announce([]kyc.Announcement{card(kind, sides{kyc.Front: content(3)})}, until)
		d, _ := a.Document(string(kyc.GovernmentID))
		if back := d.File(kyc.Back); len(wrong) > 0 || back.Held != read || !slices.Equal(d.Missing(), missing) {
			t.Errorf("%s: %v, held is %+v, missing %v", kind, wrong, back.Held, d.Missing())
		}
		a = a.Receive(string(kyc.GovernmentID), kyc.Front, evidence(3))
		if len(missing) > 1 {
			if a.AllIn() {
				t.Errorf("%s: all is in without a back", kind)
			}
			continue
		}
		d, _ = a.Document(string(kyc.GovernmentID))
		if d.Status != kyc.DocumentReceived || d.Rejection() != "" || d.File(kyc.Back).Status() != kyc.SideMissing ||
			a.Arrival(d.ID, kyc.Back, stored(a, d.ID, kyc.Back, content(2)), "v2", noon) != kyc.Kept {
			t.Errorf("%s: %+v", kind, d)
		}
		if read, ok := d.Reading(); ok || read != (kyc.Reading{}) {
			t.Errorf("%s: what was read of the old back still counts: %+v", kind, read)
		}
		again, _ := a.Judge(d.ID, kyc.RejectedUnreadable)
		if d, _ = again.Document(d.ID); !slices.Equal(d.Missing(), []kyc.Side{kyc.Front}) {
			t.Errorf("%s: unreadable, and missing are %v", kind, d.Missing())
		}
		if kind != "drivers_license" {
			continue
		}
		again, _ = a.Judge(d.ID, kyc.RejectedNoBack)
		if d, _ = again.Document(d.ID); !slices.Equal(d.Missing(), []kyc.Side{kyc.Back}) {
			t.Errorf("%s: without a back, and missing are %v", kind, d.Missing())
		}
		again, _, _ = again.Announce([]kyc.Announcement{card(kind, sides{kyc.Back: content(4)})}, until)
		again = again.Receive(d.ID, kyc.Back, evidence(4))
		if d, _ = again.Document(d.ID); d.Status != kyc.DocumentReceived || d.File(kyc.Back).Status() != kyc.SideReceived {
			t.Errorf("%s: sent with a back after all: %+v", kind, d)
		}
	}
}

// An attempt that is too large to go on ends instead of staying.
func TestDocumentsOfAFullAttempt(t *testing.T) {
	a := asking(kyc.SocialSecurityCard)
	for i := range 40 {
		a.Timeline = append(a.Timeline, kyc.Transition{Version: 3 + i, Status: kyc.DocumentRequired, At: noon})
	}
	c := kyc.Customer{Attempts: map[string]kyc.Attempt{programID: a}, Versions: map[string]int{programID: 50}}
	_, advance, err := c.Filed(programID, a.Receive(string(kyc.SocialSecurityCard), kyc.Front, evidence(1)), kyc.DocumentsReviewed, kyc.Moment{Time: noon})
	if err != nil || advance == nil || advance.To.Status != kyc.Errored || !advance.Ended || advance.To.Cause() != "attempt_too_large" {
		t.Errorf("%+v, %v", advance, err)
	}
}
