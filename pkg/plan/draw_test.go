package plan

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// pick draws one of a few values. A value that is listed twice comes twice as often.
func pick[T any](t *rapid.T, what string, values ...T) T {
	return rapid.SampledFrom(values).Draw(t, what)
}

func flip(t *rapid.T, what string) bool { return rapid.Bool().Draw(t, what) }

// rarely is true once in eight times.
func rarely(t *rapid.T, what string) bool { return rapid.IntRange(0, 7).Draw(t, what) == 7 }

// drawInput draws any input: mostly one that can be, and also what cannot.
func drawInput(t *rapid.T) Input {
	in := Input{
		Group: drawGroup(t), Now: testNow,
		ReadOnly:       rarely(t, "read-only"),
		FolderRecorded: flip(t, "folder recorded"),
		Template:       vsphere.Template{Ref: "vm-golden"},
	}
	if rarely(t, "unavailable") {
		in.Unavailable = newError(vsphere.ClassUnavailable)
		return in
	}
	if rarely(t, "template error") {
		in.TemplateError = pick(t, "template error", newError(vsphere.ClassInvalid), newError(vsphere.ClassTransient), errSearching)
	}
	in.SweepAsked = pick(t, "sweep asked", 7, 7, 0, 8)
	in.Snapshot = vsphere.Snapshot{
		VCenter: pick(t, "vCenter", "vcenter-1", "vcenter-1", "vcenter-1", "vcenter-2"),
		Owner:   testOwner, Path: testPath,
		RootExists:   !rarely(t, "no root"),
		ClonesToCome: pick(t, "clones to come", 0, 0, 0, 0, 1),
		Swept:        7,
		Zones:        drawZones(t),
	}
	if rarely(t, "disappearance") {
		disappeared(&in)
	}
	if in.Snapshot.RootExists && flip(t, "folder") {
		in.Snapshot.Folders = append(in.Snapshot.Folders, vsphere.Folder{
			Ref: testFolder, Path: testPath, UnderRoot: true, Children: rapid.IntRange(0, 3).Draw(t, "children"),
		})
	}
	if rarely(t, "another folder") {
		in.Snapshot.Folders = append(in.Snapshot.Folders, vsphere.Folder{
			Ref: "group-9", Path: testPath + "-2", UnderRoot: flip(t, "under the root"), Children: 1,
		})
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "VMs") {
		vm := drawVM(t, i)
		in.Snapshot.VMs = append(in.Snapshot.VMs, &vm)
	}
	for range pick(t, "operations", 0, 0, 1, 2, 4) {
		in.Snapshot.Operations = append(in.Snapshot.Operations, drawOperation(t))
	}
	for range pick(t, "failures", 0, 0, 1, 2, 4) {
		in.Snapshot.Failures = append(in.Snapshot.Failures, drawFailure(t))
	}
	for range pick(t, "power-ons", 0, 0, 1, 2) {
		in.Snapshot.PowerOns = append(in.Snapshot.PowerOns, vsphere.PowerOn{
			VM:    vsphere.Ref(fmt.Sprintf("vm-%d", len(in.Snapshot.PowerOns))),
			Count: rapid.IntRange(1, 99).Draw(t, "count"), At: testNow.Add(-pick(t, "age", 0, time.Second, time.Minute, time.Hour)),
		})
	}
	if flip(t, "observed before") {
		in.Clocks = drawClocks(t)
	}
	drawRevisions(t, &in)
	in.SpecSince = testNow.Add(-pick(t, "edited", 0, time.Second, time.Hour))
	in.OrphanAsked = rarely(t, "orphan asked")
	if flip(t, "others live") {
		in.Living = map[string]bool{"another": true}
	}
	return in
}

