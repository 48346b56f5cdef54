package sim

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

const (
	// journalKeep is how many entries the journal keeps at least.
	journalKeep = 200_000
	// journalSlack is how many more it lets gather before it drops the oldest all at once.
	journalSlack = 20_000
	// journalPage is how many entries a reader gets at most.
	journalPage = 10_000
)

// journal is everything that happened, in order. Its lock is taken under any other and takes none.
type journal struct {
	mu      sync.Mutex
	entries []control.Entry
	dropped int64         // entries that are no longer kept
	changed chan struct{} // closed when an entry is added; nil if nobody waits

	vms     map[string]control.VM     // as last described, by MoRef value
	touched map[string]time.Time      // when that was, by MoRef value
	folders map[string]control.Folder // likewise
}

func newJournal() *journal {
	return &journal{vms: make(map[string]control.VM), touched: make(map[string]time.Time), folders: make(map[string]control.Folder)}
}

// add appends an entry and returns its number.
func (j *journal) add(e control.Entry) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.append(e)
}

func (j *journal) append(e control.Entry) int64 {
	e.Seq, e.Time = j.dropped+int64(len(j.entries))+1, time.Now()
	j.entries = append(j.entries, e)
	if len(j.entries) >= journalKeep+journalSlack {
		j.dropped += journalSlack
		j.entries = slices.Clone(j.entries[journalSlack:])
	}
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
	return e.Seq
}

// vm adds a description of a virtual machine, unless it is the same as the last one.
func (j *journal) vm(vm control.VM) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if last, ok := j.vms[vm.MoRef]; ok && reflect.DeepEqual(last, vm) {
		return
	}
	j.vms[vm.MoRef], j.touched[vm.MoRef] = vm, time.Now()
	j.append(control.Entry{Kind: control.EntryVM, VM: &vm})
}

// folder adds a description of a folder, unless it is the same as the last one.
func (j *journal) folder(f control.Folder) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if last, ok := j.folders[f.MoRef]; ok && last == f {
		return
	}
	j.folders[f.MoRef] = f
	j.append(control.Entry{Kind: control.EntryFolder, Folder: &f})
}

// gone tells of the end of a virtual machine or a folder that was described.
func (j *journal) gone(ref types.ManagedObjectReference) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok := j.vms[ref.Value]; ok {
		delete(j.vms, ref.Value)
		delete(j.touched, ref.Value)
		j.append(control.Entry{Kind: control.EntryVMGone, MoRef: ref.Value})
	}
	if _, ok := j.folders[ref.Value]; ok {
		delete(j.folders, ref.Value)
		j.append(control.Entry{Kind: control.EntryFolderGone, MoRef: ref.Value})
	}
}

// vmChanged is when a virtual machine last changed, or zero if there is none.
func (j *journal) vmChanged(moRef string) time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.touched[moRef]
}

// last returns the newest n entries.
func (j *journal) last(n int) []control.Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries[max(0, len(j.entries)-n):])
}

// after returns the entries after a number, and if there are none a channel that is closed when there are some.
func (j *journal) after(since int64) ([]control.Entry, <-chan struct{}, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if since < j.dropped {
		return nil, nil, fmt.Errorf("the journal no longer has entry %d: the oldest it keeps is %d", since+1, j.dropped+1)
	}
	from := min(since-j.dropped, int64(len(j.entries)))
	page := j.entries[from:min(from+journalPage, int64(len(j.entries)))]
	if len(page) == 0 && j.changed == nil {
		j.changed = make(chan struct{})
	}
	return slices.Clone(page), j.changed, nil
}

// opJournal waits for entries until there are some, the time is up, or nobody waits any more.
func (s *Simulator) opJournal(ctx context.Context, r control.Request) (any, error) {
	s.noteEndedSessions()
	deadline := time.NewTimer(r.Wait)
	defer deadline.Stop()
	for {
		entries, more, err := s.journal.after(r.Since)
		if err != nil || len(entries) > 0 {
			return entries, err
		}
		select {
		case <-more:
		case <-deadline.C:
			return []control.Entry{}, nil
		case <-ctx.Done():
			return []control.Entry{}, nil
		case <-s.closed:
			return []control.Entry{}, nil
		}
	}
}

// recorder is the part of the hub that writes the journal. The registry calls it in the goroutine that makes the change,
// and that goroutine holds the object's lock or is the only one that knows the object: what it describes is what there is
// at that instant. It takes no lock but the registry's own and the journal's, which take no other.
type recorder struct {
	journal  *journal
	registry *simulator.Registry
	path     func(mo.Entity) string
}

// put tells of an object that is new or has moved. An unborn virtual machine has no name for anybody else yet.
func (r *recorder) put(obj mo.Reference, unborn bool) {
	switch o := obj.(type) {
	case *simulator.VirtualMachine:
		r.putVM(&o.VirtualMachine, unborn)
	case *mo.VirtualMachine:
		r.putVM(o, unborn)
	case *simulator.Folder:
		r.putFolder(&o.Folder)
	case *mo.Folder:
		r.putFolder(o)
	}
}

// updated tells of an object that has changed. One that is on its way out is changed once more after it has gone.
func (r *recorder) updated(obj mo.Reference, unborn bool) {
	switch obj.Reference().Type {
	case "VirtualMachine", "Folder":
		if r.registry.Get(obj.Reference()) != nil {
			r.put(obj, unborn)
		}
	}
}

func (r *recorder) putFolder(f *mo.Folder) {
	if slices.Contains(f.ChildType, "VirtualMachine") {
		r.journal.folder(control.Folder{MoRef: f.Self.Value, Name: f.Name, Path: r.path(f)})
	}
}

func (r *recorder) putVM(vm *mo.VirtualMachine, unborn bool) {
	if unborn {
		r.journal.vm(describeUnborn(vm, r.path(vm)))
		return
	}
	r.journal.vm(describe(r.registry, vm, r.path(vm)))
}
