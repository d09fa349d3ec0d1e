package kyc

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
)

// DocumentType names what an attempt may ask for, spelled as in the API.
type DocumentType string

const (
	GovernmentID       DocumentType = "government_id"
	ProofOfAddress     DocumentType = "proof_of_address"
	SocialSecurityCard DocumentType = "social_security_card"
)

// DocumentKind names one of the papers that are taken for a document of a type.
type DocumentKind string

// Side is a side of a document. What has one alone has a front.
type Side string

const (
	Front Side = "front"
	Back  Side = "back"
)

// BackRule says whether the back of a paper is to be shown.
type BackRule int

const (
	NoBack BackRule = iota
	BackWelcome
	BackNeeded
)

// Paper is one kind of paper that is taken for a document.
type Paper struct {
	Kind DocumentKind
	Back BackRule
	also DocumentKind // another spelling of it
}

type documentRule struct {
	Type   DocumentType
	also   DocumentType // another spelling of it
	papers []Paper      // none where the type names the paper
	state  bool         // whether it is issued by a state, which has to be named
}

// documentRules is all that is taken: the published types and kinds, the two spellings that some of them have, and which
// sides are to be shown (reference/bond-api.md 9.1 and 9.3). A driver's license and a state's card carry on their back
// the code that the front can be checked by, so that it is welcome where it is not needed.
var documentRules = []documentRule{
	{GovernmentID, "", []Paper{
		{Kind: "drivers_license", Back: BackWelcome},
		{Kind: "passport"},
		{Kind: "state_id", Back: BackWelcome},
		{Kind: "passport_card", Back: BackNeeded},
		{Kind: "permanent_resident_card", Back: BackNeeded, also: "permanant_resident_card"},
		{Kind: "work_permit", Back: BackNeeded},
		{Kind: "visa"},
	}, true},
	{ProofOfAddress, "utility_bill", []Paper{{Kind: "utility_bill"}, {Kind: "property_tax_bill"}}, false},
	{SocialSecurityCard, "ssc", nil, false},
}

// DocumentTypes lists what an attempt may ask for.
func DocumentTypes() []DocumentType {
	var types []DocumentType
	for _, r := range documentRules {
		types = append(types, r.Type)
	}
	return types
}

// Spellings lists the names under which a request may speak of the type, the one that answers use first.
func (t DocumentType) Spellings() []string {
	spellings := []string{string(t)}
	if also := t.rule().also; also != "" {
		spellings = append(spellings, string(also))
	}
	return spellings
}

// Papers lists the kinds of paper that are taken for a document of the type. There are none where the type names the paper.
func (t DocumentType) Papers() []Paper { return t.rule().papers }

// IssuedByState reports whether the country that issued such a document has to be named.
func (t DocumentType) IssuedByState() bool { return t.rule().state }

// MachineReadable reports whether papers of the type print something for machines to read.
func (t DocumentType) MachineReadable() bool { return t == GovernmentID }

// Paper returns the paper of the type that goes by a name, the empty one where the type names the paper.
func (t DocumentType) Paper(name DocumentKind) (Paper, bool) {
	r := t.rule()
	if len(r.papers) == 0 {
		return Paper{}, r.Type != "" && name == ""
	}
	for _, p := range r.papers {
		if name != "" && (p.Kind == name || p.also == name) {
			return p, true
		}
	}
	return Paper{}, false
}

// HasBacks reports whether a paper of the type has a back that is shown.
func (t DocumentType) HasBacks() bool {
	return slices.ContainsFunc(t.Papers(), func(p Paper) bool { return p.Takes(Back) })
}

func (t DocumentType) rule() documentRule {
	i := slices.IndexFunc(documentRules, func(r documentRule) bool { return r.Type == t })
	if i < 0 {
		return documentRule{}
	}
	return documentRules[i]
}

// Spellings lists the names under which a request may speak of the paper, the one that answers use first.
func (p Paper) Spellings() []string {
	spellings := []string{string(p.Kind)}
	if p.also != "" {
		spellings = append(spellings, string(p.also))
	}
	return spellings
}

