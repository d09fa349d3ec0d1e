// Package evidence takes the documents that an attempt asks for: it says which files may be sent, and looks into those that
// were.
package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"kyc/shared/identity"
	"kyc/shared/kyc"
	"kyc/shared/uploadlink"
)

// Attempts is where the documents of attempts are changed.
type Attempts interface {
	// Customer returns kyc.ErrCustomerUnknown for a customer that the brand does not have.
	Customer(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
	// FileDocuments changes documents and leaves the attempt's state as it is, or returns what stood in the way.
	FileDocuments(ctx context.Context, f kyc.Filing) (*kyc.Standing, error)
	// AdvanceAttempt makes one change of state, or returns what stood in the way.
	AdvanceAttempt(ctx context.Context, a kyc.Advance) (*kyc.Standing, error)
}

// Vault is where the files are kept.
type Vault interface {
	// Link returns the request that stores an announced file at its place, and no other.
	Link(ctx context.Context, e kyc.Exhibit, slot kyc.Slot) (kyc.Upload, error)
	// Put stores it.
	Put(ctx context.Context, e kyc.Exhibit, slot kyc.Slot, data []byte) error
}

// Clock tells the time of a brand.
type Clock interface {
	Now(ctx context.Context, brandID string) (kyc.Moment, error)
}

// Desk takes announcements of documents, and documents. It is safe for concurrent use.
type Desk struct {
	Attempts Attempts
	Vault    Vault
	Clock    Clock
}

// maxTries bounds how often a change is made anew because someone else has changed the attempt meanwhile: relay, or the
// inspector with another of its files.
const maxTries = 5

// Request names documents of a customer that will be sent, or that it holds.
type Request struct {
	BrandID    string
	CustomerID string
	ProgramID  string // empty where one attempt alone asks for documents
	Documents  []Document
	Wrong      map[string][]string // what the reader of the body has found wrong already

	link *kyc.LinkRef // that whoever sends it came by; nil for a brand
}

// Document is one document of a request, as it came in.
type Document struct {
	Member  string // what the body calls it, which is a spelling of Type
	Type    kyc.DocumentType
	Kind    string // may be empty
	Country string // may be empty
	Files   []File
}

// File is one file of a request, as it came in: the file itself, with its name, or what it will be.
type File struct {
	Side  kyc.Side
	Place string // the pointer of the object in the body that says so

	Name, Image string // base64
	Media       string
	SHA256      string // hex
	Length      *int   // bytes
}

// Accepted is a request that was taken.
type Accepted struct {
	kyc.Pair
	AttemptID string
	Awaited   []Awaited
}

// Awaited is one of the announced files, and how to send it.
type Awaited struct {
	kyc.Awaited
	Upload kyc.Upload // none where the file is here already
	Until  time.Time  // when Upload ends at the latest, in the brand's time
}

// linkLife is how long the vault's links can be used at least.
const linkLife = 15 * time.Minute

// Announce notes which files will be sent, and returns for each the one request that sends it. It reports all that is wrong
// with the request at once, as input_error.
func (d *Desk) Announce(ctx context.Context, r Request) (Accepted, error) {
	all, _, wrong := r.read(File.announced)
	if err := schemaError(wrong); err != nil {
		return Accepted{}, err
	}
	accepted, now, err := d.announce(ctx, r, all)
	if err != nil {
		return Accepted{}, err
	}
	for i, w := range accepted.Awaited {
		if w.Held() {
			continue
		}
		if accepted.Awaited[i].Upload, err = d.Vault.Link(ctx, accepted.exhibit(w), w.File.Slot); err != nil {
			return Accepted{}, err
		}
		accepted.Awaited[i].Until = now.Time.Add(linkLife)
	}
	return accepted, nil
}

// Submit stores the files that the request holds, where whoever looks into files finds them. It reports all that is wrong
// with the request at once, as input_error.
func (d *Desk) Submit(ctx context.Context, r Request) (Accepted, error) {
	all, data, wrong := r.read(File.sent)
	if err := schemaError(wrong); err != nil {
		return Accepted{}, err
	}
	for _, n := range all {
		if paper, _ := n.Type.Paper(n.Kind); paper.Needs(kyc.Back) && n.Files[kyc.Back].IsZero() {
			return Accepted{}, schemaError(map[string][]string{r.member(n.Type) + "/back_image": {kyc.MissingField}})
		}
	}
	accepted, _, err := d.announce(ctx, r, all)
	if err != nil {
		return Accepted{}, err
	}
	for _, w := range accepted.Awaited {
		if w.Held() {
			continue
		}
		slot := w.File.Slot
		if err := d.Vault.Put(ctx, accepted.exhibit(w), slot, data[slot.SHA256]); err != nil {
			return Accepted{}, err
		}
	}
	return accepted, nil
}

func (a Accepted) exhibit(w Awaited) kyc.Exhibit {
	return kyc.Exhibit{Pair: a.Pair, AttemptID: a.AttemptID, DocumentID: w.Document.ID, Side: w.File.Side}
}

// announce makes the attempt await the files.
func (d *Desk) announce(ctx context.Context, r Request, all []kyc.Announcement) (Accepted, kyc.Moment, error) {
	refuse := func(err error) (Accepted, kyc.Moment, error) { return Accepted{}, kyc.Moment{}, err }
	if !kyc.IsUUID(strings.ToLower(r.CustomerID)) {
		return refuse(kyc.ErrCustomerMalformed())
	}
	for range maxTries {
		c, err := d.Attempts.Customer(ctx, r.BrandID, strings.ToLower(r.CustomerID))
		if err != nil {
			return refuse(err)
		}
		now, err := d.Clock.Now(ctx, c.BrandID)
		if err != nil {
			return refuse(err)
		}
		if r.link != nil && !c.Attempts[r.link.ProgramID].Admits(*r.link, now.Time) {
			return refuse(uploadlink.ErrExpired())
		}
		programID, err := r.program(c)
		if err != nil {
			return refuse(err)
		}
		attempt := c.Attempts[programID]
		to, awaited, wrong := attempt.Announce(all, now.Time.Add(kyc.SlotLife).Truncate(time.Second))
		if len(wrong) > 0 {
			return refuse(r.misannounced(wrong))
		}
		accepted := Accepted{Pair: kyc.Pair{BrandID: c.BrandID, CustomerID: c.ID, ProgramID: programID}, AttemptID: attempt.ID}
		all := true
		for _, w := range awaited {
			accepted.Awaited = append(accepted.Awaited, Awaited{Awaited: w})
			all = all && w.Held()
		}
		if attempt.Status != kyc.DocumentRequired {
			if all { // the answer to the request that sent the last of them was lost
				return accepted, now, nil
			}
			return refuse(notAsking(attempt))
		}
		stood, err := fileDocuments(ctx, d.Attempts, c, programID, to, kyc.DocumentsReviewed, now)
		if err != nil {
			return refuse(err)
		}
		if stood == nil {
			return accepted, now, nil
		}
	}
	return refuse(&kyc.Error{Kind: kyc.Unavailable, Code: "kyc_error", Headers: map[string]string{"Retry-After": "1"},
		Message: "The attempt kept changing, and nothing was taken. Send the same request again in a moment."})
}

// fileDocuments makes the attempt's documents those of to, and takes the attempt on where all that it asked for is in.
func fileDocuments(
	ctx context.Context, attempts Attempts, c kyc.Customer, programID string, to kyc.Attempt, policy kyc.DocumentPolicy, now kyc.Moment,
) (*kyc.Standing, error) {
	filing, advance, err := c.Filed(programID, to, policy, now)
	switch {
	case err != nil:
		return nil, err
	case advance != nil:
		return attempts.AdvanceAttempt(ctx, *advance)
	}
	return attempts.FileDocuments(ctx, filing)
}

// program returns the program whose attempt the request is about.
func (r Request) program(c kyc.Customer) (string, error) {
	if r.ProgramID != "" {
		programID := strings.ToLower(r.ProgramID)
		attempt, ok := c.Attempt(programID)
		switch {
		case !ok:
			return "", kyc.ErrNeverStarted()
		case attempt.Status != kyc.DocumentRequired && attempt.Status != kyc.UnderReview:
			return "", notAsking(attempt)
		}
		return programID, nil
	}
	for _, status := range []kyc.Status{kyc.DocumentRequired, kyc.UnderReview} {
		var programs []string
		for programID, a := range c.Attempts {
			if a.Status == status {
				programs = append(programs, programID)
			}
		}
		switch len(programs) {
		case 0:
			continue
		case 1:
			return programs[0], nil
		}
		return "", schemaError(map[string][]string{"program_id": {"Documents are asked for in more than one program: name the one that these are for."}})
	}
	for _, programID := range slices.Sorted(maps.Keys(c.Attempts)) {
		return "", notAsking(c.Attempts[programID])
	}
	return "", kyc.ErrNeverStarted()
}

func notAsking(a kyc.Attempt) error {
	return &kyc.Error{Kind: kyc.Conflict, Code: "resource_conflict",
		Message: "The attempt asks for no documents now, and nothing was taken. Read its state with GET on the path that ends in verification-kyc.",
		Extra:   map[string]any{"attempt_id": a.ID, "kyc_status": string(a.Status)}}
}

func schemaError(wrong map[string][]string) error {
	if len(wrong) == 0 {
		return nil
	}
	return &kyc.Error{Kind: kyc.Invalid, Code: "input_error", Fields: wrong}
}

// objections say what to do about what stands against an announcement.
var objections = map[kyc.Objection]string{
	kyc.NotAskedFor: "Is not asked for in this attempt: send what GET on the path that ends in verification-kyc lists as documents.",
	kyc.AlreadyIn:   "Has been received, and could be replaced only if it were rejected: leave it out.",
	kyc.OtherPaper:  "Must be of the type and country of the side that was received already.",
	kyc.SameFile:    "Is the very same file as another one of this attempt: each side of each document needs one of its own.",
	kyc.HasNoBack:   "This type of document has no back that is to be shown: leave it out.",
}

func (r Request) misannounced(wrong []kyc.Misannounced) error {
	fields := map[string][]string{}
	for _, w := range wrong {
		place := r.member(w.Type)
		for _, d := range r.Documents {
			for _, f := range d.Files {
				if d.Type == w.Type && f.Side == w.Side {
					place = f.Place
				}
			}
		}
		if why := objections[w.Why]; !slices.Contains(fields[place], why) {
			fields[place] = append(fields[place], why)
		}
	}
	return schemaError(fields)
}

// member returns what the body calls the document of a type.
func (r Request) member(t kyc.DocumentType) string {
	for _, d := range r.Documents {
		if d.Type == t {
			return d.Member
		}
	}
	return string(t)
}

// read returns what the request announces, the bytes of the files that it holds by their digest, and all that is wrong with
// it. content reads one file.
func (r Request) read(content func(File) (kyc.Content, []byte, map[string]string)) ([]kyc.Announcement, map[[32]byte][]byte, map[string][]string) {
	wrong := map[string][]string{}
	refuse := func(place, why string) { wrong[place] = append(wrong[place], why) }
	var all []kyc.Announcement
	data := map[[32]byte][]byte{}
	seen := map[kyc.DocumentType]bool{}
	for _, d := range r.Documents {
		if seen[d.Type] {
			refuse(d.Member, "Stands there twice, under two of its names: send it once.")
		}
		seen[d.Type] = true
		n := kyc.Announcement{Type: d.Type, Country: strings.ToUpper(d.Country), Files: map[kyc.Side]kyc.Content{}}
		paper, known := d.Type.Paper(kyc.DocumentKind(d.Kind))
		switch {
		case known:
			n.Kind = paper.Kind
		case d.Kind == "":
			refuse(d.Member+"/type", kyc.MissingField)
		default:
			refuse(d.Member+"/type", "Must be one of "+kinds(d.Type)+".")
		}
		switch {
		case !d.Type.IssuedByState():
		case d.Country == "":
			refuse(d.Member+"/country", kyc.MissingField)
		case !identity.IsCountry(n.Country):
			refuse(d.Member+"/country", "Must be the two letters of a country (ISO 3166-1 alpha-2), like US.")
		}
		for _, f := range d.Files {
			c, bytes, faults := content(f)
			for member, why := range faults {
				refuse(f.Place+"/"+member, why)
			}
			n.Files[f.Side] = c
			data[c.SHA256] = bytes
		}
		if len(d.Files) == 0 {
			refuse(d.Member+"/front_image", kyc.MissingField)
		}
		all = append(all, n)
	}
	if len(r.Documents) == 0 {
		for _, t := range kyc.DocumentTypes() {
			refuse(string(t), "Send at least one of the documents that are asked for.")
		}
	}
	if r.ProgramID != "" && !kyc.IsUUID(strings.ToLower(r.ProgramID)) {
		refuse("program_id", "Must be a UUID.")
	}
	maps.Copy(wrong, r.Wrong)
	return all, data, wrong
}

func kinds(t kyc.DocumentType) string {
	var names []string
	for _, p := range t.Papers() {
		names = append(names, string(p.Kind))
	}
	return strings.Join(names, ", ")
}

// announced reads what a file will be.
func (f File) announced() (kyc.Content, []byte, map[string]string) {
	wrong := map[string]string{}
	c := kyc.Content{Media: kyc.Media(f.Media)}
	switch {
	case f.Media == "":
		wrong["content_type"] = kyc.MissingField
	case !slices.Contains(kyc.Medias(), c.Media):
		wrong["content_type"] = fmt.Sprintf("Must be one of %v.", kyc.Medias())
	}
	switch {
	case f.Length == nil:
		wrong["content_length"] = kyc.MissingField
	case *f.Length < 1 || *f.Length > kyc.MaxFileBytes:
		wrong["content_length"] = fmt.Sprintf("Must be from 1 to %d bytes.", kyc.MaxFileBytes)
	default:
		c.Length = int64(*f.Length)
	}
	digest, err := hex.DecodeString(f.SHA256)
	switch {
	case f.SHA256 == "":
		wrong["sha256"] = kyc.MissingField
	case err != nil || len(digest) != sha256.Size:
		wrong["sha256"] = "Must be the SHA-256 of the file's bytes, as 64 hexadecimal digits."
	default:
		copy(c.SHA256[:], digest)
	}
	return c, nil, wrong
}

// sent reads the file itself. What it is says its name; whether that is true is found out by looking into it.
func (f File) sent() (kyc.Content, []byte, map[string]string) {
	wrong := map[string]string{}
	media, known := kyc.MediaOf(f.Name)
	switch {
	case f.Name == "":
		wrong["file_name"] = kyc.MissingField
	case !known:
		wrong["file_name"] = "Must end in .jpg, .jpeg, .png, .heic or .pdf, as the file is."
	}
	data, err := base64.StdEncoding.DecodeString(f.Image)
	switch {
	case f.Image == "":
		wrong["image"] = kyc.MissingField
	case err != nil:
		wrong["image"] = "Must be the file's bytes in base64 (RFC 4648, section 4), without anything before it."
	}
	return kyc.Content{Media: media, Length: int64(len(data)), SHA256: sha256.Sum256(data)}, data, wrong
}
