// Package contract_test runs the contract of pkg/vsphere against the real adapter and the simulator, which is a process
// of its own: it is not free of data races.
package contract_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/contract"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

const (
	// patience is how long the adapter may take to read the inventory. It bounds a test that fails.
	patience = 30 * time.Second
	// slowClone is long enough for a clone to be seen under way, also after the adapter has started anew.
	slowClone = 3 * time.Second
	// noAddress is longer than any scenario takes: its guests have the addresses that it gives them.
	noAddress = 24 * time.Hour
)

func TestContract(t *testing.T) {
	contract.Run(t, func(t *testing.T, opts contract.Options) contract.World {
		t.Parallel() // each scenario has a simulator of its own
		process, err := vcsim.Start(t.Context(), vcsim.Options{TemplateFolder: opts.TemplateFolder, Inventory: "testdata/inventory.yaml"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := process.Stop(); err != nil {
				t.Error(err)
			}
		})
		w := &world{
			t: t, process: process,
			config: vim.Config{
				Endpoint:       process.URL,
				Credentials:    func() (string, string, error) { return process.Username, process.Password, nil },
				TLS:            vim.TLS{CAFile: process.CAFile},
				UserAgent:      "contract",
				Cluster:        clusters[0],
				Folder:         contract.RootFolder,
				TemplateFolder: opts.TemplateFolder,
				Owner:          "contract",
				MaxClones:      opts.MaxClones,
				MaxPower:       opts.MaxPower,
				Notifier:       opts.Notifier,
			},
		}
		w.start()
		t.Cleanup(func() { w.stop() })
		return w
	})
}

// world is a simulator, and the adapter that is connected to it.
type world struct {
	t       *testing.T
	process *vcsim.Process
	config  vim.Config
	client  *vim.VCenter
	stop    func()
}

// start connects a new adapter and waits until it has read the inventory.
func (w *world) start() {
	w.t.Helper()
	client, err := vim.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	w.client = client
	w.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("stop the adapter: %v", err)
		}
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !client.State().Synced {
		select {
		case <-again.C:
		case <-late.C:
			w.stop()
			w.t.Fatalf("the adapter is not synced after %s: %v", patience, client.State().Err)
		}
	}
}

func (w *world) Client() vsphere.Interface { return w.client }

// clusters are those in testdata/inventory.yaml.
var clusters = []string{"c1", "c2"}

func (w *world) Clusters() []string { return clusters }

func (w *world) ClusterOf(vm vsphere.Ref) string { return w.truth(vm).Cluster }

func (w *world) NetworksOf(vm vsphere.Ref) []string {
	w.t.Helper()
	truth := w.truth(vm)
	macs := map[string]bool{}
	for _, nic := range truth.NICs {
		if macs[nic.MAC] || nic.MAC == "" {
			w.t.Errorf("two network cards of %s have the MAC address %q", truth.Name, nic.MAC)
		}
		macs[nic.MAC] = true
	}
	return truth.Networks()
}

// StorageCluster is in testdata/inventory.yaml, as is what package contract says of it.
func (w *world) StorageCluster() string { return "c3" }

func (w *world) SetDatastore(name string, freeGiB int64, maintenance bool) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error {
		return c.SetDatastore(ctx, name, &freeGiB, maintenance)
	})
}

func (w *world) StoreOf(vm vsphere.Ref) string {
	w.t.Helper()
	stores := w.truth(vm).Datastores
	if len(stores) == 0 {
		return ""
	}
	return stores[0]
}

func (w *world) PolicyOf(vm vsphere.Ref) string {
	w.t.Helper()
	truth := w.truth(vm)
	for _, policy := range truth.DiskPolicies {
		if policy != truth.StoragePolicy {
			w.t.Errorf("%s has the storage policy %q, and its disks %q", truth.Name, truth.StoragePolicy, truth.DiskPolicies)
		}
	}
	return truth.StoragePolicy
}

// truth is what the simulator's books have of a VM.
func (w *world) truth(vm vsphere.Ref) control.VM {
	w.t.Helper()
	var found control.VM
	w.control(func(ctx context.Context, c *control.Client) error {
		vms, err := c.VMs(ctx)
		for _, one := range vms {
			if one.MoRef == string(vm) {
				found = one
			}
		}
		return err
	})
	return found
}

