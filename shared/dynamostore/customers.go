package dynamostore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// customerItem is the aggregate. Its maps are keyed by program id and created empty, so that a condition may speak of
// one program without knowing of others. What follows from something else in it is not stored: a write costs a unit for
// each KB, and a customer who passed at once takes one.
type customerItem struct {
	PK             string                  `dynamodbav:"pk"`
	SK             string                  `dynamodbav:"sk"`
	KYC            map[string]attemptItem  `dynamodbav:"kyc"`
	Prev           map[string]*attemptItem `dynamodbav:"prev"` // null for a first attempt, none once it is archived
	Used           map[string]int          `dynamodbav:"used"`
	Ended          map[string]string       `dynamodbav:"ended"`
	Version        map[string]int          `dynamodbav:"version"`
	Relayed        map[string]int          `dynamodbav:"relayed"`
	Present        []string                `dynamodbav:"present,stringset,omitempty"`
	ProfileVersion int                     `dynamodbav:"profile_version"`
	Changes        []changeItem            `dynamodbav:"changes,omitempty"`
	Rev            int                     `dynamodbav:"rev"`
	DueShard       string                  `dynamodbav:"due_shard,omitempty"`
	DueAt          string                  `dynamodbav:"due_at,omitempty"`
	ClosedAt       string                  `dynamodbav:"closed_at,omitempty"` // when it was deleted
	Erased         []string                `dynamodbav:"erased,omitempty"`
	List           string                  `dynamodbav:"list,omitempty"` // none once it is closed
	ListedAt       string                  `dynamodbav:"listed_at"`      // when it was created, # and its id
}

// attemptItem is one attempt: inside the customer while it is current, an item of its own once archived.
type attemptItem struct {
	PK        string            `dynamodbav:"pk,omitempty"`
	SK        string            `dynamodbav:"sk,omitempty"`
	ID        string            `dynamodbav:"id"`
	Status    string            `dynamodbav:"st"`
	At        string            `dynamodbav:"at"`
	Mode      string            `dynamodbav:"mode"`
	Policy    int               `dynamodbav:"policy"`
	By        string            `dynamodbav:"by"`
	Retry     bool              `dynamodbav:"retry,omitempty"`
	DataKey   []byte            `dynamodbav:"dk,omitempty"`
	Fields    map[string][]byte `dynamodbav:"fields,omitempty"`
	Fence     int               `dynamodbav:"fence"`
	Lease     string            `dynamodbav:"lease,omitempty"`
	Holder    string            `dynamodbav:"holder,omitempty"` // who made the newest claim
	Counted   bool              `dynamodbav:"counted,omitempty"`
	Results   []resultItem      `dynamodbav:"results,omitempty"`
	Reasons   []string          `dynamodbav:"reasons,omitempty"`
	Documents []documentItem    `dynamodbav:"docs,omitempty"`
	DocsBy    string            `dynamodbav:"docs_by,omitempty"`
	Link      int               `dynamodbav:"link,omitempty"`
	LinkTo    int64             `dynamodbav:"link_to,omitempty"` // epoch seconds
	Reenter   bool              `dynamodbav:"reenter,omitempty"`
	Correct   []string          `dynamodbav:"correct,omitempty"` // the fields to re-enter
	Log       []transitionItem  `dynamodbav:"log"`
	Late      []resultItem      `dynamodbav:"late,omitempty"`
	LateAt    string            `dynamodbav:"late_at,omitempty"`
}

type resultItem struct {
	Check    string   `dynamodbav:"c"`
	Failed   bool     `dynamodbav:"fail,omitempty"`
	Reason   string   `dynamodbav:"why,omitempty"`
	Review   bool     `dynamodbav:"review,omitempty"`
	Others   []string `dynamodbav:"of,omitempty"`
	Provider string   `dynamodbav:"by"`
	Mode     string   `dynamodbav:"mode,omitempty"` // where it is not the attempt's
}

type documentItem struct {
	ID      string     `dynamodbav:"id"`
	Type    string     `dynamodbav:"type"`
	Status  string     `dynamodbav:"st"`
	Asked   []int      `dynamodbav:"asked,omitempty"`
	Kind    string     `dynamodbav:"kind,omitempty"`
	Country string     `dynamodbav:"cc,omitempty"`
	Files   []fileItem `dynamodbav:"files,omitempty"`
}

