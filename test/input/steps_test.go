package input

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// userSteps are what a user does to the VmGroup.
var userSteps = []step{
	{"scale", 8, spec(func(c *chaos, s *v1alpha1.VmGroupSpec) { s.Replicas = ptr.To(c.random.Int32N(7)) })},
	{"cpu", 2, spec(func(c *chaos, s *v1alpha1.VmGroupSpec) { s.CPU = 1 + c.random.Int32N(4) })},
	{"memory", 2, spec(func(c *chaos, s *v1alpha1.VmGroupSpec) { s.Memory = 1 + c.random.Int32N(4) })},
	{"any template", 3, spec(func(c *chaos, s *v1alpha1.VmGroupSpec) { s.Template = nasty[c.random.IntN(len(nasty))] })},
	{"right template", 4, spec(func(_ *chaos, s *v1alpha1.VmGroupSpec) { s.Template = harness.Template })},
	{"pause", 1, spec(func(_ *chaos, s *v1alpha1.VmGroupSpec) { s.Paused = true })},
	{"unpause", 3, spec(func(_ *chaos, s *v1alpha1.VmGroupSpec) { s.Paused = false })},
	{"delete", 1, (*chaos).deleteGroup},
	{"create", 3, (*chaos).createGroup},
	{"wait", 6, (*chaos).wait},
}

// peopleSteps are what others do in vCenter.
var peopleSteps = []step{
	{"power off", 3, onOurs(func(c *chaos, vm control.VM) error { return c.vc.PowerOff(c.t.Context(), vm.MoRef) })},
	{"destroy", 4, onOurs(func(c *chaos, vm control.VM) error { return c.vc.DestroyVM(c.t.Context(), vm.MoRef) })},
	{"rename", 2, onOurs(func(c *chaos, vm control.VM) error {
		return c.vc.Rename(c.t.Context(), vm.MoRef, fmt.Sprintf("%s-%d", nasty[1+c.random.IntN(3)], c.number()))
	})},
	{"rename back", 1, onOurs(func(c *chaos, vm control.VM) error {
		return c.vc.Rename(c.t.Context(), vm.MoRef, fmt.Sprintf("web-0-%d", c.number()))
	})},
	{"move away", 2, onOurs(func(c *chaos, vm control.VM) error { return c.vc.Move(c.t.Context(), vm.MoRef, "elsewhere") })},
	{"reconfigure", 2, onOurs(func(c *chaos, vm control.VM) error {
		return c.vc.Reconfigure(c.t.Context(), vm.MoRef, 1+c.random.Int32N(8), 1024)
	})},
	{"make a template", 2, onOurs((*chaos).makeTemplate)},
	{"make VMs again", 1, (*chaos).convertBack},
	{"add a disk", 1, onOurs((*chaos).addDisk)},
	{"copy", 2, onOurs((*chaos).copyVM)},
	{"take the stamp away", 6, (*chaos).strip},
	{"add a VM", 2, (*chaos).addForeign},
	{"squat on a slot", 2, (*chaos).squat},
	{"disconnect", 1, onOurs(func(c *chaos, vm control.VM) error { return c.vc.SetConnectionState(c.t.Context(), vm.MoRef, true) })},
	{"connect", 2, (*chaos).connect},
	{"rename the folder", 1, (*chaos).renameFolder},
	{"add a folder", 1, (*chaos).addFolder},
	{"end sessions", 1, func(c *chaos) (string, error) { return "all", c.vc.EndSessions(c.t.Context()) }},
}

func (c *chaos) number() int { c.next++; return c.next }

