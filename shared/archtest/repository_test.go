package archtest

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// repository is the source that the rules judge: the one on disk, or a small one in memory.
type repository struct {
	files    map[string]string // by path from the root, with slashes
	packages map[layer][]string
}

// onDisk reads this repository.
func onDisk(t *testing.T) repository {
	t.Helper()
	r := repository{files: map[string]string{}, packages: packages}
	read := func(name string) {
		text, err := os.ReadFile(filepath.Join("../..", name))
		if errors.Is(err, fs.ErrNotExist) {
			return // the rules say what is missing
		}
		if err != nil {
			t.Fatal(err)
		}
		r.files[filepath.ToSlash(name)] = string(text)
	}
	for _, folder := range []string{"functions", "shared", "events"} {
		err := fs.WalkDir(os.DirFS("../.."), folder, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
				return fs.SkipDir
			case !entry.IsDir() && (path.Ext(name) == ".go" || path.Ext(name) == ".json" && folder == "events"):
				read(name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"template.yaml", "Makefile", "README.md", apiDocument} {
		read(name)
	}
	return r
}

// layerOf returns the layer of the package in a folder, empty where it is not listed.
func (r repository) layerOf(dir string) layer {
	for l, names := range r.packages {
		for _, name := range names {
			if dir == folderOf(l, name) {
				return l
			}
		}
	}
	return ""
}

func folderOf(l layer, name string) string {
	if l == function {
		return "functions/" + name
	}
	return "shared/" + name
}

// functions lists the folders of functions/.
func (r repository) functions() []string {
	var names []string
	for name := range r.files {
		if rest, ok := strings.CutPrefix(name, "functions/"); ok {
			folder, _, _ := strings.Cut(rest, "/")
			names = append(names, folder)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// source is one parsed Go file.
type source struct {
	name  string // path from the root
	dir   string
	test  bool
	layer layer
	text  string
	ast   *ast.File
	set   *token.FileSet
	names map[string]string // what an import is called in this file, to its path
}

// sources parses every Go file, in the order of their names.
func (r repository) sources() ([]source, error) {
	var all []source
	for name, text := range r.files {
		if path.Ext(name) != ".go" {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		s := source{
			name: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), text: text,
			layer: r.layerOf(path.Dir(name)), ast: parsed, set: set, names: map[string]string{},
		}
		for _, spec := range parsed.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			called := path.Base(imported)
			if spec.Name != nil {
				called = spec.Name.Name
			}
			s.names[called] = imported
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b source) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// at writes the place of a node: path and line.
func (s source) at(n ast.Node) string {
	return s.name + ":" + strconv.Itoa(s.set.Position(n.Pos()).Line)
}

// uses calls visit for each mention of something exported by an imported package: uses of time.Now as a value count too.
func (s source) uses(visit func(n ast.Node, imported, name string)) {
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && s.names[x.Name] != "" {
				visit(n, s.names[x.Name], selector.Sel.Name)
			}
		}
		return true
	})
}
