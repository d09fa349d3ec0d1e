package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kyc/shared/clock"
)

// maxEvent is far more than an event has, in bytes.
const maxEvent = 1 << 20

// received is a webhook whose signature is right.
type received struct {
	Event      string `json:"event"`
	CustomerID string `json:"customer_id"`
	body       []byte
}

// receiver is the client's side of the webhooks: it listens on a free loopback port and checks each post with the
// published Standard Webhooks library, as a client would.
type receiver struct {
	out      *terminal
	listener net.Listener
	server   *http.Server
	events   chan received // those of the play; later ones are only shown

	mu      sync.Mutex
	webhook *standardwebhooks.Webhook
	staying bool
}

func newReceiver(out *terminal) (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for webhooks: %w", err)
	}
	r := &receiver{out: out, listener: listener, events: make(chan received, 16)}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = r.server.Serve(listener) }() // until Close
	return r, nil
}

func (r *receiver) Close() error { return r.server.Close() }

// host is the receiver's host and port.
func (r *receiver) host() string { return r.listener.Addr().String() }

func (r *receiver) url() string { return "http://" + r.host() + "/webhooks" }

// trust takes the secret that posts are signed with.
func (r *receiver) trust(secret string) error {
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return fmt.Errorf("read the webhook secret: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.webhook = webhook
	return nil
}

// announce shows each webhook from now on, instead of keeping it for the play.
func (r *receiver) announce() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.staying = true
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	event, err := r.verify(request)
	if err != nil {
		r.out.warn("webhook refused: " + err.Error())
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.staying {
		r.out.logged(timeOfDay(clock.Now()), "webhook", event.Event+" "+r.out.good("signature verified")+" "+string(event.body))
		return
	}
	select {
	case r.events <- event:
	default: // the play waits for one event and has room for many
	}
}

func (r *receiver) verify(request *http.Request) (received, error) {
	body, err := io.ReadAll(io.LimitReader(request.Body, maxEvent))
	if err != nil {
		return received{}, fmt.Errorf("read the event: %w", err)
	}
	r.mu.Lock()
	webhook := r.webhook
	r.mu.Unlock()
	if webhook == nil {
		return received{}, errors.New("no subscription was made yet")
	}
	if err := webhook.Verify(body, request.Header); err != nil {
		return received{}, err
	}
	event := received{body: body}
	if err := json.Unmarshal(body, &event); err != nil {
		return received{}, fmt.Errorf("read the event: %w", err)
	}
	return event, nil
}
