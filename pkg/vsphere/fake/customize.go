package fake

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// AddCustomizationSpec stores a customization specification.
func (v *VCenter) AddCustomizationSpec(name string) {
	v.mu.Lock()
	defer v.unlock()
	v.customizations = append(v.customizations, name)
	for _, c := range v.clients {
		c.outbox.NotifyAll()
	}
}

// LoseCustomization lets the next clone that is customized fail after its VM was made, and before the customization was taken over.
func (v *VCenter) LoseCustomization() {
	v.mu.Lock()
	defer v.unlock()
	v.losesCustomization = true
}

// FailCustomization lets the customization fail that is pending for a VM, once the VM is on.
func (v *VCenter) FailCustomization(vm vsphere.Ref) {
	v.mu.Lock()
	defer v.unlock()
	v.machine(vm).failsCustomization = true
}

// refuseCustomization says why a clone cannot be customized, nil if it can, or is not.
func (v *VCenter) refuseCustomization(r vsphere.Request) *vsphere.Error {
	if r.Guest == nil || slices.Contains(v.customizations, r.Guest.Customization) {
		return nil
	}
	return noCustomization(r.Guest.Customization)
}

func noCustomization(name string) *vsphere.Error {
	return newError(vsphere.ClassInvalid, v1alpha1.ReasonCustomizationSpecNotFound, "there is no customization specification %q", name)
}

// customize has vCenter take over the customization of a clone that was just made.
func (v *VCenter) customize(m *machine, r vsphere.Request) *vsphere.Error {
	switch {
	case r.Guest == nil:
		return nil
	case v.losesCustomization:
		v.losesCustomization = false
		err := faultError(vsphere.ClassInvalid, "NicSettingMismatch", "the customization does not fit %s", m.Name)
		err.Reason = v1alpha1.ReasonCustomizationFailed
		return err
	}
	m.pending = r.Guest
	m.Customization.State = vsphere.CustomizationUnderWay
	return nil
}

// start is what a guest does that was just switched on: it carries out the customization that is pending.
func (m *machine) start() {
	if m.pending == nil {
		return
	}
	m.Customization = vsphere.Customization{}
	if m.failsCustomization {
		m.Customization = vsphere.Customization{State: vsphere.CustomizationFailed, Message: "the guest could not be customized"}
	} else {
		m.told = m.pending
	}
	m.pending = nil
}
