package platform_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/platform"
)

const (
	brandID = "0b7e9c4e-4a44-4c8c-9a43-0f6f0d4f3a01"
	newID   = "7d1c2b3a-4e5f-4a6b-8c7d-9e0f1a2b3c04"
)

var (
	noon    = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	errGone = errors.New("the table is gone")
)

// world is all that the service stands on. It keeps what it is given; fail names the one thing that fails.
type world struct {
	fail     string
	done     []string
	brands   []kyc.Brand
	wrapped  []byte
	programs []kyc.Program
	keys     []kyc.APIKey
	added    []kyc.Policy
	raced    bool // another operator was quicker
	records  []kyc.AuditRecord
}

// with keeps the record that a change comes with.
func (w *world) with(r kyc.AuditRecord) { w.records = append(w.records, r) }

func (w *world) KeepRecord(_ context.Context, r kyc.AuditRecord) error {
	w.with(r)
	return w.do("keep record")
}

func (w *world) do(what string) error {
	w.done = append(w.done, what)
	if what == w.fail {
		return errGone
	}
	return nil
}

func (w *world) CreateBrand(_ context.Context, b kyc.Brand, wrapped []byte, r kyc.AuditRecord) error {
	w.with(r)
	w.brands, w.wrapped = append(w.brands, b), wrapped
	return w.do("create brand")
}

func (w *world) Brand(_ context.Context, id string) (kyc.Brand, error) {
	if id != brandID {
		return kyc.Brand{}, &kyc.Error{Kind: kyc.NotFound, Code: "invalid_reference"}
	}
	return kyc.Brand{ID: id}, w.do("read brand")
}

func (w *world) Brands(context.Context) ([]kyc.Brand, error) { return w.brands, w.do("list brands") }

func (w *world) CreateProgram(_ context.Context, p kyc.Program, r kyc.AuditRecord) error {
	w.with(r)
	w.programs = append(w.programs, p)
	return w.do("create program")
}

func (w *world) CurrentProgram(_ context.Context, brand, id string) (kyc.Program, error) {
	for _, p := range w.programs {
		if p.BrandID == brand && p.ID == id {
			return p, w.do("read program")
		}
	}
	return kyc.Program{}, kyc.ErrProgramUnknown()
}

func (w *world) AddPolicy(_ context.Context, brand, id string, policy kyc.Policy, r kyc.AuditRecord) (bool, error) {
	w.with(r)
	w.added = append(w.added, policy)
	return brand == brandID && id == newID && !w.raced, w.do("add policy")
}

func (w *world) Programs(context.Context, string) ([]kyc.Program, error) {
	return w.programs, w.do("list programs")
}

func (w *world) CreateKey(_ context.Context, k kyc.APIKey, r kyc.AuditRecord) error {
	w.with(r)
	w.keys = append(w.keys, k)
	return w.do("create key")
}

func (w *world) Keys(context.Context, string) ([]kyc.APIKey, error) {
	return w.keys, w.do("list keys")
}

func (w *world) RevokeKey(_ context.Context, brand, identity string, at time.Time, r kyc.AuditRecord) (found, changed bool, err error) {
	w.with(r)
	found = brand == brandID && identity == newID && at.Equal(noon)
	return found, found && !w.raced, w.do("revoke key")
}

func (w *world) NewBrandKey(_ context.Context, id string) ([]byte, error) {
	return []byte("wrapped for " + id), w.do("brand key")
}

func (w *world) Rewrap(_ context.Context, _ kyc.Place, wrapped []byte, version int) ([]byte, error) {
	return []byte(fmt.Sprintf("%d%s", version, wrapped[1:])), w.do("rewrap")
}

func (w *world) EnsureStackSecret(context.Context) error { return w.do("stack secret") }

// service is one action on its way.
func service(w *world) *platform.Operation {
	s := &platform.Service{Audit: w, Brands: w, Programs: w, Keys: w, Keyring: w, Now: func() time.Time { return noon }, NewID: func() string { return newID }}
	return s.Begin(platform.Asked{Action: "test", BrandID: brandID})
}

