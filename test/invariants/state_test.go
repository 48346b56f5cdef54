package invariants

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

const long = 5 * time.Second

func TestTouch(t *testing.T) {
	start := []any{seen("u1", 1, 2), grown("u1", 2)}
	gone := []any{seen("u1", 2, 2, deleting)}
	for name, r := range map[string]row{
		"I1: ours, of a deleting group": {steps: []any{start, gone, call(methodPowerOff, "vm-u1-1", "")}},
		"I1: foreign": {steps: []any{start, made("x", 0, unstamped), call(methodPowerOff, "vm-x-0", "")},
			want: "I1", says: "PowerOffVM_Task of vm-x-0 (web-x-0), which is not ours"},
		"I1: a neighbour's": {o: Options{Owner: "somebody"}, steps: []any{made("u1", 0), call(methodDestroy, "vm-u1-0", "")},
			want: "I1", says: "Destroy_Task of vm-u1-0"},
		"I1: a copy": {steps: []any{start, made("u1", 7, copied), call("ReconfigVM_Task", "vm-u1-7", "")},
			want: "I1", says: "ReconfigVM_Task of vm-u1-7"},
		"I1: a copy, which was ours a moment ago": {steps: []any{start, made("u1", 1, copied), gone, call(methodPowerOff, "vm-u1-1", "")}},
		"I1: incomplete": {steps: []any{start, made("u1", 7, func(vm *control.VM) { vm.Name = "" }), call(methodPowerOff, "vm-u1-7", "")},
			want: "I1", says: "PowerOffVM_Task of vm-u1-7"},
		"I1: one that is gone":         {steps: []any{start, lost("vm-u1-1"), call(methodPowerOff, "vm-u1-1", "")}},
		"I1: to read is not to change": {steps: []any{start, made("x", 0, unstamped), call("QueryChangedDiskAreas", "vm-x-0", "")}},
		"I1: let go": {steps: []any{start, seen("u1", 2, 2, deleting, orphaning), released(), call(methodPowerOn, "vm-u1-0", "")}, gone: true,
			want: "I1", says: "PowerOnVM_Task of vm-u1-0 (web-u1-0), whose VmGroup was let go"},
		"I1: a task of a clone of ours": {steps: []any{start, call(methodCancelTask, "task-u1-0", "")}},
		"I1: a task of somebody else's": {steps: []any{start, call(methodCancelTask, "task-77", "")},
			want: "I1", says: "CancelTask of task-77"},
		"I1: outside the root folder": {steps: []any{start, made("u1", 1, elsewhere), long, gone, call(methodPowerOff, "vm-u1-1", "")},
			want: "I1", says: "PowerOffVM_Task of vm-u1-1 (web-u1-1), which lies outside the root folder, in /DC0/vm/elsewhere"},
		"I1: never in it, stamp and instance notwithstanding": {steps: []any{start, gone, made("u1", 7, elsewhere), call(methodDestroy, "vm-u1-7", "")},
			want: "I1", says: "Destroy_Task of vm-u1-7 (web-u1-7), which lies outside the root folder"},
		"I1: in a folder whose name begins like the root's": {steps: []any{folder("folder-u1", "/DC0/vm/vmgroups-2"), start, gone, call(methodPowerOff, "vm-u1-1", "")},
			want: "I1", says: "outside the root folder, in /DC0/vm/vmgroups-2"},
		"I1: its folder was moved out": {steps: []any{folder("folder-u1", "/DC0/vm/vmgroups/ns/web-u1"), start, gone, folder("folder-u1", "/DC0/vm/web-u1"), long, call(methodPowerOff, "vm-u1-1", "")},
			want: "I1", says: "outside the root folder, in /DC0/vm/web-u1"},
		"I1: moved out a moment ago":    {steps: []any{start, gone, made("u1", 1, elsewhere), call(methodPowerOff, "vm-u1-1", "")}},
		"I1: moved out, and back":       {steps: []any{start, gone, made("u1", 1, elsewhere), long, made("u1", 1), call(methodPowerOff, "vm-u1-1", "")}},
		"I1: in the root folder itself": {steps: []any{folder("folder-u1", "/DC0/vm/vmgroups"), start, gone, call(methodPowerOff, "vm-u1-1", "")}},
		"I1: in another root folder":    {o: Options{Root: "/DC0/vm/elsewhere"}, steps: []any{start, made("u1", 1, elsewhere), gone, call(methodPowerOff, "vm-u1-1", "")}},
		"I1: tripwire": {steps: []any{control.Entry{Kind: control.EntryViolation, Violation: &control.Violation{Kind: "k", Method: "Folder.Destroy_Task"}}},
			want: "I1", says: "tripwire k: Folder.Destroy_Task"},
		"I2: a template": {steps: []any{start, made("u1", 1, off, template), long, call(methodDestroy, "vm-u1-1", "")},
			want: "I2", says: "Destroy_Task of vm-u1-1 (web-u1-1), which is a template"},
		"I2: an empty folder": {steps: []any{folder("folder-u1", "/a"), call(methodRemoveFolder, "folder-u1", "")}},
		"I2: Folder.Destroy":  {steps: []any{folder("folder-u1", "/a"), call(methodDestroy, "folder-u1", "")}, want: "I2", says: "Destroy_Task of folder /a"},
		"I2: a folder with a VM": {steps: []any{folder("folder-u1", "/a"), start, long, call(methodRemoveFolder, "folder-u1", "")},
			want: "I2", says: "UnregisterAndDestroy_Task of folder /a, which holds vm-u1-"},
		"I2: a folder with a folder": {steps: []any{folder("folder-u1", "/a"), folder("b", "/a/b"), call(methodRemoveFolder, "folder-u1", "")},
			want: "I2", says: "which holds folder"},
		"I2: a folder whose predecessor was renamed": {steps: []any{
			folder("old", "/a"), folder("b", "/a/b"), folder("old", "/c"), folder("folder-u1", "/a"), call(methodRemoveFolder, "folder-u1", "")}},
		"I2: a folder that was renamed, with a folder": {steps: []any{
			folder("folder-u1", "/a"), folder("b", "/a/b"), folder("folder-u1", "/c"), call(methodRemoveFolder, "folder-u1", "")},
			want: "I2", says: "holds folder"},
		"I2: a VM that has just slipped in": {steps: []any{folder("folder-x", "/a"), made("x", 0, unstamped), call(methodRemoveFolder, "folder-x", "")}},
	} {
		t.Run(name, r.run)
	}
}

