package evidence_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/clock"
	"kyc/shared/docvault"
	"kyc/shared/evidence"
	"kyc/shared/keyring"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// world is a customer who is asked for documents, with what takes and inspects them.
type world struct {
	t       *testing.T
	bed     *testbed.Bed
	kind    kyc.DocumentKind // of its government ID, where it is not that of cards
	country string
}

func newWorld(t *testing.T, types ...kyc.DocumentType) world {
	bed := testbed.Open(t)
	bed.Seed(t)
	bed.Documents(t)
	bed.AskFor(t, testbed.CustomerID, testbed.AttemptID, types...)
	return world{t: t, bed: bed, country: "US"}
}

func (w world) vault(b *testbed.Bed) *docvault.Vault {
	return docvault.New(b.AWS, b.Bucket, b.KeyARN, clock.Now)
}

func (w world) clock(b *testbed.Bed) clock.Brands { return clock.For(kyc.Sandbox, b.Store(clock.Now)) }

// inspector finds a file bad that says so, and one with text that does.
func (w world) inspector(b *testbed.Bed) *evidence.Inspector {
	store := b.Store(clock.Now)
	return &evidence.Inspector{
		Attempts: store, Archive: store, Files: w.vault(b), Clock: w.clock(b),
		Profiles: store, Programs: store, Opener: keyring.New(b.AWS, b.KeyARN, store, clock.Now),
		Examine: func(_ context.Context, data []byte, _ kyc.Media) (evidence.Examined, error) {
			text, isText := strings.CutPrefix(string(data), "text ")
			switch {
			case bytes.HasPrefix(data, []byte("bad")):
				return evidence.Examined{Refused: kyc.RejectedFileDamaged}, nil
			case isText:
				return evidence.Examined{Text: kyc.NewSecret(text)}, nil
			}
			return evidence.Examined{Unread: kyc.UnreadPicture}, nil
		},
	}
}

func contentOf(data string) kyc.Content {
	return kyc.Content{Media: kyc.JPEG, Length: int64(len(data)), SHA256: sha256.Sum256([]byte(data))}
}

var cards = map[kyc.DocumentType]kyc.DocumentKind{kyc.GovernmentID: "passport_card", kyc.ProofOfAddress: "utility_bill"}

// announce makes the attempt await files, by document and side.
func (w world) announce(files map[kyc.DocumentType]map[kyc.Side]string) {
	w.t.Helper()
	r := evidence.Request{BrandID: testbed.BrandID, CustomerID: testbed.CustomerID}
	for _, dt := range kyc.DocumentTypes() {
		if files[dt] == nil {
			continue
		}
		d := evidence.Document{Member: string(dt), Type: dt, Kind: string(cards[dt]), Country: w.country}
		if dt == kyc.GovernmentID && w.kind != "" {
			d.Kind = string(w.kind)
		}
		for _, side := range []kyc.Side{kyc.Front, kyc.Back} {
			if data, ok := files[dt][side]; ok {
				length := len(data)
				d.Files = append(d.Files, evidence.File{Side: side, Place: "x", Media: "image/jpeg", Length: &length, SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(data)))})
			}
		}
		r.Documents = append(r.Documents, d)
	}
	desk := &evidence.Desk{Attempts: w.bed.Store(clock.Now), Vault: w.vault(w.bed), Clock: w.clock(w.bed)}
	if _, err := desk.Announce(w.t.Context(), r); err != nil {
		w.t.Fatal(err)
	}
}

func exhibit(dt kyc.DocumentType, side kyc.Side) kyc.Exhibit {
	return kyc.Exhibit{
		Pair:      kyc.Pair{BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID},
		AttemptID: testbed.AttemptID, DocumentID: testbed.DocumentID(dt), Side: side,
	}
}

// slot is what is sent with a file: the slot of its side as it is now, for this content.
func (w world) slot(dt kyc.DocumentType, side kyc.Side, content kyc.Content) kyc.Slot {
	d, _ := w.attempt().Document(testbed.DocumentID(dt))
	return kyc.Slot{Content: content, Number: d.File(side).Slot.Number}
}

