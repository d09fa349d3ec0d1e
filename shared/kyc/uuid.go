package kyc

import "regexp"

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// IsUUID reports whether s is a UUID in its canonical lower-case form (RFC 9562).
func IsUUID(s string) bool { return uuidForm.MatchString(s) }

var eventIDForm = regexp.MustCompile(`^evt_[0-9a-f-]{36}_[0-9]{1,9}(_fields)?$`)

// IsEventID reports whether s has the form of an event's id: that of its attempt, or of what else it is about, and its
// state_version.
func IsEventID(s string) bool { return eventIDForm.MatchString(s) }
