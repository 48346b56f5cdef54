package v1alpha1_test

import (
	"encoding/json"
	"testing"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

func TestDesiredReplicas(t *testing.T) {
	tests := []struct {
		name     string
		replicas *int32
		want     int32
	}{
		{"not said", nil, 1},
		{"none", ptr.To[int32](0), 0},
		{"some", ptr.To[int32](7), 7},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			group := &v1alpha1.VmGroup{Spec: v1alpha1.VmGroupSpec{Replicas: tc.replicas}}
			if got := group.DesiredReplicas(); got != tc.want {
				t.Errorf("DesiredReplicas() = %d, want %d", got, tc.want)
			}
		})
	}
}

// The column AVAILABLE is empty as long as nothing was seen, and 0 once it was seen that there is none.
func TestStatusTellsUnknownFromZero(t *testing.T) {
	tests := []struct {
		name   string
		status v1alpha1.VmGroupStatus
		want   string
	}{
		{"never written", v1alpha1.VmGroupStatus{}, ""},
		{
			"written, no VM",
			v1alpha1.VmGroupStatus{ObservedGeneration: 1},
			`{"observedGeneration":1,"replicas":0,"readyReplicas":0,"availableReplicas":0}`,
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			encoded, err := json.Marshal(v1alpha1.VmGroup{Status: tc.status})
			if err != nil {
				t.Fatal(err)
			}
			var object struct{ Status json.RawMessage }
			if err := json.Unmarshal(encoded, &object); err != nil {
				t.Fatal(err)
			}
			if got := string(object.Status); got != tc.want {
				t.Errorf("status is %s, want %s", got, tc.want)
			}
		})
	}
}
