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

// outcome is a try whose answer can be compared.
type outcome struct {
	At                   time.Time
	Duration, RetryAfter time.Duration
	Code                 int
	Error, Answer        string
}

func send(t *testing.T, ctx context.Context, s *webhook.Sender, url string) outcome {
	t.Helper()
	return sendTo(t, ctx, s, kyc.Endpoint{URL: url})
}

func sendTo(t *testing.T, ctx context.Context, s *webhook.Sender, to kyc.Endpoint) outcome {
	t.Helper()
	to.Keys = []kyc.Secret{secret}
	try, err := s.Send(ctx, to, event)
	if err != nil {
		t.Fatal(err)
	}
	return outcome{try.At, try.Duration, try.RetryAfter, try.Code, try.Error, try.Answer.Reveal()}
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
	if diff := cmp.Diff(outcome{At: at, Code: 200}, send(t, t.Context(), s, url+"/hook?x=1")); diff != "" {
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
			if diff := cmp.Diff(outcome{At: at, Code: c.code, Error: c.class}, send(t, t.Context(), s, url)); diff != "" {
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
			if diff := cmp.Diff(outcome{At: at, Code: code, Error: "status"}, send(t, t.Context(), s, url)); diff != "" || requests.Load() != 1 {
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
			write(c, "HTTP/1.1 200 OK\r\n")
			_, _ = io.Copy(c, forever("X-A: aaaaaaaaaaaaaaaa\r\n"))
		},
		"one endless header": func(c net.Conn) {
			write(c, "HTTP/1.1 200 OK\r\nX-A: ")
			_, _ = io.Copy(c, forever("a"))
		},
		"endless hints": func(c net.Conn) { _, _ = io.Copy(c, forever("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")) },
		"reset": func(c net.Conn) {
			_ = c.(*net.TCPConn).SetLinger(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, s := raw(t, answer)
			if diff := cmp.Diff(outcome{At: at, Error: "connection"}, send(t, t.Context(), s, url)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSwitchingProtocolsIsNoSuccess(t *testing.T) {
	url, s := raw(t, func(c net.Conn) {
		write(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	})
	if diff := cmp.Diff(outcome{At: at, Code: 101, Error: "status"}, send(t, t.Context(), s, url)); diff != "" {
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
	if diff := cmp.Diff(outcome{At: at, Error: "connection"}, send(t, t.Context(), sender(address), "http://"+address)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// forever repeats a text without end.
type forever string

func (f forever) Read(p []byte) (n int, err error) {
	for n+len(f) <= len(p) {
		n += copy(p[n:], f)
	}
	return n, nil
}

// An endpoint that never answers ends with the time that its subscription gives it, or with the caller's; one that never
// ends its answer has answered.
// A connection that was kept open may have gone while the function slept, which is found out by writing to it. That is no
// failure of the endpoint: the post is made again at once, by another connection.
func TestAConnectionThatHasGoneIsNoFailure(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	posts := make(chan http.Header, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // each connection answers once, and goes when it hears more
				defer func() { _ = conn.Close() }()
				r := bufio.NewReader(conn)
				request, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, request.Body)
				posts <- request.Header
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				_, _ = r.ReadByte()
			}()
		}
	}()
	s := sender(listener.Addr().String())
	for n := range 3 {
		if got := send(t, t.Context(), s, "http://"+listener.Addr().String()); got.Code != 200 || got.Error != "" {
			t.Errorf("post %d: %+v", n+1, got)
		}
	}
	close(posts)
	for header := range posts {
		if header.Values("Idempotency-Key") != nil {
			t.Errorf("a post says more than it should: %v", header)
		}
	}
}

func TestHangingEndpointsAreBounded(t *testing.T) {
	const short = 100 * time.Millisecond
	for name, c := range map[string]struct {
		answer string
		drip   string // is repeated, slowly, after that
		want   outcome
	}{
		"no answer":          {"", "", outcome{At: at, Error: "timeout"}},
		"half a status":      {"HTTP/1.1 2", "", outcome{At: at, Error: "timeout"}},
		"drips its status":   {"HTTP/1.1 200 ", "O", outcome{At: at, Error: "timeout"}},
		"drips its headers":  {"HTTP/1.1 200 OK\r\n", "X-A: a\r\n", outcome{At: at, Error: "timeout"}},
		"drips hints":        {"", "HTTP/1.1 103 Early Hints\r\n\r\n", outcome{At: at, Error: "timeout"}},
		"no end to it":       {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nOK", "", outcome{At: at, Code: 200, Answer: "OK"}},
		"a failed one":       {"HTTP/1.1 500 Oh\r\nContent-Length: 100\r\n\r\nNo", "", outcome{At: at, Code: 500, Error: "status", Answer: "No"}},
		"chunks, and no end": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", "", outcome{At: at, Code: 200, Answer: "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			url, s := raw(t, func(conn net.Conn) {
				write(conn, c.answer)
				for drip := time.NewTicker(short / 10); c.drip != ""; <-drip.C {
					if _, err := io.WriteString(conn, c.drip); err != nil {
						return
					}
				}
				_, _ = conn.Read(make([]byte, 1)) // until the sender goes
			})
			ctx, cancel := context.WithTimeout(t.Context(), 50*short)
			defer cancel()
			if diff := cmp.Diff(c.want, sendTo(t, ctx, s, kyc.Endpoint{URL: url, Timeout: short})); diff != "" || ctx.Err() != nil {
				t.Errorf("with its own limit, %v (-want +got):\n%s", ctx.Err(), diff)
			}
			ctx, cancel = context.WithTimeout(t.Context(), short)
			defer cancel()
			if diff := cmp.Diff(c.want, send(t, ctx, s, url)); diff != "" {
				t.Errorf("with the caller's (-want +got):\n%s", diff)
			}
		})
	}
}

// Of a long answer the beginning is read and kept; then the connection is cut, and the endpoint can't write on.
func TestLongAnswersAreNotRead(t *testing.T) {
	const long = 64 << 20 // more than the buffers of a loopback connection hold
	for name, c := range map[string]struct {
		head string
		want outcome
	}{
		"a success": {"200 OK\r\nContent-Length: 67108864", outcome{At: at, Code: 200, Answer: strings.Repeat("a", 8<<10)}},
		"a failure": {"500 No\r\nContent-Length: 67108864", outcome{At: at, Code: 500, Error: "status", Answer: strings.Repeat("a", 8<<10)}},
		"packed":    {"200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 67108864", outcome{At: at, Code: 200, Answer: strings.Repeat("a", 8<<10)}},
		"no length": {"200 OK", outcome{At: at, Code: 200, Answer: strings.Repeat("a", 8<<10)}},
	} {
		t.Run(name, func(t *testing.T) {
			written := make(chan int64, 1)
			url, s := raw(t, func(conn net.Conn) {
				write(conn, "HTTP/1.1 "+c.head+"\r\n\r\n")
				n, _ := io.Copy(conn, io.LimitReader(forever("a"), long))
				written <- n
			})
			if diff := cmp.Diff(c.want, send(t, t.Context(), s, url)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := <-written; n >= long {
				t.Errorf("the endpoint could write all %d bytes", n)
			}
		})
	}
}

func TestAnswersAreKept(t *testing.T) {
	for name, answer := range map[string]string{
		"none": "", "short": "not now", "of the limit": strings.Repeat("é", 4<<10), "no text": "\xff\x00\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			url, s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
			if diff := cmp.Diff(outcome{At: at, Code: 200, Answer: answer}, send(t, t.Context(), s, url)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// at is 2026-01-02 03:04:05.678901.
func TestRetryAfter(t *testing.T) {
	const day = 24 * time.Hour
	for value, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "007": 7 * time.Second,
		"86399": day - time.Second, "86400": day, "86401": day, "4294967295": day, "4294967296": day, strings.Repeat("9", 100): day,
		"-1": 0, "+1": 0, "1.5": 0, "1e3": 0, "0x10": 0, "": 0, "soon": 0, "1 s": 0, "1, 2": 0,
		"Fri, 02 Jan 2026 03:04:06 GMT":  321099 * time.Microsecond,
		"Fri, 02 Jan 2026 03:14:05 GMT":  10*time.Minute - 678901*time.Microsecond,
		"Friday, 02-Jan-26 03:14:05 GMT": 10*time.Minute - 678901*time.Microsecond, // the forms of old, RFC 9110 section 5.6.7
		"Fri Jan  2 03:14:05 2026":       10*time.Minute - 678901*time.Microsecond,
		"Fri, 02 Jan 2026 03:04:05 GMT":  0,
		"Thu, 01 Jan 1970 00:00:00 GMT":  0,
		"Fri, 31 Dec 9999 23:59:59 GMT":  day,
		"2026-01-02T03:14:05Z":           0,
	} {
		t.Run(value, func(t *testing.T) {
			for code, want := range map[int]outcome{
				503: {At: at, Code: 503, Error: "status", RetryAfter: want}, 429: {At: at, Code: 429, Error: "status", RetryAfter: want}, 200: {At: at, Code: 200},
			} {
				url, s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header()["Retry-After"] = []string{value}
					w.WriteHeader(code)
				})
				if diff := cmp.Diff(want, send(t, t.Context(), s, url)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// The brand's headers go with each post, and none of them takes the place of ours.
func TestHeadersOfTheSubscription(t *testing.T) {
	got := make(chan http.Header, 1)
	url, s := serve(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header })
	to := kyc.Endpoint{URL: url}
	for name, value := range map[string]string{
		"Authorization": "Bearer abc", "X-Tenant": "7", "webhook-id": "theirs", "Webhook-Timestamp": "theirs", "WEBHOOK-SIGNATURE": "theirs",
		"bond-signature": "theirs", "content-type": "text/plain", "user-agent": "theirs", "Host": "theirs",
	} {
		to.Headers = append(to.Headers, kyc.PostHeader{Name: name, Value: kyc.NewSecret(value)})
	}
	if diff := cmp.Diff(outcome{At: at, Code: 200}, sendTo(t, t.Context(), s, to)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	h := <-got
	for _, name := range []string{"Webhook-Signature", "Bond-Signature"} {
		if v := h.Values(name); len(v) != 1 || v[0] == "theirs" {
			t.Errorf("%s is %q", name, v)
		}
		h.Del(name)
	}
	want := http.Header{
		"Authorization": {"Bearer abc"}, "X-Tenant": {"7"}, "Webhook-Id": {event.ID}, "Webhook-Timestamp": {"1767323045"},
		"Content-Type": {"application/json"}, "User-Agent": {"kyc-webhooks/1"}, "Content-Length": h["Content-Length"],
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A subscription may have been made by other rules than those of today.
func TestNothingGoesWhereNoSubscriptionMay(t *testing.T) {
	live := webhook.NewSender(webhook.NewEgress(kyc.Live, ""), func() time.Time { return at })
	for _, url := range []string{"http://8.8.8.8:443/", "http://8.8.8.8/", "https://8.8.8.8:22/", "https://user@8.8.8.8/", "https://0x08080808/"} {
		if diff := cmp.Diff(outcome{At: at, Error: "forbidden_address"}, send(t, t.Context(), live, url)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
}

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
			if diff := cmp.Diff(outcome{At: at, Error: "forbidden_address"}, send(t, ctx, sender(""), url)); diff != "" {
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
			if diff := cmp.Diff(outcome{At: at, Error: "tls"}, send(t, t.Context(), sender(host), "https://"+host)); diff != "" {
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
	if diff := cmp.Diff(outcome{At: at, Duration: 250 * time.Millisecond, Code: 200}, send(t, t.Context(), s, server.URL)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
