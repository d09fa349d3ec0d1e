package kyc_test

import (
	"testing"
	"time"

	"kyc/shared/kyc"
)

func TestMomentTurnsIntoRealTime(t *testing.T) {
	now := kyc.Moment{Time: noon.Add(24 * time.Hour), Ahead: 24 * time.Hour}
	if got := now.Real(now.Time.Add(time.Minute)); !got.Equal(noon.Add(time.Minute)) {
		t.Errorf("a minute from now is %v in real time", got)
	}
	if got := now.Real(time.Time{}); !got.IsZero() {
		t.Errorf("no time became %v", got)
	}
	if got := now.Alarm(); !got.Equal(noon.Add(kyc.AlarmDelay)) {
		t.Errorf("the alarm is at %v", got)
	}
	if got := (kyc.Start{Now: now.Time, Ahead: now.Ahead}).Alarm(); !got.Equal(now.Alarm()) {
		t.Errorf("a start's alarm is at %v", got)
	}
}
