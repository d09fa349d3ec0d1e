package dynamostore_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

// size is what DynamoDB counts for a value: a number has half a byte for each digit and one more, a list or a map has
// three bytes and one for each element.
func size(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return 1 + (len(v.Value)+1)/2
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberSS:
		return 3 + len(strings.Join(v.Value, " "))
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + itemSize(v.Value)
	case *types.AttributeValueMemberL:
		n := 3 + len(v.Value)
		for _, element := range v.Value {
			n += size(element)
		}
		return n
	}
	return 1 // true, false or null
}

func itemSize(item map[string]types.AttributeValue) int {
	n := 0
	for name, v := range item {
		n += len(name) + size(v)
	}
	return n
}

// item returns the customer as it lies in the table.
func (tb table) item(t testing.TB) map[string]types.AttributeValue {
	t.Helper()
	for _, item := range tb.bed.Items(t) {
		if sk, ok := item["sk"].(*types.AttributeValueMemberS); ok && sk.Value == "customer" {
			return item
		}
	}
	t.Fatal("no customer")
	return nil
}

func at(t testing.TB, item map[string]types.AttributeValue, path ...string) types.AttributeValue {
	t.Helper()
	for i, name := range path {
		v := item[name]
		if i == len(path)-1 {
			return v
		}
		m, ok := v.(*types.AttributeValueMemberM)
		if !ok {
			t.Fatalf("no %v", path)
		}
		item = m.Value
	}
	return nil
}

func results(n int, reason string) []kyc.Result {
	checks := []kyc.Check{kyc.CheckCIP, kyc.CheckOFAC, kyc.CheckBureau, kyc.CheckMobile, kyc.CheckIP, kyc.CheckEmail}
	var rs []kyc.Result
	for i := range n {
		rs = append(rs, kyc.Result{Check: checks[i%len(checks)], Reason: reason, Provider: strings.Repeat("p", 20), Mode: kyc.Sandbox})
	}
	return rs
}

// A customer in as many programs as there may be, each with two attempts that went on for as long as they could, with all
// that a start can bring and all that checks can find, takes at most 64 KB.
func TestLargestCustomer(t *testing.T) {
	tb := open(t)
	body := kyc.Profile{}
	for f, v := range map[kyc.Field]string{
		kyc.SSN: "123456789", kyc.Phone: strings.Repeat("1", 15), kyc.PhoneCountryCode: "999", kyc.Email: strings.Repeat("e", 254),
		kyc.IP: "2001:db8:1111:2222:3333:4444:5555:6666", kyc.BirthDate: "1990-05-17",
	} {
		body.Set(f, v)
	}
	tb.newBrand(t, brandID)
	keys := tb.bed.Keyring()
	must(t, keys.EnsureStackSecret(t.Context()))
	wrapped, err := keys.NewBrandKey(t.Context(), otherBrand)
	must(t, err)
	must(t, tb.CreateBrand(t.Context(), kyc.Brand{ID: otherBrand, CreatedAt: tb.clock.Now()}, wrapped, testbed.Record()))
	brought, err := keys.Seal(t.Context(), kyc.AttemptPlace(otherBrand, customerID, testbed.AttemptID), body)
	must(t, err)

	c := blank(tb.clock.Now())
	c.Present = append(kyc.Requirable(), kyc.MiddleName, kyc.BrandPersonID)
	c.Rev, c.DueAt = 1<<40, tb.clock.Now()
	for range kyc.MaxPrograms {
		p := uuid.NewString()
		c.Used[p], c.Ended[p], c.Versions[p], c.Relayed[p] = 1<<30, tb.clock.Now(), 1<<30, 1<<30
		largest := tb.largest(t, brought)
		c.Attempts[p], c.Previous[p] = largest, largest
	}
	must(t, tb.SetCustomer(t.Context(), c))
	item := tb.item(t)
	total := itemSize(item)
	for p, a := range c.Attempts {
		if n := len(p) + 1 + size(at(t, item, "kyc", p)); n > a.Bytes() || n > 5<<10 {
			t.Errorf("an attempt takes %d bytes, and bounds itself at %d", n, a.Bytes())
		}
	}
	if total > 64<<10 {
		t.Errorf("the customer takes %d bytes", total)
	}
}

