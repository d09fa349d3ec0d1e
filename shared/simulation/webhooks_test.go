package simulation

import (
	"context"
	"slices"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/message"
)

// onDelivery is a write of a delivery: its effect is read back and checked.
func (p ports) onDelivery(name string, ref kyc.DeliveryRef, do func() error) error {
	return p.w.write(name, func() error {
		err := do()
		s, readErr := p.w.table.Shipment(context.Background(), ref)
		before, after := p.w.history.deliveries[ref], s.Delivery
		switch {
		case readErr != nil:
			p.w.breaks("read back: %v", readErr)
		case after.Rev == before.Rev:
		default:
			if before.Rev > 0 && before.Status != after.Status && !before.Status.CanBecome(after.Status) {
				p.w.breaks("a delivery went from %s to %s", before.Status, after.Status)
			}
			if !after.Status.Resting() && after.Status != kyc.Held && after.DueAt.IsZero() {
				p.w.breaks("nobody will look at a delivery again that is %s", after.Status)
			}
			p.w.history.deliveries[ref] = after
		}
		return err
	})
}

// onLine is a write of a line.
func (p ports) onLine(name string, ref kyc.SubscriptionRef, do func() error) error {
	return p.w.write(name, func() error {
		err := do()
		_, line, readErr := p.w.table.Line(context.Background(), ref)
		if readErr != nil {
			p.w.breaks("read back: %v", readErr)
		}
		p.w.history.lines[ref] = line
		return err
	})
}

func (p ports) Shipment(ctx context.Context, ref kyc.DeliveryRef) (s kyc.Shipment, err error) {
	err = p.w.read("read delivery", func() (err error) {
		s, err = p.w.table.Shipment(ctx, ref)
		return err
	})
	return s, err
}

func (p ports) AdvanceDelivery(ctx context.Context, d kyc.Delivery) (stood *kyc.Delivery, err error) {
	err = p.onDelivery("advance delivery to "+string(d.Status), d.DeliveryRef, func() (err error) {
		stood, err = p.w.table.AdvanceDelivery(ctx, d)
		return err
	})
	return stood, err
}

func (p ports) KeepAnswer(ctx context.Context, d kyc.Delivery, at time.Time, answer kyc.Sealed) error {
	return p.w.write("keep answer", func() error { return p.w.table.KeepAnswer(ctx, d, at, answer) })
}

func (p ports) Line(ctx context.Context, ref kyc.SubscriptionRef) (sub *kyc.Subscription, line kyc.Line, err error) {
	err = p.w.read("read line", func() (err error) {
		sub, line, err = p.w.table.Line(ctx, ref)
		return err
	})
	return sub, line, err
}

func (p ports) AdvanceLine(ctx context.Context, ref kyc.SubscriptionRef, l kyc.Line) (done bool, err error) {
	err = p.onLine("advance line", ref, func() (err error) {
		done, err = p.w.table.AdvanceLine(ctx, ref, l)
		return err
	})
	return done, err
}

func (p ports) SetStatus(ctx context.Context, sub kyc.Subscription, l kyc.Line, tell *kyc.Event) (done bool, err error) {
	err = p.onLine("set status to "+sub.Status, kyc.SubscriptionRef{BrandID: sub.BrandID, SubscriptionID: sub.ID}, func() (err error) {
		done, err = p.w.table.SetStatus(ctx, sub, l, tell)
		return err
	})
	return done, err
}

func (p ports) Queue(ctx context.Context, lane kyc.Lane, e kyc.Event) error {
	return p.w.write("queue event", func() error { return p.w.table.Queue(ctx, lane, e) })
}

func (p ports) Head(ctx context.Context, lane kyc.Lane) (head string, err error) {
	err = p.w.read("read lane", func() (err error) {
		head, err = p.w.table.Head(ctx, lane)
		return err
	})
	return head, err
}

func (p ports) Leave(ctx context.Context, lane kyc.Lane, eventID string) error {
	return p.w.write("leave lane", func() error { return p.w.table.Leave(ctx, lane, eventID) })
}