// Needs reports whether a side of the paper has to be shown, and Takes whether it may be.
func (p Paper) Needs(s Side) bool { return s == Front || s == Back && p.Back == BackNeeded }

// Takes reports whether a side of the paper may be shown.
func (p Paper) Takes(s Side) bool { return s == Front || s == Back && p.Back != NoBack }

// DocumentStatus says how far a document has come.
type DocumentStatus string

const (
	DocumentAskedFor      DocumentStatus = "required"
	DocumentFrontReceived DocumentStatus = "received_front"
	DocumentBackReceived  DocumentStatus = "received_back"
	DocumentReceived      DocumentStatus = "received"
	DocumentAccepted      DocumentStatus = "accepted"
	DocumentRejected      DocumentStatus = "rejected"
	DocumentArchived      DocumentStatus = "archived"
)

// documentTransitions is the only place that says which state of a document may follow which. What is archived stays so.
var documentTransitions = map[DocumentStatus][]DocumentStatus{
	DocumentAskedFor:      {DocumentFrontReceived, DocumentBackReceived, DocumentReceived, DocumentRejected, DocumentArchived},
	DocumentFrontReceived: {DocumentReceived, DocumentRejected, DocumentArchived},
	DocumentBackReceived:  {DocumentReceived, DocumentRejected, DocumentArchived},
	DocumentReceived:      {DocumentAccepted, DocumentRejected, DocumentArchived},
	DocumentAccepted:      {DocumentArchived},
	DocumentRejected:      {DocumentFrontReceived, DocumentBackReceived, DocumentReceived, DocumentArchived},
}

// DocumentStatuses lists every state of a document, in the order of its life.
func DocumentStatuses() []DocumentStatus {
	return []DocumentStatus{DocumentAskedFor, DocumentFrontReceived, DocumentBackReceived, DocumentReceived,
		DocumentAccepted, DocumentRejected, DocumentArchived}
}

// CanBecome reports whether a document in state s may go to state t.
func (s DocumentStatus) CanBecome(t DocumentStatus) bool {
	return slices.Contains(documentTransitions[s], t)
}

// wanted reports whether files are taken for a document in this state.
func (s DocumentStatus) wanted() bool {
	switch s {
	case DocumentAskedFor, DocumentFrontReceived, DocumentBackReceived, DocumentRejected:
		return true
	}
	return false
}

// Rejection says why a document is rejected. The list is closed; an entry is never reused for another meaning.
type Rejection string

const (
	// What a look into the file finds.
	RejectedFileType      Rejection = "file_type"      // not what it was announced as, or nothing that is taken
	RejectedFileDamaged   Rejection = "file_damaged"   // can't be read to its end
	RejectedFileTooLarge  Rejection = "file_too_large" // bytes, pixels or pages
	RejectedFileTooSmall  Rejection = "file_too_small" // empty, or too few pixels to read anything
	RejectedFileProtected Rejection = "file_protected" // by a password
	RejectedFileActive    Rejection = "file_active"    // holds a script, or another file
	RejectedFileInfected  Rejection = "file_infected"  // a virus scanner found something
	// What a look at the document finds.
	RejectedUnreadable Rejection = "unreadable" // blurred, dark, cut off
	RejectedExpired    Rejection = "expired"
	RejectedTooOld     Rejection = "too_old" // a proof of address of too long ago
	RejectedWrongType  Rejection = "wrong_type"
	RejectedName       Rejection = "name_differs"
	RejectedBirthDate  Rejection = "date_of_birth_differs"
	RejectedAddress    Rejection = "address_differs"
	RejectedNumber     Rejection = "number_differs"
	RejectedNoBack     Rejection = "back_missing"
	RejectedIncomplete Rejection = "information_missing"
	RejectedNotGenuine Rejection = "not_genuine"
)

// FileRejections lists why a file is refused by a look into it, and DocumentRejections why a document is by a look at it.
func FileRejections() []Rejection {
	return []Rejection{RejectedFileType, RejectedFileDamaged, RejectedFileTooLarge, RejectedFileTooSmall, RejectedFileProtected,
		RejectedFileActive, RejectedFileInfected}
}

