package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
)

// TestTenants is two teams in one cluster. Each makes what artifacts/examples/users.yaml says, gets as much as its class allows, and
// nothing of the other's.
func TestTenants(t *testing.T) {
	s := newTenants(t)
	defer s.ci.servesMetric("ci_jobs_queued_and_running", &s.jobs)()
	install.Play(t, s, []install.Chapter[*tenants]{
		{Name: "two controllers are installed", Play: (*tenants).installs},
		{Name: "an administrator offers a class to each team", Play: (*tenants).admits},
		{Name: "the teams make their groups", Play: (*tenants).make},
		{Name: "jobs queue up", Play: func(s *tenants) { s.jobs.Store(mostRunners + 1) }},
		{Name: "nobody gets at what is another's", Play: (*tenants).staysApart},
		{Name: "kubectl scale gets as much as the class allows", Play: (*tenants).scales},
		{Name: "the database is tried at one node, and the web tier is updated", Play: (*tenants).updates},
		{Name: "an autoscaler gets as much as the class allows", Play: (*tenants).autoscales},
		{Name: "a runner that has done its job makes room for another", Play: (*tenants).wearsOut},
		{Name: "the teams delete their groups", Play: (*tenants).delete},
	})
}

// make makes the groups of the examples. What makes a VM of the database ready, its guest says.
func (s *tenants) make() {
	s.apply(s.ci.Site, cleo, "runners")
	s.apply(s.shop, dora, "pg")
	s.apply(s.shop, dora, "web")
	s.guests(s.say(s.shop, "pg", 3), map[string]string{"pg-0": "10.2.0.11/24", "pg-1": "10.2.0.12/24", "pg-2": "10.2.0.13/24"})
	for _, vm := range s.shop.VMs(s.shop.Ready("web", 6)) {
		if vm.NumCPU != 2 || !slices.Equal(vm.Networks(), []string{"dvpg-front"}) {
			s.ci.T.Errorf("a VM of the web tier is %+v", vm)
		}
	}
	runners := s.say(s.ci.Site, "runners", 5) // as the autoscaler says
	for _, vm := range s.ci.VMs(runners) {
		if !vm.Linked() || !slices.Equal(vm.Networks(), []string{"dvpg-ci"}) {
			s.ci.T.Errorf("a runner is %+v", vm)
		}
	}
	for class, want := range map[string]string{"ci": "vmgroup", "gold": "vc2"} {
		s.ci.wantOutput(want, "get", "vgc", class)
	}
}

// guests checks what guests of the second vCenter have made of themselves: their hostnames, and the addresses of their first cards.
func (s *tenants) guests(vg *v1alpha1.VmGroup, want map[string]string) {
	s.ci.T.Helper()
	states, err := s.shop.VCenter.Control.GuestStates(s.ci.T.Context())
	harness.Must(s.ci.T, err)
	for _, vm := range s.shop.VMs(vg) {
		i := slices.IndexFunc(states, func(state control.GuestState) bool { return state.MoRef == vm.MoRef })
		if i < 0 || len(states[i].Cards) != 1 || !slices.Equal(states[i].Cards[0].Static, []string{want[states[i].Hostname]}) || states[i].UserData != "#cloud-config" {
			s.ci.T.Errorf("the guest of %s is not one of %v: %+v", vm.Name, want, states)
		}
		if vm.NumCPU != 8 || vm.FirstDiskKiB() != 500<<20 {
			s.ci.T.Errorf("a node of the database is %+v", vm)
		}
	}
}

// staysApart has people try what is not theirs to do.
func (s *tenants) staysApart() {
	for _, command := range []string{
		"-n shop get vg --as=cleo", "-n shop scale vg/web --replicas=0 --as=cleo", "-n shop delete vg web --as=cleo",
		"-n ci get vg --as=dora", "-n shop get secret web-v12 --as=dora", "-n ci get secret runner-v7 --as=dora",
		"-n vmgroup-system get secret vmgroup-controller-vcenter --as=cleo",
		"label namespace ci vmgroups=gold --overwrite --as=cleo",
		"delete vgc gold --as=cleo", "delete vgc gold --as=dora", "annotate vgc ci a=b --as=cleo",
		"-n shop patch vg/web --subresource=status --type=merge -p {\"status\":{\"class\":\"ci\"}} --as=dora",
		"-n shop create role r --verb=get --resource=secrets --as=dora",
		"-n shop scale vg/web --replicas=0 --as=victor", "-n shop delete vg web --as=victor", "-n shop annotate vg web a=b --as=victor",
	} {
		if out, err := s.ci.Cluster.Kubectl(s.ci.T.Context(), strings.Fields(command)...); err == nil || !strings.Contains(err.Error(), "Forbidden") {
			s.ci.T.Errorf("kubectl %s: %v %s, want it to be forbidden", command, err, out)
		}
	}
	if out := s.shop.User("get", "vg", "web", "--as="+victor); !strings.Contains(out, "READY") {
		s.ci.T.Errorf("somebody with the role vmgroup-view sees\n%s", out)
	}
	// The class of the other team, from a namespace that it does not admit.
	s.apply(s.ci.Site, cleo, "web")
	s.stalls(s.ci.Site, "web", 0, v1alpha1.ReasonClassNotAllowed, `"gold" does not admit the namespace ci`)
	s.ci.User("delete", "vg", "web", "--as="+cleo, "--timeout=90s")
}

