package notification_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
	"kyc/shared/memstore"
	"kyc/shared/notification"
)

const newID = "5e6f7a8b-9c0d-4e1f-a2b3-c4d5e6f7a80b"

// counter is the service at work on a store of one brand with one subscription, and a list of deliveries. What others do to a
// delivery or a line between our reading and our writing is done by before.
type counter struct {
	*memstore.Store
	service *notification.DeliveryService
	list    []kyc.Delivery // the newest event first
	sent    []kyc.DeliveryRef
	before  func()
	from    kyc.EventAt // where the last list began
	fault   error
}

func newCounter(t interface{ Fatal(...any) }) *counter {
	c := &counter{Store: memstore.New()}
	err := c.Store.CreateBrand(context.Background(), kyc.Brand{ID: brandID}, nil, kyc.AuditRecord{})
	if err == nil {
		err = c.Store.CreateSubscription(context.Background(), kyc.Subscription{BrandID: brandID, ID: subID, Status: kyc.StatusPaused, Version: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	c.service = &notification.DeliveryService{
		Subscriptions: c, Deliveries: c, History: c, Events: c, Lines: c, Vault: glass{}, Queue: c, Clock: c,
		NewID: func() string { return newID }, Now: func() time.Time { return noon },
	}
	return c
}

func (c *counter) Subscription(_ context.Context, brand, id string) (kyc.Subscription, error) {
	if brand != brandID || id != subID {
		return kyc.Subscription{}, errNone
	}
	return kyc.Subscription{BrandID: brand, ID: id}, c.fault
}

func (c *counter) Subscriptions(context.Context, string) ([]kyc.Subscription, error) {
	return nil, errors.New("not asked for")
}

func (c *counter) DeliveriesBefore(_ context.Context, sub kyc.SubscriptionRef, before kyc.EventAt, since time.Time, limit int) ([]kyc.Delivery, kyc.EventAt, error) {
	c.from = before
	var found []kyc.Delivery
	for _, d := range c.list {
		order := d.OccurredAt.Compare(before.OccurredAt)
		if (order < 0 || order == 0 && d.EventID < before.EventID) && !d.OccurredAt.Before(since) && d.Subscription() == sub {
			found = append(found, d)
		}
	}
	if len(found) <= limit {
		return found, kyc.EventAt{}, c.fault
	}
	last := found[limit-1]
	return found[:limit], kyc.EventAt{OccurredAt: last.OccurredAt, EventID: last.EventID}, c.fault
}

func (c *counter) AdvanceDelivery(ctx context.Context, d kyc.Delivery) (*kyc.Delivery, error) {
	c.others()
	return c.Store.AdvanceDelivery(ctx, d)
}

func (c *counter) AdvanceLine(ctx context.Context, ref kyc.SubscriptionRef, l kyc.Line) (bool, error) {
	c.others()
	return c.Store.AdvanceLine(ctx, ref, l)
}

func (c *counter) others() {
	if c.before != nil {
		c.before()
	}
}

func (c *counter) NotifyAfter(_ context.Context, d kyc.DeliveryRef, _ time.Duration) error {
	c.sent = append(c.sent, d)
	return c.fault
}

// Now is the brand's time, a day ahead.
func (c *counter) Now(context.Context, string) (kyc.Moment, error) {
	return kyc.Moment{Time: noon.Add(24 * time.Hour)}, nil
}

func refOf(eventID string) kyc.DeliveryRef {
	return kyc.DeliveryRef{BrandID: brandID, SubscriptionID: subID, EventID: eventID}
}

func eventID(n int) string { return fmt.Sprintf("evt_%08d-0000-4000-8000-000000000000_2", n) }

// keep keeps an event of the brand.
func (c *counter) keep(t *testing.T, n int) kyc.Event {
	t.Helper()
	e := kyc.Event{ID: eventID(n), Name: kyc.EventSuccess, BrandID: brandID, CustomerID: newID, OccurredAt: noon}
	if err := c.Store.KeepEvent(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return e
}

// Whatever is asked for: the pages together are what the filter leaves of all deliveries, in their order, each once.
func TestPagesOfDeliveries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCounter(t)
		names := []kyc.EventName{kyc.EventSuccess, kyc.EventFailure, kyc.EventCustomerUpdated, kyc.EventTest}
		for n := range rapid.IntRange(0, 40).Draw(t, "deliveries") {
			d := kyc.Delivery{
				DeliveryRef: refOf(eventID(n)), Event: rapid.SampledFrom(names).Draw(t, "event"), Status: rapid.SampledFrom(kyc.DeliveryStatuses()).Draw(t, "status"),
				OccurredAt: noon.Add(time.Duration(rapid.IntRange(-5, 5).Draw(t, "hours")) * time.Hour),
			}
			for _, code := range rapid.SliceOfN(rapid.SampledFrom([]int{0, 200, 503}), 0, 2).Draw(t, "codes") {
				d.Tries = append(d.Tries, kyc.Try{Code: code})
			}
			c.list = append(c.list, d)
		}
		slices.SortFunc(c.list, func(a, b kyc.Delivery) int {
			if order := b.OccurredAt.Compare(a.OccurredAt); order != 0 {
				return order
			}
			return strings.Compare(b.EventID, a.EventID)
		})
		in := notification.Filter{
			Event:  rapid.SampledFrom([]string{"", "kyc.*", "customer.updated", "webhook.test"}).Draw(t, "wanted event"),
			Status: rapid.SampledFrom([]string{"", "failing", "delivered"}).Draw(t, "wanted status"), Code: rapid.SampledFrom([]string{"", "503"}).Draw(t, "wanted code"),
			Since: rapid.SampledFrom([]string{"", "2026-01-02T09:00:00Z"}).Draw(t, "since"), Until: rapid.SampledFrom([]string{"", "2026-01-02T16:00:00+01:00"}).Draw(t, "until"),
			PerPage: fmt.Sprint(rapid.IntRange(1, 100).Draw(t, "per page")),
		}
		var want, got []string
		for _, d := range c.list {
			kind := strings.TrimSuffix(in.Event, "*")
			if strings.HasPrefix(string(d.Event), kind) && (in.Status == "" || in.Status == string(d.Status)) &&
				(in.Code == "" || len(d.Tries) > 0 && d.Tries[len(d.Tries)-1].Code == 503) &&
				(in.Since == "" || d.OccurredAt.Compare(noon.Add(-3*time.Hour)) >= 0) && (in.Until == "" || d.OccurredAt.Before(noon.Add(3*time.Hour))) {
				want = append(want, d.EventID)
			}
		}
		for pages := 0; ; pages++ {
			page, err := c.service.List(context.Background(), brandID, subID, in)
			if err != nil || len(page.Deliveries) > page.PerPage || pages > 50 {
				t.Fatalf("page %d: %d deliveries, %v", pages, len(page.Deliveries), err)
			}
			for _, d := range page.Deliveries {
				got = append(got, d.EventID)
			}
			if in.Cursor = page.Next; in.Cursor == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v (-want +got):\n%s", in, diff)
		}
	})
}

// One page does not read a list without end for the few that are asked for.
func TestAPageLooksOnlySoFar(t *testing.T) {
	c := newCounter(t)
	for n := range 1200 {
		c.list = append(c.list, kyc.Delivery{DeliveryRef: refOf(eventID(n)), Event: kyc.EventSuccess, Status: kyc.Delivered, OccurredAt: noon.Add(-time.Duration(n) * time.Minute)})
	}
	c.list[1100].Status = kyc.Exhausted
	in := notification.Filter{Status: "exhausted"}
	for n, want := range []int{0, 0, 1} {
		page, err := c.service.List(t.Context(), brandID, subID, in)
		if err != nil || len(page.Deliveries) != want || (page.Next == "") != (n == 2) {
			t.Fatalf("page %d: %d deliveries, next %q, %v", n+1, len(page.Deliveries), page.Next, err)
		}
		in.Cursor = page.Next
	}
}

func TestFiltersThatAreNone(t *testing.T) {
	at := []string{"Must be a time like 2027-01-02T03:04:05Z. In a query a + is written %2B."}
	span := []string{"Must be after since, and not before all that is kept: events are kept for 90 days."}
	cursor := []string{"Must be the cursor of an earlier answer's header Link."}
	for name, c := range map[string]struct {
		in   notification.Filter
		want map[string][]string
	}{
		"event":             {notification.Filter{Event: "kyc.nothing"}, map[string][]string{"event": {"Must be the name of an event, like kyc.verification.success, or kyc.* for all of a kind."}}},
		"status":            {notification.Filter{Status: "late"}, map[string][]string{"status": {"Must be one of pending, failing, held, delivered, exhausted."}}},
		"code":              {notification.Filter{Code: "50x"}, map[string][]string{"code": {"Must be an HTTP status, like 503."}}},
		"code too low":      {notification.Filter{Code: "99"}, map[string][]string{"code": {"Must be an HTTP status, like 503."}}},
		"page of none":      {notification.Filter{PerPage: "0"}, map[string][]string{"per_page": {"Must be from 1 to 100."}}},
		"page of too many":  {notification.Filter{PerPage: "101"}, map[string][]string{"per_page": {"Must be from 1 to 100."}}},
		"times":             {notification.Filter{Since: "yesterday", Until: "2026-01-02"}, map[string][]string{"since": at, "until": at}},
		"backwards":         {notification.Filter{Since: "2026-01-02T03:00:00Z", Until: "2026-01-02T03:00:00Z"}, map[string][]string{"until": span}},
		"of long ago":       {notification.Filter{Until: "2025-01-02T03:00:00Z"}, map[string][]string{"until": span}},
		"cursor":            {notification.Filter{Cursor: "x"}, map[string][]string{"cursor": cursor}},
		"cursor of another": {notification.Filter{Cursor: "MjAyNi0wMS0wMlQwMzowNDowNS42Nzg5MDErMDA6MDAjOWQwYzZmOGItMmY1ZS00YTU3LWI2YzctM2YwYTFmM2UyZDAz"}, map[string][]string{"cursor": cursor}},
		"all at once": {notification.Filter{Event: "x", Status: "x", Code: "x", PerPage: "x", Since: "x", Cursor: "x"}, map[string][]string{
			"event": {"Must be the name of an event, like kyc.verification.success, or kyc.* for all of a kind."}, "status": {"Must be one of pending, failing, held, delivered, exhausted."},
			"code": {"Must be an HTTP status, like 503."}, "per_page": {"Must be from 1 to 100."}, "since": at, "cursor": cursor,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newCounter(t).service.List(t.Context(), brandID, subID, c.in)
			want := &kyc.Error{Kind: kyc.Invalid, Code: "webhooks_err", In: kyc.Query, Fields: c.want}
			if diff := cmp.Diff(error(want), err); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadOpensTheAnswers(t *testing.T) {
	c := newCounter(t)
	d := kyc.NewDelivery(subID, c.keep(t, 1))
	kept := func(text string) kyc.Sealed {
		return kyc.Sealed{Fields: map[kyc.Field][]byte{kyc.AnswerField: []byte(text)}}
	}
	d.Tries = []kyc.Try{{Code: 500, Kept: kept("short")}, {Error: "timeout"}, {At: noon, Code: 503, Apart: true}}
	if _, err := c.Store.AdvanceDelivery(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := c.KeepAnswer(t.Context(), d, noon, kept("long")); err != nil {
		t.Fatal(err)
	}
	got, err := c.service.Read(t.Context(), brandID, strings.ToUpper(subID), eventID(1))
	var answers []string
	for _, t := range got.Tries {
		answers = append(answers, t.Answer.Reveal())
	}
	if diff := cmp.Diff([]string{"short", "", "long"}, answers); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	c.service.Vault = glass{errGone}
	if _, err := c.service.Read(t.Context(), brandID, subID, eventID(1)); !errors.Is(err, errGone) {
		t.Errorf("got %v", err)
	}
}

// A delivery is begun anew in whatever state it is, and made where there was none; its message comes after it is stored.
func TestResend(t *testing.T) {
	for _, status := range append(kyc.DeliveryStatuses(), "") {
		t.Run(string(status), func(t *testing.T) {
			c := newCounter(t)
			d := kyc.NewDelivery(subID, c.keep(t, 1))
			if status != "" {
				d.Status, d.Failures, d.Tries = status, 3, []kyc.Try{{At: noon, Code: 500, Error: "status"}}
				if _, err := c.Store.AdvanceDelivery(t.Context(), d); err != nil {
					t.Fatal(err)
				}
			}
			c.before = func() { // someone tries it just now
				c.before = nil
				s, _ := c.Shipment(t.Context(), d.DeliveryRef)
				if _, err := c.Store.AdvanceDelivery(t.Context(), s.Delivery.Resend(noon.Add(-time.Second), false)); err != nil || len(c.sent) > 0 {
					t.Fatal(err, c.sent)
				}
			}
			got, err := c.service.Resend(t.Context(), brandID, subID, eventID(1))
			want := d
			want.Status, want.Failures, want.ResentAt, want.Demanded, want.DueAt = kyc.Pending, 0, noon, true, noon.Add(kyc.AlarmDelay)
			s, _ := c.Shipment(t.Context(), d.DeliveryRef)
			if diff := cmp.Diff([]kyc.Delivery{want, want}, []kyc.Delivery{got, s.Delivery}, cmpopts.IgnoreFields(kyc.Delivery{}, "Rev")); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if diff := cmp.Diff([]kyc.DeliveryRef{refOf(eventID(1))}, c.sent); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("others all the time", func(t *testing.T) {
		c := newCounter(t)
		e := c.keep(t, 1)
		c.before = func() {
			s, _ := c.Shipment(t.Context(), refOf(e.ID))
			_, _ = c.Store.AdvanceDelivery(t.Context(), s.Delivery.Resend(noon.Add(time.Duration(s.Delivery.Rev)*time.Second), false))
		}
		if _, err := c.service.Resend(t.Context(), brandID, subID, e.ID); kyc.KindOf(err) != kyc.Conflict || len(c.sent) > 0 {
			t.Errorf("%v, sent %v", err, c.sent)
		}
	})
}

// A test is an event of its own, in the brand's time, which a paused subscription gets too.
func TestTestEvents(t *testing.T) {
	c := newCounter(t)
	d, err := c.service.Test(t.Context(), brandID, strings.ToUpper(subID))
	id := "evt_" + newID + "_0"
	want := kyc.Event{ID: id, Name: kyc.EventTest, BrandID: brandID, SubscriptionID: subID, OccurredAt: noon.Add(24 * time.Hour)}
	got, kept := c.service.Event(t.Context(), brandID, id, "")
	if diff := cmp.Diff(want, got); err != nil || kept != nil || diff != "" {
		t.Errorf("%v, %v (-want +got):\n%s", err, kept, diff)
	}
	s, _ := c.Shipment(t.Context(), refOf(id))
	if d.EventID != id || !s.Delivery.Demanded || !cmp.Equal([]kyc.DeliveryRef{refOf(id)}, c.sent) {
		t.Errorf("delivery %+v, sent %v", s.Delivery, c.sent)
	}
}

func TestResendRange(t *testing.T) {
	day := 24 * time.Hour
	now := noon.Add(day) // of the brand
	for name, c := range map[string]struct {
		in          notification.Range
		from, until time.Time
		want        map[string][]string
	}{
		"all that is kept": {in: notification.Range{}, from: now.Add(-90 * day), until: now.Add(time.Second)},
		"from long ago":    {in: notification.Range{Since: "2020-01-01T00:00:00Z", All: true}, from: now.Add(-90 * day), until: now.Add(time.Second)},
		"a range":          {in: notification.Range{Since: "2026-01-01T00:00:00Z", Until: "2026-01-02T01:00:00.5+01:00"}, from: noon.Add(-36 * time.Hour), until: noon.Add(-12*time.Hour + 500*time.Millisecond)},
		"times that are none, and what the reader found": {in: notification.Range{Since: "x", Wrong: map[string][]string{"y": {"Unknown field."}}}, want: map[string][]string{
			"since": {"Must be a time like 2027-01-02T03:04:05Z. In a query a + is written %2B."}, "y": {"Unknown field."},
		}},
		"backwards": {in: notification.Range{Since: "2026-01-02T00:00:00Z", Until: "2026-01-01T00:00:00Z"}, want: map[string][]string{
			"until": {"Must be after since, and not before all that is kept: events are kept for 90 days."},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			counter := newCounter(t)
			line := kyc.SubscriptionRef{BrandID: brandID, SubscriptionID: subID}
			counter.before = func() { // the line is written just now
				counter.before = nil
				_, l, _ := counter.Line(t.Context(), line)
				l.Failures = 2
				if _, err := counter.Store.AdvanceLine(t.Context(), line, l); err != nil {
					t.Fatal(err)
				}
			}
			got, err := counter.service.ResendRange(t.Context(), brandID, subID, c.in)
			_, l, _ := counter.Line(t.Context(), line)
			if c.want != nil {
				want := &kyc.Error{Kind: kyc.Invalid, Code: "webhooks_err", Fields: c.want}
				if diff := cmp.Diff(error(want), err); diff != "" || l.Rev > 0 {
					t.Errorf("line %+v (-want +got):\n%s", l, diff)
				}
				return
			}
			want := kyc.Replay{From: c.from, Until: c.until, All: c.in.All, RequestedAt: noon, Done: kyc.EventAt{OccurredAt: c.from}}
			if diff := cmp.Diff(kyc.Line{Failures: 2, Replay: &want, DueAt: noon, Rev: 2}, l); err != nil || diff != "" || !cmp.Equal(want, got) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if _, err := counter.service.ResendRange(t.Context(), brandID, subID, c.in); kyc.KindOf(err) != kyc.Conflict {
				t.Errorf("once more: %v", err)
			}
		})
	}
}

// What is not there, or another brand's, is told in the same words, and changes nothing.
func TestDeliveriesThatAreNotThere(t *testing.T) {
	const other = "0b7e9c4e-4a44-4c8c-9a43-000000000000"
	for name, c := range map[string]struct {
		brand, sub, event string
		kind              kyc.Kind
		ofEventsToo       bool
	}{
		"unknown subscription":         {brandID, other, eventID(1), kyc.NotFound, false},
		"another brand's subscription": {other, subID, eventID(1), kyc.NotFound, true},
		"no subscription's id":         {brandID, "42", eventID(1), kyc.Invalid, false},
		"unknown event":                {brandID, subID, eventID(2), kyc.NotFound, true},
		"no event's id":                {brandID, subID, strings.Repeat("x", 3000), kyc.NotFound, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCounter(t)
			s.keep(t, 1)
			_, readErr := s.service.Read(t.Context(), c.brand, c.sub, c.event)
			_, resendErr := s.service.Resend(t.Context(), c.brand, c.sub, c.event)
			if kyc.KindOf(readErr) != c.kind || kyc.KindOf(resendErr) != c.kind || len(s.sent) > 0 {
				t.Errorf("read %v, resend %v", readErr, resendErr)
			}
			if _, err := s.service.Event(t.Context(), c.brand, c.event, ""); (kyc.KindOf(err) == kyc.NotFound) != c.ofEventsToo {
				t.Errorf("event: %v", err)
			}
			if c.sub == subID && c.brand == brandID {
				return
			}
			_, listErr := s.service.List(t.Context(), c.brand, c.sub, notification.Filter{})
			_, testErr := s.service.Test(t.Context(), c.brand, c.sub)
			_, rangeErr := s.service.ResendRange(t.Context(), c.brand, c.sub, notification.Range{})
			for _, err := range []error{listErr, testErr, rangeErr} {
				if kyc.KindOf(err) != c.kind {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

// A list is kept by month, so that a range that ends in the year 9999 would be looked for in 95,000 of them.
func TestRangesEndNow(t *testing.T) {
	c := newCounter(t)
	latest := noon.Add(24*time.Hour + time.Second)
	far := base64.RawURLEncoding.EncodeToString([]byte(kyc.FormatTime(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)) + "#" + eventID(1)))
	for _, in := range []notification.Filter{{Until: "9999-01-01T00:00:00Z"}, {Cursor: far}, {}} {
		c.from = kyc.EventAt{}
		if _, err := c.service.List(t.Context(), brandID, subID, in); err != nil || !c.from.OccurredAt.Equal(latest) {
			t.Errorf("%+v is looked for from %v on, err %v", in, c.from, err)
		}
	}
	replay, err := c.service.ResendRange(t.Context(), brandID, subID, notification.Range{Until: "9999-01-01T00:00:00Z"})
	if err != nil || !replay.Until.Equal(latest) {
		t.Errorf("a replay goes on until %v, err %v", replay.Until, err)
	}
}
