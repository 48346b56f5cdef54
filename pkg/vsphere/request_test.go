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
		if got, _ := KindOfTask(info.TaskName).Info(); info.HasTask() && got.TaskName != info.TaskName { // several kinds may have one
			t.Errorf("task %q is of kind %q, want %s", info.TaskName, got.Kind, info.Kind)
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
		"all of it":            {VM{CPU: 4, MemoryMiB: 2048, Stamp: &Stamp{Revision: "2:new"}}, true},
		"other CPUs":           {VM{CPU: 2, MemoryMiB: 2048, Stamp: &Stamp{Revision: "2:new"}}, false},
		"other memory":         {VM{CPU: 4, MemoryMiB: 1024, Stamp: &Stamp{Revision: "2:new"}}, false},
		"another revision":     {VM{CPU: 4, MemoryMiB: 2048, Stamp: &Stamp{Revision: "2:old"}}, false},
		"no stamp":             {VM{CPU: 4, MemoryMiB: 2048}, false},
		"whatever its disk is": {VM{CPU: 4, MemoryMiB: 2048, DiskBytes: GiB(7), Stamp: &Stamp{Revision: "2:new"}}, true},
	} {
		if got := want.ShownBy(tt.vm); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	want.DiskGiB = 20
	for bytes, shown := range map[int64]bool{0: false, GiB(10): false, GiB(20): true, GiB(20) + 1: false} {
		if got := want.ShownBy(VM{CPU: 4, MemoryMiB: 2048, DiskBytes: bytes, Stamp: &Stamp{Revision: "2:new"}}); got != shown {
			t.Errorf("a disk of %d bytes: %t", bytes, got)
		}
	}
}

func TestRefusedResizes(t *testing.T) {
	vm := VM{Name: "web-0", CPU: 2, MemoryMiB: 1024, DiskBytes: GiB(20), Stamp: &Stamp{Revision: "2:old"}}
	for name, tt := range map[string]struct {
		want    Resize
		refused string // part of why
	}{
		"another size":                    {Resize{CPU: 4, MemoryMiB: 1024, Revision: "2:new"}, ""},
		"a larger disk":                   {Resize{CPU: 2, MemoryMiB: 1024, DiskGiB: 21, Revision: "2:new"}, ""},
		"what it has":                     {Resize{CPU: 2, MemoryMiB: 1024, DiskGiB: 20, Revision: "2:old"}, ""},
		"the revision alone":              {Resize{CPU: 2, MemoryMiB: 1024, Revision: "2:new"}, "by somebody else"},
		"the revision alone, with a disk": {Resize{CPU: 2, MemoryMiB: 1024, DiskGiB: 20, Revision: "2:new"}, "by somebody else"},
		"a smaller disk":                  {Resize{CPU: 4, MemoryMiB: 1024, DiskGiB: 19, Revision: "2:new"}, "a disk of 20 GiB by now, more than the 19 GiB"},
	} {
		err := tt.want.Refuse(vm)
		if err == nil && tt.refused == "" {
			continue
		}
		if err == nil || tt.refused == "" || err.Class != ClassConflict || !strings.Contains(err.Message, tt.refused) {
			t.Errorf("%s: %v, want %q", name, err, tt.refused)
		}
	}
}
