package vim_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

var web = vsphere.GroupID{Namespace: "default", Name: "web", UID: "0d1f2a3b-0000-4000-8000-000000000001"}

// awaitReason waits until the state says why there is no connection.
func awaitReason(t *testing.T, v *vim.VCenter, reason string) *vsphere.Error {
	t.Helper()
	await(t, "the reason "+reason, func() bool { s := v.State(); return s.Err != nil && s.Err.Reason == reason })
	return v.State().Err
}

// awaitNoPlace waits until a snapshot says why no VM can be made: the connection stands all the same.
func awaitNoPlace(t *testing.T, v *vim.VCenter, reason string) *vsphere.Error {
	t.Helper()
	s := awaitSnapshot(t, v, "the reason "+reason, func(s vsphere.Snapshot) bool {
		return len(s.Zones) == 1 && s.Zones[0].Err != nil && s.Zones[0].Err.Reason == reason
	})
	return s.Zones[0].Err
}

func logins(t *testing.T, sim *vcsim.Process) (ok, refused int) {
	t.Helper()
	calls, err := sim.Control.Calls(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return calls.LoginsOK, calls.LoginsRefused
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLogsInAgainOnceWhenTheSessionEnds(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{})
	heard := &notifier{}
	v, stop := run(t, configFor(sim, heard))
	awaitSynced(t, v)
	before := v.State().Since
	must(t, sim.Control.EndSessions(t.Context()))
	// Many find out at once.
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() { _, _ = v.EnsureFolder(t.Context(), web) })
	}
	workers.Wait()
	await(t, "in step again", func() bool { s := v.State(); return s.Synced && s.Since.After(before) })
	if ok, refused := logins(t, sim); ok != 2 || refused != 0 {
		t.Errorf("%d logins and %d refused, want 2 and none", ok, refused)
	}
	if heard.all.Load() < 2 {
		t.Errorf("everybody was woken %d times", heard.all.Load())
	}
	stop()
	leaks, err := sim.Control.Leaks(t.Context())
	if err != nil || leaks != (control.Leaks{}) {
		t.Errorf("after the logout there is left: %+v, %v", leaks, err)
	}
}

func TestWrongPasswordIsTriedOnceInFiveMinutes(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{})
	clock := clocktesting.NewFakeClock(time.Now())
	var password atomic.Value
	password.Store("wrong")
	cfg := configFor(sim, &notifier{})
	cfg.Clock = clock
	cfg.Credentials = func() (string, string, error) { return sim.Username, password.Load().(string), nil }
	v, _ := run(t, cfg)
	err := awaitReason(t, v, "CredentialsRejected")
	if err.Class != vsphere.ClassUnavailable || !strings.Contains(err.Message, sim.Username) || strings.Contains(err.Message, "wrong") {
		t.Errorf("class %s, message %q", err.Class, err.Message)
	}
	if _, err := v.Snapshot(t.Context(), web, ""); vsphere.ClassOf(err) != vsphere.ClassUnavailable {
		t.Errorf("snapshot: %v", err)
	}
	refused := func(want int) {
		t.Helper()
		await(t, "the loop waits", clock.HasWaiters)
		if _, refused := logins(t, sim); refused != want {
			t.Fatalf("%d logins were refused, want %d", refused, want)
		}
	}
	refused(1)
	for range 9 { // 4.5 minutes
		clock.Step(30 * time.Second)
		refused(1)
	}
	clock.Step(time.Minute)
	await(t, "the second attempt", func() bool { _, refused := logins(t, sim); return refused == 2 })

	// Other credentials are tried at once.
	await(t, "the loop waits", clock.HasWaiters)
	password.Store(sim.Password)
	await(t, "in step", func() bool {
		clock.Step(time.Second)
		return v.State().Synced
	})
}

// gate is a login throttle that somebody else keeps.
type gate struct {
	mu      sync.Mutex
	allow   bool
	err     error
	begun   int
	refused []bool
}

func (g *gate) Begin(context.Context, string, string) (bool, time.Duration, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.begun++
	return g.allow, time.Minute, g.err
}

func (g *gate) End(_ context.Context, refused bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused = append(g.refused, refused)
	return nil
}

func (g *gate) Unanswered(context.Context) error { return nil }

func (g *gate) set(allow bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.allow, g.err = allow, err
}

