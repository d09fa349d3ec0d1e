// Package notification manages the webhook subscriptions of a brand and delivers events to them.
package notification

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"kyc/shared/kyc"
)

// Subscriptions is where subscriptions are kept.
type Subscriptions interface {
	CreateSubscription(ctx context.Context, sub kyc.Subscription) error
	// DeleteSubscription returns what it deleted, or a kyc.NotFound error.
	DeleteSubscription(ctx context.Context, brandID, subscriptionID string) (kyc.Subscription, error)
	Subscriptions(ctx context.Context, brandID string) ([]kyc.Subscription, error)
}

// Sealer encrypts signing secrets.
type Sealer interface {
	Seal(ctx context.Context, place kyc.Place, fields kyc.Profile) (kyc.Sealed, error)
}

// Service manages subscriptions. It is safe for concurrent use.
type Service struct {
	Subscriptions Subscriptions
	Vault         Sealer
	// CheckURL says why an address can't be taken, and "" where it can.
	CheckURL  func(url string) string
	NewSecret func() kyc.Secret
	NewID     func() string
	Now       func() time.Time
}

const maxDescription = 500 // characters

// Input is a new subscription as it came in.
type Input struct {
	URL         string
	URLMember   string   // what the body calls the address, where that is not url
	Events      []string // names, or patterns like kyc.*
	Description string
	Version     string              // of the events' envelope; may be empty
	Status      string              // may be empty
	Wrong       map[string][]string // what the reader of the body has found wrong already
}

// Create subscribes an address to events, and returns the subscription and its signing secret. It reports everything
// that is wrong at once, as webhooks_err.
func (s *Service) Create(ctx context.Context, brandID string, in Input) (kyc.Subscription, kyc.Secret, error) {
	events, wrong := s.check(in)
	if len(wrong) > 0 {
		return kyc.Subscription{}, kyc.Secret{}, &kyc.Error{Kind: kyc.Invalid, Code: "webhooks_err", Fields: wrong}
	}
	now := s.Now()
	sub := kyc.Subscription{
		BrandID: brandID, ID: s.NewID(), URL: in.URL, Events: events, Description: in.Description,
		Status: kyc.StatusEnabled, CreatedAt: now, UpdatedAt: now, Version: 1,
		Keys: []kyc.SigningKey{{Field: kyc.SubscriptionSecret, Scheme: kyc.SchemeHMAC, CreatedAt: now}},
	}
	secret := s.NewSecret()
	var err error
	sub.Secret, err = s.Vault.Seal(ctx, kyc.SubscriptionPlace(brandID, sub.ID), kyc.Profile{kyc.SubscriptionSecret: secret})
	if err != nil {
		return kyc.Subscription{}, kyc.Secret{}, fmt.Errorf("seal secret: %w", err)
	}
	return sub, secret, s.Subscriptions.CreateSubscription(ctx, sub)
}

func (s *Service) check(in Input) ([]kyc.EventName, map[string][]string) {
	wrong := map[string][]string{}
	refuse := func(field, why string) { wrong[field] = []string{why} }
	address := cmp.Or(in.URLMember, "url")
	if why := s.CheckURL(in.URL); in.URL == "" {
		refuse(address, kyc.MissingField)
	} else if why != "" {
		refuse(address, why)
	}
	events, unknown := kyc.ExpandEvents(in.Events)
	switch {
	case len(in.Events) == 0:
		refuse("events", kyc.MissingField)
	case len(unknown) > 0:
		refuse("events", fmt.Sprintf("%d of the names match no event. Use names like %s, or kyc.* for all of a kind.", len(unknown), kyc.EventSuccess))
	}
	if utf8.RuneCountInString(in.Description) > maxDescription {
		refuse("description", fmt.Sprintf("Must be at most %d characters.", maxDescription))
	}
	if in.Version != "" && in.Version != kyc.EventVersion {
		refuse("version", "Must be "+kyc.EventVersion+", the only version of the events' envelope.")
	}
	if in.Status != "" && in.Status != kyc.StatusEnabled {
		refuse("status", "Must be "+kyc.StatusEnabled+".")
	}
	maps.Copy(wrong, in.Wrong)
	return events, wrong
}

// List returns the brand's subscriptions, oldest first.
func (s *Service) List(ctx context.Context, brandID string) ([]kyc.Subscription, error) {
	return s.Subscriptions.Subscriptions(ctx, brandID)
}

// Delete removes a subscription and returns what it was.
func (s *Service) Delete(ctx context.Context, brandID, subscriptionID string) (kyc.Subscription, error) {
	if id := strings.ToLower(subscriptionID); kyc.IsUUID(id) {
		return s.Subscriptions.DeleteSubscription(ctx, brandID, id)
	}
	return kyc.Subscription{}, &kyc.Error{Kind: kyc.Invalid, Code: "webhooks_err", Message: "The webhook_id in the path is not a UUID."}
}

// Deliveries is where deliveries are recorded.
type Deliveries interface {
	// Delivery returns the subscription, nil once it is deleted, and whether the event has arrived there.
	Delivery(ctx context.Context, d kyc.Delivery) (*kyc.Subscription, bool, error)
	RecordTry(ctx context.Context, d kyc.Delivery, t kyc.Try) error
}

// Opener decrypts signing secrets.
type Opener interface {
	Open(ctx context.Context, place kyc.Place, sealed kyc.Sealed) (kyc.Profile, error)
}

// Sender posts an event once.
type Sender interface {
	Send(ctx context.Context, to kyc.Endpoint, e kyc.Event) (kyc.Try, error)
}

// Notifier delivers events. It is safe for concurrent use.
type Notifier struct {
	Deliveries Deliveries
	Vault      Opener
	Sender     Sender
	Now        func() time.Time // real time
}

// Outcome says what a call of Deliver did.
type Outcome string

const (
	Delivered Outcome = "delivered"
	Dropped   Outcome = "dropped" // delivered before, or no longer wanted
	Failing   Outcome = "failing" // to be tried again
)

// Deliver posts the event to the subscription, once, and records the try. An error means that it could not even try,
// or not record it; like Failing, it is to be repeated. A receiver may so get an event twice, always with one id.
func (n *Notifier) Deliver(ctx context.Context, d kyc.Delivery) (Outcome, kyc.Try, error) {
	sub, delivered, err := n.Deliveries.Delivery(ctx, d)
	if err != nil {
		return Failing, kyc.Try{}, err
	}
	if sub == nil || delivered {
		return Dropped, kyc.Try{}, nil
	}
	opened, err := n.Vault.Open(ctx, kyc.SubscriptionPlace(sub.BrandID, sub.ID), sub.Secret)
	if err != nil {
		return Failing, kyc.Try{}, fmt.Errorf("open secret of subscription %s: %w", sub.ID, err)
	}
	try, err := n.Sender.Send(ctx, sub.Endpoint(opened, n.Now()), d.Event)
	if err != nil {
		return Failing, try, fmt.Errorf("subscription %s: %w", sub.ID, err)
	}
	if err := n.Deliveries.RecordTry(ctx, d, try); err != nil {
		return Failing, try, err
	}
	if try.Error != "" {
		return Failing, try, nil
	}
	return Delivered, try, nil
}

// RetryDelay returns the wait after the given number of tries by the plan, whose last entry is repeated.
func RetryDelay(plan []time.Duration, tries int) time.Duration {
	if len(plan) == 0 {
		return 0
	}
	return plan[min(max(tries, 1), len(plan))-1]
}