// DocumentRejections lists why a document is rejected by whoever looks at it.
func DocumentRejections() []Rejection {
	return []Rejection{RejectedUnreadable, RejectedExpired, RejectedTooOld, RejectedWrongType, RejectedName, RejectedBirthDate,
		RejectedAddress, RejectedNumber, RejectedNoBack, RejectedIncomplete, RejectedNotGenuine}
}

// Media is a type of file, as its media type.
type Media string

const (
	JPEG Media = "image/jpeg"
	PNG  Media = "image/png"
	HEIC Media = "image/heic"
	PDF  Media = "application/pdf"
)

// ending returns the ending of a file's name that says what it is.
func (m Media) ending() string {
	for ending, media := range mediaByEnding {
		if media == m && ending != ".jpeg" { // one of two for the same
			return ending
		}
	}
	return ""
}

// MaxFileBytes is how long a file may be. A photo of 50 megapixels has about that, at a camera's usual quality.
const MaxFileBytes = 15 << 20

// mediaByEnding is what the published endings of file names say.
var mediaByEnding = map[string]Media{".jpg": JPEG, ".jpeg": JPEG, ".png": PNG, ".heic": HEIC, ".pdf": PDF}

// Medias lists the types of file that are taken.
func Medias() []Media { return []Media{JPEG, PNG, HEIC, PDF} }

// MediaOf returns what a file is by its name. It is a claim: whoever looks into the file finds out.
func MediaOf(fileName string) (Media, bool) {
	i := max(0, strings.LastIndexByte(fileName, '.'))
	media, ok := mediaByEnding[strings.ToLower(fileName[i:])]
	return media, ok
}

// Content is what a file is: its type, its length in bytes, and the SHA-256 of its bytes.
type Content struct {
	Media  Media
	Length int64
	SHA256 [32]byte
}

// IsZero reports whether c is the content of no file.
func (c Content) IsZero() bool { return c == Content{} }

// Slot is a file that is awaited.
type Slot struct {
	Content
	Until time.Time // what is stored later is not taken
	// Number tells it from all others of its side. What was stored for one is never taken for another, so that a file that is
	// not awaited once never is, and may be removed whatever is announced meanwhile.
	Number int
}

// SlotLife is how long an announced file is waited for. Its link ends sooner: a slow telephone may take the rest.
const SlotLife = time.Hour

// followedBy returns next as it awaits content. Where that is awaited already, and has not run out, it is the same slot for
// longer: the links to it go on.
func (s Slot) followedBy(next Slot, content Content) Slot {
	next.Content = content
	if s.Content == content && !next.Until.After(s.Until.Add(SlotLife)) {
		next.Number = s.Number
	}
	return next
}

// Evidence is a file that was looked into and is kept.
type Evidence struct {
	Content
	Version string // of its object
	At      time.Time
	Reading Reading
}

// File is one side of a document on its way.
type File struct {
	Side    Side
	Slot    Slot      // zero where none is awaited
	Held    Evidence  // zero where none is kept
	Refused Rejection // why the newest one is no good, empty where it is
	// Withdrawn says that the document is sent again without this side, whose refused file it still holds: it does not
	// count any more, and nothing is to come in its place.
	Withdrawn bool
}

// rejected reports whether something speaks against the side, so that the document can't do with it.
func (f File) rejected() bool { return f.Refused != "" && !f.Withdrawn }

// in reports whether the side is there and nothing speaks against it.
func (f File) in() bool { return !f.Held.IsZero() && f.Refused == "" && f.Slot.IsZero() }

// SideStatus says how far a side of a document has come.
type SideStatus string

const (
	SideMissing  SideStatus = "missing"
	SideAwaited  SideStatus = "awaited" // announced, and not looked into yet
	SideReceived SideStatus = "received"
	SideRejected SideStatus = "rejected"
)

// Status returns how far the side has come.
func (f File) Status() SideStatus {
	switch {
	case !f.Slot.IsZero():
		return SideAwaited
	case f.rejected():
		return SideRejected
	case f.in():
		return SideReceived
	}
	return SideMissing
}

