package notification

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/uploadlink"
)

// History is where a brand's deliveries are found.
type History interface {
	// Delivery returns a delivery with all that is kept of its answers, or a kyc.NotFound error.
	Delivery(ctx context.Context, ref kyc.DeliveryRef) (kyc.Delivery, error)
	// DeliveriesBefore lists deliveries of a subscription, the newest event first, from a place on and not before a time. It
	// returns where to go on, the zero place at the end.
	DeliveriesBefore(ctx context.Context, sub kyc.SubscriptionRef, before kyc.EventAt, since time.Time, limit int) ([]kyc.Delivery, kyc.EventAt, error)
}

// Events is where a brand's events are kept.
type Events interface {
	// Event returns an event of a brand, or a kyc.NotFound error.
	Event(ctx context.Context, brandID, eventID string) (kyc.Event, error)
	KeepEvent(ctx context.Context, e kyc.Event) error
}

// DeliveryService shows a brand its deliveries, and makes new ones on demand. It is safe for concurrent use.
type DeliveryService struct {
	Subscriptions Reader
	Deliveries    Deliveries
	History       History
	Events        Events
	Lines         Lines
	Vault         Opener
	Queue         Queue
	Links         uploadlink.Links
	Clock         BrandClock
	NewID         func() string
	Now           func() time.Time // real time
}

// Filter says which deliveries of a subscription are asked for, as it came in. What is empty was not sent.
type Filter struct{ Event, Status, Code, Since, Until, PerPage, Cursor string }

// DeliveryPage is a part of the list of deliveries. Next is the cursor of the part after it, empty at the end.
type DeliveryPage struct {
	Deliveries []kyc.Delivery
	PerPage    int
	Next       string
}

const (
	defaultPerPage, maxPerPage = 20, 100
	// maxScanned bounds how many deliveries one page is looked for among. One that a filter leaves nothing of says where to
	// go on.
	maxScanned = 500
)

// filter is a Filter that was read.
type filter struct {
	events       []kyc.EventName // nil for all
	status       kyc.DeliveryStatus
	code         int
	since, until time.Time
	perPage      int
	before       kyc.EventAt
}

// wants reports whether a delivery is among those that are asked for. The code is that of its newest try.
func (f filter) wants(d kyc.Delivery) bool {
	code := 0
	if len(d.Tries) > 0 {
		code = d.Tries[len(d.Tries)-1].Code
	}
	return (f.events == nil || slices.Contains(f.events, d.Event)) && (f.status == "" || d.Status == f.status) && (f.code == 0 || code == f.code)
}

// List returns a page of a subscription's deliveries, the newest event first, without what endpoints have answered. A page
// can have fewer than asked for, even none, and still have a next one.
func (s *DeliveryService) List(ctx context.Context, brandID, subscriptionID string, in Filter) (DeliveryPage, error) {
	ref, err := s.subscription(ctx, brandID, subscriptionID)
	if err != nil {
		return DeliveryPage{}, err
	}
	now, err := s.Clock.Now(ctx, brandID)
	if err != nil {
		return DeliveryPage{}, err
	}
	f, err := in.parse(now.Time)
	if err != nil {
		return DeliveryPage{}, err
	}
	page := DeliveryPage{PerPage: f.perPage}
	next := f.before
	for scanned := 0; scanned < maxScanned; {
		some, after, err := s.History.DeliveriesBefore(ctx, ref, next, f.since, maxPerPage)
		if err != nil {
			return DeliveryPage{}, err
		}
		scanned += maxPerPage
		for _, d := range some {
			if len(page.Deliveries) == f.perPage {
				page.Next = formatCursor(next)
				return page, nil
			}
			if next = (kyc.EventAt{OccurredAt: d.OccurredAt, EventID: d.EventID}); f.wants(d) {
				page.Deliveries = append(page.Deliveries, d)
			}
		}
		if next = after; next == (kyc.EventAt{}) {
			return page, nil
		}
	}
	page.Next = formatCursor(next)
	return page, nil
}

