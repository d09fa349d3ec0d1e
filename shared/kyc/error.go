package kyc

import "errors"

// Kind says what a refusal means for its caller: apigw translates it to an HTTP status, the queue workers to drop or
// retry.
type Kind int

const (
	Internal      Kind = iota // our fault: nothing about it reaches a caller
	Invalid                   // the request is malformed
	Forbidden                 // the key pair may not do this
	NotFound                  // no such thing, or another brand's
	Conflict                  // the state forbids it
	Outdated                  // the caller named a version that is no longer the newest
	Unprocessable             // well-formed, but contradicts an earlier request
	Unavailable               // could not be done, or confirmed, now: try again
)

// Part is a part of a request, and says how what is wrong in it is named.
type Part int

const (
	Body   Part = iota // by its JSON pointer (RFC 6901), without the first slash: addresses/0/street
	Header             // by the header's name
	Query              // by the parameter's name
)

// Error is a refusal that a caller may see. Everything but Err is public.
type Error struct {
	Kind    Kind
	Code    string              // from the published dictionary of error codes
	Message string              // says what is wrong and what to do
	Fields  map[string][]string // what is wrong, by where in In it is; takes the place of Message on the wire
	In      Part                // what Fields are of
	Extra   map[string]any      // further members of the answer, in snake_case
	Headers map[string]string   // further headers of the answer
	Err     error               // the cause, for the log alone
}

// Error returns the text for our log. It never holds a value of the request.
func (e *Error) Error() string {
	text := e.Code
	if e.Message != "" {
		text += ": " + e.Message
	}
	for field := range e.Fields {
		text += " " + field
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first Error in err's chain, and Internal for any other error.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// MissingField is the text for a required field that is not there, as published.
const MissingField = "Missing data for required field."

// Refusals that more than one use case answers with. Each call makes a new value, so that callers may add to it.

// ErrCustomerUnknown answers for a customer that does not exist or belongs to another brand: the two look the same.
func ErrCustomerUnknown() *Error {
	return &Error{Kind: NotFound, Code: "customer_dne", Message: "No customer with this customer_id exists. Create one with POST /customers."}
}

// ErrAddressUnknown answers for an address that the customer does not have.
func ErrAddressUnknown() *Error {
	return &Error{Kind: NotFound, Code: "invalid_reference", Message: "The customer has no address with this address_id. List the addresses with GET on the path that ends in addresses."}
}

// ErrDocumentUnknown answers for a document that the attempt does not ask for.
func ErrDocumentUnknown() *Error {
	return &Error{Kind: NotFound, Code: "invalid_reference",
		Message: "The attempt asks for no document with this document_id. Read its state with GET on the path that ends in verification-kyc."}
}

// ErrOutdated answers where a change was asked for on the condition that what is to be changed, like a customer, is still as
// the caller has seen it.
func ErrOutdated(what string) *Error {
	return &Error{Kind: Outdated, Code: "resource_conflict",
		Message: "The " + what + " is not what If-Match names, and nothing was changed. Read it again with GET, and send the change with the ETag of that answer."}
}

// ErrProgramUnknown answers for a program that does not exist or belongs to another brand.
func ErrProgramUnknown() *Error {
	return &Error{Kind: NotFound, Code: "invalid_program", Message: "No program with this program_id exists for your brand. Ask your operator for the program's id."}
}

// ErrCustomerMalformed answers for a customer_id that no customer can have.
func ErrCustomerMalformed() *Error {
	return &Error{Kind: Invalid, Code: "customer_invalid_uuid4", Message: "The customer_id in the path is not a UUID."}
}

// ErrAlreadyPassed answers once a customer has passed, with the time of that pass.
func ErrAlreadyPassed(passed Attempt) *Error {
	return &Error{Kind: Conflict, Code: "kyc_already_passed",
		Message: "The customer has passed KYC in this program; no further attempt is possible or needed.",
		Extra:   map[string]any{"passed_at": FormatTime(passed.ChangedAt()), "attempt_id": passed.ID}}
}

// ErrNeverStarted answers for a pair of customer and program without an attempt.
func ErrNeverStarted() *Error {
	return &Error{Kind: NotFound, Code: "kyc_dne",
		Message: "KYC was never started for this customer and program. Start it with POST on the path that ends in verification-kyc."}
}

// ErrEventUnknown answers for an event that does not exist, is kept no longer or belongs to another brand.
func ErrEventUnknown() *Error {
	return &Error{Kind: NotFound, Code: "webhooks_err", Message: "No event with this id exists. Events are kept for 90 days."}
}

// ErrDeliveryUnknown answers for an event that was never on its way to a subscription.
func ErrDeliveryUnknown() *Error {
	return &Error{Kind: NotFound, Code: "webhooks_err", Message: "No delivery of this event to this webhook subscription exists."}
}
