package simulation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kyc/shared/evidence"
	"kyc/shared/kyc"
	"kyc/shared/verification"
)

// Of the template, and of S3: how long functions may run and messages stay hidden, and how long a link can be used. An
// upload that has begun may take its time.
const (
	inspectorTimeout  = time.Minute
	uploadsVisibility = 6 * time.Minute
	scanWait          = 15 * time.Second
	uploadLife        = 15 * time.Minute
	uploadTime        = 2 * time.Hour
)

// sending is what a caller sends: documents that are asked for, by side.
type sending struct {
	Files map[kyc.Side]string // what they hold; those that begin with "bad" are no good
	Link  linked              // who sends it
}

// linked says by which link a customer comes.
type linked int

const (
	byKey    linked = iota // by none: it is the brand
	byFirst                // by the one that was given out first
	byNewest               // by the one that was given out last
)

// object is one version of a file in the bucket.
type object struct {
	kyc.Exhibit
	version string
	number  int // of its version, in the order of S3's
	data    string
	slot    int
	at      time.Time
}

// parcel is an announced file, and how to send it.
type parcel struct {
	name  string
	url   string
	tries int // left
	busy  bool
}

// grant is what a presigned request stores.
type grant struct {
	kyc.Exhibit
	data  string
	slot  int
	until time.Time
}

func contentOf(data string) kyc.Content {
	return kyc.Content{Media: kyc.JPEG, Length: int64(len(data)), SHA256: sha256.Sum256([]byte(data))}
}

// announce returns the request that announces the files of a caller.
func (c *client) announce() evidence.Request {
	d := evidence.Document{Member: "government_id", Type: kyc.GovernmentID, Kind: "drivers_license", Country: "US"}
	if strings.HasPrefix(c.Sends.Files[kyc.Front], "P<") {
		d.Kind = "passport"
	}
	for _, side := range []kyc.Side{kyc.Front, kyc.Back} {
		if data, ok := c.Sends.Files[side]; ok {
			length := len(data)
			d.Files = append(d.Files, evidence.File{
				Side: side, Place: "government_id/" + string(side), Media: string(kyc.JPEG), Length: &length, SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(data))),
			})
		}
	}
	r := evidence.Request{Documents: []evidence.Document{d}}
	if c.Sends.Link == byKey {
		r.BrandID, r.CustomerID, r.ProgramID = c.request.BrandID, c.request.CustomerID, c.request.ProgramID
	}
	return r
}

// send announces files, by the brand's key or by a link on the customer's page. What it is told to send a telephone sends.
func (w *world) send(ctx context.Context, c *client) error {
	ports := ports{w}
	desk := &evidence.Desk{Attempts: ports, Vault: ports, Clock: ports}
	var accepted evidence.Accepted
	var err error
	if c.Sends.Link == byKey {
		accepted, err = desk.Announce(ctx, c.announce())
	} else {
		if len(w.given) == 0 {
			return &kyc.Error{Kind: kyc.Forbidden, Code: "upload_link_expired"} // nobody has given it one
		}
		token := w.given[0]
		if c.Sends.Link == byNewest {
			token = w.given[len(w.given)-1]
		}
		ref, _ := w.links().Read(ctx, token)
		w.current.link = &ref
		counter := &evidence.Counter{Desk: desk, Links: w.links(), Programs: ports, Profiles: ports, Opener: ports}
		accepted, err = counter.Announce(ctx, token, c.announce())
	}
	if err != nil {
		return err
	}
	for _, a := range accepted.Awaited {
		if !a.Held() {
			w.parcels = append(w.parcels, &parcel{name: "the " + string(a.File.Side) + " of " + c.name, url: a.Upload.URL, tries: 3})
		}
	}
	return nil
}

// upload sends a file, and sends it again where no answer came.
func (w *world) upload(p *parcel) {
	g, sent := w.grants[p.url], false
	p.busy, p.tries = true, p.tries-1
	w.start("telephone", uploadTime, func(context.Context) {
		if w.now.After(g.until) {
			w.note("%s: its link has ended", p.name)
			sent = true
			return
		}
		sent = w.effect("store "+p.name, changes, func() error {
			n := len(w.history.stored) + 1
			o := object{Exhibit: g.Exhibit, version: fmt.Sprintf("v%d", n), number: n, data: g.data, slot: g.slot, at: w.now.Truncate(time.Second)}
			w.note("  stored as %s", o.version)
			w.history.stored[o.version], w.bucket[o.version] = o, true
			w.uploads.messages = append(w.uploads.messages, &letter{body: []byte(o.version), visible: w.now})
			return nil
		}) == nil
	}, func() {
		if p.busy = false; sent {
			p.tries = 0
		}
	})
}

