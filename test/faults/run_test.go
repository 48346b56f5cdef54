package faults

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/app"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/fastclock"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// fullSpeed is how much faster the controller's backoffs and resyncs pass: 10 minutes in 6 seconds.
const fullSpeed = 100

// run is a scenario that is played once, with the controller started again whenever it dies.
type run struct {
	*harness.World
	scenario scenario
	plan     Plan
	clock    *fastclock.Clock
	dir      string // with the credentials
	binary   bool   // the controller is the binary that ships
	checker  *invariants.Checker
	ends     int // that the scenario has come to on its way

	mu       sync.Mutex
	lines    []*line
	live     []controller // by incarnation
	heard    []heard
	hits     int
	finished bool
}

// controller is one incarnation.
type controller interface {
	Kill()
	Stop()
	Log() string
}

// heard is a call that was made.
type heard struct {
	incarnation int
	call        Call
}

// result is what a run has come to.
type result struct {
	calls  []heard
	hits   int    // faults of the plan that took place
	syncs  int    // of all incarnations
	most   int    // how many may be needed: 2 for each VM, 10 for each end that the scenario comes to on its way, and 5 for each controller after the first
	digest string // the inventory and the statuses at the end, and how many VMs were made and destroyed
}

// play plays a plan. The test fails if a promise is broken, or if it does not come to its end.
//
// want is the digest that it is to end with; empty if that is to be learned. With binary, the controller is the binary that
// ships.
func play(t testing.TB, s scenario, p Plan, want string, binary bool) result {
	speed := cmp.Or(s.speed, fullSpeed)
	r := &run{
		World:    harness.NewWorld(t, s.cluster(), s.vcenter),
		scenario: s, plan: p, clock: fastclock.New(speed), dir: t.TempDir(), binary: binary,
	}
	if s.racy {
		r.VCenter.Excuse = switchedOnMeanwhile
	}
	lostLogin := slices.ContainsFunc(p.Faults, Fault.losesALogin)
	r.checker = invariants.Watch(r.World, invariants.Options{
		AgentPerProcess: !binary && !lostLogin, LoginEvery: 5 * time.Minute / time.Duration(speed),
	})
	r.writeCredentials(r.VCenter.Password)
	s.play(r)
	digest := r.comeToRest(want)
	return r.end(digest)
}

// unseen is how old a change in vCenter may be that a call could not heed: it was sent after a look from before.
const unseen = time.Second

// switchedOnMeanwhile excuses a destroy that vCenter refused because the VM was on, if it was off a moment before: the last thing
// that a clone does is to switch its VM on, also one that was cancelled and has no task any more.
func switchedOnMeanwhile(v control.Violation) bool {
	return v.Refused && v.Reason == "the VM is powered on" && v.Time.Sub(v.TargetChanged) < unseen
}

// comeToRest waits until what an onlooker finds is what is wanted, and stays so for a while.
func (r *run) comeToRest(want string) string {
	const looks = 5
	last, same := "", 0
	r.Eventually("nothing changes any more", func() error {
		now := r.digest()
		if now == last {
			same++
		} else {
			last, same = now, 0
		}
		switch {
		case want != "" && now != want:
			return fmt.Errorf("the end is\n%s\ninstead of\n%s", now, want)
		case same < looks:
			return fmt.Errorf("it has just become\n%s", now)
		default:
			return nil
		}
	})
	return last
}

// start starts the next incarnation.
func (r *run) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.startLocked()
}

func (r *run) startLocked() {
	if r.finished {
		return
	}
	l := &line{
		incarnation: len(r.lines) + 1, counts: map[string]int{}, simulator: r.VCenter.Control,
		record: r.record, die: r.die,
	}
	r.lines = append(r.lines, l)
	if r.binary {
		r.live = append(r.live, r.startChild(l))
		return
	}
	o := r.Options(slices.Concat([]string{"-vcenter-credentials-dir", r.dir}, r.scenario.args, r.classArgs())...)
	o.UserAgent = fmt.Sprintf("incarnation-%d", l.incarnation)
	r.live = append(r.live, r.RunWith(o, app.Overrides{
		Clock: r.clock, WrapKubernetes: l.side(Kubernetes), WrapVCenter: l.side(VCenter),
	}))
}

