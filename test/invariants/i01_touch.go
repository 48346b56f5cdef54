package invariants

import (
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

const (
	methodClone        = "CloneVM_Task"
	methodCreateFolder = "CreateFolder"
	methodPowerOn      = "PowerOnVM_Task"
	methodPowerOff     = "PowerOffVM_Task"
	methodDestroy      = "Destroy_Task"
	methodRemoveFolder = "UnregisterAndDestroy_Task"
	methodCancelTask   = "CancelTask"
)

// otherMutators change something in the inventory and return no task.
var otherMutators = []string{
	methodCreateFolder, methodCancelTask, "UnregisterVM", "MarkAsTemplate", "MarkAsVirtualMachine", "ShutdownGuest",
	"RebootGuest", "StandbyGuest", "AnswerVM", "SetCustomValue", "setCustomValue", "AddCustomFieldDef", "SetEntityPermissions",
	"ResetEntityPermissions", "RemoveEntityPermission",
}

// mutates reports whether a method changes the inventory.
func mutates(method string) bool {
	return strings.HasSuffix(method, "_Task") || slices.Contains(otherMutators, method)
}

// checkTouch is I1: a client changes no VM and cancels no task that is not ours. What somebody else did to a VM a moment
// ago could not be known.
func (s *state) checkTouch(e control.Entry) {
	if e.Method == methodCancelTask {
		if s.clones[e.MoRef] == nil {
			s.breach("I1", nil, "%s of %s, which no clone of a client's is", e.Method, e.MoRef)
		}
		return
	}
	v := s.vms[e.MoRef]
	if v == nil || v.gone || e.Method == methodClone {
		return
	}
	if e.Method == methodDestroy && v.Template && !s.lately(v) {
		s.breach("I2", s.groupOf(v), "%s of %s, which is a template", e.Method, v.label())
		return
	}
	if !s.lately(v) {
		s.breach("I1", s.groupOf(v), "%s of %s, which is not ours: stamp %q, instance %s, template %t",
			e.Method, v.label(), v.Stamp, v.InstanceUUID, v.Template)
		return
	}
	if !s.latelyInside(v) {
		s.breach("I1", s.groupOf(v), "%s of %s, which lies outside the root folder, in %s", e.Method, v.label(), s.placeOf(v))
		return
	}
	if v.stamp == nil {
		return // lost a moment ago
	}
	uid := v.stamp.UID
	s.laterUnless(s.groups[uid] != nil, "I1", s.groups[uid], func() string {
		if g := s.groups[uid]; g == nil || g.released {
			return e.Method + " of " + v.label() + ", whose VmGroup " + uid + " does not exist"
		}
		return ""
	})
	if g := s.groups[uid]; g != nil && g.released {
		s.breach("I1", g, "%s of %s, whose VmGroup was let go", e.Method, v.label())
	}
}

// tripwire passes on what the simulator says that no client may do, which is I1 and more. What somebody else changed a moment
// ago could not be known.
func (s *state) tripwire(v control.Violation) {
	if changed := v.Time.Sub(v.TargetChanged); !v.TargetChanged.IsZero() && changed <= s.o.OutsideChange {
		return
	}
	s.breach("I1", nil, "the simulator's tripwire %s: %s of %s (%s): %s", v.Kind, v.Method, v.MoRef, v.Name, v.Reason)
}

// laterUnless is later, unless it is known already that all is well.
func (s *state) laterUnless(known bool, invariant string, g *group, check func() string) {
	if !known {
		s.later(invariant, g, check)
	}
}

func (s *state) groupOf(v *vm) *group {
	if v.stamp == nil {
		return nil
	}
	return s.groups[v.stamp.UID]
}

// checkFolderRemoval is I2 for folders. What has come into a folder a moment ago could not be known: it is unregistered.
func (s *state) checkFolderRemoval(e control.Entry) {
	folder, ok := s.folders[e.MoRef]
	switch {
	case !ok:
	case e.Method == methodDestroy:
		s.breach("I2", nil, "%s of folder %s: on a real vCenter this deletes all that is in it", e.Method, folder.Path)
	case e.Method == methodRemoveFolder:
		for _, v := range s.vms {
			if !v.gone && v.Folder == e.MoRef && s.now.Sub(v.arrived) > s.o.OutsideChange {
				s.breach("I2", nil, "%s of folder %s, which holds %s", e.Method, folder.Path, v.label())
			}
		}
		for _, f := range s.folders {
			if strings.HasPrefix(f.Path, folder.Path+"/") {
				s.breach("I2", nil, "%s of folder %s, which holds folder %s", e.Method, folder.Path, f.Name)
			}
		}
	}
}