func (w *world) Restart() {
	w.stop()
	w.start()
}

// control gives the control port a deadline, and fails the test with what it fails with.
func (w *world) control(do func(context.Context, *control.Client) error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := do(ctx, w.process.Control); err != nil {
		w.t.Fatal(err)
	}
}

// made is control, for what makes an object.
func (w *world) made(do func(context.Context, *control.Client) (string, error)) vsphere.Ref {
	w.t.Helper()
	var ref string
	w.control(func(ctx context.Context, c *control.Client) (err error) {
		ref, err = do(ctx, c)
		return err
	})
	return vsphere.Ref(ref)
}

func (w *world) VMs() []vsphere.VM {
	w.t.Helper()
	var out []vsphere.VM
	w.control(func(ctx context.Context, c *control.Client) error {
		vms, err := c.VMs(ctx)
		for _, vm := range vms {
			out = append(out, vsphere.VM{
				Ref: vsphere.Ref(vm.MoRef), Name: vm.Name, Parent: vsphere.Ref(vm.Folder),
				InstanceUUID: vm.InstanceUUID, Template: vm.Template, Power: vsphere.PowerState(vm.PowerState),
				DiskBytes: vm.FirstDiskKiB() << 10,
			})
		}
		return err
	})
	return out
}

func (w *world) Folders() []string {
	w.t.Helper()
	var out []string
	w.control(func(ctx context.Context, c *control.Client) error {
		folders, err := c.Folders(ctx)
		for _, f := range folders {
			if _, path, ok := strings.Cut(f.Path, "/vm/"); ok {
				out = append(out, path)
			}
		}
		return err
	})
	return out
}

func (w *world) AddTemplate(folder, name string) vsphere.Ref {
	w.t.Helper()
	return w.made(func(ctx context.Context, c *control.Client) (string, error) { return c.AddTemplate(ctx, name, folder) })
}

func (w *world) AddForeignVM(folder, name string) vsphere.Ref {
	w.t.Helper()
	return w.made(func(ctx context.Context, c *control.Client) (string, error) { return c.AddForeignVM(ctx, folder, name) })
}

func (w *world) CopyVM(vm vsphere.Ref, name string) vsphere.Ref {
	w.t.Helper()
	return w.made(func(ctx context.Context, c *control.Client) (string, error) { return c.CloneVM(ctx, string(vm), name) })
}

func (w *world) Destroy(vm vsphere.Ref) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.DestroyVM(ctx, string(vm)) })
}

func (w *world) PowerOff(vm vsphere.Ref) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.PowerOff(ctx, string(vm)) })
}

func (w *world) Rename(vm vsphere.Ref, name string) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.Rename(ctx, string(vm), name) })
}

func (w *world) Move(vm vsphere.Ref, folder string) {
	w.t.Helper()
	to := w.made(func(ctx context.Context, c *control.Client) (string, error) { return c.CreateFolder(ctx, folder) })
	w.control(func(ctx context.Context, c *control.Client) error { return c.Move(ctx, string(vm), string(to)) })
}

func (w *world) MarkAsTemplate(vm vsphere.Ref, template bool) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error {
		if template {
			return c.MarkAsTemplate(ctx, string(vm))
		}
		return c.MarkAsVM(ctx, string(vm))
	})
}

func (w *world) Disconnect(vm vsphere.Ref, disconnected bool) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error {
		return c.SetConnectionState(ctx, string(vm), disconnected)
	})
}

func (w *world) AddDisk(vm vsphere.Ref) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error {
		_, err := c.AddDisk(ctx, string(vm))
		return err
	})
}

func (w *world) GrowDisk(vm vsphere.Ref, gib int32) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.GrowDisk(ctx, string(vm), gib) })
}

func (w *world) HideDevices(vm vsphere.Ref, hidden bool) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.HideDevices(ctx, string(vm), hidden) })
}

func (w *world) ReplaceDisk(vm, other vsphere.Ref) {
	w.t.Helper()
	w.DetachDisks(vm)
	w.control(func(ctx context.Context, c *control.Client) error {
		_, err := c.AttachDisk(ctx, string(vm), string(other))
		return err
	})
}

func (w *world) DetachDisks(vm vsphere.Ref) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.DetachDisk(ctx, string(vm), 0) })
}

func (w *world) TakeSnapshot(vm vsphere.Ref) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.TakeSnapshot(ctx, string(vm)) })
}

