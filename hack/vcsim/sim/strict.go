package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// maxName is vCenter's limit to a name, in characters.
const maxName = 80

// stamp is what the simulator reads of a stamp. It is read here by the letter of the design and not by the controller's
// code, which a mistake of its own would not contradict.
type stamp struct {
	Owner    string `json:"owner"`
	UID      string `json:"uid"`
	Instance string `json:"instance"`
}

// owners is whose virtual machines clients may change.
type owners struct {
	mu    sync.Mutex
	fixed string
	made  map[string][]string // by session key: the owners that its clones carry
}

func (o *owners) set(owner string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fixed = owner
}

func (o *owners) learn(session, owner string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.made == nil {
		o.made = make(map[string][]string)
	}
	if owner != "" && !slices.Contains(o.made[session], owner) {
		o.made[session] = append(o.made[session], owner)
	}
}

// includes reports whether a session may change what an owner's stamp is on.
func (o *owners) includes(session, owner string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.fixed != "":
		return owner == o.fixed
	case len(o.made[session]) > 0:
		return slices.Contains(o.made[session], owner)
	}
	return owner != ""
}

// forbid looks at the call of a client before it has had an effect, records it if it must not be, and returns the fault
// that refuses it; nil lets it pass. Without strict mode it refuses only what was asked for at the control port.
func (s *Simulator) forbid(ctx *simulator.Context, m *simulator.Method) types.BaseMethodFault {
	if reason := s.tripwire(ctx, m); reason != "" {
		s.violations.add(s.violation(ctx, m, control.ViolationTripwire, reason))
		if s.options.Strict {
			return &types.SystemError{Reason: "tripwire: " + reason}
		}
	}
	if fault := s.unprivileged(ctx, m); fault != nil {
		return fault
	}
	if name, ok := newName(m); ok && s.options.Strict && utf8.RuneCountInString(name) > maxName {
		return &types.InvalidName{Name: name}
	}
	if clone, ok := m.Body.(*types.CloneVM_Task); ok {
		if own, err := parseStamp(stampOf(clone, nil)); err == nil {
			s.owners.learn(ctx.Session.Key, own.Owner)
		}
	}
	return nil
}

// newName is the name that a call gives to a virtual machine or a folder.
func newName(m *simulator.Method) (string, bool) {
	switch body := m.Body.(type) {
	case *types.CloneVM_Task:
		return body.Name, true
	case *types.CreateFolder:
		return body.Name, true
	case *types.CreateVM_Task:
		return body.Config.Name, true
	case *types.Rename_Task:
		return body.NewName, true
	case *types.ReconfigVM_Task:
		return body.Spec.Name, true
	}
	return "", false
}

// ownOnly is the methods that a client may call on virtual machines of its own alone.
var ownOnly = []string{
	"Destroy_Task", "UnregisterVM", "PowerOnVM_Task", "PowerOffVM_Task", "ResetVM_Task", "SuspendVM_Task", "ReconfigVM_Task",
	"Rename_Task", "MarkAsTemplate", "MarkAsVirtualMachine", "RelocateVM_Task", "ShutdownGuest", "RebootGuest", "StandbyGuest",
}

// tripwire says why a call must never be made, or returns "".
func (s *Simulator) tripwire(ctx *simulator.Context, m *simulator.Method) string {
	switch target := ctx.Map.Get(m.This).(type) {
	case *simulator.Folder:
		switch {
		case m.Name == "Destroy_Task":
			return "it deletes every VM in the folder from disk, whoever it belongs to"
		case m.Name == "UnregisterAndDestroy_Task" && s.options.Strict:
			if n := len(children(ctx, target)); n > 0 {
				return fmt.Sprintf("the folder has %d children", n)
			}
			if !s.underRoot(target) {
				return "the folder lies outside the root folder"
			}
		}
	case *simulator.VirtualMachine:
		if s.options.Strict && m.Name == "CloneVM_Task" {
			var reason string
			ctx.WithLock(target, func() { reason = notTemplate(target) })
			return reason
		}
		if !s.options.Strict || !slices.Contains(ownOnly, m.Name) {
			return ""
		}
		if s.hub.isUnborn(m.This) || s.hub.isEmbryo(m.This) {
			return "the VM is still being made: whose it is cannot be known"
		}
		var reason string
		ctx.WithLock(target, func() {
			if reason = s.notOwn(ctx.Session.Key, target, m.Name == "Destroy_Task"); reason == "" {
				reason = restamps(target, m)
			}
		})
		if reason == "" && !s.underRoot(target) {
			reason = "the VM lies outside the root folder"
		}
		return reason
	}
	return ""
}

// notOwn says why a virtual machine is not the session's own, or must not be destroyed, or returns "". The caller holds
// the virtual machine's lock.
func (s *Simulator) notOwn(session string, vm *simulator.VirtualMachine, destroy bool) string {
	text, _ := object.OptionValueList(vm.Config.ExtraConfig).GetString(stampKey)
	own, err := parseStamp(text)
	switch {
	case vm.Config.Template:
		return "it is a template"
	case text == "":
		return "the VM has no stamp"
	case err != nil:
		return "the VM's stamp cannot be read: " + err.Error()
	case own.Instance != vm.Config.InstanceUuid:
		return "the VM is a copy: its instanceUuid is not the stamp's"
	case !s.owners.includes(session, own.Owner):
		return fmt.Sprintf("the VM belongs to owner %q", own.Owner)
	case destroy && vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn:
		return "the VM is powered on"
	case destroy:
		return s.foreignDisk(vm)
	}
	return ""
}

// notTemplate says why a virtual machine must not be cloned, or returns "": what is cloned is read by its name, and that may
// stand for somebody's running machine, or for one of a group, by now. The caller holds the virtual machine's lock.
func notTemplate(vm *simulator.VirtualMachine) string {
	text, _ := object.OptionValueList(vm.Config.ExtraConfig).GetString(stampKey)
	switch own, err := parseStamp(text); {
	case !vm.Config.Template:
		return "what is cloned is no template"
	case err == nil && own.Instance == vm.Config.InstanceUuid:
		return "what is cloned is a VM of a group that was made a template"
	}
	return ""
}

func parseStamp(text string) (stamp, error) {
	var out stamp
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return out, err
	}
	if out.Owner == "" || out.UID == "" || out.Instance == "" {
		return out, fmt.Errorf("it lacks an owner, a uid or an instance")
	}
	return out, nil
}

func (s *Simulator) opSetOwner(r control.Request) (any, error) {
	s.owners.set(r.Name)
	return control.Reply{}, nil
}