func TestCreateBrand(t *testing.T) {
	w := &world{}
	got, err := service(w).CreateBrand(t.Context(), "Nobody's Bank")
	want := kyc.Brand{ID: newID, Name: "Nobody's Bank", CreatedAt: noon}
	if diff := cmp.Diff([]kyc.Brand{want}, w.brands); err != nil || got != want || diff != "" {
		t.Errorf("%v, %v (-want +stored):\n%s", got, err, diff)
	}
	if string(w.wrapped) != "wrapped for "+newID || w.done[0] != "stack secret" {
		t.Errorf("stored with key %q after %v", w.wrapped, w.done)
	}
}

func TestCreateProgram(t *testing.T) {
	w := &world{}
	got, err := service(w).CreateProgram(t.Context(), brandID, "Checking", "First Bank of Nowhere", kyc.PolicyChange{})
	want := kyc.Program{BrandID: brandID, ID: newID, Name: "Checking", Bank: "First Bank of Nowhere", CreatedAt: noon,
		Policies: map[int]kyc.Policy{1: kyc.DefaultPolicy()}, PolicyVersion: 1}
	if diff := cmp.Diff([]kyc.Program{want, want}, append(w.programs, got)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestCreateProgramUnderItsOwnPolicy(t *testing.T) {
	documents := kyc.DocumentsAutomatic
	w, age, tries, pause, days, name, color := &world{}, 21, 5, 3600, 7, " Acme Pay", "#1F4E79"
	_, err := service(w).CreateProgram(t.Context(), brandID, "Checking", "Bank", kyc.PolicyChange{
		Required: []kyc.Field{kyc.SSN, kyc.BirthDate, kyc.SSN}, MinimumAge: &age, MaxAttempts: &tries, MinInterval: &pause,
		Checks: []kyc.Check{kyc.CheckIP, kyc.CheckOFAC, kyc.CheckCIP, kyc.CheckIP}, DocumentDeadline: &days, Documents: &documents,
		BrandName: &name, BrandColor: &color,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := kyc.Policy{Version: 1, Required: []kyc.Field{kyc.BirthDate, kyc.SSN}, MinimumAge: 21, MaxAttempts: 5, MinInterval: time.Hour, Duplicates: kyc.DuplicatesAllowed,
		Checks: []kyc.Check{kyc.CheckCIP, kyc.CheckOFAC, kyc.CheckIP}, DocumentDeadline: 7 * 24 * time.Hour, Documents: documents,
		BrandName: "Acme Pay", BrandColor: "#1f4e79"}
	if diff := cmp.Diff(want, w.programs[0].Policy()); diff != "" {
		t.Errorf("(-want +stored):\n%s", diff)
	}
	_, err = service(w).CreateProgram(t.Context(), "42", "a", "b", kyc.PolicyChange{Required: []kyc.Field{"shoe_size"}})
	if got := slices.Sorted(maps.Keys(fields(t, err))); !slices.Equal(got, []string{"bank", "brand_id", "name", "policy/minimum_age", "policy/required"}) {
		t.Errorf("told at once: %q", got)
	}
}

// stocked is a world with one program, whose policy has the given version.
func stocked(version int) *world {
	policy := kyc.DefaultPolicy()
	policy.Version = version
	return &world{programs: []kyc.Program{{BrandID: brandID, ID: newID, Policies: map[int]kyc.Policy{version: policy}, PolicyVersion: version}}}
}

func TestUpdatePolicy(t *testing.T) {
	tries := 5
	change := kyc.PolicyChange{MaxAttempts: &tries}
	w := stocked(7)
	got, err := service(w).UpdatePolicy(t.Context(), brandID, newID, change)
	if err != nil {
		t.Fatal(err)
	}
	want := kyc.DefaultPolicy()
	want.Version, want.MaxAttempts = 8, 5
	if diff := cmp.Diff([]kyc.Policy{want}, w.added); diff != "" {
		t.Errorf("(-want +added):\n%s", diff)
	}
	if diff := cmp.Diff(want, got.Policy()); diff != "" || len(got.Policies) != 2 || len(w.programs[0].Policies) != 1 {
		t.Errorf("answered with %+v, read was %+v (-want +got):\n%s", got, w.programs[0], diff)
	}
	t.Run("what is asked for already is no new version", func(t *testing.T) {
		same := kyc.DefaultPolicy().MaxAttempts
		w := stocked(7)
		got, err := service(w).UpdatePolicy(t.Context(), brandID, newID, kyc.PolicyChange{MaxAttempts: &same})
		if err != nil || got.PolicyVersion != 7 || len(w.added) > 0 {
			t.Errorf("%+v, %v, added %+v", got, err, w.added)
		}
	})
	t.Run("the last version that fits", func(t *testing.T) {
		if _, err := service(stocked(kyc.MaxPolicies-1)).UpdatePolicy(t.Context(), brandID, newID, change); err != nil {
			t.Error(err)
		}
	})
	zero, raced := 0, stocked(7)
	raced.raced = true
	for name, c := range map[string]struct {
		world   *world
		brand   string
		program string
		change  kyc.PolicyChange
		kind    kyc.Kind
		code    string
		fields  []string
	}{
		"one version too many":  {stocked(kyc.MaxPolicies), brandID, newID, change, kyc.Conflict, "resource_conflict", nil},
		"someone was quicker":   {raced, brandID, newID, change, kyc.Conflict, "resource_conflict", nil},
		"unknown program":       {stocked(7), brandID, brandID, change, kyc.NotFound, "invalid_program", nil},
		"unknown brand":         {stocked(7), newID, newID, change, kyc.NotFound, "invalid_reference", nil},
		"nothing to change":     {stocked(7), brandID, newID, kyc.PolicyChange{}, kyc.Invalid, "input_error", []string{"policy"}},
		"malformed ids":         {stocked(7), "4", "2", kyc.PolicyChange{}, kyc.Invalid, "input_error", []string{"brand_id", "policy", "program_id"}},
		"a value out of bounds": {stocked(7), brandID, newID, kyc.PolicyChange{MaxAttempts: &zero}, kyc.Invalid, "input_error", []string{"policy/max_attempts"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := service(c.world).UpdatePolicy(t.Context(), c.brand, c.program, c.change)
			refusal, ok := errors.AsType[*kyc.Error](err)
			if !ok || refusal.Kind != c.kind || refusal.Code != c.code || !slices.Equal(slices.Sorted(maps.Keys(refusal.Fields)), c.fields) {
				t.Errorf("refused as %+v", err)
			}
			if len(c.world.added) > 0 && !c.world.raced {
				t.Errorf("added %+v", c.world.added)
			}
		})
	}
}

// fields returns what a refusal says of each field, nil where nothing was refused.
func fields(t *testing.T, err error) map[string][]string {
	t.Helper()
	if err == nil {
		return nil
	}
	refusal, ok := errors.AsType[*kyc.Error](err)
	if !ok || refusal.Kind != kyc.Invalid || refusal.Code != "input_error" {
		t.Fatalf("refused as %v", err)
	}
	return refusal.Fields
}

func TestNamesOfBrandsAndPrograms(t *testing.T) {
	const taken, refused = true, false
	for name, ok := range map[string]bool{
		"ab": taken, "Nobody & Sons": taken, strings.Repeat("é", 128): taken,
		"": refused, "a": refused, "  a  ": refused, strings.Repeat("a", 129): refused, "ab" + strings.Repeat(" ", 127): refused,
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			s := service(w)
			_, err := s.CreateBrand(t.Context(), name)
			if wrong := fields(t, err); (wrong["name"] == nil) != ok || (len(w.brands) == 1) != ok {
				t.Errorf("brand %q: told %v, stored %v", name, wrong, w.brands)
			}
			_, err = s.CreateProgram(t.Context(), brandID, name, "Bank", kyc.PolicyChange{})
			if wrong := fields(t, err); (wrong["name"] == nil) != ok || (len(w.programs) == 1) != ok {
				t.Errorf("program %q: told %v", name, wrong)
			}
			_, err = s.CreateProgram(t.Context(), brandID, "Program", name, kyc.PolicyChange{})
			if wrong := fields(t, err); (wrong["bank"] == nil) != ok {
				t.Errorf("bank %q: told %v", name, wrong)
			}
		})
	}
}

// Nothing is made, listed or told of a brand that is not there.
func TestUnknownBrands(t *testing.T) {
	calls := map[string]func(s *platform.Operation, id string) error{
		"create program": func(s *platform.Operation, id string) error {
			_, err := s.CreateProgram(context.Background(), id, "Checking", "Bank", kyc.PolicyChange{})
			return err
		},
		"add policy": func(s *platform.Operation, id string) error {
			tries := 5
			_, err := s.UpdatePolicy(context.Background(), id, newID, kyc.PolicyChange{MaxAttempts: &tries})
			return err
		},
		"create key": func(s *platform.Operation, id string) error {
			_, _, err := s.CreateKey(context.Background(), platform.NewKey{BrandID: id, Name: "server"})
			return err
		},
		"list programs": func(s *platform.Operation, id string) error {
			_, err := s.ListPrograms(context.Background(), id)
			return err
		},
		"list keys": func(s *platform.Operation, id string) error {
			_, err := s.ListKeys(context.Background(), id)
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			for id, kind := range map[string]kyc.Kind{newID: kyc.NotFound, "": kyc.Invalid, "42": kyc.Invalid, strings.ToUpper(brandID): kyc.Invalid} {
				w := stocked(1)
				if err := call(service(w), id); kyc.KindOf(err) != kind || len(w.done) > 0 {
					t.Errorf("brand %q: %v, done %v", id, err, w.done)
				}
			}
			w := stocked(1)
			if err := call(service(w), brandID); err != nil || w.done[len(w.done)-1] != name {
				t.Errorf("known brand: %v, done %v", err, w.done)
			}
		})
	}
}

func TestFaultsAreHandedOn(t *testing.T) {
	all := func(s *platform.Operation) map[string]error {
		ctx := context.Background()
		got := map[string]error{}
		_, got["brand"] = s.CreateBrand(ctx, "Brand")
		_, got["program"] = s.CreateProgram(ctx, brandID, "Program", "Bank", kyc.PolicyChange{})
		tries := 5
		_, got["policy"] = s.UpdatePolicy(ctx, brandID, newID, kyc.PolicyChange{MaxAttempts: &tries})
		_, _, got["key"] = s.CreateKey(ctx, platform.NewKey{BrandID: brandID, Name: "server"})
		_, got["brands"] = s.ListBrands(ctx)
		_, got["programs"] = s.ListPrograms(ctx, brandID)
		_, got["keys"] = s.ListKeys(ctx, brandID)
		_, got["revoke"] = s.RevokeKey(ctx, brandID, newID)
		return got
	}
	for fail, failing := range map[string][]string{
		"": nil, "stack secret": {"brand"}, "brand key": {"brand"}, "create brand": {"brand"}, "list brands": {"brands"},
		"read brand":   {"program", "policy", "key", "programs", "keys"},
		"read program": {"policy"}, "add policy": {"policy"},
		"create program": {"program"}, "list programs": {"programs"}, "create key": {"key"}, "list keys": {"keys"}, "revoke key": {"revoke"},
	} {
		t.Run("failing: "+fail, func(t *testing.T) {
			want := map[string]bool{}
			for _, call := range failing {
				want[call] = true
			}
			got := map[string]bool{}
			w := stocked(1)
			w.fail = fail
			for call, err := range all(service(w)) {
				if errors.Is(err, errGone) {
					got[call] = true
				} else if err != nil {
					t.Errorf("%s: %v", call, err)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("calls that fail (-want +got):\n%s", diff)
			}
		})
	}
	w := &world{fail: "brand key"}
	if _, err := service(w).CreateBrand(t.Context(), "Brand"); err == nil || len(w.brands) > 0 {
		t.Error("a brand without a key was stored")
	}
}