func (w *world) TakeNamedSnapshot(vm vsphere.Ref, name string) {
	w.t.Helper()
	w.made(func(ctx context.Context, c *control.Client) (string, error) {
		return c.TakeNamedSnapshot(ctx, string(vm), name)
	})
}

func (w *world) RemoveSnapshot(vm vsphere.Ref, name string) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.RemoveSnapshot(ctx, string(vm), name) })
}

func (w *world) DiskParent(vm vsphere.Ref) string {
	w.t.Helper()
	parents := w.truth(vm).DiskParents
	if len(parents) == 0 {
		return ""
	}
	return parents[0]
}

func (w *world) MoveDisk(vm vsphere.Ref, directory string) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.MoveDisk(ctx, string(vm), directory) })
}

func (w *world) RegisterDisk(vm vsphere.Ref) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.RegisterDisk(ctx, string(vm)) })
}

// Violations are the calls that the simulator has refused, for they must never be made.
func (w *world) Violations() (violations []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.Context()), patience)
	defer cancel()
	seen, err := w.process.Control.Violations(ctx)
	if err != nil {
		w.t.Error(err)
	}
	for _, v := range seen {
		violations = append(violations, v.String())
	}
	return violations
}

func (w *world) RemoveFolder(folder string) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.RemoveFolder(ctx, folder) })
}

func (w *world) RenameFolder(folder, name string) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.RenameFolder(ctx, folder, name) })
}

func (w *world) SetDRS(on bool) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.SetDRS(ctx, on, "fullyAutomated") })
}

func (w *world) SetMaintenance(host vsphere.Ref, on bool) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.SetHost(ctx, string(host), on, "") })
}

func (w *world) MoveFolder(folder, into string) {
	w.t.Helper()
	to := w.made(func(ctx context.Context, c *control.Client) (string, error) { return c.CreateFolder(ctx, into) })
	w.control(func(ctx context.Context, c *control.Client) error { return c.MoveFolder(ctx, folder, string(to)) })
}

func (w *world) SetOutage(on bool) {
	w.t.Helper()
	outage := control.OutageOff
	if on {
		outage = control.OutageRefuse
	}
	w.control(func(ctx context.Context, c *control.Client) error { return c.SetOutage(ctx, outage) })
}

func (w *world) SlowClones(on bool) {
	w.t.Helper()
	var delay time.Duration
	if on {
		delay = slowClone
	}
	w.control(func(ctx context.Context, c *control.Client) error { return c.SetCloneDelay(ctx, delay) })
}

func (w *world) HoldReads(on bool) {
	w.t.Helper()
	if on {
		w.fault(control.Fault{Method: "RetrievePropertiesEx", Type: control.Hang})
		return
	}
	w.control(func(ctx context.Context, c *control.Client) error { return c.ClearFaults(ctx) })
}

// methods are those that operations are submitted by.
var methods = map[vsphere.OperationKind]string{
	vsphere.OperationClone: "CloneVM_Task", vsphere.OperationPowerOn: "PowerOnVM_Task", vsphere.OperationReset: "ResetVM_Task",
	vsphere.OperationReconfigure: "ReconfigVM_Task", vsphere.OperationConfigure: "ReconfigVM_Task", vsphere.OperationShutdown: "ShutdownGuest",
	vsphere.OperationPowerOff: "PowerOffVM_Task", vsphere.OperationDestroy: "Destroy_Task",
}

func (w *world) LoseAnswer(kind vsphere.OperationKind) {
	w.t.Helper()
	w.fault(control.Fault{Method: methods[kind], Type: control.LostReply, Count: 1})
}

func (w *world) SetHotAdd(vm vsphere.Ref, possible bool) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error {
		return c.SetHotAdd(ctx, string(vm), possible, possible)
	})
}

func (w *world) SetStamp(vm vsphere.Ref, text string) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.SetStamp(ctx, string(vm), text) })
}

func (w *world) FailClone() {
	w.t.Helper()
	w.fault(control.Fault{Method: "CloneVM_Task", Type: "NoDiskSpace", TaskLevel: true, Count: 1})
}

func (w *world) fault(f control.Fault) {
	w.t.Helper()
	w.control(func(ctx context.Context, c *control.Client) error { return c.AddFault(ctx, f) })
}
