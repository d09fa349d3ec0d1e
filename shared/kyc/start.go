package kyc

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Start is a request to open an attempt, complete but for the store's consent.
type Start struct {
	BrandID    string
	CustomerID string
	ProgramID  string
	Attempt    Attempt
	Policy     Policy
	Missing    []Field // required fields that the body does not bring: the profile must hold them
	Key        *KeyClaim
	Now        time.Time     // of the brand's clock
	Ahead      time.Duration // by how much that is ahead of real time
}

// Bringable lists the fields that a start's body may bring.
func Bringable() []Field { return []Field{SSN, Phone, PhoneCountryCode, Email, IP, BirthDate} }

// missing says what to do about a required field that neither the body nor the profile has.
func missing(f Field) string {
	switch {
	case f == PhysicalAddress:
		return "Missing data for required field: store a PHYSICAL address, no post office box, on the customer."
	case f == IP: // where a request came from is no part of who the customer is
		return "Missing data for required field: send it with this request."
	case slices.Contains(Bringable(), f):
		return "Missing data for required field: send it with this request or store it on the customer."
	}
	return "Missing data for required field: store it on the customer."
}

// Alarm is the real time at which someone must look again at what the start has opened.
func (s Start) Alarm() time.Time { return Moment{s.Now, s.Ahead}.Alarm() }

// NotBefore is the newest end of an earlier attempt that the policy's minimum interval allows.
func (s Start) NotBefore() time.Time { return s.Now.Add(-s.Policy.MinInterval) }

// KeyRecord is what the start leaves behind under its key, without the fingerprint.
func (s Start) KeyRecord() KeyRecord {
	r := recordAt(s.Now)
	r.CustomerID, r.ProgramID, r.AttemptID = s.CustomerID, s.ProgramID, s.Attempt.ID
	return r
}

// Refusal says why the start cannot be: it states on values what the store's condition states on items, in the fixed
// order in which refusals are reported. c is nil for an unknown customer, and a closed one counts as that; seen is nil unless
// the key is taken. It returns nil when nothing stands against the start.
func (s Start) Refusal(c *Customer, seen *KeyRecord) *Error {
	if c == nil || c.Closed() {
		return ErrCustomerUnknown()
	}
	if seen != nil && s.Now.Before(seen.ExpiresAt) {
		return s.keySeen(*c, *seen)
	}
	current, exists := c.Attempt(s.ProgramID)
	switch {
	case exists && current.Status == Passed:
		return ErrAlreadyPassed(current)
	case exists && !slices.Contains(Restartable(), current.Status) && !(current.Status == DocumentRequired && len(current.Reenter) > 0):
		return &Error{Kind: Conflict, Code: "kyc_in_progress",
			Message: "An attempt is open for this customer and program. Read it with GET on this path, or wait for its webhook.",
			Extra:   map[string]any{"attempt_id": current.ID, "kyc_status": string(current.Status)}}
	case !exists && len(c.Attempts) >= MaxPrograms:
		return &Error{Kind: Conflict, Code: "resource_conflict",
			Message: fmt.Sprintf("A customer can have KYC in %d programs at the most, and this one has. Create another customer for this program.", MaxPrograms)}
	case s.UsedUp(*c):
		return &Error{Kind: Conflict, Code: "kyc_retries",
			Message: "All KYC attempts of this customer in this program are used up. To ask for another one send kyc_retry_request: true."}
	}
	if ended, ok := c.Ended[s.ProgramID]; ok && ended.After(s.NotBefore()) {
		retryAt := ended.Add(s.Policy.MinInterval)
		return &Error{Kind: Conflict, Code: "kyc_retries",
			Message: "The program asks for more time between two attempts. Start again at retry_at.",
			Extra:   map[string]any{"retry_at": FormatTime(retryAt)},
			Headers: map[string]string{"Retry-After": seconds(retryAt.Sub(s.Now))}}
	}
	absent := map[string][]string{}
	for _, f := range s.Missing {
		if !slices.Contains(c.Present, f) {
			absent[string(f)] = []string{missing(f)}
		}
	}
	if len(absent) > 0 {
		return &Error{Kind: Invalid, Code: "create_kyc_schema", Fields: absent}
	}
	if _, waits := c.Previous[s.ProgramID]; waits {
		// Two attempts were replaced before relay came to the first: a third would push out what was never told of it.
		return &Error{Kind: Unavailable, Code: "kyc_error", Headers: map[string]string{"Retry-After": "1"},
			Message: "The end of an earlier attempt is still being recorded; nothing was started. Send the same request again in a moment."}
	}
	return nil
}

