package main

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/printer"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
)

// branch is one branch that handles an error.
type branch struct {
	file        string
	line        int    // of what decides on it
	text        string // what decides on it
	from, to    position
	unreachable bool // a comment says so
}

// branches returns the branches of a package that handle an error, in the order of the source.
func (p *pkg) branches() []branch {
	var found []branch
	for _, file := range p.files {
		add := func(decision ast.Node, body []ast.Stmt, from, to token.Pos, prefix string) {
			if len(body) > 0 {
				found = append(found, p.branch(file, decision, from, to, prefix))
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.IfStmt:
				p.ifBranches(n, add)
			case *ast.SwitchStmt:
				p.switchBranches(n, n.Body, []ast.Node{n.Init, n.Tag}, add)
			case *ast.TypeSwitchStmt:
				p.switchBranches(n, n.Body, []ast.Node{n.Init, n.Assign}, add)
			case *ast.BlockStmt:
				p.rests(n.List, add)
			case *ast.CaseClause:
				p.rests(n.Body, add)
			case *ast.CommClause:
				p.rests(n.Body, add)
			}
			return true
		})
	}
	slices.SortStableFunc(found, func(a, b branch) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.from.line, b.from.line), cmp.Compare(a.from.column, b.from.column))
	})
	return found
}

// adder takes a branch: what decides on it, its statements, and where it begins and ends.
type adder func(decision ast.Node, body []ast.Stmt, from, to token.Pos, prefix string)

func (p *pkg) ifBranches(n *ast.IfStmt, add adder) {
	if !p.mentionsError(n.Init) && !p.mentionsError(n.Cond) {
		return
	}
	add(n.Cond, n.Body.List, n.Body.Pos(), n.Body.End(), "")
	if e, ok := n.Else.(*ast.BlockStmt); ok {
		add(n.Cond, e.List, n.Body.End(), e.End(), "else of ") // a profile counts it from right behind the word else
	}
}

func (p *pkg) switchBranches(n ast.Node, body *ast.BlockStmt, heads []ast.Node, add adder) {
	for _, clause := range body.List {
		for _, expr := range clause.(*ast.CaseClause).List {
			heads = append(heads, expr)
		}
	}
	handles := false
	for _, head := range heads {
		handles = handles || p.mentionsError(head)
	}
	if !handles {
		return
	}
	for _, stmt := range body.List {
		clause := stmt.(*ast.CaseClause)
		// The clause's own text, without its body.
		add(&ast.CaseClause{Case: clause.Case, List: clause.List, Colon: clause.Colon}, clause.Body, clause.Colon, clause.End(), "")
	}
}

// rests finds what follows an if that says "== nil" of an error and leaves the block.
func (p *pkg) rests(list []ast.Stmt, add adder) {
	for i, stmt := range list {
		n, ok := stmt.(*ast.IfStmt)
		if !ok || n.Else != nil || i == len(list)-1 || !p.saysNil(n.Cond) || !leaves(n.Body) {
			continue
		}
		add(n.Cond, list[i+1:], list[i+1].Pos(), list[len(list)-1].End(), "what follows ")
	}
}

// saysNil tells whether an expression compares an error with nil for equality.
func (p *pkg) saysNil(expr ast.Expr) bool {
	says := false
	ast.Inspect(expr, func(n ast.Node) bool {
		if b, ok := n.(*ast.BinaryExpr); ok && b.Op == token.EQL {
			right, ok := b.Y.(*ast.Ident)
			says = says || ok && right.Name == "nil" && p.mentionsError(b.X)
		}
		return true
	})
	return says
}

// leaves tells whether a body ends by leaving the block around it.
func leaves(body *ast.BlockStmt) bool {
	if len(body.List) == 0 {
		return false
	}
	switch body.List[len(body.List)-1].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	default:
		return false
	}
}

// mentionsError tells whether a value that is an error occurs in a node, which may be nil.
func (p *pkg) mentionsError(n ast.Node) bool {
	mentions := false
	if n == nil {
		return mentions
	}
	ast.Inspect(n, func(n ast.Node) bool {
		expr, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		if _, nested := expr.(*ast.FuncLit); nested {
			return false
		}
		if tv, ok := p.info.Types[expr]; ok && tv.IsValue() && !tv.IsNil() {
			mentions = mentions || isError(tv.Type)
		}
		if id, ok := expr.(*ast.Ident); ok && p.info.Defs[id] != nil {
			mentions = mentions || isError(p.info.Defs[id].Type())
		}
		return !mentions
	})
	return mentions
}

var errorInterface = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

// isError tells whether values of a type are errors, or faults of vCenter.
func isError(t types.Type) bool {
	if tuple, ok := t.(*types.Tuple); ok {
		for v := range tuple.Variables() {
			if isError(v.Type()) {
				return true
			}
		}
		return false
	}
	if types.Implements(t, errorInterface) {
		return true
	}
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if named, ok := types.Unalias(t).(*types.Named); ok && named.Obj().Name() == "LocalizedMethodFault" {
		return true
	}
	return types.NewMethodSet(types.NewPointer(t)).Lookup(nil, "GetMethodFault") != nil ||
		types.NewMethodSet(t).Lookup(nil, "GetMethodFault") != nil
}

func (p *pkg) branch(file *ast.File, decision ast.Node, from, to token.Pos, prefix string) branch {
	at := p.fset.Position(decision.Pos())
	b := branch{
		file: filepath.Base(at.Filename), line: at.Line, text: prefix + p.source(decision),
		from: p.position(from), to: p.position(to),
	}
	for _, group := range file.Comments {
		if from <= group.Pos() && group.End() <= to && strings.HasPrefix(group.Text(), "unreachable:") {
			b.unreachable = true
		}
	}
	return b
}

func (p *pkg) position(pos token.Pos) position {
	at := p.fset.Position(pos)
	return position{at.Line, at.Column}
}

// source returns the source of a node in one line.
func (p *pkg) source(n ast.Node) string {
	var text bytes.Buffer
	if err := printer.Fprint(&text, p.fset, n); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(text.String()), " ")
}
