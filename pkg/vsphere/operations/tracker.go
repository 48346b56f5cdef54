package operations

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Config is what a Tracker needs. All fields are required, except Observer.
type Config struct {
	// MaxClones, MaxPower and MaxDestroys bound the operations under way at once, over all groups.
	MaxClones, MaxPower, MaxDestroys int
	// CloneTimeout is the deadline of a clone; all other operations have OtherTimeout.
	CloneTimeout time.Duration
	Clock        clock.PassiveClock
	// Notifier is called without any lock held.
	Notifier vsphere.Notifier
	// Observer measures. Its methods are called with the lock held: they must neither block nor call back. Nil measures
	// nothing.
	Observer Observer
}

// OtherTimeout is the deadline of power operations and destructions.
const OtherTimeout = 10 * time.Minute

// ID names an operation while it is under way.
type ID uint64

type state int

const (
	submitting state = iota // the request is on its way
	running                 // vCenter has a task for it
	unknown                 // the answer to the request was lost
	landed                  // the clone's task has succeeded, its VM is not in the view yet
	echoing                 // the clone's task has ended as cancelled, and its VM may come all the same
)

type operation struct {
	vsphere.Operation
	id       ID
	group    vsphere.GroupID
	about    subject
	specHash string // of a clone
	state    state
	asked    time.Time // when the adapter was last told to cancel it
	until    time.Time // when it stops echoing
	holds    bool      // a place in the budget
	moot     bool      // its VM or its group is gone, so nobody wants to know how it fails
	told     bool      // the observer knows how it has ended
}

// Pending is an operation that waits for the adapter to look.
type Pending struct {
	ID        ID
	Group     vsphere.GroupID
	Operation vsphere.Operation
}

// Tracker is safe for concurrent use.
type Tracker struct {
	cfg Config

	mu       sync.Mutex
	last     ID
	ops      map[ID]*operation
	byGroup  map[string]*Sorted[*operation] // by UID
	byTask   map[vsphere.Ref]*operation
	byVM     map[vsphere.Ref][]*operation
	busy     map[subject]*operation     // what is under way for a name or a VM and has not landed
	strays   map[vsphere.Ref]time.Time  // clone tasks of nobody known, until when they count
	echoes   map[vsphere.Ref]time.Time  // clone tasks that were cancelled, until when they count
	echoed   map[vsphere.Ref]time.Time  // those that count no more, until when they are remembered
	late     map[string]map[string]late // requests that may still arrive, by UID and name
	budgets  map[string]*budget
	failures map[string]*failures // by UID
	powerOns map[string]*powerOns // by UID
}

// subject is what an operation is about, for a group: a name, of a clone, or a VM.
type subject struct {
	uid, name string
	vm        vsphere.Ref
}

// New returns an empty Tracker.
func New(cfg Config) *Tracker {
	return &Tracker{
		cfg:     cfg,
		ops:     map[ID]*operation{},
		byGroup: map[string]*Sorted[*operation]{},
		byTask:  map[vsphere.Ref]*operation{},
		byVM:    map[vsphere.Ref][]*operation{},
		busy:    map[subject]*operation{},
		strays:  map[vsphere.Ref]time.Time{},
		echoes:  map[vsphere.Ref]time.Time{},
		echoed:  map[vsphere.Ref]time.Time{},
		late:    map[string]map[string]late{},
		budgets: map[string]*budget{
			budgetClone:   {limit: cfg.MaxClones},
			budgetPower:   {limit: cfg.MaxPower},
			budgetDestroy: {limit: cfg.MaxDestroys},
		},
		failures: map[string]*failures{},
		powerOns: map[string]*powerOns{},
	}
}

// Begin records an operation that is about to be submitted and takes a place in the budget for it. It fails with
// vsphere.ErrNoBudget if there is none; the group is notified when it is its turn. It fails with ClassConflict if the
// same is under way already.
func (t *Tracker) Begin(g vsphere.GroupID, op vsphere.Operation, specHash string) (ID, error) {
	defer t.wake(t.lock())
	about := subject{g.UID, op.Name, op.VM}
	if o := t.busy[about]; o != nil {
		return 0, &vsphere.Error{
			Class:   vsphere.ClassConflict,
			Reason:  vsphere.ReasonUnderWay,
			Message: fmt.Sprintf("%s of %s%s is under way already", o.Kind, o.Name, o.VM),
		}
	}
	now, budget := t.cfg.Clock.Now(), t.budgets[budgetOf(op.Kind)]
	if !budget.take(g, now) {
		return 0, vsphere.ErrNoBudget
	}
	t.began(op.Kind, budget.waited(g.UID, now))
	t.last++
	op.Task, op.Unknown, op.Cancelled, op.Overdue, op.Started = "", false, false, false, now
	o := &operation{Operation: op, id: t.last, group: g, about: about, specHash: specHash, holds: true}
	t.ops[o.id], t.busy[about] = o, o
	if t.byGroup[g.UID] == nil {
		t.byGroup[g.UID] = NewSorted(compareOperations)
	}
	t.byGroup[g.UID].Put(o)
	t.indexVM(o)
	return o.id, nil
}