func TestDisks(t *testing.T) {
	disks := func(kib ...int64) func(*control.VM) {
		return func(vm *control.VM) {
			vm.DiskKiB = kib
			for i := range kib {
				vm.Disks = append(vm.Disks, int32(2000+i))
			}
		}
	}
	for name, r := range map[string]row{
		"I15: grown":    {steps: []any{made("u1", 0, disks(10, 5)), made("u1", 0, disks(20, 5))}},
		"I15: replaced": {steps: []any{made("u1", 0, disks(10)), made("u1", 0, disks()), made("u1", 0, disks(5))}},
		"I15: shrunk": {steps: []any{made("u1", 0, disks(10, 5)), made("u1", 0, disks(10, 4))},
			want: "I15", says: "disk 2001 of vm-u1-0 (web-u1-0) had 5 KiB, and has 4"},
	} {
		t.Run(name, r.run)
	}
}

func TestCount(t *testing.T) {
	failed := func(c *control.Clone) { c.State, c.Fault = "error", "DuplicateName" }
	for name, r := range map[string]row{
		"I18: as many as allowed": {o: Options{VMsPerNamespace: map[string]int{"gold": 2}}, steps: []any{
			seen("u1", 1, 3), cloneOf("t1", "u1", 0, ofGold), made("u1", 0, goldVM), ended("t1", "u1", 0), cloneOf("t2", "u1", 1, ofGold), cloneOf("t3", "u1", 2)}},
		"I18: a clone too many": {o: Options{VMsPerNamespace: map[string]int{"gold": 1}}, steps: []any{
			seen("u1", 1, 3), cloneOf("t1", "u1", 0, ofGold), made("u1", 0, goldVM), ended("t1", "u1", 0), cloneOf("t2", "u1", 1, ofGold)},
			want: "I18", says: "clone of web-u1-1 was accepted: namespace ns has 2 VMs of class gold, clones in flight included, and may have 1"},
		"I3: as many as wanted": {steps: []any{seen("u1", 1, 2), grown("u1", 2)}},
		"I3: one clone too many": {steps: []any{seen("u1", 1, 2), grown("u1", 2), cloneOf("t3", "u1", 2)},
			want: "I3", says: "clone of web-u1-2 was accepted: the group ns/web-u1 has 3 VMs, clones in flight included, and may have 2"},
		"I3: surge":                        {o: Options{Surge: 1}, steps: []any{seen("u1", 1, 2), grown("u1", 2), cloneOf("t3", "u1", 2)}},
		"I3: a surge that the spec allows": {steps: []any{seen("u1", 1, 2, rolling(1, 0)), grown("u1", 2), cloneOf("t3", "u1", 2)}},
		"I3: more than that surge": {steps: []any{seen("u1", 1, 2, rolling(1, 0)), grown("u1", 2), cloneOf("t3", "u1", 2), cloneOf("t4", "u1", 3)},
			want: "I3", says: "has 4 VMs, clones in flight included, and may have 3"},
		"I3: no surge": {steps: []any{seen("u1", 1, 2, rolling(0, 1)), grown("u1", 2), cloneOf("t3", "u1", 2)},
			want: "I3", says: "has 3 VMs, clones in flight included, and may have 2"},
		"I3: two clones of one name": {steps: []any{
			seen("u1", 1, 1), cloneOf("t1", "u1", 0), cloneOf("t2", "u1", 0), made("u1", 0), ended("t1", "u1", 0), ended("t2", "u1", 0, failed)}},
		"I3: a failed clone counts no more": {steps: []any{
			seen("u1", 1, 1), cloneOf("t1", "u1", 0), ended("t1", "u1", 0, failed), cloneOf("t2", "u1", 1)}},
		"I3: a clone that makes its VM although it was given up": {steps: []any{
			seen("u1", 1, 1), cloneOf("t1", "u1", 0), ended("t1", "u1", 0, failed), cloneOf("t2", "u1", 1), made("u1", 0)},
			want: "I3", says: "VM vm-u1-0 (web-u1-0) has appeared"},
		"I3: scaled down, not yet reached": {steps: []any{
			seen("u1", 1, 3), grown("u1", 2), seen("u1", 2, 1), cloneOf("t3", "u1", 2)}},
		"I3: scaled down and reached": {steps: []any{
			seen("u1", 1, 3), grown("u1", 1), seen("u1", 2, 1), seen("u1", 2, 1, reached), cloneOf("t2", "u1", 1)},
			want: "I3", says: "has 2 VMs, clones in flight included, and may have 1", also: "I14"},
		"I3: scaled up, seen late":     {steps: []any{seen("u1", 1, 0), grown("u1", 1), time.Second, seen("u1", 2, 1)}},
		"I3: scaled up, seen too late": {steps: []any{seen("u1", 1, 0), grown("u1", 1), long, seen("u1", 2, 1)}, want: "I3", says: "may have 0"},
		"I3: replaced":                 {steps: []any{seen("u1", 1, 1), grown("u1", 1), lost("vm-u1-0"), cloneOf("t1", "u1", 0)}},
		"I3: given back by somebody": {steps: []any{
			seen("u1", 1, 1), grown("u1", 1), made("u1", 0, template), cloneOf("t2", "u1", 1), made("u1", 1), ended("t2", "u1", 1), made("u1", 0)}},
		"I3: given back by somebody a moment ago": {steps: []any{
			seen("u1", 1, 2), grown("u1", 2), made("u1", 0, template), lost("vm-u1-1"), made("u1", 0), cloneOf("t2", "u1", 2), cloneOf("t3", "u1", 3)}},
		"I3: given back by somebody long ago": {steps: []any{
			seen("u1", 1, 2), grown("u1", 2), made("u1", 0, template), lost("vm-u1-1"), made("u1", 0), long, cloneOf("t2", "u1", 2), cloneOf("t3", "u1", 3)},
			want: "I3", says: "has 3 VMs, clones in flight included, and may have 2"},
		"I3: given back by somebody a moment ago, and too many all the same": {steps: []any{
			seen("u1", 1, 1), grown("u1", 1), made("u1", 0, template), made("u1", 0), cloneOf("t2", "u1", 1), cloneOf("t3", "u1", 2)},
			want: "I3", says: "has 2 VMs, clones in flight included, and may have 1"},
		"I3: two writers, excess gone": {o: Options{Writers: 2}, steps: []any{
			seen("u1", 1, 1), grown("u1", 2), lost("vm-u1-1"), seen("u1", 1, 1, reached)}},
		"I3: two writers, excess left": {o: Options{Writers: 2}, steps: []any{
			seen("u1", 1, 1), grown("u1", 2), seen("u1", 1, 1, reached)}, want: "I3", says: "in the end the group ns/web-u1 has 2 VMs and wants 1"},
		"I4: two of one slot": {steps: []any{seen("u1", 1, 2), grown("u1", 1), made("u1", 1, slot(0))},
			want: "I4", says: "vm-u1-1 (web-u1-1) and vm-u1-0 (web-u1-0) both have slot 0"},
		"I4: a copy has none": {steps: []any{seen("u1", 1, 2), grown("u1", 1), made("u1", 1, slot(0), copied)}},
		"I4: two writers, two of one slot left": {o: Options{Writers: 2}, steps: []any{
			seen("u1", 1, 2), grown("u1", 1), made("u1", 1, slot(0)), seen("u1", 1, 2, reached)}, want: "I4", says: "both have slot 0"},
	} {
		t.Run(name, r.run)
	}
}

