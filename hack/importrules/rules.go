package main

// room is a directory of the repository and what the packages in it may import. The first room that holds a package is
// its room, so a room stands above the one around it.
//
// A path, in a room as in a list, is relative to the module unless it is of another one. It stands for itself and for
// everything below it; with a trailing "$" it stands for itself alone.
type room struct {
	path string

	// may lists what the packages of the room may import besides the standard library and their own room.
	may []string
	// not lists what they may not import although may or the standard library would let them.
	not []string
	// why is the reason in one clause; it ends the sentence about a breach.
	why string
	// noClock forbids the functions of package time that read the clock or wait.
	noClock bool
}

const (
	anything   = "*"
	kubernetes = "k8s.io"
	govmomi    = "github.com/vmware/govmomi"
)

// rooms is the plan of the house.
var rooms = []room{
	{
		path: "$",
		may:  []string{"pkg/options", "pkg/app", "pkg/cli", "k8s.io/klog/v2"},
		why:  "main parses flags, runs the app or the plugin and exits; wiring belongs in pkg/app",
	},
	{
		path: "pkg/app",
		may:  []string{anything},
		not:  []string{govmomi},
		why:  "vCenter is reached through the port in pkg/vsphere",
	},
	{
		path: "pkg/cli",
		may: []string{
			"pkg/apis", "pkg/classes", "pkg/connect", "pkg/generated", "pkg/login", "pkg/options", "pkg/plan", "pkg/vsphere$", "pkg/vsphere/vim",
			"pkg/vspheresync", kubernetes, "sigs.k8s.io/structured-merge-diff",
		},
		why: "the plugin reads with the controller's own code, writes specs alone, and starts nothing",
	},
	{
		path: "pkg/connect",
		may:  []string{"pkg/apis", "pkg/options", "pkg/vsphere/vim", kubernetes},
		why:  "it leads to the two servers, and does nothing there",
	},
	{
		path: "pkg/options",
		may:  []string{"pkg/apis", "k8s.io/klog/v2"},
		why:  "options are plain values, which everybody can read without pulling in a client",
	},
	{
		path: "pkg/apis",
		may:  []string{"k8s.io/apimachinery"},
		why:  "users import the API types, and everything they import becomes theirs",
	},
	{
		path: "pkg/generated",
		may:  []string{"pkg/apis", kubernetes, "sigs.k8s.io"},
		why:  "generated code serves the API types and nothing else",
	},
	{
		path: "pkg/controller",
		may:  []string{"pkg/apis", "pkg/generated", "pkg/vsphere$", "pkg/metrics", kubernetes, "golang.org/x/time"},
		why:  "the controller moves keys and knows nothing of VMs",
	},
	{
		path: "pkg/classes",
		may:  []string{"pkg/apis", "pkg/generated", "pkg/plan", "pkg/vsphere$", kubernetes},
		why:  "classes are kept by what the port tells of them, and what they mean is decided in pkg/plan",
	},
	{
		path: "pkg/vspheresync",
		may:  []string{"pkg/apis", "pkg/generated", "pkg/plan", "pkg/vsphere$", "pkg/metrics", kubernetes, "golang.org/x/time/rate"},
		why:  "the sync sees vCenter through the port, so that it runs on the fake as well",
	},
	{
		path:    "pkg/plan",
		may:     []string{"pkg/apis", "pkg/vsphere$", "k8s.io/apimachinery", "k8s.io/utils/ptr"},
		not:     []string{"context", "log", "log/slog", "math/rand", "net$", "net/http", "os", "sync", "k8s.io/apimachinery/pkg/util/wait"},
		why:     "the decision is pure: same input, same plan",
		noClock: true,
	},
	{
		path: "pkg/vsphere/operations",
		may:  []string{"pkg/vsphere$", "k8s.io/utils/clock"},
		why:  "what is in flight is counted without a vCenter, for every implementation of the port",
	},
	{
		path: "pkg/vsphere/cloudinit",
		may:  []string{"pkg/apis", "pkg/vsphere$"},
		not:  []string{"context", "os", "net$", "net/http"},
		why:  "what a guest is told is put into words without a call",
	},
	{
		path: "pkg/vsphere/inventory",
		may:  []string{"pkg/vsphere$", "pkg/vsphere/operations", "k8s.io/utils/clock"},
		not:  []string{"context", "net", "os"},
		why:  "the inventory knows what it was given, and calls nobody",
	},
	{
		path: "pkg/vsphere/fake",
		may:  []string{"pkg/apis", "pkg/vsphere$", "pkg/vsphere/operations", "k8s.io/apimachinery", "k8s.io/utils", "github.com/google/uuid"},
		why:  "the fake is an in-memory vCenter behind the port",
	},
	{
		path: "pkg/vsphere/contract",
		may:  []string{anything},
		not:  []string{govmomi, "pkg/vsphere/fake", "pkg/vsphere/vim"},
		why:  "the contract is what every implementation of the port must pass, so it knows none of them",
	},
	{
		path: "pkg/vsphere/vim",
		may: []string{
			"pkg/apis", "pkg/vsphere$", "pkg/vsphere/cloudinit", "pkg/vsphere/operations", "pkg/vsphere/inventory", "pkg/metrics",
			govmomi, kubernetes, "github.com/google/uuid", "golang.org/x",
		},
		why: "the adapter knows the port, govmomi and the reasons of the API, and nobody who uses it",
	},
	{
		path: "pkg/vsphere",
		may:  []string{"k8s.io/apimachinery/pkg/types", "golang.org/x/text/unicode/norm"},
		why:  "the port is made of plain values, so that nothing of vCenter leaks through it",
	},
	{
		path: "pkg/login",
		may:  []string{kubernetes},
		why:  "the gate writes down attempts to log in; it makes none",
	},
	{
		path: "pkg/metrics",
		may:  []string{kubernetes},
		why:  "metrics are counted by those who know what happened, not the other way round",
	},
	{
		path: "hack/vcsim",
		may:  []string{anything},
		why:  "the simulator is made of govmomi",
	},
	{
		path: "hack",
		may:  []string{anything},
		not:  []string{govmomi, "pkg/app"},
		why:  "tools run the binaries; only the simulator is made of govmomi",
	},
	{
		path: "test",
		may:  []string{anything},
		why:  "tests may look everywhere",
	},
}

// clockFunctions are the functions of package time that read the clock or wait for it.
var clockFunctions = map[string]bool{
	"After": true, "AfterFunc": true, "NewTicker": true, "NewTimer": true, "Now": true,
	"Since": true, "Sleep": true, "Tick": true, "Until": true,
}