// drawRevisions draws what is recorded of the group, and whether the template of that is there.
func drawRevisions(t *rapid.T, in *Input) {
	now := targetOf(in.Group).current()
	for i := range pick(t, "revisions", 0, 1, 2, 3) {
		r := Revision{
			Object: fmt.Sprintf("web-%d", i), Number: rapid.Int64Range(0, 3).Draw(t, "number"), Name: now.Name, VMSpec: now.VMSpec,
			Source: pick(t, "source", vsphere.Ref("vm-golden"), "vm-old", ""), VCenter: pick(t, "in vCenter", "vcenter-1", "vcenter-1", "vcenter-2"),
		}
		if flip(t, "of an earlier spec") {
			r.Name, r.Template = "old", "old"
		}
		if rarely(t, "of another size") {
			r.CPU = 8
		}
		if rarely(t, "with another disk") {
			r.DiskGiB = 15
		}
		in.Revisions = append(in.Revisions, r)
	}
	switch {
	case KeptRevision(*in) == nil:
	case rarely(t, "earlier template error"):
		in.KeptTemplateError = pick(t, "earlier template error", newError(vsphere.ClassInvalid), newError(vsphere.ClassTransient), errSearching)
	default:
		in.KeptTemplate = vsphere.Template{Ref: KeptRevision(*in).Source}
	}
}

func drawGroup(t *rapid.T) *v1alpha1.VmGroup {
	g := group(rapid.Int32Range(0, 6).Draw(t, "replicas"))
	g.Generation = 7
	if rarely(t, "no finalizer") {
		g.Finalizers = nil
	}
	if rarely(t, "deleted") {
		g.DeletionTimestamp = ptr.To(metav1.NewTime(testNow))
	}
	if rarely(t, "orphaning") {
		orphaning(g)
	}
	if rarely(t, "annotated") {
		annotated(pick(t, "key", v1alpha1.OnDeleteAnnotation, "vsphere.vmware.com/x"), pick(t, "value", "", "Orphan", "delete"))(g)
	}
	if rarely(t, "cascade") {
		cascadeOrphan(g)
	}
	g.Spec.Paused = rarely(t, "paused")
	if flip(t, "disk") {
		disk(pick(t, "GiB", int32(10), 20))(&g.Spec)
	}
	drawUpdate(t, &g.Spec)
	if rarely(t, "told") {
		toldOf("one")(&g.Spec)
	}
	if flip(t, "seen before") {
		g.Status = v1alpha1.VmGroupStatus{ObservedGeneration: 6, Replicas: 2, Phase: v1alpha1.PhasePending, Selector: Selector("web")}
		g.Status.Folder = &v1alpha1.FolderStatus{VCenter: "vcenter-1"}
		if flip(t, "recorded") {
			recorded("vcenter-1")(g)
		}
		if flip(t, "renamed") {
			g.Status.Folder.MoRef = "group-9"
		}
	}
	return g
}

// drawUpdate draws how VMs are updated and removed.
func drawUpdate(t *rapid.T, s *v1alpha1.VmGroupSpec) {
	number := func(what string) *intstr.IntOrString {
		return pick(t, what, nil, ptr.To(intstr.FromInt32(0)), ptr.To(intstr.FromInt32(1)), ptr.To(intstr.FromInt32(2)), ptr.To(intstr.FromString("50%")))
	}
	strategy := pick(t, "strategy", "", v1alpha1.UpdateOnDelete, v1alpha1.UpdateReplace, v1alpha1.UpdateReplace,
		v1alpha1.UpdateInPlaceIfPossible, v1alpha1.UpdateInPlaceOnly)
	switch strategy {
	case "":
	case v1alpha1.UpdateOnDelete:
		s.Update = &v1alpha1.UpdateSpec{Strategy: strategy}
	case v1alpha1.UpdateInPlaceOnly:
		s.Update = &v1alpha1.UpdateSpec{Strategy: strategy, MaxUnavailable: number("unavailable"), Partition: number("partition")}
	default:
		s.Update = &v1alpha1.UpdateSpec{
			Strategy: strategy, MaxSurge: number("surge"), MaxUnavailable: number("unavailable"), Partition: number("partition"),
		}
	}
	if flip(t, "readiness") {
		toolsMustRun(s)
	}
	if rarely(t, "ready for a while") {
		minReadyFor(60)(s)
	}
	if flip(t, "grace") {
		graceOf(30)(s)
	}
	switch pick(t, "power", "", "", "", "off", "replace") {
	case "off":
		switchedOff(s)
	case "replace":
		replacedWhenOff(s)
	}
	if rarely(t, "health") {
		healthy(pick(t, "action", v1alpha1.HealthReset, v1alpha1.HealthReplace))(s)
	}
	if policy := pick(t, "policy", "", v1alpha1.ScaleDownYoungest, v1alpha1.ScaleDownHighestSlot, v1alpha1.ScaleDownExplicit); policy != "" {
		s.ScaleDown = &v1alpha1.ScaleDownSpec{Policy: policy}
	}
	for i := range pick(t, "members", 0, 0, 1, 3) {
		marked(fmt.Sprintf("instance-%d", i), pick(t, "deletion", v1alpha1.DeletionFirst, v1alpha1.DeletionNow, v1alpha1.DeletionNever))(s)
	}
}

