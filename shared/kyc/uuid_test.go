package kyc_test

import (
	"strings"
	"testing"

	"kyc/shared/kyc"
)

func TestIsUUID(t *testing.T) {
	for name, c := range map[string]struct {
		id   string
		want bool
	}{
		"version 4":                  {customerID, true},
		"version 7":                  {"01890a5d-ac96-774b-bcce-b302099a8057", true},
		"capital letters":            {strings.ToUpper(customerID), false},
		"nil":                        {"00000000-0000-0000-0000-000000000000", false},
		"version 0":                  {"9d0c6f8b-2f5e-0a57-b6c7-3f0a1f3e2d03", false},
		"foreign variant":            {"9d0c6f8b-2f5e-4a57-c6c7-3f0a1f3e2d03", false},
		"line break after it":        {customerID + "\n", false},
		"something before it":        {"x" + customerID, false},
		"dashes in the wrong places": {"9d0c6f8b2-f5e-4a57-b6c7-3f0a1f3e2d03", false},
		"empty":                      {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := kyc.IsUUID(c.id); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
