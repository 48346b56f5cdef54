package vim

import (
	"context"
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// RunningTask is a task of vCenter's that has not ended, whoever has started it.
type RunningTask struct {
	Task vsphere.Ref
	// What is done, as vCenter names it: "clone", "powerOn", "destroy".
	What string
	// Entity is what it is done to; of a clone the source.
	Entity vsphere.Ref
	// Name and Folder are those of the VM that a clone makes, empty where vCenter does not tell.
	Name   string
	Folder vsphere.Ref
	Queued bool // waiting to run
	// Progress is how much of it is done, in percent.
	Progress int32
}

// RunningTasks reads the tasks that have not ended, for people to look at: it is several calls, and vCenter shows recent
// tasks alone.
func (v *VCenter) RunningTasks(ctx context.Context) ([]RunningTask, error) {
	c, err := v.synced()
	if err != nil {
		return nil, err
	}
	infos, err := c.recentTasks(ctx)
	if err != nil {
		return nil, v.fail("Read the running tasks", err)
	}
	var running []RunningTask
	for _, info := range infos {
		if info.Entity == nil || !underWay(info) {
			continue
		}
		task := RunningTask{
			Task:     vsphere.Ref(info.Task.Value),
			What:     strings.TrimSuffix(info.DescriptionId[strings.LastIndex(info.DescriptionId, ".")+1:], "Vm"),
			Entity:   vsphere.Ref(info.Entity.Value),
			Queued:   info.State == types.TaskInfoStateQueued,
			Progress: info.Progress,
		}
		if cloneTasks[info.DescriptionId] {
			if task.Name, task.Folder, err = c.destination(ctx, info); err != nil {
				return nil, v.fail("Read what a clone task makes", err)
			}
		}
		running = append(running, task)
	}
	return running, nil
}

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
