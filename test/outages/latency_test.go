package outages

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// times is how often something is measured.
func times() int {
	if testing.Short() {
		return 3
	}
	return 20
}

// show logs the distribution of what was measured.
func show(t *testing.T, what string, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	n := len(took)
	t.Logf("%s, %d times: p50 %v, p99 %v, max %v", what, n, took[n/2].Round(time.Millisecond),
		took[(99*n+99)/100-1].Round(time.Millisecond), took[n-1].Round(time.Millisecond))
}

// TestDestroyedBehindOurBack measures the time from the end of a VM that somebody else destroys to the request for its
// successor.
func TestDestroyedBehindOurBack(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.start()
	w.Create(w.Group("web", 3))
	vg := w.Ready("web", 3)
	var took []time.Duration
	for i := range times() {
		w.Eventually("a VM is destroyed", func() error { // one that is being switched on refuses
			return w.VCenter.Control.DestroyVM(t.Context(), w.VMs(vg)[0].MoRef)
		})
		gone := time.Now()
		w.Eventually("its successor is asked for", func() error {
			calls, err := w.VCenter.Control.Calls(t.Context())
			asked := time.Unix(0, calls.LastClone)
			if err != nil || calls.Methods["CloneVM_Task"] <= 3+i {
				return errors.Join(errors.New("not yet"), err)
			}
			took = append(took, max(0, asked.Sub(gone)))
			return nil
		})
		w.cloned(4 + i)
		w.Ready("web", 3)
	}
	show(t, "a VM that is gone is noticed", took)
}

// TestFinalizerStripped gives a live VmGroup its finalizer back, and measures how soon. Nothing else happens.
func TestFinalizerStripped(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.start()
	w.Create(w.Group("web", 1))
	w.Ready("web", 1)
	var took []time.Duration
	for range times() {
		w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Finalizers = nil })
		stripped := time.Now()
		w.Meets("web", func(vg *v1alpha1.VmGroup) error {
			if !slices.Contains(vg.Finalizers, v1alpha1.Finalizer) {
				return errors.New("no finalizer")
			}
			return nil
		})
		took = append(took, time.Since(stripped))
	}
	show(t, "a finalizer is back", took)
	w.made(1, 0)
}
