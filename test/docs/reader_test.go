package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// sourcePackage is a package as it is written.
type sourcePackage struct {
	fset  *token.FileSet
	files []*ast.File
	// constants are the strings that it declares, aliases its constants that stand for another; imported are those of the
	// packages that it may name.
	constants map[string]string
	aliases   map[string]ast.Expr
	imported  map[string]map[string]string
	// reasonAt says which argument of a function, and which field of a struct that is written without keys, is the reason.
	reasonAt map[string]int
}

// parsePackage parses the files of a folder that are no tests; there may be none.
func parsePackage(t *testing.T, dir string) *sourcePackage {
	t.Helper()
	p := &sourcePackage{fset: token.NewFileSet(), constants: map[string]string{}, aliases: map[string]ast.Expr{}, reasonAt: map[string]int{}}
	entries, err := os.ReadDir(dir)
	harness.Must(t, err)
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(p.fset, filepath.Join(dir, entry.Name()), nil, parser.ParseComments)
		harness.Must(t, err)
		p.files = append(p.files, file)
		ast.Inspect(file, p.declare)
	}
	return p
}

// declare notes what a node declares.
func (p *sourcePackage) declare(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		for _, spec := range n.Specs {
			values, ok := spec.(*ast.ValueSpec)
			for i := 0; ok && n.Tok == token.CONST && i < len(values.Values); i++ {
				if text, ok := literal(values.Values[i]); ok {
					p.constants[values.Names[i].Name] = text
				} else {
					p.aliases[values.Names[i].Name] = values.Values[i]
				}
			}
		}
	case *ast.FuncDecl:
		p.findReason(n.Name.Name, n.Type.Params)
	case *ast.AssignStmt:
		if f, ok := n.Rhs[0].(*ast.FuncLit); ok {
			p.findReason(nameOf(n.Lhs[0]), f.Type.Params)
		}
	case *ast.TypeSpec:
		if s, ok := n.Type.(*ast.StructType); ok {
			p.findReason(n.Name.Name, s.Fields)
		}
	}
	return true
}

// findReason notes which of some fields is called reason.
func (p *sourcePackage) findReason(owner string, fields *ast.FieldList) {
	at := 0
	for _, field := range fields.List {
		for _, name := range field.Names {
			if strings.EqualFold(name.Name, "reason") {
				p.reasonAt[owner] = at
			}
			at++
		}
	}
}

// constant returns the value of a constant of the package, or of one that it imports.
func (p *sourcePackage) constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.Ident:
		if alias, ok := p.aliases[e.Name]; ok {
			return p.constant(alias)
		}
		value, ok := p.constants[e.Name]
		return value, ok
	case *ast.SelectorExpr:
		value, ok := p.imported[nameOf(e.X)][e.Sel.Name]
		return value, ok
	}
	return "", false
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// nameOf returns the last name of an expression, "" if it has none.
func nameOf(e ast.Node) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// reader finds the reasons that a file says:
//
//  1. each use of a constant that is called reason… or Reason…, other than in a comparison
//  2. each word of the API that is made a reason, as in string(v1alpha1.VMCopy)
//
// It is not shown to people, and not found, where it stands beside one of the quiet classes in one literal: pkg/plan puts a
// reason of its own in its place (TestReasonsOfQuietErrors there). Where a reason is wanted, nothing may stand but such a
// constant, or one that came from elsewhere: what is put together on the spot, nobody can look up.
type reader struct {
	p    *sourcePackage
	t    *testing.T
	said map[string]string
	path []ast.Node // from the file to the node
}

var (
	reasonName = regexp.MustCompile(`^[rR]eason[A-Z]`)
	quiet      = map[string]bool{"ClassTransient": true, "ClassConflict": true, "ClassExhausted": true, "ClassUnknown": true}
)

func (r *reader) read(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			r.path = r.path[:len(r.path)-1]
			return true
		}
		r.path = append(r.path, n)
		switch n := n.(type) {
		case *ast.Ident:
			r.constantUsed(n, n.Name)
		case *ast.SelectorExpr:
			r.constantUsed(n, n.Sel.Name)
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "reason") {
				r.wanted(n.Value)
			}
		case *ast.CompositeLit:
			if at, ok := r.p.reasonAt[nameOf(n.Type)]; ok && at < len(n.Elts) {
				if _, keyed := n.Elts[at].(*ast.KeyValueExpr); !keyed {
					r.wanted(n.Elts[at])
				}
			}
		case *ast.CallExpr:
			if at, ok := r.p.reasonAt[nameOf(n.Fun)]; ok && at < len(n.Args) {
				r.wanted(n.Args[at])
			}
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				if strings.EqualFold(nameOf(to), "reason") && len(n.Lhs) == len(n.Rhs) {
					r.wanted(n.Rhs[i])
				}
			}
		}
		return true
	})
}

// constantUsed notes a constant that is called a reason, unless it is only declared or compared with.
func (r *reader) constantUsed(e ast.Expr, name string) {
	value, ok := r.p.constant(e)
	if !ok || !reasonName.MatchString(name) {
		return
	}
	switch parent := r.path[len(r.path)-2].(type) {
	case *ast.ValueSpec:
		if _, alias := r.p.aliases[parent.Names[0].Name]; alias {
			return
		}
		if ident, ok := e.(*ast.Ident); ok && slices.Contains(parent.Names, ident) {
			return
		}
	case *ast.BinaryExpr:
		if parent.Op == token.EQL || parent.Op == token.NEQ {
			return
		}
	case *ast.CaseClause:
		return
	}
	r.say(e, value)
}

// wanted checks what stands where a reason is wanted.
func (r *reader) wanted(e ast.Expr) {
	if call, ok := e.(*ast.CallExpr); ok && nameOf(call.Fun) == "string" {
		if value, ok := r.p.constant(call.Args[0]); ok {
			r.say(e, value)
			return
		}
	}
	if text, ok := literal(e); ok {
		r.t.Errorf("%s: the reason %s is a literal: want a constant of %s or %s", r.p.where(e), text, conditionsFile, errorsFile)
		return
	}
	if _, ok := r.p.constant(e); ok && reasonName.MatchString(nameOf(e)) {
		return // found by its use
	}
	switch e := e.(type) {
	case *ast.SelectorExpr: // a field, which got it elsewhere
		return
	case *ast.Ident:
		if e.Name == "reason" {
			return
		}
	case *ast.CallExpr:
		if nameOf(e.Fun) == "Or" { // cmp.Or
			for _, arg := range e.Args {
				r.wanted(arg)
			}
			return
		}
	}
	r.t.Errorf("%s: this reason is put together on the spot: want a constant", r.p.where(e))
}

// say notes a reason that people may be shown.
func (r *reader) say(e ast.Expr, reason string) {
	for i := len(r.path) - 1; i >= 0; i-- {
		if lit, ok := r.path[i].(*ast.CompositeLit); ok {
			if quiet[nameOf(classOf(lit))] {
				return
			}
			break
		}
	}
	r.said[reason] = r.p.where(e)
}

// classOf returns the class beside a reason.
func classOf(lit *ast.CompositeLit) ast.Expr {
	for i, element := range lit.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); !ok && i == 0 {
			return element
		} else if ok && nameOf(pair.Key) == "Class" {
			return pair.Value
		}
	}
	return nil
}
