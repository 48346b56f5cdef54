package sim

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// Simulator is one simulated vCenter with its control port. Many can run in one process.
type Simulator struct {
	options  Options
	model    *simulator.Model
	registry *simulator.Registry
	// What there is from the start, and stays: the datacenters of the options, in their order, and the clusters.
	datacenters []*simulator.Datacenter
	clusters    []*simulator.ClusterComputeResource

	gateway    *gateway
	hub        *hub
	journal    *journal
	requests   requests
	sessions   sessions
	rest       *restSessions
	tags       tagBook
	modules    modules
	calls      calls
	faults     faults
	violations violations
	owners     owners
	disks      diskFiles
	stores     stores
	policies   policies
	withheld   withheld
	macs       macs
	guests     guests
	denied     denied
	grants     map[control.Object]control.Grant // of strict mode
	clones     clones
	tasks      tasks
	gate       *gate
	stale      stale
	cloneDelay atomic.Int64 // a time.Duration

	// shape is held shared while a virtual machine is being made or goes, and exclusively while a folder goes or anything
	// is moved: the stock simulator looks things up without a lock and panics in a goroutine of its own when one has gone.
	shape sync.RWMutex

	endpoint atomic.Pointer[server] // a new one after each restart
	control  *server
	cert     certificate
	caFile   string

	restarting sync.Mutex // held for a whole restart

	closed    chan struct{}
	closeOnce sync.Once
	closeErr  error
}

// Start builds the inventory and serves it. The caller must Close what it returns.
func Start(o Options) (*Simulator, error) {
	o = o.withDefaults()
	s := &Simulator{options: o, gate: newGate(), journal: newJournal(), closed: make(chan struct{})}
	s.rest = newRESTSessions(s.restSessionEnded)
	s.tags.there = s.there
	s.requests.journal, s.violations.journal = s.journal, s.journal
	s.denied.deny(types.ManagedObjectReference{}, o.DeniedPrivileges...)
	s.guests.usual, s.guests.all = o.Guest, make(map[types.ManagedObjectReference]*guest)
	s.guests.clock.stopped, s.guests.clock.started = o.GuestClockStopped, time.Now()
	s.grants = map[control.Object]control.Grant{}
	for _, g := range control.Grants(o.TemplateFolder != "", o.RootGiven) {
		s.grants[g.On] = g
	}
	if o.Strict {
		s.sessions.lockouts = newLockouts(o.LockoutScale)
		s.sessions.locked = s.accountLocked
	}
	s.cloneDelay.Store(int64(o.CloneDelay))
	s.sessions.passwords = map[string]string{o.Username: o.Password}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Simulator) start() error {
	if err := s.createModel(); err != nil {
		return fmt.Errorf("create inventory: %w", err)
	}
	s.extend()
	if err := s.buildInventory(); err != nil {
		return fmt.Errorf("build inventory: %w", err)
	}
	if err := s.placeDatacenters(); err != nil {
		return fmt.Errorf("place datacenters: %w", err)
	}
	if err := s.createTemplates(); err != nil {
		return fmt.Errorf("create templates: %w", err)
	}
	if err := s.createForeignVMs(s.options.ForeignVMs); err != nil {
		return fmt.Errorf("create foreign virtual machines: %w", err)
	}
	if err := s.serve(); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// extend hooks everything of ours into the stock simulator.
func (s *Simulator) extend() {
	s.hub = newHub(recorder{journal: s.journal, registry: s.registry, path: s.path})
	s.hub.files = &s.disks
	s.hub.policies = &s.policies
	s.hub.guests = guestWatch{&s.guests, s.powered}
	s.hub.recordFolders()
	s.registry.AddHandler(s.hub)
	s.putSpecManager()
	s.gateway = newGateway(s)
	s.registry.Put(s.gateway)
	s.registry.Handler = s.gateway.intercept
	s.registry.Cookie = sessionCookie
	s.registry.SessionManager().ValidLogin = s.sessions.validLogin
}

// Close stops both listeners, ends every long poll, and removes every file. It may be called more than once.
func (s *Simulator) Close() error {
	s.closeOnce.Do(func() {
		close(s.closed)
		s.guests.clock.stopAll()
		s.restarting.Lock() // a restart under way ends first
		defer s.restarting.Unlock()
		s.closeErr = errors.Join(s.endpoint.Load().close(), s.control.close())
		if s.model != nil {
			s.shape.Lock() // a virtual machine that is being made panics when its files go
			defer s.shape.Unlock()
			s.model.Remove()
		}
		if s.caFile != "" {
			s.closeErr = errors.Join(s.closeErr, os.Remove(s.caFile))
		}
	})
	return s.closeErr
}

// URL is the address of the vSphere endpoint, without credentials.
func (s *Simulator) URL() string {
	u := url.URL{Scheme: "https", Host: s.endpoint.Load().addr(), Path: s.registry.Path}
	return u.String()
}

// ControlURL is the address of the control port; package control has the client.
func (s *Simulator) ControlURL() string { return "http://" + s.control.addr() }

// CAFile is a file that holds the certificate to trust. It is gone after Close.
func (s *Simulator) CAFile() string { return s.caFile }

// CAPEM is the certificate to trust.
func (s *Simulator) CAPEM() []byte { return s.cert.pem }

// Thumbprint is the SHA-256 thumbprint of the certificate, in the form AB:CD:...
func (s *Simulator) Thumbprint() string { return s.cert.thumbprint }

// Username and Password are the credentials of the options, defaults applied.
func (s *Simulator) Username() string { return s.options.Username }

// Password goes with Username.
func (s *Simulator) Password() string { return s.options.Password }

// SetCloneDelay is how long clones take that are submitted from now on.
func (s *Simulator) SetCloneDelay(d time.Duration) { s.cloneDelay.Store(int64(d)) }

// isClosed reports whether Close has been called.
func (s *Simulator) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// background returns a context for work that no client asked for. Locks belong to a context, so that every piece of
// work that runs on its own needs one of its own.
func (s *Simulator) background() *simulator.Context {
	ctx := *s.model.Service.Context
	return &ctx
}

// detach returns a context for work that goes on after the call that asked for it has been answered.
func detach(ctx *simulator.Context) *simulator.Context {
	detached := *ctx
	return &detached
}
