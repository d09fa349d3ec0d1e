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
	decimal  = "Must name its host, or write its address as four decimal numbers without zeros in front, like 93.184.216.34."
	ascii    = "Must name its host in ASCII. Write an international name in its form with xn--."
	nowhere  = "Must be a public address. This name stands for nothing on the Internet."
	noHost   = "Must name a host, in letters, digits, hyphens and dots."

	private    = "Must be a public address. This one is for private networks."
	carriers   = "Must be a public address. This one is for networks of carriers."
	machine    = "Must be a public address. This one is for the machine itself."
	nextTo     = "Must be a public address. This one is for what is next to a machine, such as its cloud's metadata."
	thisNet    = "Must be a public address. This one is for the network that it is sent from."
	protocol   = "Must be a public address. This one is for protocols of the IETF."
	document   = "Must be a public address. This one is for documentation."
	sinks      = "Must be a public address. This one is for the name servers of private addresses (AS112)."
	tunnel     = "Must be a public address. This one is for the ends of tunnels."
	translator = "Must be a public address. This one is for translators between IPv4 and IPv6."
	benchmark  = "Must be a public address. This one is for benchmarks."
	many       = "Must be a public address. This one is for many receivers at once."
	nobodys    = "Must be a public address. This one is for nobody: it is reserved."
)

// The first and the last address of each range that is not for the public, and their public neighbours.
func TestAddressesAreJudged(t *testing.T) {
	egress := webhook.NewEgress(kyc.Live, "")
	for want, addresses := range map[string]string{
		thisNet:   "0.0.0.0 0.1.2.3 0.255.255.255 :: ::ffff:0.0.0.1",
		private:   "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 fc00:: fd00:ec2::254 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ::ffff:10.0.0.1 ::ffff:c0a8:1",
		carriers:  "100.64.0.0 100.100.100.200 100.127.255.255 ::ffff:100.64.0.1",
		machine:   "127.0.0.0 127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 ::ffff:7f00:1",
		nextTo:    "169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255 168.63.129.16 fe80:: fe80::a9fe:a9fe febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff ::ffff:169.254.169.254",
		protocol:  "192.0.0.0 192.0.0.9 192.0.0.170 192.0.0.192 192.0.0.255 2001:: 2001::1 2001:0:7f00:1:: 2001:1::1 2001:2::1 2001:3::1 2001:4:112::1 2001:10::1 2001:20::1 2001:30::1 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
		document:  "192.0.2.0 192.0.2.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255 2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 3fff:: 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
		sinks:     "192.31.196.0 192.31.196.255 192.175.48.0 192.175.48.255 2620:4f:8000:: 2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
		tunnel:    "192.52.193.0 192.52.193.255 192.88.99.0 192.88.99.2 192.88.99.255 2002:: 2002:7f00:1:: 2002:a00:1::1 2002:808:808::1 2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		benchmark: "198.18.0.0 198.19.255.255 ::ffff:198.18.0.1",
		many:      "224.0.0.0 239.255.255.255 ff00:: ff02::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		nobodys: "240.0.0.0 255.255.255.254 255.255.255.255 ::1:0:0:0 64:ff9a::1 64:ff9b:2::1 100:: 100::ffff:ffff:ffff:ffff 100:0:0:1::1 100:0:0:2::1 " +
			"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 4000:: 5f00::1 fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fec0::1 feff::1",
		translator: "::2 ::127.0.0.1 ::8.8.8.8 ::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1 64:ff9b:1:ffff::1",
		taken: "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 " +
			"191.255.255.255 192.0.1.255 192.0.3.0 192.31.195.255 192.31.197.0 192.52.192.255 192.52.194.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 192.175.47.255 192.175.49.0 " +
			"198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 8.8.8.8 93.184.216.34 ::ffff:8.8.8.8 " +
			"2000::1 2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2001:200::1 2001:db7::1 2001:db9::1 2003::1 2606:2800:220:1::1 2620:4f:7fff::1 2620:4f:8001::1 2a00:1450::1 3ffe::1 3fff:1000::1",
	} {
		for address := range strings.FieldsSeq(addresses) {
			host := address
			if strings.Contains(address, ":") {
				host = "[" + address + "]"
			}
			if got := egress.CheckURL("https://" + host + "/hook"); got != want {
				t.Errorf("%s: got %q, want %q", address, got, want)
			}
		}
	}
}