// inspect runs the function on a message of S3's.
func (w *world) inspect(m *letter) {
	m.receives++
	m.visible = w.now.Add(uploadsVisibility)
	o, done := w.history.stored[string(m.body)], false
	w.start("inspector", inspectorTimeout, func(ctx context.Context) {
		ports := ports{w}
		i := &evidence.Inspector{
			Attempts: ports, Archive: ports, Files: ports, Clock: ports, Profiles: ports, Opener: ports, Programs: ports, Scanned: w.scan != nil,
			Examine: examine,
		}
		outcome, _, err := i.Inspect(ctx, o.Exhibit, o.version)
		w.note("inspector: %s is %s, %v", o.version, outcome, err)
		if errors.Is(err, evidence.ErrNotScanned) {
			m.visible = w.now.Add(scanWait)
		}
		done = err == nil
	}, func() {
		if done {
			w.uploads.remove(m)
			w.checkBucket()
		}
	})
}

// examine finds a file bad that says so, and reads those of passports.
func examine(_ context.Context, data []byte, _ kyc.Media) (evidence.Examined, error) {
	switch {
	case bytes.HasPrefix(data, []byte("bad")):
		return evidence.Examined{Refused: kyc.RejectedFileDamaged}, nil
	case bytes.HasPrefix(data, []byte("P<")):
		return evidence.Examined{Text: kyc.NewSecret(string(data))}, nil
	}
	return evidence.Examined{Unread: kyc.UnreadPicture}, nil
}

// look reads the state of KYC, which gives out a link where documents are asked for.
func (w *world) look(ctx context.Context, c *client) error {
	ports := ports{w}
	r := &verification.Reader{Customers: ports, Programs: ports, Clock: ports, Links: w.links()}
	state, err := r.Read(ctx, c.request.BrandID, c.request.CustomerID, c.request.ProgramID, "")
	if err == nil {
		w.give(state.UploadLink)
	}
	return err
}

// judge gives a reviewer's verdict on the document that was sent.
func (w *world) judge(ctx context.Context, c *client) error {
	ports := ports{w}
	o, err := verification.NewOverrider(kyc.Sandbox, ports, ports, ports, func(string) bool { return false })
	if err != nil {
		return err
	}
	want := verification.Override{BrandID: c.request.BrandID, CustomerID: c.request.CustomerID, ProgramID: c.request.ProgramID, DocumentID: programID, Verdict: string(c.Judges.Status), Reason: string(c.Judges.Why)}
	if documents := w.history.seen[w.customers[c.Brand]].Attempts[want.ProgramID].Documents; len(documents) > 0 {
		want.DocumentID = documents[0].ID
	}
	_, _, err = o.Override(ctx, want)
	return err
}

// verdictOn is a verdict on a document.
type verdictOn struct {
	Status kyc.DocumentStatus
	Why    kyc.Rejection
}

// give hands a link to the customer.
func (w *world) give(link kyc.Secret) {
	if _, token, ok := strings.Cut(link.Reveal(), "#"); ok && !slices.Contains(w.given, token) {
		w.given = append(w.given, token)
	}
}

// Link signs a request, and so is no effect.
func (p ports) Link(_ context.Context, e kyc.Exhibit, slot kyc.Slot) (kyc.Upload, error) {
	url := fmt.Sprintf("https://bucket.example.com/%d", len(p.w.grants)+1)
	for _, c := range p.w.clients {
		if c.Sends == nil {
			continue
		}
		for _, data := range c.Sends.Files {
			if contentOf(data) == slot.Content {
				p.w.grants[url] = grant{e, data, slot.Number, p.w.now.Add(uploadLife)}
				return kyc.Upload{URL: url}, nil
			}
		}
	}
	p.w.breaks("a file is to be sent that nobody has announced")
	return kyc.Upload{}, nil
}