// Document is one document that an attempt asks for.
type Document struct {
	ID      string
	Type    DocumentType
	Status  DocumentStatus
	Asked   []int        // the state_versions in which the attempt came to ask for it
	Kind    DocumentKind // of the paper, as whoever sends it says; empty until then
	Country string       // that issued it (ISO 3166-1 alpha-2)
	Files   []File       // by side; sides that nobody speaks of have none
}

// Rejection returns why the document is rejected, empty where it is not.
func (d Document) Rejection() Rejection {
	if d.Status != DocumentRejected {
		return ""
	}
	for _, f := range d.Files {
		if f.rejected() {
			return f.Refused
		}
	}
	return ""
}

// File returns what is known of a side, with nothing but the side where that is nothing.
func (d Document) File(s Side) File {
	for _, f := range d.Files {
		if f.Side == s {
			return f
		}
	}
	return File{Side: s}
}

// holdsFiles reports whether a file is kept of any of its sides that counts.
func (d Document) holdsFiles() bool {
	return slices.ContainsFunc(d.Files, func(f File) bool { return !f.Held.IsZero() && !f.Withdrawn })
}

// FileName returns a name for the file that is held of a side, like government_id-front.jpg. What its sender called it is not
// kept: that may be anything.
func (d Document) FileName(s Side) string {
	return string(d.Type) + "-" + string(s) + d.File(s).Held.Media.ending()
}

// alike reports whether d and e are the same document in the same state, and hold the same files.
func (d Document) alike(e Document) bool {
	return d.ID == e.ID && d.Status == e.Status && d.Rejection() == e.Rejection() &&
		d.File(Front).Held.Version == e.File(Front).Held.Version && d.File(Back).Held.Version == e.File(Back).Held.Version
}

// Missing lists the sides that are still to be sent.
func (d Document) Missing() []Side {
	paper, _ := d.Type.Paper(d.Kind)
	var missing []Side
	for _, s := range []Side{Front, Back} {
		f := d.File(s)
		awaited := !f.Slot.IsZero() || f.rejected()
		if !f.in() && (paper.Needs(s) || awaited) {
			missing = append(missing, s)
		}
	}
	return missing
}

// with returns the document with f in place of what is known of its side.
func (d Document) with(f File) Document {
	files := slices.DeleteFunc(slices.Clone(d.Files), func(g File) bool { return g.Side == f.Side })
	files = append(files, f)
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(b.Side, a.Side) }) // front before back
	d.Files = files
	return d
}

// settled returns the document in the state that its files make. That of a document that nobody waits for stays.
func (d Document) settled() Document {
	if !d.Status.wanted() {
		return d
	}
	refused := slices.ContainsFunc(d.Files, File.rejected)
	front, back := d.File(Front).in(), d.File(Back).in()
	switch {
	case refused:
		d.Status = DocumentRejected
	case len(d.Missing()) == 0:
		d.Status = DocumentReceived
	case front:
		d.Status = DocumentFrontReceived
	case back:
		d.Status = DocumentBackReceived
	}
	return d
}

// Announcement says which files will be sent for one document, and what it is.
type Announcement struct {
	Type    DocumentType
	Kind    DocumentKind
	Country string
	Files   map[Side]Content
}

// Awaited is one file that was announced.
type Awaited struct {
	Document Document
	File     File
}

// Held reports whether the file is here already, so that it need not be sent.
func (a Awaited) Held() bool { return a.File.in() }

// Objection is what stands against an announcement.
type Objection int

const (
	NotAskedFor Objection = iota + 1 // the attempt does not ask for the document
	AlreadyIn                        // another file was received, and nothing speaks against it
	OtherPaper                       // the side that was received is of another kind of paper or country
	SameFile                         // it is announced, or here, as another side or document too
	HasNoBack                        // the kind takes no back
)

// Misannounced says what stands against an announcement, and where.
type Misannounced struct {
	Type DocumentType
	Side Side // empty where it is about the whole document
	Why  Objection
}

// DocumentOf returns the document of a type that the attempt asks for, the newest one that was not archived.
func (a Attempt) DocumentOf(t DocumentType) (Document, bool) {
	for _, d := range slices.Backward(a.Documents) {
		if d.Type == t && d.Status != DocumentArchived {
			return d, true
		}
	}
	return Document{}, false
}

