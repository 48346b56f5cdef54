package plugin

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// instances returns those of a group's VMs, in a text.
func instances(vg *v1alpha1.VmGroup) string {
	var all []string
	for _, vm := range vg.Status.VMs {
		all = append(all, vm.Instance)
	}
	return strings.Join(all, " ")
}

// TestRollout restarts a group, and waits for the end of it by lines, as a log has them.
func TestRollout(t *testing.T) {
	w := newWorld(t, vcsim.Options{CloneDelay: time.Second})
	c := w.StartController()
	group := w.Group("web", 2)
	replacing(group)
	w.Create(group)
	before := w.Ready("web", 2)
	kubectl := w.Kubectl()
	want(t, kubectl.Run("vmgroup", "rollout", "status", "web", "-n", w.Namespace), 0, "VmGroup web is rolled out: 2/2 updated, 0 old, 2 available\n")
	want(t, kubectl.Run("vmgroup", "protect", "web", before.Status.VMs[0].Name, "-n", w.Namespace), 0)

	c.Stop()
	want(t, kubectl.Run("vmgroup", "rollout", "restart", "web", "-n", w.Namespace, "-dry-run=server"), 0, "VmGroup web restarted (server dry run)")
	if vg, err := w.Get("web"); err != nil || vg.Spec.Update.Trigger != "" {
		t.Fatalf("after a dry run, the trigger is %q, %v", vg.Spec.Update.Trigger, err)
	}
	want(t, kubectl.Run("vmgroup", "rollout", "restart", "web", "-n", w.Namespace), 0, "VmGroup web restarted; follow it with: kubectl vmgroup rollout status web -n "+w.Namespace)
	vg, err := w.Get("web")
	harness.Must(t, err)
	if _, err := time.Parse(time.RFC3339, vg.Spec.Update.Trigger); err != nil || len(vg.Spec.Members) != 1 {
		t.Errorf("the trigger is %q (%v), and %v are protected", vg.Spec.Update.Trigger, err, vg.Spec.Members)
	}
	// The status is of the spec before: nothing of it says that the rollout has ended.
	want(t, kubectl.Run("vmgroup", "rollout", "status", "web", "-n", w.Namespace, "-watch=false"), 0,
		"web  [####################] 2/2 updated", "the controller has not read this spec yet")
	want(t, kubectl.Run("vmgroup", "rollout", "status", "web", "-n", w.Namespace, "-timeout=1s"), 1,
		"the controller has not read this spec yet", "error: the rollout of VmGroup web has not ended after 1s")

	in, out, err := os.Pipe()
	harness.Must(t, err)
	following := start(t, kubectl, in, out, "rollout", "status", "web", "-n", w.Namespace)
	following.until("web  ", "has not read this spec yet")
	w.StartController()
	following.until("web  [--------------------] 0/2 updated, 2 old, 2 available: ", "to be replaced")
	following.until("1/2 updated, ", "old, ")
	following.until("VmGroup web is rolled out: 1/2 updated, 1 old, 2 available; 1 of 2 VMs out of date; spec.members protects them")
	following.ended(0)
	after := w.Ready("web", 2)
	if !strings.Contains(instances(after), before.Status.VMs[0].Instance) || strings.Contains(instances(after), before.Status.VMs[1].Instance) {
		t.Errorf("of %s, the second was to be replaced: %s", instances(before), instances(after))
	}
}

// TestRolloutOnATerminal draws one line in its place, and ends when the group is deleted.
func TestRolloutOnATerminal(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	group := w.Group("web", 1)
	replacing(group)
	w.Create(group)
	kubectl := w.Kubectl()
	terminal, out := harness.OpenTerminal(t)
	following := start(t, kubectl, terminal, out, "rollout", "status", "web", "-n", w.Namespace)
	following.until("web  ", "no controller has written a status yet")
	w.StartController()
	following.until("\x1b[1A", "\x1b[2Kweb  ")
	following.until("VmGroup web is rolled out: 1/1 updated, 0 old, 1 available")
	following.ended(0)

	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Paused, vg.Spec.CPU = true, 2 })
	terminal, out = harness.OpenTerminal(t)
	following = start(t, kubectl, terminal, out, "rollout", "status", "web", "-n", w.Namespace)
	following.until("0/1 updated, 1 old, 1 available: spec.paused holds back: ")
	want(t, kubectl.Run("vmgroup", "rollout", "restart", "web", "-n", w.Namespace), 1, "error: VmGroup web is paused, and nothing was changed")
	w.Delete("web")
	following.until("error: VmGroup web is being deleted")
	following.ended(1)
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Paused = false })
}

// TestRolloutThatHalts ends with the reason, because nothing goes on by itself.
func TestRolloutThatHalts(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	group := w.Group("web", 1)
	replacing(group)
	w.Create(group)
	w.Ready("web", 1)
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Template = "nowhere" })
	kubectl := w.Kubectl()
	want(t, kubectl.Run("vmgroup", "rollout", "status", "web", "-n", w.Namespace), 1,
		"error: the rollout of VmGroup web is halted (TemplateNotFound): ", `No template "nowhere"`)
	want(t, kubectl.Run("vmgroup", "rollout", "status", "web", "-n", w.Namespace, "--watch=false"), 1, "is halted (TemplateNotFound)")
}

// TestNoRollout says that there is none with a strategy that leaves VMs as they are, and changes nothing.
func TestNoRollout(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.Create(w.Group("web", 1))
	kubectl := w.Kubectl()
	refused := func(why string) {
		t.Helper()
		for _, command := range []string{"status", "restart"} {
			want(t, kubectl.Run("vmgroup", "rollout", command, "web", "-n", w.Namespace), 1,
				"error: VmGroup web "+why+": nothing is rolled out", "Set spec.update.strategy to Replace", "kubectl vmgroup replace -h")
		}
	}
	refused("has no spec.update")
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateOnDelete} })
	refused("has spec.update.strategy OnDelete")

	w.Update("web", replacing)
	as(t, w, "kubectl-edit", "web", `{"spec":{"update":{"trigger":"mine"}}}`)
	want(t, kubectl.Run("vmgroup", "rollout", "restart", "web", "-n", w.Namespace), 1, "error: somebody else has set it, and is not overridden: spec.update.trigger: ",
		`conflict with "kubectl-edit"`, "nothing was changed", "kubectl edit vg web -n "+w.Namespace)
	if vg, err := w.Get("web"); err != nil || vg.Spec.Update.Trigger != "mine" {
		t.Errorf("the trigger is %q, %v", vg.Spec.Update.Trigger, err)
	}
}