// spec is a step that changes the spec.
func spec(change func(*chaos, *v1alpha1.VmGroupSpec)) func(*chaos) (string, error) {
	return func(c *chaos) (string, error) {
		group, err := c.w.Get("web")
		if err != nil {
			return "", ignoreNotFound(err)
		}
		change(c, &group.Spec)
		_, err = c.w.Client.VsphereV1alpha1().VmGroups(c.w.Namespace).Update(c.t.Context(), group, metav1.UpdateOptions{})
		s := group.Spec
		return fmt.Sprintf("%d × %d CPUs, %d GiB of %q, paused %t", *s.Replicas, s.CPU, s.Memory, s.Template, s.Paused), err
	}
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (c *chaos) deleteGroup() (string, error) {
	err := c.w.Client.VsphereV1alpha1().VmGroups(c.w.Namespace).Delete(c.t.Context(), "web", metav1.DeleteOptions{})
	return "web", ignoreNotFound(err)
}

// createGroup makes the group again if it is gone, or going.
func (c *chaos) createGroup() (string, error) {
	group, err := c.w.Get("web")
	if err == nil && group.DeletionTimestamp == nil {
		return "", nil
	}
	if err == nil {
		c.gone()
	}
	_, err = c.w.Client.VsphereV1alpha1().VmGroups(c.w.Namespace).Create(c.t.Context(), c.w.Group("web", 2), metav1.CreateOptions{})
	return "web", err
}

// wait lets the controller answer the present spec, which it does whatever was done to it, if it is not being deleted.
func (c *chaos) wait() (string, error) {
	group, err := c.w.Get("web")
	if err != nil || group.DeletionTimestamp != nil {
		return "", ignoreNotFound(err)
	}
	c.w.Eventually("the status answers the spec", func() error {
		now, err := c.w.Get("web")
		if err == nil && now.Status.ObservedGeneration < group.Generation {
			err = fmt.Errorf("generation %d of %d: %s", now.Status.ObservedGeneration, group.Generation, now.Status.Message)
		}
		return err
	})
	return "for an answer", nil
}

// ours are the VMs of the group as it is now, templates included.
func (c *chaos) ours() []control.VM {
	group, err := c.w.Get("web")
	if apierrors.IsNotFound(err) {
		return nil
	}
	harness.Must(c.t, err)
	return slices.DeleteFunc(allVMs(c.w), func(vm control.VM) bool { return !ownedBy(vm, group) })
}

// onOurs is a step on one of the group's VMs.
func onOurs(do func(*chaos, control.VM) error) func(*chaos) (string, error) {
	return func(c *chaos) (string, error) {
		vms := c.ours()
		if len(vms) == 0 {
			return "", nil
		}
		vm := vms[c.random.IntN(len(vms))]
		return vm.Path + " " + vm.MoRef, do(c, vm)
	}
}

// keep notes a VM that is not the group's, as it is now.
func (c *chaos) keep(ref string) {
	c.t.Helper()
	for _, vm := range allVMs(c.w) {
		if vm.MoRef == ref {
			c.foreign[ref] = vm
			return
		}
	}
	c.t.Fatalf("%s, which is not the group's, is gone at once", ref)
}

func (c *chaos) makeTemplate(vm control.VM) error {
	if err := c.vc.PowerOff(c.t.Context(), vm.MoRef); err != nil {
		return err
	}
	return c.vc.MarkAsTemplate(c.t.Context(), vm.MoRef)
}

func (c *chaos) convertBack() (string, error) {
	done := ""
	for _, vm := range c.ours() {
		if vm.Template {
			done += vm.Name + " "
			if err := c.vc.MarkAsVM(c.t.Context(), vm.MoRef); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

func (c *chaos) addDisk(vm control.VM) error {
	_, err := c.vc.AddDisk(c.t.Context(), vm.MoRef)
	if err == nil {
		c.disks[vm.MoRef] = true
	}
	return err
}

func (c *chaos) copyVM(vm control.VM) error {
	ref, err := c.vc.CloneVM(c.t.Context(), vm.MoRef, fmt.Sprintf("copy-%d", c.number()))
	if err == nil {
		c.keep(ref)
	}
	return err
}

// strip takes the stamp of a VM away, and with it makes it somebody else's. It waits for a moment in which the controller
// has nothing to do to that VM: what it has begun already it may end.
func (c *chaos) strip() (string, error) {
	group, err := c.w.Get("web")
	if err != nil || group.Status.Phase != v1alpha1.PhaseReady || group.Status.ObservedGeneration != group.Generation || group.DeletionTimestamp != nil {
		return "", ignoreNotFound(err)
	}
	vms := slices.DeleteFunc(c.ours(), func(vm control.VM) bool { return vm.PowerState != "poweredOn" || vm.Template })
	if len(vms) == 0 || len(vms) != int(group.DesiredReplicas()) {
		return "", nil
	}
	vm := vms[c.random.IntN(len(vms))]
	if err := c.vc.SetStamp(c.t.Context(), vm.MoRef, ""); err != nil {
		return vm.Name, err
	}
	c.keep(vm.MoRef)
	delete(c.disks, vm.MoRef)
	return vm.Path + " " + vm.MoRef, nil
}

// folder is the group's folder as its status has it, if it is there.
func (c *chaos) folder() (control.Folder, bool) {
	group, err := c.w.Get("web")
	if err != nil || group.Status.Folder == nil {
		return control.Folder{}, false
	}
	folders, err := c.vc.Folders(c.t.Context())
	harness.Must(c.t, err)
	i := slices.IndexFunc(folders, func(f control.Folder) bool { return f.MoRef == group.Status.Folder.MoRef })
	if i < 0 {
		return control.Folder{}, false
	}
	return folders[i], true
}

func (c *chaos) addForeign() (string, error) {
	return c.addVM(fmt.Sprintf("foreign-%d", c.number()))
}

// squat makes a VM under the name of the next slot or of one that is in use elsewhere.
func (c *chaos) squat() (string, error) {
	group, err := c.w.Get("web")
	if err != nil {
		return "", ignoreNotFound(err)
	}
	return c.addVM(fmt.Sprintf("web-%s-%d", string(group.UID)[:5], c.random.IntN(9)))
}

func (c *chaos) addVM(name string) (string, error) {
	folder, ok := c.folder()
	if !ok {
		return "", nil
	}
	path := strings.TrimPrefix(folder.Path, "/DC0/vm/")
	ref, err := c.vc.AddForeignVM(c.t.Context(), path, name)
	if err == nil {
		c.keep(ref)
	}
	return path + "/" + name, err
}

func (c *chaos) connect() (string, error) {
	done := ""
	for _, vm := range c.ours() {
		if vm.ConnectionState != "connected" {
			done += vm.Name + " "
			if err := c.vc.SetConnectionState(c.t.Context(), vm.MoRef, false); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

func (c *chaos) renameFolder() (string, error) {
	folder, ok := c.folder()
	if !ok {
		return "", nil
	}
	name := "web"
	if folder.Name == name {
		name = fmt.Sprintf("web-%d", c.number())
	}
	return folder.Path + " to " + name, c.vc.RenameFolder(c.t.Context(), folder.MoRef, name)
}

// addFolder puts a folder into the group's.
func (c *chaos) addFolder() (string, error) {
	folder, ok := c.folder()
	if !ok {
		return "", nil
	}
	path := fmt.Sprintf("%s/folder-%d", strings.TrimPrefix(folder.Path, "/DC0/vm/"), c.number())
	_, err := c.vc.CreateFolder(c.t.Context(), path)
	return path, err
}

// restore does what only people can: the group is released, its folder gets its name again, and its VMs are moved back. A
// deletion waits for that too: outside the root folder, no VM is removed.
func (c *chaos) restore() error { return errors.Join(c.release(), c.restoreFolder()) }

func (c *chaos) undo() {
	c.t.Helper()
	c.w.Eventually("people undo what only they can", c.restore)
	c.log = append(c.log, "all is undone at "+time.Now().Format(time.TimeOnly))
}

// release takes away what would hold VMs of the group for ever: the group goes on if it was paused, VMs are connected and
// no templates any more, and those with a disk of somebody else's are destroyed by hand.
func (c *chaos) release() error {
	group, err := c.w.Get("web")
	if err != nil {
		return ignoreNotFound(err)
	}
	if group.Spec.Paused {
		group.Spec.Paused = false
		_, err = c.w.Client.VsphereV1alpha1().VmGroups(c.w.Namespace).Update(c.t.Context(), group, metav1.UpdateOptions{})
	}
	_, connected := c.connect()
	_, converted := c.convertBack()
	return errors.Join(ignoreNotFound(err), connected, converted, c.removeDisks())
}

// switchOn switches on what was switched off so often that the controller waits for minutes before it does.
func (c *chaos) switchOn(group *v1alpha1.VmGroup) error {
	ready := meta.FindStatusCondition(group.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Reason != v1alpha1.ReasonCrashLoopBackOff {
		return nil
	}
	for _, vm := range c.ours() {
		if vm.PowerState == "poweredOff" && !vm.Template {
			if err := c.vc.PowerOn(c.t.Context(), vm.MoRef); err != nil {
				return err // somebody was faster: the next look tells
			}
		}
	}
	return nil
}

func (c *chaos) removeDisks() error {
	for _, vm := range c.ours() {
		if c.disks[vm.MoRef] {
			if err := c.vc.DestroyVM(c.t.Context(), vm.MoRef); err != nil {
				return err
			}
		}
	}
	return nil
}

// restoreFolder renames the group's folder back and moves its VMs into it. If there is another one of that name, made
// meanwhile, that one is moved out of the way.
func (c *chaos) restoreFolder() error {
	folder, ok := c.folder()
	if !ok {
		return c.moveBack("vmgroups")
	}
	if right := c.w.FolderPath("web"); folder.Path != right {
		aside := fmt.Sprintf("aside-%d", c.number())
		if err := c.vc.RenameFolder(c.t.Context(), strings.TrimPrefix(right, "/DC0/vm/"), aside); err != nil && !strings.Contains(err.Error(), "404") {
			return err
		}
		if err := c.vc.RenameFolder(c.t.Context(), folder.MoRef, "web"); err != nil {
			return err
		}
	}
	return c.moveBack(folder.MoRef)
}

// moveBack moves the group's VMs that are elsewhere into a folder below the root: outside it nothing is done to them.
func (c *chaos) moveBack(folder string) error {
	for _, vm := range c.ours() {
		if vm.Folder != folder {
			if err := c.vc.Move(c.t.Context(), vm.MoRef, folder); err != nil {
				return err
			}
		}
	}
	return nil
}
