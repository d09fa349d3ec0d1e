package kyc

import (
	"testing"
	"time"
)

func TestLinksAreFreshWhenGivenOut(t *testing.T) {
	begin := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	week := Link{1, begin.Add(7 * day)}
	for name, c := range map[string]struct {
		link  Link
		after time.Duration
		want  Link
	}{
		"the first":              {Link{}, 0, Link{1, begin.Add(7 * day)}},
		"long before its end":    {week, 84 * time.Hour, week},
		"soon before its end":    {week, 84*time.Hour + 1, Link{1, begin.Add(84*time.Hour + 7*day)}},
		"a moment before it":     {week, 7*day - 1, Link{1, begin.Add(14*day - time.Second)}},
		"at its end":             {week, 7 * day, Link{2, begin.Add(14 * day)}},
		"long after it":          {week, 100 * day, Link{2, begin.Add(107 * day)}},
		"a later one, after all": {Link{7, begin}, time.Hour, Link{8, begin.Add(7*day + time.Hour)}},
	} {
		if got := c.link.fresh(begin.Add(c.after)); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestLinksAdmit(t *testing.T) {
	now := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	c := Customer{BrandID: "b", ID: "c", Attempts: map[string]Attempt{"p": {ID: "a", Status: DocumentRequired}}}
	pair := Pair{"b", "c", "p"}
	if got := pair.Link(c.Attempts["p"]); c.Attempts["p"].Admits(got, now) {
		t.Errorf("without a link %+v admits", got)
	}
	filing, changed := c.Relinked("p", now)
	if !changed || filing.Pair != pair || filing.To.Fence != 1 || filing.To.Link.Generation != 1 {
		t.Fatalf("relinked %t to %+v", changed, filing)
	}
	c.Attempts["p"] = filing.To
	if _, changed := c.Relinked("p", now.Add(day)); changed {
		t.Error("a day later the link is changed")
	}
	ref := pair.Link(c.Attempts["p"])
	if want := (LinkRef{pair, "a", 1}); ref != want {
		t.Errorf("link %+v, want %+v", ref, want)
	}
	other, older := ref, ref
	other.AttemptID, older.Generation = "b", 0
	for _, one := range []struct {
		ref    LinkRef
		at     time.Time
		admits bool
	}{{ref, now, true}, {ref, now.Add(7*day - 1), true}, {ref, now.Add(7 * day), false}, {other, now, false}, {older, now, false}} {
		if got := c.Attempts["p"].Admits(one.ref, one.at); got != one.admits {
			t.Errorf("%+v at %s: %t", one.ref, one.at, got)
		}
	}
}
