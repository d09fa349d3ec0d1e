package kyc

// Duplicates is what a program does about an applicant whose SSN another customer of the brand has.
type Duplicates string

const (
	DuplicatesAllowed  Duplicates = "allow" // nobody is looked up
	DuplicatesReviewed Duplicates = "review"
	DuplicatesRefused  Duplicates = "refuse"
)

// AllDuplicates lists what a policy may say.
func AllDuplicates() []Duplicates {
	return []Duplicates{DuplicatesAllowed, DuplicatesReviewed, DuplicatesRefused}
}

// SSNEntries is a change of what a customer is found by: keyed hashes of its SSN, as the look-up is asked for them.
type SSNEntries struct {
	Add    []string
	Remove []string
}

// MaxOthers bounds how many of the other customers are named that share an SSN.
const MaxOthers = 3

// CheckSharedSSN is the check that no other customer of the brand has the applicant's SSN. others are those that do.
func CheckSharedSSN(others []string, policy Policy, mode Mode) Result {
	r := Result{Check: CheckDuplicates, Passed: len(others) == 0, Provider: "policy", Mode: mode}
	if !r.Passed {
		r.Reason, r.Review, r.Others = ReasonDuplicate, policy.Duplicates == DuplicatesReviewed, others[:min(len(others), MaxOthers)]
	}
	return r
}