// Submitted records the task that vCenter has made of an operation.
func (t *Tracker) Submitted(id ID, task vsphere.Ref) {
	woken := t.lock()
	defer t.wake(woken)
	if o := t.ops[id]; o != nil {
		o.Task, o.state, o.Unknown = task, running, false
		t.byTask[task] = o
		t.endStray(task, woken)
	}
}

// Refused records that an operation was not taken. A clone whose answer was lost (ClassUnknown) goes on counting, marked
// so, until Resolved or Submitted.
func (t *Tracker) Refused(id ID, err *vsphere.Error) {
	defer t.wake(t.lock())
	o := t.ops[id]
	if o == nil {
		return
	}
	if err.Class == vsphere.ClassUnknown && o.Kind == vsphere.OperationClone {
		o.state, o.Unknown = unknown, true
		return
	}
	t.failed(o, err)
	t.drop(o)
}

// Withdraw gives back the place of an operation that is not submitted after all: the adapter has looked first, and it must
// not be (err), or there is nothing to be done or nobody to be asked (nil). It is no operation that has ended, so that
// nothing is measured.
func (t *Tracker) Withdraw(id ID, err *vsphere.Error) {
	defer t.wake(t.lock())
	o := t.ops[id]
	if o == nil {
		return
	}
	if err != nil && !o.moot {
		t.fail(o.group, o.Operation, o.specHash, err)
	}
	t.drop(o)
}

// Lost records that a task can no longer be read: its outcome is unknown.
func (t *Tracker) Lost(task vsphere.Ref) {
	woken := t.lock()
	defer t.wake(woken)
	t.endStray(task, woken)
	o := t.byTask[task]
	if o == nil {
		return
	}
	woken.add(o.group)
	delete(t.byTask, task)
	o.Task, o.state, o.Unknown = "", unknown, true
	if o.Kind != vsphere.OperationClone {
		t.failed(o, &vsphere.Error{
			Class: vsphere.ClassUnknown, Reason: vsphere.ReasonTaskLost,
			Message: fmt.Sprintf("the task of %s can no longer be read; looking again", o.Kind),
		})
		t.drop(o)
	}
}

// Cancelled records that vCenter was asked to cancel a task. The operation goes on counting.
func (t *Tracker) Cancelled(task vsphere.Ref) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o := t.byTask[task]; o != nil {
		o.Cancelled = true
	}
}

// Resolved drops a clone of unknown outcome, after somebody has looked: it never started, or its VM is in the inventory. Of
// an operation that is being submitted it says that what was wanted is so already.
func (t *Tracker) Resolved(id ID) {
	woken := t.lock()
	defer t.wake(woken)
	if o := t.ops[id]; o != nil {
		woken.add(o.group)
		if o.state == unknown {
			t.ended(o, vsphere.ClassUnknown)
		} else {
			t.ended(o, "")
		}
		t.drop(o)
	}
}

// NotFound records that a look has shown nothing of a clone of unknown outcome. Until its VM is Seen, or for LateFor, it
// counts on: as an operation if it was cancelled, as vCenter has had it; otherwise among the group's strays, as its request
// may still be on its way.
func (t *Tracker) NotFound(id ID) {
	woken := t.lock()
	defer t.wake(woken)
	o := t.ops[id]
	if o == nil {
		return
	}
	woken.add(o.group)
	t.ended(o, vsphere.ClassUnknown)
	if o.Cancelled {
		o.state, o.until = echoing, t.cfg.Clock.Now().Add(LateFor)
		t.release(o)
		return
	}
	if t.late[o.group.UID] == nil {
		t.late[o.group.UID] = map[string]late{}
	}
	t.late[o.group.UID][o.Name] = late{o.group, t.cfg.Clock.Now().Add(LateFor)}
	t.drop(o)
}

