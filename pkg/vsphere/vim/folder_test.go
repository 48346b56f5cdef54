package vim

import (
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// What the account may not read is unknown, not empty.
func TestAFolderThatCannotBeReadIsNotRemoved(t *testing.T) {
	folder := folderRef("group-3")
	for name, read := range map[string]properties{
		"nothing of it":  {propName: &types.NoPermission{}, propChildren: &types.NoPermission{}},
		"but its name":   {propName: "web", propChildren: &types.NoPermission{}},
		"without a word": {},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{reads: reads{folder: {read}}}
			c := scripted(t, s)
			wantClass(t, "RemoveFolder", removed(t, c), vsphere.ClassInvalid)
			if s.sent("UnregisterAndDestroy_Task") {
				t.Errorf("sent: %v", s.calls)
			}
		})
	}
}