// drawClocks draws what the group has observed of some VMs.
func drawClocks(t *rapid.T) Clocks {
	c := Clocks{BeenReady: map[vsphere.Ref]bool{}, UnreadySince: map[vsphere.Ref]time.Time{}, Replaced: map[int]Replacement{}}
	for i := range 3 {
		ref := vsphere.Ref(fmt.Sprintf("vm-%d", i))
		if flip(t, "been ready") {
			c.BeenReady[ref] = true
		}
		if flip(t, "unready") {
			c.UnreadySince[ref] = testNow.Add(-pick(t, "since", time.Second, time.Hour))
		}
		if rarely(t, "replaced") {
			c.Replaced[drawSlot(t)] = Replacement{VM: pick(t, "which", ref, "vm-99"), Count: 2, At: testNow.Add(-pick(t, "ago", time.Second, time.Hour))}
		}
	}
	if rarely(t, "helped") {
		c.Helped = &Help{"vm-1", drawSlot(t), pick(t, "action", v1alpha1.HealthReset, v1alpha1.HealthReplace)}
	}
	return c
}

func drawSlot(t *rapid.T) int { return rapid.IntRange(0, 6).Draw(t, "slot") }

func drawVM(t *rapid.T, i int) vsphere.VM {
	v := vm(drawSlot(t), ref(vsphere.Ref(fmt.Sprintf("vm-%d", i))))
	whose := pick(t, "whose", nil, nil, nil, nil, foreign, otherGroup, otherOwner, copied, template, nameless, unconfigured)
	if whose != nil {
		whose(&v)
	}
	v.Name = pick(t, "name", v.Name, v.Name, v.Name, VMName("web", testUID, drawSlot(t)), "db", "")
	v.Parent = pick(t, "parent", testFolder, testFolder, testFolder, "group-9", "")
	v.UnderRoot = !rarely(t, "outside the root")
	v.Power = pick(t, "power", vsphere.PoweredOn, vsphere.PoweredOn, vsphere.PoweredOff, vsphere.Suspended, "")
	v.Connection = pick(t, "connection", vsphere.Connected, vsphere.Connected, vsphere.Connected, "disconnected", "")
	v.Unreadable = rarely(t, "unreadable")
	v.ToolsRunning = flip(t, "tools")
	if v.Stamp != nil && rarely(t, "old") {
		v.Stamp.Revision = pick(t, "revision", "old", "3:abc")
	}
	if v.Stamp != nil && rarely(t, "untold") {
		v.Stamp.Guest = pick(t, "guest", vsphere.GuestPending, vsphere.GuestPending, vsphere.GuestTold)
		v.Customization.State = pick(t, "customization", "", vsphere.CustomizationUnderWay, vsphere.CustomizationFailed)
	}
	v.CPU, v.MemoryMiB = pick(t, "CPUs", int32(2), 2, 1, 4), pick(t, "memory", int64(4096), 4096, 2048)
	v.DiskBytes = pick(t, "disk", 0, vsphere.GiB(10), vsphere.GiB(20), vsphere.GiB(20)+512, vsphere.GiB(20)-512)
	v.CPUHotAdd, v.MemoryHotAdd = flip(t, "CPU hot-add"), flip(t, "memory hot-add")
	v.Created = pick(t, "created", testNow, v.Created, time.Time{})
	return v
}

