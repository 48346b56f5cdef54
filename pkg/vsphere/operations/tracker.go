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

// Config is what a Tracker needs. All fields are required, except Observer and Members; an empty Owner is one too.
type Config struct {
	// MaxClones, MaxPower and MaxDestroys bound the operations under way at once, over all groups.
	MaxClones, MaxPower, MaxDestroys int
	// CloneTimeout is vsphere.DeadlineClone.
	CloneTimeout time.Duration
	Clock        clock.PassiveClock
	// Owner is the controller's identity in stamps: by it Observed tells whose a VM is.
	Owner string
	// Notifier is called without any lock held.
	Notifier vsphere.Notifier
	// Observer measures. Its methods are called with the lock held: they must neither block nor call back. Nil measures
	// nothing.
	Observer Observer
	// Members tells what VMs there are. Without it, limits of classes count what is under way alone.
	Members Members
	// OverLimit is the reason of an error that says that a class allows no more: a constant of the API.
	OverLimit string
}

const (
	// ShortTimeout is vsphere.DeadlineShort.
	ShortTimeout = 10 * time.Minute
	// GuestTimeout is vsphere.DeadlineGuest. It is longer than the longest grace period, a day: whoever counts one has to find
	// the operation when the period is over.
	GuestTimeout = 25 * time.Hour
)

// ID names an operation while it is under way.
type ID uint64

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
	busy     map[subject]*operation // what is under way for a name or a VM
	toCome   clonesToCome
	budgets  map[vsphere.Budget]*budget
	failures map[string]*failures // by UID
	powerOns map[string]*powerOns // by UID
	limits   classLimits
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
		toCome:  newClonesToCome(),
		budgets: map[vsphere.Budget]*budget{
			vsphere.BudgetClone:   newBudget(cfg.MaxClones),
			vsphere.BudgetPower:   newBudget(cfg.MaxPower),
			vsphere.BudgetDestroy: newBudget(cfg.MaxDestroys),
		},
		failures: map[string]*failures{},
		powerOns: map[string]*powerOns{},
		limits:   newClassLimits(),
	}
}

// Admit is vsphere.Interface.Admit.
func (t *Tracker) Admit(g vsphere.GroupID, requests []vsphere.Request) []vsphere.Request {
	wants := map[vsphere.Budget]int{}
	for _, r := range requests {
		wants[r.Kind.Budget()]++
	}
	defer t.wake(t.lock())
	now, admitted := t.cfg.Clock.Now(), map[vsphere.Budget]bool{}
	for name, n := range wants {
		b := t.budgets[name]
		admitted[name] = b == nil || b.admit(g, n, now) // what has no budget fails when it is begun
	}
	return slices.DeleteFunc(slices.Clone(requests), func(r vsphere.Request) bool { return !admitted[r.Kind.Budget()] })
}

// Begin records an operation that is about to be submitted and takes a place in the budget for it. It fails with
// vsphere.ErrNoBudget if there is none; the group is notified when it is its turn. It fails with ClassConflict if something
// is under way already for the same name or VM, unless that yields, and with ClassInvalid, or ClassTransient, if the limits of its
// class do not allow it, see classLimits.
func (t *Tracker) Begin(g vsphere.GroupID, r vsphere.Request) (ID, error) {
	kind, ok := r.Kind.Info()
	if !ok {
		return 0, errNoSuchKind(r.Kind)
	}
	defer t.wake(t.lock())
	about := subject{g.UID, r.Name, r.VM}
	if o := t.busy[about]; o != nil && !o.yieldsTo(r.Kind) {
		return 0, &vsphere.Error{
			Class:   vsphere.ClassConflict,
			Reason:  vsphere.ReasonUnderWay,
			Message: fmt.Sprintf("%s is under way already", o),
		}
	}
	if err := t.refuse(g, r); err != nil {
		t.failWhileOff(g, r, err)
		return 0, err
	}
	now, budget := t.cfg.Clock.Now(), t.budgets[kind.Budget]
	if !budget.take(g, now) {
		return 0, vsphere.ErrNoBudget
	}
	t.began(r.Kind, budget.waited(g.UID, now))
	t.last++
	o := &operation{Operation: r.Operation(), id: t.last, group: g, subject: about, state: submitting, holds: true}
	o.Started, o.grows, o.tells, o.class = now, r.Resize, r.Kind == vsphere.OperationConfigure, t.classOf(g, r)
	if r.Kind == vsphere.OperationReconfigure {
		o.resize = r.Resize
	}
	if r.Clone != nil {
		o.takes = r.Clone.Usage()
	}
	if r.Resize != nil {
		delete(t.limits.promises, r.VM) // the operation counts
	} else {
		t.breakPromise(r.VM)
	}
	t.add(o)
	return o.id, nil
}

// Reset ends all operations, and drops clones to come, failures and power-ons: another vCenter answers, which knows nothing of
// them.
func (t *Tracker) Reset() {
	defer t.wake(t.lock())
	for _, o := range t.ops {
		t.move(o, done)
	}
	t.toCome = newClonesToCome()
	clear(t.limits.promises)
	t.roomIn("")
	clear(t.failures)
	clear(t.powerOns)
}

// Forget drops the failures and power-ons of a group that exists no more, those to come of what is still under way included,
// and its place in the line.
func (t *Tracker) Forget(uid string) {
	defer t.wake(t.lock())
	delete(t.failures, uid)
	delete(t.powerOns, uid)
	t.toCome.forget(uid)
	t.forgetLimits(uid)
	for _, o := range t.byGroup[uid].All() {
		o.ignored = true
	}
	for _, b := range t.budgets {
		b.forget(uid)
	}
}

// compareOperations orders operations as they began: their order stays while what is known of them changes.
func compareOperations(a, b *operation) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.subject.name, b.subject.name),
		cmp.Compare(a.subject.vm, b.subject.vm), cmp.Compare(a.id, b.id))
}
