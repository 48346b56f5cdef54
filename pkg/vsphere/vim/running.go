package vim

import (
	"context"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// RunningTask is a task of vCenter's that has not ended, ours or not.
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
