// Package message gives the words of the domain their form on the queues and in webhooks. Every message has a version,
// and a reader refuses one that it does not know rather than guess.
package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kyc/shared/kyc"
)

const version = 1

type work struct {
	Version    int    `json:"v"`
	BrandID    string `json:"brand_id"`
	CustomerID string `json:"customer_id"`
	ProgramID  string `json:"program_id"`
	AttemptID  string `json:"attempt_id"`
}

// EncodeWork writes a message of the verification queue.
func EncodeWork(w kyc.Work) ([]byte, error) {
	return json.Marshal(work{version, w.BrandID, w.CustomerID, w.ProgramID, w.AttemptID})
}

// DecodeWork reads what EncodeWork writes.
func DecodeWork(body []byte) (kyc.Work, error) {
	var w work
	if err := decode(body, &w); err != nil {
		return kyc.Work{}, err
	}
	if err := known(w.Version); err != nil {
		return kyc.Work{}, err
	}
	if err := ids(w.BrandID, w.CustomerID, w.ProgramID, w.AttemptID); err != nil {
		return kyc.Work{}, err
	}
	return kyc.Work{BrandID: w.BrandID, CustomerID: w.CustomerID, ProgramID: w.ProgramID, AttemptID: w.AttemptID}, nil
}

type delivery struct {
	Version        int    `json:"v"`
	BrandID        string `json:"brand_id"`
	SubscriptionID string `json:"subscription_id"`
	EventID        string `json:"event_id"`
}

// EncodeDelivery writes a message of the notification queue.
func EncodeDelivery(d kyc.DeliveryRef) ([]byte, error) {
	return json.Marshal(delivery{version, d.BrandID, d.SubscriptionID, d.EventID})
}

// DecodeDelivery reads what EncodeDelivery writes.
func DecodeDelivery(body []byte) (kyc.DeliveryRef, error) {
	var d delivery
	if err := decode(body, &d); err != nil {
		return kyc.DeliveryRef{}, err
	}
	if err := known(d.Version); err != nil {
		return kyc.DeliveryRef{}, err
	}
	if err := ids(d.BrandID, d.SubscriptionID); err != nil {
		return kyc.DeliveryRef{}, err
	}
	if !kyc.IsEventID(d.EventID) {
		return kyc.DeliveryRef{}, errors.New("the message's event is none of ours")
	}
	return kyc.DeliveryRef{BrandID: d.BrandID, SubscriptionID: d.SubscriptionID, EventID: d.EventID}, nil
}

// event is the body of a webhook, in the order of its documentation.
type event struct {
	ID           string      `json:"event_id"`
	Name         string      `json:"event"`
	CustomerID   string      `json:"customer_id,omitempty"` // none of a subscription
	ProgramID    string      `json:"program_id,omitempty"`  // none of a customer's data
	AttemptID    string      `json:"attempt_id,omitempty"`
	Subscription string      `json:"webhook_id,omitempty"`
	OccurredAt   string      `json:"occurred_at"`
	StateVersion int         `json:"state_version,omitempty"` // none of a test
	KYC          *eventState `json:"kyc,omitempty"`
	Reasons      []string    `json:"reasons,omitempty"`
	Retryable    *bool       `json:"retryable,omitempty"`
	Documents    []document  `json:"documents,omitempty"`
	Fields       []string    `json:"fields,omitempty"`
	Cause        string      `json:"cause,omitempty"`
}

type eventState struct {
	Verification verification `json:"verification"`
}

type verification struct {
	Status string `json:"status"`
}

type document struct {
	Type       string `json:"document_type"`
	ID         string `json:"document_id"`
	UploadLink string `json:"upload_link,omitempty"`
	Status     string `json:"status"`
}

// EventBody writes the body of a webhook. It escapes nothing for HTML: receivers who sign what their JSON library prints
// would get another text.
func EventBody(e kyc.Event) ([]byte, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(fromEvent(e))
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), err
}

