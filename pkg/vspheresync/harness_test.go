package vspheresync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8sfake "k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	kubefake "github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/fake"
	listers "github.com/vmgroup/vmgroup-controller/pkg/generated/listers/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

const (
	testUID = "0d1f2a3b-0000-4000-8000-000000000001"
	folder  = "vmgroups/default/web"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fixture is a Syncer between an API server and a vCenter that are both fake. Its journal holds what the Syncer has asked
// of either, in one order, but for what it asks in each sync: snapshots, templates, and versions of a group that goes.
type fixture struct {
	*Syncer
	t        *testing.T
	clock    *clocktesting.FakePassiveClock
	world    *fake.VCenter
	golden   vsphere.Ref // the template
	client   *fake.Client
	kube     *kubefake.Clientset
	apps     *k8sfake.Clientset // has the ControllerRevisions
	recorder *record.FakeRecorder
	cache    cache.Indexer
	journal  []string
	wrote    []string
	// clonedFrom are the templates of the clones that were to be started.
	clonedFrom []vsphere.Ref
	// beforeClones is called when clones are to be started, after all that the plan was made from was read.
	beforeClones func()
}

// group returns a VmGroup "web", as it was just created.
func group(replicas int32, changes ...func(*v1alpha1.VmGroup)) *v1alpha1.VmGroup {
	vg := &v1alpha1.VmGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: testUID, Generation: 1, ResourceVersion: "10"},
		Spec:       v1alpha1.VmGroupSpec{CPU: 2, Memory: 4, Template: "golden", Replicas: ptr.To(replicas)},
	}
	for _, change := range changes {
		change(vg)
	}
	return vg
}

func newFixture(t *testing.T, groups ...*v1alpha1.VmGroup) *fixture {
	t.Helper()
	f := &fixture{
		t:     t,
		clock: clocktesting.NewFakePassiveClock(start),
		cache: cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}),
	}
	var objects []runtime.Object
	for _, vg := range groups {
		objects = append(objects, vg)
	}
	f.kube = kubefake.NewClientset(objects...)
	f.kube.PrependReactor("*", "vmgroups", f.checkVersion)
	f.kube.PrependReactor("*", "vmgroups", func(action k8stesting.Action) (bool, runtime.Object, error) {
		if action.GetVerb() == "list" {
			return false, nil, nil
		}
		f.say("%s", strings.TrimSpace(action.GetVerb()+" "+action.GetSubresource()))
		return false, nil, nil
	})
	f.apps = newApps(f)
	f.world = fake.NewVCenter(f.clock)
	t.Cleanup(func() {
		for _, violation := range f.world.Violations() {
			t.Error(violation)
		}
	})
	f.golden = f.world.AddTemplate("templates", "golden")
	f.restart(fake.Config{}, Config{})
	return f
}

// restart begins a new process.
func (f *fixture) restart(vc fake.Config, cfg Config) {
	if f.client != nil {
		f.client.Close()
	}
	vc.Root, vc.TemplateFolder = fake.VMFolder+"/vmgroups", fake.VMFolder+"/templates"
	f.client = f.world.Connect(vc)
	f.recorder = record.NewFakeRecorder(100)
	cfg.VCenter = &recordingVCenter{Interface: f.client, fixture: f}
	cfg.Client = f.kube.VsphereV1alpha1()
	cfg.Lister = listers.NewVmGroupLister(f.cache)
	cfg.Recorder, cfg.Clock = f.recorder, f.clock
	if cfg.Revisions == nil {
		cfg.Revisions = f.revisions
	}
	cfg.RevisionClient = f.apps.AppsV1()
	cfg.Wrote = func(key cache.ObjectName, version string) { f.wrote = append(f.wrote, key.String()+"@"+version) }
	f.Syncer = New(cfg)
}

func (f *fixture) say(format string, args ...any) {
	f.journal = append(f.journal, fmt.Sprintf(format, args...))
}

// live returns the VmGroup as the API server has it.
func (f *fixture) live() *v1alpha1.VmGroup {
	f.t.Helper()
	obj, err := f.kube.Tracker().Get(v1alpha1.SchemeGroupVersion.WithResource("vmgroups"), "default", "web")
	if err != nil {
		f.t.Fatal(err)
	}
	return obj.(*v1alpha1.VmGroup)
}