func (in Filter) parse(now time.Time) (filter, error) {
	wrong := map[string][]string{}
	f := filter{perPage: defaultPerPage}
	var err error
	if in.Event != "" {
		var unknown []string
		if f.events, unknown = kyc.ExpandEvents([]string{in.Event}); in.Event == string(kyc.EventTest) {
			f.events = []kyc.EventName{kyc.EventTest}
		} else if len(unknown) > 0 {
			wrong["event"] = []string{fmt.Sprintf("Must be the name of an event, like %s, or kyc.* for all of a kind.", kyc.EventSuccess)}
		}
	}
	if f.status = kyc.DeliveryStatus(in.Status); in.Status != "" && !slices.Contains(kyc.DeliveryStatuses(), f.status) {
		wrong["status"] = []string{fmt.Sprintf("Must be one of %s.", joined(kyc.DeliveryStatuses()))}
	}
	if in.Code != "" {
		if f.code, err = strconv.Atoi(in.Code); err != nil || f.code < 100 || f.code > 999 {
			wrong["code"] = []string{"Must be an HTTP status, like 503."}
		}
	}
	if in.PerPage != "" {
		if f.perPage, err = strconv.Atoi(in.PerPage); err != nil || f.perPage < 1 || f.perPage > maxPerPage {
			wrong["per_page"] = []string{fmt.Sprintf("Must be from 1 to %d.", maxPerPage)}
		}
	}
	f.since, f.until = span(wrong, in.Since, in.Until, now)
	if f.before = (kyc.EventAt{OccurredAt: f.until}); in.Cursor != "" {
		var ok bool
		if f.before, ok = parseCursor(in.Cursor); !ok {
			wrong["cursor"] = []string{"Must be the cursor of an earlier answer's header Link."}
		}
	}
	if latest := end(now); f.before.OccurredAt.After(latest) {
		f.before = kyc.EventAt{OccurredAt: latest} // no list gave such a cursor
	}
	if len(wrong) > 0 {
		return filter{}, &kyc.Error{Kind: kyc.Invalid, Code: "webhooks_err", In: kyc.Query, Fields: wrong}
	}
	return f, nil
}

func joined(statuses []kyc.DeliveryStatus) string {
	var all []string
	for _, s := range statuses {
		all = append(all, string(s))
	}
	return strings.Join(all, ", ")
}