// Announce returns the attempt as it awaits the announced files until the given time, and each of them with its document;
// or all that stands against the announcements. What was awaited for these documents before is not any more: a side that is
// neither announced nor here need not come, unless its paper needs it. A paper's back may be announced after its front.
func (a Attempt) Announce(all []Announcement, until time.Time) (Attempt, []Awaited, []Misannounced) {
	var awaited []Awaited
	var wrong []Misannounced
	for _, n := range all {
		d, asked := a.DocumentOf(n.Type)
		if !asked {
			wrong = append(wrong, Misannounced{n.Type, "", NotAskedFor})
			continue
		}
		d, against := d.announce(n, Slot{Until: until, Number: a.Fence + 1})
		wrong = append(wrong, against...)
		a = a.with(d)
		for _, s := range []Side{Front, Back} {
			if _, sent := n.Files[s]; sent {
				awaited = append(awaited, Awaited{d, d.File(s)})
			}
		}
	}
	for _, w := range awaited {
		if a.elsewhere(w) {
			wrong = append(wrong, Misannounced{w.Document.Type, w.File.Side, SameFile})
		}
	}
	a.Fence++
	return a, awaited, wrong
}

func (d Document) announce(n Announcement, slot Slot) (Document, []Misannounced) {
	var wrong []Misannounced
	refuse := func(s Side, why Objection) { wrong = append(wrong, Misannounced{n.Type, s, why}) }
	paper, _ := n.Type.Paper(n.Kind)
	before := d
	d.Files = nil
	for _, s := range []Side{Front, Back} {
		f := before.File(s)
		content, sent := n.Files[s]
		holds := !f.Held.IsZero() && f.Refused == ""
		if holds && (before.Kind != paper.Kind || before.Country != n.Country) {
			refuse("", OtherPaper)
		}
		switch {
		case sent && !paper.Takes(s):
			refuse(s, HasNoBack)
		case holds && (!sent || f.Held.Content == content):
			f.Slot = Slot{}
			d = d.with(f)
		case sent && holds, sent && !before.Status.wanted():
			refuse(s, AlreadyIn)
		case sent:
			f.Slot, f.Withdrawn = f.Slot.followedBy(slot, content), false
			d = d.with(f)
		case f.Refused != "" && paper.Needs(s):
			f.Slot, f.Withdrawn = Slot{}, false
			d = d.with(f)
		case !f.Held.IsZero():
			f.Slot, f.Withdrawn = Slot{}, true
			d = d.with(f)
		}
	}
	d.Kind, d.Country = paper.Kind, n.Country
	return d.settled(), wrong
}

// elsewhere reports whether the file is announced, or here, as another side or document too. The same bytes twice are one
// piece of evidence.
func (a Attempt) elsewhere(w Awaited) bool {
	content := func(f File) [32]byte {
		if f.Slot.IsZero() {
			return f.Held.SHA256
		}
		return f.Slot.SHA256
	}
	for _, d := range a.Documents {
		for _, f := range d.Files {
			itself := d.ID == w.Document.ID && f.Side == w.File.Side
			if !itself && d.Status != DocumentArchived && content(f) == content(w.File) {
				return true
			}
		}
	}
	return false
}

// with returns the attempt with d in place of the document of the same id.
func (a Attempt) with(d Document) Attempt {
	a.Documents = slices.Clone(a.Documents)
	if i := slices.IndexFunc(a.Documents, func(e Document) bool { return e.ID == d.ID }); i >= 0 {
		a.Documents[i] = d
	}
	return a
}

// Document returns one of the attempt's documents.
func (a Attempt) Document(id string) (Document, bool) {
	i := slices.IndexFunc(a.Documents, func(d Document) bool { return d.ID == id })
	if i < 0 {
		return Document{}, false
	}
	return a.Documents[i], true
}

// Arrival says what a stored file is to the attempt that it was sent to.
type Arrival int

const (
	Expected Arrival = iota + 1
	Kept             // this very object is the evidence that is kept
	Stray            // nobody waits for it, or not for this content
	Late             // it was stored after its slot had ended
)

