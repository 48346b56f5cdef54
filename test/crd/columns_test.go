package crd

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// The server makes the table that kubectl prints. A column of priority 0 is always shown, the others by -o wide.
func TestColumns(t *testing.T) {
	type column struct {
		Name     string
		Priority int32
	}
	want := []column{
		{"Name", 0}, {"Template", 0}, {"Desired", 0}, {"Available", 0}, {"Phase", 0},
		{"Ready", 1}, {"Up-To-Date", 1}, {"CPU", 1}, {"Memory", 1}, {"Message", 1}, {"Age", 1},
	}
	var got []column
	for _, definition := range table(t, mustCreate(t, newGroup("columns"))).ColumnDefinitions {
		got = append(got, column{definition.Name, definition.Priority})
		if definition.Description == "" {
			t.Errorf("the column %s has no description", definition.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

func TestRow(t *testing.T) {
	tests := []struct {
		name   string
		status v1alpha1.VmGroupStatus
		want   []any // all cells but the age
	}{
		{
			name: "before a controller has run",
			want: []any{"linux", int64(3), nil, nil, nil, nil, int64(2), int64(4), nil},
		},
		{
			name:   "when there is no VM yet",
			status: v1alpha1.VmGroupStatus{ObservedGeneration: 1, UpdatedReplicas: ptr.To[int32](0), Phase: v1alpha1.PhasePending, Message: "cloning"},
			want:   []any{"linux", int64(3), int64(0), "PENDING", int64(0), int64(0), int64(2), int64(4), "cloning"},
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			group := mustCreate(t, newGroup("row"))
			group.Status = tc.status
			groups := vmGroups.VsphereV1alpha1().VmGroups(namespace)
			if _, err := groups.UpdateStatus(t.Context(), group, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			cells := table(t, group).Rows[0].Cells
			if diff := cmp.Diff(append([]any{"row"}, tc.want...), cells[:len(cells)-1]); diff != "" {
				t.Errorf("cells (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKubectlGet(t *testing.T) {
	mustCreate(t, newGroup("printed"))
	tests := []struct {
		name string
		args []string
		want [][]string
	}{
		{"by short name", nil, [][]string{
			{"NAME", "TEMPLATE", "DESIRED", "AVAILABLE", "PHASE"},
			{"printed", "linux", "3"},
		}},
		{"wide", []string{"-o", "wide"}, [][]string{
			{"NAME", "TEMPLATE", "DESIRED", "AVAILABLE", "PHASE", "READY", "UP-TO-DATE", "CPU", "MEMORY", "MESSAGE", "AGE"},
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			out := mustKubectl(t, append([]string{"get", "vg", "printed", "--namespace", namespace}, tc.args...)...)
			lines := strings.Split(out, "\n")
			for i, want := range tc.want {
				if diff := cmp.Diff(want, strings.Fields(lines[i])); diff != "" {
					t.Errorf("line %d of\n%s(-want +got):\n%s", i, out, diff)
				}
			}
		})
	}
}

// table asks the server for the group as kubectl get does.
func table(t *testing.T, group *v1alpha1.VmGroup) *metav1.Table {
	t.Helper()
	raw, err := vmGroups.VsphereV1alpha1().RESTClient().Get().
		Namespace(group.Namespace).Resource(resource.Resource).Name(group.Name).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").
		Do(t.Context()).Raw()
	if err != nil {
		t.Fatal(err)
	}
	result := &metav1.Table{}
	if err := json.Unmarshal(raw, result); err != nil {
		t.Fatal(err)
	}
	for _, row := range result.Rows {
		for i, cell := range row.Cells {
			if number, ok := cell.(float64); ok {
				row.Cells[i] = int64(number)
			}
		}
	}
	return result
}