// fileItem is one side of a document. Its times are in epoch seconds.
type fileItem struct {
	Side      string       `dynamodbav:"s"`
	Awaited   *contentItem `dynamodbav:"w,omitempty"`
	Until     int64        `dynamodbav:"to,omitempty"`
	Slot      int          `dynamodbav:"n,omitempty"`
	Held      *contentItem `dynamodbav:"k,omitempty"`
	Version   string       `dynamodbav:"v,omitempty"`
	At        int64        `dynamodbav:"at,omitempty"`
	Refused   string       `dynamodbav:"why,omitempty"`
	Withdrawn bool         `dynamodbav:"gone,omitempty"`
	Read      string       `dynamodbav:"r,omitempty"` // of the file that is kept, as fromReading writes it
}

type contentItem struct {
	Media  string `dynamodbav:"t"`
	Length int64  `dynamodbav:"n"`
	SHA256 []byte `dynamodbav:"h"`
}

// transitionItem is an entry of the time line. A start can't know its state_version, which the table counts; it is told
// from the entries after it. Its time is the attempt's own.
type transitionItem struct {
	Version int    `dynamodbav:"v,omitempty"`
	Status  string `dynamodbav:"st"`
	At      string `dynamodbav:"at,omitempty"`
	Cause   string `dynamodbav:"why,omitempty"`
}

type profileItem struct {
	PK      string            `dynamodbav:"pk"`
	SK      string            `dynamodbav:"sk"`
	DataKey []byte            `dynamodbav:"dk"`
	Fields  map[string][]byte `dynamodbav:"fields"`
	Version int               `dynamodbav:"profile_version"`
	Closed  bool              `dynamodbav:"closed,omitempty"` // what the law keeps of a customer who was deleted
}

