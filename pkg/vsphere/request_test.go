package vsphere

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryKindHasAWholeRow: a constant without a row, or a row without a field, would be found out in production only.
func TestEveryKindHasAWholeRow(t *testing.T) {
	var rows []OperationKind
	for _, info := range kinds {
		rows = append(rows, info.Kind)
		for field, value := range reflect.ValueOf(info).Fields() {
			optional := field.Name == "Power" || field.Name == "TaskName"
			if !optional && value.IsZero() {
				t.Errorf("%s has no %s", info.Kind, field.Name)
			}
		}
		if !info.HasTask() && (info.Ends != ByObservation || info.Power == "") {
			t.Errorf("%s has no task, and nothing that shows its end", info.Kind)
		}
		if got, ok := info.Kind.Info(); !ok || got != info {
			t.Errorf("%s: found %+v", info.Kind, got)
		}
		if got := KindOfTask(info.TaskName); info.HasTask() && got != info.Kind {
			t.Errorf("task %q is of kind %q, want %s", info.TaskName, got, info.Kind)
		}
	}
	declared := declaredKinds(t)
	slices.Sort(declared)
	if sorted := slices.Sorted(slices.Values(rows)); !slices.Equal(sorted, declared) || !slices.Equal(slices.Compact(sorted), declared) {
		t.Errorf("the table has %q, the constants are %q", sorted, declared)
	}
	if !slices.Equal(Kinds(), rows) {
		t.Errorf("kinds are %q, want %q", Kinds(), rows)
	}
}

func TestAKindWithoutARow(t *testing.T) {
	const unknown OperationKind = "Unheard"
	if info, ok := unknown.Info(); ok || unknown.Makes() || unknown.Removes() || unknown.Order() != len(kinds) {
		t.Errorf("it is known as %+v", info)
	}
	for _, name := range []string{"relocate", ""} {
		if got := KindOfTask(name); got != "" {
			t.Errorf("a task of others, %q, is of kind %q", name, got)
		}
	}
}

// declaredKinds returns the constants of type OperationKind.
func declaredKinds(t *testing.T) []OperationKind {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "request.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []OperationKind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Operation") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, OperationKind(value))
		return true
	})
	if len(found) == 0 {
		t.Fatal("no constant was found")
	}
	return found
}

func TestAVMShowsAResizeWhole(t *testing.T) {
	want := Resize{CPU: 4, MemoryMiB: 2048, Revision: "2:new"}
	for name, tt := range map[string]struct {
		vm   VM
		want bool
	}{
		"all of it":        {VM{CPU: 4, MemoryMiB: 2048, Stamp: &Stamp{Revision: "2:new"}}, true},
		"other CPUs":       {VM{CPU: 2, MemoryMiB: 2048, Stamp: &Stamp{Revision: "2:new"}}, false},
		"other memory":     {VM{CPU: 4, MemoryMiB: 1024, Stamp: &Stamp{Revision: "2:new"}}, false},
		"another revision": {VM{CPU: 4, MemoryMiB: 2048, Stamp: &Stamp{Revision: "2:old"}}, false},
		"no stamp":         {VM{CPU: 4, MemoryMiB: 2048}, false},
	} {
		if got := want.ShownBy(tt.vm); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