// span reads a range of time, by occurred_at: from the first, which is part of it, to the last, which is not. What was not
// sent is all that is kept.
func span(wrong map[string][]string, since, until string, now time.Time) (from, to time.Time) {
	read := func(name, text string, otherwise time.Time) time.Time {
		if text == "" {
			return otherwise
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil || at.Year() < 1 {
			wrong[name] = []string{"Must be a time like 2027-01-02T03:04:05Z. In a query a + is written %2B."}
		}
		return at.UTC()
	}
	to = read("until", until, end(now))
	from = read("since", since, now.Add(-kyc.KeepEvents))
	if kept := now.Add(-kyc.KeepEvents); from.Before(kept) {
		from = kept
	}
	if wrong["since"] == nil && wrong["until"] == nil && !from.Before(to) {
		wrong["until"] = []string{"Must be after since, and not before all that is kept: events are kept for 90 days."}
	}
	if latest := end(now); to.After(latest) {
		to = latest // lists are kept by month: one of the year 9999 is far away
	}
	return from, to
}

// end is when all that has happened is over: an event of this very moment is before it.
func end(now time.Time) time.Time { return now.Add(time.Second) }

// A cursor names the last delivery that was looked at. It is opaque to its user, and holds nothing that is not the brand's.
func formatCursor(last kyc.EventAt) string {
	return base64.RawURLEncoding.EncodeToString([]byte(kyc.FormatTime(last.OccurredAt) + "#" + last.EventID))
}

func parseCursor(cursor string) (kyc.EventAt, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	text, id, _ := strings.Cut(string(raw), "#")
	at, failed := kyc.ParseTime(text)
	return kyc.EventAt{OccurredAt: at, EventID: id}, err == nil && failed == nil && kyc.IsEventID(id)
}

// Read returns a delivery with its tries and what the endpoint answered to each.
func (s *DeliveryService) Read(ctx context.Context, brandID, subscriptionID, eventID string) (kyc.Delivery, error) {
	ref, err := s.delivery(ctx, brandID, subscriptionID, eventID, kyc.ErrDeliveryUnknown())
	if err != nil {
		return kyc.Delivery{}, err
	}
	d, err := s.History.Delivery(ctx, ref)
	if err != nil {
		return kyc.Delivery{}, err
	}
	for n, t := range d.Tries {
		if t.Kept.Empty() {
			continue
		}
		opened, err := s.Vault.Open(ctx, kyc.AnswerPlace(ref), t.Kept)
		if err != nil {
			return kyc.Delivery{}, fmt.Errorf("open answer: %w", err)
		}
		d.Tries[n].Answer = opened[kyc.AnswerField]
	}
	return d, nil
}

// Event returns an event of a brand, as it is posted. The API is reached at api where the service knows no address of it.
func (s *DeliveryService) Event(ctx context.Context, brandID, eventID, api string) (kyc.Event, error) {
	if !kyc.IsEventID(eventID) {
		return kyc.Event{}, kyc.ErrEventUnknown()
	}
	e, err := s.Events.Event(ctx, brandID, eventID)
	if err != nil {
		return e, err
	}
	return withLink(ctx, s.Links.Or(api), e)
}

// Resend begins a delivery anew, now and whatever its subscription's state and what it has subscribed to. The event may be
// older than the subscription.
func (s *DeliveryService) Resend(ctx context.Context, brandID, subscriptionID, eventID string) (kyc.Delivery, error) {
	ref, err := s.delivery(ctx, brandID, subscriptionID, eventID, kyc.ErrEventUnknown())
	if err != nil {
		return kyc.Delivery{}, err
	}
	for range maxTries {
		shipment, err := s.Deliveries.Shipment(ctx, ref)
		if err != nil {
			return kyc.Delivery{}, err
		}
		if shipment.Event == nil {
			return kyc.Delivery{}, kyc.ErrEventUnknown()
		}
		d := shipment.Delivery.Resend(s.Now(), true)
		stood, err := s.Deliveries.AdvanceDelivery(ctx, d)
		if err != nil {
			return kyc.Delivery{}, err
		}
		if stood == nil {
			return d, s.Queue.NotifyAfter(ctx, ref, 0) // the delivery's alarm stands in for a message that is lost
		}
	}
	return kyc.Delivery{}, &kyc.Error{Kind: kyc.Conflict, Code: "webhooks_err", Message: "This delivery is on its way just now. Look at it again in a moment."}
}

// Test makes an event that is about nothing but the subscription, and sends it there, whatever the subscription's state.
func (s *DeliveryService) Test(ctx context.Context, brandID, subscriptionID string) (kyc.Delivery, error) {
	sub, err := s.subscription(ctx, brandID, subscriptionID)
	if err != nil {
		return kyc.Delivery{}, err
	}
	now, err := s.Clock.Now(ctx, brandID)
	if err != nil {
		return kyc.Delivery{}, err
	}
	e := kyc.Event{
		ID: kyc.EventID(s.NewID(), 0), Name: kyc.EventTest, BrandID: brandID, SubscriptionID: sub.SubscriptionID, OccurredAt: now.Time.Truncate(time.Microsecond),
	}
	if err := s.Events.KeepEvent(ctx, e); err != nil {
		return kyc.Delivery{}, err
	}
	return s.Resend(ctx, brandID, sub.SubscriptionID, e.ID)
}

// Range is which events are to be sent again, as it came in. What is empty was not sent.
type Range struct {
	Since, Until string
	All          bool                // those that were delivered too
	Wrong        map[string][]string // what the reader of the body has found wrong already
}

// ResendRange has all events of a range that the subscription wants sent to it, oldest first, also those of before it was
// made: within the next minute, and once it is enabled. What is on its way already is not begun anew.
func (s *DeliveryService) ResendRange(ctx context.Context, brandID, subscriptionID string, in Range) (kyc.Replay, error) {
	ref, err := s.subscription(ctx, brandID, subscriptionID)
	if err != nil {
		return kyc.Replay{}, err
	}
	now, err := s.Clock.Now(ctx, brandID)
	if err != nil {
		return kyc.Replay{}, err
	}
	wrong := map[string][]string{}
	from, until := span(wrong, in.Since, in.Until, now.Time)
	for name, why := range in.Wrong {
		wrong[name] = why
	}
	if len(wrong) > 0 {
		return kyc.Replay{}, invalid(wrong)
	}
	replay := kyc.Replay{From: from, Until: until, All: in.All, RequestedAt: s.Now(), Done: kyc.EventAt{OccurredAt: from}}
	for range maxTries {
		_, line, err := s.Lines.Line(ctx, ref)
		if err != nil {
			return kyc.Replay{}, err
		}
		if r := line.Replay; r != nil {
			return kyc.Replay{}, &kyc.Error{Kind: kyc.Conflict, Code: "webhooks_err",
				Message: "Events are being sent to this subscription again already. Ask once that is done, or for single events.",
				Extra:   map[string]any{"since": kyc.FormatTime(r.From), "until": kyc.FormatTime(r.Until), "requested_time": kyc.FormatTime(r.RequestedAt)}}
		}
		line.Replay = &replay
		done, err := s.Lines.AdvanceLine(ctx, ref, line.Ring(s.Now()))
		if err != nil {
			return kyc.Replay{}, err
		}
		if done {
			return replay, nil
		}
	}
	return kyc.Replay{}, &kyc.Error{Kind: kyc.Conflict, Code: "webhooks_err", Message: "This subscription's deliveries are on their way just now. Send the request again."}
}

// subscription names a subscription of the brand that is there.
func (s *DeliveryService) subscription(ctx context.Context, brandID, subscriptionID string) (kyc.SubscriptionRef, error) {
	id, err := idOf(subscriptionID)
	if err == nil {
		_, err = s.Subscriptions.Subscription(ctx, brandID, id)
	}
	return kyc.SubscriptionRef{BrandID: brandID, SubscriptionID: id}, err
}

// delivery names a delivery that a subscription of the brand may have. What can be no event's id is as unknown as one that
// is none.
func (s *DeliveryService) delivery(ctx context.Context, brandID, subscriptionID, eventID string, unknown error) (kyc.DeliveryRef, error) {
	ref, err := s.subscription(ctx, brandID, subscriptionID)
	if err == nil && !kyc.IsEventID(eventID) {
		err = unknown
	}
	return kyc.DeliveryRef{BrandID: brandID, SubscriptionID: ref.SubscriptionID, EventID: eventID}, err
}
