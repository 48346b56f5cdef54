package vspheresync

import (
	"errors"
	"testing"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// plans syncs the VmGroup as it is now, and reports whether that made a plan.
func (f *fixture) plans() bool {
	f.t.Helper()
	logger := ktesting.NewLogger(f.t, ktesting.NewConfig(ktesting.BufferLogs(true), ktesting.Verbosity(4)))
	_, _ = f.Sync(klog.NewContext(f.t.Context(), logger), f.live())
	for _, entry := range logger.GetSink().(ktesting.Underlier).GetBuffer().Data() {
		if entry.Message == "Planned" {
			return true
		}
	}
	return false
}

// written gives the VmGroup another resourceVersion, as each write does.
func (f *fixture) written() {
	f.edit(func(vg *v1alpha1.VmGroup) { vg.ResourceVersion += "1" })
}

func TestAGroupAtRestIsPlannedOnce(t *testing.T) {
	for name, row := range map[string]struct {
		happens func(f *fixture)
		plans   bool
	}{
		"nothing":          {func(*fixture) {}, false},
		"time passes":      {func(f *fixture) { f.pass(restFor - time.Second) }, false},
		"much time passes": {func(f *fixture) { f.pass(restFor) }, true},
		"the spec":         {func(f *fixture) { f.scale(3); f.written() }, true},
		"anything of the group": {func(f *fixture) {
			f.edit(func(vg *v1alpha1.VmGroup) { vg.Labels = map[string]string{"a": "b"} })
			f.written()
		}, true},
		"its deletion":         {func(f *fixture) { f.delete(); f.written() }, true},
		"a VM is off":          {func(f *fixture) { f.world.PowerOff(f.vm(0).Ref) }, true},
		"a VM's address":       {func(f *fixture) { f.world.Update(f.vm(0).Ref, func(vm *vsphere.VM) { vm.IP = "192.0.2.9" }) }, true},
		"a VM is gone":         {func(f *fixture) { f.world.Destroy(f.vm(0).Ref) }, true},
		"a neighbour's folder": {func(f *fixture) { f.world.AddForeignVM("elsewhere", "db") }, false},
		"the template is gone": {func(f *fixture) { f.world.Destroy(f.golden) }, true},
		"another template":     {func(f *fixture) { f.world.Destroy(f.golden); f.world.AddTemplate("templates", "golden") }, true},
		"another vCenter":      {func(f *fixture) { f.world.SetUUID("another") }, true},
		"an outage":            {func(f *fixture) { f.world.SetOutage(true) }, true},
		"a new process":        {func(f *fixture) { f.restart(fake.Config{}, Config{}) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(2))
			f.settle()
			if f.plans() {
				t.Fatal("nothing has happened, and a plan was made")
			}
			row.happens(f)
			if got := f.plans(); got != row.plans {
				t.Errorf("a plan was made: %t, want %t", got, row.plans)
			}
		})
	}
}

// What a group waits for is looked at again by each sync.
func TestAGroupThatWaitsIsPlannedEachTime(t *testing.T) {
	for name, begin := range map[string]func(f *fixture){
		"the first sync": func(*fixture) {},
		"no place in the budget": func(f *fixture) {
			f.restart(fake.Config{MaxClones: 1}, Config{})
			f.world.Hold()
			f.try()
		},
		"a search for the template": func(f *fixture) {
			f.settle()
			f.Syncer.cfg.VCenter = &silentTemplates{Interface: f.Syncer.cfg.VCenter, answer: func() error { return vsphere.ErrPending }}
		},
		"a verification": func(f *fixture) {
			f.settle()
			f.world.Move(f.vm(1).Ref, "attic")
			f.restart(fake.Config{}, Config{})
			f.world.HoldAnswers()
		},
		"a sweep": func(f *fixture) {
			f.deleteEmpty()
			f.world.HoldAnswers()
			f.want("it asks for it", "Sweep", "update status")
		},
		"the removal of its folder": func(f *fixture) {
			f.deleteEmpty()
			f.want("a sweep comes first", "Sweep", "update status")
			f.world.HoldAnswers()
			f.want("it asks for it", "RemoveFolder")
		},
		"a status that was not written": func(f *fixture) {
			f.settle()
			f.Syncer.cfg.Sure = func() error { return errors.New("not sure") }
			f.world.Update(f.vm(0).Ref, func(vm *vsphere.VM) { vm.IP = "192.0.2.9" })
			f.pass(lastInterval)
			f.try()
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, group(2))
			begin(f)
			for range 2 {
				if !f.plans() {
					t.Error("no plan was made")
				}
			}
		})
	}
}