func drawOperation(t *rapid.T) vsphere.Operation {
	op := vsphere.Operation{
		Kind: pick(t, "operation", vsphere.OperationClone, vsphere.OperationClone, vsphere.OperationPowerOn,
			vsphere.OperationPowerOff, vsphere.OperationShutdown, vsphere.OperationReconfigure, vsphere.OperationDestroy),
		Started:   testNow.Add(-pick(t, "started", 0, time.Second, time.Hour)),
		Task:      pick(t, "task", vsphere.Ref("task-1"), "task-2", ""),
		Unknown:   rarely(t, "unknown"),
		Cancelled: rarely(t, "cancelled"),
		Overdue:   rarely(t, "overdue"),
	}
	target := vsphere.Ref(fmt.Sprintf("vm-%d", rapid.IntRange(0, 9).Draw(t, "target")))
	if op.Kind != vsphere.OperationClone {
		op.VM = target
		return op
	}
	op.Name = VMName("web", testUID, drawSlot(t))
	if rarely(t, "landed") {
		op.VM = target
	}
	return op
}

func drawClass(t *rapid.T) vsphere.Class {
	return pick(t, "class", vsphere.ClassTransient, vsphere.ClassConflict, vsphere.ClassInvalid, vsphere.ClassExhausted, vsphere.ClassUnknown)
}

func drawFailure(t *rapid.T) vsphere.Failure {
	op := drawOperation(t)
	f := vsphere.Failure{
		Kind: op.Kind, Name: op.Name, VM: op.VM, Err: newError(drawClass(t)), Count: rapid.IntRange(1, 9).Draw(t, "count"),
		At: testNow.Add(-pick(t, "age", 0, time.Second, time.Minute, time.Hour)),
	}
	if op.Kind == vsphere.OperationReconfigure && flip(t, "not hot-pluggable") {
		f = about(vsphere.ReasonNotHotPluggable, f)
	}
	if op.Kind == vsphere.OperationPowerOn && rarely(t, "not customized") {
		f.Kind = vsphere.OperationConfigure
		f = about(vsphere.ReasonNotCustomized, f)
	}
	if op.Kind == vsphere.OperationClone {
		f = about(pick(t, "reason", vsphere.ReasonNameTaken, "Gone"), f)
		f.SpecHash = pick(t, "hash", SpecOf(group(0)).Hash(), "old")
	}
	return f
}

func drawOutcome(t *rapid.T) Outcome {
	var out Outcome
	if rarely(t, "error") {
		out.Err = newError(pick(t, "class", vsphere.ClassUnavailable, drawClass(t)))
	}
	if rarely(t, "folder made") {
		out.Folder = &vsphere.Folder{Ref: testFolder, Path: testPath}
	}
	return out
}

// drawZones draws where VMs can be made: mostly one place, as the flags name it.
func drawZones(t *rapid.T) []vsphere.Zone {
	if !rarely(t, "zones") {
		return []vsphere.Zone{{}}
	}
	var zones []vsphere.Zone
	for _, name := range zoneNames[:rapid.IntRange(0, len(zoneNames)).Draw(t, "zones")] {
		zone := vsphere.Zone{Name: name}
		if rarely(t, "zone error") {
			zone.Err = newError(pick(t, "class of the zone's error", vsphere.ClassInvalid, vsphere.ClassConflict))
		}
		zones = append(zones, zone)
	}
	return zones
}

var zoneNames = []string{"a", "b", "c"}
