package dynamostore

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kyc/shared/kyc"
)

var uuids = rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

func TestCustomerKeyIsParsedAsItWasMade(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		brandID, customerID := uuids.Draw(t, "brand"), uuids.Draw(t, "customer")
		gotBrand, gotCustomer, err := parseCustomerPK(customerPK(brandID, customerID))
		if err != nil || gotBrand != brandID || gotCustomer != customerID {
			t.Errorf("%q, %q, %v", gotBrand, gotCustomer, err)
		}
	})
}

func TestNoOtherKeyIsTakenForACustomers(t *testing.T) {
	const a, b = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	for _, pk := range []string{
		brandPK(a), programPK(a, b), subscriptionPK(a, b), deliveryPK(a, b, "evt_1"), idempotencyPK(a, kyc.OperationStart, "h"),
		ssnPK(a, "h"), apiKeyPK(a), stackPK, "", "brand#" + a + "#customer#", "brand##customer#" + b, a + "#customer#" + b,
	} {
		if brandID, customerID, err := parseCustomerPK(pk); err == nil {
			t.Errorf("%q was read as customer %q of brand %q", pk, customerID, brandID)
		}
	}
}

func TestKeysOfDifferentThingsDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(uuids, 3, 3, rapid.ID).Draw(t, "ids")
		seen := map[string]bool{}
		for _, a := range ids {
			for _, pk := range []string{brandPK(a), apiKeyPK(a)} {
				seen[pk] = true
			}
			for _, b := range ids {
				for _, pk := range []string{programPK(a, b), customerPK(a, b), subscriptionPK(a, b), idempotencyPK(a, kyc.OperationStart, b), deliveryPK(a, b, "evt"), ssnPK(a, b)} {
					seen[pk] = true
				}
			}
		}
		if want := 3*2 + 9*6; len(seen) != want {
			t.Errorf("%d different keys, want %d", len(seen), want)
		}
	})
}

func TestShardsAreTheOnesThatAreSwept(t *testing.T) {
	var swept []string
	for n := range dueShards {
		swept = append(swept, dueShardName(n))
	}
	used := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		s := dueShard(uuids.Draw(t, "customer"))
		used[s] = true
		if !slices.Contains(swept, s) {
			t.Errorf("no sweep looks at shard %s", s)
		}
	})
	if len(used) < 2 {
		t.Errorf("all customers lie in %d shard", len(used))
	}
}

func TestListsAreSplitByUTCMonth(t *testing.T) {
	const b, c = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	west := time.FixedZone("", -8*60*60)
	if at := time.Date(2026, 1, 31, 20, 0, 0, 0, west); !strings.Contains(customersList(b, c, at), "#2026-02#") || !strings.Contains(deliveriesOf(c)(at, 0), "#2026-02#") {
		t.Errorf("%s, %s", customersList(b, c, at), deliveriesOf(c)(at, 0))
	}
}

// The table in doc.go is what people read first: it must name every sort key and every item type that the code has,
// and no other.
func TestDocNamesEveryKeyAndItem(t *testing.T) {
	fset := gotoken.NewFileSet()
	doc, err := parser.ParseFile(fset, "doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	columns := regexp.MustCompile(`\s{2,}`)
	var documented []string
	types := map[string]bool{}
	for line := range strings.Lines(doc.Doc.Text()) {
		if cells := columns.Split(strings.TrimSpace(line), -1); len(cells) == 5 && cells[0] != "pk" {
			sk, _, _ := strings.Cut(cells[1], "#")
			documented = append(documented, sk)
			types[cells[3]] = true
		}
	}
	if want := sortKeys(t, fset); !slices.Equal(slices.Sorted(slices.Values(documented)), want) {
		t.Errorf("doc.go lists the sort keys %q, keys.go has %q", documented, want)
	}
	stored := itemTypes(t, fset)
	for name := range types {
		if !slices.Contains(stored, name) {
			t.Errorf("doc.go names %s, which is no type with pk and sk", name)
		}
	}
	for _, name := range stored {
		if !types[name] {
			t.Errorf("doc.go does not name %s", name)
		}
	}
}

// sortKeys lists the values of keys.go's constants sk…, and the prefixes of what its functions …SK and …Prefix make.
func sortKeys(t *testing.T, fset *gotoken.FileSet) []string {
	file, err := parser.ParseFile(fset, "keys.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	literal := func(e ast.Expr) {
		for b, ok := e.(*ast.BinaryExpr); ok; b, ok = e.(*ast.BinaryExpr) {
			e = b.X // a + b + c is (a + b) + c
		}
		s, err := strconv.Unquote(e.(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, strings.TrimSuffix(s, "#"))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			if strings.HasPrefix(n.Names[0].Name, "sk") {
				literal(n.Values[0])
			}
		case *ast.FuncDecl:
			if prefixed := n.Name.Name == "attemptSK" || n.Name.Name == "turnSK"; strings.HasSuffix(n.Name.Name, "SK") && !prefixed || strings.HasSuffix(n.Name.Name, "Prefix") {
				literal(n.Body.List[0].(*ast.ReturnStmt).Results[0])
			}
		}
		return true
	})
	slices.Sort(keys)
	return keys
}

// itemTypes lists the types that have a sort key.
func itemTypes(t *testing.T, fset *gotoken.FileSet) []string {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(fset, name, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok && slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool {
				return f.Tag != nil && strings.HasPrefix(f.Tag.Value, "`dynamodbav:\"sk")
			}) {
				names = append(names, spec.Name.Name)
			}
			return true
		})
	}
	return names
}
