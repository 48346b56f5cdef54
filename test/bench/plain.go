package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
	"golang.org/x/sync/errgroup"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/cloudinit"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// plain clones n VMs as one would with govmomi: so many at a time, each waited for.
func (b *bench) plain(ctx context.Context, o vcsim.Options, n, concurrency int) (took time.Duration, err error) {
	return b.plainAnd(ctx, o, n, concurrency, nil)
}

// plainAnd is plain for VMs that are cloned off, and to each of which something else is done then, unless after is nil.
func (b *bench) plainAnd(
	ctx context.Context, o vcsim.Options, n, concurrency int, after func(context.Context, *object.VirtualMachine) error,
) (took time.Duration, err error) {
	o.Templates, o.TempDir = []string{harness.Template}, b.memory
	vc, err := vcsim.Start(ctx, o)
	if err != nil {
		return 0, err
	}
	defer func() {
		if stopErr := vc.Stop(); err == nil {
			err = stopErr
		}
	}()
	client, err := login(ctx, vc)
	if err != nil {
		return 0, err
	}
	template, folder, spec, err := prepare(ctx, client)
	if err != nil {
		return 0, err
	}
	spec.PowerOn = after == nil
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for i := range n {
		group.Go(func() error {
			task, err := template.Clone(ctx, folder, fmt.Sprintf("plain-%d", i), spec)
			if err != nil {
				return err
			}
			if _, err = task.WaitForResult(ctx); err != nil || after == nil {
				return err
			}
			vm, err := object.NewSearchIndex(client.Client).FindChild(ctx, folder, fmt.Sprintf("plain-%d", i))
			if err != nil {
				return err
			}
			if err := after(ctx, vm.(*object.VirtualMachine)); err != nil {
				return fmt.Errorf("after the clone: %w", err)
			}
			return nil
		})
	}
	err = group.Wait()
	return time.Since(began), err
}

// tellPlain hands the guest of a VM its data and switches the VM on, each waited for.
func tellPlain(ctx context.Context, vm *object.VirtualMachine) error {
	devices, err := vm.Device(ctx)
	if err != nil {
		return err
	}
	var cards []cloudinit.Card
	for _, device := range devices.SelectByType((*types.VirtualEthernetCard)(nil)) {
		cards = append(cards, cloudinit.Card{MAC: device.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard().MacAddress})
	}
	values, err := cloudinit.Values(cloudinit.Data{Instance: vm.Reference().Value, Hostname: "plain", Cards: cards, SSHKeys: []string{sshKey}})
	if err != nil {
		return err
	}
	var spec types.VirtualMachineConfigSpec
	for _, value := range values {
		spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: value.Key, Value: value.Value})
	}
	for _, step := range []func() (*object.Task, error){
		func() (*object.Task, error) { return vm.Reconfigure(ctx, spec) }, func() (*object.Task, error) { return vm.PowerOn(ctx) },
	} {
		task, err := step()
		if err == nil {
			err = task.Wait(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func login(ctx context.Context, vc *vcsim.Process) (*govmomi.Client, error) {
	u, err := url.Parse(vc.URL)
	if err != nil {
		return nil, err
	}
	u.User = url.UserPassword(vc.Username, vc.Password)
	client, err := govmomi.NewClient(ctx, u, true)
	if err != nil {
		return nil, err
	}
	client.DefaultTransport().TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // the simulator's, on loopback
	return client, nil
}

func prepare(ctx context.Context, client *govmomi.Client) (*object.VirtualMachine, *object.Folder, types.VirtualMachineCloneSpec, error) {
	var spec types.VirtualMachineCloneSpec
	finder := find.NewFinder(client.Client)
	dc, err := finder.DefaultDatacenter(ctx)
	if err != nil {
		return nil, nil, spec, err
	}
	finder.SetDatacenter(dc)
	template, err := finder.VirtualMachine(ctx, harness.Template)
	if err != nil {
		return nil, nil, spec, err
	}
	pool, err := finder.DefaultResourcePool(ctx)
	if err != nil {
		return nil, nil, spec, err
	}
	folders, err := dc.Folders(ctx)
	if err != nil {
		return nil, nil, spec, err
	}
	folder, err := folders.VmFolder.CreateFolder(ctx, "vmgroups") // the account may make VMs below the root folder only
	if err != nil {
		return nil, nil, spec, err
	}
	ref := pool.Reference()
	spec = types.VirtualMachineCloneSpec{
		Location: types.VirtualMachineRelocateSpec{Pool: &ref},
		PowerOn:  true,
		Config:   &types.VirtualMachineConfigSpec{NumCPUs: 1, MemoryMB: 1024},
	}
	return template, folder, spec, nil
}
