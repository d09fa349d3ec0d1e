package kyc

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Policy is what a bank asks of a verification in its program.
type Policy struct {
	Version     int
	Required    []Field       // sorted
	MinimumAge  int           // years; 0 asks for none
	MaxAttempts int           // attempts that reached a check
	MinInterval time.Duration // between the end of an attempt and the next start
	Duplicates  Duplicates
	Checks      []Check // that an attempt runs, in the order of Checks; CheckCIP and CheckOFAC are always among them
	// DocumentDeadline is how long documents that an attempt asks for may be awaited, in whole days.
	DocumentDeadline time.Duration
	Documents        DocumentPolicy
	// BrandName and BrandColor are what consumers know the brand by, on the page that they send documents on. Where they are
	// empty, the program's own name stands there, and the page has its own color.
	BrandName  string
	BrandColor string // like #1f4e79
}

// DocumentPolicy says whether an attempt whose documents are in may be decided without a person.
type DocumentPolicy string

const (
	DocumentsReviewed DocumentPolicy = "review"
	// DocumentsAutomatic accepts a document of which every field was read and agrees with the customer.
	DocumentsAutomatic DocumentPolicy = "automatic"
)

// DocumentPolicies lists what a policy may say.
func DocumentPolicies() []DocumentPolicy {
	return []DocumentPolicy{DocumentsReviewed, DocumentsAutomatic}
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
		Required:    []Field{PhysicalAddress, BirthDate, FirstName, LastName, SSN},
		MinimumAge:  18,
		MaxAttempts: 3,
		Duplicates:  DuplicatesAllowed,
		Checks:      Checks(),

		DocumentDeadline: DefaultDocumentDeadline,
		Documents:        DocumentsReviewed,
	}
}

// DefaultDocumentDeadline is that of a policy that says nothing else.
const DefaultDocumentDeadline = 28 * day

const day = 24 * time.Hour

// Requirable lists the fields that a policy may require. A middle name is not among them: many people have none.
func Requirable() []Field {
	return []Field{PhysicalAddress, BirthDate, Email, FirstName, IP, LastName, Phone, PhoneCountryCode, SSN}
}

// PolicyChange is what an operator wants to be different in a policy. What is nil stays as it is.
type PolicyChange struct {
	Required    []Field
	MinimumAge  *int // years
	MaxAttempts *int
	MinInterval *int // seconds
	Duplicates  *Duplicates
	Checks      []Check

	DocumentDeadline *int // days
	Documents        *DocumentPolicy

	BrandName, BrandColor *string // empty for none
}

// Empty reports whether the change changes nothing.
func (c PolicyChange) Empty() bool {
	return c.Required == nil && c.MinimumAge == nil && c.MaxAttempts == nil && c.MinInterval == nil && c.Duplicates == nil && c.Checks == nil &&
		c.DocumentDeadline == nil && c.Documents == nil && c.BrandName == nil && c.BrandColor == nil
}

var color = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// Change returns the policy as c wants it, of the same version, and says by member what is wrong with that.
func (p Policy) Change(c PolicyChange) (Policy, map[string][]string) {
	wrong := map[string][]string{}
	number := func(member string, now int, wanted *int, low, high int) int {
		if wanted == nil {
			return now
		}
		if *wanted < low || *wanted > high {
			wrong["policy/"+member] = []string{fmt.Sprintf("Must be a whole number from %d to %d.", low, high)}
			return now
		}
		return *wanted
	}
	p.MinimumAge = number("minimum_age", p.MinimumAge, c.MinimumAge, 0, 100)
	p.MaxAttempts = number("max_attempts", p.MaxAttempts, c.MaxAttempts, 1, 100)
	const year = 365 * 24 * 3600
	p.MinInterval = time.Duration(number("min_interval_seconds", int(p.MinInterval/time.Second), c.MinInterval, 0, year)) * time.Second
	if c.Duplicates != nil {
		if p.Duplicates = *c.Duplicates; !slices.Contains(AllDuplicates(), p.Duplicates) {
			wrong["policy/duplicates"] = []string{fmt.Sprintf("Must be one of %v.", AllDuplicates())}
		}
	}
	p.DocumentDeadline = time.Duration(number("document_deadline_days", int(p.DocumentDeadline/day), c.DocumentDeadline, 1, 365)) * day
	if c.Documents != nil {
		if p.Documents = *c.Documents; !slices.Contains(DocumentPolicies(), p.Documents) {
			wrong["policy/documents"] = []string{fmt.Sprintf("Must be one of %v.", DocumentPolicies())}
		}
	}
	if c.BrandName != nil {
		p.BrandName = strings.TrimSpace(*c.BrandName)
		if utf8.RuneCountInString(p.BrandName) > 64 || strings.ContainsFunc(p.BrandName, func(r rune) bool { return !unicode.IsPrint(r) }) {
			wrong["policy/brand_name"] = []string{"Must be up to 64 visible characters."}
		}
	}
	if c.BrandColor != nil {
		if p.BrandColor = strings.ToLower(*c.BrandColor); p.BrandColor != "" && !color.MatchString(p.BrandColor) {
			wrong["policy/brand_color"] = []string{"Must be a color like #1f4e79."}
		}
	}
	if c.Checks != nil {
		p.Checks = slices.DeleteFunc(Checks(), func(check Check) bool { return !slices.Contains(c.Checks, check) })
		known := !slices.ContainsFunc(c.Checks, func(check Check) bool { return !slices.Contains(Checks(), check) })
		if !known || !slices.Contains(p.Checks, CheckCIP) || !slices.Contains(p.Checks, CheckOFAC) {
			wrong["policy/checks"] = []string{fmt.Sprintf("Must name %s and %s, which the law asks for, and none but these: %v.", CheckCIP, CheckOFAC, Checks())}
		}
	}
	if c.Required != nil {
		p.Required = slices.Compact(slices.Sorted(slices.Values(c.Required)))
		if len(p.Required) == 0 || slices.ContainsFunc(p.Required, func(f Field) bool { return !slices.Contains(Requirable(), f) }) {
			wrong["policy/required"] = []string{fmt.Sprintf("Must name at least one field, and none but these: %v.", Requirable())}
		}
	}
	if p.MinimumAge > 0 && !slices.Contains(p.Required, BirthDate) {
		wrong["policy/minimum_age"] = []string{"Nobody's age is known without dob: name dob in required, or set minimum_age to 0."}
	}
	return p, wrong
}