// One address can be written in many ways, and which of them a resolver or a library takes differs. Whoever writes one
// in another way than the usual means to be misread.
func TestSpellingsOfAddressesAreJudged(t *testing.T) {
	egress := webhook.NewEgress(kyc.Sandbox, "")
	for want, hosts := range map[string][]string{
		decimal: {
			"2130706433", "2852039166", "167772161", "0", "1", "4294967295", "18446744071562067969", // as one number
			"017700000001", "0177.0.0.1", "0177.0.0.01", "00000177.0.0.1", "0251.0376.0251.0376", "127.0.0.08", // octal
			"0x7f000001", "0X7F000001", "0x7f.0.0.1", "0x7f.0x0.0x0.0x1", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0x", "0x7f.1", // hexadecimal
			"127.1", "127.0.1", "10.1", "169.254.43518", "192.168.257", "0.0", // short
			"0x7f.0.0.01", "0177.0x0.0.1", "169.0xfe.0251.254", // mixed
			"256.256.256.256", "127.0.0.1.1", "127.0.0.256", "1.2.3.4.5", "example.1", "127.0.0.1.0x1", // none, or too long
			"2130706433.", "0x7f.1.", "127.1.", // with a dot at the end
		},
		machine: {"127.0.0.1", "127.0.0.1.", "[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000::0001]", "[::ffff:127.0.0.1]", "[::FFFF:7F00:1]", "[0:0:0:0:0:ffff:7f00:0001]"},
		nextTo: {
			"169.254.169.254", "169.254.169.254.", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fe80::1%25eth0]", "[fe80::1%25lo]",
			"[2606:2800:220:1::1%25eth0]", "[::ffff:8.8.8.8%25eth0]", "[2606:2800:220:1::1%251]",
		},
		translator: {"[::127.0.0.1]", "[::7f00:1]", "[::169.254.169.254]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[::ffff:0:127.0.0.1]"},
		ascii: {
			"１２７.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "ｌｏｃａｌｈｏｓｔ", "ⓔⓧⓐⓜⓟⓛⓔ.com", "𝟙𝟚𝟟.0.0.1", "١٢٧.0.0.1",
			"bücher.com", "localhoſt", "example.com\u200b", "example\u00ad.com", "metadata.google.\u0456nternal",
		},
		nowhere: {
			"localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain.local", "printer.local", "metadata", "metadata.google.internal",
			"METADATA.Google.Internal.", "instance-data.ec2.internal", "router.home.arpa", "a.onion", "a.test", "a.example", "a.invalid", "gns.alt", "com",
		},
		absolute: {"%31%32%37.0.0.1", "127.0.0.1%00.example.com", "[::1", "::1", "[127.0.0.1", "", "exa mple.com", `127.0.0.1\.example.com`},
		noHost:   {"example..com", ".example.com", "-a.com", "a-.com", "a.com-", "example.com..", "a!b.com", "(127.0.0.1).com", strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 126) + "com"},
		bare:     {"example.com@127.0.0.1", "127.0.0.1@example.com", "a:b@127.0.0.1", "@127.0.0.1", "127.0.0.1#@example.com", "127.0.0.1#.example.com"},
		taken: {
			"example.com", "EXAMPLE.com", "example.com.", "a.b.c.example.com", "xn--bcher-kva.com", "a_b.example.com", "3com.com", "1.2.3.4.example.com", "0x7f.com",
			"127-0-0-1.example.com", "localhost.com", "internal.com", "93.184.216.34", "93.184.216.34.", "[2606:2800:220:1::1]", "[::ffff:93.184.216.34]",
			strings.Repeat("a", 63) + ".com",
		},
	} {
		for _, host := range hosts {
			if got := egress.CheckURL("https://" + host + "/hook"); got != want {
				t.Errorf("%s: got %q, want %q", host, got, want)
			}
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
		"loopback":                        {"https://127.0.0.1/", machine, machine},
		"loopback, IPv6":                  {"https://[::1]/", machine, machine},
		"loopback by HTTP":                {"http://127.0.0.1/", secure, machine},
		"localhost":                       {"https://localhost/", nowhere, nowhere},
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
	if got := (webhook.Egress{}).CheckURL("https://127.0.0.1/"); got != machine {
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
