package vim

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

type (
	fails = map[string][]error
	reads = map[types.ManagedObjectReference][]any
)

func TestTroubleWithADestruction(t *testing.T) {
	vm := vmRef("vm-1")
	mine := []any{asRead(nil)}
	for _, tt := range []struct {
		name     string
		script   script
		victims  []vsphere.Ref
		class    vsphere.Class
		sent     bool // the destruction
		known    bool // the VM, afterwards
		verified bool
		recorded bool // as a failure of the group
	}{
		{"nobody answers the read", script{fails: fails{"RetrievePropertiesEx": {noAnswer}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassUnavailable, false, true, false, false},
		{"nobody answers the read of several", script{fails: fails{"RetrievePropertiesEx": {noAnswer}}}, []vsphere.Ref{"vm-1", "vm-2"},
			vsphere.ClassUnavailable, false, true, false, false},
		{"it may not be read", script{reads: reads{vm: {denied403}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassInvalid, false, true, false, true},
		{"nothing of it may be read", script{reads: reads{vm: {properties{}}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassInvalid, false, true, false, true},
		{"its disks may not be read", script{reads: reads{vm: {asRead(properties{propDevices: &types.NoPermission{}})}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassTransient, false, true, false, true},
		{"its stamp may not be read", script{reads: reads{vm: {asRead(properties{propStamp: &types.NoPermission{}})}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassConflict, false, true, false, true},
		{"the session has ended, and the read shows nothing", script{reads: reads{vm: {properties{propName: &types.NotAuthenticated{}}}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassUnavailable, false, true, false, false},
		{"its read says that something else is gone", script{reads: reads{vm: {goneFault(vmRef("vm-9"))}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassConflict, false, true, false, true},
		{"it is gone when it is read", script{reads: reads{vm: {goneFault(vm)}}}, []vsphere.Ref{"vm-1"},
			"", false, false, false, false},
		{"it is gone when it is to be destroyed", script{reads: reads{vm: mine}, fails: fails{"Destroy_Task": {goneFault(vm)}}}, []vsphere.Ref{"vm-1"},
			"", true, false, false, false},
		{"something else is gone when it is to be destroyed", script{reads: reads{vm: mine}, fails: fails{"Destroy_Task": {goneFault(vmRef("vm-9"))}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassConflict, true, true, false, true},
		{"the answer is lost", script{reads: reads{vm: mine}, fails: fails{"Destroy_Task": {lostAnswer}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassUnknown, true, true, true, true},
		{"the worst of two is told", script{reads: reads{
			vm: {asRead(properties{propPower: types.VirtualMachinePowerStatePoweredOn})}, vmRef("vm-2"): {denied403},
		}}, []vsphere.Ref{"vm-1", "vm-2"}, vsphere.ClassInvalid, false, true, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &tt.script)
			wantClass(t, "StartDestroy", c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationDestroy, tt.victims...)), tt.class)
			if tt.script.sent("Destroy_Task") != tt.sent {
				t.Errorf("sent: %v", tt.script.calls)
			}
			wantKnown(t, c, "vm-1", tt.known)
			wantVerified(t, c, "vm-1", tt.verified)
			ops, failures := c.v.tracker.Of(testUID)
			if len(failures) > 0 != tt.recorded {
				t.Errorf("failures: %+v", failures)
			}
			if len(ops) > 0 {
				t.Errorf("places that were not given back: %+v", ops)
			}
		})
	}
}

// exhaust leaves no turn for another operation of a kind.
func exhaust(t *testing.T, c *testConn, kind vsphere.OperationKind) {
	t.Helper()
	for i := range 1000 {
		r := vsphere.Request{Kind: kind, VM: vsphere.Ref(fmt.Sprintf("vm-%s-%d", kind, i))}
		if kind.Makes() {
			r.Name, r.VM = string(r.VM), ""
		}
		_, err := c.v.tracker.Begin(testGroup, r)
		if errors.Is(err, vsphere.ErrNoBudget) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("there is no bound")
}

// Nor is anything read: what is read now proves nothing when the turn comes.
func TestWithoutATurnNothingIsSent(t *testing.T) {
	for _, kind := range vsphere.Kinds() {
		s := &script{reads: reads{vmRef("vm-1"): {asRead(nil)}, vmRef("vm-5"): {asTemplate(nil)}}}
		c := scripted(t, s)
		exhaust(t, c, kind)
		request := vsphere.Request{Kind: kind, VM: "vm-1"}
		if kind.Makes() {
			request = cloneOfLinux("web-1")
			request.Kind = kind
		}
		if err := c.v.Start(t.Context(), testGroup, []vsphere.Request{request}); !errors.Is(err, vsphere.ErrNoBudget) {
			t.Errorf("%s: %v", kind, err)
		}
		if len(s.calls) > 0 {
			t.Errorf("%s: sent %q", kind, s.calls)
		}
	}
}

func TestTroubleWithAPowerOperation(t *testing.T) {
	for _, tt := range []struct {
		name     string
		err      error
		class    vsphere.Class
		verified bool
	}{
		{"the answer is lost", lostAnswer, vsphere.ClassUnknown, true},
		{"the VM is gone", goneFault(vmRef("vm-1")), vsphere.ClassConflict, true},
		{"something else is gone", goneFault(vmRef("vm-9")), vsphere.ClassConflict, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &script{fails: fails{"PowerOnVM_Task": {tt.err}}})
			wantClass(t, "StartPowerOn", c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationPowerOn, "vm-1")), tt.class)
			wantKnown(t, c, "vm-1", true) // until it is read
			wantVerified(t, c, "vm-1", tt.verified)
		})
	}
}

// linux is a template as it was found, in the datacenter's VM folder.
var linux = vsphere.Template{Ref: "vm-5", Path: "/DC0/vm/linux", Parent: "group-0"}

// asTemplate is what a read says of linux, with changes.
func asTemplate(changes properties) properties {
	props := properties{
		propName: "linux", propParent: folderRef("group-0"), propTemplate: true, propInstanceUUID: "instance-5",
		propDevices: types.ArrayOfVirtualDevice{},
	}
	maps.Copy(props, changes)
	return props
}

// stampOf is a stamp of a VmGroup, as vCenter holds it.
func stampOf(instance string) types.OptionValue {
	stamp := vsphere.Stamp{Owner: testOwner, UID: "uid-9", Name: "db", Instance: instance}
	return types.OptionValue{Key: vsphere.StampKey, Value: stamp.String()}
}

func TestTroubleWithAClone(t *testing.T) {
	template := vmRef("vm-5")
	taken := &types.DuplicateName{Name: "web-1", Object: vmRef("vm-7")}
	reading := func(changes properties) script { return script{reads: reads{template: {asTemplate(changes)}}} }
	answering := func(err error) script { return script{fails: fails{"CloneVM_Task": {err}}} }
	for _, tt := range []struct {
		name     string
		script   script
		class    vsphere.Class
		changed  bool // the template, and the search is forgotten
		sent     bool
		verified bool // the VM that has the name
		folder   bool // group-3 is still known
	}{
		{"the template cannot be read", script{fails: fails{"RetrievePropertiesEx": {noAnswer}}}, vsphere.ClassUnavailable, false, false, false, true},
		{"its disks may not be read", reading(properties{propDevices: &types.NoPermission{}}), vsphere.ClassTransient, false, false, false, true},
		{"its stamp may not be read", reading(properties{propStamp: &types.NoPermission{}}), vsphere.ClassTransient, false, false, false, true},
		{"nothing of it may be read", script{reads: reads{template: {properties{}}}}, vsphere.ClassInvalid, false, false, false, true},
		{"the session has ended, and the read shows nothing", reading(properties{propDevices: &types.NotAuthenticated{}}), vsphere.ClassUnavailable, false, false, false, true},
		{"1: the template is gone when it is read", script{reads: reads{template: {goneFault(template)}}}, vsphere.ClassConflict, true, false, false, true},
		{"1: something else is gone when it is read", script{reads: reads{template: {goneFault(vmRef("vm-9"))}}}, vsphere.ClassConflict, false, false, false, true},
		{"1: the template is gone when it is to be cloned", answering(goneFault(template)), vsphere.ClassConflict, true, true, false, true},
		{"2: it was renamed", reading(properties{propName: "bsd"}), vsphere.ClassConflict, true, false, false, true},
		{"2: it was moved", reading(properties{propParent: folderRef("group-9")}), vsphere.ClassConflict, true, false, false, true},
		{"3: it is no template any more", reading(properties{propTemplate: false}), vsphere.ClassConflict, true, false, false, true},
		{"3: it is a VM of a group", reading(properties{propStamp: stampOf("instance-5")}), vsphere.ClassConflict, true, false, false, true},
		{"3: a copy of a VM of a group is none", reading(properties{propStamp: stampOf("instance-9")}), "", false, true, false, true},
		{"the name is taken", answering(soap.WrapVimFault(taken)), vsphere.ClassConflict, false, true, true, true},
		{"the folder is gone", answering(goneFault(folderRef("group-3"))), vsphere.ClassConflict, false, true, false, false},
		{"the pool is gone", answering(goneFault(types.ManagedObjectReference{Type: "ResourcePool", Value: "resgroup-1"})), vsphere.ClassConflict, false, true, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.script.reads == nil {
				tt.script.reads = reads{template: {asTemplate(nil)}}
			}
			c := scripted(t, &tt.script)
			c.searched.found = map[vsphere.Ref]inventory.Properties{"vm-5": asTemplate(nil).ofVM()}
			err := c.v.Start(t.Context(), testGroup, []vsphere.Request{cloneOfLinux("web-1")})
			wantClass(t, "Start", err, tt.class)
			if vsphere.TemplateChanged(err) != tt.changed || (c.v.searched.found == nil) != tt.changed {
				t.Errorf("%v; is it looked up again? %t", err, c.v.searched.found == nil)
			}
			if tt.script.sent("CloneVM_Task") != tt.sent {
				t.Errorf("sent: %v", tt.script.calls)
			}
			wantVerified(t, c, "vm-7", tt.verified)
			if _, known := c.v.inv.Child("group-2", "web"); known != tt.folder {
				t.Errorf("the folder is known: %t", known)
			}
			ops, failures := c.v.tracker.Of(testUID)
			if len(ops) > 0 != (tt.class == "") {
				t.Errorf("under way: %+v", ops)
			}
			if tt.changed && len(failures) > 0 {
				t.Errorf("what is looked up again has failed: %+v", failures)
			}
		})
	}
}

// Of folders that are not visible, only the reference tells one from another.
func TestATemplateThatWasMovedOutOfSight(t *testing.T) {
	s := &script{reads: reads{vmRef("vm-5"): {asTemplate(properties{propParent: folderRef("group-9")})}}}
	found := vsphere.Template{Ref: "vm-5", Path: "…/linux", Parent: "group-8"}
	if _, err := scripted(t, s).readTemplate(t.Context(), found, origin{}); !vsphere.TemplateChanged(err) {
		t.Error(err)
	}
}

// One read is for all, and what is wrong with the template is wrong with all.
func TestTheTemplateIsReadOnceForAllClones(t *testing.T) {
	clones := []vsphere.Request{cloneOfLinux("web-1"), cloneOfLinux("web-2"), cloneOfLinux("web-3")}
	for name, tt := range map[string]struct {
		read any
		sent int
	}{
		"it is what it was": {asTemplate(nil), 3},
		"it is gone":        {goneFault(vmRef("vm-5")), 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{reads: reads{vmRef("vm-5"): {tt.read}}}
			c := scripted(t, s)
			if err := c.v.Start(t.Context(), testGroup, clones); (err == nil) != (tt.sent > 0) {
				t.Error(err)
			}
			if s.count("RetrievePropertiesEx") != 1 || s.count("CloneVM_Task") != tt.sent {
				t.Errorf("sent %v", s.calls)
			}
		})
	}
}

// A read says nothing of another template.
func TestEachTemplateIsRead(t *testing.T) {
	s := &script{reads: reads{vmRef("vm-5"): {asTemplate(nil)}, vmRef("vm-6"): {goneFault(vmRef("vm-6"))}}}
	c := scripted(t, s)
	other := cloneOfLinux("web-2")
	other.Clone.Source.Ref = "vm-6"
	err := c.v.Start(t.Context(), testGroup, []vsphere.Request{cloneOfLinux("web-1"), other})
	if !vsphere.TemplateChanged(err) || s.count("CloneVM_Task") != 1 {
		t.Errorf("%v, sent %v", err, s.calls)
	}
}

// Who had to wait for a turn goes on by the same read, if that is not old; who did not reads anew.
func TestTheTemplateIsReadOnceForWhatWaitsForItsTurn(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))
	s := &script{reads: reads{vmRef("vm-5"): {asTemplate(nil)}}}
	c := scripted(t, s)
	c.v.cfg.Clock = clock
	last := 0
	start := func(step string, n, reads int, waits bool) {
		t.Helper()
		var clones []vsphere.Request
		for i := range n {
			clones = append(clones, cloneOfLinux(fmt.Sprint("web-", last+i)))
		}
		last += n
		err := c.v.Start(t.Context(), testGroup, clones)
		if errors.Is(err, vsphere.ErrNoBudget) != waits || s.count("RetrievePropertiesEx") != reads {
			t.Errorf("%s: %v, after %d reads, want %d", step, err, s.count("RetrievePropertiesEx"), reads)
		}
		c.v.tracker.Ended("", "vm-1", nil) // the last one, so that there is one turn
	}
	start("all but the last have their turn", DefaultMaxClones+1, 1, true)
	start("the rest goes on by the same read", 2, 1, true)
	start("the last of them", 1, 1, false)
	start("others, later", 2, 2, true)
	clock.Step(templateReadFor)
	start("the rest, after a while", 2, 3, true)
	c.templateChanged(linux, nil, "it is gone")
	start("the rest, after somebody else has found that it has changed", 1, 4, false)
}

// A read is no proof for long.
func TestTheTemplateIsReadAgainWhenToSendTakesLong(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))
	s := &script{reads: reads{vmRef("vm-5"): {asTemplate(nil), asTemplate(properties{propTemplate: false})}}}
	c := scripted(t, s)
	c.v.cfg.Clock = clock
	b := &cloneBatch{connection: c.connection, group: testGroup}
	if err := b.start(t.Context(), cloneOfLinux("web-1")); err != nil {
		t.Fatal(err)
	}
	clock.Step(templateReadFor)
	if err := b.start(t.Context(), cloneOfLinux("web-2")); !vsphere.TemplateChanged(err) || s.count("CloneVM_Task") != 1 {
		t.Errorf("%v after %v", err, s.calls)
	}
}

// What a filter has told of a template is brought up to date by what was read of it.
func TestAWatchedTemplateThatHasChanged(t *testing.T) {
	for name, tt := range map[string]struct {
		read any
		want properties
	}{
		"gone":           {goneFault(vmRef("vm-5")), nil},
		"no template":    {asTemplate(properties{propTemplate: false}), asTemplate(properties{propTemplate: false})},
		"nobody answers": {noAnswer, asTemplate(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			c := scripted(t, &script{reads: reads{vmRef("vm-5"): {tt.read}}})
			c.v.cfg.TemplateFolder = "images"
			c.v.inv.UpdateTemplate("vm-5", true, object{props: asTemplate(nil)}.update(nil))
			if _, err := c.readTemplate(t.Context(), linux, origin{}); err == nil {
				t.Error("it is what it was")
			}
			if diff := cmp.Diff(tt.want.ofVM(), c.v.inv.Templates()["vm-5"]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A template that was none for a moment, which the watch has not seen, is one again soon.
func TestATemplateThatIsOneAgain(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))
	c := scripted(t, &script{reads: reads{vmRef("vm-5"): {asTemplate(properties{propTemplate: false}), asTemplate(nil)}}})
	c.v.cfg.Clock, c.v.cfg.TemplateFolder = clock, "images"
	c.v.inv.UpdateTemplate("vm-5", true, object{props: asTemplate(nil)}.update(nil))
	if _, err := c.readTemplate(t.Context(), linux, origin{}); !vsphere.TemplateChanged(err) {
		t.Fatal(err)
	}
	if c.recheck(t.Context()); c.v.inv.Templates()["vm-5"].Template {
		t.Error("it was read again at once")
	}
	clock.Step(reportedWithin)
	if c.nextRecheck() == nil {
		t.Error("nothing is to be read again")
	}
	if c.recheck(t.Context()); !c.v.inv.Templates()["vm-5"].Template {
		t.Error("it is none still")
	}
}

func TestTroubleWithAFolder(t *testing.T) {
	other := vsphere.GroupID{Namespace: "default", Name: "db", UID: "uid-2"}
	host := types.ManagedObjectReference{Type: "VirtualApp", Value: "vapp-1"}
	for _, tt := range []struct {
		name   string
		err    error
		class  vsphere.Class
		parent bool // group-2 is still known
	}{
		{"nobody answers", noAnswer, vsphere.ClassUnavailable, true},
		{"it is not allowed", denied403, vsphere.ClassInvalid, true},
		{"a vApp has the name", soap.WrapVimFault(&types.DuplicateName{Object: host}), vsphere.ClassInvalid, true},
		{"a folder has the name", soap.WrapVimFault(&types.DuplicateName{Object: folderRef("group-9")}), "", true},
		{"the folder around it is gone", goneFault(folderRef("group-2")), vsphere.ClassConflict, false},
		{"something else is gone", goneFault(folderRef("group-8")), vsphere.ClassConflict, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &script{fails: fails{"CreateFolder": {tt.err}}})
			ref, err := c.v.EnsureFolder(t.Context(), other)
			wantClass(t, "EnsureFolder", err, tt.class)
			if made := ref == "group-9"; made != (tt.class == "") {
				t.Errorf("the folder is %q", ref)
			}
			if _, known := c.v.inv.Child("group-1", "default"); known != tt.parent {
				t.Errorf("the folder around it is known: %t", known)
			}
		})
	}
}

// A root that nobody watches is worse than none: what is in it would be taken for missing.
func TestARootThatCannotBeWatched(t *testing.T) {
	s := &script{fails: fails{"CreateContainerView": {denied403}}}
	c := scripted(t, s)
	var lost error
	c.lost = func(err error) { lost = err }
	c.v.inv.DeleteFolder("group-1", &inventory.Changes{})
	_, err := c.v.EnsureFolder(t.Context(), testGroup)
	wantClass(t, "EnsureFolder", err, vsphere.ClassInvalid)
	if !errors.Is(lost, errRewatch) || !s.sent("CreateFolder") {
		t.Errorf("the connection ends with %v, after %v", lost, s.calls)
	}
}
