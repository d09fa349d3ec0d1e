package simulation

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/message"
	"kyc/shared/platform"
)

// ports is the world as the use cases see it: each call of the table, the queues and everything outside is an effect.
type ports struct{ w *world }

// Now reads the clock of a brand, as it does on a sandbox stage, where somebody moves one.
func (p ports) Now(ctx context.Context, brandID string) (kyc.Moment, error) {
	var ahead time.Duration
	if p.w.moves {
		var err error
		if ahead, err = p.Ahead(ctx, brandID); err != nil {
			return kyc.Moment{}, err
		}
	}
	p.w.current.saw = p.w.now.Add(ahead)
	return kyc.Moment{Time: p.w.current.saw, Ahead: ahead}, nil
}

func (p ports) Ahead(ctx context.Context, brandID string) (ahead time.Duration, err error) {
	err = p.w.read("read clock", func() (err error) {
		ahead, err = p.w.table.Ahead(ctx, brandID)
		return err
	})
	return ahead, err
}

func (p ports) MoveClock(ctx context.Context, brandID string, from, to time.Duration, alarm time.Time) (done bool, err error) {
	err = p.w.effect("move clock", changes, func() (err error) {
		done, err = p.w.table.MoveClock(ctx, brandID, from, to, alarm)
		p.w.checkClock(brandID, alarm)
		return err
	})
	return done, err
}

func (p ports) SettleClock(ctx context.Context, c kyc.MovedClock) error {
	return p.w.effect("settle clock", changes, func() error {
		err := p.w.table.SettleClock(ctx, c)
		p.w.checkClock(c.BrandID, time.Time{})
		return err
	})
}

// DueClocks answers for the brands of this world alone, and so does Due for its customers.
func (p ports) DueClocks(ctx context.Context, now time.Time, limit int) (due []kyc.MovedClock, err error) {
	err = p.w.read("read due clocks", func() (err error) {
		due, err = p.w.table.DueClocks(ctx, now, limit)
		due = slices.DeleteFunc(due, func(c kyc.MovedClock) bool { return p.w.history.clocks[c.BrandID] == nil })
		return err
	})
	return due, err
}

func (p ports) BrandAlarms(ctx context.Context, brandID string, after time.Time) iter.Seq2[kyc.CustomerRef, error] {
	return func(yield func(kyc.CustomerRef, error) bool) {
		var refs []kyc.CustomerRef
		err := p.w.read("read alarms of the brand", func() error {
			for ref, err := range p.w.table.BrandAlarms(ctx, brandID, after) {
				if err != nil {
					return err
				}
				refs = append(refs, ref)
			}
			return nil
		})
		if err != nil {
			yield(kyc.CustomerRef{}, err)
			return
		}
		for _, ref := range refs {
			if !yield(ref, nil) {
				return
			}
		}
	}
}

func (p ports) Ring(ctx context.Context, ref kyc.CustomerRef, now time.Time) error {
	return p.w.change("ring", ref.BrandID, ref.CustomerID, func() error { return p.w.table.Ring(ctx, ref, now) })
}

// CreateCustomer is of no scenario: the customers are there when it begins.
func (p ports) CreateCustomer(context.Context, kyc.NewCustomer) (*kyc.KeyRecord, error) {
	return nil, errInjected
}

func (p ports) CustomerAndProfile(ctx context.Context, brandID, customerID string) (c kyc.Customer, sealed kyc.Sealed, err error) {
	err = p.w.read("read customer and profile", func() (err error) {
		c, sealed, err = p.w.table.CustomerAndProfile(ctx, brandID, customerID)
		return err
	})
	return c, sealed, err
}

func (p ports) UpdateProfile(ctx context.Context, up kyc.Update) (done bool, err error) {
	err = p.w.change("update profile", up.Customer.BrandID, up.Customer.ID, func() (err error) {
		done, err = p.w.table.UpdateProfile(ctx, up)
		return err
	})
	return done, err
}

func (p ports) RetryRequests(ctx context.Context, brandID string, limit int) ([]kyc.RetryRequest, error) {
	return p.w.table.RetryRequests(ctx, brandID, limit)
}

func (p ports) DropRetryRequest(ctx context.Context, pair kyc.Pair, r kyc.AuditRecord) error {
	return p.w.write("drop retry request", func() error { return p.w.table.DropRetryRequest(ctx, pair, r) })
}

func (p ports) KeepRecord(ctx context.Context, r kyc.AuditRecord) error {
	return p.w.write("keep record", func() error { return p.w.table.KeepRecord(ctx, r) })
}

func (p ports) OpenAttempt(ctx context.Context, start kyc.Start) (stood *kyc.Standing, err error) {
	err = p.w.change("open attempt", start.BrandID, start.CustomerID, func() (err error) {
		stood, err = p.w.table.OpenAttempt(ctx, start)
		return err
	})
	return stood, err
}