// CreateCustomer stores a new customer and its profile, and takes its key, in one transaction. Its id must be new. Where
// the key is taken it returns by what, and has written nothing.
func (s *Store) CreateCustomer(ctx context.Context, n kyc.NewCustomer) (*kyc.KeyRecord, error) {
	c := n.Customer
	pk := customerPK(c.BrandID, c.ID)
	customer, err1 := s.newItem(customerItem{
		PK: pk, SK: skCustomer,
		KYC: map[string]attemptItem{}, Prev: map[string]*attemptItem{}, Used: map[string]int{}, Ended: map[string]string{},
		Version: map[string]int{}, Relayed: map[string]int{},
		Present: fieldNames(c.Present), ProfileVersion: 1, Rev: 1,
		List: customersList(c.BrandID, c.ID, c.CreatedAt), ListedAt: kyc.FormatTime(c.CreatedAt) + "#" + c.ID,
	})
	stored, err2 := s.newItem(profileItem{PK: pk, SK: skProfile, DataKey: n.Profile.Key, Fields: sealedFields(n.Profile), Version: 1})
	taken, err3 := s.takeKey(c.BrandID, n.Key, n.KeyRecord())
	items := append(append(taken, customer, stored), s.ssnEntries(c.BrandID, c.ID, n.SSN)...)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	reasons, err := s.transact(ctx, token("create-customer", c.BrandID, c.ID), items...)
	if err == nil && reasons != nil {
		seen, err := keyInTheWay(reasons[:len(taken)])
		if seen != nil || err != nil {
			return seen, err
		}
		return nil, fmt.Errorf("create customer %s: the id is taken", c.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("create customer %s: %w", c.ID, err)
	}
	return nil, nil
}

// Customer reads the aggregate consistently. It returns kyc.ErrCustomerUnknown where there is none, or a closed one.
func (s *Store) Customer(ctx context.Context, brandID, customerID string) (kyc.Customer, error) {
	c, err := s.Aggregate(ctx, brandID, customerID)
	if err == nil && c.Closed() {
		return kyc.Customer{}, kyc.ErrCustomerUnknown()
	}
	return c, err
}

// Aggregate is Customer for those who look after closed ones too.
func (s *Store) Aggregate(ctx context.Context, brandID, customerID string) (kyc.Customer, error) {
	var item customerItem
	found, err := s.get(ctx, customerPK(brandID, customerID), skCustomer, &item)
	if err != nil {
		return kyc.Customer{}, err
	}
	if !found {
		return kyc.Customer{}, kyc.ErrCustomerUnknown()
	}
	return item.customer()
}

// Profile reads a customer's encrypted data consistently, and its version.
func (s *Store) Profile(ctx context.Context, brandID, customerID string) (kyc.Sealed, int, error) {
	var item profileItem
	found, err := s.get(ctx, customerPK(brandID, customerID), skProfile, &item)
	if err != nil {
		return kyc.Sealed{}, 0, err
	}
	if !found {
		return kyc.Sealed{}, 0, kyc.ErrCustomerUnknown()
	}
	return sealed(item.DataKey, item.Fields), item.Version, nil
}

// CustomerAndProfile reads both at once, consistently and of the same version: it reads again where a write came between
// the two.
func (s *Store) CustomerAndProfile(ctx context.Context, brandID, customerID string) (kyc.Customer, kyc.Sealed, error) {
	for range maxTries {
		found, err := s.OnFile(ctx, brandID, []string{customerID})
		switch {
		case err != nil:
			return kyc.Customer{}, kyc.Sealed{}, err
		case len(found) == 0:
			return kyc.Customer{}, kyc.Sealed{}, kyc.ErrCustomerUnknown()
		case found[0].Version == found[0].Customer.ProfileVersion:
			return found[0].Customer, found[0].Profile, nil
		}
	}
	return kyc.Customer{}, kyc.Sealed{}, fmt.Errorf("read customer %s: %w", customerID, errContended)
}

// ParseCustomer reads a customer from an image of the table's stream.
func ParseCustomer(image map[string]types.AttributeValue) (kyc.Customer, error) {
	var item customerItem
	if err := decode(image, &item); err != nil {
		return kyc.Customer{}, err
	}
	return item.customer()
}

func isItem(item map[string]types.AttributeValue, sk string) bool {
	v, ok := item["sk"].(*types.AttributeValueMemberS)
	return ok && v.Value == sk
}

func (i customerItem) customer() (kyc.Customer, error) {
	brandID, customerID, err := parseCustomerPK(i.PK)
	if err != nil {
		return kyc.Customer{}, err
	}
	created, _, _ := strings.Cut(i.ListedAt, "#")
	var times timeReader
	c := kyc.Customer{
		BrandID: brandID, ID: customerID, CreatedAt: times.read(created),
		Attempts: map[string]kyc.Attempt{}, Previous: map[string]kyc.Attempt{}, Used: i.Used,
		Ended: map[string]time.Time{}, Versions: i.Version, Relayed: i.Relayed,
		Present: fields(i.Present), ProfileVersion: i.ProfileVersion, Changes: changes(i.Changes, &times), Rev: i.Rev, DueAt: times.read(i.DueAt),
		ClosedAt: times.read(i.ClosedAt), Erased: i.Erased,
	}
	for programID, a := range i.KYC {
		c.Attempts[programID] = a.attempt(&times, i.Version[programID])
	}
	for programID, a := range i.Prev {
		if a != nil {
			// Its changes came before the one that opened the current one.
			c.Previous[programID] = a.attempt(&times, i.Version[programID]-1).SupersededBy(c.Attempts[programID])
		}
	}
	for programID, at := range i.Ended {
		c.Ended[programID] = times.read(at)
	}
	if times.err != nil {
		return kyc.Customer{}, fmt.Errorf("customer %s: %w", customerID, times.err)
	}
	return c, nil
}

func fromCustomer(c kyc.Customer) customerItem {
	item := customerItem{
		PK: customerPK(c.BrandID, c.ID), SK: skCustomer,
		KYC: map[string]attemptItem{}, Prev: map[string]*attemptItem{}, Used: c.Used, Ended: map[string]string{},
		Version: c.Versions, Relayed: c.Relayed, Present: fieldNames(c.Present), ProfileVersion: c.ProfileVersion,
		Changes: fromChanges(c.Changes), Rev: c.Rev, ClosedAt: formatTime(c.ClosedAt), Erased: c.Erased,
		ListedAt: kyc.FormatTime(c.CreatedAt) + "#" + c.ID,
	}
	if !c.Closed() {
		item.List = customersList(c.BrandID, c.ID, c.CreatedAt)
	}
	for programID, a := range c.Attempts {
		item.KYC[programID] = fromAttempt(a)
	}
	for programID, a := range c.Previous {
		previous := fromAttempt(a)
		item.Prev[programID] = &previous
	}
	for programID, at := range c.Ended {
		item.Ended[programID] = kyc.FormatTime(at)
	}
	if !c.DueAt.IsZero() {
		item.DueShard, item.DueAt = dueShard(c.ID), kyc.FormatTime(c.DueAt)
	}
	return item
}

// attempt reads an attempt whose newest change can't be newer than newest.
func (i attemptItem) attempt(times *timeReader, newest int) kyc.Attempt {
	a := kyc.Attempt{
		ID: i.ID, Status: kyc.Status(i.Status), SubmittedAt: times.read(i.At), Mode: kyc.Mode(i.Mode), PolicyVersion: i.Policy,
		OpenedBy: i.By, RetryRequested: i.Retry, Fields: sealed(i.DataKey, i.Fields), Fence: i.Fence,
		LeaseUntil: times.read(i.Lease), Counted: i.Counted, Results: results(i.Results, i.Mode), Reasons: i.Reasons,
		Late: results(i.Late, i.Mode), LateAt: times.read(i.LateAt), DocumentsBy: times.read(i.DocsBy),
	}
	if i.Link > 0 {
		a.Link = kyc.Link{Generation: i.Link, Until: time.Unix(i.LinkTo, 0).UTC()}
	}
	for _, d := range i.Documents {
		a.Documents = append(a.Documents, d.document())
	}
	if i.Reenter {
		a.Reenter = fields(i.Correct)
	}
	for _, t := range i.Log {
		a.Timeline = append(a.Timeline, kyc.Transition{Version: t.Version, Status: kyc.Status(t.Status), At: times.read(t.At), Cause: t.Cause})
	}
	if len(a.Timeline) > 0 && a.Timeline[0].At.IsZero() {
		a.Timeline[0].At = a.SubmittedAt
	}
	if len(a.Timeline) > 0 && a.Timeline[0].Version == 0 {
		a.Timeline[0].Version = newest
		if len(a.Timeline) > 1 {
			a.Timeline[0].Version = a.Timeline[1].Version - 1
		}
	}
	return a
}

func fromAttempt(a kyc.Attempt) attemptItem {
	i := attemptItem{
		ID: a.ID, Status: string(a.Status), At: kyc.FormatTime(a.SubmittedAt), Mode: string(a.Mode), Policy: a.PolicyVersion,
		By: a.OpenedBy, Retry: a.RetryRequested, DataKey: a.Fields.Key, Fields: sealedFields(a.Fields), Fence: a.Fence,
		Lease: formatTime(a.LeaseUntil), Counted: a.Counted, Reasons: a.Reasons,
		Reenter: len(a.Reenter) > 0, Correct: fieldNames(a.Reenter), Results: fromResults(a.Results, a.Mode),
		Late: fromResults(a.Late, a.Mode), LateAt: formatTime(a.LateAt), DocsBy: formatTime(a.DocumentsBy),
		Link: a.Link.Generation,
	}
	if a.Link.Generation > 0 {
		i.LinkTo = a.Link.Until.Unix()
	}
	i.Documents = fromDocuments(a.Documents)
	for _, t := range a.Timeline {
		i.Log = append(i.Log, transitionItem{Version: t.Version, Status: string(t.Status), At: kyc.FormatTime(t.At), Cause: t.Cause})
	}
	if len(i.Log) > 0 && i.Log[0].At == i.At {
		i.Log[0].At = ""
	}
	return i
}

func (i documentItem) document() kyc.Document {
	d := kyc.Document{
		ID: i.ID, Type: kyc.DocumentType(i.Type), Status: kyc.DocumentStatus(i.Status), Asked: i.Asked,
		Kind: kyc.DocumentKind(i.Kind), Country: i.Country,
	}
	for _, f := range i.Files {
		file := kyc.File{Side: kyc.Side(f.Side), Refused: kyc.Rejection(f.Refused), Withdrawn: f.Withdrawn}
		if f.Awaited != nil {
			file.Slot = kyc.Slot{Content: f.Awaited.content(), Until: time.Unix(f.Until, 0).UTC(), Number: f.Slot}
		}
		if f.Held != nil {
			file.Held = kyc.Evidence{Content: f.Held.content(), Version: f.Version, At: time.Unix(f.At, 0).UTC(), Reading: reading(f.Read)}
		}
		d.Files = append(d.Files, file)
	}
	return d
}

func fromDocuments(documents []kyc.Document) []documentItem {
	var items []documentItem
	for _, d := range documents {
		i := documentItem{ID: d.ID, Type: string(d.Type), Status: string(d.Status), Asked: d.Asked, Kind: string(d.Kind), Country: d.Country}
		for _, f := range d.Files {
			file := fileItem{Side: string(f.Side), Refused: string(f.Refused), Awaited: fromContent(f.Slot.Content), Held: fromContent(f.Held.Content), Withdrawn: f.Withdrawn}
			if file.Awaited != nil {
				file.Until, file.Slot = f.Slot.Until.Unix(), f.Slot.Number
			}
			if file.Held != nil {
				file.Version, file.At, file.Read = f.Held.Version, f.Held.At.Unix(), fromReading(f.Held.Reading)
			}
			i.Files = append(i.Files, file)
		}
		items = append(items, i)
	}
	return items
}

func (i contentItem) content() kyc.Content {
	c := kyc.Content{Media: kyc.Media(i.Media), Length: i.Length}
	copy(c.SHA256[:], i.SHA256)
	return c
}

func fromContent(c kyc.Content) *contentItem {
	if c.IsZero() {
		return nil
	}
	return &contentItem{Media: string(c.Media), Length: c.Length, SHA256: c.SHA256[:]}
}

// results reads what the checks of an attempt of the given mode found.
func results(items []resultItem, attempt string) []kyc.Result {
	var rs []kyc.Result
	for _, i := range items {
		rs = append(rs, kyc.Result{
			Check: kyc.Check(i.Check), Passed: !i.Failed, Reason: i.Reason, Review: i.Review, Others: i.Others, Provider: i.Provider, Mode: kyc.Mode(cmp.Or(i.Mode, attempt)),
		})
	}
	return rs
}

func fromResults(rs []kyc.Result, attempt kyc.Mode) []resultItem {
	var items []resultItem
	for _, r := range rs {
		mode := cmp.Or(r.Mode, kyc.Sandbox) // one without a mode proves nothing either
		if mode == attempt {
			mode = ""
		}
		items = append(items, resultItem{
			Check: string(r.Check), Failed: !r.Passed, Reason: r.Reason, Review: r.Review, Others: r.Others, Provider: r.Provider, Mode: string(mode),
		})
	}
	return items
}

func sealed(key []byte, stored map[string][]byte) kyc.Sealed {
	s := kyc.Sealed{Key: key}
	if len(stored) > 0 {
		s.Fields = make(map[kyc.Field][]byte, len(stored))
		for f, v := range stored {
			s.Fields[kyc.Field(f)] = v
		}
	}
	return s
}

func sealedFields(s kyc.Sealed) map[string][]byte {
	if s.Empty() {
		return nil
	}
	stored := make(map[string][]byte, len(s.Fields))
	for f, v := range s.Fields {
		stored[string(f)] = v
	}
	return stored
}

func fields(names []string) []kyc.Field {
	var fs []kyc.Field
	for _, n := range names {
		fs = append(fs, kyc.Field(n))
	}
	slices.Sort(fs)
	return fs
}

func fieldNames(fs []kyc.Field) []string {
	var names []string
	for _, f := range fs {
		names = append(names, string(f))
	}
	return names
}

// timeReader reads stored times and keeps the first error.
type timeReader struct{ err error }

func (r *timeReader) read(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := kyc.ParseTime(s)
	if err != nil && r.err == nil {
		r.err = err
	}
	return t
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return kyc.FormatTime(t)
}
