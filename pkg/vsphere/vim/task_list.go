package vim

import (
	"maps"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// minPause is how long tasks that are submitted wait for each other before the list is changed.
const minPause = 20 * time.Millisecond

const (
	propTaskState  = "info.state"
	propTaskError  = "info.error"
	propTaskResult = "info.result"
)

func taskProps() []string { return []string{propTaskState, propTaskError, propTaskResult} }

// taskList is the list view of the tasks in flight. It is changed in batches: vCenter (and still more its simulator)
// answers each change by looking at the whole list.
type taskList struct {
	calls  sync.Mutex // held over a call, so that changes stay in order
	mu     sync.Mutex
	listed map[vsphere.Ref]bool
	// told is what the collector has said of each: it may tell a task's state and its result one after the other.
	told map[vsphere.Ref]properties
	kick chan struct{}
}

func (l *taskList) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.listed)
}

// wake has the list brought up to date soon.
func (l *taskList) wake() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// changes compares the list with the tasks that are to be watched.
func (l *taskList) changes(tasks []vsphere.Ref) (want map[vsphere.Ref]bool, add, remove []types.ManagedObjectReference) {
	l.mu.Lock()
	defer l.mu.Unlock()
	want = make(map[vsphere.Ref]bool, len(tasks))
	for _, task := range tasks {
		want[task] = true
		if !l.listed[task] {
			add = append(add, taskRef(task))
		}
	}
	for task := range l.listed {
		if !want[task] {
			remove = append(remove, taskRef(task))
		}
	}
	return want, add, remove
}

func taskRef(ref vsphere.Ref) types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "Task", Value: string(ref)}
}

// tell returns what is known of a task now, in a copy.
func (l *taskList) tell(task vsphere.Ref, u types.ObjectUpdate) properties {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told[task] == nil || u.Kind == types.ObjectUpdateKindEnter {
		l.told[task] = properties{}
	}
	l.told[task].apply(u.ChangeSet)
	return maps.Clone(l.told[task])
}

// toldEnd reports whether a task in the list is known to have ended.
func (l *taskList) toldEnd(task vsphere.Ref) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return hasEnded(l.told[task])
}

// hasEnded reports whether a task has, by its properties.
func hasEnded(task properties) bool {
	state := types.TaskInfoState(task.text(propTaskState))
	return state == types.TaskInfoStateSuccess || state == types.TaskInfoStateError
}

func newTaskList() *taskList {
	return &taskList{listed: map[vsphere.Ref]bool{}, told: map[vsphere.Ref]properties{}, kick: make(chan struct{}, 1)}
}
