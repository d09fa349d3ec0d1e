package kyc

import "time"

// Policy is what a bank asks of a verification in its program.
type Policy struct {
	Version     int
	Required    []Field
	MinimumAge  int           // years; 0 asks for none
	MaxAttempts int           // attempts that reached a check
	MinInterval time.Duration // between the end of an attempt and the next start
}

// OldEnough reports whether somebody has the minimum age on the day of now. Who was born on 29 February has a birthday on
// 1 March in other years.
func (p Policy) OldEnough(born, now time.Time) bool {
	return !born.AddDate(p.MinimumAge, 0, 0).After(now)
}

// DefaultPolicy asks for the identifying information of 31 CFR 1020.220(a)(2)(i) and an adult, and allows three
// attempts, as the published samples of kyc_requests_available do.
func DefaultPolicy() Policy {
	return Policy{
		Version:     1,
		Required:    []Field{FirstName, LastName, BirthDate, SSN, PhysicalAddress},
		MinimumAge:  18,
		MaxAttempts: 3,
	}
}

// Brand is a tenant.
type Brand struct {
	ID        string
	Name      string
	CreatedAt time.Time
}

// Program is the relation of a brand with one bank.
type Program struct {
	BrandID       string
	ID            string
	Name          string
	Bank          string
	CreatedAt     time.Time
	Policies      map[int]Policy // every version that an attempt may have been opened under
	PolicyVersion int
}

// Policy returns the newest policy, under which new attempts are opened.
func (p Program) Policy() Policy { return p.Policies[p.PolicyVersion] }

// APIKey is a key pair of a brand. The secret half is stored as a hash only: 256 random bits can't be guessed.
type APIKey struct {
	BrandID     string
	Identity    string
	Name        string
	SecretHash  []byte // SHA-256
	Permissions []string
	CreatedAt   time.Time
	RevokedAt   time.Time
}
