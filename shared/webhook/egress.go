package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"kyc/shared/kyc"
)

// ErrForbiddenAddress says that a webhook would have gone to an address that is not public.
var ErrForbiddenAddress = errors.New("webhook address is not public")

// closed lists the addresses that no webhook goes to, each range with whom it is for. It is the whole of IANA's registries
// of special-purpose addresses (RFC 6890), those among them that the Internet reaches too, for behind none of them is a
// brand's server. Every IPv6 address outside 2000::/3, the only block that IANA assigns to the public, is closed as well:
// named are those that someone may mean. The forms that embed an IPv4 address are closed whatever they embed, for they end
// at a translator; those of ::ffff:0:0/96 alone, which the machine takes for IPv4 itself, are judged as IPv4.
var closed = []struct {
	prefix netip.Prefix
	who    string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "the network that it is sent from"},
	{netip.MustParsePrefix("10.0.0.0/8"), privateNetworks},
	{netip.MustParsePrefix("100.64.0.0/10"), "networks of carriers"},
	{netip.MustParsePrefix("127.0.0.0/8"), theMachine},
	{netip.MustParsePrefix("168.63.129.16/32"), neighbours}, // Azure's, in a block that is public otherwise
	{netip.MustParsePrefix("169.254.0.0/16"), neighbours},
	{netip.MustParsePrefix("172.16.0.0/12"), privateNetworks},
	{netip.MustParsePrefix("192.0.0.0/24"), protocols},
	{netip.MustParsePrefix("192.0.2.0/24"), documentation},
	{netip.MustParsePrefix("192.31.196.0/24"), nameServers},
	{netip.MustParsePrefix("192.52.193.0/24"), tunnels}, // AMT
	{netip.MustParsePrefix("192.88.99.0/24"), tunnels},  // 6to4
	{netip.MustParsePrefix("192.168.0.0/16"), privateNetworks},
	{netip.MustParsePrefix("192.175.48.0/24"), nameServers},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), documentation},
	{netip.MustParsePrefix("203.0.113.0/24"), documentation},
	{netip.MustParsePrefix("224.0.0.0/4"), "many receivers at once"},
	{netip.MustParsePrefix("240.0.0.0/4"), nobody},

	{netip.MustParsePrefix("::/128"), "the network that it is sent from"},
	{netip.MustParsePrefix("::1/128"), theMachine},
	{netip.MustParsePrefix("::/96"), translators},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), translators},
	{netip.MustParsePrefix("64:ff9b::/96"), translators},
	{netip.MustParsePrefix("64:ff9b:1::/48"), translators},
	{netip.MustParsePrefix("2001::/23"), protocols}, // Teredo, benchmarks, AMT, AS112, ORCHID and more
	{netip.MustParsePrefix("2001:db8::/32"), documentation},
	{netip.MustParsePrefix("2002::/16"), tunnels}, // 6to4
	{netip.MustParsePrefix("2620:4f:8000::/48"), nameServers},
	{netip.MustParsePrefix("3fff::/20"), documentation},
	{netip.MustParsePrefix("fc00::/7"), privateNetworks},
	{netip.MustParsePrefix("fe80::/10"), neighbours},
	{netip.MustParsePrefix("ff00::/8"), "many receivers at once"},
}

const (
	privateNetworks = "private networks"
	theMachine      = "the machine itself"
	neighbours      = "what is next to a machine, such as its cloud's metadata"
	protocols       = "protocols of the IETF"
	documentation   = "documentation"
	nameServers     = "the name servers of private addresses (AS112)"
	tunnels         = "the ends of tunnels"
	translators     = "translators between IPv4 and IPv6"
	nobody          = "nobody: it is reserved"
)

var assigned = netip.MustParsePrefix("2000::/3")