// autoscales looks at what the autoscaler has got: it asks for more runners than the class allows.
func (s *tenants) autoscales() {
	s.says(s.ci.Site, "runners", func(vg *v1alpha1.VmGroup) bool { return vg.Status.AvailableReplicas == mostRunners })
	vg := s.stalls(s.ci.Site, "runners", mostRunners, v1alpha1.ReasonLimitExceeded, `"ci" allows 8 VMs in namespace ci`)
	if vg.DesiredReplicas() != mostRunners+1 {
		s.ci.T.Errorf("the autoscaler asks for %d runners", vg.DesiredReplicas())
	}
	s.running(s.ci.Site, vg, mostRunners)
	s.ci.User("delete", "hpa", "runners", "--as="+cleo)
	s.ci.User("scale", "vg/runners", "--replicas=2", "--as="+cleo)
	s.say(s.ci.Site, "runners", 2)
}

// wearsOut switches a runner off, as its guest does when its job is done.
func (s *tenants) wearsOut() {
	vg := s.ci.Ready("runners", 2)
	done := s.ci.VMs(vg)[0].MoRef
	harness.Must(s.ci.T, s.ci.VCenter.Control.PowerOff(s.ci.T.Context(), done))
	s.says(s.ci.Site, "runners", func(vg *v1alpha1.VmGroup) bool {
		listed := slices.ContainsFunc(vg.Status.VMs, func(vm v1alpha1.VMStatus) bool { return vm.MoRef == done })
		return !listed && vg.Status.AvailableReplicas == 2
	})
	if vms := s.ci.VMs(s.ci.Ready("runners", 2)); slices.ContainsFunc(vms, func(vm control.VM) bool { return vm.MoRef == done }) {
		s.ci.T.Errorf("%s is still there", done)
	}
}

// scales asks by kubectl scale for more than the class allows the two groups of the namespace together, and then for less.
func (s *tenants) scales() {
	s.shop.User("scale", "vg/web", fmt.Sprintf("--replicas=%d", mostGold-3+1), "--as="+dora)
	vg := s.stalls(s.shop, "web", mostGold-3, v1alpha1.ReasonLimitExceeded, `"gold" allows 11 VMs in namespace shop, and there are 11 (web 8, pg 3)`)
	s.running(s.shop, vg, mostGold-3)
	s.shop.User("scale", "vg/web", "--replicas=6", "--as="+dora)
	s.shop.Ready("web", 6)
}

// updates gives the database more memory, of which its partition lets one VM have it, and replaces the VMs of the web tier. What there
// is of those for a while beyond the replicas fits into the limit.
func (s *tenants) updates() {
	pg, web := s.shop.VMs(s.shop.Ready("pg", 3)), s.shop.VMs(s.shop.Ready("web", 6))
	s.shop.User("patch", "vg/pg", "--type=merge", "-p", `{"spec":{"memory":96}}`, "--as="+dora)
	s.shop.User("patch", "vg/web", "--type=merge", "-p", `{"spec":{"update":{"trigger":"again"}}}`, "--as="+dora)
	s.says(s.shop, "pg", func(vg *v1alpha1.VmGroup) bool {
		c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionUpToDate)
		return vg.Status.AvailableReplicas == 3 && c != nil && c.Reason == v1alpha1.ReasonPartitioned
	})
	for i, vm := range s.shop.VMs(s.shop.Ready("pg", 3)) { // by name, and so by slot
		if want := []int32{64, 64, 96}[i] << 10; vm.MoRef != pg[i].MoRef || vm.MemoryMB != want {
			s.ci.T.Errorf("%s %s has %d MiB, want %s with %d", vm.Name, vm.MoRef, vm.MemoryMB, pg[i].MoRef, want)
		}
	}
	s.says(s.shop, "web", func(vg *v1alpha1.VmGroup) bool {
		return vg.Status.Phase == v1alpha1.PhaseReady && ptr.Deref(vg.Status.UpdatedReplicas, 0) == 6
	})
	for _, vm := range s.shop.VMs(s.shop.Ready("web", 6)) {
		if slices.ContainsFunc(web, func(old control.VM) bool { return old.MoRef == vm.MoRef }) {
			s.ci.T.Errorf("%s is as it was", vm.Name)
		}
	}
	s.associated("pg", "web")
}

