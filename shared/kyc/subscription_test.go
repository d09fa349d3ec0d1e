package kyc_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
)

// While one key takes the place of another both sign, the newest first; from its end on the old one signs no more.
func TestEndpointSignsWithTheKeysOfItsTime(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	sub := kyc.Subscription{
		URL: "https://example.com/hook", Timeout: 3 * time.Second, Headers: []string{"X-Token"},
		Keys: []kyc.SigningKey{{Field: "secret_2"}, {Field: "secret", Until: noon}},
	}
	opened := kyc.Profile{"secret": kyc.NewSecret("old"), "secret_2": kyc.NewSecret("new"), kyc.HeaderField("x-token"): kyc.NewSecret("token")}
	for name, c := range map[string]struct {
		at   time.Time
		want []string
	}{
		"before the end of the old one": {noon.Add(-time.Nanosecond), []string{"new", "old"}},
		"at its end":                    {noon, []string{"new"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := sub.Endpoint(opened, c.at)
			var keys []string
			for _, k := range e.Keys {
				keys = append(keys, k.Reveal())
			}
			if diff := cmp.Diff(c.want, keys); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if e.URL != sub.URL || e.Timeout != sub.Timeout || len(e.Headers) != 1 || e.Headers[0].Name != "X-Token" || e.Headers[0].Value.Reveal() != "token" {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestDisablingIsNotedUntilItEnds(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	disabled := kyc.Subscription{Status: kyc.StatusEnabled}.WithStatus(kyc.StatusDisabled, kyc.DisabledGone, noon)
	if disabled.DisabledCause != kyc.DisabledGone || !disabled.DisabledAt.Equal(noon) || disabled.Status != kyc.StatusDisabled {
		t.Errorf("disabled: %+v", disabled)
	}
	for _, status := range []string{kyc.StatusEnabled, kyc.StatusPaused} {
		if s := disabled.WithStatus(status, "", noon); s.Status != status || s.DisabledCause != "" || !s.DisabledAt.IsZero() {
			t.Errorf("%s: %+v", status, s)
		}
	}
}