// Arrival tells what a stored object is: of which document and side, what it holds, and when it was stored.
func (a Attempt) Arrival(documentID string, s Side, file StoredFile, version string, at time.Time) Arrival {
	d, ok := a.Document(documentID)
	f := d.File(s)
	switch {
	case ok && f.Held.Version == version && !f.Held.IsZero():
		return Kept
	case !ok || a.Status != DocumentRequired || !d.Status.wanted() || f.Slot.IsZero() || f.Slot.Content != file.Content || f.Slot.Number != file.Slot:
		return Stray
	case at.After(f.Slot.Until):
		return Late
	}
	return Expected
}

// Receive returns the attempt with an expected file kept as evidence, and Refuse with one that is no good.
func (a Attempt) Receive(documentID string, s Side, e Evidence) Attempt {
	return a.arrived(documentID, File{Side: s, Held: e})
}

// Refuse returns the attempt with an expected file that is no good. What was kept of that side before is not touched: it was
// refused too, or it would not have been awaited again.
func (a Attempt) Refuse(documentID string, s Side, why Rejection) Attempt {
	d, _ := a.Document(documentID)
	return a.arrived(documentID, File{Side: s, Held: d.File(s).Held, Refused: why})
}

func (a Attempt) arrived(documentID string, f File) Attempt {
	d, _ := a.Document(documentID)
	a = a.with(d.with(f).settled())
	a.Fence++
	return a
}

// AllIn reports whether nothing that the attempt has asked for is still to be sent.
func (a Attempt) AllIn() bool {
	return len(a.Documents) > 0 && !slices.ContainsFunc(a.Documents, func(d Document) bool { return d.Status.wanted() })
}

// Judge returns the attempt with the verdict on a document that was received: accepted where why is empty, and else
// rejected. It reports false where the document is not there to be judged. A rejected document is to be sent again.
func (a Attempt) Judge(documentID string, why Rejection) (Attempt, bool) {
	d, ok := a.Document(documentID)
	if !ok || d.Status != DocumentReceived {
		return a, false
	}
	files := d.Files
	if paper, _ := d.Type.Paper(d.Kind); why == RejectedNoBack && paper.Back != NoBack {
		files = []File{d.File(Back)}
	}
	if d.Status = DocumentAccepted; why != "" {
		d = d.rejected(why, files)
	}
	a = a.with(d)
	a.Fence++
	return a, true
}

// Reject returns the attempt with a document rejected of which a part may still be on its way: that is not awaited any more,
// and all of it is to be sent again.
func (a Attempt) Reject(documentID string, why Rejection) Attempt {
	d, _ := a.Document(documentID)
	a = a.with(d.rejected(why, d.Files))
	a.Fence++
	return a
}

func (d Document) rejected(why Rejection, files []File) Document {
	d.Status = DocumentRejected
	for _, f := range files {
		f.Refused, f.Slot, f.Withdrawn = why, Slot{}, f.Withdrawn && why != RejectedNoBack
		d = d.with(f)
	}
	return d
}

// accepting returns the attempt with those of its received documents accepted of which all that was read agrees with the
// identity of that profile_version. It reports whether any was, and whether that is so of every document.
func (a Attempt) accepting(profileVersion int) (accepted Attempt, some, all bool) {
	all = true
	for _, d := range a.Documents {
		r, _ := d.Reading()
		switch agrees := r.Agrees() && r.Profile == profileVersion; {
		case d.Status == DocumentArchived, agrees && d.Status == DocumentAccepted:
		case agrees && d.Status == DocumentReceived:
			some = true
			a, _ = a.Judge(d.ID, "")
		default:
			all = false
		}
	}
	return a, some, all
}

// AgreesWith reports whether all that was read of any received document agrees with the identity of that profile_version.
func (a Attempt) AgreesWith(profileVersion int) bool {
	_, some, _ := a.accepting(profileVersion)
	return some
}

// Accepted lists the types of the documents that were accepted.
func (a Attempt) Accepted() []DocumentType {
	var types []DocumentType
	for _, d := range a.Documents {
		if d.Status == DocumentAccepted {
			types = append(types, d.Type)
		}
	}
	return types
}

