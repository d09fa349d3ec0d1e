// Package notification manages the webhook subscriptions of a brand and delivers events to them.
package notification

import (
	"context"
	"fmt"
	"time"

	"kyc/shared/kyc"
)

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