// Ended records the end of a task. vm is the VM that a clone has made; such an operation goes on counting until Seen or
// Gone. A clone that ended with ClassUnknown, as one that was cancelled does, has failed and goes on counting, until Resolved
// or NotFound: vCenter may make its VM all the same. It returns false for a task that the tracker does not know.
func (t *Tracker) Ended(task, vm vsphere.Ref, err *vsphere.Error) bool {
	woken := t.lock()
	defer t.wake(woken)
	if _, ok := t.strays[task]; ok {
		t.endStray(task, woken)
		return true
	}
	o := t.byTask[task]
	if o == nil {
		return false
	}
	woken.add(o.group)
	delete(t.byTask, task)
	if err != nil {
		t.failed(o, err)
		if o.Kind == vsphere.OperationClone && err.Class == vsphere.ClassUnknown {
			o.Task, o.state, o.Unknown = "", unknown, true
			t.silence(task) // the operation counts, not the task
			return true
		}
		t.drop(o)
		return true
	}
	t.succeed(o)
	if o.Kind == vsphere.OperationClone && vm != "" {
		t.release(o)
		o.state, o.VM = landed, vm
		delete(t.busy, o.about)
		t.indexVM(o)
		return true
	}
	t.drop(o)
	return true
}

// Seen records that a VM is in the inventory, with name and configuration.
func (t *Tracker) Seen(uid string, vm vsphere.Ref, name string) {
	woken := t.lock()
	defer t.wake(woken)
	for _, o := range slices.Clone(t.byVM[vm]) {
		if o.state == landed && o.group.UID == uid {
			woken.add(o.group)
			t.drop(o)
		}
	}
	if o := t.busy[subject{uid: uid, name: name}]; o != nil && o.state == echoing {
		woken.add(o.group)
		t.drop(o)
	}
	t.forgive(uid, failureKey{kind: vsphere.OperationClone, target: name})
	if l, ok := t.arrived(uid, name); ok {
		woken.add(l.group)
	}
}

// Gone records that a VM is proven gone. What is still under way for it goes on counting, but its failure is of no
// interest any more.
func (t *Tracker) Gone(vm vsphere.Ref) {
	woken := t.lock()
	defer t.wake(woken)
	for _, o := range slices.Clone(t.byVM[vm]) {
		if o.state == landed {
			woken.add(o.group)
			t.drop(o)
		} else {
			o.moot = true
		}
	}
	for uid := range t.powerOns {
		t.forgetPowerOn(uid, vm)
	}
	for uid, failures := range t.failures {
		for _, key := range failures.of(vm) {
			t.forgive(uid, key)
		}
	}
}

// Record records a failure of an operation that was never begun.
func (t *Tracker) Record(g vsphere.GroupID, op vsphere.Operation, err *vsphere.Error) {
	defer t.wake(t.lock())
	t.fail(g, op, "", err)
}

// Reset forgets all operations, strays, failures and power-ons: another vCenter answers, which knows nothing of them.
func (t *Tracker) Reset() {
	defer t.wake(t.lock())
	for _, o := range t.ops {
		t.drop(o)
	}
	clear(t.strays)
	clear(t.echoes)
	clear(t.echoed)
	clear(t.late)
	clear(t.failures)
	clear(t.powerOns)
}

// Forget drops the failures and power-ons of a group that exists no more, those to come of what is still under way included,
// and its place in the line.
func (t *Tracker) Forget(uid string) {
	defer t.wake(t.lock())
	delete(t.failures, uid)
	delete(t.powerOns, uid)
	delete(t.late, uid)
	for _, o := range t.byGroup[uid].All() {
		o.moot = true
	}
	for _, b := range t.budgets {
		b.forget(uid)
	}
}

func (t *Tracker) drop(o *operation) {
	t.release(o)
	delete(t.byTask, o.Task)
	delete(t.ops, o.id)
	if t.busy[o.about] == o {
		delete(t.busy, o.about)
	}
	group := t.byGroup[o.group.UID]
	if group.Remove(o); group.Len() == 0 {
		delete(t.byGroup, o.group.UID)
	}
	others := slices.DeleteFunc(t.byVM[o.VM], func(other *operation) bool { return other == o })
	if t.byVM[o.VM] = others; len(others) == 0 {
		delete(t.byVM, o.VM)
	}
}

// indexVM makes an operation be found by its VM, if it has one.
func (t *Tracker) indexVM(o *operation) {
	if o.VM != "" {
		t.byVM[o.VM] = append(t.byVM[o.VM], o)
	}
}

// compareOperations orders operations as they began: their order stays while what is known of them changes.
func compareOperations(a, b *operation) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.about.name, b.about.name), cmp.Compare(a.about.vm, b.about.vm), cmp.Compare(a.id, b.id))
}

func (t *Tracker) release(o *operation) {
	if o.holds {
		o.holds = false
		t.budgets[budgetOf(o.Kind)].inUse--
	}
}