// edit changes the VmGroup as a user does: the generation counts changes of the spec.
func (f *fixture) edit(change func(*v1alpha1.VmGroup)) {
	f.t.Helper()
	vg := f.live().DeepCopy()
	spec := vg.Spec.DeepCopy()
	change(vg)
	if !cmp.Equal(*spec, vg.Spec) {
		vg.Generation++
	}
	if vg.ResourceVersion == f.live().ResourceVersion {
		vg.ResourceVersion = nextVersion(vg)
	}
	if err := f.kube.Tracker().Update(v1alpha1.SchemeGroupVersion.WithResource("vmgroups"), vg, "default"); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) scale(replicas int32) {
	f.t.Helper()
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Replicas = ptr.To(replicas) })
}

// deleteEmpty deletes the group when it has no VM any more: its folder is left.
func (f *fixture) deleteEmpty() {
	f.t.Helper()
	f.settle()
	f.scale(0)
	f.settle()
	f.delete()
}

func (f *fixture) delete() {
	f.t.Helper()
	f.edit(func(vg *v1alpha1.VmGroup) {
		vg.DeletionTimestamp = ptr.To(metav1.NewTime(f.clock.Now()))
		vg.Generation++
	})
}

// nextVersion is that of a VmGroup once it is written.
func nextVersion(vg *v1alpha1.VmGroup) string {
	version, _ := strconv.Atoi(vg.ResourceVersion)
	return strconv.Itoa(version + 1)
}

// checkVersion refuses, as the API server does, what was made from another version than the live one. A write makes the next
// version.
func (f *fixture) checkVersion(action k8stesting.Action) (bool, runtime.Object, error) {
	resource := v1alpha1.SchemeGroupVersion.WithResource("vmgroups")
	obj, err := f.kube.Tracker().Get(resource, "default", "web")
	if err != nil {
		return false, nil, nil
	}
	live := obj.(*v1alpha1.VmGroup).DeepCopy()
	sent := &v1alpha1.VmGroup{}
	switch action := action.(type) {
	case k8stesting.UpdateAction:
		sent = action.GetObject().(*v1alpha1.VmGroup)
		live.Status = sent.Status
	case k8stesting.PatchAction:
		if err := json.Unmarshal(action.GetPatch(), sent); err != nil {
			f.t.Error(err)
		}
		live.Finalizers = sent.Finalizers
	default:
		return false, nil, nil
	}
	if sent.UID != live.UID || sent.ResourceVersion != live.ResourceVersion {
		return true, nil, apierrors.NewConflict(v1alpha1.Resource("vmgroups"), "web", errors.New("the object has been modified"))
	}
	live.ResourceVersion = nextVersion(live)
	return true, live, f.kube.Tracker().Update(resource, live, "default")
}

// sync syncs the VmGroup as it is now.
func (f *fixture) sync() (time.Duration, error) {
	f.t.Helper()
	return f.syncFrom(f.live())
}

// try syncs, whatever comes of it.
func (f *fixture) try() {
	f.t.Helper()
	_, _ = f.sync()
}

// syncFrom syncs the VmGroup as a cache has it, and proves that it is left as it is.
func (f *fixture) syncFrom(cached *v1alpha1.VmGroup) (time.Duration, error) {
	f.t.Helper()
	if err := f.cache.Update(cached); err != nil {
		f.t.Fatal(err)
	}
	before := cached.DeepCopy()
	after, err := f.Sync(f.t.Context(), cached)
	if diff := cmp.Diff(before, cached); diff != "" {
		f.t.Errorf("Sync has changed the object from the cache:\n%s", diff)
	}
	return after, err
}

func (f *fixture) pass(d time.Duration) { f.clock.SetTime(f.clock.Now().Add(d)) }

// want syncs without error, so late that no write has to wait, and compares what is asked for.
func (f *fixture) want(step string, want ...string) {
	f.t.Helper()
	f.journal = nil
	f.pass(lastInterval)
	if _, err := f.sync(); err != nil {
		f.t.Fatalf("%s: %v", step, err)
	}
	f.said(step, want...)
}

// said compares the journal since the last call.
func (f *fixture) said(step string, want ...string) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.journal); diff != "" {
		f.t.Errorf("%s: asked for (-want +got):\n%s", step, diff)
	}
	f.journal = nil
}

