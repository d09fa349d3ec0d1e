package webhook_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"kyc/shared/kyc"
	"kyc/shared/webhook"
)

const (
	taken    = ""
	absolute = "Must be an absolute URL of at most 2,048 characters, like https://example.com/webhooks."
	bare     = "Must not hold a user name, a password or a fragment."
	secure   = "Must begin with https://."
	port443  = "Must use port 443."
	notOpen  = "Must be a public address."
)

// Addresses that are not for the public, by the registry or the trick that they come from, and their public neighbours.
func TestAddressesAreJudged(t *testing.T) {
	egress := webhook.NewEgress(kyc.Live, "")
	for want, groups := range map[string]map[string][]string{
		notOpen: {
			"this network":             {"0.0.0.0", "0.1.2.3", "0.255.255.255"},
			"private":                  {"10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "fc00::1", "fdff::1", "fd00:ec2::254"},
			"shared by carriers":       {"100.64.0.0", "100.127.255.255"},
			"loopback":                 {"127.0.0.1", "127.255.255.255", "::1"},
			"link-local, metadata":     {"169.254.0.1", "169.254.169.254", "169.254.170.2", "169.254.255.255", "fe80::1", "febf::1", "fe80::a9fe:a9fe"},
			"protocol assignments":     {"192.0.0.0", "192.0.0.170", "192.0.0.255", "2001:1::1", "2001:20::1"},
			"documentation":            {"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1", "3fff:fff:ffff::1"},
			"6to4 relay":               {"192.88.99.1"},
			"benchmarks":               {"198.18.0.0", "198.19.255.255", "2001:2::1"},
			"multicast":                {"224.0.0.1", "239.255.255.255", "ff00::1", "ff02::1"},
			"reserved and broadcast":   {"240.0.0.1", "255.255.255.254", "255.255.255.255"},
			"unspecified":              {"::"},
			"IPv4 in IPv6, mapped":     {"::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1", "::ffff:198.18.0.1", "::ffff:0.0.0.1"},
			"IPv4 in IPv6, translated": {"::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8"},
			"IPv4 in IPv6, compatible": {"::127.0.0.1", "::8.8.8.8"},
			"NAT64":                    {"64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "64:ff9b:1:ffff::1"},
			"discard":                  {"100::1", "100::ffff:ffff:ffff:ffff"},
			"Teredo":                   {"2001::1", "2001:0:7f00:1::"},
			"6to4":                     {"2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1"},
			"segment routing":          {"5f00::1", "5f00:ffff::1"},
			"site-local":               {"fec0::1", "feff::1"},
		},
		taken: {
			"beside this network":          {"1.0.0.0"},
			"beside private":               {"9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0"},
			"beside shared by carriers":    {"100.63.255.255", "100.128.0.0"},
			"beside loopback":              {"126.255.255.255", "128.0.0.0"},
			"beside link-local":            {"169.253.255.255", "169.255.0.0"},
			"beside protocol assignments":  {"191.255.255.255", "192.0.1.0", "2001:200::1"},
			"beside documentation":         {"192.0.1.255", "192.0.3.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "2001:db7::1", "2001:db9::1", "3fff:1000::1", "3ffe::1"},
			"beside the 6to4 relay":        {"192.88.98.255", "192.88.100.0"},
			"beside benchmarks":            {"198.17.255.255", "198.20.0.0"},
			"beside multicast":             {"223.255.255.255"},
			"beside NAT64":                 {"64:ff9a::1", "64:ff9b:2::1"},
			"beside discard":               {"100:0:0:1:1::1"},
			"beside 6to4":                  {"2003::1"},
			"beside segment routing":       {"5eff::1", "5f01::1"},
			"public names' addresses":      {"8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "2a00:1450::1"},
			"a public one, mapped to IPv6": {"::ffff:8.8.8.8"},
		},
	} {
		for group, addresses := range groups {
			t.Run(group, func(t *testing.T) {
				for _, address := range addresses {
					host := address
					if strings.Contains(address, ":") {
						host = "[" + address + "]"
					}
					if got := egress.CheckURL("https://" + host + "/hook"); got != want {
						t.Errorf("%s: got %q, want %q", address, got, want)
					}
				}
			})
		}
	}
}

func TestCheckURL(t *testing.T) {
	const testHost = "127.0.0.1:18080, hooks.test:9000"
	for name, c := range map[string]struct{ url, live, sandbox string }{
		"name":                            {"https://example.com/webhooks", taken, taken},
		"name, port 443":                  {"https://example.com:443/webhooks?x=1&y=2", taken, taken},
		"no path":                         {"https://example.com", taken, taken},
		"capital letters":                 {"HTTPS://EXAMPLE.COM/", taken, taken},
		"longest":                         {"https://example.com/" + strings.Repeat("a", 2048-20), taken, taken},
		"longer":                          {"https://example.com/" + strings.Repeat("a", 2049-20), absolute, absolute},
		"empty":                           {"", absolute, absolute},
		"a path":                          {"/webhooks", absolute, absolute},
		"no scheme":                       {"example.com/webhooks", absolute, absolute},
		"no scheme, two slashes":          {"//example.com/webhooks", secure, secure},
		"no host":                         {"https:///webhooks", absolute, absolute},
		"no host but a port":              {"https://:443/webhooks", absolute, absolute},
		"no slashes":                      {"https:example.com", absolute, absolute},
		"space":                           {"https://exa mple.com/", absolute, absolute},
		"control character":               {"https://example.com/\n", absolute, absolute},
		"zero byte, encoded":              {"https://exa%00mple.com/", absolute, absolute},
		"digits, encoded":                 {"https://%31%32%37.0.0.1/", absolute, absolute},
		"backslash":                       {`https://127.0.0.1\@example.com/`, absolute, absolute},
		"port that is none":               {"https://example.com:https/", absolute, absolute},
		"user":                            {"https://user@example.com/", bare, bare},
		"user and password":               {"https://user:secret@example.com/", bare, bare},
		"empty user":                      {"https://@example.com/", bare, bare},
		"host in the place of a user":     {"https://example.com:80@127.0.0.1/", bare, bare},
		"fragment":                        {"https://example.com/#x", bare, bare},
		"fragment that looks like a user": {"https://127.0.0.1#@example.com/", bare, bare},
		"HTTP":                            {"http://example.com/", secure, taken},
		"HTTP, port 80":                   {"http://example.com:80/", secure, taken},
		"file":                            {"file://example.com/etc/passwd", secure, secure},
		"gopher":                          {"gopher://example.com/", secure, secure},
		"FTP":                             {"ftp://example.com/", secure, secure},
		"web socket":                      {"wss://example.com/", secure, secure},
		"script":                          {"javascript://example.com/", secure, secure},
		"port 8443":                       {"https://example.com:8443/", port443, port443},
		"port 22":                         {"https://example.com:22/", port443, port443},
		"port 0443":                       {"https://example.com:0443/", port443, port443},
		"port 80":                         {"https://example.com:80/", port443, taken},
		"loopback":                        {"https://127.0.0.1/", notOpen, notOpen},
		"loopback, IPv6":                  {"https://[::1]/", notOpen, notOpen},
		"loopback, with a dot":            {"https://127.0.0.1./", notOpen, notOpen},
		"loopback by HTTP":                {"http://127.0.0.1/", secure, notOpen},
		"localhost":                       {"https://localhost/", notOpen, notOpen},
		"LOCALHOST":                       {"https://LOCALHOST/", notOpen, notOpen},
		"localhost with a dot":            {"https://localhost./", notOpen, notOpen},
		"zone":                            {"https://[fe80::1%25lo]/", notOpen, notOpen},
		"zone of a public one":            {"https://[2606:2800:220:1::1%25eth0]/", notOpen, notOpen},
		"test host":                       {"http://127.0.0.1:18080/", secure, taken},
		"test host by HTTPS":              {"https://127.0.0.1:18080/hook", port443, taken},
		"test host by name":               {"http://hooks.test:9000/", secure, taken},
		"test host, another port":         {"https://127.0.0.1:18081/", port443, port443},
		"test host with a user":           {"http://u@127.0.0.1:18080/", bare, bare},
		"test host, foreign scheme":       {"ftp://127.0.0.1:18080/", secure, secure},
	} {
		t.Run(name, func(t *testing.T) {
			for mode, want := range map[kyc.Mode]string{kyc.Live: c.live, kyc.Sandbox: c.sandbox} {
				if got := webhook.NewEgress(mode, testHost).CheckURL(c.url); got != want {
					t.Errorf("%s: got %q, want %q", mode, got, want)
				}
			}
		})
	}
	if got := (webhook.Egress{}).CheckURL("https://127.0.0.1/"); got != notOpen {
		t.Errorf("rules that nobody made: got %q", got)
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{
		"https://example.com/webhooks", "http://example.com", "https://user@example.com/", "https://[::ffff:127.0.0.1]:443/", "https://127.0.0.1.",
		"https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://0x7f.1/", "https://:443", "https://example.com:80@127.0.0.1/", "https://[fe80::1%25lo]/", "//a", "",
	} {
		f.Add(seed)
	}
	live, sandbox, testing443 := webhook.NewEgress(kyc.Live, "127.0.0.1:443"), webhook.NewEgress(kyc.Sandbox, ""), webhook.NewEgress(kyc.Sandbox, "127.0.0.1:443")
	f.Fuzz(func(t *testing.T, raw string) {
		inSandbox := sandbox.CheckURL(raw)
		if live.CheckURL(raw) == "" && inSandbox != "" || inSandbox == "" && testing443.CheckURL(raw) != "" {
			t.Fatalf("%q: what is allowed where less is allowed must be allowed where more is", raw)
		}
		if why := live.CheckURL(raw); why != "" {
			if len(raw) > 20 && strings.Contains(why, raw) {
				t.Fatalf("%q is repeated", raw)
			}
			return
		}
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Hostname() == "" || u.Port() != "" && u.Port() != "443" {
			t.Fatalf("%q is allowed on a live stage", raw)
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil && (addr.Zone() != "" || !addr.Unmap().IsGlobalUnicast() || addr.Unmap().IsPrivate()) {
			t.Fatalf("%q is allowed on a live stage", raw)
		}
		again, err := url.Parse(u.String())
		if err != nil || again.Host != u.Host || live.CheckURL(u.String()) != "" && len(u.String()) <= 2048 {
			t.Fatalf("%q, written again as %q, is judged otherwise", raw, u)
		}
	})
}