func TestNoLoginUnlessTheGateHasRecordedIt(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{})
	g := &gate{err: errors.New("no API server")}
	cfg := configFor(sim, &notifier{})
	cfg.Gate = g
	v, _ := run(t, cfg)
	awaitReason(t, v, "VCenterUnreachable")
	if ok, refused := logins(t, sim); ok+refused != 0 {
		t.Errorf("%d logins were tried", ok+refused)
	}
	g.set(true, nil)
	awaitSynced(t, v)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.refused) != 1 || g.refused[0] {
		t.Errorf("the gate was told %v", g.refused)
	}
}

func TestAmbiguityListsTheChoices(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{Datacenters: []string{"east", "west"}, Datastores: 2})
	v, _ := run(t, configFor(sim, &notifier{}))
	err := awaitReason(t, v, "DatacenterAmbiguous")
	for _, word := range []string{"-datacenter", "east", "west"} {
		if !strings.Contains(err.Message, word) {
			t.Errorf("%q does not say %q", err.Message, word)
		}
	}

	cfg := configFor(sim, &notifier{})
	cfg.Datacenter = "west"
	v, _ = run(t, cfg)
	err = awaitNoPlace(t, v, "DatastoreAmbiguous")
	if !strings.Contains(err.Message, "-datastore") {
		t.Errorf("%q does not name the flag", err.Message)
	}

	cfg.Datastore = "nowhere"
	v, _ = run(t, cfg)
	err = awaitNoPlace(t, v, "DatastoreNotFound")
	if !strings.Contains(err.Message, `"nowhere"`) {
		t.Errorf("%q does not name the datastore", err.Message)
	}
}

func TestVCenterAwayAndBack(t *testing.T) {
	for _, outage := range []control.Outage{control.OutageRefuse, control.OutageUnavailable} {
		t.Run(string(outage), func(t *testing.T) {
			sim := startSimulator(t, vcsim.Options{})
			v, _ := run(t, configFor(sim, &notifier{}))
			awaitSynced(t, v)
			must(t, sim.Control.SetOutage(t.Context(), outage))
			awaitReason(t, v, "VCenterUnreachable")
			if _, err := v.Snapshot(t.Context(), web, ""); vsphere.ClassOf(err) != vsphere.ClassUnavailable {
				t.Errorf("snapshot: %v", err)
			}
			must(t, sim.Control.SetOutage(t.Context(), control.OutageOff))
			awaitSynced(t, v)
			if ok, _ := logins(t, sim); ok != 1 {
				t.Errorf("%d logins, want 1: the session outlives the outage", ok)
			}
		})
	}
}

func TestVCenterThatHangsIsUnreachable(t *testing.T) {
	sim, _, v, _ := started(t, func(cfg *vim.Config) { cfg.CallTimeout = 300 * time.Millisecond })
	must(t, sim.Control.SetOutage(t.Context(), control.OutageHang))
	go func() {
		for range 2 { // as workers do
			_, _ = v.EnsureFolder(context.WithoutCancel(t.Context()), web)
		}
	}()
	awaitReason(t, v, "VCenterUnreachable") // long before the long poll would notice
	must(t, sim.Control.SetOutage(t.Context(), control.OutageOff))
	awaitSynced(t, v)
}

