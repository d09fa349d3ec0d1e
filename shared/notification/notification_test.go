package notification_test

import (
	"context"
	"errors"
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

type vault struct {
	open func(kyc.Place, kyc.Sealed) (kyc.Profile, error)
}

func (v vault) Open(_ context.Context, p kyc.Place, s kyc.Sealed) (kyc.Profile, error) {
	return v.open(p, s)
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
