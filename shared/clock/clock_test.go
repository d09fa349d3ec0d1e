package clock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"kyc/shared/clock"
	"kyc/shared/kyc"
)

// store counts how often it is asked, and can fail.
type store struct {
	ahead time.Duration
	err   error
	asked int
}

func (s *store) Ahead(context.Context, string) (time.Duration, error) {
	s.asked++
	return s.ahead, s.err
}

func TestSandboxBrandHasAClockOfItsOwn(t *testing.T) {
	moved := &store{ahead: 24 * time.Hour}
	brands := clock.For(kyc.Sandbox, moved)
	brands.Real = func() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }
	for asked := 1; asked <= 2; asked++ { // not cached
		now, err := brands.Now(t.Context(), "brand")
		if err != nil || !now.Time.Equal(brands.Real().Add(moved.ahead)) || now.Ahead != moved.ahead || moved.asked != asked {
			t.Errorf("now %+v, err %v, asked %d times", now, err, moved.asked)
		}
	}
	moved.err = errors.New("on purpose")
	if _, err := brands.Now(t.Context(), "brand"); !errors.Is(err, moved.err) {
		t.Errorf("a clock that can't be read tells the time: err %v", err)
	}
}

func TestLiveBrandHasRealTimeAtNoCost(t *testing.T) {
	for _, mode := range []kyc.Mode{kyc.Live, ""} {
		moved := &store{ahead: 24 * time.Hour}
		before := clock.Now()
		now, err := clock.For(mode, moved).Now(t.Context(), "brand")
		if after := clock.Now(); err != nil || now.Ahead != 0 || now.Time.Before(before) || now.Time.After(after) || moved.asked != 0 {
			t.Errorf("mode %q: now %+v, err %v, asked %d times", mode, now, err, moved.asked)
		}
	}
}
