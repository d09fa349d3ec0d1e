// Package platform is what an operator does: brands, their programs and API keys, and further attempts for customers, with a
// record of each action. And what is done with those keys: the authorizer's look at them, and a brand's own.
package platform

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"kyc/shared/kyc"
)

// Brands is where brands are kept.
type Brands interface {
	CreateBrand(ctx context.Context, b kyc.Brand, wrappedKey []byte, r kyc.AuditRecord) error
	// Brand returns a kyc.NotFound error for an unknown brand.
	Brand(ctx context.Context, brandID string) (kyc.Brand, error)
	Brands(ctx context.Context) ([]kyc.Brand, error)
}

// Programs is where programs are kept.
type Programs interface {
	CreateProgram(ctx context.Context, p kyc.Program, r kyc.AuditRecord) error
	// CurrentProgram returns the program as of the last write, and a kyc.NotFound error for an unknown one.
	CurrentProgram(ctx context.Context, brandID, programID string) (kyc.Program, error)
	// AddPolicy returns false where the version before the policy's is not the newest any more.
	AddPolicy(ctx context.Context, brandID, programID string, policy kyc.Policy, r kyc.AuditRecord) (bool, error)
	Programs(ctx context.Context, brandID string) ([]kyc.Program, error)
}

// Keyring makes the keys that personal data is encrypted under.
type Keyring interface {
	NewBrandKey(ctx context.Context, brandID string) ([]byte, error)
	// Rewrap returns a wrapped data key wrapped by a version of the brand's key, and the same where it is already.
	Rewrap(ctx context.Context, place kyc.Place, wrapped []byte, version int) ([]byte, error)
	EnsureStackSecret(ctx context.Context) error
}

// Service is where an operator's actions begin, and what they stand on. It is safe for concurrent use.
type Service struct {
	Audit    Audit
	Brands   Brands
	Programs Programs
	Keys     Keys
	Keyring  Keyring
	Grants   Grants
	Rotation Rotation

	BrandKeys BrandKeyStore
	DataKeys  DataKeys

	Now   func() time.Time
	NewID func() string
}

// CreateBrand makes a tenant with a key of its own, and the stack's secret with the first one.
func (o *Operation) CreateBrand(ctx context.Context, name string) (kyc.Brand, error) {
	wrong := map[string][]string{}
	if checkName(wrong, "name", name); len(wrong) > 0 {
		return kyc.Brand{}, invalid(wrong)
	}
	b := kyc.Brand{ID: o.NewID(), Name: name, CreatedAt: o.Now()}
	if err := o.Keyring.EnsureStackSecret(ctx); err != nil {
		return kyc.Brand{}, fmt.Errorf("stack secret: %w", err)
	}
	key, err := o.Keyring.NewBrandKey(ctx, b.ID)
	if err != nil {
		return kyc.Brand{}, fmt.Errorf("brand key: %w", err)
	}
	o.record.BrandID = b.ID
	o.changed("name", "", name)
	return b, o.Brands.CreateBrand(ctx, b, key, o.record)
}

// CreateProgram ties the brand to a bank, under the default policy with what is to be different in it.
func (o *Operation) CreateProgram(ctx context.Context, brandID, name, bank string, change kyc.PolicyChange) (kyc.Program, error) {
	policy, wrong := kyc.DefaultPolicy().Change(change)
	checkName(wrong, "name", name)
	checkName(wrong, "bank", bank)
	if err := o.known(ctx, brandID, wrong); err != nil {
		return kyc.Program{}, err
	}
	p := kyc.Program{
		BrandID: brandID, ID: o.NewID(), Name: name, Bank: bank, CreatedAt: o.Now(),
		Policies: map[int]kyc.Policy{policy.Version: policy}, PolicyVersion: policy.Version,
	}
	o.record.ProgramID = p.ID
	o.changed("name", "", name)
	o.changed("bank", "", bank)
	o.changedPolicy(nil, policy)
	return p, o.Programs.CreateProgram(ctx, p, o.record)
}

