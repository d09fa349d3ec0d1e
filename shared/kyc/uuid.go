package kyc

import "regexp"

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// IsUUID reports whether s is a UUID in its canonical lower-case form (RFC 9562).
func IsUUID(s string) bool { return uuidForm.MatchString(s) }
