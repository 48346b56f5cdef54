package input

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

var (
	seedFlag  = flag.Uint64("chaos.seed", 0, "seed of the one sequence to run; default: new ones")
	stepsFlag = flag.Int("chaos.steps", 0, "length of each sequence; default: 200, and 60 with -short")
)

// TestChaos lets a user change a group at random while people do at random in vCenter what people do there. When they
// stop, and have undone what only people can, the group gets READY, has what a fresh group with that spec has, and nothing
// of others was touched. A sequence is repeated by its seed: go test ./test/input -run TestChaos -chaos.seed=N
func TestChaos(t *testing.T) {
	seeds, steps := 12, 200
	if testing.Short() {
		seeds, steps = 3, 60
	}
	if *stepsFlag > 0 {
		steps = *stepsFlag
	}
	for i := range seeds {
		seed := uint64(time.Now().UnixNano()) + uint64(i)
		if *seedFlag != 0 {
			seed = *seedFlag
		}
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { newChaos(t, seed).run(steps) })
		if *seedFlag != 0 {
			break
		}
	}
}

// chaos is a world in which a user and an administrator do as they please.
type chaos struct {
	t      *testing.T
	w      *harness.World
	vc     *control.Client
	c      *harness.Controller
	random *rand.Rand
	log    []string
	next   int // number of the next VM or folder made by hand

	neighbours *neighbours
	witness    *v1alpha1.VmGroup
	witnessed  []string
	foreign    map[string]control.VM // VMs that are not the group's, as their owners left them, by MoRef
	disks      map[string]bool       // VMs of the group with a disk of somebody else's
	tried      map[string]int
}

func newChaos(t *testing.T, seed uint64) *chaos {
	t.Parallel()
	w := harness.NewWorld(t, cluster, vcsim.Options{TemplateFolder: templateFolder, Datacenters: []string{"DC0", "DC1"}})
	// Nobody can know what somebody else has changed a moment ago. It is refused, and nothing is lost.
	w.VCenter.Excuse = func(v control.Violation) bool {
		return v.Refused && v.Kind == control.ViolationTripwire && v.Time.Sub(v.TargetChanged) < time.Second
	}
	invariants.Watch(w, invariants.Options{Stripped: true})
	c := &chaos{
		t: t, w: w, vc: w.VCenter.Control, random: rand.New(rand.NewPCG(seed, seed)),
		foreign: map[string]control.VM{}, disks: map[string]bool{}, tried: map[string]int{},
	}
	c.neighbours = addNeighbours(w)
	_, err := c.vc.CreateFolder(t.Context(), "elsewhere")
	harness.Must(t, err)
	harness.Must(t, c.vc.SetCloneDelay(t.Context(), time.Duration(c.random.IntN(3))*100*time.Millisecond))
	c.c = w.StartController("-datacenter", "DC0", "-template-folder", templateFolder)
	w.Create(w.Group(witness, 2))
	c.witness = w.Ready(witness, 2)
	c.witnessed = refs(w, c.witness)
	w.Create(w.Group("web", 3))
	w.Ready("web", 3)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d, the steps were:\n%s", seed, strings.Join(c.log, "\n"))
		}
	})
	return c
}

// step is something that somebody does. It returns what was done, empty if there was nothing to do it to.
type step struct {
	name   string
	weight int
	do     func(c *chaos) (string, error)
}

func (c *chaos) run(steps int) {
	all := slices.Concat(userSteps, peopleSteps)
	var bag []step
	for _, s := range all {
		bag = append(bag, slices.Repeat([]step{s}, s.weight)...)
	}
	for i := range steps {
		s := bag[c.random.IntN(len(bag))]
		done, err := s.do(c)
		if err != nil { // the world is not as it was a moment ago: nothing was done
			done += " refused: " + err.Error()
			if !strings.Contains(err.Error(), "404") && !strings.Contains(err.Error(), "409") && apierrors.ReasonForError(err) == metav1.StatusReasonUnknown {
				c.t.Fatalf("step %d, %s: %s", i, s.name, done)
			}
		} else if done != "" {
			c.tried[s.name]++
		}
		c.log = append(c.log, fmt.Sprintf("%d %s: %s", i, s.name, done))
	}
	c.undo()
	c.finish()
}

