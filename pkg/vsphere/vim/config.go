package vim

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/vmware/govmomi/vim25/soap"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// Defaults of Config.
const (
	DefaultFolder       = "vmgroups"
	DefaultMaxClones    = 16
	DefaultMaxPower     = 32
	DefaultMaxDestroys  = 32
	DefaultCloneTimeout = 30 * time.Minute
	DefaultResyncPeriod = 10 * time.Minute
	DefaultCallTimeout  = 30 * time.Second
)

// Config says which vCenter the adapter drives, where in it, and whom it notifies.
type Config struct {
	// Endpoint is a host, a host and port, or a URL; the path is /sdk unless it says otherwise. One that carries
	// credentials is refused, so that none of them ends up in a log.
	Endpoint string
	// Credentials returns the user name and the password as they are now. The adapter calls it before each login, and every few
	// seconds while the last ones are refused, so that new ones are tried at once.
	Credentials func() (user, password string, err error)
	TLS         TLS
	UserAgent   string

	// Datacenter, Cluster, ResourcePool and Datastore are names or inventory paths, see meant. Each may be empty where
	// there is only one to choose; the resource pool of a cluster is its root pool unless another is named.
	Datacenter, Cluster, ResourcePool, Datastore string
	// Host is the name or inventory path of the host that all clones go to. If it is empty, vCenter chooses, or, where a
	// cluster leaves that to its clients, the caller, from the hosts of the snapshot.
	Host string
	// Folder is the root of all groups' folders: a path from the datacenter's VM folder, or a whole inventory path, which
	// has to lead below it. The default is DefaultFolder.
	Folder string
	// TemplateFolder is the folder that templates are looked up in, a path of the same kinds. If it is empty the whole
	// datacenter is searched, and only on demand.
	TemplateFolder string

	// Owner is the identity of this controller in stamps.
	Owner string

	// MaxClones, MaxPower and MaxDestroys bound the operations under way at once.
	MaxClones, MaxPower, MaxDestroys int
	CloneTimeout                     time.Duration
	// ResyncPeriod is the time between two sweeps, before jitter.
	ResyncPeriod time.Duration
	// CallTimeout is the deadline of one SOAP call other than the long poll.
	CallTimeout time.Duration

	Notifier vsphere.Notifier
	// Guard runs immediately before every call that changes vCenter; if it fails nothing is sent. It runs again and again
	// until the request is sent: what is still on its way to vCenter when it fails is cut off. It must not block.
	Guard func() error
	// Gate persists the throttle of refused logins. Nil means that it is kept in memory only.
	Gate LoginGate
	// Observe gets every SOAP call: the method, how long it took, and its error.
	Observe func(method string, d time.Duration, err error)
	// OnFault gets every fault that a call or a task was answered with: its class, and its type.
	OnFault func(class vsphere.Class, fault string)
	// OnUnclassified gets a fault that the table of faults does not list.
	OnUnclassified func(fault string)
	// Operations measures operations. It must neither block nor call back. Nil measures nothing.
	Operations operations.Observer
	// Clock is what backoffs, rhythms and deadlines of operations go by; nil is the real one. The deadline of a call and
	// the pauses between polls go by the real clock always.
	Clock clock.WithTicker
	// WrapTransport wraps the transport of each connection. Nil leaves it as it is.
	WrapTransport func(http.RoundTripper) http.RoundTripper
}

// LoginGate remembers refused logins beyond this process, so that neither a restart nor another replica asks again too
// soon.
type LoginGate interface {
	// Begin records that a login is about to be tried. Unless it allows that, and has recorded it, nothing is sent;
	// retryAfter then says when to ask again.
	Begin(ctx context.Context, user, password string) (allowed bool, retryAfter time.Duration, err error)
	// End reports what came of it. refused is true only if vCenter has answered that the credentials are wrong.
	End(ctx context.Context, refused bool) error
	// Unanswered reports, in its place, that the login was sent and not answered: it may have been refused.
	Unanswered(ctx context.Context) error
}

// withDefaults fills in what was left out, and checks what cannot be.
func (c Config) withDefaults() (Config, *url.URL, error) {
	endpoint, err := soap.ParseURL(c.Endpoint)
	switch {
	case err != nil:
		// The text of the error may repeat the endpoint, and with it a password.
		return c, nil, errors.New("the endpoint of vCenter is not a host, a host and port, or a URL")
	case endpoint == nil || endpoint.Host == "":
		return c, nil, errors.New("the endpoint of vCenter is required")
	case endpoint.User.String() != "" && endpoint.User.String() != ":":
		return c, nil, errors.New("the endpoint of vCenter must not carry credentials")
	case c.Owner == "" || c.Credentials == nil || c.Notifier == nil:
		return c, nil, errors.New("owner, credentials and notifier are required")
	}
	endpoint.User = nil

	c.Folder = cmp.Or(c.Folder, DefaultFolder)
	c.MaxClones = cmp.Or(c.MaxClones, DefaultMaxClones)
	c.MaxPower = cmp.Or(c.MaxPower, DefaultMaxPower)
	c.MaxDestroys = cmp.Or(c.MaxDestroys, DefaultMaxDestroys)
	c.CloneTimeout = cmp.Or(c.CloneTimeout, DefaultCloneTimeout)
	c.ResyncPeriod = cmp.Or(c.ResyncPeriod, DefaultResyncPeriod)
	c.CallTimeout = cmp.Or(c.CallTimeout, DefaultCallTimeout)
	if c.Guard == nil {
		c.Guard = func() error { return nil }
	}
	if c.Observe == nil {
		c.Observe = func(string, time.Duration, error) {}
	}
	if c.OnFault == nil {
		c.OnFault = func(vsphere.Class, string) {}
	}
	if c.OnUnclassified == nil {
		c.OnUnclassified = func(string) {}
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	if err := comparePaths(c.Folder, c.TemplateFolder); err != nil {
		return c, nil, err
	}
	return c, endpoint, nil
}
