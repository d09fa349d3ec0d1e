package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	wantedEvent = "kyc.verification.success"
	// A verification takes less than a second here. A function that crashed has been started again by then.
	webhookDeadline = time.Minute
	callDeadline    = 30 * time.Second
)

// customer is invented. The sandbox provider lets every SSN pass that its table does not name.
const customer = `{"first_name":"Ada","last_name":"Lovelace","dob":"1990-12-10","ssn":"123-45-6789",` +
	`"phone":"2025550123","phone_country_code":"1","email":"ada@example.com",` +
	`"addresses":[{"address_type":"PHYSICAL","street":"12 Main Street","city":"Springfield","state":"IL",` +
	`"zip_code":"62701","country":"US","is_primary":true}]}`

// player plays one KYC as a client would: by HTTP, through the front door.
type player struct {
	*local
	client   *http.Client
	identity string
	key      string
	step     int
}

// play makes a brand with two programs and a key, and takes one customer from creation to the verified webhook.
func (l *local) play(ctx context.Context) error {
	defer l.out.end()
	p := &player{local: l, client: &http.Client{Transport: &http.Transport{}, Timeout: callDeadline}}
	program, err := p.setUp(ctx)
	if err != nil {
		return err
	}
	var created struct {
		CustomerID string `json:"customer_id"`
	}
	if err := p.call(ctx, "Create a customer", http.MethodPost, "customers", customer, &created); err != nil {
		return err
	}
	var subscribed struct {
		Subscription struct {
			Secret string `json:"secret"`
		} `json:"webhook_subscription"`
	}
	subscription := fmt.Sprintf(`{"url":%q,"events":["kyc.*"],"description":"make run"}`, l.receiver.url())
	if err := p.call(ctx, "Subscribe a webhook", http.MethodPost, "webhooks", subscription, &subscribed); err != nil {
		return err
	}
	if err := l.receiver.trust(subscribed.Subscription.Secret); err != nil {
		return err
	}
	kyc := "customers/" + created.CustomerID + "/verification-kyc"
	start := fmt.Sprintf(`{"program_id":%q}`, program)
	if err := p.call(ctx, "Start KYC", http.MethodPost, kyc, start, nil); err != nil {
		return err
	}
	if err := p.awaitWebhook(ctx, created.CustomerID); err != nil {
		return err
	}
	var state struct {
		Status string `json:"kyc_status"`
	}
	if err := p.call(ctx, "Read the state back", http.MethodGet, kyc+"?program_id="+program, "", &state); err != nil {
		return err
	}
	if state.Status != "passed" {
		return fmt.Errorf("the webhook said that the KYC has passed, but its state is %q", state.Status)
	}
	return nil
}

// setUp makes what an operator makes, through AdminFunction, and returns the first program's id.
func (p *player) setUp(ctx context.Context) (program string, err error) {
	p.out.step("creating a brand, two programs and a key")
	var brand struct {
		ID string `json:"brand_id"`
	}
	if err := p.admin(ctx, &brand, "create_brand", "name", "Acme"); err != nil {
		return "", err
	}
	var programs [2]struct {
		ID string `json:"program_id"`
	}
	names := []string{"Everyday", "Savings"}
	for i := range programs {
		if err := p.admin(ctx, &programs[i], "create_program", "brand_id", brand.ID, "name", names[i], "bank", "First Bank"); err != nil {
			return "", err
		}
	}
	var key struct{ Identity, Authorization string }
	if err := p.admin(ctx, &key, "create_key", "brand_id", brand.ID, "name", "local"); err != nil {
		return "", err
	}
	p.identity, p.key = key.Identity, key.Authorization
	p.out.end()
	p.out.line("")
	p.out.line("Brand " + p.out.bold("Acme") + " " + brand.ID)
	for i := range programs {
		p.out.line("  program " + p.out.bold(names[i]) + " " + programs[i].ID)
	}
	return programs[0].ID, nil
}

// admin invokes AdminFunction with an action and its members, and decodes its answer. A refusal is an answer too.
func (p *player) admin(ctx context.Context, answer any, action string, members ...string) error {
	request := map[string]string{"action": action}
	for i := 0; i+1 < len(members); i += 2 {
		request[members[i]] = members[i+1]
	}
	payload, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	out, err := p.stack.Invoke(ctx, "AdminFunction", payload)
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	var refusal struct {
		Message string
		Status  int
	}
	if err := json.Unmarshal(out, &refusal); err == nil && refusal.Status >= http.StatusBadRequest {
		return fmt.Errorf("%s: AdminFunction refused: %s", action, out)
	}
	if err := json.Unmarshal(out, answer); err != nil {
		return fmt.Errorf("%s: read the answer %s: %w", action, out, err)
	}
	return nil
}

// call makes one request, shows it as a curl line with the answer below, and decodes the answer.
func (p *player) call(ctx context.Context, what, method, path, body string, answer any) error {
	address := p.site + basePath + path
	p.headline(what)
	p.out.line(p.curl(method, address, body))
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	request.Header.Set("Identity", p.identity)
	request.Header.Set("Authorization", p.key)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	p.out.step("waiting for the answer")
	response, err := p.client.Do(request)
	p.out.end()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s: read the answer: %w", what, err)
	}
	p.out.line(p.out.dim(response.Status + "\n" + pretty(content)))
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s %s answered %s: %s", what, method, address, response.Status, bytes.TrimSpace(content))
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(content, answer); err != nil {
		return fmt.Errorf("%s: read the answer: %w", what, err)
	}
	return nil
}

// awaitWebhook waits for the event that says that the customer has passed.
func (p *player) awaitWebhook(ctx context.Context, customerID string) error {
	p.headline("Receive the webhook")
	p.out.step("waiting for " + wantedEvent)
	ctx, cancel := context.WithTimeout(ctx, webhookDeadline)
	defer cancel()
	for {
		select {
		case event := <-p.receiver.events:
			p.out.end()
			p.out.line("POST " + p.receiver.url() + ": " + event.Event + ", " + p.out.good("signature verified") + " by the Standard Webhooks library")
			p.out.line(p.out.dim(pretty(event.body)))
			if event.Event == wantedEvent && event.CustomerID == customerID {
				return nil
			}
			p.out.step("waiting for " + wantedEvent)
		case <-p.emulator.Done():
			return fmt.Errorf("the AWS emulator ended by itself; its last lines:\n%s", p.emulator.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("no verified webhook %s arrived within %v", wantedEvent, webhookDeadline)
		}
	}
}

func (p *player) headline(what string) {
	p.step++
	p.out.line("")
	p.out.line(p.out.bold(fmt.Sprintf("%d. %s", p.step, what)))
}

// curl is the request as a line that can be pasted into a shell.
func (p *player) curl(method, address, body string) string {
	parts := []string{"curl -sS"}
	if method != http.MethodGet {
		parts[0] += " -X " + method
	}
	parts[0] += " " + shellQuote(address)
	parts = append(parts, "-H "+shellQuote("Identity: "+p.identity)+" -H "+shellQuote("Authorization: "+p.key))
	if body != "" {
		parts = append(parts, "-H 'Content-Type: application/json' -d "+shellQuote(body))
	}
	return strings.Join(parts, " \\\n  ")
}

// shellQuote quotes a word for a POSIX shell.
func shellQuote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// pretty indents JSON and leaves anything else as it is.
func pretty(content []byte) string {
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(content), "", "  "); err != nil {
		return string(bytes.TrimSpace(content))
	}
	return out.String()
}