// store stores a file, and returns its version.
func (w world) store(dt kyc.DocumentType, side kyc.Side, data string) string {
	w.t.Helper()
	before := w.bed.Files(w.t)
	if err := w.vault(w.bed).Put(w.t.Context(), exhibit(dt, side), w.slot(dt, side, contentOf(data)), []byte(data)); err != nil {
		w.t.Fatal(err)
	}
	for _, f := range w.bed.Files(w.t) {
		if !slices.Contains(before, f) {
			_, version, _ := strings.Cut(f, " ")
			return version
		}
	}
	w.t.Fatal("nothing was stored")
	return ""
}

func (w world) inspect(i *evidence.Inspector, dt kyc.DocumentType, side kyc.Side, version string, want evidence.Outcome) {
	w.t.Helper()
	if got, _, err := i.Inspect(w.t.Context(), exhibit(dt, side), version); err != nil || got != want {
		w.t.Errorf("%s %s: %s, %v; want %s", dt, side, got, err, want)
	}
}

func (w world) attempt() kyc.Attempt {
	w.t.Helper()
	c, err := w.bed.Store(clock.Now).Customer(w.t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil {
		w.t.Fatal(err)
	}
	return c.Attempts[testbed.ProgramID]
}

// states tells how far each document has come, and where the attempt is.
func (w world) states() map[string]string {
	a := w.attempt()
	all := map[string]string{"attempt": string(a.Status)}
	for _, d := range a.Documents {
		all[string(d.Type)] = strings.TrimSpace(fmt.Sprint(d.Status, " ", d.Rejection()))
	}
	return all
}

func (w world) expect(what string, files int, want map[string]string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.states()); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	if kept := w.bed.Files(w.t); len(kept) != files {
		w.t.Errorf("%s: %d files, want %d: %v", what, len(kept), files, kept)
	}
}

const (
	government = "government_id"
	social     = "social_security_card"
)

// One after the other arrives, one of them no good; the attempt is under review with the last one.
func TestFilesAreTakenAndRefused(t *testing.T) {
	w := newWorld(t, kyc.GovernmentID, kyc.SocialSecurityCard)
	i := w.inspector(w.bed)
	w.announce(map[kyc.DocumentType]map[kyc.Side]string{kyc.GovernmentID: {kyc.Front: "front", kyc.Back: "bad back"}, kyc.SocialSecurityCard: {kyc.Front: "card"}})
	back := w.store(kyc.GovernmentID, kyc.Back, "bad back")
	w.inspect(i, kyc.GovernmentID, kyc.Back, back, evidence.Refused)
	w.expect("back refused", 0, map[string]string{"attempt": "document_required", government: "rejected file_damaged", social: "required"})
	front := w.store(kyc.GovernmentID, kyc.Front, "front")
	w.inspect(i, kyc.GovernmentID, kyc.Front, front, evidence.Taken)
	w.inspect(i, kyc.GovernmentID, kyc.Front, front, evidence.Known)
	w.inspect(i, kyc.GovernmentID, kyc.Back, back, evidence.Gone)
	w.expect("front taken", 1, map[string]string{"attempt": "document_required", government: "rejected file_damaged", social: "required"})
	card := w.store(kyc.SocialSecurityCard, kyc.Front, "card")
	w.inspect(i, kyc.SocialSecurityCard, kyc.Front, card, evidence.Taken)
	w.announce(map[kyc.DocumentType]map[kyc.Side]string{kyc.GovernmentID: {kyc.Back: "back"}})
	again := w.store(kyc.GovernmentID, kyc.Front, "front") // by a link that was used before
	w.inspect(i, kyc.GovernmentID, kyc.Front, again, evidence.NotAwaited)
	w.expect("back awaited", 2, map[string]string{"attempt": "document_required", government: "rejected file_damaged", social: "received"})
	w.inspect(i, kyc.GovernmentID, kyc.Back, w.store(kyc.GovernmentID, kyc.Back, "back"), evidence.Taken)
	w.expect("all in", 3, map[string]string{"attempt": "under_review", government: "received", social: "received"})
	if a := w.attempt(); a.Cause() != kyc.CauseDocumentsReceived {
		t.Errorf("under review for %q", a.Cause())
	}
	w.inspect(i, kyc.GovernmentID, kyc.Front, front, evidence.Known)
	w.inspect(i, kyc.GovernmentID, kyc.Back, w.store(kyc.GovernmentID, kyc.Back, "another back"), evidence.NotAwaited)
	w.expect("too late", 3, map[string]string{"attempt": "under_review", government: "received", social: "received"})
}

