package plugin

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// wantPartition checks spec.update.partition of a group; empty: there is none.
func wantPartition(t *testing.T, w *harness.World, name, want string) {
	t.Helper()
	ran := w.Kubectl().Run("get", "vg", name, "-n", w.Namespace, "-o", "jsonpath={.spec.update.partition}")
	if ran.Code != 0 || ran.Stdout != want {
		t.Errorf("spec.update.partition is %q, want %q", ran.Stdout, want)
	}
}

// TestRolloutPause pauses a rollout before it begins, protects a VM and changes the spec meanwhile, and resumes it.
func TestRolloutPause(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", 2))
	before := w.Ready("web", 2)
	kubectl := w.Kubectl()
	run := func(args ...string) harness.Ran {
		t.Helper()
		return kubectl.Run(append(append([]string{"vmgroup"}, args...), "-n", w.Namespace)...)
	}
	want(t, run("rollout", "pause", "web"), 1, "error: VmGroup web has no spec.update")
	w.Update("web", replacing)
	want(t, run("rollout", "resume", "web"), 0, "VmGroup web is not paused")
	want(t, run("rollout", "pause", "web", "-dry-run=server"), 0, "VmGroup web paused (server dry run)")
	wantPartition(t, w, "web", "")
	want(t, run("rollout", "pause", "web"), 0, "VmGroup web paused\n")
	want(t, run("rollout", "pause", "web"), 0, "VmGroup web already paused")
	wantPartition(t, w, "web", "100%")

	want(t, run("rollout", "restart", "web"), 1, "error: the rollout of VmGroup web is paused", "kubectl vmgroup rollout resume web")
	want(t, run("protect", "web", before.Status.VMs[0].Name), 0, "protected") // the partition stays
	wantPartition(t, w, "web", "100%")
	w.Update("web", cpus(2))
	after := w.Ready("web", 2)
	if instances(after) != instances(before) {
		t.Errorf("VMs were replaced: %s, then %s", instances(before), instances(after))
	}
	want(t, run("rollout", "status", "web"), 0, "VmGroup web is rolled out: 0/2 updated, 2 old")
	want(t, run("rollout", "resume", "web"), 0, "VmGroup web resumed")
	wantPartition(t, w, "web", "")
	want(t, run("rollout", "status", "web"), 0, "VmGroup web is rolled out: 1/2 updated, 1 old, 2 available; ", "spec.members protects them")

	as(t, w, "kubectl-edit", "web", `{"spec":{"update":{"partition":1}}}`)
	want(t, run("rollout", "pause", "web"), 1, "error: somebody else has set it", "spec.update.partition", `conflict with "kubectl-edit"`)
	want(t, run("rollout", "resume", "web"), 1, `error: the field manager "kubectl-edit" has set spec.update.partition`, "nothing was changed")
	wantPartition(t, w, "web", "1")
}
