package notification

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"kyc/shared/kyc"
)

// Subscriptions is where subscriptions are kept.
type Subscriptions interface {
	Reader
	CreateSubscription(ctx context.Context, sub kyc.Subscription) error
	// UpdateSubscription stores a changed subscription, whose Version is one higher than that which it was made from. It
	// reports false, and has written nothing, where the subscription was changed or deleted since.
	UpdateSubscription(ctx context.Context, sub kyc.Subscription) (bool, error)
	// DeleteSubscription returns what it deleted, or a kyc.NotFound error.
	DeleteSubscription(ctx context.Context, brandID, subscriptionID string) (kyc.Subscription, error)
}

// Reader finds subscriptions.
type Reader interface {
	// Subscription returns a kyc.NotFound error where the brand has no such subscription.
	Subscription(ctx context.Context, brandID, subscriptionID string) (kyc.Subscription, error)
	// Subscriptions lists a brand's subscriptions, oldest first.
	Subscriptions(ctx context.Context, brandID string) ([]kyc.Subscription, error)
}

// Vault encrypts signing keys and the values of headers.
type Vault interface {
	Opener
	Seal(ctx context.Context, place kyc.Place, fields kyc.Profile) (kyc.Sealed, error)
	// Add returns sealed with more fields.
	Add(ctx context.Context, place kyc.Place, sealed kyc.Sealed, more kyc.Profile) (kyc.Sealed, error)
}

// Service manages subscriptions. It is safe for concurrent use.
type Service struct {
	Subscriptions Subscriptions
	Lines         Lines
	Vault         Vault
	// CheckURL says why an address can't be taken, and "" where it can.
	CheckURL  func(url string) string
	NewSecret func() kyc.Secret
	// NewKeyPair makes a private key, and the public one that a receiver verifies with.
	NewKeyPair func() (private kyc.Secret, public string)
	NewID      func() string
	Now        func() time.Time
}

// maxTries bounds how often a change is made anew because someone else has changed the subscription meanwhile.
const maxTries = 5

// Create subscribes an address to events, and returns the subscription and, unless it is a private key, what its posts are
// signed with. It reports everything that is wrong at once, as webhooks_err.
func (s *Service) Create(ctx context.Context, brandID string, in Input) (kyc.Subscription, kyc.Secret, error) {
	now := s.Now()
	sub, more, wrong := s.apply(kyc.Subscription{
		BrandID: brandID, ID: s.NewID(), Status: kyc.StatusEnabled, CreatedAt: now, UpdatedAt: now, Version: 1,
	}, in, now)
	scheme := scheme(wrong, cmp.Or(in.Scheme, new(string(kyc.SchemeHMAC))))
	if len(wrong) > 0 {
		return kyc.Subscription{}, kyc.Secret{}, invalid(wrong)
	}
	key, shown, public := s.newKey(scheme)
	more[kyc.SubscriptionSecret] = key
	sub.Keys = []kyc.SigningKey{{Field: kyc.SubscriptionSecret, Scheme: scheme, PublicKey: public, CreatedAt: now}}
	var err error
	if sub.Secret, err = s.Vault.Seal(ctx, kyc.SubscriptionPlace(brandID, sub.ID), more); err != nil {
		return kyc.Subscription{}, kyc.Secret{}, fmt.Errorf("seal secret: %w", err)
	}
	return sub, shown, s.Subscriptions.CreateSubscription(ctx, sub)
}

// newKey makes a key. What is shown of it is itself, or nothing of a private one.
func (s *Service) newKey(scheme kyc.Scheme) (key, shown kyc.Secret, public string) {
	if scheme == kyc.SchemeEd25519 {
		key, public = s.NewKeyPair()
		return key, kyc.Secret{}, public
	}
	key = s.NewSecret()
	return key, key, ""
}

// List returns the brand's subscriptions, oldest first.
func (s *Service) List(ctx context.Context, brandID string) ([]kyc.Subscription, error) {
	return s.Subscriptions.Subscriptions(ctx, brandID)
}

