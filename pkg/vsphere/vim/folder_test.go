package vim

import (
	"testing"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// What the account may not read is unknown, not empty.
func TestAFolderThatCannotBeReadIsNotRemoved(t *testing.T) {
	c := syncedConnection(t, "", func(req, res soap.HasFault) error {
		read, ok := res.(*methods.RetrievePropertiesExBody)
		if !ok {
			t.Errorf("sent: %s", methodName(req))
			return soap.WrapVimFault(&types.NotSupported{})
		}
		read.Res = &types.RetrievePropertiesExResponse{Returnval: &types.RetrieveResult{
			Objects: []types.ObjectContent{{Obj: folderRef("group-3"), MissingSet: []types.MissingProperty{
				{Path: "childEntity", Fault: types.LocalizedMethodFault{Fault: &types.NoPermission{}}},
			}}},
		}}
		return nil
	})
	err := c.v.RemoveFolder(t.Context(), vsphere.GroupID{Namespace: "default", Name: "web", UID: testUID}, "group-3")
	if vsphere.ClassOf(err) != vsphere.ClassInvalid {
		t.Errorf("%s: %v", vsphere.ClassOf(err), err)
	}
}
