package onboarding_test

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/testbed"
)

// ahead is a clock that a brand has moved.
type ahead struct{ by time.Duration }

func (a *ahead) Now(context.Context, string) (kyc.Moment, error) {
	return kyc.Moment{Time: clock.Now().Add(a.by), Ahead: a.by}, nil
}

func ids(p onboarding.Page) []string {
	var all []string
	for _, v := range p.Views {
		all = append(all, v.Customer.ID)
	}
	return all
}

// By number or by cursor, over months with and without customers, the pages hold every customer once, newest first.
func TestListIsNewestFirst(t *testing.T) {
	d := open(t)
	moved := &ahead{}
	d.Clock = moved
	want := []string{testbed.CustomerID}
	for _, months := range []int{0, 0, 1, 1, 1, 1, 1, 1, 4, 10, 11, 12, 13, 70, 70, 71} { // there are more months between than one call looks through
		moved.by = time.Duration(months) * 31 * 24 * time.Hour
		want = append(want, d.create(t).Customer.ID)
	}
	slices.Reverse(want)
	list := func(in onboarding.ListInput) onboarding.Page {
		t.Helper()
		page, err := d.List(t.Context(), brandID, in)
		must(t, err)
		return page
	}
	for _, perPage := range onboarding.PerPage() {
		n := strconv.Itoa(perPage)
		var got []string
		page := list(onboarding.ListInput{PerPage: n})
		for got = ids(page); page.Next != ""; got = append(got, ids(page)...) {
			if page = list(onboarding.ListInput{PerPage: n, Cursor: page.Next}); page.PerPage != perPage || len(page.Views) > perPage {
				t.Fatalf("a page of %d customers, for %d", len(page.Views), page.PerPage)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("by cursor, %d per page (-want +got):\n%s", perPage, diff)
		}
	}
	if got := ids(list(onboarding.ListInput{Page: "1", PerPage: "2"})); !slices.Equal(got, want[:2]) {
		t.Errorf("page 1 is %v", got)
	}
	moved.by = 4 * 31 * 24 * time.Hour // as it was when there were only the older ones
	d.Clock = moved
	older := want[7:]
	var got []string
	for number := 1; number <= 6; number++ {
		page := list(onboarding.ListInput{Page: strconv.Itoa(number), PerPage: "2"})
		got = append(got, ids(page)...)
		if (page.Next == "") != (number >= 5) {
			t.Errorf("page %d: next is %q", number, page.Next)
		}
	}
	if diff := cmp.Diff(older, got); diff != "" {
		t.Errorf("by number (-want +got):\n%s", diff)
	}
	if page := list(onboarding.ListInput{}); page.PerPage != 10 || len(page.Views) != 10 || page.Views[9].Profile.Get(kyc.FirstName) != "Ada" {
		t.Errorf("by default %d of %d", len(page.Views), page.PerPage)
	}
}

func TestListShowsABrandItsOwn(t *testing.T) {
	d := open(t)
	must(t, d.store.CreateBrand(t.Context(), kyc.Brand{ID: stranger, Name: "Other", CreatedAt: clock.Now()}, []byte("wrapped"), testbed.Record()))
	page, err := d.List(t.Context(), stranger, onboarding.ListInput{})
	if must(t, err); len(page.Views) != 0 || page.Next != "" {
		t.Errorf("%d customers, next %q", len(page.Views), page.Next)
	}
}

func TestListRefuses(t *testing.T) {
	d := open(t)
	for name, c := range map[string]struct {
		in   onboarding.ListInput
		want []string
	}{
		"page 0":                {onboarding.ListInput{Page: "0"}, []string{"page"}},
		"page -1":               {onboarding.ListInput{Page: "-1"}, []string{"page"}},
		"no numbers":            {onboarding.ListInput{Page: "one", PerPage: "ten"}, []string{"page", "per_page"}},
		"per_page of 3":         {onboarding.ListInput{PerPage: "3"}, []string{"per_page"}},
		"past the first 1,000":  {onboarding.ListInput{Page: "101"}, []string{"page"}},
		"past them, many each":  {onboarding.ListInput{Page: "21", PerPage: "50"}, []string{"page"}},
		"page and cursor":       {onboarding.ListInput{Page: "1", Cursor: "MjAyNi0wMS0wMlQwMzowNDowNS4wMDAwMDArMDA6MDAj"}, []string{"page"}},
		"cursor of someone":     {onboarding.ListInput{Cursor: "abc"}, []string{"cursor"}},
		"cursor that is no id":  {onboarding.ListInput{Cursor: "MjAyNi0wMS0wMlQwMzowNDowNS4wMDAwMDArMDA6MDAjeA"}, []string{"cursor"}},
		"the last page of all":  {onboarding.ListInput{Page: "100"}, nil},
		"the last one, of many": {onboarding.ListInput{Page: "20", PerPage: "50"}, nil},
	} {
		_, err := d.List(t.Context(), brandID, c.in)
		if c.want == nil {
			must(t, err)
			continue
		}
		e := refusal(t, err)
		if got := slices.Sorted(maps.Keys(e.Fields)); e.Code != "get_customer_schema" || e.In != kyc.Query || !slices.Equal(got, c.want) {
			t.Errorf("%s: refused as %+v", name, e)
		}
	}
}