// What nobody waits for goes without a trace, whatever is wrong with it.
func TestWhatIsNotAwaitedIsRemoved(t *testing.T) {
	w := newWorld(t, kyc.GovernmentID)
	i := w.inspector(w.bed)
	required := map[string]string{"attempt": "document_required", government: "required"}
	w.inspect(i, kyc.GovernmentID, kyc.Front, w.store(kyc.GovernmentID, kyc.Front, "front"), evidence.NotAwaited)
	w.announce(map[kyc.DocumentType]map[kyc.Side]string{kyc.GovernmentID: {kyc.Front: "front"}})
	w.inspect(i, kyc.GovernmentID, kyc.Front, w.store(kyc.GovernmentID, kyc.Front, "other"), evidence.NotAwaited)
	w.inspect(i, kyc.GovernmentID, kyc.Front, w.store(kyc.GovernmentID, kyc.Front, "longer than front"), evidence.NotAwaited)
	w.inspect(i, kyc.GovernmentID, kyc.Back, w.store(kyc.GovernmentID, kyc.Back, "front"), evidence.NotAwaited)
	w.inspect(i, kyc.ProofOfAddress, kyc.Front, w.store(kyc.ProofOfAddress, kyc.Front, "front"), evidence.NotAwaited)
	other := contentOf("front")
	other.Media = kyc.PNG
	e := exhibit(kyc.GovernmentID, kyc.Front)
	if err := w.vault(w.bed).Put(t.Context(), e, w.slot(kyc.GovernmentID, kyc.Front, other), []byte("front")); err != nil {
		t.Fatal(err)
	}
	_, version, _ := strings.Cut(w.bed.Files(t)[0], " ")
	w.inspect(i, kyc.GovernmentID, kyc.Front, version, evidence.NotAwaited)
	w.expect("nothing was awaited", 0, required)

	early := w.store(kyc.GovernmentID, kyc.Front, "front")
	if _, err := w.bed.Store(clock.Now).MoveClock(t.Context(), testbed.BrandID, 0, 2*time.Hour, clock.Now()); err != nil {
		t.Fatal(err)
	}
	w.inspect(i, kyc.GovernmentID, kyc.Front, early, evidence.TooLate)
	w.expect("the slot has expired", 0, required)

	stranger := e
	stranger.CustomerID = testbed.ProgramID
	if err := w.vault(w.bed).Put(t.Context(), stranger, w.slot(kyc.GovernmentID, kyc.Front, contentOf("front")), []byte("front")); err != nil {
		t.Fatal(err)
	}
	_, version, _ = strings.Cut(w.bed.Files(t)[0], " ")
	if got, _, err := i.Inspect(t.Context(), stranger, version); err != nil || got != evidence.NotAwaited {
		t.Errorf("of nobody: %s, %v", got, err)
	}
	w.expect("of nobody", 0, required)
}

