package kyc

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// OfProfile stands where a program's id stands, in Versions, Relayed and a Note, for the changes of a customer's data: they
// belong to no program, and are relayed as the changes of a program are. Their version is the profile's.
const OfProfile = "profile"

// ProfileChange says which of a customer's data an update changed, never to what.
type ProfileChange struct {
	Version int // the profile_version that it made
	At      time.Time
	Fields  []Field // sorted; PhysicalAddress for addresses of any type
}

// maxChanges bounds what a customer's item keeps of changes that are still to be relayed. The next one is told of
// together with the newest.
const maxChanges = 8

// Update is a change of a customer's data, complete but for the store's consent: it happens only if nobody has written
// the customer since it was read.
type Update struct {
	Customer Customer // as it was read
	Profile  Sealed   // after the change
	Present  []Field  // what that has a value for
	Changes  []ProfileChange
	SSN      SSNEntries
	Alarm    time.Time // in real time
}

// Update returns the update that makes before, the customer's data, what after says, without its sealed form. It returns
// nil where that is the same, and refuses what KYC does not allow: while an attempt is running the identity that it judges stays
// as it is, after a pass the identity that passed.
func (c Customer) Update(before, after Profile, now Moment) (*Update, error) {
	changed := before.Changed(after)
	if len(changed) == 0 {
		return nil, nil
	}
	if refusal := c.keepsIdentity(before, after, changed); refusal != nil {
		return nil, refusal
	}
	alarm := now.Alarm()
	if !c.DueAt.IsZero() && c.DueAt.Before(alarm) {
		alarm = c.DueAt // no deadline moves because somebody keeps writing
	}
	return &Update{Customer: c, Present: after.Present(), Changes: c.changesWith(changed, now.Time), Alarm: alarm}, nil
}

// keepsIdentity refuses a change of identity while it must not change. A pass in any program weighs more than an attempt
// that runs in another.
func (c Customer) keepsIdentity(before, after Profile, changed []Field) *Error {
	judged := slices.DeleteFunc(slices.Clone(changed), func(f Field) bool {
		return f == BrandPersonID || f == PhysicalAddress && before.sameIdentifying(after)
	})
	frozen := slices.DeleteFunc(slices.Clone(changed), func(f Field) bool {
		return f == Email || f == Phone || f == PhoneCountryCode || f == PhysicalAddress && before.sameIdentifying(after)
	})
	for _, a := range c.Attempts {
		if a.Status == Passed && len(frozen) > 0 {
			return &Error{Kind: Conflict, Code: "kyc_customer", Extra: map[string]any{"fields": frozen},
				Message: "The customer has passed KYC, and the identity that passed may not be changed. E-mail address, phone and secondary addresses may: send those without the fields that are named here."}
		}
	}
	for _, programID := range slices.Sorted(maps.Keys(c.Attempts)) {
		a := c.Attempts[programID]
		if (a.Status == Submitted || a.Status == UnderReview) && len(judged) > 0 {
			return &Error{Kind: Conflict, Code: "kyc_in_progress",
				Message: "An attempt is judging this customer's identity, which may not change meanwhile. Wait for its webhook, or cancel it, and send the same request again.",
				Extra:   map[string]any{"attempt_id": a.ID, "kyc_status": string(a.Status), "program_id": programID}}
		}
	}
	return nil
}

// Contradicts reports whether what a start brought is at odds with the identity that has passed in another program. It may add
// to that; what has passed stays as it is.
func (c Customer) Contradicts(onFile, brought Profile) bool {
	return c.passed() && onFile.ReplacedBy(brought)
}

// passed reports whether the customer has passed in any program.
func (c Customer) passed() bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(c.Attempts)), func(a Attempt) bool { return a.Status == Passed })
}

// ReplacedBy reports whether what a start brought makes somebody else of who is on file: by another SSN or date of birth.
func (p Profile) ReplacedBy(brought Profile) bool {
	return slices.ContainsFunc([]Field{SSN, BirthDate}, func(f Field) bool {
		return p.Get(f) != "" && brought.Get(f) != "" && p.Get(f) != brought.Get(f)
	})
}

// changesWith returns the changes that are still to be relayed, with one more.
func (c Customer) changesWith(changed []Field, at time.Time) []ProfileChange {
	next := ProfileChange{Version: c.ProfileVersion + 1, At: at, Fields: changed}
	pending := slices.DeleteFunc(slices.Clone(c.Changes), func(p ProfileChange) bool { return p.Version <= c.Relayed[OfProfile] })
	if n := len(pending); n == maxChanges {
		next.Fields = slices.Compact(slices.Sorted(slices.Values(slices.Concat(pending[n-1].Fields, changed))))
		pending = pending[:n-1]
	}
	return append(pending, next)
}

// updates returns the events of the changes of the customer's data that made a version after the given one. The last change
// of a closed customer is its deletion.
func (c Customer) updates(after int) []Event {
	var events []Event
	for _, change := range c.Changes {
		if change.Version > after {
			events = append(events, Event{
				ID: EventID(c.ID, change.Version), Name: EventCustomerUpdated, BrandID: c.BrandID, CustomerID: c.ID,
				OccurredAt: change.At, StateVersion: change.Version, Fields: change.Fields,
			})
		}
	}
	if c.Closed() && c.ProfileVersion > after {
		events = append(events, Event{
			ID: EventID(c.ID, c.ProfileVersion), Name: EventCustomerDeleted, BrandID: c.BrandID, CustomerID: c.ID,
			OccurredAt: c.ClosedAt, StateVersion: c.ProfileVersion,
		})
	}
	return events
}

// Changed lists, sorted, the fields that differ between p and q, PhysicalAddress for the parts of addresses of any type.
func (p Profile) Changed(q Profile) []Field {
	var changed []Field
	for f := range p.With(q) {
		if p.Get(f) != q.Get(f) {
			name, _, _ := strings.Cut(string(f), "/")
			changed = append(changed, Field(name))
		}
	}
	slices.Sort(changed)
	return slices.Compact(changed)
}

// sameIdentifying reports whether every address that identifies the customer is in q too, unchanged.
func (p Profile) sameIdentifying(q Profile) bool {
	kept := q.Addresses()
	return !slices.ContainsFunc(identifyingOf(p.Addresses()), func(a Address) bool { return !slices.Contains(kept, a) })
}

// identifyingOf returns those of a customer's addresses that identify it: the primary one and, where the primary one is no
// place, each that is.
func identifyingOf(all []Address) []Address {
	placeless := slices.ContainsFunc(all, func(a Address) bool { return a.IsPrimary && !a.IsPhysical() })
	return slices.DeleteFunc(slices.Clone(all), func(a Address) bool { return !a.IsPrimary && !(placeless && a.IsPhysical()) })
}