func TestStamp(t *testing.T) {
	result := func(c *control.Clone) { c.Result = "vm-u1-0" }
	for name, r := range map[string]row{
		"I5: a stamp that comes with the VM": {steps: []any{seen("u1", 1, 1), cloneOf("t", "u1", 0), made("u1", 0, unstamped), made("u1", 0), ended("t", "u1", 0, result)}},
		"I5: none": {steps: []any{seen("u1", 1, 1), cloneOf("t", "u1", 0), made("u1", 0, unstamped), ended("t", "u1", 0, result), long},
			want: "I5", says: "the clone of web-u1-0 has ended, and vm-u1-0 (web-u1-0) has no stamp"},
		"I5: none, of a clone that failed": {steps: []any{seen("u1", 1, 1), cloneOf("t", "u1", 0), made("u1", 0, unstamped), ended("t", "u1", 0), long},
			want: "I5", says: "has no stamp"},
		"I5: taken away again": {steps: []any{seen("u1", 1, 1), cloneOf("t", "u1", 0), made("u1", 0, unstamped), ended("t", "u1", 0), lost("vm-u1-0"), long}},
		"I5: a foreign VM of that name": {steps: []any{
			seen("u1", 1, 1), made("u1", 0, unstamped), cloneOf("t", "u1", 0), ended("t", "u1", 0), long}},
		"I5: not asked for": {steps: []any{seen("u1", 1, 1), cloneOf("t", "u1", 0, func(c *control.Clone) { c.Stamp = "" })},
			want: "I5", says: "web-u1-0 was cloned without a stamp"},
	} {
		t.Run(name, r.run)
	}
}