// Whichever call fails, before or after it has had its effect, and ends the inspector there: the message comes back, and
// the end is the same as if nothing had happened.
func TestNoCrashLosesOrLeavesAFile(t *testing.T) {
	const maxCalls = 18
	for data, want := range map[string]struct {
		end   string
		files int
	}{
		"front": {"under_review received", 1}, "bad front": {"document_required rejected file_damaged", 0}, "text " + own: {"submitted accepted", 1},
		"text " + testbed.Passport("EXAMPLE<<ADA", "900517", "200101"): {"document_required rejected expired", 1},
	} {
		for _, lost := range []bool{false, true} {
			for n := 1; ; n++ {
				w := asked(t, kyc.DocumentsAutomatic, nil, kyc.GovernmentID)
				version := w.sent("passport", "US", map[kyc.Side]string{kyc.Front: data})[0].version
				var mu sync.Mutex
				calls := 0
				broken := w.bed.Through(func(_ testbed.Request, pass func() testbed.Answer) testbed.Answer {
					mu.Lock()
					calls++
					call := calls
					mu.Unlock()
					if call >= n {
						if lost && call == n {
							pass()
						}
						return testbed.Lost()
					}
					return pass()
				})
				_, _, err := w.inspector(broken).Inspect(t.Context(), exhibit(kyc.GovernmentID, kyc.Front), version)
				if err == nil {
					break // it makes fewer calls
				}
				if _, _, err := w.inspector(w.bed).Inspect(t.Context(), exhibit(kyc.GovernmentID, kyc.Front), version); err != nil {
					t.Errorf("call %d: %v", n, err)
				}
				states, files := w.states(), len(w.bed.Files(t))
				if got := states["attempt"] + " " + states[government]; got != want.end || files != want.files {
					t.Errorf("call %d, lost %t: %s with %d files, want %s", n, lost, got, files, want.end)
				}
				if n > maxCalls {
					t.Fatal("the inspector makes more calls than it should")
				}
			}
		}
	}
}

// Both sides are inspected at once, each twice: no side is lost.
func TestFilesAtOnce(t *testing.T) {
	w := newWorld(t, kyc.DocumentTypes()...)
	files := map[kyc.DocumentType]map[kyc.Side]string{
		kyc.GovernmentID: {kyc.Front: "a", kyc.Back: "b"}, kyc.ProofOfAddress: {kyc.Front: "c"}, kyc.SocialSecurityCard: {kyc.Front: "d"},
	}
	w.announce(files)
	i := w.inspector(w.bed)
	var all sync.WaitGroup
	for dt, sides := range files {
		for side, data := range sides {
			version := w.store(dt, side, data)
			for range 2 {
				all.Go(func() {
					for range 5 { // a message comes back
						if _, _, err := i.Inspect(t.Context(), exhibit(dt, side), version); err == nil {
							return
						}
					}
					t.Errorf("%s %s was never inspected", dt, side)
				})
			}
		}
	}
	all.Wait()
	w.expect("all at once", 4, map[string]string{"attempt": "under_review", government: "received", "proof_of_address": "received", social: "received"})
}

type scanner struct {
	*docvault.Vault
	found kyc.Scan
}

func (s scanner) Scan(context.Context, kyc.Exhibit, string) (kyc.Scan, error) { return s.found, nil }

func TestFilesWaitForTheScanner(t *testing.T) {
	w := newWorld(t, kyc.SocialSecurityCard)
	w.announce(map[kyc.DocumentType]map[kyc.Side]string{kyc.SocialSecurityCard: {kyc.Front: "card"}})
	version := w.store(kyc.SocialSecurityCard, kyc.Front, "card")
	i := w.inspector(w.bed)
	i.Scanned = true
	if _, _, err := i.Inspect(t.Context(), exhibit(kyc.SocialSecurityCard, kyc.Front), version); !errors.Is(err, evidence.ErrNotScanned) {
		t.Errorf("not scanned: %v", err)
	}
	w.expect("not scanned", 1, map[string]string{"attempt": "document_required", social: "required"})
	i.Files = scanner{w.vault(w.bed), kyc.Infected}
	w.inspect(i, kyc.SocialSecurityCard, kyc.Front, version, evidence.Refused)
	w.expect("infected", 0, map[string]string{"attempt": "document_required", social: "rejected file_infected"})
	w.announce(map[kyc.DocumentType]map[kyc.Side]string{kyc.SocialSecurityCard: {kyc.Front: "card 2"}})
	i.Files = scanner{w.vault(w.bed), kyc.Clean}
	w.inspect(i, kyc.SocialSecurityCard, kyc.Front, w.store(kyc.SocialSecurityCard, kyc.Front, "card 2"), evidence.Taken)
}
