package fake

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// Guest is how the guest of a VM behaves. That of the zero value has VMware Tools, and does what it is asked for at once.
type Guest struct {
	NoTools         bool // nobody can ask it for anything
	IgnoresShutdown bool // nothing comes of what it is asked for
}

// SetGuest says how the guest of a VM behaves.
func (v *VCenter) SetGuest(ref vsphere.Ref, guest Guest) {
	v.mu.Lock()
	defer v.unlock()
	v.machine(ref).guest = guest
}

func (c *Client) startPower(g vsphere.GroupID, r vsphere.Request) error {
	if err := c.refuseSwitch(g, r.VM); err != nil {
		return err
	}
	if m := c.vc.machines[r.VM]; m != nil {
		if err := r.RefuseSwitch(m.VM); err != nil {
			return err
		}
	}
	id, err := c.tracker.Begin(g, r)
	if err != nil {
		return err
	}
	kind, _ := r.Kind.Info()
	return c.send(id, g, r, func() (vsphere.Ref, *vsphere.Error) {
		m := c.vc.machines[r.VM]
		switch {
		case m == nil:
			return "", faultError(vsphere.ClassConflict, "ManagedObjectNotFound", "VM %s does not exist", r.VM)
		case m.Template:
			return "", faultError(vsphere.ClassConflict, "InvalidState", "%s is a template", m.Name)
		case m.Connection != vsphere.Connected:
			return "", faultError(vsphere.ClassTransient, "InvalidState", "the host of %s is not connected", m.Name)
		case r.Kind == vsphere.OperationReset && m.Power != vsphere.PoweredOn:
			return "", faultError(vsphere.ClassTransient, "InvalidPowerState", "%s is %s", m.Name, m.Power)
		case kind.Power != "":
			setPower(&m.VM, kind.Power) // also when it has that state already: that is a success
			if kind.Power == vsphere.PoweredOn {
				m.start()
			}
		}
		return r.VM, nil
	})
}

// refuseSwitch says why a VM must not be switched, by what the client knows without asking, or is nil.
func (c *Client) refuseSwitch(g vsphere.GroupID, ref vsphere.Ref) error {
	m := c.vc.machines[ref]
	if m == nil {
		return nil // the task finds out
	}
	if identity := vsphere.Identify(c.cfg.Owner, g.UID, m.VM); identity != vsphere.Ours {
		return errNotOurs(m, identity)
	}
	if !c.underRoot(m) {
		return errOutside(m)
	}
	return nil
}

func (c *Client) startShutdown(g vsphere.GroupID, r vsphere.Request) error {
	if err := c.refuseSwitch(g, r.VM); err != nil {
		return err
	}
	id, err := c.tracker.Begin(g, r)
	if err != nil {
		return err
	}
	call := c.callOf(g, r)
	fault, faulted := c.vc.fault(call.Method, call.Name, string(r.VM))
	failure := fault.Err
	if !faulted || fault.Lost {
		failure = c.vc.askGuest(r.VM)
	}
	if failure == nil && faulted {
		failure = errLost(call.Method)
	}
	call.Err = c.answered(id, failure)
	c.vc.calls = append(c.vc.calls, call)
	c.vc.settle()
	return call.Err
}

// answered records the answer to a shutdown, and returns what the caller is told.
func (c *Client) answered(id operations.ID, failure *vsphere.Error) error {
	switch {
	case failure == nil:
		c.tracker.Accepted(id)
	case failure.Fault == "InvalidPowerState": // it is off already
		c.tracker.AlreadyDone(id)
	default:
		c.tracker.Refused(id, failure)
		return failure
	}
	return nil
}

// askGuest asks a guest to shut down. It goes when tasks end.
func (v *VCenter) askGuest(ref vsphere.Ref) *vsphere.Error {
	m := v.machines[ref]
	switch {
	case m == nil:
		return faultError(vsphere.ClassConflict, "ManagedObjectNotFound", "VM %s does not exist", ref)
	case m.Power != vsphere.PoweredOn:
		return faultError(vsphere.ClassTransient, "InvalidPowerState", "%s is %s", m.Name, m.Power)
	case m.guest.NoTools:
		return faultError(vsphere.ClassConflict, vsphere.ReasonToolsUnavailable, "VMware Tools do not run in %s", m.Name)
	case !m.guest.IgnoresShutdown:
		v.leaving = append(v.leaving, ref)
	}
	return nil
}

// guestsLeave has the guests go that were asked to, in the order in which they were asked.
func (v *VCenter) guestsLeave() {
	leaving := v.leaving
	v.leaving = nil
	for _, ref := range leaving {
		if m := v.machines[ref]; m != nil && m.Power == vsphere.PoweredOn {
			setPower(&m.VM, vsphere.PoweredOff)
			v.changed(m)
		}
	}
}
