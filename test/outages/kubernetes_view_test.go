package outages

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/apiproxy"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// looked waits until a controller that sees a group wrongly has wanted to change vCenter twice: each time it first
// reads the group live, or writes what the API server refuses from an older version.
func (w *world) looked(name string) {
	w.T.Helper()
	w.Eventually("the controller has looked at "+name, func() error { return w.lookedTwice(name) })
}

func (w *world) lookedTwice(name string) error {
	proofs := 0
	for _, r := range w.api.Requests() {
		if group := "/vmgroups/" + name; strings.HasSuffix(r.Path, group) || strings.HasSuffix(r.Path, group+"/status") {
			proofs++
		}
	}
	if proofs < 2 {
		return fmt.Errorf("%d calls for the group", proofs)
	}
	return nil
}

// held waits until the proxy holds an event back.
func (w *world) held() {
	w.T.Helper()
	w.Eventually("an event is held back", func() error {
		if w.api.Held() == 0 {
			return errors.New("none yet")
		}
		return nil
	})
}

// past returns what a list of the VmGroups looks like now.
func (w *world) past() apiproxy.List {
	w.T.Helper()
	past, err := w.api.Remember(w.T.Context(), w.Namespace)
	harness.Must(w.T, err)
	return past
}

func wants(e apiproxy.Event, n int32) bool {
	return e.Group.Spec.Replicas != nil && *e.Group.Spec.Replicas == n
}

// TestScaledBackSeenAsScaledUp scales 1 → 5 → 1, and the controller sees the 5 at last.
func TestScaledBackSeenAsScaledUp(t *testing.T) {
	upAndBack := func(w *world) {
		w.api.Freeze()
		w.Scale("web", 5)
		w.Scale("web", 1)
		w.held()
	}
	for name, lie := range map[string]func(w *world, c *harness.Controller){
		"the later event is lost": func(w *world, _ *harness.Controller) {
			upAndBack(w)
			w.api.Filter(func(e apiproxy.Event) []apiproxy.Event {
				if wants(e, 5) {
					return []apiproxy.Event{e}
				}
				return nil
			})
			w.api.Thaw()
			w.looked("web")
		},
		"the events are swapped, and come twice": func(w *world, _ *harness.Controller) {
			upAndBack(w)
			var late []apiproxy.Event
			swapped := make(chan struct{})
			w.api.Filter(func(e apiproxy.Event) []apiproxy.Event {
				if wants(e, 5) {
					late = append(late, e, e)
					return nil
				}
				all := append([]apiproxy.Event{e, e}, late...)
				if late != nil {
					late = nil
					close(swapped)
				}
				return all
			})
			w.api.Thaw()
			<-swapped
			// Either it has synced the later one in between, and then waits until it sees the status that it has written; or
			// it wants to clone, and finds that the group has changed.
			w.Eventually("the controller has looked at web", func() error {
				vg, err := w.Get("web")
				if err == nil && vg.Status.ObservedGeneration != vg.Generation {
					err = w.lookedTwice("web")
				}
				return err
			})
		},
		"the list of a new process is old": func(w *world, c *harness.Controller) {
			c.Stop()
			w.Scale("web", 5)
			past := w.past()
			w.Scale("web", 1)
			w.api.Rewind(past)
			w.start()
			w.looked("web")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vcsim.Options{})
			c := w.start()
			w.Create(w.Group("web", 1))
			vg := w.Ready("web", 1)
			before := w.VMs(vg)
			w.api.ResetRequests()
			lie(w, c)
			w.api.Repair()
			w.Ready("web", 1)
			w.same(vg, before)
			w.made(1, 0)
		})
	}
}

// TestDeletedSeenAlive starts a controller that is told of a VmGroup, with VMs on record, that is gone with all of them.
func TestDeletedSeenAlive(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	c := w.start()
	w.Create(w.Group("web", 2))
	vg := w.Ready("web", 2)
	past := w.past()
	w.Delete("web")
	w.Gone(vg)
	c.Stop()
	w.api.Rewind(past)
	w.api.ResetRequests()
	w.start()
	w.looked("web")
	w.made(2, 2)
	w.api.Repair()
	w.Create(w.Group("other", 1))
	w.Ready("other", 1)
	w.made(3, 2)
	folders, err := w.VCenter.Control.Folders(t.Context())
	harness.Must(t, err)
	for _, f := range folders {
		if f.Path == w.FolderPath("web") {
			t.Errorf("the folder of a VmGroup that is gone was made again")
		}
	}
}

// TestSuccessorSeenAsItsPredecessor deletes a VmGroup and makes another of its name, and the controller is told of the
// first one, being deleted.
func TestSuccessorSeenAsItsPredecessor(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	c := w.start()
	w.Create(w.Group("web", 2))
	first := w.Ready("web", 2)
	c.Stop()
	w.Delete("web")
	past := w.past()
	c = w.start()
	w.Gone(first)
	w.Create(w.Group("web", 2))
	second := w.Ready("web", 2)
	before := w.VMs(second)
	c.Stop()
	w.api.Rewind(past)
	w.api.ResetRequests()
	w.start()
	w.looked("web")
	vg, err := w.Get("web")
	harness.Must(t, err)
	if vg.UID != second.UID || len(vg.Finalizers) != 1 {
		t.Errorf("the successor is %s with finalizers %v", vg.UID, vg.Finalizers)
	}
	w.same(second, before)
	w.api.Repair()
	w.Scale("web", 3)
	w.Ready("web", 3)
	w.made(5, 2)
}

// TestOwnWriteNotVisible hides from the controller whatever it writes: it must not act on what was before.
func TestOwnWriteNotVisible(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.start()
	w.Create(w.Group("other", 1)) // when it is READY, the controller knows vCenter
	w.Ready("other", 1)
	w.api.Filter(func(e apiproxy.Event) []apiproxy.Event {
		if e.Type == "MODIFIED" {
			return nil
		}
		return []apiproxy.Event{e}
	})
	vg := w.Create(w.Group("web", 3))
	w.Eventually("the first VMs are there", func() error {
		if len(w.VMs(vg)) == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	// The VMs that appear wake the controller again and again; it finds its cache without the finalizer.
	w.api.Repair()
	w.Ready("web", 3)
	w.made(4, 0)
}

// TestFrozenWatch hides all changes for a while, and then says that they are too old to be told.
func TestFrozenWatch(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.start()
	w.Create(w.Group("web", 1))
	w.Create(w.Group("old", 1))
	w.Ready("web", 1)
	old := w.Ready("old", 1)
	w.api.Freeze()
	w.Scale("web", 3)
	w.Delete("old")
	w.Create(w.Group("new", 1))
	w.held()
	w.made(2, 0)
	w.api.Repair()
	w.Ready("web", 3)
	w.Ready("new", 1)
	w.Gone(old)
	w.made(5, 1)
}

// TestLostDeletion hides that a VmGroup is being deleted until the watch is made anew.
func TestLostDeletion(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.start()
	w.Create(w.Group("web", 2))
	vg := w.Ready("web", 2)
	w.api.Filter(func(e apiproxy.Event) []apiproxy.Event {
		if e.Group.DeletionTimestamp != nil {
			return nil
		}
		return []apiproxy.Event{e}
	})
	w.Delete("web")
	// A VM that goes meanwhile must not be replaced: the API server refuses the status, for the group is going.
	w.api.ResetRequests()
	harness.Must(t, w.VCenter.Control.DestroyVM(t.Context(), w.VMs(vg)[0].MoRef))
	w.looked("web")
	w.made(2, 1) // by our own hand
	w.api.Repair()
	w.Gone(vg)
	w.made(2, 2)
}
