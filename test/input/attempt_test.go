package input

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// attempt is one or two changes tried on one group.
type attempt struct {
	changes []change
	name    string // of the group; empty if the API server has refused it
}

func (a *attempt) String() string {
	var parts []string
	for _, c := range a.changes {
		parts = append(parts, c.String())
	}
	return strings.Join(parts, ", ")
}

// on returns whether a change of the attempt is of a field, and which.
func (a *attempt) on(path ...string) (change, bool) {
	for _, c := range a.changes {
		if c.field.String() == strings.Join(path, ".") {
			return c, true
		}
	}
	return change{}, false
}

// object is the VmGroup that the attempt makes of a valid one.
func (a *attempt) object(name string, spec map[string]any) map[string]any {
	object := map[string]any{
		"apiVersion": v1alpha1.SchemeGroupVersion.String(), "kind": "VmGroup",
		"metadata": map[string]any{"name": name, "annotations": map[string]any{}}, "spec": maps.Clone(spec),
	}
	for _, c := range a.changes {
		parent := object
		for _, part := range c.field.path[:len(c.field.path)-1] {
			next, ok := parent[part].(map[string]any)
			if !ok { // an object that the valid spec does without
				next = map[string]any{}
				parent[part] = next
			}
			parent = next
		}
		last := c.field.path[len(c.field.path)-1]
		if c.absent {
			delete(parent, last)
		} else {
			parent[last] = c.value
		}
	}
	return object
}

// create sends the attempt as it is to the API server.
func (a *attempt) create(w *harness.World, name string, spec map[string]any) {
	w.T.Helper()
	body, err := json.Marshal(a.object(name, spec))
	harness.Must(w.T, err)
	created := &v1alpha1.VmGroup{}
	err = w.Client.VsphereV1alpha1().RESTClient().Post().Namespace(w.Namespace).Resource("vmgroups").
		SetHeader("Content-Type", "application/json").Body(body).Do(w.T.Context()).Into(created)
	if a.accepted(w.T, err) {
		a.name = created.Name
	}
}

// update tries the attempt on a group that is there. A field that the change takes away is there before.
func (a *attempt) update(w *harness.World, name string, spec map[string]any) {
	w.T.Helper()
	object := a.object(name, spec)
	patch := []map[string]any{{"op": "add", "path": "/metadata/annotations", "value": object["metadata"].(map[string]any)["annotations"]}}
	if value, ok := object["spec"]; ok {
		patch = append(patch, map[string]any{"op": "add", "path": "/spec", "value": value})
	} else {
		patch = append(patch, map[string]any{"op": "remove", "path": "/spec"})
	}
	body, err := json.Marshal(patch)
	harness.Must(w.T, err)
	if a.accepted(w.T, patchGroup(w, name, body)) {
		a.name = name
	}
}

func patchGroup(w *harness.World, name string, body []byte) error {
	_, err := w.Client.VsphereV1alpha1().VmGroups(w.Namespace).Patch(w.T.Context(), name, types.JSONPatchType, body, metav1.PatchOptions{})
	return err
}

// fix gives the group the valid spec again.
func fix(w *harness.World, name string, spec map[string]any) {
	w.T.Helper()
	body, err := json.Marshal([]map[string]any{{"op": "add", "path": "/spec", "value": spec}})
	harness.Must(w.T, err)
	harness.Must(w.T, patchGroup(w, name, body))
}

// accepted tells whether the API server took the attempt. A refusal must be the user's fault, and name the field.
func (a *attempt) accepted(t testing.TB, err error) bool {
	t.Helper()
	if err == nil {
		return true
	}
	if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
		t.Errorf("%s: refused for a reason that is not the user's: %v", a, err)
	}
	for _, c := range a.changes {
		for _, name := range c.field.path[1:] {
			if strings.Contains(err.Error(), name) {
				return false
			}
		}
		if len(c.field.path) == 1 && strings.Contains(err.Error(), c.field.path[0]) {
			return false
		}
	}
	t.Errorf("%s: the refusal does not name the field: %v", a, err)
	return false
}

// settled returns why a group has not come to an end with its spec: it is READY, or in phase ERROR and says why, or
// paused, or so large that it only has to be under way, or its VMs will not be ready for long.
func settled(group *v1alpha1.VmGroup) error {
	s := group.Status
	ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
	stalled := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionStalled)
	switch want := group.DesiredReplicas(); {
	case s.ObservedGeneration != group.Generation || ready == nil || stalled == nil:
	case s.Phase == v1alpha1.PhaseReady && s.AvailableReplicas == want && s.Replicas == want:
		return nil
	case s.Phase == v1alpha1.PhaseReady && ready.Reason == v1alpha1.ReasonAllReplicasPoweredOff && s.Replicas == want && keepsOff(group):
		return nil
	case s.Phase == v1alpha1.PhaseError && stalled.Status == metav1.ConditionTrue && stalled.Reason != "" && s.Message != "":
		return nil
	case s.Phase == v1alpha1.PhasePending && group.Spec.Paused && ready.Reason == v1alpha1.ReasonPaused:
		return nil
	case s.Phase == v1alpha1.PhasePending && want > many && s.AvailableReplicas > 0:
		return nil
	case s.Phase == v1alpha1.PhasePending && ready.Reason == v1alpha1.ReasonNotReady && s.Replicas == want && isReadyLate(group):
		return nil
	}
	return fmt.Errorf("generation %d of %d is %s, %d of %d: %s",
		s.ObservedGeneration, group.Generation, s.Phase, s.AvailableReplicas, s.Replicas, s.Message)
}

// keepsOff reports whether the VMs of a group are to be off.
func keepsOff(group *v1alpha1.VmGroup) bool {
	return group.Spec.Power != nil && ptr.Deref(group.Spec.Power.State, "") == v1alpha1.StatePoweredOff
}

// isReadyLate reports whether the VMs of a group are ready later than anybody waits for here: their guests, which have no Tools,
// would have to say so, or they have to be ready for long.
func isReadyLate(group *v1alpha1.VmGroup) bool {
	byGuest := group.Spec.Readiness != nil && group.Spec.Readiness.Type != v1alpha1.ReadyPoweredOn
	return byGuest || ptr.Deref(group.Spec.MinReadySeconds, 0) > 60
}

// groups returns the groups of the attempts that the API server has taken, once each passes the check.
func groups(w *harness.World, attempts []*attempt, check func(*v1alpha1.VmGroup) error) []v1alpha1.VmGroup {
	w.T.Helper()
	var out []v1alpha1.VmGroup
	for _, a := range attempts {
		if a.name == "" {
			continue
		}
		w.Eventually(a.name+" ("+a.String()+") settles", func() error {
			group, err := w.Get(a.name)
			if err != nil {
				return err
			}
			if err := check(group); err != nil {
				return err
			}
			out = append(out, *group)
			return nil
		})
	}
	return out
}
