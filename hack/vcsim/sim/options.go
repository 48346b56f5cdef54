package sim

import (
	"cmp"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// Options says what to simulate. The zero value is one small datacenter, without virtual machines.
type Options struct {
	Listen        string // vSphere endpoint, default "127.0.0.1:0"
	ControlListen string // control port, default "127.0.0.1:0"

	Username string // default "user"
	Password string // default "pass"

	Datacenters []string // inventory paths, default "DC0"
	Clusters    int      // per datacenter, default 1
	Hosts       int      // per cluster, default 1
	Pools       int      // resource pools below each cluster's root pool, default none
	Datastores  int      // per datacenter, default 1
	// Inventory describes the first datacenter in more detail, if it is given.
	Inventory *Inventory

	Templates      []string // names, made in the first datacenter
	TemplateFolder string   // path below the VM folder; "" is the VM folder itself

	// ForeignVMs is how many virtual machines of somebody else lie in the folder "foreign" of the first datacenter. They can
	// be read and watched, and nothing can be done to them; see foreign.go.
	ForeignVMs int

	// Root is the path, below the VM folder of a datacenter, of the folder outside which strict mode lets nobody change a
	// virtual machine. Default "vmgroups".
	Root string
	// RootGiven says that strict mode lets nobody make a folder in the VM folder, and so the root folder is made by hand.
	RootGiven bool

	// CloneDelay is how long a clone task takes at least, from its submission.
	CloneDelay time.Duration
	// CancelEffective lets CancelTask stop a clone whose delay has not passed. The default is what the stock simulator
	// does, and the nastier of the two: the task reads as cancelled, and the virtual machine appears all the same.
	CancelEffective bool

	// Strict refuses, and records as violations, what a controller of ours must never do: see strict.go, privileges.go and
	// lockout.go. It also refuses names that are too long for vCenter.
	Strict bool
	// In strict mode the account has what [control.Grants] says, where it says.

	// DeniedPrivileges is privileges that no account has; a method that asks for one fails with NoPermission.
	DeniedPrivileges []string
	// LockoutScale divides the durations of the lockout policy of strict mode, for tests that cannot wait so long.
	// Default 1.
	LockoutScale float64

	// Guest is how the guests of virtual machines behave that are told nothing of their own at the control port. As it is, they
	// have no Tools.
	Guest control.Guest
	// GuestClockStopped lets time go by for guests only when the control port says so.
	GuestClockStopped bool

	// Reserve is when a clone's name is taken.
	Reserve Reserve
	// Visible is when a clone's virtual machine can be seen.
	Visible Visible
}

// Reserve is when a clone's name is taken. Which of the two a vCenter does is not documented.
type Reserve string

// When a name is taken.
const (
	// ReserveStart refuses a name while the first clone of that name still runs. It is the default.
	ReserveStart Reserve = "start"
	// ReserveEnd lets both clones run: the second fails when it would make its virtual machine.
	ReserveEnd Reserve = "end"
)

// Visible is when a clone's virtual machine can be seen.
type Visible string

// When a virtual machine can be seen.
const (
	// VisibleEnd shows it when it is whole. It is the default.
	VisibleEnd Visible = "end"
	// VisibleStart shows it as soon as its clone runs: views and its folder have it, without a name and a config. If the
	// clone fails, it vanishes.
	VisibleStart Visible = "start"
)

func (o Options) withDefaults() Options {
	o.Listen = cmp.Or(o.Listen, "127.0.0.1:0")
	o.ControlListen = cmp.Or(o.ControlListen, "127.0.0.1:0")
	o.Username = cmp.Or(o.Username, "user")
	o.Password = cmp.Or(o.Password, "pass")
	if len(o.Datacenters) == 0 {
		o.Datacenters = []string{"DC0"}
	}
	o.Root = cmp.Or(o.Root, "vmgroups")
	o.Clusters = cmp.Or(o.Clusters, 1)
	o.Hosts = cmp.Or(o.Hosts, 1)
	o.Datastores = cmp.Or(o.Datastores, 1)
	o.LockoutScale = cmp.Or(o.LockoutScale, 1)
	o.Visible = cmp.Or(o.Visible, VisibleEnd)
	o.Reserve = cmp.Or(o.Reserve, ReserveStart)
	return o
}
