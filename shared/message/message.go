// Package message gives the words of the domain their form on the queues and in webhooks. Every message has a version,
// and a reader refuses one that it does not know rather than guess.
package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

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
	Event          event  `json:"event"`
}

// EncodeDelivery writes a message of the notification queue. It carries the whole event, so that the notifier need not
// read it; an event holds no personal data.
func EncodeDelivery(d kyc.Delivery) ([]byte, error) {
	return json.Marshal(delivery{version, d.Event.BrandID, d.SubscriptionID, fromEvent(d.Event)})
}

// DecodeDelivery reads what EncodeDelivery writes.
func DecodeDelivery(body []byte) (kyc.Delivery, error) {
	var d delivery
	if err := decode(body, &d); err != nil {
		return kyc.Delivery{}, err
	}
	if err := known(d.Version); err != nil {
		return kyc.Delivery{}, err
	}
	named := []string{d.BrandID, d.SubscriptionID, d.Event.CustomerID}
	if !kyc.EventName(d.Event.Name).OfCustomer() {
		named = append(named, d.Event.ProgramID, d.Event.AttemptID)
	}
	if err := ids(named...); err != nil {
		return kyc.Delivery{}, err
	}
	e, err := d.Event.event(d.BrandID)
	return kyc.Delivery{SubscriptionID: d.SubscriptionID, Event: e}, err
}

// event is the body of a webhook, in the order of its documentation.
type event struct {
	ID           string      `json:"event_id"`
	Name         string      `json:"event"`
	CustomerID   string      `json:"customer_id"`
	ProgramID    string      `json:"program_id,omitempty"` // none of a customer's data
	AttemptID    string      `json:"attempt_id,omitempty"`
	OccurredAt   string      `json:"occurred_at"`
	StateVersion int         `json:"state_version"`
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
	Type   string `json:"document_type"`
	ID     string `json:"document_id"`
	Status string `json:"status"`
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
		OccurredAt: kyc.FormatTime(e.OccurredAt), StateVersion: e.StateVersion,
		Reasons: e.Reasons, Cause: e.Cause,
	}
	if e.Status != "" {
		body.KYC = &eventState{verification{string(e.Status)}}
	}
	if e.Name == kyc.EventFailure {
		body.Retryable = &e.Retryable
	}
	for _, d := range e.Documents {
		body.Documents = append(body.Documents, document{string(d.Type), d.ID, string(d.Status)})
	}
	for _, f := range e.Fields {
		body.Fields = append(body.Fields, string(f))
	}
	return body
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
	stateless := name.OfCustomer() && b.KYC == nil
	if !eventID.MatchString(b.ID) || !slices.Contains(kyc.EventNames(), name) || !stateless && !slices.Contains(kyc.Statuses(), status) {
		return kyc.Event{}, errors.New("the message's event is none of ours")
	}
	e := kyc.Event{
		ID: b.ID, Name: name, BrandID: brandID, CustomerID: b.CustomerID, ProgramID: b.ProgramID,
		AttemptID: b.AttemptID, OccurredAt: at, StateVersion: b.StateVersion,
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

// eventID is the form of an event's id: that of its attempt and its state_version.
var eventID = regexp.MustCompile(`^evt_[0-9a-f-]{36}_[0-9]{1,9}(_fields)?$`)

func known(v int) error {
	if v != version {
		return fmt.Errorf("message version %d is unknown", v)
	}
	return nil
}
