package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/message"
)

const (
	connectTimeout = 5 * time.Second
	// wholeTimeout is the least that Standard Webhooks 1.0.0 advises (15 to 30 s). It leaves a notifier of 30 s time to
	// record what happened.
	wholeTimeout = 15 * time.Second
	// maxAnswer bounds what is read of an endpoint's answer.
	maxAnswer = 8 << 10
)

// Sender posts events. It is safe for concurrent use.
type Sender struct {
	client *http.Client
	now    func() time.Time
}

// NewSender returns a sender that goes where egress allows, and stamps with the clock now.
func NewSender(egress Egress, now func() time.Time) *Sender {
	return &Sender{now: now, client: &http.Client{
		Timeout: wholeTimeout,
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would resolve names by itself, past the check
			DialContext:            egress.dialer(connectTimeout).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    connectTimeout,
			ResponseHeaderTimeout:  wholeTimeout,
			MaxResponseHeaderBytes: 32 << 10,
			DisableCompression:     true,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Send posts the event to an endpoint, once. Any 2xx is success. What went wrong is in the try's Error, as
// one word; an error is returned only for what no second try can mend.
func (s *Sender) Send(ctx context.Context, to kyc.Endpoint, e kyc.Event) (kyc.Try, error) {
	body, err := message.EventBody(e)
	if err != nil {
		return kyc.Try{}, err
	}
	try := kyc.Try{At: s.now()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return try, fmt.Errorf("the subscription's address can't be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "kyc-webhooks/1")
	if err := sign(req.Header, to.Keys, e.ID, try.At, body); err != nil {
		return try, err
	}
	res, err := s.client.Do(req)
	try.Duration = s.now().Sub(try.At)
	if err != nil {
		try.Error = class(err)
		return try, nil
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer) // so that the connection can serve again
	try.Code = res.StatusCode
	if res.StatusCode < 200 || res.StatusCode > 299 {
		try.Error = "status"
	}
	return try, nil
}

// class names a failure without its text, which holds the address.
func class(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, ErrForbiddenAddress):
		return "forbidden_address"
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
