package vim

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// VCenter is one vCenter. It implements vsphere.Interface; Run makes it work.
type VCenter struct {
	*shared
	endpoint *url.URL
	jar      http.CookieJar // outlives the connections, and so does the session
	versions *operations.Versions

	mu    sync.Mutex
	conn  *connection // the one that is synced, or nil
	state State
	told  string        // why there is no connection, as everybody knows it; see setLost
	last  *vim25.Client // the newest client, for the farewell
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
		shared: newShared(cfg), endpoint: endpoint, jar: jar, versions: operations.NewVersions(),
	}
	v.told = v1alpha1.ReasonVCenterSyncing
	v.state = State{Since: cfg.Clock.Now(), Err: &vsphere.Error{
		Class: vsphere.ClassUnavailable, Reason: v1alpha1.ReasonVCenterSyncing, Message: "vCenter has not been asked yet.",
	}}
	return v, nil
}

// State returns how it stands with vCenter now.
func (v *VCenter) State() State {
	v.mu.Lock()
	state := v.state
	v.mu.Unlock()
	state.Disappearance = v.inv.Disappearance()
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

// setSynced publishes a connection that is in step, and notifies all groups.
func (v *VCenter) setSynced(c *connection) {
	v.mu.Lock()
	v.conn = c
	v.state.Synced, v.state.Since, v.state.Err = true, v.cfg.Clock.Now(), nil
	v.mu.Unlock()
	v.cfg.Notifier.NotifyAll()
}

// setLost takes the connection away and says why. If that is news, it notifies all groups. Another message is news where
// a person has to act, for it says how; the words about a vCenter that does not answer may differ each time.
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

// Forget drops what is remembered of a group that exists no more.
func (v *VCenter) Forget(g vsphere.GroupID) {
	v.versions.Forget(g)
	v.shared.forget(g)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn != nil {
		v.conn.requests.forget(g)
	}
}