// UpdatePolicy makes the next version of the program's policy. Attempts are opened under it within a minute, which is how
// long an environment remembers a program; one that was opened before is judged by the version that it was opened under. A
// change that asks for what is asked for already does nothing.
func (o *Operation) UpdatePolicy(ctx context.Context, brandID, programID string, change kyc.PolicyChange) (kyc.Program, error) {
	wrong := map[string][]string{}
	if change.Empty() {
		wrong["policy"] = []string{"Must have one of " + strings.Join(slices.Sorted(maps.Keys(kyc.Policy{}.Members())), ", ") + " at the least."}
	}
	checkID(wrong, "program_id", programID)
	if err := o.known(ctx, brandID, wrong); err != nil {
		return kyc.Program{}, err
	}
	p, err := o.program(ctx, brandID, programID)
	if err != nil {
		return kyc.Program{}, err
	}
	policy, wrong := p.Policy().Change(change)
	switch {
	case len(wrong) > 0:
		return kyc.Program{}, invalid(wrong)
	case policy.Equal(p.Policy()):
		return p, nil
	case p.PolicyVersion >= kyc.MaxPolicies:
		return kyc.Program{}, conflict(fmt.Sprintf("A program can have %d policies at the most, for each is kept for the attempts that were opened under it. "+
			"Create a program with this policy, and have new attempts started in that.", kyc.MaxPolicies))
	}
	policy.Version++
	o.changedPolicy(p.Policy().Members(), policy)
	added, err := o.Programs.AddPolicy(ctx, brandID, programID, policy, o.record)
	if err == nil && !added {
		err = conflict("The policy was changed by someone else at the same time. See what it is now with list_programs, and send the change again.")
	}
	if err != nil {
		return kyc.Program{}, err
	}
	p.Policies = maps.Clone(p.Policies)
	p.Policies[policy.Version], p.PolicyVersion = policy, policy.Version
	return p, nil
}

// program reads a program as of the last write.
func (o *Operation) program(ctx context.Context, brandID, programID string) (kyc.Program, error) {
	p, err := o.Programs.CurrentProgram(ctx, brandID, programID)
	if kyc.KindOf(err) == kyc.NotFound {
		err = &kyc.Error{Kind: kyc.NotFound, Code: "invalid_program", Message: "The brand has no program with this program_id; list_programs shows those that it has."}
	}
	return p, err
}

// ListBrands returns all brands, oldest first.
func (o *Operation) ListBrands(ctx context.Context) ([]kyc.Brand, error) { return o.Brands.Brands(ctx) }

// ListPrograms returns a brand's programs, oldest first.
func (o *Operation) ListPrograms(ctx context.Context, brandID string) ([]kyc.Program, error) {
	if err := o.known(ctx, brandID, map[string][]string{}); err != nil {
		return nil, err
	}
	return o.Programs.Programs(ctx, brandID)
}

// known refuses a request in which something was found wrong, and one for a brand that is not there. It has the brand_id
// among what is wrong, so that all of it is told at once.
func (o *Operation) known(ctx context.Context, brandID string, wrong map[string][]string) error {
	if checkID(wrong, "brand_id", brandID); len(wrong) > 0 {
		return invalid(wrong)
	}
	_, err := o.Brands.Brand(ctx, brandID)
	return err
}

func checkID(wrong map[string][]string, field, id string) {
	if !kyc.IsUUID(id) {
		wrong[field] = []string{"Must be a UUID in small letters, as it was answered at creation."}
	}
}

func checkName(wrong map[string][]string, field, name string) {
	if utf8.RuneCountInString(strings.TrimSpace(name)) < 2 || utf8.RuneCountInString(name) > 128 {
		wrong[field] = []string{"Must be 2 to 128 characters."}
	}
}

func invalid(wrong map[string][]string) error {
	return &kyc.Error{Kind: kyc.Invalid, Code: "input_error", Fields: wrong}
}

func conflict(why string) error {
	return &kyc.Error{Kind: kyc.Conflict, Code: "resource_conflict", Message: why}
}
