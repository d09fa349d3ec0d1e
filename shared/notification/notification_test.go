package notification_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/notification"
)

const (
	brandID = "0b7e9c4e-4a44-4c8c-9a43-0f6f0d4f3a01"
	subID   = "3c4d5e6f-7a8b-4c9d-8e1f-2a3b4c5d6e09"
)

var (
	noon    = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	errGone = errors.New("the table is gone")
	secret  = kyc.NewSecret("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")
	keys    = []kyc.SigningKey{{Field: kyc.SubscriptionSecret, Scheme: kyc.SchemeHMAC, CreatedAt: noon}}
	sealed  = kyc.Sealed{Key: []byte("wrapped"), Fields: map[kyc.Field][]byte{kyc.SubscriptionSecret: []byte("sealed")}}
)

// store keeps what it is given, or fails.
type store struct {
	err     error
	created []kyc.Subscription
	deleted []string
}

func (s *store) CreateSubscription(_ context.Context, sub kyc.Subscription) error {
	s.created = append(s.created, sub)
	return s.err
}

func (s *store) DeleteSubscription(_ context.Context, brand, id string) (kyc.Subscription, error) {
	s.deleted = append(s.deleted, brand+" "+id)
	return kyc.Subscription{BrandID: brand, ID: id}, s.err
}

func (s *store) Subscriptions(_ context.Context, brand string) ([]kyc.Subscription, error) {
	return []kyc.Subscription{{BrandID: brand, ID: subID}}, s.err
}

type vault struct {
	seal func(kyc.Place, kyc.Profile) (kyc.Sealed, error)
	open func(kyc.Place, kyc.Sealed) (kyc.Profile, error)
}

func (v vault) Seal(_ context.Context, p kyc.Place, fields kyc.Profile) (kyc.Sealed, error) {
	return v.seal(p, fields)
}

func (v vault) Open(_ context.Context, p kyc.Place, s kyc.Sealed) (kyc.Profile, error) {
	return v.open(p, s)
}

func service(s *store, v vault) *notification.Service {
	return &notification.Service{
		Subscriptions: s, Vault: v, NewSecret: func() kyc.Secret { return secret }, NewID: func() string { return subID },
		Now: func() time.Time { return noon },
		CheckURL: func(url string) string {
			if !strings.HasPrefix(url, "https://") {
				return "Must begin with https://."
			}
			return ""
		},
	}
}

// sealing seals the one secret at its place.
func sealing(t *testing.T) vault {
	return vault{seal: func(p kyc.Place, fields kyc.Profile) (kyc.Sealed, error) {
		if p != kyc.SubscriptionPlace(brandID, subID) || len(fields) != 1 || fields.Get(kyc.SubscriptionSecret) != secret.Reveal() {
			t.Errorf("sealed %d fields at %v", len(fields), p)
		}
		return sealed, nil
	}}
}

