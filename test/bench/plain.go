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

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// plain clones n VMs as one would with govmomi: so many at a time, each waited for.
func (b *bench) plain(ctx context.Context, o vcsim.Options, n, concurrency int) (took time.Duration, err error) {
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
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for i := range n {
		group.Go(func() error {
			task, err := template.Clone(ctx, folder, fmt.Sprintf("plain-%d", i), spec)
			if err != nil {
				return err
			}
			_, err = task.WaitForResult(ctx)
			return err
		})
	}
	err = group.Wait()
	return time.Since(began), err
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