// record notes a call and says what is to happen to it.
func (r *run) record(incarnation int, c Call) (Mode, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finished {
		return "", false
	}
	r.heard = append(r.heard, heard{incarnation, c})
	if r.hits == len(r.plan.Faults) {
		return "", false
	}
	next := r.plan.Faults[r.hits]
	if next.Incarnation != incarnation || next.Call != c {
		return "", false
	}
	r.hits++
	if next.losesALogin() {
		r.checker.Started() // it has left a session
	}
	return next.Mode, true
}

// die kills an incarnation and starts the next.
func (r *run) die(incarnation int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines[incarnation-1].cut()
	r.live[incarnation-1].Kill()
	r.startLocked()
}

// shutDown ends an incarnation in good order. What is planned may keep it from giving its Lease back, and it says so.
func (r *run) shutDown(c controller) {
	inProcess, ok := c.(*harness.Controller)
	if !ok || len(r.plan.Faults) == 0 {
		c.Stop()
		return
	}
	if err := inProcess.Shutdown(); err != nil {
		r.T.Logf("an incarnation has ended with: %v", err)
	}
}

// stop ends an incarnation in good order.
func (r *run) stop(incarnation int) {
	r.mu.Lock()
	c := r.live[incarnation-1]
	r.mu.Unlock()
	r.shutDown(c)
}

func (r *run) end(digest string) result {
	r.mu.Lock()
	r.finished = true
	live := slices.Clone(r.live)
	r.mu.Unlock()
	for _, c := range live {
		r.shutDown(c)
	}
	res := result{calls: r.heard, hits: r.hits, digest: digest, most: 2*r.scenario.work + 10*r.ends + 5*(len(live)-1)}
	for _, c := range live {
		res.syncs += strings.Count(c.Log(), `"Planned"`)
	}
	return res
}

func (r *run) writeCredentials(password string) {
	r.checker.Rotated()
	for name, text := range map[string]string{"username": r.VCenter.Username, "password": password} {
		harness.Must(r.T, os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600))
	}
}

// digest tells what an onlooker would find at the end. Two runs of one scenario must not differ in it.
func (r *run) digest() string {
	ctx := r.T.Context()
	var lines []string
	vms, err := r.VCenter.Control.VMs(ctx)
	harness.Must(r.T, err)
	for _, vm := range vms {
		// Which of several VMs goes first depends on which of them was made last.
		name, _, _ := cutLast(slotOf(vm.Name), "-")
		lines = append(lines, fmt.Sprintf("vm %s %s %d CPUs %d MB", strings.TrimSuffix(vm.Path, vm.Name)+name, vm.PowerState, vm.NumCPU, vm.MemoryMB))
	}
	lines = append(lines, r.describeGuests()...)
	lines = append(lines, r.describeAssociations()...)
	lines = append(lines, r.describeStores()...)
	folders, err := r.VCenter.Control.Folders(ctx)
	harness.Must(r.T, err)
	for _, f := range folders {
		lines = append(lines, "folder "+f.Path)
	}
	groups, err := r.List()
	harness.Must(r.T, err)
	for i := range groups {
		lines = append(lines, describe(&groups[i]))
	}
	slices.Sort(lines)
	made, destroyed := r.tasks()
	if r.scenario.racy {
		lines = append(lines, fmt.Sprintf("%d VMs more made than destroyed", made-destroyed))
	} else {
		lines = append(lines, fmt.Sprintf("%d VMs made, %d destroyed", made, destroyed))
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), r.Namespace, "ns")
}

func describe(vg *v1alpha1.VmGroup) string {
	s := vg.Status
	return fmt.Sprintf("group %s %v generation %d of %d: %s, %d replicas, %d available",
		vg.Name, vg.Finalizers, s.ObservedGeneration, vg.Generation, s.Phase, s.Replicas, s.AvailableReplicas)
}

// tasks counts the tasks that have made and destroyed a VM. What vCenter removes of a clone that it refuses at its end was
// never one.
func (r *run) tasks() (made, destroyed int) {
	tasks, err := r.VCenter.Control.Tasks(r.T.Context())
	harness.Must(r.T, err)
	clones := map[string]bool{}
	for _, task := range tasks {
		switch {
		case task.State != "success":
		case task.DescriptionID == "VirtualMachine.cloneVm":
			clones[task.Result] = true
			made++
		case task.DescriptionID == "VirtualMachine.destroy" && clones[task.Entity]:
			destroyed++
		}
	}
	return made, destroyed
}
