package evidence

import (
	"context"
	"errors"
	"strings"
	"time"

	"kyc/shared/kyc"
)

// Customers is where customers are read as of the last write.
type Customers interface {
	// Customer returns kyc.ErrCustomerUnknown for a customer that the brand does not have.
	Customer(ctx context.Context, brandID, customerID string) (kyc.Customer, error)
}

// ReadLinks makes files readable.
type ReadLinks interface {
	// ReadLink returns an address at which one version of a file can be read, and no other, for life of real time, as a file to
	// be saved under a name.
	ReadLink(ctx context.Context, e kyc.Exhibit, held kyc.Evidence, name string, life time.Duration) (string, error)
}

// Audit is where it is kept who has read what.
type Audit interface {
	KeepRecord(ctx context.Context, r kyc.AuditRecord) error
}

// Viewing lets people read the files that are held as evidence. It is safe for concurrent use.
type Viewing struct {
	Customers Customers
	Archive   Archive
	Links     ReadLinks
	Audit     Audit
	Now       func() time.Time // real time: links and records are in it, whatever the brand's clock shows
	NewID     func() string
}

// Wanted is which file is to be read, and who asks.
type Wanted struct {
	BrandID    string
	CustomerID string
	ProgramID  string
	AttemptID  string // empty for the newest one
	DocumentID string
	Side       string
	Identity   string // of the key pair that asks
	RequestID  string // of the Lambda invocation
}

// Readable is a file that may be read now.
type Readable struct {
	kyc.Content
	URL   string
	Until time.Time // when URL ends, in real time
}

// viewingLife is how long a file can be read once it was asked for: enough to follow a link, too little to pass it on.
const viewingLife = time.Minute

// Read returns an address of the very version of a file that is held as evidence. That it was asked for is on record before
// the address is out; where it can't be recorded, none is given.
func (v *Viewing) Read(ctx context.Context, w Wanted) (Readable, error) {
	if !kyc.IsUUID(w.Identity) {
		return Readable{}, errors.New("a document is asked for by nobody who could be put on record")
	}
	e, held, name, err := v.find(ctx, w)
	if err != nil {
		return Readable{}, err
	}
	now := v.Now()
	link, err := v.Links.ReadLink(ctx, e, held, name, viewingLife)
	if err != nil {
		return Readable{}, err
	}
	if err := v.Audit.KeepRecord(ctx, kyc.AuditRecord{
		ID: v.NewID(), At: now, Action: kyc.AuditReadDocument, BrandID: e.BrandID, ProgramID: e.ProgramID, CustomerID: e.CustomerID,
		AttemptID: e.AttemptID, DocumentID: e.DocumentID, Side: e.Side, Outcome: kyc.AuditDone, RequestID: w.RequestID, AskedBy: w.Identity,
	}); err != nil {
		return Readable{}, err
	}
	return Readable{Content: held.Content, URL: link, Until: now.Add(viewingLife)}, nil
}

// find returns the place of the file that is wanted, what is held there, and what to call it.
func (v *Viewing) find(ctx context.Context, w Wanted) (kyc.Exhibit, kyc.Evidence, string, error) {
	refuse := func(err error) (kyc.Exhibit, kyc.Evidence, string, error) {
		return kyc.Exhibit{}, kyc.Evidence{}, "", err
	}
	e := kyc.Exhibit{
		Pair:      kyc.Pair{BrandID: w.BrandID, CustomerID: strings.ToLower(w.CustomerID), ProgramID: strings.ToLower(w.ProgramID)},
		AttemptID: strings.ToLower(w.AttemptID), DocumentID: strings.ToLower(w.DocumentID), Side: kyc.Side(w.Side),
	}
	if !kyc.IsUUID(e.CustomerID) {
		return refuse(kyc.ErrCustomerMalformed())
	}
	wrong := map[string][]string{}
	if !kyc.IsUUID(e.ProgramID) {
		wrong["program_id"] = []string{"Must be in the query, as a UUID: ?program_id=…"}
	}
	if e.AttemptID != "" && !kyc.IsUUID(e.AttemptID) {
		wrong["attempt_id"] = []string{"Must be a UUID, or left out for the newest attempt."}
	}
	if len(wrong) > 0 {
		return refuse(&kyc.Error{Kind: kyc.Invalid, Code: "get_kyc_schema", In: kyc.Query, Fields: wrong})
	}
	c, err := v.Customers.Customer(ctx, e.BrandID, e.CustomerID)
	if err != nil {
		return refuse(err)
	}
	a, started := c.Attempt(e.ProgramID)
	if !started {
		return refuse(kyc.ErrNeverStarted())
	}
	if e.AttemptID == "" {
		e.AttemptID = a.ID
	} else if a, err = find(ctx, v.Archive, c, e.ProgramID, e.AttemptID); err != nil {
		return refuse(err)
	}
	d, known := a.Document(e.DocumentID)
	held := d.File(e.Side).Held
	switch {
	case a.ID == "":
		return refuse(notThere("The customer has no attempt with this attempt_id in this program. List them with GET on the path that ends in attempts."))
	case !known:
		return refuse(kyc.ErrDocumentUnknown())
	case e.Side != kyc.Front && e.Side != kyc.Back:
		return refuse(notThere("A document has a front and a back: the path must end in front or back."))
	case held.IsZero():
		return refuse(notThere("No file is held of this side of the document: none has come yet, or what came was refused."))
	}
	return e, held, d.FileName(e.Side), nil
}

func notThere(message string) error {
	return &kyc.Error{Kind: kyc.NotFound, Code: "invalid_reference", Message: message}
}
