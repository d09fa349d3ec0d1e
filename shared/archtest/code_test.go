package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// packageList wants the list to be the exact set of packages.
func packageList(r repository) []string {
	var v []string
	exists := map[string]bool{}
	for name := range r.files {
		if path.Ext(name) == ".go" {
			exists[path.Dir(name)] = true
		}
	}
	for dir := range exists {
		if r.layerOf(dir) == "" {
			v = append(v, fmt.Sprintf("%s is not listed: enter it in shared/archtest/layers_test.go under its layer", dir))
		}
	}
	for l, names := range r.packages {
		for _, name := range names {
			if dir := folderOf(l, name); !exists[dir] {
				v = append(v, fmt.Sprintf("%s is listed and does not exist: remove it from shared/archtest/layers_test.go", dir))
			}
			if !strings.Contains(r.files["README.md"], "`"+name+"`") {
				v = append(v, fmt.Sprintf("%s is not in README.md: name it in the table of layers", folderOf(l, name)))
			}
		}
	}
	return v
}

func packageNames(r repository, files []source) []string {
	banned := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "mocks", "core", "base", "handlers", "services"}
	var v []string
	documented := map[string]bool{}
	for _, s := range files {
		name := strings.TrimSuffix(s.ast.Name.Name, "_test")
		if slices.Contains(banned, name) || slices.Contains(banned, path.Base(s.dir)) {
			v = append(v, fmt.Sprintf("%s: package %s is named for nothing that it provides", s.name, name))
		}
		if command := strings.HasPrefix(s.dir, "functions/") || strings.HasPrefix(s.dir, "shared/cmd/"); command != (name == "main") {
			v = append(v, fmt.Sprintf("%s: package %s: functions and shared/cmd are package main, and nothing else is", s.name, name))
		}
		documented[s.dir] = documented[s.dir] || s.ast.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			v = append(v, fmt.Sprintf("%s: no file says in a package comment what the package is for", dir))
		}
	}
	return v
}

const sdkModule, lambdaModule = "github.com/aws/aws-sdk-go-v2", "github.com/aws/aws-lambda-go"

func imports(r repository, files []source) []string {
	var v []string
	for _, s := range files {
		rule := layerRules[s.layer]
		for _, spec := range s.ast.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			own, isOwn := strings.CutPrefix(imported, "kyc/")
			refuse := func(why string) {
				v = append(v, fmt.Sprintf("%s: layer %s imports %s: %s", s.at(spec), s.layer, imported, why))
			}
			if spec.Name != nil && spec.Name.Name == "." {
				refuse("dot imports hide where a name comes from")
			}
			if strings.HasPrefix(own, "functions/") && isOwn {
				refuse("nothing imports a function")
				continue
			}
			if s.test || s.layer == "" {
				continue
			}
			first, _, _ := strings.Cut(imported, "/")
			allowed := rule.modules
			switch {
			case isOwn:
				allowed = slices.Contains(rule.own, r.layerOf(own))
			case below(imported, lambdaModule):
				allowed = rule.lambda
			case below(imported, sdkModule) || below(imported, "github.com/aws/smithy-go"):
				allowed = rule.sdk
			case !strings.Contains(first, "."):
				allowed = rule.only == nil || slices.Contains(rule.only, imported)
				for _, forbidden := range rule.not {
					allowed = allowed && !below(imported, forbidden)
				}
				if below(imported, "testing") && s.layer != tool {
					refuse("that is for tests and tools")
				}
			}
			if !allowed {
				refuse(rule.lastWords)
			}
		}
	}
	return v
}

// below reports whether an import path is root or below it.
func below(imported, root string) bool {
	return imported == root || strings.HasPrefix(imported, root+"/")
}

func jsonTags(_ repository, files []source) []string {
	var v []string
	for _, s := range files {
		if s.layer != domain || s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok && field.Tag != nil {
				v = append(v, fmt.Sprintf("%s: the domain has no wire form: give it one in the package that reads or writes it", s.at(field.Tag)))
			}
			return true
		})
	}
	return v
}