// Put is of no scenario: files come by links.
func (p ports) Put(context.Context, kyc.Exhibit, kyc.Slot, []byte) error { return errInjected }

func (p ports) File(_ context.Context, e kyc.Exhibit, version string, limit int64) (file kyc.StoredFile, err error) {
	err = p.w.read("read file "+version, func() error {
		o := p.w.history.stored[version]
		if o.Exhibit != e || !p.w.bucket[version] {
			return kyc.ErrNoFile
		}
		file = kyc.StoredFile{Content: contentOf(o.data), Slot: o.slot, Data: []byte(o.data), At: o.at}
		if file.Length > limit {
			file.SHA256, file.Data = [32]byte{}, nil
		}
		return nil
	})
	return file, err
}

func (p ports) Scan(_ context.Context, _ kyc.Exhibit, version string) (found kyc.Scan, err error) {
	err = p.w.read("read the scan of "+version, func() error {
		p.w.scanned++
		found = p.w.scan(p.w.scanned)
		return nil
	})
	return found, err
}

func (p ports) Remove(_ context.Context, _ kyc.Exhibit, version string) error {
	return p.w.effect("remove file "+version, changes, func() error {
		delete(p.w.bucket, version)
		p.w.checkRemoved(version)
		p.w.checkBucket()
		return nil
	})
}

func (p ports) ArchivedAttempts(ctx context.Context, pair kyc.Pair, before time.Time, beforeID string, limit int) (all []kyc.Attempt, err error) {
	err = p.w.read("read archive", func() (err error) {
		all, err = p.w.table.ArchivedAttempts(ctx, pair, before, beforeID, limit)
		return err
	})
	return all, err
}

func (p ports) FileDocuments(ctx context.Context, f kyc.Filing) (stood *kyc.Standing, err error) {
	err = p.w.change("file documents", f.BrandID, f.CustomerID, func() (err error) {
		stood, err = p.w.table.FileDocuments(ctx, f)
		return err
	})
	return stood, err
}

// checkLinked holds that a link changes nothing but the attempt that it leads to, and that only while it is its newest one
// and has not ended.
func (w *world) checkLinked(by *task, before kyc.Customer) {
	if by.link == nil {
		return
	}
	if a := before.Attempts[by.link.ProgramID]; a.ID != by.link.AttemptID || a.Link.Generation != by.link.Generation || !by.saw.Before(a.Link.Until) {
		w.breaks("attempt %.8s is %s with a link of generation %d until %s, and was changed by one of generation %d to attempt %.8s",
			a.ID, a.Status, a.Link.Generation, a.Link.Until, by.link.Generation, by.link.AttemptID)
	}
}

// checkDocuments holds one committed write of an attempt to the rules for its documents.
func (w *world) checkDocuments(old, now kyc.Attempt) {
	same := old.ID == now.ID
	if same && (now.Link.Generation < old.Link.Generation || now.Link != old.Link && now.Status != kyc.DocumentRequired) {
		w.breaks("the link of attempt %.8s, which is %s, went from generation %d to %d", now.ID, now.Status, old.Link.Generation, now.Link.Generation)
	}
	if asks := now.Status == kyc.DocumentRequired; asks && !slices.ContainsFunc(now.Documents, func(d kyc.Document) bool { return !given(d) }) {
		w.breaks("attempt %.8s asks for documents, and all of them are in", now.ID)
	}
	if same && len(now.Documents) < len(old.Documents) {
		w.breaks("a document of attempt %.8s vanished", now.ID)
	}
	for _, d := range now.Documents {
		was, existed := old.Document(d.ID)
		switch {
		case !same || !existed:
			if d.Status != kyc.DocumentAskedFor || len(d.Files) > 0 {
				w.breaks("document %.8s began as %s", d.ID, d.Status)
			}
		case was.Status != d.Status:
			w.note("  committed: document %.8s is %s", d.ID, d.Status)
			atOnce := was.Status.CanBecome(kyc.DocumentReceived) && kyc.DocumentReceived.CanBecome(d.Status)
			if !was.Status.CanBecome(d.Status) && !atOnce {
				w.breaks("document %.8s went from %s to %s", d.ID, was.Status, d.Status)
			}
		}
		for _, f := range d.Files {
			if held := was.File(f.Side).Held; f.Held != held && f.Held.Version != "" {
				w.checkTaken(old, was.File(f.Side).Slot, f.Held)
			}
		}
		if given(d) && d.File(kyc.Front).Held.IsZero() {
			w.breaks("document %.8s is %s without a front", d.ID, d.Status)
		}
	}
}

