package webhook_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kyc/shared/kyc"
	"kyc/shared/openapi/contract"
	"kyc/shared/webhook"
)

var (
	at = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	// secret is no one's.
	secret = kyc.NewSecret("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")
	event  = kyc.Event{
		ID: "evt_8e2f4a6c-1b3d-4e5f-a7b8-c9d0e1f2a306_2", Name: kyc.EventSuccess, CustomerID: "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03",
		ProgramID: "5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02", AttemptID: "8e2f4a6c-1b3d-4e5f-a7b8-c9d0e1f2a306",
		OccurredAt: at, StateVersion: 2, Status: kyc.Passed,
	}
)

// sender returns a sender of a sandbox that may go to one host of the test.
func sender(host string) *webhook.Sender {
	return webhook.NewSender(webhook.NewEgress(kyc.Sandbox, host), func() time.Time { return at })
}

func serve(t *testing.T, h http.HandlerFunc) (url string, s *webhook.Sender) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL, sender(server.Listener.Addr().String())
}

func send(t *testing.T, ctx context.Context, s *webhook.Sender, url string) kyc.Try {
	t.Helper()
	try, err := s.Send(ctx, kyc.Endpoint{URL: url, Keys: []kyc.Secret{secret}}, event)
	if err != nil {
		t.Fatal(err)
	}
	return try
}

func TestPostsVerify(t *testing.T) {
	type post struct {
		method, path string
		header       http.Header
		body         []byte
	}
	posts := make(chan post, 1)
	url, s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posts <- post{r.Method, r.URL.RequestURI(), r.Header, body}
	})
	if diff := cmp.Diff(kyc.Try{At: at, Code: 200}, send(t, t.Context(), s, url+"/hook?x=1")); diff != "" {
		t.Errorf("try (-want +got):\n%s", diff)
	}
	got := <-posts
	if got.method != "POST" || got.path != "/hook?x=1" || got.header.Get("Content-Type") != "application/json" || got.header.Get("webhook-id") != event.ID {
		t.Errorf("%s %s %v", got.method, got.path, got.header)
	}
	contract.CheckEvent(t, got.body)
	verifier, err := standardwebhooks.NewWebhook(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.VerifyIgnoringTimestamp(got.body, got.header); err != nil {
		t.Error(err)
	}
	// Bond-Signature, as a receiver in another language computes it: over the raw body.
	h := hmac.New(sha256.New, []byte(secret.Reveal()))
	h.Write(append([]byte("1767323045."), got.body...))
	signature := got.header.Get("Bond-Signature")
	if !strings.HasPrefix(signature, "t=1767323045,v1=") || !strings.HasSuffix(signature, ",v2="+hex.EncodeToString(h.Sum(nil))) {
		t.Errorf("Bond-Signature is %s", signature)
	}
}

func TestAnswersAreJudgedByTheirStatus(t *testing.T) {
	for name, c := range map[string]struct {
		code  int
		class string
	}{
		"OK":                 {200, ""},
		"created":            {201, ""},
		"accepted":           {202, ""},
		"no content":         {204, ""},
		"last of success":    {299, ""},
		"not modified":       {304, "status"},
		"bad request":        {400, "status"},
		"gone":               {410, "status"},
		"too many":           {429, "status"},
		"server error":       {500, "status"},
		"unavailable":        {503, "status"},
		"unheard-of":         {999, "status"},
		"moved, to nowhere":  {301, "status"},
		"see other, nowhere": {303, "status"},
	} {
		t.Run(name, func(t *testing.T) {
			url, s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.code) })
			if diff := cmp.Diff(kyc.Try{At: at, Code: c.code, Error: c.class}, send(t, t.Context(), s, url)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			var requests atomic.Int32
			url, s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				http.Redirect(w, r, "/elsewhere", code)
			})
			if diff := cmp.Diff(kyc.Try{At: at, Code: code, Error: "status"}, send(t, t.Context(), s, url)); diff != "" || requests.Load() != 1 {
				t.Errorf("%d requests (-want +got):\n%s", requests.Load(), diff)
			}
		})
	}
}

// raw listens on loopback and gives each connection, with its request read, to answer.
func raw(t *testing.T, answer func(net.Conn)) (url string, s *webhook.Sender) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					answer(conn)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String(), sender(l.Addr().String())
}

func write(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }

