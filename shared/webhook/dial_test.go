package webhook

import (
	"errors"
	"testing"
	"time"

	"kyc/shared/kyc"
)

// The last word on where a webhook goes has what the dialer asks, with the address that the name stood for.
func TestDialerAsksBeforeItConnects(t *testing.T) {
	for name, c := range map[string]struct {
		mode      kyc.Mode
		testHosts string
		address   string
		allowed   bool
	}{
		"public":                          {kyc.Live, "", "93.184.216.34:443", true},
		"public, IPv6":                    {kyc.Live, "", "[2606:2800:220:1::1]:443", true},
		"sandbox, HTTP":                   {kyc.Sandbox, "", "93.184.216.34:80", true},
		"live, HTTP":                      {kyc.Live, "", "93.184.216.34:80", false},
		"other port":                      {kyc.Sandbox, "", "93.184.216.34:22", false},
		"a stage of unknown mode is live": {"", "127.0.0.1:9", "93.184.216.34:80", false},
		"loopback":                        {kyc.Sandbox, "", "127.0.0.1:443", false},
		"loopback, IPv6":                  {kyc.Sandbox, "", "[::1]:443", false},
		"loopback as IPv6":                {kyc.Sandbox, "", "[::ffff:127.0.0.1]:443", false},
		"metadata of the machine":         {kyc.Live, "", "169.254.169.254:80", false},
		"private":                         {kyc.Live, "", "10.0.0.1:443", false},
		"with a zone":                     {kyc.Live, "", "[2606:2800:220:1::1%eth0]:443", false},
		"test host":                       {kyc.Sandbox, "127.0.0.1:9", "127.0.0.1:9", true},
		"test host, other port":           {kyc.Sandbox, "127.0.0.1:9", "127.0.0.1:10", false},
		"one of two test hosts":           {kyc.Sandbox, " 127.0.0.1:8 , 127.0.0.1:9 ", "127.0.0.1:9", true},
		"test host on a live stage":       {kyc.Live, "127.0.0.1:9", "127.0.0.1:9", false},
		"a name":                          {kyc.Sandbox, "", "example.com:443", false},
		"nothing":                         {kyc.Sandbox, ",", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := NewEgress(c.mode, c.testHosts).dialer(time.Second).ControlContext(t.Context(), "tcp", c.address, nil)
			if (err == nil) != c.allowed || err != nil && !errors.Is(err, ErrForbiddenAddress) {
				t.Errorf("got %v", err)
			}
		})
	}
}
