package invariants

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// row is a stream, and the breach that it holds: its invariant and a part of its message. Between two steps 10 ms pass; a
// step that is a time.Duration lets more pass.
type row struct {
	o     Options
	steps []any
	gone  bool // in the end there is no VmGroup
	want  string
	says  string
	also  string // another invariant that it breaks
}

func (r row) run(t *testing.T) {
	t.Helper()
	r.o.tapped = true
	s, at := newState(r.o), begin
	version := 0
	for _, step := range flatten(r.steps) {
		at = at.Add(10 * time.Millisecond)
		switch what := step.(type) {
		case time.Duration:
			at = at.Add(what)
			continue
		case groupSeen:
			version++
			what.vg.ResourceVersion = strconv.Itoa(version)
		case control.Entry:
			what.Time = at
		}
		s.feed(event{at, step})
	}
	s.finish(at.Add(10*time.Millisecond), map[string]bool{"u1": !r.gone, "u2": true})
	if r.want == "" {
		for _, b := range s.breaches {
			t.Errorf("a breach, and there is none: %s", b)
		}
		return
	}
	found := false
	for _, b := range s.breaches {
		switch {
		case b.Invariant == r.want && strings.Contains(b.Message, r.says):
			found = true
		case b.Invariant != r.also:
			t.Errorf("an unexpected breach: %s", b)
		}
	}
	if !found {
		t.Errorf("no breach of %s that says %q", r.want, r.says)
	}
}

func flatten(steps []any) []any {
	var out []any
	for _, step := range steps {
		if some, ok := step.([]any); ok {
			out = append(out, flatten(some)...)
		} else {
			out = append(out, step)
		}
	}
	return out
}

func seen(uid string, generation int64, replicas int32, change ...func(*v1alpha1.VmGroup)) groupSeen {
	vg := &v1alpha1.VmGroup{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: "web-" + uid, UID: types.UID(uid), Generation: generation,
			Finalizers: []string{v1alpha1.Finalizer},
		},
		Spec: v1alpha1.VmGroupSpec{Replicas: ptr.To(replicas)},
	}
	for _, c := range change {
		c(vg)
	}
	return groupSeen{vg: vg}
}

func bare(vg *v1alpha1.VmGroup) { vg.Finalizers = nil }

func deleting(vg *v1alpha1.VmGroup) { vg.DeletionTimestamp = &metav1.Time{Time: begin} }

func orphaning(vg *v1alpha1.VmGroup) {
	vg.Annotations = map[string]string{v1alpha1.OnDeleteAnnotation: v1alpha1.OnDeleteOrphan}
}

func cascading(vg *v1alpha1.VmGroup) {
	vg.Finalizers = append(vg.Finalizers, metav1.FinalizerOrphanDependents)
}

// rolling replaces VMs, one more or one fewer at a time.
func rolling(surge, unavailable int32) func(*v1alpha1.VmGroup) {
	return func(vg *v1alpha1.VmGroup) {
		vg.Spec.Update = &v1alpha1.UpdateSpec{
			Strategy: v1alpha1.UpdateReplace, MaxSurge: ptr.To(intstr.FromInt32(surge)), MaxUnavailable: ptr.To(intstr.FromInt32(unavailable)),
		}
	}
}

func reached(vg *v1alpha1.VmGroup) {
	vg.Status.ObservedGeneration, vg.Status.Phase = vg.Generation, v1alpha1.PhaseReady
}

func stampOf(uid string, slot int, instance string) string {
	return fmt.Sprintf(`{"owner":"me","uid":%q,"slot":%d,"instance":%q}`, uid, slot, instance)
}

// inGold adds a namespace and a class to a stamp.
func inGold(stamp string) string {
	return strings.TrimSuffix(stamp, "}") + `,"namespace":"ns","class":"gold"}`
}

func ofGold(c *control.Clone) { c.Stamp = inGold(c.Stamp) }
func goldVM(vm *control.VM)   { vm.Stamp = inGold(vm.Stamp) }

