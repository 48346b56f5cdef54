package sim_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// inFlight is how many clones run at once, as many as the controller's default.
const inFlight = 16

// BenchmarkClone clones n virtual machines of one template in a plain govmomi loop, alone and beside a watch over them.
// The watch keeps up if both take as long and its lag, from the end of the last clone until the watch has seen all of
// them switched on, is a few ticks. Run it with -benchtime=1x.
func BenchmarkClone(b *testing.B) {
	for _, n := range []int{300, 1000} {
		b.Run(fmt.Sprintf("vms=%d/plain", n), func(b *testing.B) {
			for range b.N {
				benchmarkClone(b, n, false)
			}
		})
		b.Run(fmt.Sprintf("vms=%d/watched", n), func(b *testing.B) {
			for range b.N {
				benchmarkClone(b, n, true)
			}
		})
	}
}

func benchmarkClone(b *testing.B, n int, watched bool) {
	b.StopTimer()
	e := start(b, sim.Options{})
	seen := make(chan int, 1)
	if watched {
		w := e.watchFolder()
		w.next()
		go func() { seen <- countOn(w, n) }()
	}
	e.must(e.control.ResetCalls(e.ctx))
	b.StartTimer()
	e.cloneMany(n)
	b.StopTimer()
	if watched {
		end := time.Now()
		if got := <-seen; got != n {
			b.Fatalf("the watch saw %d of %d", got, n)
		}
		b.ReportMetric(float64(time.Since(end).Milliseconds()), "lag-ms")
	}
	calls, err := e.control.Calls(e.ctx)
	e.must(err)
	b.ReportMetric(float64(calls.Total())/float64(n), "calls/vm")
	b.StartTimer()
}

// countOn polls until n virtual machines are switched on, or something fails, and returns how many are.
func countOn(w *watch, n int) int {
	on := 0
	for on < n {
		set, err := w.poll(w.e.ctx, w.version)
		if err != nil || set == nil {
			return on
		}
		w.apply(set)
		on = 0
		for _, props := range w.objects {
			if props["runtime.powerState"] == types.VirtualMachinePowerStatePoweredOn {
				on++
			}
		}
	}
	return on
}

func powerOn(s *types.VirtualMachineCloneSpec) { s.PowerOn = true }

func (e *env) cloneMany(n int) {
	names := make(chan string)
	var wg sync.WaitGroup
	for range inFlight {
		wg.Go(func() {
			for name := range names {
				task, err := e.submit(name, extra("vmgroup.stamp", name), powerOn)
				if err == nil {
					err = task.Wait(e.ctx)
				}
				if err != nil {
					e.t.Error(err)
				}
			}
		})
	}
	for i := range n {
		names <- fmt.Sprintf("vm-%04d", i)
	}
	close(names)
	wg.Wait()
}

// BenchmarkLatency measures how long a long poll over 1,000 virtual machines at rest takes to report a change of one.
// Run it with -benchtime=100x.
func BenchmarkLatency(b *testing.B) {
	const n = 1000
	e := start(b, sim.Options{})
	elsewhere, err := e.control.CreateFolder(e.ctx, "elsewhere")
	e.must(err)
	e.cloneMany(n)
	vms, err := e.control.VMs(e.ctx)
	e.must(err)
	vms = slices.DeleteFunc(vms, func(vm control.VM) bool { return vm.Template })
	w := e.watchFolder()
	w.until("first state", func() bool { return len(w.objects) == n })
	updates := e.stream(w)
	next, switchedOff := 0, 0
	for _, change := range []struct {
		name string
		make func(vm *object.VirtualMachine) (*object.Task, error)
	}{
		{"moved", func(vm *object.VirtualMachine) (*object.Task, error) {
			to := types.ManagedObjectReference{Type: "Folder", Value: elsewhere}
			return object.NewFolder(e.client.Client, to).MoveInto(e.ctx, []types.ManagedObjectReference{vm.Reference()})
		}},
		{"poweredOff", func(vm *object.VirtualMachine) (*object.Task, error) { return vm.PowerOff(e.ctx) }},
		{"destroyed", func(vm *object.VirtualMachine) (*object.Task, error) { return vm.Destroy(e.ctx) }},
	} {
		if change.name == "destroyed" {
			next = switchedOff // only those can be
		}
		switchedOff = next
		b.Run(change.name, func(b *testing.B) {
			var took []time.Duration
			for range b.N {
				ref := types.ManagedObjectReference{Type: "VirtualMachine", Value: vms[next].MoRef}
				next++
				begin := time.Now()
				_, err := change.make(object.NewVirtualMachine(e.client.Client, ref))
				e.must(err)
				for got := ""; got != ref.Value; {
					var ok bool
					if got, ok = <-updates; !ok {
						b.Fatal("the watch ended")
					}
				}
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// stream polls until the simulator closes, and sends the MoRef value of every object that is updated.
func (e *env) stream(w *watch) <-chan string {
	updates := make(chan string, 1000)
	go func() {
		defer close(updates)
		for {
			set, err := w.poll(e.ctx, w.version)
			if err != nil || set == nil {
				return
			}
			w.version = set.Version
			for _, f := range set.FilterSet {
				for _, u := range f.ObjectSet {
					updates <- u.Obj.Value
				}
			}
		}
	}()
	return updates
}

// BenchmarkControl measures what the control port takes for one call, by how many virtual machines there are: it must not
// be measured in place of the controller. Run it with -benchtime=100x.
func BenchmarkControl(b *testing.B) {
	for _, n := range []int{500, 5000} {
		b.Run(fmt.Sprintf("vms=%d", n), func(b *testing.B) { benchmarkControl(b, n) })
	}
}

func benchmarkControl(b *testing.B, n int) {
	e := start(b, sim.Options{})
	e.ctx = b.Context() // so many take longer to make than any wait of a test
	e.cloneMany(n)
	_, err := e.control.CreateFolder(e.ctx, "elsewhere")
	e.must(err)
	vms, err := e.control.VMs(e.ctx)
	e.must(err)
	vms = slices.DeleteFunc(vms, func(vm control.VM) bool { return vm.Template })
	for _, op := range []struct {
		name string
		do   func(vm control.VM) error
	}{
		{"reconfigure", func(vm control.VM) error { return e.control.Reconfigure(e.ctx, vm.MoRef, 2, 512) }},
		{"reconfigure-by-name", func(vm control.VM) error { return e.control.Reconfigure(e.ctx, vm.Name, 2, 512) }},
		{"move", func(vm control.VM) error { return e.control.Move(e.ctx, vm.MoRef, "elsewhere") }},
		{"destroy", func(vm control.VM) error { return e.control.DestroyVM(e.ctx, vm.MoRef) }},
	} {
		b.Run(op.name, func(b *testing.B) {
			for range b.N {
				if op.name == "destroy" {
					e.must(op.do(vms[0]))
					vms = vms[1:]
					continue
				}
				e.must(op.do(vms[len(vms)-1]))
			}
		})
	}
}