func TestBrokenAnswersAreFailures(t *testing.T) {
	for name, answer := range map[string]func(net.Conn){
		"closed without a word":     func(net.Conn) {},
		"closed within the status":  func(c net.Conn) { write(c, "HTTP/1.1 2") },
		"closed within the headers": func(c net.Conn) { write(c, "HTTP/1.1 200 OK\r\nContent-Le") },
		"not HTTP":                  func(c net.Conn) { write(c, "SSH-2.0-OpenSSH_9.9\r\n\r\n") },
		"endless headers": func(c net.Conn) {
			write(c, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X-A: aaaaaaaaaaaaaaaa\r\n", 10_000)+"\r\n")
		},
		"reset": func(c net.Conn) {
			_ = c.(*net.TCPConn).SetLinger(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, s := raw(t, answer)
			if diff := cmp.Diff(kyc.Try{At: at, Error: "connection"}, send(t, t.Context(), s, url)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSwitchingProtocolsIsNoSuccess(t *testing.T) {
	url, s := raw(t, func(c net.Conn) {
		write(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	})
	if diff := cmp.Diff(kyc.Try{At: at, Code: 101, Error: "status"}, send(t, t.Context(), s, url)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(kyc.Try{At: at, Error: "connection"}, send(t, t.Context(), sender(address), "http://"+address)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An endpoint that never answers ends with the caller's time, and one that never ends its answer has answered.
func TestHangingEndpointsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   kyc.Try
	}{
		"no answer":     {"", kyc.Try{At: at, Error: "timeout"}},
		"no end to it":  {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nOK", kyc.Try{At: at, Code: 200}},
		"a failed one":  {"HTTP/1.1 500 Oh\r\nContent-Length: 100\r\n\r\nNo", kyc.Try{At: at, Code: 500, Error: "status"}},
		"in small bits": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", kyc.Try{At: at, Code: 200}},
	} {
		t.Run(name, func(t *testing.T) {
			url, s := raw(t, func(conn net.Conn) {
				write(conn, c.answer)
				_, _ = conn.Read(make([]byte, 1)) // until the sender goes
			})
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if diff := cmp.Diff(c.want, send(t, ctx, s, url)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Of a long answer the beginning is read; then the connection is cut, and the endpoint can't write on.
func TestLongAnswersAreNotRead(t *testing.T) {
	const long = 64 << 20 // more than the buffers of a loopback connection hold
	written := make(chan int64, 1)
	url, s := raw(t, func(conn net.Conn) {
		write(conn, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
		n, _ := io.Copy(conn, io.LimitReader(zeros{}, long))
		written <- n
	})
	if diff := cmp.Diff(kyc.Try{At: at, Code: 200}, send(t, t.Context(), s, url)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := <-written; n >= long {
		t.Errorf("the endpoint could write all %d bytes", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// Nothing is dialled: there are listeners that would see it.
func TestForbiddenAddressesAreNotDialled(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var connections atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for name, url := range map[string]string{
		"address":               "http://127.0.0.1:" + port,
		"name":                  "http://localhost:" + port,
		"any address":           "http://0.0.0.0:" + port,
		"mapped to IPv6":        "http://[::ffff:127.0.0.1]:" + port,
		"digits in circles":     "http://①②⑦.⓪.⓪.①:" + port,
		"dots of another width": "http://127。0。0。1:" + port,
		"allowed port":          "https://127.0.0.1/",
		"allowed port, name":    "http://localhost/",
		"metadata":              "http://169.254.169.254/latest/meta-data/",
		"private":               "https://10.0.0.1/",
		"private, IPv6":         "https://[fd00:ec2::254]/",
		"public, foreign port":  "https://8.8.8.8:22/",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			if diff := cmp.Diff(kyc.Try{At: at, Error: "forbidden_address"}, send(t, ctx, sender(""), url)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if n := connections.Load(); n > 0 {
		t.Errorf("%d connections were made", n)
	}
}

// Each of these must not get the event: it would go over a connection that others may read.
func TestUnsafeConnectionsAreRefused(t *testing.T) {
	for name, configure := range map[string]func(*httptest.Server){
		"unknown certificate": func(s *httptest.Server) { s.StartTLS() },
		"TLS 1.1": func(s *httptest.Server) {
			s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
			s.StartTLS()
		},
		"no TLS": (*httptest.Server).Start,
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the event was sent") }))
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			configure(server)
			defer server.Close()
			host := server.Listener.Addr().String()
			if diff := cmp.Diff(kyc.Try{At: at, Error: "tls"}, send(t, t.Context(), sender(host), "https://"+host)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What no second try can mend is an error, which holds neither the address nor the secret.
func TestUnusableSubscriptions(t *testing.T) {
	for name, c := range map[string]struct {
		url    string
		secret kyc.Secret
	}{
		"address": {"http://Zq-nobody-Zq\x7f", secret},
		"secret":  {"http://127.0.0.1:1/Zq-nobody-Zq", kyc.NewSecret("Zq-nobody-Zq")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sender("").Send(t.Context(), kyc.Endpoint{URL: c.url, Keys: []kyc.Secret{c.secret}}, event)
			if err == nil || strings.Contains(err.Error(), "nobody") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDurationIsThatOfThePost(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	now := at
	s := webhook.NewSender(webhook.NewEgress(kyc.Sandbox, server.Listener.Addr().String()), func() time.Time {
		defer func() { now = now.Add(250 * time.Millisecond) }()
		return now
	})
	if diff := cmp.Diff(kyc.Try{At: at, Duration: 250 * time.Millisecond, Code: 200}, send(t, t.Context(), s, server.URL)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
