package notification_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
	"kyc/shared/notification"
)

// shelf keeps the subscriptions of one brand as a store does, or fails. Each change of theirs is made by someone else, just
// before ours is stored.
type shelf struct {
	err    error
	subs   map[string]kyc.Subscription
	theirs []func(*kyc.Subscription)
	writes int
	line   kyc.Line
}

var errNone = &kyc.Error{Kind: kyc.NotFound, Code: "webhooks_err", Message: "None."}

func (s *shelf) CreateSubscription(_ context.Context, sub kyc.Subscription) error {
	s.subs = map[string]kyc.Subscription{sub.ID: sub}
	s.writes++
	return s.err
}

func (s *shelf) Subscription(_ context.Context, brand, id string) (kyc.Subscription, error) {
	sub, found := s.subs[id]
	if !found || brand != brandID {
		return kyc.Subscription{}, errNone
	}
	return sub, s.err
}

func (s *shelf) Subscriptions(context.Context, string) ([]kyc.Subscription, error) {
	return slices.Collect(maps.Values(s.subs)), s.err
}

func (s *shelf) UpdateSubscription(_ context.Context, sub kyc.Subscription) (bool, error) {
	if len(s.theirs) > 0 {
		other := s.subs[sub.ID]
		s.theirs[0](&other)
		other.Version++
		s.theirs, s.subs[sub.ID] = s.theirs[1:], other
	}
	if s.err != nil || s.subs[sub.ID].Version != sub.Version-1 {
		return false, s.err
	}
	s.writes++
	s.subs[sub.ID] = sub
	return true, nil
}

func (s *shelf) Line(_ context.Context, ref kyc.SubscriptionRef) (*kyc.Subscription, kyc.Line, error) {
	sub, found := s.subs[ref.SubscriptionID]
	if !found {
		return nil, kyc.Line{}, s.err
	}
	return &sub, s.line, s.err
}

func (s *shelf) AdvanceLine(context.Context, kyc.SubscriptionRef, kyc.Line) (bool, error) {
	return false, errors.New("no line is advanced without its subscription")
}

func (s *shelf) SetStatus(ctx context.Context, sub kyc.Subscription, l kyc.Line, tell *kyc.Event) (bool, error) {
	if tell != nil {
		return false, errors.New("nobody is told of what the brand does itself")
	}
	done, err := s.UpdateSubscription(ctx, sub)
	if done {
		s.line = l
	}
	return done, err
}

func (s *shelf) DeleteSubscription(ctx context.Context, brand, id string) (kyc.Subscription, error) {
	sub, err := s.Subscription(ctx, brand, id)
	if err == nil {
		delete(s.subs, id)
	}
	return sub, err
}

// glass seals so that everyone can see what is sealed where.
type glass struct{ err error }

func (g glass) Seal(ctx context.Context, p kyc.Place, fields kyc.Profile) (kyc.Sealed, error) {
	return g.Add(ctx, p, kyc.Sealed{Key: []byte(p.Owner)}, fields)
}

func (g glass) Add(_ context.Context, p kyc.Place, s kyc.Sealed, more kyc.Profile) (kyc.Sealed, error) {
	if string(s.Key) != p.Owner {
		return kyc.Sealed{}, fmt.Errorf("sealed for %s, not for %s", s.Key, p.Owner)
	}
	fields := map[kyc.Field][]byte{}
	maps.Copy(fields, s.Fields)
	for f, v := range more {
		fields[f] = []byte(v.Reveal())
	}
	return kyc.Sealed{Key: s.Key, Fields: fields}, g.err
}

func (g glass) Open(_ context.Context, p kyc.Place, s kyc.Sealed) (kyc.Profile, error) {
	opened := kyc.Profile{}
	for f, v := range s.Fields {
		opened[f] = kyc.NewSecret(string(v))
	}
	return opened, g.err
}

// desk is the service at work on a shelf, with a clock and keys that are counted.
type desk struct {
	*notification.Service
	shelf *shelf
	now   time.Time
	keys  int
}

func newDesk() *desk {
	d := &desk{shelf: &shelf{}, now: noon}
	d.Service = &notification.Service{
		Subscriptions: d.shelf, Lines: d.shelf, Vault: glass{}, NewID: func() string { return subID }, Now: func() time.Time { return d.now },
		NewSecret: func() kyc.Secret {
			d.keys++
			return kyc.NewSecret(fmt.Sprint("whsec_", d.keys))
		},
		NewKeyPair: func() (kyc.Secret, string) {
			d.keys++
			return kyc.NewSecret(fmt.Sprint("whsk_", d.keys)), fmt.Sprint("whpk_", d.keys)
		},
		CheckURL: func(url string) string {
			if !strings.HasPrefix(url, "https://") {
				return "Must begin with https://."
			}
			return ""
		},
	}
	return d
}