// AcceptedOfAnother reports whether a document was accepted of which something was read and compared with an identity that is
// not that of the profile_version: a pass in another program may have changed it since.
func (a Attempt) AcceptedOfAnother(profileVersion int) bool {
	return slices.ContainsFunc(a.Documents, func(d Document) bool {
		r, _ := d.Reading()
		return d.Status == DocumentAccepted && r.Profile != 0 && r.Profile != profileVersion
	})
}

// archivedDocuments returns the documents as a correction leaves them that made them needless.
func archivedDocuments(documents []Document) []Document {
	documents = slices.Clone(documents)
	for i := range documents {
		documents[i].Status = DocumentArchived
	}
	return documents
}

// askedFor returns what the attempt asks for by the change that makes the given version: its documents as they were asked
// for, without what became of them.
func (a Attempt) askedFor(version int) []Document {
	var asked []Document
	for _, d := range a.Documents {
		if i := slices.Index(d.Asked, version); i >= 0 {
			status := DocumentAskedFor
			if i > 0 {
				status = DocumentRejected
			}
			asked = append(asked, Document{ID: d.ID, Type: d.Type, Status: status})
		}
	}
	return asked
}

// asking returns the documents with a note that the change which makes the given version asks for those that are wanted.
func asking(documents []Document, version int) []Document {
	documents = slices.Clone(documents)
	for i, d := range documents {
		if d.Status.wanted() {
			documents[i].Asked = append(slices.Clone(d.Asked), version)
		}
	}
	return documents
}

// Filing is a change of an attempt's documents or its link that leaves its state as it is. It happens only if the attempt is still as
// From says: same id, state and fence.
type Filing struct {
	Pair
	From, To Attempt
}

// Filed returns the change that makes the attempt's documents those of to: a filing or, where all that was asked for is in,
// the advance to a review. Where the policy lets them be accepted without a person, those are that agree with the customer
// as it is on file, and if that is all, the attempt is judged again. An attempt that is too large for that ends in error.
func (c Customer) Filed(programID string, to Attempt, policy DocumentPolicy, now Moment) (Filing, *Advance, error) {
	from, version := c.Attempts[programID], c.Versions[programID]
	pair := Pair{c.BrandID, c.ID, programID}
	if from.Status != DocumentRequired || !to.AllIn() {
		return Filing{pair, from, to}, nil, nil
	}
	advance := &Advance{BrandID: c.BrandID, CustomerID: c.ID, ProgramID: programID, From: from, Version: version, Alarm: now.Alarm()}
	decision, cause := Decision{Status: UnderReview}, CauseDocumentsReceived
	if policy == DocumentsAutomatic {
		var some, all bool
		if to, some, all = to.accepting(c.ProfileVersion); some {
			advance.ProfileVersion = c.ProfileVersion
		}
		if some && all {
			decision.Status, cause = Submitted, CauseDocumentsAccepted
		}
	}
	var err error
	advance.To, err = to.Advance(decision, version+1, now.Time, cause)
	if errors.Is(err, ErrAttemptFull) {
		advance.Ended = true
		advance.To, err = to.Advance(Decision{Status: Errored}, version+1, now.Time, "attempt_too_large")
	}
	return Filing{}, advance, err
}

// Why an attempt is under review once all that it asked for is in, and why it is submitted again.
const (
	CauseDocumentsReceived = "documents_received"
	CauseDocumentsAccepted = "documents_accepted"
)

// Exhibit is the place of a file in the store of evidence.
type Exhibit struct {
	Pair
	AttemptID  string
	DocumentID string
	Side       Side
}

// Upload is the one request that stores an announced file.
type Upload struct {
	Method  string
	URL     string
	Headers map[string]string // to be sent with it as they are, beside the length
}

// StoredFile is one version of a file as it lies in the store of evidence.
type StoredFile struct {
	Content
	Slot int       // number of the slot that it was sent for
	Data []byte    // none of a file that is longer than was asked for
	At   time.Time // when it was stored, in real time
}

// ErrNoFile says that a file, or the version of it that was asked for, is not there (any more).
var ErrNoFile = errors.New("no such file")

// Scan is what a virus scanner has found in a file.
type Scan int

const (
	NotScanned Scan = iota
	Clean
	Infected
	Unscannable // it can't look into such a file
)