// largest is an attempt that went to and fro until it could only end, and whose last results came late.
func (tb table) largest(t testing.TB, brought kyc.Sealed) kyc.Attempt {
	t.Helper()
	now := tb.clock.Now()
	a := kyc.Attempt{
		ID: uuid.NewString(), Status: kyc.Submitted, SubmittedAt: now, Mode: kyc.Sandbox, PolicyVersion: kyc.MaxPolicies, OpenedBy: testbed.Identity,
		RetryRequested: true, Fields: brought, Fence: 1 << 30, LeaseUntil: now, Counted: true,
		Reenter:  []kyc.Field{kyc.BirthDate, kyc.Email, kyc.IP, kyc.Phone, kyc.PhoneCountryCode, kyc.SSN},
		Timeline: []kyc.Transition{{Version: 1 << 30, Status: kyc.Submitted, At: now}},
	}
	if _, err := a.Advance(kyc.Decision{Status: kyc.Failed, Results: results(100, kyc.ReasonMissing)}, 2, now, ""); err == nil {
		t.Error("a hundred results are not too many")
	}
	for turn := 0; ; turn++ {
		d := kyc.Decision{Status: kyc.Submitted}
		if turn%2 == 0 {
			d.Status, d.Results = kyc.DocumentRequired, results(8, kyc.ReasonMissing)
			for _, doc := range []kyc.DocumentType{kyc.GovernmentID, kyc.ProofOfAddress, kyc.SocialSecurityCard} {
				d.Documents = append(d.Documents, kyc.Document{ID: uuid.NewString(), Type: doc, Status: "required"})
			}
		}
		next, err := a.Advance(d, 1<<30, now, "")
		if errors.Is(err, kyc.ErrAttemptFull) {
			break
		}
		must(t, err)
		a = next
	}
	if n := len(a.Timeline); n < 9 || n >= 200 {
		t.Errorf("an attempt is full after %d changes", n)
	}
	for _, end := range []kyc.Status{kyc.Errored, kyc.Expired, kyc.Canceled} {
		a, err := a.Advance(kyc.Decision{Status: end}, 1<<30, now, "a_cause_of_thirty_characters__")
		must(t, err)
		a.Late, a.LateAt = results(12, kyc.ReasonMissing), now
		if end == kyc.Canceled {
			return a
		}
	}
	return a
}

// A customer who passed at once, with more on file than a program asks for at first, takes less than 1 KB while its alarm
// is on: each write of it costs one unit.
func TestCustomerWhoPassedTakesOneUnit(t *testing.T) {
	for _, mode := range []kyc.Mode{kyc.Sandbox, kyc.Live} {
		t.Run(string(mode), func(t *testing.T) {
			tb := open(t)
			present := append(slices.Clone(required), kyc.Email, kyc.Phone, kyc.PhoneCountryCode)
			tb.mustCreate(t, brandID, customerID, present)
			s := tb.start(customerID, "")
			s.Attempt.Mode = mode
			tb.mustStart(t, s)
			a := tb.advance(t, tb.mustClaim(t, s), kyc.Passed)
			a.To.Results = results(6, "")
			for i := range a.To.Results {
				a.To.Results[i].Passed, a.To.Results[i].Provider, a.To.Results[i].Mode = true, "provider", mode
			}
			tb.mustAdvance(t, a)
			must(t, tb.NoteRelayed(t.Context(), tb.read(t, customerID), kyc.Note{ProgramID: programID, To: 1}))
			if n := itemSize(tb.item(t)); n > 1024 {
				t.Errorf("%d bytes", n)
			}
		})
	}
}

