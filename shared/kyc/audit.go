package kyc

import "time"

// AuditRecord is what is kept of one action of an operator, or of a brand's reading of a document: who looked at what or
// changed it, and what came of it. It holds ids, names that operators have given and numbers, never a secret or personal
// data.
//
// Records are kept for good. What a program asked for at the time of an attempt, and who decided so, belongs to the
// methods of verification, which a bank keeps for five years after the record is made (31 CFR 1020.220(a)(3)(ii)): none
// may be removed before that.
type AuditRecord struct {
	ID         string
	At         time.Time // real time, when the action began
	Action     string
	BrandID    string // this and the next six: what the action was about, empty where it was about none
	ProgramID  string
	CustomerID string
	AttemptID  string
	DocumentID string
	Side       Side
	Identity   string        // of a key pair
	Changes    []AuditChange // none of an action that was refused
	Outcome    string        // AuditDone, AuditBegun, AuditFailed, or the code of the refusal
	RequestID  string        // of the Lambda invocation
	Actor      string        // which operator asked, in the words of the request; empty where it did not say
	AskedBy    string        // the Identity of the key pair that asked, as its secret has proven; empty where an operator asked
}

// AuditChange is one thing that an action has changed, as a text.
type AuditChange struct{ Name, Before, After string }

// AuditReadDocument is the action of who reads a file that was sent as evidence.
const AuditReadDocument = "read_document"

// Outcomes of an action that was not refused.
const (
	AuditDone = "done"
	// AuditBegun is the outcome of an action of many writes until it has ended, and for good where it was cut short.
	AuditBegun = "begun"
	// AuditFailed says that the action failed on our side, and that it has changed nothing.
	AuditFailed = "failed"
)

// AuditPlace is the place of a record in the list of records: by time, and then by id.
type AuditPlace struct {
	At time.Time
	ID string
}