// closedFor says whom an address is for that no webhook goes to, and "" of one that is public.
func closedFor(addr netip.Addr) string {
	zone := addr.Zone()
	addr = addr.Unmap().WithZone("") // a prefix contains no address with a zone
	for _, c := range closed {
		if c.prefix.Contains(addr) {
			return c.who
		}
	}
	switch {
	case zone != "":
		return neighbours
	case !addr.Is4() && !assigned.Contains(addr):
		return nobody
	}
	return ""
}

// Egress decides where webhooks may go: to port 443 of public addresses by HTTPS, in the sandbox to port 80 by HTTP too.
type Egress struct {
	live      bool
	testHosts []string
	resolver  *net.Resolver // of tests; nil for the system's
}

// NewEgress returns the rules for a stage of the given mode. testHosts lists addresses, host:port separated by commas,
// that are allowed although they are not public; a live stage has none.
func NewEgress(mode kyc.Mode, testHosts string) Egress {
	e := Egress{live: mode != kyc.Sandbox}
	for host := range strings.SplitSeq(testHosts, ",") {
		if host = strings.TrimSpace(host); host != "" && !e.live {
			e.testHosts = append(e.testHosts, host)
		}
	}
	return e
}

// CheckURL says why a subscription's address can't be taken, in words for its owner, and "" where it can. It resolves
// nothing: the address that a name stands for is checked whenever it is dialled.
func (e Egress) CheckURL(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || len(raw) > 2048:
		return "Must be an absolute URL of at most 2,048 characters, like https://example.com/webhooks."
	case u.User != nil || u.Fragment != "":
		return "Must not hold a user name, a password or a fragment."
	case u.Scheme != "https" && (e.live || u.Scheme != "http"):
		return "Must begin with https://."
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	if slices.Contains(e.testHosts, net.JoinHostPort(u.Hostname(), port)) {
		return ""
	}
	if port != "443" && (e.live || port != "80") {
		return "Must use port 443."
	}
	return checkHost(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")))
}

var (
	// number is the end of a host that some resolvers take for an IPv4 address, in whatever base and however many parts it
	// is written (as the URL standard of WHATWG reads it); no top-level domain looks so.
	number = regexp.MustCompile(`(^|\.)([0-9]+|0x[0-9a-f]*)$`)
	// name is a host name of at least two labels of up to 63 characters (RFC 1035 section 2.3.1, with digits in front by
	// RFC 1123 section 2.1, and with the underscore that some have).
	name = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)
	// inside are the domains whose names stand for nothing on the Internet: IANA's registry of special-use domain names
	// (RFC 6761), and the one that ICANN keeps for private networks.
	inside = regexp.MustCompile(`(^|\.)(alt|example|home\.arpa|internal|invalid|local|localhost|onion|test)$`)
)

// checkHost judges a host by its spelling: lower case, without the dot at its end.
func checkHost(host string) string {
	addr, err := netip.ParseAddr(host)
	switch {
	case err == nil && closedFor(addr) != "":
		return "Must be a public address. This one is for " + closedFor(addr) + "."
	case err == nil:
		return ""
	case strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }):
		return "Must name its host in ASCII. Write an international name in its form with xn--."
	case number.MatchString(host):
		return "Must name its host, or write its address as four decimal numbers without zeros in front, like 93.184.216.34."
	case inside.MatchString(host) || !strings.Contains(host, "."):
		return "Must be a public address. This name stands for nothing on the Internet."
	case len(host) > 253 || !name.MatchString(host):
		return "Must name a host, in letters, digits, hyphens and dots."
	}
	return ""
}

// dialer returns a dialer that checks the resolved address itself, so that no name, redirect or second look-up can
// lead elsewhere.
func (e Egress) dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout:  timeout,
		Resolver: e.resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			if slices.Contains(e.testHosts, address) {
				return nil
			}
			ap, err := netip.ParseAddrPort(address)
			if err != nil || closedFor(ap.Addr()) != "" || ap.Port() != 443 && (e.live || ap.Port() != 80) {
				return fmt.Errorf("dial: %w", ErrForbiddenAddress)
			}
			return nil
		},
	}
}
