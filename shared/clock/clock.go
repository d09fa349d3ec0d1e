// Package clock is the only place of shared/ that reads the system's clock.
package clock

import "time"

// Now returns the time in UTC with the microseconds that are stored and shown, so that a time read back equals the
// time that was written.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