func TestGuardIsAskedBeforeEveryWrite(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{Templates: []string{"linux"}})
	cfg := configFor(sim, &notifier{})
	var closed atomic.Bool
	cfg.Guard = func() error {
		if closed.Load() {
			return errors.New("the lease is not surely ours")
		}
		return nil
	}
	v, _ := run(t, cfg)
	awaitSynced(t, v)
	ctx := t.Context()
	folder, err := v.EnsureFolder(ctx, web)
	must(t, err)
	template, err := findTemplate(t, v, web, "linux")
	must(t, err)
	spec := vsphere.CloneSpec{VMSpec: &vsphere.VMSpec{CPU: 1, MemoryMiB: 512}, Folder: folder, PowerOn: true}
	must(t, startClone(t, v, web, template, "web-0d1f2-0", spec))
	var vm vsphere.VM
	await(t, "the VM", func() bool {
		s, err := v.Snapshot(ctx, web, "")
		if err != nil || len(s.VMs) != 1 || len(s.Operations) != 0 {
			return false
		}
		vm = *s.VMs[0]
		return vm.Power == vsphere.PoweredOn
	})
	must(t, startClone(t, v, web, template, "web-0d1f2-off", vsphere.CloneSpec{VMSpec: &vsphere.VMSpec{CPU: 1, MemoryMiB: 512}, Folder: folder, Slot: 7}))
	off := awaitSnapshot(t, v, "one that is off", func(s vsphere.Snapshot) bool { return len(s.VMs) == 2 && len(s.Operations) == 0 }).VMs[1]
	empty := vsphere.GroupID{Namespace: "default", Name: "empty", UID: "uid-empty"}
	emptyFolder, err := v.EnsureFolder(ctx, empty)
	must(t, err)
	must(t, sim.Control.SetCloneDelay(ctx, slowClone))
	must(t, startClone(t, v, web, template, "web-0d1f2-slow", spec))
	slow := awaitSnapshot(t, v, "a clone under way", func(s vsphere.Snapshot) bool {
		return len(s.Operations) == 1 && s.Operations[0].Task != ""
	}).Operations[0]
	must(t, sim.Control.ResetCalls(ctx))

	closed.Store(true)
	other := vsphere.GroupID{Namespace: "default", Name: "db", UID: "uid-db"}
	_, folderErr := v.EnsureFolder(ctx, other)
	for name, err := range map[string]error{
		"EnsureFolder":  folderErr,
		"StartClones":   startClone(t, v, web, template, "web-0d1f2-1", spec),
		"StartPowerOff": v.Start(ctx, web, requestsOn(vsphere.OperationPowerOff, vm.Ref)),
		"StartPowerOn":  v.Start(ctx, web, requestsOn(vsphere.OperationPowerOn, vm.Ref)),
		"StartDestroy":  v.Start(ctx, web, requestsOn(vsphere.OperationDestroy, off.Ref)),
		"Cancel":        v.Cancel(ctx, slow),
		"RemoveFolder":  v.RemoveFolder(ctx, empty, emptyFolder),
	} {
		if vsphere.ClassOf(err) != vsphere.ClassUnavailable || !strings.Contains(err.Error(), "lease") {
			t.Errorf("%s: %v", name, err)
		}
	}
	calls, err := sim.Control.Calls(ctx)
	must(t, err)
	for _, method := range []string{"CreateFolder", "CloneVM_Task", "PowerOffVM_Task", "PowerOnVM_Task", "Destroy_Task", "CancelTask", "UnregisterAndDestroy_Task"} {
		if calls.Methods[method] != 0 {
			t.Errorf("%s was sent", method)
		}
	}
	s, err := v.Snapshot(ctx, web, "")
	must(t, err)
	remembered := func(op vsphere.Operation) bool { return op.Name != slow.Name || op.Cancelled }
	if slices.ContainsFunc(s.Operations, remembered) || len(s.Failures) != 0 {
		t.Errorf("what was not sent is remembered: %+v %+v", s.Operations, s.Failures)
	}
}

func TestConfigRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, endpoint, folder, templates string
	}{
		{"credentials in the endpoint", "https://user:secret@host/sdk", "", ""},
		{"no endpoint", "", "", ""},
		{"no URL", "https://user:secret@%zz/sdk", "", ""},
		{"the root is the VM folder", "host", "/", ""},
		{"the same folder", "host", "vms", "vms"},
		{"templates below the root", "host", "vms", "vms/templates"},
		{"the root below the templates", "host", "templates/vms", "templates"},
	} {
		_, err := vim.New(vim.Config{
			Endpoint: tt.endpoint, Folder: tt.folder, TemplateFolder: tt.templates, Owner: owner, Notifier: &notifier{},
			Credentials: func() (string, string, error) { return "", "", nil },
		})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := vim.New(vim.Config{Endpoint: "host"}); err == nil {
		t.Error("without an owner, credentials and a notifier: no error")
	}
}

func TestCallsThatHangEnd(t *testing.T) {
	sim, _, v, _ := started(t, func(cfg *vim.Config) { cfg.CallTimeout = 300 * time.Millisecond })
	cloned(t, v, "web-0d1f2-0")
	must(t, sim.Control.AddFault(t.Context(), control.Fault{Method: "CloneVM_Task", Slow: time.Second, Count: 1}))
	if err := submit(t, v, "web-0d1f2-1"); vsphere.ClassOf(err) != vsphere.ClassUnknown {
		t.Errorf("%s: %v", vsphere.ClassOf(err), err)
	}
	// The request is served after all; it is found, and nothing is forgotten.
	awaitSnapshot(t, v, "the VM", func(s vsphere.Snapshot) bool {
		return len(s.VMs) == 2 && len(s.Operations) == 0 && s.ClonesToCome == 0
	})
}
