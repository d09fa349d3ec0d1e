package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// errServer is an answer that says nothing of the request: it may have been served or not.
var errServer = errors.New("the server failed")

// callDeadline is for one request; the SAM CLI starts two containers for it.
const callDeadline = time.Minute

// invented is a customer. The sandbox provider lets every SSN pass that its table does not name.
const invented = `{"first_name":"Ada","last_name":"Example","dob":"1990-05-17","ssn":"123-45-6780",` +
	`"addresses":[{"address_type":"PHYSICAL","street":"345 California St","city":"San Francisco","state":"CA",` +
	`"zip_code":"94104","country":"US","is_primary":true}]}`

// client is a brand's, with its key pair.
type client struct{ site, identity, secret string }

// call sends a request, with headers given as name, value, name, value, and returns the status and the JSON of the
// answer. A 5xx is errServer.
func (c *client) call(ctx context.Context, method, path, body string, header ...string) (int, answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.site+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Identity", c.identity)
	request.Header.Set("Authorization", c.secret)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n < len(header); n += 2 {
		request.Header.Set(header[n], header[n+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer discard(response.Body)
	if response.StatusCode >= http.StatusInternalServerError {
		return response.StatusCode, nil, fmt.Errorf("%s %s was answered %d: %w", method, path, response.StatusCode, errServer)
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer: %w", err)
	}
	a, err := parseAnswer(content)
	if err != nil {
		return 0, nil, fmt.Errorf("status %d: %w", response.StatusCode, err)
	}
	return response.StatusCode, a, nil
}

// get is call for answers that must have a status.
func (c *client) get(ctx context.Context, want int, method, path, body string) (answer, error) {
	status, a, err := c.call(ctx, method, path, body)
	if err == nil && status != want {
		err = fmt.Errorf("%s %s was answered %d, want %d: %v", method, path, status, want, map[string]any(a))
	}
	return a, err
}

// customer creates one and returns its id.
func (c *client) customer(ctx context.Context) (string, error) {
	created, err := c.get(ctx, http.StatusCreated, http.MethodPost, "/customers", invented)
	if err != nil {
		return "", err
	}
	return created.text("customer_id"), created.want("customer_id", "*")
}

// insist starts KYC for a new customer as a client does whose answers may be lost: it repeats what the server failed at,
// the start under one Idempotency-Key, and takes the refusal of the repetition for the lost answer. It returns the
// customer.
func (c *client) insist(ctx context.Context, program string) (string, error) {
	var customer string
	if err := again(ctx, func() (err error) { customer, err = c.customer(ctx); return err }); err != nil {
		return "", err
	}
	path, body := "/customers/"+customer+"/verification-kyc", fmt.Sprintf(`{"program_id":%q}`, program)
	return customer, again(ctx, func() error {
		status, a, err := c.call(ctx, http.MethodPost, path, body, "Idempotency-Key", customer)
		if err != nil || status == http.StatusCreated || status == http.StatusConflict && a.want("payload_matches", "true") == nil {
			return err
		}
		return fmt.Errorf("POST %s was answered %d: %v", path, status, map[string]any(a))
	})
}

// again repeats what the server failed at, a few times.
func again(ctx context.Context, do func() error) error {
	often := time.NewTicker(200 * time.Millisecond)
	defer often.Stop()
	for try := 1; ; try++ {
		err := do()
		if !errors.Is(err, errServer) || try == 10 {
			return err
		}
		select {
		case <-often.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// start starts KYC and returns the attempt's id.
func (c *client) start(ctx context.Context, customer, program string) (string, error) {
	started, err := c.get(ctx, http.StatusCreated, http.MethodPost, "/customers/"+customer+"/verification-kyc", fmt.Sprintf(`{"program_id":%q}`, program))
	if err != nil {
		return "", err
	}
	return started.text("attempt_id"), started.want("kyc_status", "submitted", "attempt_id", "*")
}

// state reads how a customer's KYC stands.
func (c *client) state(ctx context.Context, customer, program string) (int, answer, error) {
	return c.call(ctx, http.MethodGet, "/customers/"+customer+"/verification-kyc?program_id="+program, "")
}