func (p ports) Event(ctx context.Context, brandID, eventID string) (e kyc.Event, err error) {
	err = p.w.read("read event", func() (err error) {
		e, err = p.w.table.Event(ctx, brandID, eventID)
		return err
	})
	return e, err
}

func (p ports) EventsAfter(ctx context.Context, brandID string, after kyc.EventAt, until time.Time, limit int) (events []kyc.Event, next kyc.EventAt, err error) {
	err = p.w.read("read events", func() (err error) {
		events, next, err = p.w.table.EventsAfter(ctx, brandID, after, until, limit)
		return err
	})
	return events, next, err
}

// DueWebhooks answers for the brands of this world alone. Where nothing is due it is no effect.
func (p ports) DueWebhooks(ctx context.Context, now time.Time, limit int) (due []kyc.DeliveryRef, lines []kyc.SubscriptionRef, err error) {
	ours := func(brandID string) bool {
		return slices.ContainsFunc(p.w.customers, func(c kyc.CustomerRef) bool { return c.BrandID == brandID })
	}
	gone := func(at time.Time) bool { return !at.IsZero() && !at.After(now) }
	any := false
	for _, d := range p.w.history.deliveries {
		any = any || gone(d.DueAt)
	}
	for _, l := range p.w.history.lines {
		any = any || gone(l.DueAt)
	}
	if !any {
		return nil, nil, nil
	}
	err = p.w.read("read due webhooks", func() (err error) {
		due, lines, err = p.w.table.DueWebhooks(ctx, now, limit)
		due = slices.DeleteFunc(due, func(ref kyc.DeliveryRef) bool { return !ours(ref.BrandID) })
		slices.SortFunc(due, func(a, b kyc.DeliveryRef) int {
			return slices.Compare([]byte(a.BrandID+a.EventID), []byte(b.BrandID+b.EventID))
		})
		lines = slices.DeleteFunc(lines, func(ref kyc.SubscriptionRef) bool { return !ours(ref.BrandID) })
		slices.SortFunc(lines, func(a, b kyc.SubscriptionRef) int { return slices.Compare([]byte(a.BrandID), []byte(b.BrandID)) })
		return err
	})
	return due, lines, err
}

func (p ports) RingDelivery(ctx context.Context, ref kyc.DeliveryRef, now, alarm time.Time) (rung bool, err error) {
	err = p.onDelivery("ring delivery", ref, func() (err error) {
		rung, err = p.w.table.RingDelivery(ctx, ref, now, alarm)
		return err
	})
	return rung, err
}

func (p ports) HeldDeliveries(ctx context.Context, sub kyc.SubscriptionRef, limit int) (held []kyc.DeliveryRef, err error) {
	err = p.w.read("read held", func() (err error) {
		held, err = p.w.table.HeldDeliveries(ctx, sub, limit)
		return err
	})
	return held, err
}

func (p ports) ReleaseDelivery(ctx context.Context, ref kyc.DeliveryRef, alarm time.Time) (free bool, err error) {
	err = p.onDelivery("release delivery", ref, func() (err error) {
		free, err = p.w.table.ReleaseDelivery(ctx, ref, alarm)
		return err
	})
	return free, err
}

func (p ports) Notify(ctx context.Context, d kyc.DeliveryRef) error { return p.NotifyAfter(ctx, d, 0) }

func (p ports) NotifyAfter(_ context.Context, d kyc.DeliveryRef, wait time.Duration) error {
	return p.w.write("send delivery", func() error {
		if wait < 0 || wait > kyc.MaxDelay {
			p.w.breaks("a message is to wait for %s", wait)
		}
		if _, kept := p.w.history.bodies[[2]string{d.BrandID, d.EventID}]; !kept {
			p.w.breaks("event %s is sent and was not kept", d.EventID)
		}
		body, err := message.EncodeDelivery(d)
		p.w.mail.messages = append(p.w.mail.messages, &letter{body: body, visible: p.w.now.Add(wait)})
		return err
	})
}
