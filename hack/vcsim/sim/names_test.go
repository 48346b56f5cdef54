package sim_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// What a client has escaped is not escaped again, whichever call brings the name.
func TestNamesAreKeptEscaped(t *testing.T) {
	for sent, want := range map[string]string{
		"plain":   "plain",
		"a/b":     "a%2fb",
		`a\b`:     "a%5cb",
		"a%2fb":   "a%2fb",
		"a%2Fb":   "a%2fb",
		"a%5cb":   "a%5cb",
		"100%":    "100%25",
		"100%25":  "100%25",
		"a%252fb": "a%252fb",
		"a%41":    "aA",
		"%zz":     "%25zz",
		"%0a":     "%250a",
	} {
		t.Run(sent, func(t *testing.T) {
			t.Parallel()
			e := start(t, sim.Options{})
			name := func(ref types.ManagedObjectReference) string {
				var entity mo.ManagedEntity
				e.must(e.client.RetrieveOne(e.ctx, ref, []string{"name"}, &entity))
				return entity.Name
			}
			folder, err := object.NewFolder(e.client.Client, e.folder).CreateFolder(e.ctx, sent)
			e.must(err)
			if got := name(folder.Reference()); got != want {
				t.Errorf("a folder is kept as %q, want %q", got, want)
			}
			_, err = object.NewFolder(e.client.Client, e.folder).CreateFolder(e.ctx, want)
			if fault, ok := soap.ToSoapFault(err).VimFault().(types.DuplicateName); !ok || fault.Object != folder.Reference() {
				t.Errorf("the second folder of that name: %v", err)
			}
			found, err := object.NewSearchIndex(e.client.Client).FindChild(e.ctx, e.folder, want)
			if err != nil || found == nil || found.Reference() != folder.Reference() {
				t.Errorf("FindChild(%q): %v, %v", want, found, err)
			}
			vm := e.clone("vm-" + sent)
			if got := name(vm); got != "vm-"+want {
				t.Errorf("a clone is kept as %q, want %q", got, "vm-"+want)
			}
			task, err := object.NewVirtualMachine(e.client.Client, vm).Rename(e.ctx, "new-"+sent)
			e.must(err)
			e.must(task.Wait(e.ctx))
			if got := name(vm); got != "new-"+want {
				t.Errorf("a renamed VM is kept as %q, want %q", got, "new-"+want)
			}
			added, err := e.control.AddForeignVM(e.ctx, "group", "by hand "+sent)
			e.must(err)
			if got := name(types.ManagedObjectReference{Type: "VirtualMachine", Value: added}); got != "by hand "+want {
				t.Errorf("a VM that was made by hand is kept as %q, want %q", got, "by hand "+want)
			}
		})
	}
}
