package cache_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/cache"
)

// source counts what it is asked for, and answers with the count.
type source struct {
	now    time.Time
	loaded map[string]int
	err    error
}

func newSource() *source {
	return &source{now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC), loaded: map[string]int{}}
}

func (s *source) get(t *testing.T, c *cache.Cache[string, int], key string) int {
	t.Helper()
	v, err := c.Get(t.Context(), key, func(context.Context) (int, error) {
		s.loaded[key]++
		return s.loaded[key], s.err
	})
	if !errors.Is(err, s.err) {
		t.Fatalf("got error %v, want %v", err, s.err)
	}
	return v
}

func (s *source) clock() time.Time { return s.now }

func TestValuesAreKeptForTheirTime(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		loads int
	}{
		"at once":              {0, 1},
		"an instant before":    {time.Minute - 1, 1},
		"at the instant":       {time.Minute, 2},
		"later":                {time.Hour, 2},
		"the clock moved back": {-time.Hour, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource()
			kept := cache.New[string, int](time.Minute, 10, s.clock)
			s.get(t, kept, "a")
			s.now = s.now.Add(c.after)
			if got := s.get(t, kept, "a"); got != c.loads || s.loaded["a"] != c.loads {
				t.Errorf("got value %d after %d loads, want %d", got, s.loaded["a"], c.loads)
			}
		})
	}
}

// The time of a value runs from before it was loaded: a slow load does not make it younger.
func TestSlowLoadMakesNoValueYounger(t *testing.T) {
	s := newSource()
	kept := cache.New[string, int](time.Minute, 10, s.clock)
	if _, err := kept.Get(t.Context(), "a", func(context.Context) (int, error) {
		s.now = s.now.Add(time.Minute)
		return 0, nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := s.get(t, kept, "a"); got != 1 {
		t.Error("the value of a slow load was kept too long")
	}
}

func TestRenewedValueIsKeptInstead(t *testing.T) {
	s := newSource()
	kept := cache.New[string, int](time.Minute, 2, s.clock)
	s.get(t, kept, "a")
	s.now = s.now.Add(30 * time.Second)
	load := func(err error) func(context.Context) (int, error) {
		return func(context.Context) (int, error) { return 7, err }
	}
	if got, err := kept.Renew(t.Context(), "a", load(nil)); got != 7 || err != nil {
		t.Errorf("renewed to %d, %v", got, err)
	}
	if _, err := kept.Renew(t.Context(), "a", load(errors.New("not now"))); err == nil {
		t.Error("no error")
	}
	s.now = s.now.Add(time.Minute - 1)
	if got := s.get(t, kept, "a"); got != 7 {
		t.Errorf("a minute after it was renewed the value is %d", got)
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	s := newSource()
	kept := cache.New[string, int](time.Minute, 10, s.clock)
	s.err = errors.New("not now")
	s.get(t, kept, "a")
	s.err = nil
	if got := s.get(t, kept, "a"); got != 2 {
		t.Errorf("got value %d, want that of the second load", got)
	}
	s.err = errors.New("not now")
	s.now = s.now.Add(time.Hour)
	s.get(t, kept, "a")
	s.err = nil
	if got := s.get(t, kept, "a"); got != 4 {
		t.Errorf("got value %d, want that of the fourth load", got)
	}
}

func TestValuesAreBounded(t *testing.T) {
	s := newSource()
	kept := cache.New[string, int](time.Minute, 2, s.clock)
	for _, key := range []string{"a", "b", "a", "b"} {
		s.get(t, kept, key)
	}
	if diff := cmp.Diff(map[string]int{"a": 1, "b": 1}, s.loaded); diff != "" {
		t.Errorf("loads while there is room (-want +got):\n%s", diff)
	}
	for _, key := range []string{"c", "c", "a", "b"} {
		s.get(t, kept, key)
	}
	if diff := cmp.Diff(map[string]int{"a": 2, "b": 2, "c": 1}, s.loaded); diff != "" {
		t.Errorf("loads after the bound (-want +got):\n%s", diff)
	}
}

// A value that is loaded again takes the room of its old one, not that of others.
func TestReloadPushesNothingOut(t *testing.T) {
	s := newSource()
	kept := cache.New[string, int](time.Minute, 2, s.clock)
	s.get(t, kept, "a")
	s.now = s.now.Add(30 * time.Second)
	s.get(t, kept, "b")
	s.now = s.now.Add(30 * time.Second)
	s.get(t, kept, "a")
	s.get(t, kept, "b")
	if diff := cmp.Diff(map[string]int{"a": 2, "b": 1}, s.loaded); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestContextReachesTheLoad(t *testing.T) {
	type key struct{}
	kept := cache.New[string, any](time.Minute, 2, newSource().clock)
	got, err := kept.Get(context.WithValue(t.Context(), key{}, "here"), "a", func(ctx context.Context) (any, error) { return ctx.Value(key{}), nil })
	if err != nil || got != "here" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	var ticks atomic.Int64
	start := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	kept := cache.New[int, int](5*time.Second, 4, func() time.Time { return start.Add(time.Duration(ticks.Add(1)) * time.Second) })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := range 500 {
				key := n % 7
				v, err := kept.Get(t.Context(), key, func(context.Context) (int, error) { return key * key, nil })
				if err != nil || v != key*key {
					t.Errorf("key %d: got %d, %v", key, v, err)
				}
			}
		})
	}
	all.Wait()
}