// made is VM n of a group as it is when its clone has ended.
func made(uid string, n int, change ...func(*control.VM)) control.Entry {
	vm := &control.VM{
		MoRef: fmt.Sprintf("vm-%s-%d", uid, n), Name: fmt.Sprintf("web-%s-%d", uid, n), Folder: "folder-" + uid,
		Path:         fmt.Sprintf("/DC0/vm/vmgroups/ns/web-%s/web-%s-%d", uid, uid, n),
		InstanceUUID: fmt.Sprintf("i-%s-%d", uid, n), Stamp: stampOf(uid, n, fmt.Sprintf("i-%s-%d", uid, n)),
		PowerState: "poweredOn", ConnectionState: "connected",
	}
	for _, c := range change {
		c(vm)
	}
	return control.Entry{Kind: control.EntryVM, VM: vm}
}

func off(vm *control.VM)       { vm.PowerState = "poweredOff" }
func template(vm *control.VM)  { vm.Template = true }
func copied(vm *control.VM)    { vm.InstanceUUID = "another" }
func unstamped(vm *control.VM) { vm.Stamp = "" }
func cut(vm *control.VM)       { vm.ConnectionState = "disconnected" }
func elsewhere(vm *control.VM) { vm.Folder, vm.Path = "folder-elsewhere", "/DC0/vm/elsewhere/"+vm.Name }
func slot(n int) func(*control.VM) {
	return func(vm *control.VM) { vm.Stamp = stampOf("u1", n, vm.InstanceUUID) }
}

func cloneOf(task, uid string, n int, change ...func(*control.Clone)) control.Entry {
	c := &control.Clone{
		Task: task, Source: "vm-template", Folder: "folder-" + uid, Name: fmt.Sprintf("web-%s-%d", uid, n),
		Stamp: stampOf(uid, n, fmt.Sprintf("i-%s-%d", uid, n)), State: "running",
	}
	for _, f := range change {
		f(c)
	}
	return control.Entry{Kind: control.EntryClone, Clone: c}
}

func ended(task, uid string, n int, change ...func(*control.Clone)) control.Entry {
	e := cloneOf(task, uid, n, change...)
	e.Kind, e.Clone.State = control.EntryCloneEnd, "success"
	return e
}

// grown is n VMs of a group that were cloned and are in service.
func grown(uid string, n int) []any {
	var out []any
	for i := range n {
		task := fmt.Sprintf("task-%s-%d", uid, i)
		out = append(out, cloneOf(task, uid, i), made(uid, i), ended(task, uid, i))
	}
	return out
}

var seq int64

func call(method, ref, opID string) control.Entry {
	seq++
	return control.Entry{Seq: seq, Kind: control.EntryCall, Method: method, MoRef: ref, OpID: opID}
}

func lost(ref string) control.Entry { return control.Entry{Kind: control.EntryVMGone, MoRef: ref} }

func folder(ref, path string) control.Entry {
	return control.Entry{Kind: control.EntryFolder, Folder: &control.Folder{MoRef: ref, Path: path}}
}

func written(generation int64, phase v1alpha1.Phase, available int32) write {
	return write{
		verb: "PUT", key: types.NamespacedName{Namespace: "ns", Name: "web-u1"}, uid: "u1",
		status: &v1alpha1.VmGroupStatus{ObservedGeneration: generation, Phase: phase, AvailableReplicas: available},
	}
}

func released() write {
	return write{verb: "PATCH", key: types.NamespacedName{Namespace: "ns", Name: "web-u1"}, uid: "u1", finalizers: &[]string{}}
}

func login(agent, fault string) control.Entry {
	return control.Entry{Kind: control.EntryLogin, User: "user", Agent: agent, Fault: fault}
}

// ofREST makes a login or a logout one of the REST endpoint.
func ofREST(e control.Entry) control.Entry {
	e.Session = control.SessionREST
	return e
}

func logout(agent string) control.Entry {
	return control.Entry{Kind: control.EntryLogout, User: "user", Agent: agent}
}

// describe says what an event from the wire tells.
func describe(e event) string {
	switch what := e.what.(type) {
	case groupSeen:
		return fmt.Sprintf("seen %s %d", what.vg.UID, what.vg.Generation)
	case refusal:
		return fmt.Sprintf("refusal %s %d", what.uid, what.code)
	case write:
		out := "write " + what.uid
		if what.finalizers != nil {
			out += fmt.Sprintf(" finalizers %v", *what.finalizers)
		}
		if what.status != nil {
			out += fmt.Sprintf(" status %d", what.status.AvailableReplicas)
		}
		return out
	}
	return fmt.Sprintf("%T", e.what)
}
