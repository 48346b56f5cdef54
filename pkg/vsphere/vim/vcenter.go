package vim

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// VCenter is one vCenter. It implements vsphere.Interface; Run makes it work.
type VCenter struct {
	cfg      Config
	endpoint *url.URL
	jar      http.CookieJar // outlives the connections, and so does the session
	inv      *inventory
	tracker  *operations.Tracker
	versions *operations.Versions
	logins   loginThrottle

	mu    sync.Mutex
	conn  *connection // the one that is synced, or nil
	state State
	told  string        // why there is no connection, as everybody knows it; see setLost
	last  *vim25.Client // the newest client, for the farewell
	// leftovers are collectors and views of earlier connections of this session, to be destroyed by the next.
	leftovers []types.ManagedObjectReference
	// lookups are those of the groups whose template was not found. They are notified when that may have changed.
	lookups  map[vsphere.GroupID]lookup
	searched templateSearch
	sweeps   *sweeps
	reads    templateReads

	// straysUntil is how long clone tasks of nobody known may still be ours.
	straysUntil time.Time

	// users are the accounts that this process has been logged in as, as vCenter spells them, in lower case.
	users map[string]bool

	// pending says what the tasks in flight are for.
	pending pendingTasks
	// rootMu is held while the root folder is made.
	rootMu sync.Mutex
}

var _ vsphere.Interface = (*VCenter)(nil)

// State says how it stands with vCenter.
type State struct {
	// Synced is true while the session stands and the inventory is in step.
	Synced bool
	// Since is when Synced last changed.
	Since time.Time
	// Err says why it is not synced: of ClassUnavailable, with a reason of its own.
	Err *vsphere.Error
	// Version is what vCenter said of itself last, empty before it ever answered.
	Version string
	// InstanceUUID is vCenter's identity, empty before it ever answered.
	InstanceUUID string
	// Disappearance is the mass disappearance that is being looked into, or nil.
	Disappearance *vsphere.Disappearance
}

// New returns a VCenter that is not connected yet. It makes no call. It fails if the configuration contradicts itself.
func New(cfg Config) (*VCenter, error) {
	cfg, endpoint, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		// unreachable: without options there is nothing that can fail
		return nil, err
	}
	v := &VCenter{
		cfg:      cfg,
		endpoint: endpoint,
		jar:      jar,
		inv:      newInventory(cfg.Owner, cfg.Clock),
		versions: operations.NewVersions(),
		lookups:  map[vsphere.GroupID]lookup{},
		sweeps:   newSweeps(),
		users:    map[string]bool{},
		pending: pendingTasks{
			byTask:  map[vsphere.Ref]pendingTask{},
			victims: map[vsphere.Ref]vsphere.Ref{},
			clones:  map[operations.ID]vsphere.Ref{},
			early:   map[vsphere.Ref]taskEnd{},
		},
		tracker: operations.New(operations.Config{
			MaxClones: cfg.MaxClones, MaxPower: cfg.MaxPower, MaxDestroys: cfg.MaxDestroys,
			CloneTimeout: cfg.CloneTimeout, Clock: cfg.Clock, Notifier: cfg.Notifier, Observer: cfg.Operations,
		}),
	}
	v.expectStrays() // of the process before this one
	v.told = reasonVCenterSyncing
	v.state = State{Since: cfg.Clock.Now(), Err: &vsphere.Error{
		Class: vsphere.ClassUnavailable, Reason: reasonVCenterSyncing, Message: "vCenter has not been asked yet.",
	}}
	return v, nil
}

// State returns how it stands with vCenter now.
func (v *VCenter) State() State {
	v.mu.Lock()
	state := v.state
	v.mu.Unlock()
	state.Disappearance = v.inv.disappearance()
	return state
}

// InFlight returns how many operations of each kind have not ended, as far as is known.
func (v *VCenter) InFlight() map[vsphere.OperationKind]int { return v.tracker.InFlight() }

// synced returns the connection, or why there is none.
func (v *VCenter) synced() (*connection, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn == nil {
		return nil, v.state.Err
	}
	return v.conn, nil
}

// setSynced makes a connection available to everybody.
func (v *VCenter) setSynced(c *connection) {
	v.mu.Lock()
	v.conn = c
	v.state.Synced, v.state.Since, v.state.Err = true, v.cfg.Clock.Now(), nil
	v.mu.Unlock()
	v.cfg.Notifier.NotifyAll()
}

// setLost takes the connection away and says why. If that is news, everybody is woken. Another message is news where
// somebody has to act, for it says how; the words about a vCenter that does not answer may differ each time.
func (v *VCenter) setLost(err *vsphere.Error) (news bool) {
	why := err.Reason
	if err.Class != vsphere.ClassUnavailable {
		why += ": " + err.Message
		err = &vsphere.Error{
			Class: vsphere.ClassUnavailable, Reason: err.Reason, Message: err.Message, Fault: err.Fault, Err: err,
		}
	}
	v.mu.Lock()
	news = v.conn != nil || v.told != why
	v.conn = nil
	if v.state.Synced {
		v.state.Synced, v.state.Since = false, v.cfg.Clock.Now()
	}
	v.state.Err, v.told = err, why
	v.mu.Unlock()
	if news {
		v.cfg.Notifier.NotifyAll()
	}
	return news
}

// settle notifies and tells the tracker what a set of updates has brought about.
func (v *VCenter) settle(t *touched) {
	v.inv.assess(t)
	for _, vm := range t.seen {
		v.tracker.Seen(vm.Stamp.UID, vm.Ref, vm.Name)
	}
	if t.all {
		v.cfg.Notifier.NotifyAll()
		return
	}
	for g := range t.groups {
		v.cfg.Notifier.Notify(g)
	}
}

// Forget drops what is remembered of a group that exists no more.
func (v *VCenter) Forget(g vsphere.GroupID) {
	v.tracker.Forget(g.UID)
	v.versions.Forget(g)
	v.reads.take(g, vsphere.Template{})
	v.sweeps.forget(g)
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.lookups, g)
	if v.conn != nil {
		v.conn.requests.forget(g)
	}
}

// logout ends the session, if there is one, within a short time of its own.
func (v *VCenter) logout(ctx context.Context) error {
	v.mu.Lock()
	client := v.last
	v.mu.Unlock()
	if client == nil {
		return nil
	}
	defer client.CloseIdleConnections()
	var err error
	for range logoutAttempts { // a session that is left counts against vCenter's limit until it times out
		attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTimeout/logoutAttempts)
		err = logout(attempt, client)
		cancel()
		if err == nil {
			return nil
		}
	}
	return err
}