// starter is where every function starts and ends: the main of all mains.
const starter = "shared/lambdaenv"

// clockAndEnvironment wants time and settings to come from outside, so that tests can choose them.
func clockAndEnvironment(_ repository, files []source) []string {
	forbidden := map[string]string{
		"time.Now": "take the time from an injected clock", "time.Since": "take the time from an injected clock",
		"time.Until": "take the time from an injected clock",
		"os.Getenv":  "settings come through lambdaenv", "os.LookupEnv": "settings come through lambdaenv",
		"os.Environ": "settings come through lambdaenv",
	}
	var v []string
	for _, s := range files {
		if s.test || s.layer == tool || s.dir == "shared/clock" || s.dir == starter {
			continue
		}
		s.uses(func(n ast.Node, imported, name string) {
			if why := forbidden[imported+"."+name]; why != "" {
				v = append(v, fmt.Sprintf("%s: %s.%s: %s", s.at(n), imported, name, why))
			}
		})
	}
	return v
}

func freshContexts(_ repository, files []source) []string {
	var v []string
	for _, s := range files {
		if s.test || s.layer == tool || path.Base(s.name) == "main.go" || s.dir == starter {
			continue
		}
		s.uses(func(n ast.Node, imported, name string) {
			if imported == "context" && (name == "Background" || name == "TODO") {
				v = append(v, fmt.Sprintf("%s: context.%s: hand on the caller's context", s.at(n), name))
			}
		})
	}
	return v
}

// suddenEnds wants errors to be returned: an end in the middle of an invocation takes the whole batch with it.
func suddenEnds(_ repository, files []source) []string {
	var v []string
	for _, s := range files {
		command := path.Base(s.name) == "main.go" && (s.layer == function || strings.HasPrefix(s.dir, "shared/cmd/"))
		if s.test || command || s.dir == starter {
			continue
		}
		s.uses(func(n ast.Node, imported, name string) {
			if imported == "os" && name == "Exit" || imported == "log" && (strings.HasPrefix(name, "Fatal") || strings.HasPrefix(name, "Panic")) {
				v = append(v, fmt.Sprintf("%s: %s.%s: return an error", s.at(n), imported, name))
			}
		})
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.Ident); ok && f.Name == "panic" {
					v = append(v, fmt.Sprintf("%s: panic: return an error", s.at(n)))
				}
			}
			return true
		})
	}
	return v
}

// errorText keeps our faults out of answers, and decisions out of the wording of errors. In a test a look at the text
// is an assertion about it.
func errorText(_ repository, files []source) []string {
	matchers := []string{"Contains", "HasPrefix", "HasSuffix", "EqualFold", "Index"}
	var v []string
	for _, s := range files {
		if s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if isErrorText(call) && (s.layer == function || s.dir == "shared/apigw") {
				v = append(v, fmt.Sprintf("%s: an error's text must not reach an answer: log the error itself", s.at(n)))
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains(matchers, selector.Sel.Name) {
				return true
			}
			if x, ok := selector.X.(*ast.Ident); !ok || s.names[x.Name] != "strings" {
				return true
			}
			if slices.ContainsFunc(call.Args, isErrorText) {
				v = append(v, fmt.Sprintf("%s: matching on an error's text: use errors.Is or errors.As", s.at(n)))
			}
			return true
		})
	}
	return v
}

// isErrorText reports whether x is a call of a method Error without arguments.
func isErrorText(x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	if !ok || len(call.Args) > 0 {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == "Error"
}

func smallInterfaces(_ repository, files []source) []string {
	var v []string
	for _, s := range files {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if i, ok := n.(*ast.InterfaceType); ok {
				if methods := i.Methods.NumFields(); methods > 4 {
					v = append(v, fmt.Sprintf("%s: an interface of %d methods: a port is what its one caller needs, at most 4", s.at(n), methods))
				}
			}
			return true
		})
	}
	return v
}

