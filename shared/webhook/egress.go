package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"kyc/shared/kyc"
)

// ErrForbiddenAddress says that a webhook would have gone to an address that is not public.
var ErrForbiddenAddress = errors.New("webhook address is not public")

// forbidden lists what is not public although net/netip's own predicates let it pass: IANA's special-purpose
// registries (RFC 6890) and the IPv6 forms that embed an IPv4 address.
var forbidden = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4",
	"::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
	"3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(list ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, p := range list {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return ps
}

// public reports whether a webhook may go to addr.
func public(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && addr.Zone() == "" &&
		!slices.ContainsFunc(forbidden, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Egress decides where webhooks may go: to port 443 of public addresses by HTTPS, in the sandbox to port 80 by HTTP too.
type Egress struct {
	live      bool
	testHosts []string
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

// CheckURL says why a subscription's address can't be taken, in words for its owner, and "" where it can. It resolves nothing: the address
// that a name stands for is checked whenever it is dialled.
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
	host := strings.TrimSuffix(u.Hostname(), ".")
	if addr, err := netip.ParseAddr(host); err == nil && !public(addr) || strings.EqualFold(host, "localhost") {
		return "Must be a public address."
	}
	return ""
}

// dialer returns a dialer that checks the resolved address itself, so that no name, redirect or second look-up can
// lead elsewhere.
func (e Egress) dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout: timeout,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			if slices.Contains(e.testHosts, address) {
				return nil
			}
			ap, err := netip.ParseAddrPort(address)
			if err != nil || !public(ap.Addr()) || ap.Port() != 443 && (e.live || ap.Port() != 80) {
				return fmt.Errorf("dial: %w", ErrForbiddenAddress)
			}
			return nil
		},
	}
}