func TestFinalizer(t *testing.T) {
	parent := folder("folder-ns", "/DC0/vm/vmgroups/ns")
	child := folder("folder-u1", "/DC0/vm/vmgroups/ns/web-u1")
	stripped := seen("u1", 2, 1, deleting, bare)
	stripped.gone = true
	for name, r := range map[string]row{
		"I6: there first": {steps: []any{seen("u1", 1, 1, bare), seen("u1", 1, 1), parent, call(methodCreateFolder, "folder-ns", ""), child, grown("u1", 1)}},
		"I6: a clone before it": {steps: []any{seen("u1", 1, 1, bare), cloneOf("t", "u1", 0), seen("u1", 1, 1)},
			want: "I6", says: "web-u1-0 was cloned for VmGroup u1 before its VmGroup had the finalizer"},
		"I6: a folder before it": {steps: []any{seen("u1", 1, 1, bare), parent, call(methodCreateFolder, "folder-ns", ""), child},
			want: "I6", says: "folder /DC0/vm/vmgroups/ns/web-u1 was made before"},
		"I6: a folder of somebody's": {steps: []any{seen("u1", 1, 1, bare), parent, child}},
		"I6: let go in the end": {steps: []any{
			seen("u1", 1, 1), grown("u1", 1), seen("u1", 2, 1, deleting), lost("vm-u1-0"), released()}, gone: true},
		"I6: let go too early": {steps: []any{
			seen("u1", 1, 1), grown("u1", 1), seen("u1", 2, 1, deleting), released(), lost("vm-u1-0")}, gone: true,
			want: "I6", says: "the finalizer of ns/web-u1 is let go while vm-u1-0 (web-u1-0) is there"},
		"I6: let go while cloning": {steps: []any{
			seen("u1", 1, 1), cloneOf("t", "u1", 0), seen("u1", 2, 1, deleting), released()}, gone: true,
			want: "I6", says: "is let go while web-u1-0 is being cloned"},
		"I6: of one that lives": {steps: []any{seen("u1", 1, 0), released(), long}, want: "I6", says: "which is not being deleted"},
		"I6: cloned after it was let go": {steps: []any{seen("u1", 1, 1), seen("u1", 2, 1, deleting), released(), cloneOf("t", "u1", 0)}, gone: true,
			want: "I6", says: "after the finalizer of ns/web-u1 was let go"},
		"I6: refused, and so not let go": {steps: []any{
			seen("u1", 1, 1), seen("u1", 2, 1, deleting), released(), refusal{released(), 409}, cloneOf("t", "u1", 0)}},
		"I6: overtaken, and so not let go": {steps: []any{
			seen("u1", 1, 1), seen("u1", 2, 1, deleting), released(), seen("u1", 2, 1, deleting), cloneOf("t", "u1", 0)}},
		"I6: the VMs stay, as was asked": {steps: []any{
			seen("u1", 1, 1), grown("u1", 1), seen("u1", 2, 1, deleting, orphaning), released()}, gone: true},
		"I6: the VMs stay, as the deletion has asked": {steps: []any{
			seen("u1", 1, 1), grown("u1", 1), seen("u1", 2, 1, deleting, cascading), seen("u1", 2, 1, deleting), released()}, gone: true},
		"I6: the same, seen late": {steps: []any{
			seen("u1", 1, 1), grown("u1", 1), seen("u1", 2, 1, deleting), released(), seen("u1", 2, 1, deleting, cascading)}, gone: true},
		"I6: taken ones hold nothing": {steps: []any{
			seen("u1", 1, 1), grown("u1", 1), made("u1", 0, template), seen("u1", 2, 1, deleting), released()}, gone: true},
		"P2: an orphan": {steps: []any{seen("u1", 1, 1), seen("u1", 2, 1, deleting), released(), made("u1", 0)}, o: Options{Owner: "me"}, gone: true,
			want: "P2", says: "vm-u1-0 (web-u1-0) is an orphan"},
		"P2: the finalizer was stripped by somebody": {steps: []any{seen("u1", 1, 1), grown("u1", 1), stripped}, gone: true},
		"P2: a neighbour's":                          {steps: []any{made("u1", 0)}, o: Options{Owner: "somebody"}, gone: true},
	} {
		t.Run(name, r.run)
	}
}

