package integration

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/app"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/fastclock"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestTwoControllersOnOneVCenter runs a controller for each of two namespaces of one cluster, with one root folder and one
// owner. Each keeps its own groups, though the other's have the same names; none touches what is the other's; and each
// reports the orphans of its namespace alone.
func TestTwoControllersOnOneVCenter(t *testing.T) {
	t.Parallel()
	first := harness.NewWorld(t, cluster, vcsim.Options{})
	second := first.Beside()
	start := func(w *harness.World) *harness.Controller {
		w.Observe(noObserver{})
		o := w.Options("-health-addr", "0")
		o.UserAgent = "controller-of-" + w.Namespace
		return w.RunWith(o, app.Overrides{Clock: fastclock.New(20)}) // orphans are looked for once a minute
	}
	controllers := []*harness.Controller{start(first), start(second)}
	for i, w := range []*harness.World{first, second} {
		w.Create(w.Group("web", 3))
		w.Create(w.Group("left", int32(1+i)))
	}
	for i, w := range []*harness.World{first, second} {
		w.Ready("web", 3)
		w.Ready("left", int32(1+i))
	}

	keep(t, first, second)
	ownOnly(t, first, second)

	for i, w := range []*harness.World{first, second} {
		controllers[i].Stop()
		strip(w, "left")
	}
	for i, w := range []*harness.World{first, second} {
		c := start(w)
		w.Eventually("orphans are counted", func() error { return countsOrphans(t, c, 1+i) })
	}
	ownOnly(t, first, second)
}

// keep changes the groups of one namespace after the other, and looks at both.
func keep(t *testing.T, first, second *harness.World) {
	t.Helper()
	web, other := first.Ready("web", 3), second.Ready("web", 3)
	before := second.VMs(other)
	harness.Must(t, first.VCenter.Control.DestroyVM(t.Context(), first.VMs(web)[0].MoRef))
	first.Eventually("the VM is made anew", func() error {
		if n := len(first.VMs(web)); n != 3 {
			return fmt.Errorf("there are %d VMs", n)
		}
		return nil
	})
	first.Scale("web", 1)
	first.Ready("web", 1)
	first.Delete("web")
	gone(t, first, web)
	for _, vm := range before {
		if !slices.ContainsFunc(second.VMs(other), func(now control.VM) bool { return now.MoRef == vm.MoRef && now.PowerState == "poweredOn" }) {
			t.Errorf("%s of the other namespace is gone or off", vm.Path)
		}
	}
	second.Scale("web", 4)
	second.Ready("web", 4)
}

// strip deletes a group while no controller runs, without the finalizer, so that its VMs are orphans.
func strip(w *harness.World, name string) {
	w.T.Helper()
	w.Delete(name)
	w.Update(name, func(vg *v1alpha1.VmGroup) { vg.Finalizers = nil })
	w.Eventually(name+" is gone", func() error {
		_, err := w.Get(name)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is still there"), err)
	})
}

func countsOrphans(t *testing.T, c *harness.Controller, want int) error {
	t.Helper()
	text, err := c.MetricsText(t.Context())
	if err == nil && !strings.Contains(text, fmt.Sprintf("\nvmgroup_orphans %d\n", want)) {
		_, rest, _ := strings.Cut(text, "\nvmgroup_orphans ")
		count, _, _ := strings.Cut(rest, "\n")
		err = fmt.Errorf("vmgroup_orphans is %s, want %d", count, want)
	}
	return err
}

// ownOnly goes through all that clients did, and fails the test where one changed what is the other's.
func ownOnly(t *testing.T, worlds ...*harness.World) {
	t.Helper()
	journal, err := worlds[0].VCenter.Control.Journal(t.Context(), 0, 0)
	harness.Must(t, err)
	paths, changes := map[string]string{}, map[string]int{} // by MoRef; by agent
	for _, e := range journal {
		target := ""
		switch e.Kind {
		case control.EntryVM:
			paths[e.VM.MoRef] = e.VM.Path
		case control.EntryFolder:
			paths[e.Folder.MoRef] = e.Folder.Path
		case control.EntryClone:
			target = paths[e.Clone.Folder]
		case control.EntryCall:
			switch e.Method {
			case "PowerOnVM_Task", "PowerOffVM_Task", "Destroy_Task", "UnregisterAndDestroy_Task", "ReconfigVM_Task":
				target = paths[e.MoRef]
			}
		default: // nothing was sent
		}
		if target == "" {
			continue
		}
		agent := e.Agent
		if e.Clone != nil {
			agent = e.Clone.Agent
		}
		changes[agent]++
		namespace, _ := strings.CutPrefix(agent, "controller-of-")
		if !strings.HasPrefix(target, "/DC0/vm/vmgroups/"+namespace+"/") {
			t.Errorf("%s: %s of %s", agent, e.Text(), target)
		}
	}
	for _, w := range worlds {
		if agent := "controller-of-" + w.Namespace; changes[agent] < 5 {
			t.Errorf("%s made %d changes: the journal does not tell who did what", agent, changes[agent])
		}
	}
}

// noObserver lets both controllers work on one vCenter: the invariants know one namespace.
type noObserver struct{}

func (noObserver) Kubernetes(next http.RoundTripper) http.RoundTripper { return next }
func (noObserver) VCenter(next http.RoundTripper) http.RoundTripper    { return next }
func (noObserver) Started()                                            {}
func (noObserver) Ended()                                              {}