// finish ends the group as a user wants it, and compares it with a fresh one.
func (c *chaos) finish() {
	const n = 4
	spec := v1alpha1.VmGroupSpec{CPU: 2, Memory: 3, Template: harness.Template, Replicas: ptr.To[int32](n)}
	c.final(spec)
	c.ready("web", n)
	c.t.Logf("steps that were taken: %v", c.tried)
	// What ran before the last change of size or template is left as it is, and reported. So all are made anew.
	c.w.Scale("web", 0)
	c.ready("web", 0)
	c.w.Scale("web", n)
	ours := c.ready("web", n)
	fresh := c.w.Group("fresh", n)
	spec.DeepCopyInto(&fresh.Spec)
	c.w.Create(fresh)
	if diff := cmp.Diff(c.inventory(c.ready("fresh", n)), c.inventory(ours)); diff != "" {
		c.t.Errorf("the same spec gives another inventory after all that (-fresh +this):\n%s", diff)
	}
	sameVMs(c.t, c.w, c.witness, c.witnessed)
	c.neighbours.untouched()
	c.foreignUntouched()
	noPanics(c.w, c.c)
	if c.t.Failed() {
		return
	}
	c.w.Delete("web")
	c.gone()
	c.foreignUntouched()
}

// final gives the group its last spec, and makes it again if it is gone or going.
func (c *chaos) final(spec v1alpha1.VmGroupSpec) {
	c.t.Helper()
	group, err := c.w.Get("web")
	if err == nil && group.DeletionTimestamp != nil {
		c.gone()
		err = apierrors.NewNotFound(v1alpha1.SchemeGroupVersion.WithResource("vmgroups").GroupResource(), "web")
	}
	if apierrors.IsNotFound(err) {
		fresh := c.w.Group("web", 0)
		fresh.Spec = spec
		c.w.Create(fresh)
		return
	}
	harness.Must(c.t, err)
	c.w.Update("web", func(vg *v1alpha1.VmGroup) { spec.DeepCopyInto(&vg.Spec) })
}

// ready waits until the group is READY with n VMs, and checks in vCenter that it is true. Copies do not count.
func (c *chaos) ready(name string, n int32) *v1alpha1.VmGroup {
	c.t.Helper()
	c.w.Eventually(name+" settles", func() error {
		group, err := c.w.Get(name)
		if err != nil {
			return err
		}
		if err := c.switchOn(group); err != nil {
			return err
		}
		return settled(group)
	})
	group := c.w.Phase(name, v1alpha1.PhaseReady, settled)
	on := 0
	for _, vm := range allVMs(c.w) {
		if ownedBy(vm, group) && vm.PowerState == "poweredOn" && !vm.Template {
			on++
		} else if ownedBy(vm, group) {
			c.t.Errorf("the group is READY beside %s, which is %s", vm.Path, vm.PowerState)
		}
	}
	if on != int(n) {
		c.t.Errorf("the group is READY with %d VMs, but %d of its VMs are on", n, on)
	}
	return group
}

// gone waits until a group that is being deleted is gone, once people have undone what holds it.
func (c *chaos) gone() {
	c.t.Helper()
	c.w.Eventually("the group goes", func() error {
		if err := c.restore(); err != nil {
			return err
		}
		group, err := c.w.Get("web")
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return fmt.Errorf("it is still there: %s", group.Status.Message)
	})
}

// inventory is what a group consists of, but for who it is and which slots it uses.
func (c *chaos) inventory(group *v1alpha1.VmGroup) []string {
	c.t.Helper()
	var out []string
	for _, vm := range c.w.VMs(group) {
		if !ownedBy(vm, group) {
			continue
		}
		folder, _, _ := cutLast(vm.Path, "/")
		_, revision, _ := strings.Cut(vm.Stamp, `"revision":"`)
		revision, _, _ = strings.Cut(revision, `"`)
		out = append(out, fmt.Sprintf("%d CPUs, %d MB, disks %v, revision %s, template %t, %s, %s, in %s",
			vm.NumCPU, vm.MemoryMB, vm.Disks, revision, vm.Template, vm.PowerState, vm.ConnectionState,
			strings.Replace(folder, "/"+group.Name, "/<group>", 1)))
	}
	slices.Sort(out)
	return out
}

func cutLast(text, sep string) (before, after string, found bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(sep):], true
}

// foreignUntouched fails if the controller has touched what was made by hand: VMs beside ours, copies of ours, and those
// that were ours until somebody took the stamp away.
func (c *chaos) foreignUntouched() {
	c.t.Helper()
	after := map[string]control.VM{}
	for _, vm := range allVMs(c.w) {
		if before, ok := c.foreign[vm.MoRef]; ok {
			if before.Folder == vm.Folder {
				vm.Path = before.Path // somebody may have renamed the folder
			}
			after[vm.MoRef] = vm
		}
	}
	if diff := cmp.Diff(c.foreign, after); diff != "" {
		c.t.Errorf("P1: VMs that are not ours were touched (-before +after):\n%s", diff)
	}
}