// settle syncs until nothing is asked for any more.
func (f *fixture) settle() {
	f.t.Helper()
	for range 20 {
		f.journal = nil
		f.pass(lastInterval)
		if _, err := f.sync(); err != nil {
			f.t.Fatal(err)
		}
		if len(f.journal) == 0 {
			return
		}
	}
	f.t.Fatalf("it does not come to rest: %v", f.journal)
}

// events returns the events since the last call.
func (f *fixture) events() []string {
	var out []string
	for {
		select {
		case event := <-f.recorder.Events:
			words := strings.SplitN(event, " ", 3)
			out = append(out, words[0]+" "+words[1])
		default:
			return out
		}
	}
}

func (f *fixture) wantEvents(step string, want ...string) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.events()); diff != "" {
		f.t.Errorf("%s: events (-want +got):\n%s", step, diff)
	}
}

// wantStatus compares available/replicas, phase, and the reason of Ready.
func (f *fixture) wantStatus(step, want string) {
	f.t.Helper()
	status := f.live().Status
	reason := "-"
	if c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady); c != nil {
		reason = c.Reason
	}
	if got := fmt.Sprintf("%d/%d %s %s", status.AvailableReplicas, status.Replicas, status.Phase, reason); got != want {
		f.t.Errorf("%s: status %q, want %q", step, got, want)
	}
}

// vm returns the VM in a slot.
func (f *fixture) vm(slot int) vsphere.VM {
	f.t.Helper()
	for _, vm := range f.world.VMs() {
		if vm.Stamp != nil && vm.Stamp.Slot == slot {
			return vm
		}
	}
	f.t.Fatalf("there is no VM in slot %d", slot)
	return vsphere.VM{}
}

// conflict makes every write or read of a kind fail as if somebody else had written first.
func (f *fixture) conflict(verb, subresource string) {
	f.kube.PrependReactor(verb, "vmgroups", func(action k8stesting.Action) (bool, runtime.Object, error) {
		if action.GetSubresource() != subresource {
			return false, nil, nil
		}
		return true, nil, apierrors.NewConflict(v1alpha1.Resource("vmgroups"), "web", fmt.Errorf("somebody else was first"))
	})
}

// sent returns the requests of a method that vCenter has got.
func (f *fixture) sent(method fake.Method) []string {
	var calls []string
	for _, call := range f.world.Calls() {
		if call.Method == method {
			calls = append(calls, call.String())
		}
	}
	return calls
}

// recordingVCenter writes down what is asked of a vCenter.
type recordingVCenter struct {
	vsphere.Interface
	*fixture
}

func (r *recordingVCenter) Verify(ctx context.Context, g vsphere.GroupID, vms []vsphere.Ref) error {
	r.say("Verify %v", slices.Sorted(slices.Values(vms)))
	return r.Interface.Verify(ctx, g, vms)
}

func (r *recordingVCenter) Sweep(ctx context.Context, g vsphere.GroupID) (int, error) {
	r.say("Sweep")
	return r.Interface.Sweep(ctx, g)
}

func (r *recordingVCenter) EnsureFolder(ctx context.Context, g vsphere.GroupID) (vsphere.Ref, error) {
	r.say("EnsureFolder")
	return r.Interface.EnsureFolder(ctx, g)
}

// Start writes down each request. Which of them are sent, the vCenter's own calls tell.
func (r *recordingVCenter) Start(ctx context.Context, g vsphere.GroupID, requests []vsphere.Request) error {
	cloning := false
	for _, request := range requests {
		if request.Kind.Makes() {
			cloning = true
			r.clonedFrom = append(r.clonedFrom, request.Clone.Source.Ref)
			r.say("Start%s %s", request.Kind, request.Name)
		} else {
			r.say("Start%s", request.Kind)
		}
	}
	if cloning && r.beforeClones != nil {
		r.beforeClones()
	}
	return r.Interface.Start(ctx, g, requests)
}

func (r *recordingVCenter) Cancel(ctx context.Context, op vsphere.Operation) error {
	r.say("Cancel %s", op.Name)
	return r.Interface.Cancel(ctx, op)
}

func (r *recordingVCenter) RemoveFolder(ctx context.Context, g vsphere.GroupID, folder vsphere.Ref) error {
	r.say("RemoveFolder")
	return r.Interface.RemoveFolder(ctx, g, folder)
}

func (r *recordingVCenter) Forget(g vsphere.GroupID) {
	r.say("Forget %s/%s %s", g.Namespace, g.Name, g.UID)
	r.Interface.Forget(g)
}