// How large an attempt says that it is at the most is no less than what it takes, and what is left out of what is stored
// is there again when it is read.
func TestAttemptIsNoLargerThanItSays(t *testing.T) {
	tb := open(t)
	text := rapid.StringN(1, 40, -1) // a map has no empty keys
	when := rapid.Custom(func(rt *rapid.T) time.Time {
		return tb.clock.Now().Add(time.Duration(rapid.Int64Range(0, 1<<40).Draw(rt, "later")) * time.Microsecond)
	})
	number := rapid.IntRange(1, 1<<40)
	mode, unsure := rapid.SampledFrom([]kyc.Mode{kyc.Sandbox, kyc.Live}), rapid.SampledFrom([]kyc.Mode{kyc.Sandbox, kyc.Live, ""})
	result := rapid.Custom(func(rt *rapid.T) kyc.Result {
		return kyc.Result{
			Check: kyc.Check(text.Draw(rt, "check")), Passed: rapid.Bool().Draw(rt, "passed"), Reason: text.Draw(rt, "reason"),
			Provider: text.Draw(rt, "provider"), Mode: unsure.Draw(rt, "mode"),
		}
	})
	content := rapid.Custom(func(rt *rapid.T) kyc.Content {
		c := kyc.Content{Media: rapid.SampledFrom(kyc.Medias()).Draw(rt, "media"), Length: rapid.Int64Range(1, kyc.MaxFileBytes).Draw(rt, "length")}
		copy(c.SHA256[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "digest"))
		return c
	})
	reading := rapid.Custom(func(rt *rapid.T) kyc.Reading {
		if rapid.Bool().Draw(rt, "unread") {
			return kyc.Reading{Unread: rapid.SampledFrom(append(kyc.Unreads(), "")).Draw(rt, "why")}
		}
		found := func(field string) kyc.Finding { return rapid.SampledFrom(kyc.Findings()).Draw(rt, field) }
		return kyc.Reading{
			Source: kyc.FromPDF, Form: rapid.SampledFrom([]kyc.Form{kyc.FormMRZ, kyc.FormBarcode}).Draw(rt, "form"), Profile: rapid.IntRange(1, 1e9).Draw(rt, "profile"),
			Name: found("name"), BirthDate: found("birth"), Expiry: found("expiry"), Number: found("number"), Kind: found("paper"), Country: found("state"),
		}
	})
	files := rapid.Custom(func(rt *rapid.T) []kyc.File {
		var all []kyc.File
		for _, s := range []kyc.Side{kyc.Front, kyc.Back} {
			f := kyc.File{Side: s, Refused: kyc.Rejection(text.Draw(rt, "refused")), Withdrawn: rapid.Bool().Draw(rt, "withdrawn")}
			if rapid.Bool().Draw(rt, "awaited") {
				f.Slot = kyc.Slot{Content: content.Draw(rt, "awaited content"), Until: when.Draw(rt, "until").Truncate(time.Second), Number: number.Draw(rt, "slot")}
			}
			if rapid.Bool().Draw(rt, "held") {
				f.Held = kyc.Evidence{Content: content.Draw(rt, "held content"), Version: text.Draw(rt, "version"), At: when.Draw(rt, "held at").Truncate(time.Second), Reading: reading.Draw(rt, "reading")}
			}
			all = append(all, f)
		}
		return all
	})
	field := rapid.Map(text, func(s string) kyc.Field { return kyc.Field(s) })
	rapid.Check(t, func(rt *rapid.T) {
		a := kyc.Attempt{
			ID: uuid.NewString(), Status: rapid.SampledFrom(kyc.Statuses()).Draw(rt, "status"), SubmittedAt: when.Draw(rt, "at"), Mode: mode.Draw(rt, "mode"),
			PolicyVersion: number.Draw(rt, "policy"), OpenedBy: text.Draw(rt, "by"), RetryRequested: true, Fence: number.Draw(rt, "fence"),
			LeaseUntil: when.Draw(rt, "lease"), Counted: true, Results: rapid.SliceOfN(result, 0, 5).Draw(rt, "results"),
			Reasons: rapid.SliceOfN(text, 0, 5).Draw(rt, "reasons"), Reenter: rapid.SliceOfN(field, 0, 5).Draw(rt, "reenter"),
			Late: rapid.SliceOfN(result, 0, 5).Draw(rt, "late"), LateAt: when.Draw(rt, "late at"), DocumentsBy: when.Draw(rt, "documents by"),
			Link:   kyc.Link{Generation: rapid.IntRange(1, math.MaxUint16).Draw(rt, "link"), Until: when.Draw(rt, "link until").Truncate(time.Second)},
			Fields: kyc.Sealed{Key: []byte(text.Draw(rt, "key")), Fields: map[kyc.Field][]byte{}},
		}
		for _, f := range rapid.SliceOfN(field, 0, 5).Draw(rt, "fields") {
			a.Fields.Fields[f] = []byte(text.Draw(rt, "sealed"))
		}
		for range rapid.IntRange(0, 3).Draw(rt, "documents") {
			a.Documents = append(a.Documents, kyc.Document{ID: text.Draw(rt, "id"), Type: kyc.DocumentType(text.Draw(rt, "type")), Status: kyc.DocumentStatus(text.Draw(rt, "state")), Asked: []int{number.Draw(rt, "asked")}, Kind: kyc.DocumentKind(text.Draw(rt, "kind")), Country: text.Draw(rt, "country"), Files: files.Draw(rt, "files")})
		}
		for range rapid.IntRange(1, 5).Draw(rt, "entries") {
			a.Timeline = append(a.Timeline, kyc.Transition{Version: number.Draw(rt, "version"), Status: kyc.DocumentRequired, At: when.Draw(rt, "then"), Cause: text.Draw(rt, "cause")})
		}
		if rapid.Bool().Draw(rt, "from the start") {
			a.Timeline[0].At = a.SubmittedAt
		}
		slices.Sort(a.Reenter)
		c := blank(tb.clock.Now())
		c.Attempts[programID] = a
		must(t, tb.SetCustomer(t.Context(), c))
		for _, found := range [][]kyc.Result{a.Results, a.Late} {
			for i := range found {
				if found[i].Mode == "" {
					found[i].Mode = kyc.Sandbox // whatever the attempt's
				}
			}
		}
		if diff := cmp.Diff(c, tb.read(t, customerID), cmpopts.EquateEmpty()); diff != "" {
			rt.Errorf("read back (-want +got):\n%s", diff)
		}
		stored := tb.item(t)
		// As a claim leaves it.
		at(t, stored, "kyc", programID).(*types.AttributeValueMemberM).Value["holder"] = &types.AttributeValueMemberS{Value: strings.Repeat("h", 26)}
		if n := len(programID) + 1 + size(at(t, stored, "kyc", programID)); n > a.Bytes() {
			rt.Errorf("it takes %d bytes and says %d", n, a.Bytes())
		}
	})
}

// The policies of a program are in an item that is read with every start that finds the program not cached.
func TestLargestProgram(t *testing.T) {
	tb := open(t)
	p := program(brandID, programID, tb.clock.Now())
	p.Name, p.Bank = strings.Repeat("é", 128), strings.Repeat("é", 128)
	for v := 1; v <= kyc.MaxPolicies; v++ {
		p.Policies[v] = kyc.Policy{Version: v, Required: kyc.Requirable(), MinimumAge: 100, MaxAttempts: 100, MinInterval: 365 * 24 * time.Hour,
			Duplicates: kyc.DuplicatesRefused, Checks: kyc.Checks(), DocumentDeadline: kyc.DefaultDocumentDeadline, BrandName: strings.Repeat("é", 64), BrandColor: "#1f4e79"}
	}
	must(t, tb.CreateProgram(t.Context(), p, testbed.Record()))
	for _, item := range tb.bed.Items(t) {
		if n := itemSize(item); n > 20<<10 {
			t.Errorf("the program takes %d bytes", n)
		}
	}
}
