package kyc_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kyc/shared/kyc"
)

var began = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// drawnTry draws a try at a time, which fails more often than not.
func drawnTry(t *rapid.T, at time.Time) kyc.Try {
	try := kyc.Try{
		At: at, Duration: time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds")) * time.Second,
		Code: rapid.SampledFrom([]int{0, 200, 204, 302, 410, 429, 500, 503}).Draw(t, "code"), RetryAfter: time.Duration(rapid.IntRange(0, 1<<20).Draw(t, "asked")) * time.Second,
	}
	if try.Code/100 != 2 {
		try.Error = "status"
	}
	return try
}

// Whatever happens to a delivery, in whatever order: it goes by its transitions, a message waits for it or an alarm looks at it
// or it is held or it rests, and nothing but a success or the end of the plan makes it rest.
func TestDeliveryGoesByItsRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := began
		plan := make([]time.Duration, rapid.IntRange(0, 4).Draw(t, "plan"))
		for n := range plan {
			plan[n] = time.Duration(rapid.IntRange(0, 100000).Draw(t, "wait")) * time.Second
		}
		d := kyc.NewDelivery("s", kyc.Event{ID: "e", BrandID: "b", Name: kyc.EventSuccess, OccurredAt: now})
		failures := 0
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 100000).Draw(t, "seconds")) * time.Second)
			},
			"try": func(t *rapid.T) {
				before, try, probe := d, drawnTry(t, now), rapid.Bool().Draw(t, "probe")
				if probe && try.Error != "" {
					d = d.Probed(try)
				} else {
					d = d.Tried(try, plan, rapid.Float64Range(0, 0.999).Draw(t, "spread"))
				}
				if len(d.Tries) != min(len(before.Tries)+1, kyc.MaxTries) {
					t.Fatalf("%d tries after %d", len(d.Tries), len(before.Tries))
				}
				if try.Error == "" && d.Status != kyc.Delivered {
					t.Fatalf("taken, and %s", d.Status)
				}
				if before.Status.Resting() && try.Error != "" && d.Status != before.Status {
					t.Fatalf("a try that failed has moved it from %s to %s", before.Status, d.Status)
				}
				if !before.Status.Resting() && try.Error != "" && !probe {
					failures++
				}
				if d.Status == kyc.Exhausted && before.Status != kyc.Exhausted && failures <= len(plan) {
					t.Fatalf("given up after %d failures of a plan of %d waits", failures, len(plan))
				}
				if d.Status == kyc.Failing {
					wait := d.NextAt.Sub(try.End())
					if planned := plan[d.Failures-1]; wait < planned*9/10 || wait < min(try.RetryAfter, kyc.MaxRetryAfter) || wait > max(planned*11/10, min(try.RetryAfter, kyc.MaxRetryAfter))+1 {
						t.Fatalf("waits %s, planned %s, asked %s", wait, planned, try.RetryAfter)
					}
					if delay, short := d.Delay(try.End()); short == (wait > kyc.MaxDelay) || delay != wait {
						t.Fatalf("a message waits %s, %t", delay, short)
					}
				}
			},
			"hold": func(*rapid.T) { d = d.Hold() },
			"wait": func(*rapid.T) { d = d.Wait(now) },
			"resend": func(t *rapid.T) {
				d, failures = d.Resend(now, rapid.Bool().Draw(t, "demanded")), 0
			},
			"": func(t *rapid.T) {
				if watched := !d.DueAt.IsZero(); d.Rev == 0 && len(d.Tries) > 0 && watched == (d.Status == kyc.Held || d.Status.Resting()) {
					t.Fatalf("%s, and its alarm is at %s", d.Status, d.DueAt)
				}
				if d.DueAt.Before(d.NextAt) {
					t.Fatalf("its alarm is at %s, before it may be tried at %s", d.DueAt, d.NextAt)
				}
				for _, to := range kyc.DeliveryStatuses() {
					if d.Status.Resting() && d.Status.CanBecome(to) && to != kyc.Pending && to != kyc.Delivered {
						t.Fatalf("%s moves to %s by itself", d.Status, to)
					}
				}
			},
		})
	})
}

// Whatever the line has been through: it is closed, or it is open until a time at which an alarm looks at it, for an hour at
// the most; one success closes it, and has what was held sent.
func TestLineGoesByItsRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := began
		var l kyc.Line
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 7200).Draw(t, "seconds")) * time.Second)
			},
			"down": func(t *rapid.T) {
				try := drawnTry(t, now)
				if try.Error = "status"; l.Open(now) && !now.Before(l.OpenUntil) {
					now = try.End() // the probe
				}
				before := l
				l = l.Down(try)
				if try.End().Before(before.OpenUntil) && l != before {
					t.Fatalf("a post from before it was opened has changed it: %+v", l)
				}
				if spare := l.OpenUntil.Sub(try.End()); l.Opened > before.Opened && (spare <= 0 || spare > time.Hour) {
					t.Fatalf("open for %s", spare)
				}
				if !before.OpenUntil.IsZero() && l.OpenUntil.IsZero() {
					t.Fatal("a failure has closed it")
				}
			},
			"up": func(*rapid.T) {
				was := l
				if l = l.Up(now); !l.Steady() || was.OpenUntil.IsZero() == (l.DrainSince.Equal(now)) && was.DrainSince.IsZero() {
					t.Fatalf("after %+v: %+v", was, l)
				}
			},
			"probe": func(*rapid.T) {
				if l.HalfOpen(now) {
					if l = l.Probe(now); l.HalfOpen(now) || !l.Open(now) {
						t.Fatal("a second post is let through")
					}
				}
			},
			"": func(t *rapid.T) {
				if !l.OpenUntil.IsZero() && (l.DueAt.IsZero() || l.DueAt.After(l.OpenUntil) && l.DueAt.After(l.ProbeUntil)) {
					t.Fatalf("open until %s, and its alarm is at %s", l.OpenUntil, l.DueAt)
				}
				if l.OpenUntil.IsZero() != (l.Opened == 0) {
					t.Fatalf("%+v", l)
				}
			},
		})
	})
}