func fromEvent(e kyc.Event) event {
	body := event{
		ID: e.ID, Name: string(e.Name), CustomerID: e.CustomerID, ProgramID: e.ProgramID, AttemptID: e.AttemptID,
		Subscription: e.SubscriptionID, OccurredAt: kyc.FormatTime(e.OccurredAt), StateVersion: e.StateVersion,
		Reasons: e.Reasons, Cause: e.Cause,
	}
	if e.Status != "" {
		body.KYC = &eventState{verification{string(e.Status)}}
	}
	if e.Name == kyc.EventFailure {
		body.Retryable = &e.Retryable
	}
	for _, d := range e.Documents {
		body.Documents = append(body.Documents, document{string(d.Type), d.ID, e.UploadLink.Reveal(), string(d.Status)})
	}
	for _, f := range e.Fields {
		body.Fields = append(body.Fields, string(f))
	}
	return body
}

// DecodeEvent reads what EventBody writes, as an event of the brand.
func DecodeEvent(brandID string, body []byte) (kyc.Event, error) {
	var b event
	if err := decode(body, &b); err != nil {
		return kyc.Event{}, err
	}
	return b.event(brandID)
}

func (b event) event(brandID string) (kyc.Event, error) {
	at, err := kyc.ParseTime(b.OccurredAt)
	if err != nil {
		return kyc.Event{}, fmt.Errorf("occurred_at: %w", err)
	}
	name, status := kyc.EventName(b.Name), kyc.Status("")
	if b.KYC != nil {
		status = kyc.Status(b.KYC.Verification.Status)
	}
	if err := ids(b.about()...); err != nil {
		return kyc.Event{}, err
	}
	stateless := b.KYC == nil && !strings.HasPrefix(b.Name, "kyc.")
	if !kyc.IsEventID(b.ID) || !slices.Contains(append(kyc.EventNames(), kyc.EventTest), name) || !stateless && !slices.Contains(kyc.Statuses(), status) {
		return kyc.Event{}, errors.New("the event is none of ours")
	}
	e := kyc.Event{
		ID: b.ID, Name: name, BrandID: brandID, CustomerID: b.CustomerID, ProgramID: b.ProgramID,
		AttemptID: b.AttemptID, SubscriptionID: b.Subscription, OccurredAt: at, StateVersion: b.StateVersion,
		Status: status, Reasons: b.Reasons, Cause: b.Cause,
	}
	if b.Retryable != nil {
		e.Retryable = *b.Retryable
	}
	for _, d := range b.Documents {
		e.Documents = append(e.Documents, kyc.Document{ID: d.ID, Type: kyc.DocumentType(d.Type), Status: kyc.DocumentStatus(d.Status)})
	}
	for _, f := range b.Fields {
		e.Fields = append(e.Fields, kyc.Field(f))
	}
	return e, nil
}

// about lists the ids that an event of this name has.
func (b event) about() []string {
	switch kyc.EventName(b.Name) {
	case kyc.EventSubscriptionDisabled, kyc.EventTest:
		return []string{b.Subscription}
	}
	if kyc.EventName(b.Name).OfCustomer() {
		return []string{b.CustomerID}
	}
	return []string{b.CustomerID, b.ProgramID, b.AttemptID}
}

// decode hides the reader's own error: it may quote the message.
func decode(body []byte, into any) error {
	if json.Unmarshal(body, into) != nil {
		return fmt.Errorf("message of %d bytes is not what this queue carries", len(body))
	}
	return nil
}

// ids refuses what is no id of ours: ids are logged, and asked for, before anything else is known of a message.
func ids(all ...string) error {
	for _, id := range all {
		if !kyc.IsUUID(id) {
			return errors.New("an id in the message is no UUID")
		}
	}
	return nil
}

func known(v int) error {
	if v != version {
		return fmt.Errorf("message version %d is unknown", v)
	}
	return nil
}
