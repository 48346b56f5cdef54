package sim_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// TestEverythingAtOnce does everything there is to do, in several folders at once and beside a watch. It fails by a
// panic or a deadlock of the simulator; in the end the watch must have seen what there is.
func TestEverythingAtOnce(t *testing.T) {
	for _, visible := range []sim.Visible{sim.VisibleEnd, sim.VisibleStart} {
		t.Run(string(visible), func(t *testing.T) { everythingAtOnce(t, visible) })
	}
}

func everythingAtOnce(t *testing.T, visible sim.Visible) {
	const workers, rounds = 6, 40
	e := start(t, sim.Options{Templates: []string{"template", "second"}, Visible: visible})
	w := e.watchFolder()
	w.next()
	for i := range 3 {
		_, err := e.control.CreateFolder(e.ctx, fmt.Sprintf("group/%d", i))
		e.must(err)
	}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range rounds {
				e.anything(random)
			}
		})
	}
	wg.Wait()
	for {
		clones, err := e.control.Clones(e.ctx)
		e.must(err)
		if len(clones) == 0 {
			break
		}
	}
	_, err := e.control.AddForeignVM(e.ctx, "group", "last")
	e.must(err)
	last := e.vm("last")
	w.until("the last one", func() bool { return w.has(last) })
	vms, err := e.control.VMs(e.ctx)
	e.must(err)
	for _, vm := range vms {
		props, seen := w.objects[vm.MoRef]
		if below := len(vm.Path) > len("/DC0/vm/group/") && vm.Path[:len("/DC0/vm/group/")] == "/DC0/vm/group/"; below != seen {
			t.Errorf("%s: seen %v", vm.Path, seen)
		} else if seen && (props["name"] != vm.Name || fmt.Sprint(props["runtime.powerState"]) != vm.PowerState) {
			t.Errorf("%s is seen as %v", vm.Path, props)
		}
	}
}

// anything makes one change at random. Most fail at times, because something else was faster; that is the point.
func (e *env) anything(random *rand.Rand) {
	name := fmt.Sprintf("vm-%d", random.IntN(6))
	folder := fmt.Sprintf("group/%d", random.IntN(3))
	switch random.IntN(12) {
	case 0:
		_, _ = e.submit(name, extra("vmgroup.stamp", name), powerOn)
	case 1, 2, 3:
		if task, err := e.submit(name, powerOn); err == nil {
			_ = task.Wait(e.ctx)
		}
	case 4:
		_, _ = e.control.AddForeignVM(e.ctx, folder, name)
	case 5, 6:
		_ = e.control.DestroyVM(e.ctx, name)
	case 7:
		_ = e.control.Move(e.ctx, name, folder)
	case 8:
		_ = e.control.Rename(e.ctx, name, name+"x")
	case 9:
		_ = e.control.PowerOff(e.ctx, name)
		_ = e.control.MarkAsTemplate(e.ctx, name)
	case 10:
		_ = e.control.MarkAsVM(e.ctx, name)
		_, _ = e.control.CloneVM(e.ctx, name, name+"y")
	case 11:
		if random.IntN(2) == 0 {
			_ = e.control.RemoveFolder(e.ctx, folder)
		}
		_, _ = e.control.CreateFolder(e.ctx, folder)
	}
}