func (p ports) Claim(ctx context.Context, work kyc.Work, now, until time.Time) (c kyc.Customer, stood *kyc.Standing, err error) {
	err = p.w.change("claim", work.BrandID, work.CustomerID, func() (err error) {
		c, stood, err = p.w.table.Claim(ctx, work, now, until)
		return err
	})
	return c, stood, err
}

func (p ports) AdvanceAttempt(ctx context.Context, a kyc.Advance) (stood *kyc.Standing, err error) {
	byVerifier := strings.HasPrefix(p.w.current.name, "verifier")
	err = p.w.change("advance to "+string(a.To.Status), a.BrandID, a.CustomerID, func() (err error) {
		held := p.w.history.seen[kyc.CustomerRef{BrandID: a.BrandID, CustomerID: a.CustomerID}].Attempts[a.ProgramID]
		stood, err = p.w.table.AdvanceAttempt(ctx, a)
		if err == nil && stood == nil {
			p.w.checkAdvance(ctx, held, a, byVerifier)
		}
		return err
	})
	return stood, err
}

func (p ports) RequestRetry(ctx context.Context, r kyc.RetryRequest) (since time.Time, err error) {
	err = p.w.write("request retry", func() (err error) {
		since, err = p.w.table.RequestRetry(ctx, r)
		return err
	})
	return since, err
}

func (p ports) RecordLate(ctx context.Context, c kyc.Customer, programID string, a kyc.Attempt) error {
	return p.w.change("record late results", c.BrandID, c.ID, func() error { return p.w.table.RecordLate(ctx, c, programID, a) })
}

func (p ports) NoteRelayed(ctx context.Context, c kyc.Customer, n kyc.Note) error {
	return p.w.change("note relayed", c.BrandID, c.ID, func() error { return p.w.table.NoteRelayed(ctx, c, n) })
}

func (p ports) MoveAlarm(ctx context.Context, c kyc.Customer, at time.Time) error {
	return p.w.change("move alarm", c.BrandID, c.ID, func() error { return p.w.table.MoveAlarm(ctx, c, at) })
}

func (p ports) ArchiveAttempt(ctx context.Context, brandID, customerID, programID string, a kyc.Attempt) error {
	return p.w.write("archive", func() error {
		p.w.archived(a)
		return p.w.table.ArchiveAttempt(ctx, brandID, customerID, programID, a)
	})
}

func (p ports) KeepEvent(ctx context.Context, e kyc.Event) error {
	return p.w.write("keep "+string(e.Name), func() error {
		p.w.checkEvent(e)
		return p.w.table.KeepEvent(ctx, e)
	})
}

func (p ports) Customer(ctx context.Context, brandID, customerID string) (c kyc.Customer, err error) {
	err = p.w.read("read customer", func() (err error) {
		c, err = p.w.table.Customer(ctx, brandID, customerID)
		return err
	})
	return c, err
}

func (p ports) Aggregate(ctx context.Context, brandID, customerID string) (kyc.Customer, error) {
	return p.Customer(ctx, brandID, customerID)
}

func (p ports) Profile(ctx context.Context, brandID, customerID string) (sealed kyc.Sealed, version int, err error) {
	err = p.w.read("read profile", func() (err error) {
		sealed, version, err = p.w.table.Profile(ctx, brandID, customerID)
		return err
	})
	return sealed, version, err
}

func (p ports) Subscribers(ctx context.Context, brandID string) (subs []kyc.Subscription, err error) {
	err = p.w.read("read subscribers", func() (err error) {
		subs, err = p.w.table.Subscribers(ctx, brandID)
		return err
	})
	return subs, err
}

func (p ports) Due(ctx context.Context, now time.Time, limit int) (due []kyc.CustomerRef, err error) {
	err = p.w.read("read due", func() (err error) {
		due, err = p.w.table.Due(ctx, now, limit)
		due = slices.DeleteFunc(due, func(ref kyc.CustomerRef) bool { return p.w.streams[ref] == nil })
		slices.SortFunc(due, func(a, b kyc.CustomerRef) int { return slices.Compare([]byte(a.BrandID), []byte(b.BrandID)) })
		return err
	})
	return due, err
}

// Program is cached in each environment, and so no effect.
func (p ports) Program(_ context.Context, brandID, programID string) (kyc.Program, error) {
	policy := kyc.DefaultPolicy()
	if p.w.automatic {
		policy.Documents = kyc.DocumentsAutomatic
	}
	return kyc.Program{BrandID: brandID, ID: programID, Policies: map[int]kyc.Policy{1: policy}, PolicyVersion: 1}, nil
}

func (p ports) CurrentProgram(ctx context.Context, brandID, programID string) (kyc.Program, error) {
	return p.Program(ctx, brandID, programID)
}

