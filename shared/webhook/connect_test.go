package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"kyc/shared/kyc"
)

// zone is a name server on loopback that gives each question for an IPv4 address the next of its answers, and from then on
// the last one.
func zone(t *testing.T, answers ...[]string) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		question := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(question)
			if err != nil {
				return
			}
			var now []string
			if n > 12 && askedFor(question[:n]) == 1 { // IPv4 (RFC 1035 section 3.2.2); of all else there is none
				if now = answers[0]; len(answers) > 1 {
					answers = answers[1:]
				}
			}
			_, _ = server.WriteTo(reply(question[:n], now), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// end returns where the only question of a DNS message ends.
func end(message []byte) int {
	i := 12
	for message[i] != 0 {
		i += 1 + int(message[i])
	}
	return i + 5
}

func askedFor(message []byte) uint16 { return binary.BigEndian.Uint16(message[end(message)-4:]) }

// reply answers the question with addresses that hold for no time (RFC 1035 section 4.1).
func reply(question []byte, addresses []string) []byte {
	m := append([]byte{}, question[:end(question)]...)
	copy(m[2:], []byte{0x81, 0x80, 0, 1, 0, byte(len(addresses)), 0, 0, 0, 0})
	for _, address := range addresses {
		m = append(m, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		m = append(m, netip.MustParseAddr(address).AsSlice()...)
	}
	return m
}

// hosts are two servers of one port: 127.0.0.1 may be dialled, which stands for a public address, and 127.0.0.2 may not.
type hosts struct {
	url     string
	egress  Egress
	mu      sync.Mutex
	reached []string
}

func twoHosts(t *testing.T, answers ...[]string) *hosts {
	t.Helper()
	h := &hosts{}
	listen := func(address string) string {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.reached = append(h.reached, l.Addr().String())
		}))
		_ = server.Listener.Close()
		server.Listener = l
		server.Config.SetKeepAlivesEnabled(false) // so that each post looks the name up
		server.Start()
		t.Cleanup(server.Close)
		_, port, _ := net.SplitHostPort(l.Addr().String())
		return port
	}
	port := listen("127.0.0.1:0")
	listen("127.0.0.2:" + port)
	h.url = "http://hooks.example.net:" + port
	h.egress = NewEgress(kyc.Sandbox, "hooks.example.net:"+port+",127.0.0.1:"+port)
	h.egress.resolver = zone(t, answers...)
	return h
}

// What counts is the address that is dialled, whatever else the name stands for, stood for or will stand for.
func TestOnlyTheDialledAddressCounts(t *testing.T) {
	const open, closed = "127.0.0.1", "127.0.0.2"
	for name, c := range map[string]struct {
		answers [][]string
		want    []string // the class of each post
	}{
		"public":                         {[][]string{{open}}, []string{"", ""}},
		"private":                        {[][]string{{closed}}, []string{"forbidden_address", "forbidden_address"}},
		"private first, public too":      {[][]string{{closed, open}}, []string{"", ""}},
		"public first, private too":      {[][]string{{open, closed}}, []string{"", ""}},
		"public, and private after that": {[][]string{{open}, {closed}}, []string{"", "forbidden_address"}},
		"private, and public after that": {[][]string{{closed}, {open}}, []string{"forbidden_address", ""}},
		"metadata":                       {[][]string{{"169.254.169.254"}}, []string{"forbidden_address"}},
		"several, none public":           {[][]string{{closed, "10.0.0.1", "169.254.169.254"}}, []string{"forbidden_address"}},
		"nothing":                        {[][]string{{}}, []string{"dns"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := twoHosts(t, c.answers...)
			s := NewSender(h.egress, func() time.Time { return time.Unix(1767323045, 0) })
			for n, want := range c.want {
				try, err := s.Send(t.Context(), kyc.Endpoint{URL: h.url, Keys: []kyc.Secret{NewSecret()}}, kyc.Event{ID: "evt_1"})
				if err != nil || try.Error != want {
					t.Errorf("post %d: %q, %v, want %q", n+1, try.Error, err, want)
				}
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, address := range h.reached {
				if host, _, _ := net.SplitHostPort(address); host != open {
					t.Errorf("%s was reached", address)
				}
			}
		})
	}
}

// A proxy would look names up itself, and none of what is checked here would count. It is set before any test runs, for
// net/http asks the environment once.
func init() {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		_ = os.Setenv(name, "http://127.0.0.1:9")
	}
}

func TestNoProxyOfTheEnvironmentIsUsed(t *testing.T) {
	h := twoHosts(t, []string{"127.0.0.1"})
	try, err := NewSender(h.egress, time.Now).Send(t.Context(), kyc.Endpoint{URL: h.url, Keys: []kyc.Secret{NewSecret()}}, kyc.Event{ID: "evt_1"})
	if err != nil || try.Code != 200 {
		t.Errorf("%d %s, %v", try.Code, try.Error, err)
	}
}

// Of two servers with a certificate that is trusted, the one that speaks nothing newer than TLS 1.1 gets no event.
func TestVersionsOfTLS(t *testing.T) {
	for version, want := range map[uint16]kyc.Try{
		tls.VersionTLS10: {Error: "tls"}, tls.VersionTLS11: {Error: "tls"}, tls.VersionTLS12: {Code: 200}, tls.VersionTLS13: {Code: 200},
	} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			defer server.Close()
			s := NewSender(NewEgress(kyc.Sandbox, server.Listener.Addr().String()), time.Now)
			trusted := x509.NewCertPool()
			trusted.AddCert(server.Certificate())
			s.client.Transport.(*http.Transport).TLSClientConfig.RootCAs = trusted
			got, err := s.Send(t.Context(), kyc.Endpoint{URL: server.URL, Keys: []kyc.Secret{NewSecret()}}, kyc.Event{ID: "evt_1"})
			if err != nil || got.Code != want.Code || got.Error != want.Error {
				t.Errorf("%d %s, %v", got.Code, got.Error, err)
			}
		})
	}
}
