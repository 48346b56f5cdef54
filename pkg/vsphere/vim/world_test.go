package vim_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/contract"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

const (
	patience  = 30 * time.Second
	slowClone = 2 * time.Second
	owner     = "owner-1"
)

// startSimulator runs a simulated vCenter of the test's own, as a process: the simulator is not free of data races.
func startSimulator(t *testing.T, opts vcsim.Options) *vcsim.Process {
	t.Helper()
	sim, err := vcsim.Start(context.WithoutCancel(t.Context()), opts)
	if err != nil {
		t.Skipf("no simulator: %v", err)
	}
	t.Cleanup(func() {
		violations, err := sim.Control.Violations(context.Background())
		if err != nil || len(violations) > 0 {
			t.Errorf("forbidden calls: %+v, %v", violations, err)
		}
		if err := sim.Stop(); err != nil {
			t.Errorf("stop the simulator: %v", err)
		}
	})
	return sim
}

// configFor returns a configuration that fits a simulator.
func configFor(sim *vcsim.Process, notifier vsphere.Notifier) vim.Config {
	return vim.Config{
		Endpoint:    sim.URL,
		Credentials: func() (string, string, error) { return sim.Username, sim.Password, nil },
		TLS:         vim.TLS{CAFile: sim.CAFile},
		UserAgent:   "vim-test",
		Owner:       owner,
		Notifier:    notifier,
	}
}

// run starts a VCenter and returns what ends it.
func run(t *testing.T, cfg vim.Config) (*vim.VCenter, func()) {
	t.Helper()
	v, err := vim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Logf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return v, stop
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-late.C:
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

func awaitSynced(t *testing.T, v *vim.VCenter) {
	t.Helper()
	await(t, "in step with vCenter", func() bool { return v.State().Synced })
}

// notifier counts.
type notifier struct{ one, all atomic.Int64 }

func (n *notifier) Notify(vsphere.GroupID) { n.one.Add(1) }

func (n *notifier) NotifyAll() { n.all.Add(1) }

// world lets the contract change a simulated vCenter behind the adapter's back.
type world struct {
	t    *testing.T
	sim  *vcsim.Process
	cfg  vim.Config
	v    *vim.VCenter
	stop func()
}

func newWorld(t *testing.T, opts contract.Options) contract.World {
	sim := startSimulator(t, vcsim.Options{})
	if _, err := sim.Control.CreateFolder(t.Context(), opts.TemplateFolder); err != nil {
		t.Fatal(err)
	}
	cfg := configFor(sim, opts.Notifier)
	cfg.TemplateFolder, cfg.MaxClones = opts.TemplateFolder, opts.MaxClones
	cfg.OnUnclassified = func(fault string) { t.Errorf("unclassified fault %s", fault) }
	w := &world{t: t, sim: sim, cfg: cfg}
	w.start()
	return w
}

func (w *world) start() {
	w.v, w.stop = run(w.t, w.cfg)
	awaitSynced(w.t, w.v)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) made(ref string, err error) vsphere.Ref {
	w.t.Helper()
	w.must(err)
	return vsphere.Ref(ref)
}

func (w *world) ctx() context.Context { return w.t.Context() }

func (w *world) Client() vsphere.Interface { return w.v }

func (w *world) Restart() {
	w.stop()
	w.start()
}

func (w *world) VMs() []vsphere.VM {
	w.t.Helper()
	vms, err := w.sim.Control.VMs(w.ctx())
	w.must(err)
	var out []vsphere.VM
	for _, vm := range vms {
		out = append(out, vsphere.VM{
			Ref: vsphere.Ref(vm.MoRef), Name: vm.Name, Parent: vsphere.Ref(vm.Folder), InstanceUUID: vm.InstanceUUID,
			Template: vm.Template, Power: vsphere.PowerState(vm.PowerState), CPU: vm.NumCPU, MemoryMiB: int64(vm.MemoryMB),
		})
	}
	return out
}

func (w *world) Folders() []string {
	w.t.Helper()
	folders, err := w.sim.Control.Folders(w.ctx())
	w.must(err)
	var out []string
	for _, f := range folders {
		out = append(out, strings.TrimPrefix(f.Path, "/DC0/vm/"))
	}
	return out
}

func (w *world) AddTemplate(folder, name string) vsphere.Ref {
	return w.made(w.sim.Control.AddTemplate(w.ctx(), name, folder))
}

func (w *world) AddForeignVM(folder, name string) vsphere.Ref {
	w.made(w.sim.Control.CreateFolder(w.ctx(), folder))
	return w.made(w.sim.Control.AddForeignVM(w.ctx(), folder, name))
}

func (w *world) CopyVM(vm vsphere.Ref, name string) vsphere.Ref {
	return w.made(w.sim.Control.CloneVM(w.ctx(), string(vm), name))
}

func (w *world) Destroy(vm vsphere.Ref) { w.must(w.sim.Control.DestroyVM(w.ctx(), string(vm))) }

func (w *world) PowerOff(vm vsphere.Ref) { w.must(w.sim.Control.PowerOff(w.ctx(), string(vm))) }

func (w *world) Rename(vm vsphere.Ref, name string) {
	w.must(w.sim.Control.Rename(w.ctx(), string(vm), name))
}

func (w *world) Move(vm vsphere.Ref, folder string) {
	w.made(w.sim.Control.CreateFolder(w.ctx(), folder))
	w.must(w.sim.Control.Move(w.ctx(), string(vm), folder))
}

func (w *world) MarkAsTemplate(vm vsphere.Ref, template bool) {
	if template {
		w.must(w.sim.Control.MarkAsTemplate(w.ctx(), string(vm)))
	} else {
		w.must(w.sim.Control.MarkAsVM(w.ctx(), string(vm)))
	}
}

func (w *world) Disconnect(vm vsphere.Ref, disconnected bool) {
	w.must(w.sim.Control.SetConnectionState(w.ctx(), string(vm), disconnected))
}

func (w *world) AddDisk(vm vsphere.Ref) {
	_, err := w.sim.Control.AddDisk(w.ctx(), string(vm))
	w.must(err)
}

func (w *world) RemoveFolder(folder string) {
	w.must(w.sim.Control.RemoveFolder(w.ctx(), folder))
}

func (w *world) RenameFolder(folder, name string) {
	w.must(w.sim.Control.RenameFolder(w.ctx(), folder, name))
}

func (w *world) SetOutage(on bool) {
	outage := control.OutageOff
	if on {
		outage = control.OutageRefuse
	}
	w.must(w.sim.Control.SetOutage(w.ctx(), outage))
}

func (w *world) SlowClones(on bool) {
	delay := time.Duration(0)
	if on {
		delay = slowClone
	}
	w.must(w.sim.Control.SetCloneDelay(w.ctx(), delay))
}

func (w *world) LoseCloneAnswer() {
	w.must(w.sim.Control.AddFault(w.ctx(), control.Fault{Method: "CloneVM_Task", Type: control.LostReply, Count: 1}))
}

func (w *world) FailClone() {
	w.must(w.sim.Control.AddFault(w.ctx(), control.Fault{
		Method: "CloneVM_Task", Type: "NoDiskSpace", Count: 1, TaskLevel: true,
	}))
}

func (w *world) String() string { return fmt.Sprintf("simulator at %s", w.sim.URL) }

func TestContract(t *testing.T) { contract.Run(t, newWorld) }