func TestStatus(t *testing.T) {
	unknown := written(1, v1alpha1.PhasePending, 2)
	unknown.status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionUnknown}}
	start := []any{seen("u1", 1, 2), grown("u1", 2)}
	for name, r := range map[string]row{
		"I7: true":                {steps: []any{start, written(1, v1alpha1.PhaseReady, 2)}},
		"I7: nothing yet":         {steps: []any{seen("u1", 1, 2), written(1, v1alpha1.PhasePending, 0)}},
		"I7: one too many":        {steps: []any{start, written(1, v1alpha1.PhasePending, 3)}, want: "I7", says: "claims 3 VMs in service; in the last 2s there were 2"},
		"I7: one after the other": {steps: []any{start, lost("vm-u1-0"), made("u1", 2), written(1, v1alpha1.PhasePending, 3)}},
		"I7: READY too soon": {steps: []any{seen("u1", 1, 2), grown("u1", 1), written(1, v1alpha1.PhaseReady, 1)},
			want: "I7", says: "is READY for generation 1, which wants 2 VMs; 1 were in service"},
		"I7: off a moment ago":     {steps: []any{start, made("u1", 0, off), time.Second, written(1, v1alpha1.PhaseReady, 2)}},
		"I7: off for long":         {steps: []any{start, made("u1", 0, off), long, written(1, v1alpha1.PhasePending, 2)}, want: "I7", says: "claims 2"},
		"I7: disconnected":         {steps: []any{start, made("u1", 0, cut), long, written(1, v1alpha1.PhasePending, 2)}, want: "I7", says: "claims 2"},
		"I7: gone":                 {steps: []any{start, lost("vm-u1-0"), long, written(1, v1alpha1.PhasePending, 2)}, want: "I7", says: "claims 2"},
		"I7: unknown is not zero":  {steps: []any{start, made("u1", 0, cut), long, unknown}},
		"I7: READY for an old one": {steps: []any{start, seen("u1", 2, 5), written(1, v1alpha1.PhaseReady, 2)}},
		"I7: a generation seen late": {steps: []any{
			start, written(2, v1alpha1.PhasePending, 2), seen("u1", 2, 3)}},
		"I7: READY for a generation seen late": {steps: []any{start, written(2, v1alpha1.PhaseReady, 2), seen("u1", 2, 3)},
			want: "I7", says: "READY for generation 2, which wants 3"},
		"I7: a generation that is not": {steps: []any{start, written(2, v1alpha1.PhasePending, 2), long},
			want: "I7", says: "observes generation 2, and there are 1"},
	} {
		t.Run(name, r.run)
	}
}

