package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// stale is how the collectors lie about what they should know. What is hidden is the hub's.
type stale struct {
	mu      sync.Mutex
	frozen  bool
	swallow int        // updates still to be lost
	shuffle *rand.Rand // nil: updates come in the order that they were made
}

func (s *stale) isFrozen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frozen
}

// swallows reports whether the next update is to be lost, and uses that up.
func (s *stale) swallows() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.swallow == 0 {
		return false
	}
	s.swallow--
	return true
}

// order returns those of the updates that are to be sent now, and keeps the others waiting. While updates are reordered,
// those of one tick are shuffled, and each comes now or later.
func (s *stale) order(waiting *[]filterUpdate, fresh []filterUpdate) (now []filterUpdate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := append(*waiting, fresh...)
	*waiting = nil
	if s.shuffle == nil {
		return all
	}
	s.shuffle.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, u := range all {
		if s.shuffle.IntN(2) == 0 {
			now = append(now, u)
		} else {
			*waiting = append(*waiting, u)
		}
	}
	return now
}

func (s *Simulator) opReorderUpdates(r control.Request) (any, error) {
	s.stale.mu.Lock()
	defer s.stale.mu.Unlock()
	s.stale.shuffle = nil
	if r.On {
		s.stale.shuffle = rand.New(rand.NewPCG(uint64(r.Count), 0))
	}
	return control.Reply{}, nil
}

func (s *Simulator) opFreezeUpdates(r control.Request) (any, error) {
	s.stale.mu.Lock()
	defer s.stale.mu.Unlock()
	s.stale.frozen = r.On
	return control.Reply{}, nil
}

func (s *Simulator) opSwallowUpdates(r control.Request) (any, error) {
	s.stale.mu.Lock()
	defer s.stale.mu.Unlock()
	s.stale.swallow = max(0, r.Count)
	return control.Reply{}, nil
}

func (s *Simulator) opHideVMs(r control.Request) (any, error) {
	if r.Hidden == nil {
		return nil, fmt.Errorf("hide what?")
	}
	refs, err := s.chosen(*r.Hidden)
	if err != nil {
		return nil, err
	}
	s.hub.hide(refs)
	out := []string{}
	for _, ref := range refs {
		out = append(out, ref.Value)
	}
	return out, nil
}

func (s *Simulator) opUnhideVMs(control.Request) (any, error) {
	s.hub.unhide()
	return control.Reply{}, nil
}

// chosen is the virtual machines that are to be hidden, each once.
func (s *Simulator) chosen(h control.Hidden) ([]types.ManagedObjectReference, error) {
	var refs []types.ManagedObjectReference
	choose := func(moRef string) {
		ref := types.ManagedObjectReference{Type: "VirtualMachine", Value: moRef}
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	for _, key := range h.VMs {
		vm, err := s.findVM(key)
		if err != nil {
			return nil, err
		}
		choose(vm.Self.Value)
	}
	vms := s.vms()
	if h.Folder != "" {
		folder, err := s.findFolder(h.Folder)
		if err != nil {
			return nil, err
		}
		for _, vm := range vms {
			if vm.Folder == folder.Self.Value {
				choose(vm.MoRef)
			}
		}
	}
	stamped := slices.DeleteFunc(vms, func(vm control.VM) bool { return vm.Stamp == "" })
	for _, vm := range stamped[:int(math.Ceil(min(1, max(0, h.Fraction))*float64(len(stamped))))] {
		choose(vm.MoRef)
	}
	return refs, nil
}

// hide takes virtual machines out of every view and tells the filters.
func (h *hub) hide(refs []types.ManagedObjectReference) {
	h.mu.Lock()
	for _, ref := range refs {
		h.hidden[ref] = struct{}{}
	}
	h.mu.Unlock()
	h.reconsider(refs)
}

// unhide brings back all that was hidden.
func (h *hub) unhide() {
	h.mu.Lock()
	var refs []types.ManagedObjectReference
	for ref := range h.hidden {
		refs = append(refs, ref)
	}
	clear(h.hidden)
	h.mu.Unlock()
	h.reconsider(refs)
}

// reconsider lets the filters look whether objects still belong to them.
func (h *hub) reconsider(refs []types.ManagedObjectReference) {
	for _, ref := range refs {
		if obj := h.record.registry.Get(ref); obj != nil {
			h.each(func(f *filter) { f.put(obj, ref) })
		}
	}
}

// isHidden reports whether no view shows an object, although it is there.
func (h *hub) isHidden(ref types.ManagedObjectReference) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	_, ok := h.hidden[ref]
	return ok
}
