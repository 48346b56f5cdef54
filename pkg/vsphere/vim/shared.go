package vim

import (
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// shared is what outlives the connections: VCenter makes it, and every connection uses it. It knows neither.
type shared struct {
	faultReporter
	cfg     Config
	inv     *inventory.Inventory
	tracker *operations.Tracker
	// pending says what the tasks in flight are for.
	pending      *pendingTasks
	sweeps       *sweeps
	classes      classList
	searched     templateSearch
	logins       loginThrottle
	rest         restSession
	associations *associations
	reads        templateReads
	advices      advices
	// rootMu is held while the root folder is made.
	rootMu sync.Mutex

	mu sync.Mutex
	// leftovers are collectors and views of earlier connections of this session. The next one destroys them.
	leftovers []types.ManagedObjectReference
	// lookups are those of the groups whose template was not found. The groups are notified when that may have changed.
	lookups map[vsphere.GroupID]lookup
	// cloneTasksUntil is how long clone tasks that no operation is known for may still be ours.
	cloneTasksUntil time.Time
	// users are the accounts that this process has been logged in as, as vCenter spells them, in lower case.
	users map[string]bool
}

func newShared(cfg Config) *shared {
	s := &shared{
		faultReporter: faultReporter{cfg.OnFault, cfg.OnUnclassified},
		cfg:           cfg,
		inv:           inventory.New(cfg.Owner, cfg.Clock),
		pending:       newPendingTasks(),
		sweeps:        newSweeps(),
		lookups:       map[vsphere.GroupID]lookup{},
		users:         map[string]bool{},
		logins:        loginThrottle{credentials: cfg.Credentials, clock: cfg.Clock, gate: cfg.Gate},
		associations:  newAssociations(),
	}
	s.tracker = operations.New(operations.Config{
		MaxClones: cfg.MaxClones, MaxPower: cfg.MaxPower, MaxDestroys: cfg.MaxDestroys,
		CloneTimeout: cfg.CloneTimeout, Clock: cfg.Clock, Owner: cfg.Owner, Notifier: cfg.Notifier, Observer: cfg.Operations,
		Members: s.inv, OverLimit: v1alpha1.ReasonLimitExceeded,
	})
	s.expectCloneTasks() // of the process before this one
	return s
}

// publish notifies the groups that a set of updates concerns, and tells the tracker what was seen.
func (s *shared) publish(ch *inventory.Changes) {
	s.inv.Assess(ch)
	for _, vm := range ch.Seen {
		s.tracker.Seen(vm.Stamp.UID, vm.Ref, vm.Name)
	}
	for _, vm := range ch.Changed {
		s.tracker.Observed(*vm)
	}
	for namespace := range ch.Room {
		s.tracker.RoomIn(namespace)
	}
	if len(ch.Changed) > 0 || ch.All {
		s.associations.wake()
	}
	if ch.All {
		s.cfg.Notifier.NotifyAll()
		return
	}
	for g := range ch.Groups {
		s.cfg.Notifier.Notify(g)
	}
}

// vmGone deletes a VM that is proven gone.
func (s *shared) vmGone(ref vsphere.Ref, ch *inventory.Changes) {
	s.inv.Delete(ref, ch)
	s.tracker.Gone(ref)
}

// folderGone deletes a folder that is proven gone.
func (s *shared) folderGone(folder vsphere.Ref) {
	var ch inventory.Changes
	s.inv.DeleteFolder(folder, &ch)
	s.publish(&ch)
}

// forget drops all that belongs to a group which exists no more.
func (s *shared) forget(g vsphere.GroupID) {
	s.tracker.Forget(g.UID)
	s.reads.take(g, vsphere.Template{})
	s.sweeps.forget(g)
	s.associations.forget(g.UID)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.lookups, g)
}

// reset drops everything: another vCenter answers.
func (s *shared) reset() {
	s.inv.Clear()
	s.searched.invalidate()
	s.reads.invalidate()
	s.tracker.Reset()
	s.pending.reset()
	s.rest.set("", time.Time{})
	s.associations.reset()
	s.expectCloneTasks() // it may have been ours before
}

// addLeftovers leaves collectors and views to the next connection.
func (s *shared) addLeftovers(owned []types.ManagedObjectReference) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leftovers = append(s.leftovers, owned...)
}

// takeLeftovers returns the collectors and views of earlier connections, once.
func (s *shared) takeLeftovers() []types.ManagedObjectReference {
	s.mu.Lock()
	defer s.mu.Unlock()
	refs := s.leftovers
	s.leftovers = nil
	return refs
}

// expectCloneTasks makes findCloneTasks look for as long as a clone may take that was submitted by now.
func (s *shared) expectCloneTasks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloneTasksUntil = s.cfg.Clock.Now().Add(s.cfg.CloneTimeout)
}

func (s *shared) cloneTasksExpected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Clock.Now().Before(s.cloneTasksUntil)
}

// noteUser remembers that this process is logged in as a user.
func (s *shared) noteUser(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[strings.ToLower(name)] = true
}

// wasUser reports whether this process is, or was, logged in as a user: credentials may be rotated to another account while
// clones are under way.
func (s *shared) wasUser(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users[strings.ToLower(name)]
}
