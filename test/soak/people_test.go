package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// peopleSteps are what others do in vCenter.
var peopleSteps = []step{
	{"destroy", 3, onVM(func(s *soak, vm control.VM) error { return s.vc.DestroyVM(s.T.Context(), vm.MoRef) })},
	{"power off", 3, onVM(func(s *soak, vm control.VM) error { return s.vc.PowerOff(s.T.Context(), vm.MoRef) })},
	{"move away", 1, onVM(func(s *soak, vm control.VM) error { return s.vc.Move(s.T.Context(), vm.MoRef, elsewhere) })},
	{"rename", 1, onVM(func(s *soak, vm control.VM) error {
		return s.vc.Rename(s.T.Context(), vm.MoRef, fmt.Sprintf("renamed-%d", s.number()))
	})},
	{"make a template", 1, onVM((*soak).makeTemplate)},
	{"disconnect", 1, onVM(func(s *soak, vm control.VM) error { return s.vc.SetConnectionState(s.T.Context(), vm.MoRef, true) })},
	{"add a disk", 1, onVM(func(s *soak, vm control.VM) error { return s.addDisk(vm, s.vc.AddDisk) })},
	{"add a first-class disk", 1, onVM(func(s *soak, vm control.VM) error { return s.addDisk(vm, s.vc.AddFirstClassDisk) })},
	{"copy", 1, onVM((*soak).copyVM)},
	{"add a VM", 1, (*soak).addForeign},
	{"put right", 2, func(s *soak) (string, error) { return s.putRight() }},
	{"clone delay", 1, func(s *soak) (string, error) {
		d := time.Duration(s.random.IntN(1500)) * time.Millisecond
		return d.String(), s.vc.SetCloneDelay(s.T.Context(), d)
	}},
}

func (s *soak) number() int { s.next++; return s.next }

// inventory is what there is in vCenter of the groups, and the groups themselves by UID. The VMs were read first: a group
// that is missing was gone after that, or never was.
type inventory struct {
	groups map[string]*v1alpha1.VmGroup
	ours   []control.VM // with a stamp that is their own, templates included
}

func (s *soak) inventory() (inventory, error) {
	out := inventory{groups: map[string]*v1alpha1.VmGroup{}}
	vms, err := s.vc.VMs(s.T.Context())
	if err != nil {
		return out, err
	}
	groups, err := s.List()
	if err != nil {
		return out, err
	}
	for i := range groups {
		out.groups[string(groups[i].UID)] = &groups[i]
	}
	for _, vm := range vms {
		if stamp := stampOf(vm); stamp.UID != "" && stamp.Instance == vm.InstanceUUID {
			out.ours = append(out.ours, vm)
		}
	}
	return out, nil
}

func stampOf(vm control.VM) vsphere.Stamp {
	var stamp vsphere.Stamp
	if vm.Stamp != "" && json.Unmarshal([]byte(vm.Stamp), &stamp) != nil {
		return vsphere.Stamp{}
	}
	return stamp
}

// of returns the group that a VM belongs to, nil if there is none.
func (i inventory) of(vm control.VM) *v1alpha1.VmGroup { return i.groups[stampOf(vm).UID] }

// onVM is a step on a VM of ours.
func onVM(do func(*soak, control.VM) error) func(*soak) (string, error) {
	return func(s *soak) (string, error) {
		inv, err := s.inventory()
		if err != nil || len(inv.ours) == 0 {
			return "", err
		}
		vm := inv.ours[s.random.IntN(len(inv.ours))]
		return vm.Path + " " + vm.MoRef, do(s, vm)
	}
}

func (s *soak) makeTemplate(vm control.VM) error {
	if err := s.vc.PowerOff(s.T.Context(), vm.MoRef); err != nil {
		return err
	}
	s.held[vm.Folder] = true // a template holds the folder, and not the group
	return s.vc.MarkAsTemplate(s.T.Context(), vm.MoRef)
}

func (s *soak) addDisk(vm control.VM, add func(ctx context.Context, vm string) (int32, error)) error {
	_, err := add(s.T.Context(), vm.MoRef)
	if err == nil {
		s.disks[vm.MoRef] = true
	}
	return err
}

func (s *soak) copyVM(vm control.VM) error {
	ref, err := s.vc.CloneVM(s.T.Context(), vm.MoRef, fmt.Sprintf("copy-%d", s.number()))
	if err != nil {
		return err
	}
	return s.keep(ref)
}

func (s *soak) addForeign() (string, error) {
	folders, err := s.groupFolders()
	if err != nil || len(folders) == 0 {
		return "", err
	}
	folder, name := folders[s.random.IntN(len(folders))], fmt.Sprintf("foreign-%d", s.number())
	ref, err := s.vc.AddForeignVM(s.T.Context(), strings.TrimPrefix(folder.Path, "/DC0/vm/"), name)
	if err != nil {
		return folder.Path, err
	}
	return folder.Path + "/" + name, s.keep(ref)
}

// groupFolders are the folders of groups that are there, or were.
func (s *soak) groupFolders() ([]control.Folder, error) {
	folders, err := s.vc.Folders(s.T.Context())
	return slices.DeleteFunc(folders, func(f control.Folder) bool { return path.Dir(f.Path) != path.Dir(s.FolderPath("x")) }), err
}

// keep notes a VM that is not the controller's business, as it is now.
func (s *soak) keep(ref string) error {
	vms, err := s.vc.VMs(s.T.Context())
	if err != nil {
		return err
	}
	for _, vm := range vms {
		if vm.MoRef == ref {
			s.foreign[ref], s.held[vm.Folder] = vm, true
			return nil
		}
	}
	s.T.Errorf("P1: %s, which was made by hand, is gone at once", ref)
	return nil
}

// putRight undoes what people did to VMs of ours that only they can undo: it connects them, makes templates VMs again,
// moves VMs back into the folder of their group, and destroys those that hold a disk of somebody else's. A template whose
// group goes is destroyed: as a VM it would be nobody's.
func (s *soak) putRight() (string, error) {
	inv, err := s.inventory()
	if err != nil {
		return "", err
	}
	var done []string
	for _, vm := range inv.ours {
		what, err := s.putRightOne(inv.of(vm), vm)
		if what != "" {
			done = append(done, what+" "+vm.Name)
		}
		if err != nil && !overtaken(err) {
			return strings.Join(done, ", "), err
		}
	}
	return strings.Join(done, ", "), nil
}

func (s *soak) putRightOne(vg *v1alpha1.VmGroup, vm control.VM) (string, error) {
	ctx := s.T.Context()
	goes := vg == nil || vg.DeletionTimestamp != nil
	switch {
	case vm.ConnectionState != "connected":
		return "connected", s.vc.SetConnectionState(ctx, vm.MoRef, false)
	case vm.Template && goes, s.disks[vm.MoRef]:
		return "destroyed", s.vc.DestroyVM(ctx, vm.MoRef)
	case vm.Template:
		return "made a VM of", s.vc.MarkAsVM(ctx, vm.MoRef)
	case goes && strings.HasPrefix(vm.Path, "/DC0/vm/"+elsewhere+"/"):
		return "moved back", s.vc.Move(ctx, vm.MoRef, "vmgroups") // or it would hold its group for ever
	case !goes && vg.Status.Folder != nil && vm.Folder != vg.Status.Folder.MoRef:
		return "moved back", s.vc.Move(ctx, vm.MoRef, vg.Status.Folder.MoRef)
	default:
		return "", nil
	}
}
