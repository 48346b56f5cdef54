package vim

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// destination returns the name of the VM that a clone task makes, and its folder. The task does not say it; the event that
// belongs to the same chain does.
func (c *connection) destination(ctx context.Context, info types.TaskInfo) (name string, folder vsphere.Ref, err error) {
	if info.EventChainId == 0 {
		return "", "", nil
	}
	res, err := methods.QueryEvents(ctx, c.client, &types.QueryEvents{
		This: *c.client.ServiceContent.EventManager, Filter: types.EventFilterSpec{
			EventChainId: info.EventChainId, EventTypeId: []string{"VmBeingClonedEvent"},
		},
	})
	if err != nil {
		return "", "", err
	}
	for _, event := range res.Returnval {
		if cloned, ok := event.(*types.VmBeingClonedEvent); ok {
			return vsphere.UnescapeName(cloned.DestName), vsphere.Ref(cloned.DestFolder.Folder.Value), nil
		}
	}
	return "", "", nil
}

// recentTasks reads the tasks that vCenter's task manager lists.
func (c *connection) recentTasks(ctx context.Context) ([]types.TaskInfo, error) {
	objects, err := c.retrieve(ctx, types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{
			Obj: *c.client.ServiceContent.TaskManager, Skip: types.NewBool(true),
			SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: "TaskManager", Path: "recentTask"}},
		}},
		PropSet:                       []types.PropertySpec{propSpec("Task", "info")},
		ReportMissingObjectsInResults: types.NewBool(true), // a task may end and vanish meanwhile
	})
	if err != nil {
		return nil, fmt.Errorf("read the recent tasks: %w", err)
	}
	var infos []types.TaskInfo
	for _, o := range objects {
		if info, ok := o.props["info"].(types.TaskInfo); ok {
			info.Task = o.ref
			infos = append(infos, info)
		}
	}
	return infos, nil
}

// underWay reports whether a task has not ended.
func underWay(info types.TaskInfo) bool {
	return info.State == types.TaskInfoStateRunning || info.State == types.TaskInfoStateQueued
}

// cloneTasks are the descriptionIds of clone tasks: vCenter's, and its simulator's.
var cloneTasks = map[string]bool{"VirtualMachine.clone": true, "VirtualMachine.cloneVm": true}
