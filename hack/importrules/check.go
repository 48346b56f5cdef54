package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
)

// checkImports returns a sentence for each import of p that its room does not allow.
func checkImports(p pkg) []string {
	r, ok := roomOf(p.ImportPath)
	if !ok {
		return []string{fmt.Sprintf("%s is in no room: add it to hack/importrules/rules.go.", p.ImportPath)}
	}
	var breaches []string
	for _, path := range p.Imports {
		if !r.allows(path) {
			breaches = append(breaches, fmt.Sprintf("%s may not import %s: %s.", p.ImportPath, path, r.why))
		}
	}
	return breaches
}

// checkClock returns a sentence for each use of the clock in p if its room forbids it.
func checkClock(p pkg) ([]string, error) {
	r, ok := roomOf(p.ImportPath)
	if !ok || !r.noClock {
		return nil, nil
	}
	var breaches []string
	for _, name := range p.GoFiles {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, use := range clockUses(file) {
			breaches = append(breaches, fmt.Sprintf("%s: time.%s reads the clock: %s.",
				fset.Position(use.Pos()), use.Sel.Name, r.why))
		}
	}
	return breaches, nil
}

// clockUses finds the selectors of package time, under whatever name it is imported, that are clock functions.
func clockUses(file *ast.File) []*ast.SelectorExpr {
	name := importName(file, "time")
	var uses []*ast.SelectorExpr
	ast.Inspect(file, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok && clockFunctions[selector.Sel.Name] {
			if x, ok := selector.X.(*ast.Ident); ok && name != "" && x.Name == name {
				uses = append(uses, selector)
			}
		}
		return true
	})
	return uses
}

// importName returns the name by which file knows the package, "" if it does not import it.
func importName(file *ast.File, path string) string {
	for _, spec := range file.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err != nil || imported != path {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return filepath.Base(path)
	}
	return ""
}

func roomOf(importPath string) (room, bool) {
	for _, r := range rooms {
		if matches(r.path, importPath) {
			return r, true
		}
	}
	return room{}, false
}

// allows says whether a package in the room may import the package of that path.
func (r room) allows(path string) bool {
	for _, forbidden := range r.not {
		if matches(forbidden, path) {
			return false
		}
	}
	if inStandardLibrary(path) || matches(r.path, path) {
		return true
	}
	// Only main and tests start the app, whatever else a room allows.
	if matches("pkg/app", path) {
		return r.path == "$" || r.path == "test"
	}
	for _, allowed := range r.may {
		if matches(allowed, path) {
			return true
		}
	}
	return false
}

// matches says whether the import path is what a path of the table stands for.
func matches(pattern, importPath string) bool {
	if pattern == anything {
		return true
	}
	itself, exact := strings.CutSuffix(pattern, "$")
	for _, full := range []string{itself, strings.TrimSuffix(module+"/"+itself, "/")} {
		if importPath == full || !exact && strings.HasPrefix(importPath, full+"/") {
			return true
		}
	}
	return false
}

// inStandardLibrary says whether the path is of the standard library: no other path begins without a dotted name.
func inStandardLibrary(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}
