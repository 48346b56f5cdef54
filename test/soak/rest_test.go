package soak

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// restPatience bounds the time until all groups are at rest. Some failures are only looked at again after 5 minutes.
const restPatience = 7 * time.Minute

// rest ends all faults, mends what only people can, waits until every group is as its user wants it, and looks what is left
// in vCenter.
func (s *soak) rest() {
	s.T.Helper()
	begun := time.Now()
	s.endFaults(begun.Add(time.Hour))
	if s.killed { // vCenter ends the session of who is gone after a while
		harness.Must(s.T, s.vc.EndSessions(s.T.Context()))
		s.killed = false
	}
	s.takeAwayForeign()
	s.mendSpecs()
	kicked := map[string]bool{}
	s.wait("all groups are at rest", func() error {
		if err := s.mend(kicked); err != nil {
			return err
		}
		return s.atRest()
	})
	took := time.Since(begun)
	s.wait("nothing is left over", s.leftOver)
	if s.T.Failed() {
		s.T.FailNow()
	}
	s.sample(took)
}

// wait waits until check succeeds. It says now and then why it does not.
func (s *soak) wait(what string, check func() error) {
	s.T.Helper()
	deadline, said := time.Now().Add(restPatience), time.Now()
	for {
		err := check()
		switch {
		case err == nil:
			return
		case time.Now().After(deadline):
			s.T.Fatalf("%s: %v", what, err)
		case time.Since(said) > 20*time.Second:
			s.say("still waiting: %s: %v", what, err)
			said = time.Now()
		}
		s.until(time.Now().Add(200 * time.Millisecond))
	}
}

// takeAwayForeign checks that what was made by hand was not touched, and takes it away.
func (s *soak) takeAwayForeign() {
	s.T.Helper()
	after := map[string]control.VM{}
	vms, err := s.vc.VMs(s.T.Context())
	harness.Must(s.T, err)
	for _, vm := range vms {
		if _, ok := s.foreign[vm.MoRef]; ok {
			after[vm.MoRef] = vm
		}
	}
	if diff := cmp.Diff(s.foreign, after); diff != "" {
		s.T.Errorf("P1: VMs that are not ours were touched (-before +after):\n%s", diff)
	}
	for ref := range after {
		harness.Must(s.T, s.vc.DestroyVM(s.T.Context(), ref))
		delete(s.foreign, ref)
	}
}

// mendSpecs gives each group a spec that can be fulfilled.
func (s *soak) mendSpecs() {
	s.T.Helper()
	groups, err := s.List()
	harness.Must(s.T, err)
	for i := range groups {
		if vg := &groups[i]; vg.Spec.Paused || vg.Spec.Template != harness.Template {
			_, err := s.spec(vg, map[string]any{"template": harness.Template, "paused": false})
			if err != nil && !overtaken(err) {
				s.T.Fatal(err)
			}
		}
	}
}

// mend does what people do for groups that do not get on. Who has given a privilege back, or made room, does not wait until
// the controller tries again: he changes the spec, or switches the VMs on.
func (s *soak) mend(kicked map[string]bool) error {
	if what, err := s.putRight(); err != nil {
		return err
	} else if what != "" {
		s.say("put right: %s", what)
	}
	inv, err := s.inventory()
	if err != nil {
		return err
	}
	for uid, vg := range inv.groups {
		if kicked[uid] || !stuck(vg) {
			continue
		}
		kicked[uid] = true
		what, err := s.spec(vg, map[string]any{"cpu": 1 + vg.Spec.CPU%4})
		if err != nil && !overtaken(err) {
			return err
		}
		s.tally["kick"]++
		s.say("kick: %s, because of %s", what, vg.Status.Message)
		for _, vm := range inv.ours {
			if inv.of(vm) == vg && vm.PowerState != "poweredOn" && strings.Contains(vg.Status.Message, "PowerOn") {
				if err := s.vc.PowerOn(s.T.Context(), vm.MoRef); err != nil && !overtaken(err) {
					return err
				}
			}
		}
	}
	return nil
}

// stuck tells whether a group waits for somebody to give something that it lacked.
func stuck(vg *v1alpha1.VmGroup) bool {
	for _, c := range vg.Status.Conditions {
		if c.Reason == v1alpha1.ReasonNoPermission || c.Reason == v1alpha1.ReasonResourceExhausted {
			return true
		}
	}
	return false
}

// atRest returns why the groups are not all as their users want them: READY with exactly their VMs, or gone.
func (s *soak) atRest() error {
	inv, err := s.inventory()
	if err != nil {
		return err
	}
	on, all := map[string]int{}, map[string]int{}
	var errs []error
	for _, vm := range inv.ours {
		uid := stampOf(vm).UID
		if inv.groups[uid] == nil {
			errs = append(errs, fmt.Errorf("%s %s has no VmGroup", vm.MoRef, vm.Path))
		}
		all[uid]++
		if vm.PowerState == "poweredOn" && !vm.Template {
			on[uid]++
		}
	}
	for uid, vg := range inv.groups {
		st, want := vg.Status, int(vg.DesiredReplicas())
		switch {
		case vg.DeletionTimestamp != nil:
			errs = append(errs, fmt.Errorf("%s is still there: %s", vg.Name, st.Message))
		case st.ObservedGeneration != vg.Generation, st.Phase != v1alpha1.PhaseReady, int(st.AvailableReplicas) != want,
			int(st.Replicas) != want, on[uid] != want, all[uid] != want,
			!finalized(vg) && (want > 0 || vg.Status.Folder != nil):
			errs = append(errs, fmt.Errorf("%s wants %d, generation %d of %d is %s, %d of %d; in vCenter %d of %d are on; finalizers %v: %s",
				vg.Name, want, st.ObservedGeneration, vg.Generation, st.Phase, st.AvailableReplicas, st.Replicas, on[uid], all[uid], vg.Finalizers, st.Message))
		}
	}
	return errors.Join(errs...)
}

// leftOver returns which VMs and folders there are that should not be. A folder that has outlived its group because somebody
// else had a VM in it is taken away, by hand.
func (s *soak) leftOver() error {
	inv, err := s.inventory()
	if err != nil {
		return err
	}
	groups := map[string]bool{}
	for _, vg := range inv.groups {
		groups[vg.Name] = true
	}
	folders, err := s.groupFolders()
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range folders {
		switch {
		case groups[path.Base(f.Path)]:
		case s.held[f.MoRef]:
			s.say("folder %s is taken away by hand: somebody else had a VM in it", f.Path)
			errs = append(errs, s.vc.RemoveFolder(s.T.Context(), f.MoRef))
		default:
			errs = append(errs, fmt.Errorf("folder %s has no VmGroup", f.Path))
		}
	}
	vms, err := s.vc.VMs(s.T.Context())
	if err != nil {
		return err
	}
	if want := len(inv.ours) + 1; len(vms) != want { // and the template
		errs = append(errs, fmt.Errorf("there are %d VMs, want %d", len(vms), want))
	}
	return errors.Join(errs...)
}