func TestLogins(t *testing.T) {
	bad := login("", "InvalidLogin")
	for name, r := range map[string]row{
		"I10: once in a while": {steps: []any{bad, 5 * time.Minute, bad}},
		"I10: too soon":        {steps: []any{bad, time.Minute, bad}, want: "I10", says: "user user was refused again"},
		"I10: scaled":          {o: Options{LoginEvery: time.Second}, steps: []any{bad, long, bad}},
		"I10: another one":     {steps: []any{bad, rotated{}, bad}},
		"I11: one":             {steps: []any{processes(1), login("a", ""), logout("a"), login("a", ""), logout("a"), processes(-1)}},
		"I11: the end of one is noticed late": {steps: []any{
			processes(1), login("a", ""), login("a", ""), time.Second, logout("a"), long}},
		"I11: two": {steps: []any{processes(1), login("a", ""), login("a", ""), long, logout("a")},
			want: "I11", says: "there are 2 sessions of 1 processes"},
		"I11: one of each kind": {o: Options{AgentPerProcess: true}, steps: []any{
			processes(1), login("a", ""), ofREST(login("a", "")), long, logout("a"), ofREST(logout("a")), processes(-1),
		}},
		"I11: two of one kind": {steps: []any{processes(1), ofREST(login("a", "")), ofREST(login("a", "")), long},
			want: "I11", says: "there are 2 sessions of 1 processes"},
		"I11: one of a kind left behind": {steps: []any{
			processes(1), login("a", ""), ofREST(login("a", "")), logout("a"), long, processes(-1),
		}, want: "I11", says: "in the end there are 1 sessions of 0"},
		"I11: two of two": {steps: []any{processes(2), login("a", ""), login("b", ""), long}},
		"I11: two of one of two": {o: Options{AgentPerProcess: true}, steps: []any{processes(2), login("a", ""), login("a", ""), long},
			want: "I11", says: "a has 2 sessions"},
		"I11: left behind": {steps: []any{processes(1), login("a", ""), long, processes(-1)}, want: "I11", says: "in the end there are 1 sessions of 0"},
	} {
		t.Run(name, r.run)
	}
}