// Read returns a subscription.
func (s *Service) Read(ctx context.Context, brandID, subscriptionID string) (kyc.Subscription, error) {
	id, err := idOf(subscriptionID)
	if err != nil {
		return kyc.Subscription{}, err
	}
	return s.Subscriptions.Subscription(ctx, brandID, id)
}

// Secret returns a subscription and what its posts are signed with now, nothing where that is a private key.
func (s *Service) Secret(ctx context.Context, brandID, subscriptionID string) (kyc.Subscription, kyc.Secret, error) {
	sub, err := s.Read(ctx, brandID, subscriptionID)
	if err != nil || sub.Keys[0].Scheme == kyc.SchemeEd25519 {
		return sub, kyc.Secret{}, err
	}
	opened, err := s.Vault.Open(ctx, kyc.SubscriptionPlace(brandID, sub.ID), sub.Secret)
	if err != nil {
		return sub, kyc.Secret{}, fmt.Errorf("open secret of subscription %s: %w", sub.ID, err)
	}
	return sub, opened[sub.Keys[0].Field], nil
}

// Delete removes a subscription and returns what it was.
func (s *Service) Delete(ctx context.Context, brandID, subscriptionID string) (kyc.Subscription, error) {
	id, err := idOf(subscriptionID)
	if err != nil {
		return kyc.Subscription{}, err
	}
	return s.Subscriptions.DeleteSubscription(ctx, brandID, id)
}

// Update changes what in says, and leaves the rest as it is. A list of events, and a plan of retries, takes the place of
// that which was there; of headers each is changed by itself. It reports everything that is wrong at once, as webhooks_err,
// and kyc.Outdated where the version is none that matches.
func (s *Service) Update(ctx context.Context, brandID, subscriptionID string, matches func(version int) bool, in Input) (kyc.Subscription, error) {
	return s.change(ctx, brandID, subscriptionID, matches, func(sub kyc.Subscription, now time.Time) (kyc.Subscription, kyc.Profile, error) {
		changed, more, wrong := s.apply(sub, in, now)
		if in.Scheme != nil && wrong["signature_scheme"] == nil && *in.Scheme != string(sub.Keys[0].Scheme) {
			wrong["signature_scheme"] = []string{"Is changed with a new key: send it with POST on the path that ends in secret/rotate."}
		}
		if len(wrong) > 0 {
			return sub, nil, invalid(wrong)
		}
		return changed, more, nil
	})
}

const (
	// defaultOverlap and maxOverlap are for how long a key that is replaced goes on signing.
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 7 * 24 * time.Hour
)

// Rotation is a change of keys as it came in.
type Rotation struct {
	Overlap *int                // seconds; a day where it is not sent
	Scheme  *string             // that of the key before where it is not sent
	Wrong   map[string][]string // what the reader of the body has found wrong already
}

// Rotate gives a subscription a new key, and returns it as Create does. The keys before it go on signing for the overlap; an
// overlap of 0 ends them at once.
func (s *Service) Rotate(
	ctx context.Context, brandID, subscriptionID string, matches func(version int) bool, in Rotation,
) (kyc.Subscription, kyc.Secret, error) {
	wrong := map[string][]string{}
	overlap := defaultOverlap
	if in.Overlap != nil {
		overlap = seconds(*in.Overlap)
	}
	if overlap < 0 || overlap > maxOverlap {
		wrong["overlap_seconds"] = []string{fmt.Sprintf("Must be from 0, which ends the keys before at once, to %d.", int(maxOverlap.Seconds()))}
	}
	chosen := scheme(wrong, in.Scheme)
	maps.Copy(wrong, in.Wrong)
	if len(wrong) > 0 {
		return kyc.Subscription{}, kyc.Secret{}, invalid(wrong)
	}
	var shown kyc.Secret
	sub, err := s.change(ctx, brandID, subscriptionID, matches, func(sub kyc.Subscription, now time.Time) (kyc.Subscription, kyc.Profile, error) {
		chosen := cmp.Or(chosen, sub.Keys[0].Scheme)
		var key kyc.Secret
		var public string
		key, shown, public = s.newKey(chosen)
		changed, field := sub.Rotated(chosen, public, overlap, now)
		if len(changed.Keys) > kyc.MaxSigningKeys {
			return sub, nil, &kyc.Error{Kind: kyc.Conflict, Code: "webhooks_err", Message: fmt.Sprintf(
				"A subscription signs with %d keys at the most, and this one does. Send overlap_seconds 0, which ends those before at once, or wait until one ends.",
				kyc.MaxSigningKeys)}
		}
		return changed, kyc.Profile{field: key}, nil
	})
	if err != nil {
		return kyc.Subscription{}, kyc.Secret{}, err
	}
	return sub, shown, nil
}

