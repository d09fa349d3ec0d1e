package memstore

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"kyc/shared/kyc"
)

type eventRef struct{ brandID, eventID string }

type answerRef struct {
	kyc.DeliveryRef
	at time.Time
}

// KeepEvent stores an event. Keeping it again does nothing.
func (s *Store) KeepEvent(_ context.Context, e kyc.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(e)
	return nil
}

func (s *Store) keep(e kyc.Event) {
	ref := eventRef{e.BrandID, e.ID}
	if _, kept := s.events[ref]; !kept {
		s.events[ref] = e
	}
}

// Event returns an event of a brand, or a kyc.NotFound error.
func (s *Store) Event(_ context.Context, brandID, eventID string) (kyc.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, kept := s.events[eventRef{brandID, eventID}]
	if !kept {
		return e, &kyc.Error{Kind: kyc.NotFound, Code: "webhooks_err"}
	}
	return e, nil
}

// EventsAfter lists up to limit events of a brand, oldest first: those after a place and before a time.
func (s *Store) EventsAfter(_ context.Context, brandID string, after kyc.EventAt, until time.Time, limit int) ([]kyc.Event, kyc.EventAt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []kyc.Event
	for _, e := range s.events {
		if e.BrandID == brandID && e.OccurredAt.Before(until) && place(e).after(after) {
			events = append(events, e)
		}
	}
	slices.SortFunc(events, func(a, b kyc.Event) int { return place(a).compare(place(b)) })
	if len(events) <= limit {
		return events, kyc.EventAt{}, nil
	}
	return events[:limit], kyc.EventAt(place(events[limit-1])), nil
}

type eventPlace kyc.EventAt

func place(e kyc.Event) eventPlace { return eventPlace{e.OccurredAt, e.ID} }

func (p eventPlace) compare(q eventPlace) int {
	return cmp.Or(p.OccurredAt.Compare(q.OccurredAt), strings.Compare(p.EventID, q.EventID))
}

// after reports whether p comes after a place, which stands before all of its moment where it names no event.
func (p eventPlace) after(at kyc.EventAt) bool { return p.compare(eventPlace(at)) > 0 }

// UpdateSubscription stores a changed subscription. It reports false where it was changed or deleted since.
func (s *Store) UpdateSubscription(_ context.Context, sub kyc.Subscription) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs[sub.BrandID][sub.ID].Version != sub.Version-1 {
		return false, nil
	}
	s.subs[sub.BrandID][sub.ID] = sub
	return true, nil
}

// SetStatus stores a subscription whose status was changed, with its line and the event that tells of it.
func (s *Store) SetStatus(_ context.Context, sub kyc.Subscription, l kyc.Line, tell *kyc.Event) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := kyc.SubscriptionRef{BrandID: sub.BrandID, SubscriptionID: sub.ID}
	if s.subs[sub.BrandID][sub.ID].Version != sub.Version-1 || s.lines[ref].Rev != l.Rev {
		return false, nil
	}
	s.subs[sub.BrandID][sub.ID] = sub
	l.Rev++
	s.lines[ref] = l
	if tell != nil {
		s.keep(*tell)
	}
	return true, nil
}

// Shipment returns all that there is to know for one post.
func (s *Store) Shipment(_ context.Context, ref kyc.DeliveryRef) (kyc.Shipment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := kyc.Shipment{Line: s.lines[ref.Subscription()], Delivery: s.deliveries[ref]}
	if sub, found := s.subs[ref.BrandID][ref.SubscriptionID]; found {
		all.Subscription = &sub
	}
	if e, kept := s.events[eventRef{ref.BrandID, ref.EventID}]; kept {
		all.Event = &e
		if all.Delivery.Rev == 0 {
			all.Delivery = kyc.NewDelivery(ref.SubscriptionID, e)
		}
	}
	return all, nil
}

// Delivery returns a delivery with its answers, or a kyc.NotFound error.
func (s *Store) Delivery(_ context.Context, ref kyc.DeliveryRef) (kyc.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.deliveries[ref]
	if d.Rev == 0 {
		return d, &kyc.Error{Kind: kyc.NotFound, Code: "webhooks_err"}
	}
	d.Tries = slices.Clone(d.Tries)
	for n, t := range d.Tries {
		if t.Apart {
			d.Tries[n].Kept = s.answers[answerRef{ref, t.At}]
		}
	}
	return d, nil
}

// AdvanceDelivery stores a delivery that was made from the one of revision Rev, or returns what stood in the way.
func (s *Store) AdvanceDelivery(_ context.Context, d kyc.Delivery) (*kyc.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.deliveries[d.DeliveryRef]
	expected := held.Rev == d.Rev
	d.Rev++
	switch {
	case expected:
		s.deliveries[d.DeliveryRef] = d
	case held.Rev == 0:
		return nil, errors.New("advance delivery: it is no longer kept")
	case !reflect.DeepEqual(held, d): // equal where this very write was made before
		return &held, nil
	}
	return nil, nil
}