func TestVictims(t *testing.T) {
	start := []any{seen("u1", 1, 3), grown("u1", 3)}
	down := seen("u1", 2, 2)
	offOne := []any{call(methodPowerOff, "vm-u1-2", ""), made("u1", 2, off)}
	parent := folder("folder-ns", "/DC0/vm/vmgroups/ns")
	child := func(uid string) control.Entry { return folder("folder-"+uid, "/DC0/vm/vmgroups/ns/web-"+uid) }
	first := call(methodCreateFolder, "folder-ns", "op1")
	for name, r := range map[string]row{
		"I13: surplus":            {steps: []any{start, down, offOne, call(methodDestroy, "vm-u1-2", ""), lost("vm-u1-2")}},
		"I13: a change seen late": {steps: []any{start, offOne, down}},
		"I13: not surplus":        {steps: []any{start, call(methodPowerOff, "vm-u1-2", ""), long}, want: "I13", says: "PowerOffVM_Task of vm-u1-2 (web-u1-2) leaves the group ns/web-u1 with 2 VMs, and it wants 3"},
		"I13: two instead of one": {steps: []any{start, down, offOne, call(methodPowerOff, "vm-u1-1", ""), long}, want: "I13", says: "leaves the group ns/web-u1 with 1 VMs, and it wants 2"},
		"I13: one may be missing": {steps: []any{seen("u1", 1, 3, rolling(0, 1)), grown("u1", 3), call(methodPowerOff, "vm-u1-2", ""), long}},
		"I13: one may be missing, not two": {steps: []any{seen("u1", 1, 3, rolling(0, 1)), grown("u1", 3), offOne, call(methodPowerOff, "vm-u1-1", ""), long},
			want: "I13", says: "leaves the group ns/web-u1 with 1 VMs, and it wants 2"},
		"I13: replaced while another is off": {steps: []any{seen("u1", 1, 3, rolling(0, 1)), grown("u1", 3), made("u1", 0, off), long, call(methodPowerOff, "vm-u1-2", ""), long},
			want: "I13", says: "leaves the group ns/web-u1 with 1 VMs in service, and 2 have to be"},
		"I13: the one that is off is replaced":  {steps: []any{seen("u1", 1, 3, rolling(0, 1)), grown("u1", 3), made("u1", 2, off), long, call(methodDestroy, "vm-u1-2", ""), long}},
		"I13: one was off a moment ago":         {steps: []any{seen("u1", 1, 3, rolling(0, 1)), grown("u1", 3), made("u1", 0, off), call(methodPowerOff, "vm-u1-2", ""), long}},
		"I13: deleting":                         {steps: []any{start, seen("u1", 2, 3, deleting), call(methodPowerOff, "vm-u1-0", "")}},
		"I13: deleting, to stay":                {steps: []any{start, seen("u1", 2, 3, deleting, cascading), seen("u1", 2, 3, deleting), call(methodPowerOff, "vm-u1-0", ""), long}, want: "I13", says: "PowerOffVM_Task of vm-u1-0 (web-u1-0), which was to stay"},
		"I13: deleting, a wish that comes late": {steps: []any{start, seen("u1", 2, 3, deleting), call(methodPowerOff, "vm-u1-0", ""), seen("u1", 2, 3, deleting, cascading), long}},
		"I13: lost a moment ago":                {steps: []any{start, down, lost("vm-u1-0"), call(methodPowerOff, "vm-u1-2", "")}},
		"I13: lost long ago":                    {steps: []any{start, down, lost("vm-u1-0"), long, call(methodPowerOff, "vm-u1-2", "")}, want: "I13", says: "with 1 VMs, and it wants 2"},
		"I13: wanted again":                     {steps: []any{start, down, call(methodPowerOff, "vm-u1-2", ""), long, seen("u1", 3, 3), seen("u1", 4, 2), call(methodPowerOff, "vm-u1-1", "")}},
		"I13: switched on again":                {steps: []any{start, down, offOne, call(methodPowerOn, "vm-u1-2", ""), made("u1", 2), call(methodPowerOff, "vm-u1-1", "")}},
		"I14: one sync, one group":              {steps: []any{seen("u1", 2, 3, deleting), seen("u2", 2, 3, deleting), made("u1", 0), made("u2", 0), call(methodPowerOff, "vm-u1-0", "op1"), call(methodPowerOff, "vm-u2-0", "op2")}, o: Options{Owner: "me"}},
		"I14: one sync, two groups": {steps: []any{seen("u1", 2, 3, deleting), seen("u2", 2, 3, deleting), made("u1", 0), made("u2", 0), call(methodPowerOff, "vm-u1-0", "op1"), call(methodPowerOff, "vm-u2-0", "op1")}, o: Options{Owner: "me"},
			want: "I14", says: "for VmGroup u2 by sync op1, which was for VmGroup u1"},
		"I14: folders of two syncs, neither of them answered": {steps: []any{
			seen("u1", 1, 1), seen("u2", 1, 1), parent, call(methodCreateFolder, "folder-ns", "op1"), child("u1"),
			call(methodCreateFolder, "folder-ns", "op2"), call(methodCreateFolder, "folder-ns", "op1"),
			call(methodCreateFolder, "folder-ns", "op1"), child("u2")}},
		"I14: folders of one sync": {steps: []any{
			seen("u1", 1, 1), seen("u2", 1, 1), parent, first, child("u1"), control.Entry{Kind: control.EntryAnswer, Call: first.Seq},
			call(methodCreateFolder, "folder-ns", "op1"), child("u2")},
			want: "I14", says: "folder /DC0/vm/vmgroups/ns/web-u2 was made for VmGroup u2 by sync op1, which was for VmGroup u1"},
		"I14: at rest": {steps: []any{start, seen("u1", 1, 3, reached), call("ReconfigVM_Task", "vm-u1-0", ""), long},
			want: "I14", says: "ReconfigVM_Task of vm-u1-0 (web-u1-0), although the group ns/web-u1 was at rest"},
		"I14: at rest since a moment, two writers": {o: Options{Writers: 2}, steps: []any{start, seen("u1", 1, 3, reached), call("ReconfigVM_Task", "vm-u1-0", ""), long}},
		"I14: at rest for long, two writers": {o: Options{Writers: 2}, steps: []any{start, seen("u1", 1, 3, reached), long, call("ReconfigVM_Task", "vm-u1-0", ""), long},
			want: "I14", says: "although the group ns/web-u1 was at rest"},
		"I14: changed by somebody":        {steps: []any{start, seen("u1", 1, 3, reached), made("u1", 0, off), call(methodPowerOn, "vm-u1-0", "")}},
		"I14: a change of spec seen late": {steps: []any{start, seen("u1", 1, 3, reached), call("ReconfigVM_Task", "vm-u1-0", ""), seen("u1", 2, 3)}},
	} {
		t.Run(name, r.run)
	}
}
