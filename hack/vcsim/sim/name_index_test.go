package sim_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// TestLookUp finds virtual machines by whatever name they have now, without a walk through all of them.
func TestLookUp(t *testing.T) {
	for _, visible := range []sim.Visible{sim.VisibleEnd, sim.VisibleStart} {
		t.Run(string(visible), func(t *testing.T) {
			e := start(t, sim.Options{Visible: visible})
			found := func(want bool, key string) {
				t.Helper()
				if err := e.control.Reconfigure(e.ctx, key, 2, 0); (err == nil) != want {
					t.Errorf("%q is found: %v, want %t", key, err, want)
				}
			}
			vm := e.clone("a")
			for _, key := range []string{"a", vm.Value, "group/a", "/group/a"} {
				found(true, key)
			}
			for _, key := range []string{"", "b", "group", "other/a", e.folder.Value} {
				found(false, key)
			}
			_, err := e.control.AddForeignVM(e.ctx, "other", "a")
			e.must(err)
			found(false, "a") // which of them?
			found(true, "group/a")
			found(true, "other/a")

			task, err := object.NewVirtualMachine(e.client.Client, vm).Reconfigure(e.ctx, types.VirtualMachineConfigSpec{Name: "b"})
			e.must(err)
			e.must(task.Wait(e.ctx))
			found(true, "b")
			found(true, "a")
			e.must(e.control.Rename(e.ctx, "b", "c"))
			found(true, "group/c")
			found(false, "b")
			e.must(e.control.RenameFolder(e.ctx, "group", "renamed"))
			found(true, "renamed/c")
			found(false, "group/c")
			e.must(e.control.Move(e.ctx, "c", "other"))
			found(true, "other/c")
			e.must(e.control.DestroyVM(e.ctx, "c"))
			found(false, "c")
			found(false, vm.Value)
		})
	}
}