// KeepAnswer stores the long answer to the try of a delivery.
func (s *Store) KeepAnswer(_ context.Context, d kyc.Delivery, at time.Time, answer kyc.Sealed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[answerRef{d.DeliveryRef, at}] = answer
	return nil
}

// Line returns a subscription, nil once it is deleted, and the line to its endpoint.
func (s *Store) Line(_ context.Context, ref kyc.SubscriptionRef) (*kyc.Subscription, kyc.Line, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub, found := s.subs[ref.BrandID][ref.SubscriptionID]; found {
		return &sub, s.lines[ref], nil
	}
	return nil, s.lines[ref], nil
}

// AdvanceLine stores a line that was made from the one of revision Rev.
func (s *Store) AdvanceLine(_ context.Context, ref kyc.SubscriptionRef, l kyc.Line) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.lines[ref]
	expected := held.Rev == l.Rev
	l.Rev++
	if expected {
		s.lines[ref] = l
	}
	return expected || reflect.DeepEqual(held, l), nil // equal where this very write was made before
}

// Queue lets an event wait for its turn in a lane. Doing it again does nothing.
func (s *Store) Queue(_ context.Context, lane kyc.Lane, e kyc.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.lanes[lane], e.ID) {
		s.lanes[lane] = slices.SortedFunc(slices.Values(append(slices.Clone(s.lanes[lane]), e.ID)), func(a, b string) int {
			return cmp.Or(cmp.Compare(kyc.VersionOf(a), kyc.VersionOf(b)), strings.Compare(a, b))
		})
	}
	return nil
}

// Head returns the event that is first in a lane, empty where there is none.
func (s *Store) Head(_ context.Context, lane kyc.Lane) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lanes[lane]) == 0 {
		return "", nil
	}
	return s.lanes[lane][0], nil
}

// Leave takes an event from its lane, where it is in there.
func (s *Store) Leave(_ context.Context, lane kyc.Lane, eventID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lanes[lane] = slices.DeleteFunc(slices.Clone(s.lanes[lane]), func(id string) bool { return id == eventID })
	if len(s.lanes[lane]) == 0 {
		delete(s.lanes, lane)
	}
	return nil
}

// DueWebhooks lists the deliveries and the lines whose alarm has gone off by now, the longest waiting first.
func (s *Store) DueWebhooks(_ context.Context, now time.Time, limit int) ([]kyc.DeliveryRef, []kyc.SubscriptionRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := func(at time.Time) bool { return !at.IsZero() && !at.After(now) }
	var deliveries []kyc.Delivery
	for _, d := range s.deliveries {
		if due(d.DueAt) {
			deliveries = append(deliveries, d)
		}
	}
	slices.SortFunc(deliveries, func(a, b kyc.Delivery) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), strings.Compare(a.EventID, b.EventID), strings.Compare(a.SubscriptionID, b.SubscriptionID))
	})
	var refs []kyc.DeliveryRef
	for _, d := range deliveries[:min(limit, len(deliveries))] {
		refs = append(refs, d.DeliveryRef)
	}
	var lines []kyc.SubscriptionRef
	for ref, l := range s.lines {
		if due(l.DueAt) {
			lines = append(lines, ref)
		}
	}
	slices.SortFunc(lines, func(a, b kyc.SubscriptionRef) int {
		return cmp.Or(s.lines[a].DueAt.Compare(s.lines[b].DueAt), strings.Compare(a.SubscriptionID, b.SubscriptionID))
	})
	return refs, lines[:min(limit, len(lines))], nil
}

// RingDelivery moves an alarm that has gone off by the time now to a later time.
func (s *Store) RingDelivery(_ context.Context, ref kyc.DeliveryRef, now, alarm time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.deliveries[ref]
	if d.DueAt.IsZero() || d.DueAt.After(now) {
		return false, nil
	}
	d.DueAt = alarm
	d.Rev++
	s.deliveries[ref] = d
	return true, nil
}

// HeldDeliveries lists up to limit deliveries that are held for a subscription, the oldest event first.
func (s *Store) HeldDeliveries(_ context.Context, sub kyc.SubscriptionRef, limit int) ([]kyc.DeliveryRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var held []kyc.Delivery
	for ref, d := range s.deliveries {
		if ref.Subscription() == sub && d.Status == kyc.Held {
			held = append(held, d)
		}
	}
	slices.SortFunc(held, func(a, b kyc.Delivery) int {
		return eventPlace{a.OccurredAt, a.EventID}.compare(eventPlace{b.OccurredAt, b.EventID})
	})
	var refs []kyc.DeliveryRef
	for _, d := range held[:min(limit, len(held))] {
		refs = append(refs, d.DeliveryRef)
	}
	return refs, nil
}

// ReleaseDelivery makes a held delivery pending, with an alarm.
func (s *Store) ReleaseDelivery(_ context.Context, ref kyc.DeliveryRef, alarm time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.deliveries[ref]
	if d.Status != kyc.Held {
		return false, nil
	}
	d.Status, d.DueAt = kyc.Pending, alarm
	d.Rev++
	s.deliveries[ref] = d
	return true, nil
}