func TestDeadAfterFiveDaysOfNothingElse(t *testing.T) {
	fail := func(l kyc.Line, after time.Duration) kyc.Line {
		return l.Down(kyc.Try{At: began.Add(after), Error: "timeout"})
	}
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		at   []time.Duration
		want bool
	}{
		"all the time": {[]time.Duration{0, day, 2 * day, 3 * day, 4 * day, 5 * day}, true}, "a second less": {[]time.Duration{0, day, 2 * day, 3 * day, 4 * day, 5*day - time.Second}, false},
		"once, and long after": {[]time.Duration{0, 30 * day}, false}, "once": {[]time.Duration{0}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var l kyc.Line
			for _, at := range c.at {
				l = fail(l, at)
			}
			if l.Dead() != c.want {
				t.Errorf("dead: %t, %+v", l.Dead(), l)
			}
			if l = l.Up(began.Add(6 * day)); l.Dead() {
				t.Error("a success has not helped")
			}
		})
	}
}

func TestNextStep(t *testing.T) {
	enabled := kyc.Subscription{Status: kyc.StatusEnabled}
	open, half := kyc.Line{OpenUntil: began.Add(time.Second)}, kyc.Line{OpenUntil: began}
	pending := kyc.Delivery{Status: kyc.Pending}
	for n, c := range []struct {
		d    kyc.Delivery
		sub  kyc.Subscription
		line kyc.Line
		want kyc.Step
	}{
		{pending, enabled, kyc.Line{}, kyc.StepPost}, {pending, enabled, open, kyc.StepHold}, {pending, enabled, half, kyc.StepProbe},
		{pending, kyc.Subscription{Status: kyc.StatusPaused}, kyc.Line{}, kyc.StepHold}, {pending, kyc.Subscription{Status: kyc.StatusDisabled}, half, kyc.StepHold},
		{kyc.Delivery{Status: kyc.Pending, Demanded: true}, kyc.Subscription{Status: kyc.StatusPaused}, open, kyc.StepPost},
		{kyc.Delivery{Status: kyc.Delivered}, enabled, kyc.Line{}, kyc.StepNone}, {kyc.Delivery{Status: kyc.Exhausted}, enabled, kyc.Line{}, kyc.StepNone},
		{kyc.Delivery{Status: kyc.Failing, NextAt: began.Add(2 * time.Second)}, enabled, kyc.Line{}, kyc.StepNone},
		{kyc.Delivery{Status: kyc.Failing, NextAt: began.Add(time.Second)}, enabled, kyc.Line{}, kyc.StepPost}, // clocks differ
		{kyc.Delivery{Status: kyc.Held}, enabled, kyc.Line{}, kyc.StepPost},
		{pending, enabled, kyc.Line{OpenUntil: began, ProbeUntil: began.Add(time.Second)}, kyc.StepHold},
	} {
		t.Run(fmt.Sprint(n, " ", c.want), func(t *testing.T) {
			if got := c.d.Next(c.sub, c.line, began); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// A line that stays down is open for a minute at first, then for twice as long each time, up to an hour.
func TestBreaksGrow(t *testing.T) {
	var l kyc.Line
	now := began
	for range 4 {
		l = l.Down(kyc.Try{At: now, Error: "timeout"})
	}
	if !l.OpenUntil.IsZero() {
		t.Fatal("open after four failures")
	}
	for _, minutes := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		l = l.Down(kyc.Try{At: now, Error: "timeout"})
		if got := l.OpenUntil.Sub(now); got != time.Duration(minutes)*time.Minute || !l.DueAt.Equal(l.OpenUntil) {
			t.Errorf("open for %s, want %d minutes; alarm at %s", got, minutes, l.DueAt)
		}
		now, l.DueAt = l.OpenUntil, time.Time{}
	}
}

// A post that was on its way when its delivery was begun anew is remembered, but where it fails it takes nothing from what
// was asked for: that is still to be posted, whatever the subscription's state.
func TestATryFromBeforeDecidesNothing(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	anew := kyc.Delivery{Status: kyc.Failing, Failures: 3}.Resend(now, true)
	for _, code := range []int{500, 410} {
		late := kyc.Try{At: now.Add(-time.Second), Duration: 2 * time.Second, Code: code, Error: "status"}
		for name, d := range map[string]kyc.Delivery{"tried": anew.Tried(late, kyc.DefaultRetryPlan(), 0.5), "probed": anew.Probed(late)} {
			if d.Next(kyc.Subscription{Status: kyc.StatusPaused}, kyc.Line{}, now) != kyc.StepPost || d.Failures != 0 || !d.DueAt.Equal(anew.DueAt) || len(d.Tries) != 1 {
				t.Errorf("%s, %d: %+v", name, code, d)
			}
		}
	}
	if d := anew.Tried(kyc.Try{At: now.Add(-time.Second), Code: 200}, nil, 0); d.Status != kyc.Delivered {
		t.Errorf("taken: %+v", d)
	}
}
