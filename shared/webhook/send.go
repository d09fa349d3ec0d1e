package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/message"
)

const (
	connectTimeout = 5 * time.Second
	// maxRetryAfter is the longest wait that an endpoint can ask for, and the last of the advised plan of retries.
	maxRetryAfter = 24 * time.Hour
)

// Sender posts events. It is safe for concurrent use.
type Sender struct {
	client *http.Client
	egress Egress
	now    func() time.Time
}

// NewSender returns a sender that goes where egress allows, and stamps with the clock now.
func NewSender(egress Egress, now func() time.Time) *Sender {
	return &Sender{egress: egress, now: now, client: &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would resolve names by itself, past the check
			DialContext:            egress.dialer(connectTimeout).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    connectTimeout,
			MaxResponseHeaderBytes: 32 << 10,
			DisableCompression:     true,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Send posts the event to an endpoint, once. Any 2xx is success. What went wrong is in the try's Error, as one word; an
// error is returned only for what no second try can mend.
func (s *Sender) Send(ctx context.Context, to kyc.Endpoint, e kyc.Event) (kyc.Try, error) {
	body, err := message.EventBody(e)
	if err != nil {
		return kyc.Try{}, err
	}
	// For everything from the look-up of the name to the last byte that is read, and so for the first one too.
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(to.Timeout, kyc.PostTimeout))
	defer cancel()
	try := kyc.Try{At: s.now()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return try, fmt.Errorf("the subscription's address can't be used")
	}
	for _, h := range to.Headers { // first, so that none takes the place of ours
		req.Header.Set(h.Name, h.Value.Reveal())
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "kyc-webhooks/1")
	if _, own := req.Header["Idempotency-Key"]; !own {
		// Nothing is sent by that name. To the transport it says that it may post again where a kept connection turns out to
		// have gone, as one does that the other side has closed while the function was frozen: events may come twice.
		req.Header["Idempotency-Key"] = []string{}
	}
	if err := sign(req.Header, to.Keys, e.ID, try.At, body); err != nil {
		return try, err
	}
	if s.egress.CheckURL(to.URL) != "" { // it was taken once, by rules that may have been others
		try.Error = forbiddenAddress
		return try, nil
	}
	res, err := s.client.Do(req)
	if err != nil {
		try.Duration, try.Error = s.now().Sub(try.At), class(err)
		return try, nil
	}
	defer func() { _ = res.Body.Close() }()
	// An answer counts by its status alone, so it does not matter whether the rest of it comes.
	answer, _ := io.ReadAll(io.LimitReader(res.Body, kyc.MaxAnswer))
	now := s.now()
	try.Duration, try.Code, try.Answer = now.Sub(try.At), res.StatusCode, kyc.NewSecret(string(answer))
	if res.StatusCode < 200 || res.StatusCode > 299 {
		try.Error, try.RetryAfter = "status", retryAfter(res.Header.Get("Retry-After"), now)
	}
	return try, nil
}

// retryAfter reads a number of seconds or an HTTP date (RFC 9110 section 10.2.3). What is neither, or lies behind, asks for
// nothing.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseUint(value, 10, 32)
		if errors.Is(err, strconv.ErrRange) {
			return maxRetryAfter
		}
		return min(time.Duration(seconds)*time.Second, maxRetryAfter) // 0 where there is no header
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

const forbiddenAddress = "forbidden_address"

// class names a failure without its text, which holds the address.
func class(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, ErrForbiddenAddress):
		return forbiddenAddress
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "dns"
	}
	if isTLS(err) {
		return "tls"
	}
	return "connection"
}

// isTLS reports whether no secure connection came about: the certificate is none for this name, the other side speaks no
// TLS, or one of the two sides ended the handshake.
func isTLS(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, foreign := errors.AsType[tls.RecordHeaderError](err)
	op, alert := errors.AsType[*net.OpError](err)
	return certificate || foreign || errors.Is(err, http.ErrSchemeMismatch) || alert && (op.Op == "remote error" || op.Op == "local error")
}