// change makes the change that edit makes of a subscription, unless that is not what the caller has seen, and seals what
// edit says is to be sealed with it. It makes it anew where someone else has changed the subscription meanwhile.
func (s *Service) change(
	ctx context.Context, brandID, subscriptionID string, matches func(version int) bool,
	edit func(kyc.Subscription, time.Time) (kyc.Subscription, kyc.Profile, error),
) (kyc.Subscription, error) {
	for range maxTries {
		seen, err := s.Read(ctx, brandID, subscriptionID)
		if err != nil {
			return kyc.Subscription{}, err
		}
		if !matches(seen.Version) {
			return kyc.Subscription{}, kyc.ErrOutdated("webhook subscription")
		}
		now := s.Now()
		changed, more, err := edit(seen, now)
		if err != nil {
			return kyc.Subscription{}, err
		}
		if len(more) == 0 && reflect.DeepEqual(seen, changed) {
			return seen, nil
		}
		if len(more) > 0 {
			if changed.Secret, err = s.Vault.Add(ctx, kyc.SubscriptionPlace(brandID, seen.ID), changed.Secret, more); err != nil {
				return kyc.Subscription{}, fmt.Errorf("seal secrets of subscription %s: %w", seen.ID, err)
			}
		}
		changed.UpdatedAt, changed.Version = now, seen.Version+1
		done, err := s.store(ctx, seen, changed)
		if err != nil {
			return kyc.Subscription{}, err
		}
		if done {
			return changed, nil
		}
	}
	return kyc.Subscription{}, &kyc.Error{Kind: kyc.Conflict, Code: "webhooks_err",
		Message: "Other requests kept changing this subscription, and this one has changed nothing. Send it again."}
}

// store stores a changed subscription. Where posts get a new chance, because it is enabled or leads elsewhere, what is held
// for it is to be sent.
func (s *Service) store(ctx context.Context, seen, changed kyc.Subscription) (bool, error) {
	if changed.Status != kyc.StatusEnabled || seen.Status == kyc.StatusEnabled && seen.URL == changed.URL {
		return s.Subscriptions.UpdateSubscription(ctx, changed)
	}
	_, line, err := s.Lines.Line(ctx, kyc.SubscriptionRef{BrandID: changed.BrandID, SubscriptionID: changed.ID})
	if err != nil {
		return false, err
	}
	return s.Lines.SetStatus(ctx, changed, line.Drain(changed.UpdatedAt), nil)
}

func idOf(subscriptionID string) (string, error) {
	id := strings.ToLower(subscriptionID)
	if !kyc.IsUUID(id) {
		return "", &kyc.Error{Kind: kyc.Invalid, Code: "webhooks_err", Message: "The webhook_id in the path is not a UUID."}
	}
	return id, nil
}

func invalid(wrong map[string][]string) error {
	return &kyc.Error{Kind: kyc.Invalid, Code: "webhooks_err", Fields: wrong}
}

// seconds is a time that a body gives as a number. One that no duration can hold is as long as the longest.
func seconds(n int) time.Duration {
	const most = int(1<<63-1) / int(time.Second)
	return time.Duration(max(min(n, most), -most)) * time.Second
}
