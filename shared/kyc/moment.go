package kyc

import "time"

// Moment is the present as a brand's clock shows it. A brand of a sandbox stage may have moved its clock forward, to see
// now what time would bring; for every other brand Ahead is zero.
//
// All that is stored or shown about KYC is in the brand's time: when a customer was created, when an attempt was
// submitted, changed or ended, leases, idempotency keys, ages, events. Alarms alone (Customer.DueAt, Advance.Alarm) are
// in real time, so that one question finds those of all brands. What is not about KYC, like brands, programs, keys,
// subscriptions and the tries and signatures of webhooks, keeps real time too, and knows no Moment.
type Moment struct {
	Time  time.Time
	Ahead time.Duration // of real time, never negative
}

// MaxAhead bounds how far ahead of real time a clock may be moved: past every deadline that there is, of
// which the last is a record's that is kept for ten years.
const MaxAhead = 11 * 365 * 24 * time.Hour

// MovedClock is the clock of a brand that has moved it.
type MovedClock struct {
	BrandID string
	Ahead   time.Duration
}

// Real turns a moment of the brand's time into real time. The zero time, which stands for none, stays what it is.
func (m Moment) Real(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-m.Ahead)
}

// Alarm is the real time at which someone must look again at what is written now.
func (m Moment) Alarm() time.Time { return m.Real(m.Time).Add(AlarmDelay) }