// UsedUp reports whether c has no attempt left in the program.
func (s Start) UsedUp(c Customer) bool { return c.Used[s.ProgramID] >= s.Policy.MaxAttempts }

// RetryRequest is a brand's request for another attempt of a customer who has none left.
type RetryRequest struct {
	Pair
	RequestedAt time.Time
	RequestedBy string // Identity of the key pair
}

func (s Start) keySeen(c Customer, seen KeyRecord) *Error {
	status, known := c.AttemptStatus(seen.ProgramID, seen.AttemptID)
	if !known {
		status = seen.Status
	}
	return seen.seen(s.Key, "This request was accepted before under the same Idempotency-Key; its attempt is named here. Nothing was started again.",
		"/api/v0.1/customers/"+seen.CustomerID+"/verification-kyc?program_id="+seen.ProgramID,
		map[string]any{"attempt_id": seen.AttemptID, "kyc_status": string(status)})
}

// RequestsAvailable returns how many attempts are left in the program with the given policy.
func (c Customer) RequestsAvailable(programID string, policy Policy) int {
	if c.Attempts[programID].Status == Passed {
		return 0
	}
	return max(0, policy.MaxAttempts-c.Used[programID])
}

// UsedAfterGrant returns how many attempts count as used once n are available in the program, for conditions know no
// arithmetic: below zero where n is more than the policy allows. A grant takes none away from a customer who has more.
// The attempt that is running counts as available until it has reached a check, as it does in RequestsAvailable.
func (c Customer) UsedAfterGrant(programID string, policy Policy, n int) int {
	return min(c.Used[programID], policy.MaxAttempts-n)
}

// seconds writes d for a Retry-After header (RFC 9110 section 10.2.3): whole seconds, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// Standing is what a refused write found in its way. Customer is nil where there is none, Key is nil where no key was
// in the way.
type Standing struct {
	Customer *Customer
	Key      *KeyRecord
}

// Advance is one change of an attempt's state, as a claimed worker, a timer or a person asks for it. It happens only if
// the attempt is still as From says: same id, state, state_version and fence.
type Advance struct {
	BrandID        string
	CustomerID     string
	ProgramID      string
	From, To       Attempt
	Version        int // state_version before the change
	ProfileVersion int // the profile that was judged; 0 where none was
	Used           int // attempts to add to those used
	Ended          bool
	Learned        Sealed  // the profile with the attempt's own fields, which a pass makes the identity on file
	Present        []Field // the fields that Learned adds
	SSN            SSNEntries
	// Unpassed are all programs of the customer, where Learned replaces an SSN or a date of birth on file: none of them may
	// have passed, and no other one may be there. It is nil where Learned replaces neither.
	Unpassed []string
	Alarm    time.Time // in real time
}

// PassedBeside reports whether c may have passed in a program since the change was made: what it would replace on file may be
// the identity that did.
func (a Advance) PassedBeside(c Customer) bool {
	return a.Unpassed != nil && (len(c.Attempts) != len(a.Unpassed) || c.passed())
}

// Stands reports whether c is as this very change left it. Another one of the same moment differs in who made it, or in what it
// did to the documents.
func (a Advance) Stands(c Customer) bool {
	now := c.Attempts[a.ProgramID]
	return now.ID == a.To.ID && now.Status == a.To.Status && now.ChangedAt().Equal(a.To.ChangedAt()) && c.Versions[a.ProgramID] == a.Version+1 &&
		now.Fence == a.To.Fence && slices.EqualFunc(now.Documents, a.To.Documents, Document.alike)
}