// Members returns what the policy asks for as texts, by the names of a request's members.
func (p Policy) Members() map[string]string {
	return map[string]string{
		"required": join(p.Required), "minimum_age": strconv.Itoa(p.MinimumAge), "max_attempts": strconv.Itoa(p.MaxAttempts),
		"min_interval_seconds": strconv.Itoa(int(p.MinInterval / time.Second)), "duplicates": string(p.Duplicates), "checks": join(p.Checks),
		"document_deadline_days": strconv.Itoa(int(p.DocumentDeadline / day)), "documents": string(p.Documents),
		"brand_name": p.BrandName, "brand_color": p.BrandColor,
	}
}

func join[T ~string](names []T) string {
	texts := make([]string, 0, len(names))
	for _, n := range names {
		texts = append(texts, string(n))
	}
	return strings.Join(texts, ", ")
}

// Equal reports whether two policies ask for the same.
func (p Policy) Equal(q Policy) bool {
	return maps.Equal(p.Members(), q.Members())
}

// MaxPolicies bounds the versions of a program's policy. All are kept, for the attempts that were opened under them, in
// an item that is read with every start that finds the program not cached: 50 take up to 20 KB.
const MaxPolicies = 50

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

// PolicyAt returns the policy of a version, from the first of the programs that has it. They are read one after the other:
// one that is remembered may be older than an attempt. It reports false where none has it.
func PolicyAt(version int, programs ...func() (Program, error)) (Policy, bool, error) {
	for _, read := range programs {
		program, err := read()
		if err != nil {
			return Policy{}, false, err
		}
		if policy, known := program.Policies[version]; known {
			return policy, true, nil
		}
	}
	return Policy{}, false, nil
}

// Policy returns the newest policy, under which new attempts are opened.
func (p Program) Policy() Policy { return p.Policies[p.PolicyVersion] }

// Permission is what a key pair may be allowed. Each route needs one.
type Permission string

const (
	MayRead     Permission = "read"     // customers, their KYC, the brand's key pairs
	MayWrite    Permission = "write"    // customers, their KYC, temporary key pairs
	MayWebhooks Permission = "webhooks" // where results are sent: to see and to change it
	MaySimulate Permission = "simulate" // on sandbox stages
	MayReview   Permission = "review"   // to decide in a person's place
)

// Permissions lists all there are.
func Permissions() []Permission {
	return []Permission{MayRead, MayWrite, MayWebhooks, MaySimulate, MayReview}
}

// APIKey is a key pair of a brand. The secret half is stored as a hash only: 256 random bits can't be guessed.
type APIKey struct {
	BrandID     string
	Identity    string
	Name        string
	SecretHash  []byte // SHA-256
	Permissions []Permission
	CustomerID  string // the only customer that it is for, empty where it is for all of the brand
	CreatedAt   time.Time
	ExpiresAt   time.Time // zero for never
	RevokedAt   time.Time // zero for never
	LastUsedOn  string    // the day in UTC, like 2026-01-02; empty for never
}

// Temporary reports whether the pair is for one customer and for minutes. Such a pair is in no list.
func (k APIKey) Temporary() bool { return k.CustomerID != "" }

// Live reports whether the pair is neither revoked nor expired at the time now.
func (k APIKey) Live(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}