func TestCreate(t *testing.T) {
	s := &store{}
	sub, key, err := service(s, sealing(t)).Create(t.Context(), brandID, notification.Input{
		URL: "https://example.com/hook", Events: []string{"customer.*", "kyc.verification.success"}, Description: strings.Repeat("é", 500),
		Version: "0.1", Status: "STATUS_ENABLED",
	})
	want := kyc.Subscription{
		BrandID: brandID, ID: subID, URL: "https://example.com/hook", Events: []kyc.EventName{kyc.EventSuccess, kyc.EventCustomerUpdated},
		Description: strings.Repeat("é", 500), Status: "STATUS_ENABLED", Keys: keys, Secret: sealed, CreatedAt: noon, UpdatedAt: noon, Version: 1,
	}
	if diff := cmp.Diff([]kyc.Subscription{want, want}, append(s.created, sub)); err != nil || diff != "" || key.Reveal() != secret.Reveal() {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestCreateReportsAllThatIsWrong(t *testing.T) {
	good := notification.Input{URL: "https://example.com/hook", Events: []string{"kyc.*"}}
	missing := []string{"Missing data for required field."}
	for name, c := range map[string]struct {
		change func(*notification.Input)
		want   map[string][]string // nil: taken
	}{
		"nothing wrong":               {func(*notification.Input) {}, nil},
		"nothing sent":                {func(in *notification.Input) { *in = notification.Input{} }, map[string][]string{"url": missing, "events": missing}},
		"address":                     {func(in *notification.Input) { in.URL = "http://example.com" }, map[string][]string{"url": {"Must begin with https://."}}},
		"address by its older name":   {func(in *notification.Input) { in.URL, in.URLMember = "http://example.com", "callback_url" }, map[string][]string{"callback_url": {"Must begin with https://."}}},
		"unknown events":              {func(in *notification.Input) { in.Events = []string{"Zq-nobody-Zq", "kyc.*", "x"} }, map[string][]string{"events": {"2 of the names match no event. Use names like kyc.verification.success, or kyc.* for all of a kind."}}},
		"longest description":         {func(in *notification.Input) { in.Description = strings.Repeat("é", 500) }, nil},
		"description too long":        {func(in *notification.Input) { in.Description = strings.Repeat("é", 501) }, map[string][]string{"description": {"Must be at most 500 characters."}}},
		"version":                     {func(in *notification.Input) { in.Version = "0.2" }, map[string][]string{"version": {"Must be 0.1, the only version of the events' envelope."}}},
		"status":                      {func(in *notification.Input) { in.Status = "STATUS_DISABLED" }, map[string][]string{"status": {"Must be STATUS_ENABLED."}}},
		"what the reader found":       {func(in *notification.Input) { in.Wrong = map[string][]string{"x": {"Unknown field."}} }, map[string][]string{"x": {"Unknown field."}}},
		"what the reader found first": {func(in *notification.Input) { in.URL, in.Wrong = "", map[string][]string{"url": {"Must be a string."}} }, map[string][]string{"url": {"Must be a string."}}},
		"all at once": {func(in *notification.Input) {
			*in = notification.Input{URL: "ftp://Zq-nobody-Zq", Events: []string{"Zq-nobody-Zq"}, Description: strings.Repeat("a", 501), Version: "Zq-nobody-Zq", Status: "Zq-nobody-Zq",
				Wrong: map[string][]string{"x": {"Unknown field."}}}
		}, map[string][]string{
			"url": {"Must begin with https://."}, "events": {"1 of the names match no event. Use names like kyc.verification.success, or kyc.* for all of a kind."},
			"description": {"Must be at most 500 characters."}, "version": {"Must be 0.1, the only version of the events' envelope."}, "status": {"Must be STATUS_ENABLED."}, "x": {"Unknown field."},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			in, s := good, &store{}
			c.change(&in)
			_, key, err := service(s, sealing(t)).Create(t.Context(), brandID, in)
			if c.want == nil {
				if err != nil || len(s.created) != 1 {
					t.Errorf("got %v", err)
				}
				return
			}
			want := &kyc.Error{Kind: kyc.Invalid, Code: "webhooks_err", Fields: c.want}
			if diff := cmp.Diff(error(want), err); diff != "" || len(s.created) > 0 || !key.IsZero() {
				t.Errorf("stored %v (-want +got):\n%s", s.created, diff)
			}
		})
	}
}

func TestCreateHandsFaultsOn(t *testing.T) {
	in := notification.Input{URL: "https://example.com/hook", Events: []string{"kyc.*"}}
	t.Run("sealing", func(t *testing.T) {
		s := &store{}
		v := vault{seal: func(kyc.Place, kyc.Profile) (kyc.Sealed, error) { return kyc.Sealed{}, errGone }}
		if _, key, err := service(s, v).Create(t.Context(), brandID, in); !errors.Is(err, errGone) || !key.IsZero() || len(s.created) > 0 {
			t.Errorf("got %v, stored %v", err, s.created)
		}
	})
	t.Run("storing", func(t *testing.T) {
		if _, _, err := service(&store{err: errGone}, sealing(t)).Create(t.Context(), brandID, in); !errors.Is(err, errGone) {
			t.Errorf("got %v", err)
		}
	})
}

func TestList(t *testing.T) {
	got, err := service(&store{}, vault{}).List(t.Context(), brandID)
	if diff := cmp.Diff([]kyc.Subscription{{BrandID: brandID, ID: subID}}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestDelete(t *testing.T) {
	for name, c := range map[string]struct {
		id   string
		kind kyc.Kind
		want []string
	}{
		"an id":              {subID, 0, []string{brandID + " " + subID}},
		"in capital letters": {strings.ToUpper(subID), 0, []string{brandID + " " + subID}},
		"no id":              {"42", kyc.Invalid, nil},
		"empty":              {"", kyc.Invalid, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{}
			sub, err := service(s, vault{}).Delete(t.Context(), brandID, c.id)
			if diff := cmp.Diff(c.want, s.deleted); diff != "" || (err == nil) != (c.want != nil) || kyc.KindOf(err) != c.kind || err == nil && sub.ID != subID {
				t.Errorf("%v, %v, deleted (-want +got):\n%s", sub, err, diff)
			}
		})
	}
	if _, err := service(&store{err: errGone}, vault{}).Delete(t.Context(), brandID, subID); !errors.Is(err, errGone) {
		t.Errorf("got %v", err)
	}
}

// deliveries finds a delivery by a function, and keeps the tries.
type deliveries struct {
	find   func() (*kyc.Subscription, bool, error)
	record error
	tries  []kyc.Try
}

func (d *deliveries) Delivery(context.Context, kyc.Delivery) (*kyc.Subscription, bool, error) {
	return d.find()
}

func (d *deliveries) RecordTry(_ context.Context, _ kyc.Delivery, t kyc.Try) error {
	d.tries = append(d.tries, t)
	return d.record
}

// sender posts by a function.
type sender func(to kyc.Endpoint, e kyc.Event) (kyc.Try, error)

func (s sender) Send(_ context.Context, to kyc.Endpoint, e kyc.Event) (kyc.Try, error) {
	return s(to, e)
}

func TestDeliver(t *testing.T) {
	sub := &kyc.Subscription{BrandID: brandID, ID: subID, URL: "https://example.com/hook", Keys: keys, Secret: sealed}
	found := func() (*kyc.Subscription, bool, error) { return sub, false, nil }
	good, bad := kyc.Try{At: noon, Code: 200}, kyc.Try{At: noon, Code: 500, Error: "status"}
	for name, c := range map[string]struct {
		find                 func() (*kyc.Subscription, bool, error)
		open, send, record   error
		try                  kyc.Try
		want                 notification.Outcome
		opened, sent, stored int
		err                  error
	}{
		"delivered":                        {find: found, try: good, want: notification.Delivered, opened: 1, sent: 1, stored: 1},
		"failing":                          {find: found, try: bad, want: notification.Failing, opened: 1, sent: 1, stored: 1},
		"subscription deleted":             {find: func() (*kyc.Subscription, bool, error) { return nil, false, nil }, want: notification.Dropped},
		"delivered before":                 {find: func() (*kyc.Subscription, bool, error) { return sub, true, nil }, want: notification.Dropped},
		"not found out":                    {find: func() (*kyc.Subscription, bool, error) { return nil, false, errGone }, want: notification.Failing, err: errGone},
		"not opened":                       {find: found, open: errGone, want: notification.Failing, opened: 1, err: errGone},
		"not to be sent":                   {find: found, send: errGone, try: kyc.Try{At: noon}, want: notification.Failing, opened: 1, sent: 1, err: errGone},
		"delivered, not recorded":          {find: found, try: good, record: errGone, want: notification.Failing, opened: 1, sent: 1, stored: 1, err: errGone},
		"failing, and not recorded either": {find: found, try: bad, record: errGone, want: notification.Failing, opened: 1, sent: 1, stored: 1, err: errGone},
	} {
		t.Run(name, func(t *testing.T) {
			d := kyc.Delivery{SubscriptionID: subID, Event: kyc.Event{ID: "evt_1", Name: kyc.EventSuccess}}
			opened, sent := 0, 0
			at := &deliveries{find: c.find, record: c.record}
			n := notification.Notifier{
				Deliveries: at, Now: func() time.Time { return noon },
				Vault: vault{open: func(p kyc.Place, s kyc.Sealed) (kyc.Profile, error) {
					opened++
					if diff := cmp.Diff(sealed, s); p != kyc.SubscriptionPlace(brandID, subID) || diff != "" {
						t.Errorf("opened at %v (-want +got):\n%s", p, diff)
					}
					return kyc.Profile{kyc.SubscriptionSecret: secret}, c.open
				}},
				Sender: sender(func(to kyc.Endpoint, e kyc.Event) (kyc.Try, error) {
					sent++
					if to.URL != sub.URL || len(to.Keys) != 1 || to.Keys[0].Reveal() != secret.Reveal() || e.ID != "evt_1" {
						t.Errorf("sent %s to %s", e.ID, to.URL)
					}
					return c.try, c.send
				}),
			}
			got, try, err := n.Deliver(t.Context(), d)
			if got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("got %s, %v", got, err)
			}
			if diff := cmp.Diff(c.try, try); diff != "" {
				t.Errorf("try (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]int{c.opened, c.sent, c.stored}, []int{opened, sent, len(at.tries)}); diff != "" {
				t.Errorf("opened, sent, recorded (-want +got):\n%s", diff)
			}
			if len(at.tries) == 1 && at.tries[0] != c.try {
				t.Errorf("recorded %v", at.tries)
			}
		})
	}
}

func TestRetryDelay(t *testing.T) {
	plan := []time.Duration{5 * time.Second, 5 * time.Minute, time.Hour}
	for name, c := range map[string]struct {
		plan  []time.Duration
		tries int
		want  time.Duration
	}{
		"after the first":         {plan, 1, 5 * time.Second},
		"after the second":        {plan, 2, 5 * time.Minute},
		"after the last":          {plan, 3, time.Hour},
		"after many more":         {plan, 1000, time.Hour},
		"before any":              {plan, 0, 5 * time.Second},
		"after less than none":    {plan, -1, 5 * time.Second},
		"no plan":                 {nil, 3, 0},
		"a plan of one":           {plan[:1], 9, 5 * time.Second},
		"largest number of tries": {plan, 1<<63 - 1, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			if got := notification.RetryDelay(c.plan, c.tries); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