// apiDocument says of every operation which permission it needs.
const apiDocument = "shared/openapi/openapi.yaml"

// permissions wants each route to name the permission that it needs, the one that the document tells of.
func permissions(r repository, files []source) []string {
	document, err := parseTemplate(r.files[apiDocument])
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", apiDocument, err)}
	}
	var v []string
	for _, s := range files {
		if s.layer != function || s.test {
			continue
		}
		for route, needs := range s.routes() {
			method, path, _ := strings.Cut(route, " ")
			told := text(document, "paths", path, strings.ToLower(method), "x-permission")
			if needs == "" || !strings.EqualFold(needs, "May"+told) {
				v = append(v, fmt.Sprintf("%s: %s needs %q, and x-permission in %s is %q: give both the same", s.name, route, needs, apiDocument, told))
			}
		}
	}
	return v
}

// routes returns the routes of a function and the names of the permissions that they need, empty where none is named.
func (s source) routes() map[string]string {
	found := map[string]string{}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		table, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		kind, ok := table.Type.(*ast.MapType)
		if !ok {
			return true
		}
		if value, ok := kind.Value.(*ast.SelectorExpr); !ok || value.Sel.Name != "Route" {
			return true
		}
		for _, element := range table.Elts {
			entry := element.(*ast.KeyValueExpr)
			name, _ := entry.Key.(*ast.BasicLit)
			if name == nil {
				continue
			}
			route, _ := strconv.Unquote(name.Value)
			found[route] = ""
			ast.Inspect(entry.Value, func(n ast.Node) bool {
				member, ok := n.(*ast.KeyValueExpr)
				if !ok {
					return true
				}
				key, _ := member.Key.(*ast.Ident)
				needs, _ := member.Value.(*ast.SelectorExpr)
				if key != nil && key.Name == "Needs" && needs != nil {
					found[route] = needs.Sel.Name
				}
				return true
			})
		}
		return true
	})
	return found
}

func skippedTests(_ repository, files []source) []string {
	var v []string
	for _, s := range files {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, selector.Sel.Name) {
				v = append(v, fmt.Sprintf("%s: a test that is skipped proves nothing: let it fail", s.at(n)))
			}
			return true
		})
	}
	return v
}

// functionFolders wants each function in the same three files, the first of them short: it is the composition root. Beside
// them, one that reads the table looks for what of it gets out.
func functionFolders(r repository) []string {
	const longest = 40
	var v []string
	for _, name := range r.functions() {
		wanted := []string{"main.go", "handler.go", "handler_test.go"}
		if strings.Contains(r.files["functions/"+name+"/main.go"], `"TABLE_NAME"`) {
			wanted = append(wanted, "leaks_test.go")
		}
		for _, file := range wanted {
			if _, ok := r.files["functions/"+name+"/"+file]; !ok {
				v = append(v, fmt.Sprintf("functions/%s has no %s", name, file))
			}
		}
		if lines := strings.Count(r.files["functions/"+name+"/main.go"], "\n"); lines > longest {
			v = append(v, fmt.Sprintf("functions/%s/main.go has %d lines: at most %d, rules belong in shared/", name, lines, longest))
		}
	}
	return v
}

// loadedVariables returns the names that a function gives to lambdaenv.Load.
func loadedVariables(s source) (names []string, problems []string) {
	calls := 0
	ast.Inspect(s.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || selector.Sel.Name != "Load" {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); !ok || s.names[x.Name] != "kyc/shared/lambdaenv" {
			return true
		}
		calls++
		for _, argument := range call.Args {
			literal, ok := argument.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				problems = append(problems, fmt.Sprintf("%s: lambdaenv.Load wants names as string literals, so that they can be compared with the template", s.at(argument)))
				continue
			}
			name, _ := strconv.Unquote(literal.Value)
			names = append(names, name)
		}
		return true
	})
	if calls != 1 {
		problems = append(problems, fmt.Sprintf("%s: calls lambdaenv.Load %d times, want once", s.name, calls))
	}
	return names, problems
}