// given reports whether a document is in.
func given(d kyc.Document) bool {
	return d.Status == kyc.DocumentReceived || d.Status == kyc.DocumentAccepted || d.Status == kyc.DocumentArchived
}

// checkTaken holds that what was taken as evidence is what was awaited, by an attempt that asked for it, and came in time.
func (w *world) checkTaken(by kyc.Attempt, slot kyc.Slot, e kyc.Evidence) {
	o := w.history.stored[e.Version]
	w.note("  committed: %s is evidence", e.Version)
	switch {
	case by.Status != kyc.DocumentRequired:
		w.breaks("attempt %.8s is %s, and has taken file %s", by.ID, by.Status, e.Version)
	case o.AttemptID != by.ID || contentOf(o.data) != e.Content || slot.Content != e.Content:
		w.breaks("attempt %.8s has taken file %s, which it did not await", by.ID, e.Version)
	case strings.HasPrefix(o.data, "bad"):
		w.breaks("attempt %.8s has taken file %s, which is no good", by.ID, e.Version)
	case o.at.After(slot.Until) || e.At.Before(o.at) || e.At.After(slot.Until):
		w.breaks("attempt %.8s has taken file %s of %s, and awaited it until %s", by.ID, e.Version, o.at, slot.Until)
	}
}

// checkRemoved holds that no file is removed while it is awaited: its sender would never learn what became of it.
func (w *world) checkRemoved(version string) {
	o := w.history.stored[version]
	a := w.history.seen[kyc.CustomerRef{BrandID: o.BrandID, CustomerID: o.CustomerID}].Attempts[o.ProgramID]
	d, _ := a.Document(o.DocumentID)
	slot := d.File(o.Side).Slot
	if a.Status == kyc.DocumentRequired && slot.Content == contentOf(o.data) && slot.Number == o.slot && !o.at.After(slot.Until) {
		w.breaks("file %s is removed, and attempt %.8s awaits it", version, a.ID)
	}
}

// checkBucket holds that every file that is evidence is in the bucket, and that every other one in it is still to be looked
// at, by the inspector or, among the dead letters, by an operator, or is removed by S3 because a newer one lies over it.
// That rule of S3's must not come to evidence: a file that nobody will look at does not stay over it.
func (w *world) checkBucket() {
	if len(w.history.stored) == 0 {
		return
	}
	held := map[string]bool{}
	for _, ref := range w.customers {
		c := w.history.seen[ref]
		for _, programID := range []string{programID, program2} {
			archived, err := w.table.ArchivedAttempts(context.Background(), kyc.Pair{BrandID: ref.BrandID, CustomerID: ref.CustomerID, ProgramID: programID}, time.Time{}, "", 10)
			if err != nil {
				w.breaks("read back: %v", err)
			}
			for _, a := range append(archived, c.Attempts[programID], c.Previous[programID]) {
				for _, d := range a.Documents {
					for _, f := range d.Files {
						if v := f.Held.Version; v != "" {
							held[v] = true
							if !w.bucket[v] {
								w.breaks("file %s is evidence of attempt %.8s, which is %s, and is not in the bucket", v, a.ID, a.Status)
							}
						}
					}
				}
			}
		}
	}
	for version := range w.bucket {
		told := func(m *letter) bool { return string(m.body) == version }
		if held[version] || slices.ContainsFunc(w.uploads.messages, told) || slices.ContainsFunc(w.uploads.dead, told) {
			continue
		}
		o, covered, covers := w.history.stored[version], false, false
		for other := range w.bucket {
			p := w.history.stored[other]
			same := p.Exhibit == o.Exhibit
			covered = covered || same && p.number > o.number
			covers = covers || same && p.number < o.number && held[other]
		}
		if !covered || covers {
			w.breaks("file %s stays in the bucket, is no evidence, and nobody will look at it", version)
		}
	}
}