// associated waits until the VMs of some groups have the tag of their class, and are in modules of their group.
func (s *tenants) associated(names ...string) {
	harness.Eventually(s.ci.T, "the VMs are tagged, and kept apart", func() error {
		tags, err := s.shop.VCenter.Control.Tags(s.ci.T.Context())
		if err != nil {
			return err
		}
		modules, err := s.shop.VCenter.Control.Modules(s.ci.T.Context())
		if err != nil {
			return err
		}
		tagged := control.TagsByObject(tags)
		for _, name := range names {
			vg, err := s.shop.Get(name)
			if err != nil {
				return err
			}
			apart := 0
			for _, vm := range s.shop.VMs(vg) {
				if !slices.Equal(tagged[vm.MoRef], []string{"backup/daily"}) {
					return fmt.Errorf("%s has the tags %q", vm.Name, tagged[vm.MoRef])
				}
				if slices.ContainsFunc(modules, func(m control.Module) bool { return slices.Contains(m.Members, vm.MoRef) }) {
					apart++
				}
			}
			if n := len(s.shop.VMs(vg)); apart < n-1 { // of three in two clusters, one is alone
				return fmt.Errorf("%d of %d VMs of %s are in modules: %+v", apart, n, name, modules)
			}
		}
		return nil
	})
}

// delete deletes the groups. The VMs of the database outlive theirs, until somebody removes them in vCenter.
func (s *tenants) delete() {
	pg, err := s.shop.Get("pg")
	harness.Must(s.ci.T, err)
	web, err := s.shop.Get("web")
	harness.Must(s.ci.T, err)
	runners, err := s.ci.Get("runners")
	harness.Must(s.ci.T, err)
	s.shop.User("delete", "vg", "pg", "web", "--as="+dora, "--timeout=90s")
	s.ci.User("delete", "vg", "runners", "--as="+cleo, "--timeout=90s")
	s.shop.Gone(web)
	s.ci.Gone(runners)
	s.running(s.shop, pg, 3)
	for _, vm := range s.shop.VMs(pg) {
		harness.Must(s.ci.T, s.shop.VCenter.Control.DestroyVM(s.ci.T.Context(), vm.MoRef))
	}
	s.ci.noneDenied()
	s.ci.Admin("delete", "-f", install.Artifact("examples/users-classes.yaml"), "--timeout=60s")
	s.ci.Admin("delete", "-f", install.Artifact("install.yaml"), "--timeout=90s")
	s.ci.stopped()
}

// stalls waits until a group is Stalled for a reason, says a text, and has n VMs that are available.
func (s *tenants) stalls(site *install.Site, name string, n int32, reason, text string) *v1alpha1.VmGroup {
	s.ci.T.Helper()
	var stalled *v1alpha1.VmGroup
	site.Meets(name, func(vg *v1alpha1.VmGroup) error {
		stalled = vg
		return until(vg, func(vg *v1alpha1.VmGroup) bool {
			c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionStalled)
			return c != nil && c.Reason == reason && vg.Status.AvailableReplicas == n && strings.Contains(vg.Status.Message, text)
		})
	})
	return stalled
}

// running checks in vCenter that a group has n VMs, and that they are on.
func (s *tenants) running(site *install.Site, vg *v1alpha1.VmGroup, n int) {
	s.ci.T.Helper()
	vms := site.VMs(vg)
	for _, vm := range vms {
		if vm.PowerState != "poweredOn" {
			s.ci.T.Errorf("%s is %s", vm.Name, vm.PowerState)
		}
	}
	if len(vms) != n {
		s.ci.T.Errorf("%s has %d VMs, want %d", vg.Name, len(vms), n)
	}
}

// until returns an error that says how a group is, unless it has seen its spec, and is done.
func until(vg *v1alpha1.VmGroup, done func(*v1alpha1.VmGroup) bool) error {
	if vg.Status.ObservedGeneration == vg.Generation && done(vg) {
		return nil
	}
	return fmt.Errorf("generation %d of %d is %s, with %d of %d VMs available: %s", vg.Status.ObservedGeneration, vg.Generation,
		vg.Status.Phase, vg.Status.AvailableReplicas, vg.Status.Replicas, vg.Status.Message)
}