func (p ports) Verify(_ context.Context, work kyc.Work) error {
	return p.w.write("send work", func() error {
		p.w.checkWork(work)
		body, err := message.EncodeWork(work)
		p.w.work.messages = append(p.w.work.messages, &letter{body: body, visible: p.w.now})
		return err
	})
}

// The vault's keys are cached in each environment, so that it has no effects. Its encryption is a mark of the place.

func (p ports) Seal(_ context.Context, place kyc.Place, fields kyc.Profile) (kyc.Sealed, error) {
	return p.w.seal(place, fields), nil
}

func (p ports) Purpose(context.Context, string) (kyc.Derived, error) {
	return kyc.Derived{Keys: [][]byte{[]byte("secret")}}, nil
}

func (p ports) Open(_ context.Context, place kyc.Place, sealed kyc.Sealed) (kyc.Profile, error) {
	opened := kyc.Profile{}
	for f, v := range sealed.Fields {
		opened.Set(f, string(v))
	}
	if !sealed.Empty() && string(sealed.Key) != place.BrandID+place.Owner {
		p.w.breaks("what was sealed for %s is opened as %s", sealed.Key, place.BrandID+place.Owner)
	}
	return opened, nil
}

func (p ports) Add(ctx context.Context, place kyc.Place, sealed kyc.Sealed, more kyc.Profile) (kyc.Sealed, error) {
	opened, err := p.Open(ctx, place, sealed)
	return p.w.seal(place, opened.With(more)), err
}

func (w *world) seal(place kyc.Place, fields kyc.Profile) kyc.Sealed {
	sealed := kyc.Sealed{Key: []byte(place.BrandID + place.Owner), Fields: map[kyc.Field][]byte{}}
	for f := range maps.Keys(fields) {
		sealed.Fields[f] = []byte(fields.Get(f))
	}
	return sealed
}

// asking is the identity provider, asked for one piece of work.
type asking struct {
	w    *world
	work kyc.Work
}

func (a asking) Check(_ context.Context, applicant kyc.Profile, _ []kyc.Check, _ []kyc.DocumentType) (verdict kyc.Verdict, err error) {
	err = a.w.write("ask the provider", func() (err error) {
		a.w.checkAsked(a.work)
		a.w.history.attempts[a.work.AttemptID].judged = applicant
		a.w.asked++
		verdict, err = a.w.verdict(a.w.asked)
		return err
	})
	return verdict, err
}

// granting is the table, where so many attempts are granted.
type granting struct {
	ports
	attempts int
}

func (g granting) GrantAttempts(ctx context.Context, c kyc.Customer, programID string, used int, r kyc.AuditRecord) (granted bool, err error) {
	err = g.w.change("grant", c.BrandID, c.ID, func() (err error) {
		held := g.w.history.seen[kyc.CustomerRef{BrandID: c.BrandID, CustomerID: c.ID}].Used[programID]
		granted, err = g.w.table.GrantAttempts(ctx, c, programID, used, r)
		if granted {
			g.w.checkGrant(held, used, g.attempts)
		}
		return err
	})
	return granted, err
}

// operated is what an operator made before the scenario begins, its brands and programs, and where its actions are
// recorded.
type operated struct {
	brands
	programs
	audit
	ports ports
}

type (
	brands   = platform.Brands
	programs = platform.Programs
	audit    = platform.Audit
)

func (o operated) KeepRecord(ctx context.Context, r kyc.AuditRecord) error {
	return o.ports.KeepRecord(ctx, r)
}

func (operated) Brand(_ context.Context, brandID string) (kyc.Brand, error) {
	return kyc.Brand{ID: brandID}, nil
}

func (o operated) CurrentProgram(ctx context.Context, brandID, programID string) (kyc.Program, error) {
	return o.ports.Program(ctx, brandID, programID)
}

// posting is the endpoint of a subscription.
type posting struct {
	w *world
	d kyc.DeliveryRef
}

func (s posting) Send(_ context.Context, to kyc.Endpoint, e kyc.Event) (try kyc.Try, err error) {
	err = s.w.write("post "+string(e.Name), func() error {
		kept := e
		kept.UploadLink = kyc.Secret{} // only on the way out
		if s.w.checkEvent(kept); (e.Link == 0) != e.UploadLink.IsZero() {
			s.w.breaks("event %s asks for documents, and has no link, or the other way round", e.ID)
		}
		s.w.give(e.UploadLink)
		if len(to.Keys) != 1 || to.Keys[0].Reveal() != s.d.SubscriptionID {
			s.w.breaks("event %s is signed with another subscription's secret", e.ID)
		}
		try = s.w.received(s.d.SubscriptionID, e)
		return nil
	})
	return try, err
}