func (d *desk) create(t *testing.T) kyc.Subscription {
	t.Helper()
	sub, _, err := d.Create(t.Context(), brandID, notification.Input{URL: "https://example.com/hook", Events: []string{"kyc.*"}})
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func always(int) bool { return true }

func TestCreate(t *testing.T) {
	most := notification.Input{
		URL: "https://example.com/hook", Events: []string{"customer.updated", "kyc.verification.success"}, Description: new(strings.Repeat("é", 500)),
		Version: new("0.1"), Status: new("STATUS_PAUSED"), Headers: map[string]*string{"X-Tenant": new("7"), "authorization": new("Bearer abc"), "X-None": nil},
		Timeout: new(30), RetryPlan: []int{1, 86400}, StrictOrder: new(true), Scheme: new("v1a"),
	}
	for name, c := range map[string]struct {
		in    notification.Input
		shown string
		want  kyc.Subscription
	}{
		"as little as can be": {notification.Input{URL: "https://example.com/hook", Events: []string{"customer.updated"}}, "whsec_1", kyc.Subscription{
			Events: []kyc.EventName{kyc.EventCustomerUpdated}, Status: "STATUS_ENABLED",
			Keys:   []kyc.SigningKey{{Field: "secret", Scheme: "v1", CreatedAt: noon}},
			Secret: kyc.Sealed{Fields: map[kyc.Field][]byte{"secret": []byte("whsec_1")}},
		}},
		"as much as can be": {most, "", kyc.Subscription{
			Events: []kyc.EventName{kyc.EventSuccess, kyc.EventCustomerUpdated}, Status: "STATUS_PAUSED", Description: strings.Repeat("é", 500),
			Timeout: 30 * time.Second, RetryPlan: []time.Duration{time.Second, 24 * time.Hour}, StrictOrder: true,
			Keys:    []kyc.SigningKey{{Field: "secret", Scheme: "v1a", PublicKey: "whpk_1", CreatedAt: noon}},
			Headers: []string{"authorization", "X-Tenant"},
			Secret: kyc.Sealed{Fields: map[kyc.Field][]byte{
				"secret": []byte("whsk_1"), "header/authorization": []byte("Bearer abc"), "header/x-tenant": []byte("7"),
			}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			sub, shown, err := d.Create(t.Context(), brandID, c.in)
			c.want.BrandID, c.want.ID, c.want.URL, c.want.CreatedAt, c.want.UpdatedAt, c.want.Version = brandID, subID, "https://example.com/hook", noon, noon, 1
			c.want.Secret.Key = []byte("subscription/" + subID)
			if diff := cmp.Diff([]kyc.Subscription{c.want, c.want}, []kyc.Subscription{sub, d.shelf.subs[subID]}); err != nil || diff != "" || shown.Reveal() != c.shown {
				t.Errorf("%v, shown %q (-want +got):\n%s", err, shown.Reveal(), diff)
			}
		})
	}
}

// What is wrong with a new subscription is wrong with a changed one, but for what needs not be sent.
func TestAllThatIsWrongIsReported(t *testing.T) {
	missing := []string{"Missing data for required field."}
	seconds := []string{"Must be from 1 to 30."}
	plan := []string{"Must be at most 15 waits, each from 1 to 86400 seconds."}
	ours := []string{"May not be set: it is ours, or about the connection and not the event."}
	value := []string{"Must be 1 to 2,048 characters of ASCII, without white space at either end."}
	names := []string{"Must have names of 1 to 64 letters, digits and hyphens, like X-Tenant."}
	scheme := []string{"Must be v1 (HMAC-SHA-256) or v1a (Ed25519)."}
	header := func(name, value string) func(*notification.Input) {
		return func(in *notification.Input) { in.Headers = map[string]*string{name: &value} }
	}
	type wrong = map[string][]string
	type row struct {
		change func(*notification.Input)
		want   wrong // nil: taken
	}
	rows := map[string]row{
		"nothing wrong":             {func(*notification.Input) {}, nil},
		"address":                   {func(in *notification.Input) { in.URL = "http://example.com" }, wrong{"url": {"Must begin with https://."}}},
		"empty address":             {func(in *notification.Input) { in.URL, in.URLMember = "", "url" }, wrong{"url": missing}},
		"address by its older name": {func(in *notification.Input) { in.URL, in.URLMember = "http://example.com", "callback_url" }, wrong{"callback_url": {"Must begin with https://."}}},
		"unknown events":            {func(in *notification.Input) { in.Events = []string{"Zq-nobody-Zq", "kyc.*", "x"} }, wrong{"events": {"2 of the names match no event. Use names like kyc.verification.success, or kyc.* for all of a kind."}}},
		"no events":                 {func(in *notification.Input) { in.Events = []string{} }, wrong{"events": {"Must name an event. To get none for a while, send the status STATUS_PAUSED."}}},
		"longest description":       {func(in *notification.Input) { in.Description = new(strings.Repeat("é", 500)) }, nil},
		"description too long":      {func(in *notification.Input) { in.Description = new(strings.Repeat("é", 501)) }, wrong{"description": {"Must be at most 500 characters."}}},
		"version":                   {func(in *notification.Input) { in.Version = new("0.2") }, wrong{"version": {"Must be 0.1, the only version of the events' envelope."}}},
		"status":                    {func(in *notification.Input) { in.Status = new("enabled") }, wrong{"status": {"Must be one of STATUS_ENABLED, STATUS_PAUSED, STATUS_DISABLED."}}},
		"empty status":              {func(in *notification.Input) { in.Status = new("") }, wrong{"status": {"Must be one of STATUS_ENABLED, STATUS_PAUSED, STATUS_DISABLED."}}},
		"disabled":                  {func(in *notification.Input) { in.Status = new("STATUS_DISABLED") }, nil},
		"no time":                   {func(in *notification.Input) { in.Timeout = new(0) }, wrong{"timeout_seconds": seconds}},
		"least time":                {func(in *notification.Input) { in.Timeout = new(1) }, nil},
		"most time":                 {func(in *notification.Input) { in.Timeout = new(30) }, nil},
		"too much time":             {func(in *notification.Input) { in.Timeout = new(31) }, wrong{"timeout_seconds": seconds}},
		"less than no time":         {func(in *notification.Input) { in.Timeout = new(-1 << 63) }, wrong{"timeout_seconds": seconds}},
		"more than all time":        {func(in *notification.Input) { in.Timeout = new(1<<63 - 1) }, wrong{"timeout_seconds": seconds}},
		"as the stage retries":      {func(in *notification.Input) { in.RetryPlan = []int{} }, nil},
		"longest plan":              {func(in *notification.Input) { in.RetryPlan = slices.Repeat([]int{86400}, 15) }, nil},
		"plan too long":             {func(in *notification.Input) { in.RetryPlan = slices.Repeat([]int{1}, 16) }, wrong{"retry_plan": plan}},
		"no wait":                   {func(in *notification.Input) { in.RetryPlan = []int{1, 0} }, wrong{"retry_plan": plan}},
		"wait too long":             {func(in *notification.Input) { in.RetryPlan = []int{86401} }, wrong{"retry_plan": plan}},
		"wait without end":          {func(in *notification.Input) { in.RetryPlan = []int{1<<63 - 1} }, wrong{"retry_plan": plan}},
		"scheme":                    {func(in *notification.Input) { in.Scheme = new("v2") }, wrong{"signature_scheme": scheme}},
		"empty scheme":              {func(in *notification.Input) { in.Scheme = new("") }, wrong{"signature_scheme": scheme}},
		"what the reader found":     {func(in *notification.Input) { in.Wrong = wrong{"x": {"Unknown field."}} }, wrong{"x": {"Unknown field."}}},
		"what the reader found first": {func(in *notification.Input) {
			in.URL, in.URLMember, in.Wrong = "", "url", wrong{"url": {"Must be a string."}}
		}, wrong{"url": {"Must be a string."}}},

		"header":                    {header("X-Tenant", "a b\tc"), nil},
		"longest value":             {header("X-Tenant", strings.Repeat("a", 2048)), nil},
		"value too long":            {header("X-Tenant", strings.Repeat("a", 2049)), wrong{"headers/X-Tenant": value}},
		"value of one character":    {header("X-Tenant", "a"), nil},
		"empty value":               {header("X-Tenant", ""), wrong{"headers/X-Tenant": value}},
		"space in front":            {header("X-Tenant", " a"), wrong{"headers/X-Tenant": value}},
		"tab behind":                {header("X-Tenant", "a\t"), wrong{"headers/X-Tenant": value}},
		"second header in a value":  {header("X-Tenant", "a\r\nHost: b"), wrong{"headers/X-Tenant": value}},
		"line feed at the end":      {header("X-Tenant", "a\n"), wrong{"headers/X-Tenant": value}},
		"outside ASCII":             {header("X-Tenant", "ä"), wrong{"headers/X-Tenant": value}},
		"zero byte":                 {header("X-Tenant", "a\x00b"), wrong{"headers/X-Tenant": value}},
		"tilde in a name":           {header("X~Tenant", ""), wrong{"headers/X~0Tenant": value}},
		"longest name":              {header(strings.Repeat("a", 64), "a"), nil},
		"name too long":             {header(strings.Repeat("a", 65), "a"), wrong{"headers": names}},
		"empty name":                {header("", "a"), wrong{"headers": names}},
		"space in a name":           {header("X Tenant", "a"), wrong{"headers": names}},
		"colon in a name":           {header("X-Tenant:", "a"), wrong{"headers": names}},
		"slash in a name":           {header("X/Tenant", "a"), wrong{"headers": names}},
		"line break in a name":      {header("X-Tenant\r\nHost", "a"), wrong{"headers": names}},
		"name outside ASCII":        {header("X-Ténant", "a"), wrong{"headers": names}},
		"one name twice":            {func(in *notification.Input) { in.Headers = map[string]*string{"X-A": new("1"), "x-a": new("2")} }, wrong{"headers": {"Must not have one name twice: capital letters make no difference."}}},
		"set and taken away":        {func(in *notification.Input) { in.Headers = map[string]*string{"X-A": new("1"), "x-a": nil} }, wrong{"headers": {"Must not have one name twice: capital letters make no difference."}}},
		"as many as can be":         {func(in *notification.Input) { in.Headers = many(10) }, nil},
		"one too many":              {func(in *notification.Input) { in.Headers = many(11) }, wrong{"headers": {"Must be at most 10 headers, those that are there already included."}}},
		"ours, taken away":          {func(in *notification.Input) { in.Headers = map[string]*string{"Host": nil} }, wrong{"headers/Host": ours}},
		"what looks like ours":      {header("X-Webhook-Id", "a"), nil},
		"what the conditions begin": {header("iffy", "a"), nil},
		"all at once": {func(in *notification.Input) {
			*in = notification.Input{URL: "ftp://Zq-nobody-Zq", Events: []string{"Zq-nobody-Zq"}, Description: new(strings.Repeat("a", 501)), Version: new("Zq-nobody-Zq"),
				Status: new("Zq-nobody-Zq"), Timeout: new(0), RetryPlan: []int{0}, Scheme: new("Zq-nobody-Zq"), Headers: map[string]*string{"Zq nobody": new("Zq-nobody-Zq"), "X-A": new("Zq-nobody-Zq\n")},
				Wrong: wrong{"x": {"Unknown field."}}}
		}, wrong{
			"url": {"Must begin with https://."}, "events": {"1 of the names match no event. Use names like kyc.verification.success, or kyc.* for all of a kind."},
			"description": {"Must be at most 500 characters."}, "version": {"Must be 0.1, the only version of the events' envelope."},
			"status": {"Must be one of STATUS_ENABLED, STATUS_PAUSED, STATUS_DISABLED."}, "timeout_seconds": seconds, "retry_plan": plan, "signature_scheme": scheme,
			"headers": names, "headers/X-A": value, "x": {"Unknown field."},
		}},
	}
	for _, name := range []string{
		"webhook-id", "Webhook-Timestamp", "WEBHOOK-SIGNATURE", "webhook-anything", "Bond-Signature", "Content-Type", "content-length", "Content-Encoding",
		"User-Agent", "Host", "Connection", "Proxy-Connection", "Proxy-Authorization", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
		"Expect", "Accept-Encoding", "Range", "If-Match", "If-None-Match",
	} {
		rows["header "+name] = row{header(name, "a"), wrong{"headers/" + name: ours}}
	}
	for name, c := range rows {
		t.Run(name, func(t *testing.T) {
			judge := func(err error, writes int) {
				t.Helper()
				if c.want == nil {
					if err != nil || writes == 0 {
						t.Errorf("%d writes, %v", writes, err)
					}
					return
				}
				want := &kyc.Error{Kind: kyc.Invalid, Code: "webhooks_err", Fields: c.want}
				if diff := cmp.Diff(error(want), err); diff != "" || writes > 0 {
					t.Errorf("%d writes (-want +got):\n%s", writes, diff)
				}
			}
			d, in := newDesk(), notification.Input{URL: "https://example.com/hook", Events: []string{"kyc.*"}}
			c.change(&in)
			_, shown, err := d.Create(t.Context(), brandID, in)
			judge(err, d.shelf.writes)
			if err != nil && !shown.IsZero() {
				t.Error("a key is shown that signs nothing")
			}
			d = newDesk()
			d.create(t)
			in = notification.Input{StrictOrder: new(true)} // so that there is a change
			c.change(&in)
			_, err = d.Update(t.Context(), brandID, subID, always, in)
			judge(err, d.shelf.writes-1)
		})
	}
	d := newDesk()
	_, _, err := d.Create(t.Context(), brandID, notification.Input{})
	if diff := cmp.Diff(error(&kyc.Error{Kind: kyc.Invalid, Code: "webhooks_err", Fields: wrong{"url": missing, "events": missing}}), err); diff != "" {
		t.Errorf("nothing sent (-want +got):\n%s", diff)
	}
}

func many(n int) map[string]*string {
	headers := map[string]*string{}
	for i := range n {
		headers[fmt.Sprint("X-", i)] = new("a")
	}
	return headers
}

// What is not sent stays, and what is sent alone is changed.
func TestUpdate(t *testing.T) {
	later := noon.Add(time.Hour)
	for name, c := range map[string]struct {
		in   notification.Input
		want func(*kyc.Subscription)
	}{
		"address":              {notification.Input{URL: "https://example.com/other"}, func(s *kyc.Subscription) { s.URL = "https://example.com/other" }},
		"events":               {notification.Input{Events: []string{"customer.updated"}}, func(s *kyc.Subscription) { s.Events = []kyc.EventName{kyc.EventCustomerUpdated} }},
		"description":          {notification.Input{Description: new("new")}, func(s *kyc.Subscription) { s.Description = "new" }},
		"no description":       {notification.Input{Description: new("")}, func(s *kyc.Subscription) { s.Description = "" }},
		"paused":               {notification.Input{Status: new("STATUS_PAUSED")}, func(s *kyc.Subscription) { s.Status = "STATUS_PAUSED" }},
		"disabled":             {notification.Input{Status: new("STATUS_DISABLED")}, func(s *kyc.Subscription) { s.Status, s.DisabledAt = "STATUS_DISABLED", later }},
		"timeout":              {notification.Input{Timeout: new(7)}, func(s *kyc.Subscription) { s.Timeout = 7 * time.Second }},
		"retries":              {notification.Input{RetryPlan: []int{3}}, func(s *kyc.Subscription) { s.RetryPlan = []time.Duration{3 * time.Second} }},
		"retries of the stage": {notification.Input{RetryPlan: []int{}}, func(s *kyc.Subscription) { s.RetryPlan = nil }},
		"no order":             {notification.Input{StrictOrder: new(false)}, func(s *kyc.Subscription) { s.StrictOrder = false }},
		"header added": {notification.Input{Headers: map[string]*string{"X-C": new("c")}}, func(s *kyc.Subscription) {
			s.Headers, s.Secret.Fields["header/x-c"] = []string{"X-A", "X-B", "X-C"}, []byte("c")
		}},
		"header changed": {notification.Input{Headers: map[string]*string{"x-a": new("z")}}, func(s *kyc.Subscription) {
			s.Headers, s.Secret.Fields["header/x-a"] = []string{"x-a", "X-B"}, []byte("z")
		}},
		"header taken away": {notification.Input{Headers: map[string]*string{"x-A": nil}}, func(s *kyc.Subscription) {
			s.Headers = []string{"X-B"}
			delete(s.Secret.Fields, "header/x-a")
		}},
		"nothing":               {notification.Input{}, nil},
		"what is there":         {notification.Input{URL: "https://example.com/hook", Status: new("STATUS_ENABLED"), Version: new("0.1"), Scheme: new("v1"), Timeout: new(9)}, nil},
		"a header that is none": {notification.Input{Headers: map[string]*string{"X-Z": nil}}, nil},
		"no headers":            {notification.Input{Headers: map[string]*string{}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			want, _, err := d.Create(t.Context(), brandID, notification.Input{
				URL: "https://example.com/hook", Events: []string{"kyc.*"}, Description: new("old"), Timeout: new(9), RetryPlan: []int{1, 2}, StrictOrder: new(true),
				Headers: map[string]*string{"X-A": new("a"), "X-B": new("b")},
			})
			if err != nil {
				t.Fatal(err)
			}
			d.now = later
			want.Secret.Fields = maps.Clone(want.Secret.Fields)
			if c.want != nil {
				c.want(&want)
				want.UpdatedAt, want.Version = later, 2
			}
			got, err := d.Update(t.Context(), brandID, strings.ToUpper(subID), always, c.in)
			if diff := cmp.Diff([]kyc.Subscription{want, want}, []kyc.Subscription{got, d.shelf.subs[subID]}); err != nil || diff != "" || d.shelf.writes != want.Version {
				t.Errorf("%v, %d writes (-want +got):\n%s", err, d.shelf.writes, diff)
			}
		})
	}
}

// Of what the product itself has noted in disabling a subscription nothing stays once the brand enables it.
func TestEnablingAgain(t *testing.T) {
	d := newDesk()
	sub := d.create(t)
	d.shelf.subs[subID] = sub.WithStatus(kyc.StatusDisabled, kyc.DisabledGone, noon)
	same, err := d.Update(t.Context(), brandID, subID, always, notification.Input{Status: new("STATUS_DISABLED")})
	if err != nil || same.DisabledCause != kyc.DisabledGone {
		t.Errorf("disabled once more: %+v, %v", same, err)
	}
	enabled, err := d.Update(t.Context(), brandID, subID, always, notification.Input{Status: new("STATUS_ENABLED")})
	if err != nil || enabled.Status != kyc.StatusEnabled || enabled.DisabledCause != "" || !enabled.DisabledAt.IsZero() {
		t.Errorf("%+v, %v", enabled, err)
	}
}

func TestTheSchemeIsChangedWithTheKey(t *testing.T) {
	d := newDesk()
	d.create(t)
	_, err := d.Update(t.Context(), brandID, subID, always, notification.Input{Scheme: new("v1a")})
	want := &kyc.Error{Kind: kyc.Invalid, Code: "webhooks_err", Fields: map[string][]string{
		"signature_scheme": {"Is changed with a new key: send it with POST on the path that ends in secret/rotate."},
	}}
	if diff := cmp.Diff(error(want), err); diff != "" || d.shelf.writes != 1 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A change that others came before is made anew, on what they have left; one on a version that is gone is not made.
func TestChangesOfOthers(t *testing.T) {
	theirs := func(s *kyc.Subscription) { s.Description += "x" }
	operations := map[string]func(*desk, func(int) bool) error{
		"update": func(d *desk, matches func(int) bool) error {
			_, err := d.Update(t.Context(), brandID, subID, matches, notification.Input{Timeout: new(7 + d.shelf.writes)})
			return err
		},
		"rotate": func(d *desk, matches func(int) bool) error {
			_, shown, err := d.Rotate(t.Context(), brandID, subID, matches, notification.Rotation{})
			if err == nil && shown.Reveal() != fmt.Sprint("whsec_", d.keys) || err != nil && !shown.IsZero() {
				t.Errorf("%v, shown is %s", err, shown.Reveal())
			}
			return err
		},
	}
	for name, do := range operations {
		for others, kind := range map[int]kyc.Kind{0: 0, 1: 0, 4: 0, 5: kyc.Conflict} {
			t.Run(fmt.Sprint(name, ", ", others, " others"), func(t *testing.T) {
				d := newDesk()
				d.create(t)
				d.shelf.theirs = slices.Repeat([]func(*kyc.Subscription){theirs}, others)
				err := do(d, always)
				sub := d.shelf.subs[subID]
				if kyc.KindOf(err) != kind || (err == nil) != (kind == 0) || sub.Description != strings.Repeat("x", others) || (sub.Version == others+2) != (err == nil) {
					t.Errorf("%v, %+v", err, sub)
				}
			})
		}
		t.Run(name+", of a version that is gone", func(t *testing.T) {
			d := newDesk()
			d.create(t)
			first := func(version int) bool { return version == 1 }
			if err := do(d, first); err != nil {
				t.Fatal(err)
			}
			before := d.shelf.subs[subID]
			if err := do(d, first); kyc.KindOf(err) != kyc.Outdated || d.shelf.writes != 2 || !cmp.Equal(before, d.shelf.subs[subID]) {
				t.Errorf("%v, %d writes", err, d.shelf.writes)
			}
			d.shelf.theirs = []func(*kyc.Subscription){theirs}
			if err := do(d, func(version int) bool { return version == 2 }); kyc.KindOf(err) != kyc.Outdated || d.shelf.writes != 2 {
				t.Errorf("changed in the same moment: %v, %d writes", err, d.shelf.writes)
			}
		})
	}
}

func TestRotationsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		in   notification.Rotation
		want map[string][]string
	}{
		"as it is":         {notification.Rotation{}, nil},
		"at once":          {notification.Rotation{Overlap: new(0)}, nil},
		"a week":           {notification.Rotation{Overlap: new(604800)}, nil},
		"other scheme":     {notification.Rotation{Scheme: new("v1a")}, nil},
		"more than a week": {notification.Rotation{Overlap: new(604801)}, map[string][]string{"overlap_seconds": {"Must be from 0, which ends the keys before at once, to 604800."}}},
		"before now":       {notification.Rotation{Overlap: new(-1)}, map[string][]string{"overlap_seconds": {"Must be from 0, which ends the keys before at once, to 604800."}}},
		"without end":      {notification.Rotation{Overlap: new(1<<63 - 1)}, map[string][]string{"overlap_seconds": {"Must be from 0, which ends the keys before at once, to 604800."}}},
		"unknown scheme, and what the reader found": {notification.Rotation{Scheme: new("v3"), Wrong: map[string][]string{"x": {"Unknown field."}}}, map[string][]string{
			"signature_scheme": {"Must be v1 (HMAC-SHA-256) or v1a (Ed25519)."}, "x": {"Unknown field."},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			d.create(t)
			_, _, err := d.Rotate(t.Context(), brandID, subID, always, c.in)
			var want error
			if c.want != nil {
				want = &kyc.Error{Kind: kyc.Invalid, Code: "webhooks_err", Fields: c.want}
			}
			if diff := cmp.Diff(want, err); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever the rotations and the times between them: what signs are the keys whose time is not over, the newest first; the
// newest is what its owner was shown; and nothing else is sealed.
func TestKeysOverTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type key struct {
			text string
			end  time.Time
		}
		d := newDesk()
		_, shown, err := d.Create(context.Background(), brandID, notification.Input{URL: "https://example.com/", Events: []string{"kyc.*"}, Headers: map[string]*string{"X-A": new("a")}})
		if err != nil {
			t.Fatal(err)
		}
		far := noon.AddDate(100, 0, 0)
		model := []key{{shown.Reveal(), far}}
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				d.now = d.now.Add(time.Duration(rapid.IntRange(0, 200_000).Draw(t, "seconds")) * time.Second)
			},
			"rotate": func(t *rapid.T) {
				overlap := rapid.SampledFrom([]*int{nil, new(0), new(1), new(3600), new(604800)}).Draw(t, "overlap")
				scheme := rapid.SampledFrom([]*string{nil, new("v1"), new("v1a")}).Draw(t, "scheme")
				until := d.now.Add(24 * time.Hour)
				if overlap != nil {
					until = d.now.Add(time.Duration(*overlap) * time.Second)
				}
				var next []key
				for _, k := range model {
					if k.end.After(until) {
						k.end = until
					}
					if d.now.Before(k.end) {
						next = append(next, k)
					}
				}
				sub, shown, err := d.Rotate(context.Background(), brandID, subID, always, notification.Rotation{Overlap: overlap, Scheme: scheme})
				if len(next) >= kyc.MaxSigningKeys {
					if kyc.KindOf(err) != kyc.Conflict {
						t.Fatalf("an eleventh key: %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if private := sub.Keys[0].Scheme == kyc.SchemeEd25519; private != shown.IsZero() || private != (sub.Keys[0].PublicKey != "") {
					t.Fatalf("shown %q of %+v", shown.Reveal(), sub.Keys[0])
				}
				text := shown.Reveal()
				if shown.IsZero() {
					text = strings.Replace(sub.Keys[0].PublicKey, "whpk_", "whsk_", 1)
				}
				model = append([]key{{text, far}}, next...)
			},
			"": func(t *rapid.T) {
				sub := d.shelf.subs[subID]
				opened, _ := glass{}.Open(context.Background(), kyc.Place{}, sub.Secret)
				var want, got []string
				for _, k := range model {
					if d.now.Before(k.end) {
						want = append(want, k.text)
					}
				}
				for _, k := range sub.Endpoint(opened, d.now).Keys {
					got = append(got, k.Reveal())
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("keys (-want +got):\n%s", diff)
				}
				if len(sub.Secret.Fields) != len(sub.Keys)+1 {
					t.Fatalf("sealed %d, for %d keys and a header", len(sub.Secret.Fields), len(sub.Keys))
				}
				_, secret, err := d.Secret(context.Background(), brandID, subID)
				if err != nil || strings.HasPrefix(want[0], "whsec_") != (secret.Reveal() == want[0]) || strings.HasPrefix(want[0], "whsk_") && !secret.IsZero() {
					t.Fatalf("secret %q, want %q, %v", secret.Reveal(), want[0], err)
				}
			},
		})
	})
}

func TestDelete(t *testing.T) {
	d := newDesk()
	sub := d.create(t)
	if got, err := d.Delete(t.Context(), brandID, strings.ToUpper(subID)); err != nil || !cmp.Equal(sub, got) || len(d.shelf.subs) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// What names no subscription is refused alike by all that takes one; what is another brand's is not there.
func TestSubscriptionsThatAreNotThere(t *testing.T) {
	for name, c := range map[string]struct {
		brand, id string
		kind      kyc.Kind
	}{
		"no UUID":         {brandID, "42", kyc.Invalid},
		"empty":           {brandID, "", kyc.Invalid},
		"unknown":         {brandID, "3c4d5e6f-7a8b-4c9d-8e1f-000000000000", kyc.NotFound},
		"another brand's": {"0b7e9c4e-4a44-4c8c-9a43-000000000000", subID, kyc.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			d.create(t)
			for operation, do := range map[string]func() error{
				"read":   func() error { _, err := d.Read(t.Context(), c.brand, c.id); return err },
				"secret": func() error { _, _, err := d.Secret(t.Context(), c.brand, c.id); return err },
				"update": func() error {
					_, err := d.Update(t.Context(), c.brand, c.id, always, notification.Input{Timeout: new(1)})
					return err
				},
				"rotate": func() error {
					_, _, err := d.Rotate(t.Context(), c.brand, c.id, always, notification.Rotation{})
					return err
				},
				"delete": func() error { _, err := d.Delete(t.Context(), c.brand, c.id); return err },
			} {
				if err := do(); kyc.KindOf(err) != c.kind || d.shelf.writes != 1 || len(d.shelf.subs) != 1 {
					t.Errorf("%s: %v", operation, err)
				}
			}
		})
	}
}

func TestFaultsAreHandedOn(t *testing.T) {
	in := notification.Input{URL: "https://example.com/hook", Events: []string{"kyc.*"}, Headers: map[string]*string{"X-A": new("a")}}
	for fault, spoil := range map[string]func(*desk){
		"table": func(d *desk) { d.shelf.err = errGone },
		"vault": func(d *desk) { d.Vault = glass{errGone} },
	} {
		for operation, do := range map[string]func(*desk) (kyc.Secret, error){
			"create": func(d *desk) (kyc.Secret, error) {
				_, _, err := d.Create(t.Context(), brandID, in)
				return kyc.Secret{}, err
			},
			"update": func(d *desk) (kyc.Secret, error) {
				_, err := d.Update(t.Context(), brandID, subID, always, in)
				return kyc.Secret{}, err
			},
			"rotate": func(d *desk) (kyc.Secret, error) {
				_, shown, err := d.Rotate(t.Context(), brandID, subID, always, notification.Rotation{})
				return shown, err
			},
			"secret": func(d *desk) (kyc.Secret, error) {
				_, shown, err := d.Secret(t.Context(), brandID, subID)
				return shown, err
			},
		} {
			d := newDesk()
			d.create(t)
			spoil(d)
			if shown, err := do(d); !errors.Is(err, errGone) || !shown.IsZero() {
				t.Errorf("%s, %s: %v", fault, operation, err)
			}
		}
	}
	d := newDesk()
	d.shelf.err = errGone
	if _, err := d.List(t.Context(), brandID); !errors.Is(err, errGone) {
		t.Errorf("list: %v", err)
	}
}

// What is held for a subscription is sent once it is enabled, or leads elsewhere, and only then.
func TestNewChancesDrain(t *testing.T) {
	for name, c := range map[string]struct {
		from string
		in   notification.Input
		want bool
	}{
		"enabled":                       {kyc.StatusPaused, notification.Input{Status: new(kyc.StatusEnabled)}, true},
		"enabled after it was disabled": {kyc.StatusDisabled, notification.Input{Status: new(kyc.StatusEnabled)}, true},
		"leads elsewhere":               {kyc.StatusEnabled, notification.Input{URL: "https://example.com/other"}, true},
		"leads elsewhere, and paused":   {kyc.StatusPaused, notification.Input{URL: "https://example.com/other"}, false},
		"paused":                        {kyc.StatusEnabled, notification.Input{Status: new(kyc.StatusPaused)}, false},
		"another description":           {kyc.StatusEnabled, notification.Input{Description: new("x")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			sub := d.create(t)
			d.shelf.subs[subID] = sub.WithStatus(c.from, "", noon)
			d.shelf.line = kyc.Line{Failures: 7, OpenUntil: noon.Add(time.Hour)}
			d.now = noon.Add(time.Minute)
			if _, err := d.Update(t.Context(), brandID, subID, always, c.in); err != nil {
				t.Fatal(err)
			}
			if got := d.shelf.line; (got == kyc.Line{DrainSince: d.now, DueAt: d.now}) != c.want {
				t.Errorf("line %+v", got)
			}
		})
	}
}
