package options

import (
	"flag"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// Options says how the controller runs. NewOptions, FromEnvironment, AddFlags, parse, Validate: in this order.
type Options struct {
	// Kubeconfig is a file. Empty means what kubectl does without one: $KUBECONFIG, then ~/.kube/config, then the
	// service account of the Pod.
	Kubeconfig string
	// Master overrides the API server's address of the kubeconfig.
	Master string
	// Namespace is the only one that is watched. Empty means all.
	Namespace string

	// ControllerName is the name of this controller, as VmGroupClasses have it in spec.controllerName. Several controllers of one
	// cluster have different names.
	ControllerName string

	Workers      int
	KubeAPIQPS   float64 // requests per second
	KubeAPIBurst int
	ResyncPeriod time.Duration

	VCenter        VCenter
	LeaderElection LeaderElection

	// OwnerID tells this controller's VMs from those of another one. Empty means the UID of the namespace kube-system.
	OwnerID string
	// ReadOnly stops every change to vCenter; plans and status go on.
	ReadOnly bool

	// MetricsAddr and HealthAddr are host:port; "" or "0" means no server, port 0 any free one.
	MetricsAddr string
	HealthAddr  string
	// Profiling serves net/http/pprof beside the metrics.
	Profiling bool

	LoggingFormat string // text or json
	Version       bool   // print the version and exit

	// UserAgent is how we call ourselves towards Kubernetes and vCenter. It is no flag: main puts the version in.
	UserAgent string

	// environment holds what FromEnvironment could not make sense of, for Validate to tell.
	environment []error
}

// LeaderElection has the meaning of kube-controller-manager's flags of that name.
type LeaderElection struct {
	LeaderElect   bool
	LeaseDuration time.Duration
	RenewDeadline time.Duration
	RetryPeriod   time.Duration
	// ResourceName is the name of the Lease; see LeaseName.
	ResourceName string
	// ResourceNamespace is where all our Leases are. Empty means the namespace of the Pod, or of the kubeconfig.
	ResourceNamespace string
}

// Formats of the log.
const (
	LoggingFormatText = "text"
	LoggingFormatJSON = "json"
)

// defaultLease is the Lease of a controller of the default name.
const defaultLease = "vmgroup-controller"

// LeaseName returns the name of the Lease. Where none was chosen, a controller that has a name of its own has a Lease of its own.
func (o *Options) LeaseName() string {
	if name := o.LeaderElection.ResourceName; name != defaultLease || o.ControllerName == v1alpha1.DefaultControllerName {
		return name
	}
	return defaultLease + "-" + o.ControllerName
}

// NewOptions returns the defaults, without a vCenter.
func NewOptions() *Options {
	return &Options{
		ControllerName: v1alpha1.DefaultControllerName,

		Workers:      4,
		KubeAPIQPS:   500,
		KubeAPIBurst: 1000,
		ResyncPeriod: 10 * time.Minute,
		VCenter: VCenter{
			Scheme:       "https",
			Port:         defaultPort,
			Folder:       "vmgroups",
			MaxClones:    16,
			CloneTimeout: 30 * time.Minute,
		},
		LeaderElection: LeaderElection{
			LeaderElect:   true,
			LeaseDuration: 15 * time.Second,
			RenewDeadline: 10 * time.Second,
			RetryPeriod:   2 * time.Second,
			ResourceName:  defaultLease,
		},
		MetricsAddr:   ":8080",
		HealthAddr:    ":8081",
		LoggingFormat: LoggingFormatText,
		UserAgent:     "vmgroup-controller",
	}
}

// AddFlags registers the flags, with what o holds as their defaults.
func (o *Options) AddFlags(fs *flag.FlagSet) {
	fs.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "kubeconfig `file`; default: $KUBECONFIG, then ~/.kube/config, then the Pod's service account")
	fs.StringVar(&o.Master, "master", o.Master, "`address` of the Kubernetes API server, instead of the kubeconfig's")
	fs.StringVar(&o.Namespace, "namespace", o.Namespace, "watch VmGroups of this `namespace` only; default: all namespaces")
	fs.StringVar(&o.ControllerName, "controller-name", o.ControllerName, "`name` of this controller: it serves the VmGroupClasses with this spec.controllerName. Each controller of a cluster has a name of its own")
	fs.IntVar(&o.Workers, "workers", o.Workers, "how many VmGroups are worked on at once")
	fs.Float64Var(&o.KubeAPIQPS, "kube-api-qps", o.KubeAPIQPS, "requests per second to the Kubernetes API server, on average. It bounds what a fault in this process could do. It need not protect the server: no more requests than workers are under way at once, and the server's Priority and Fairness queues them. Leases have a limit of their own")
	fs.IntVar(&o.KubeAPIBurst, "kube-api-burst", o.KubeAPIBurst, "requests to the Kubernetes API server in one burst")
	fs.DurationVar(&o.ResyncPeriod, "resync-period", o.ResyncPeriod, "how often everything is looked at again although nothing has changed; jittered")

	o.VCenter.AddFlags(fs)
	o.VCenter.addCloneFlags(fs)
	fs.StringVar(&o.OwnerID, "owner-id", o.OwnerID, "`identity` in the stamp of each VM; default: the UID of the namespace kube-system. With another one, all VMs made before are foreign")
	fs.BoolVar(&o.ReadOnly, "read-only", o.ReadOnly, "change nothing in vCenter; plans and status go on")

	o.LeaderElection.addFlags(fs)
	fs.StringVar(&o.MetricsAddr, "metrics-addr", o.MetricsAddr, "`host:port` of /metrics; \"0\": none")
	fs.StringVar(&o.HealthAddr, "health-addr", o.HealthAddr, "`host:port` of /livez and /readyz; \"0\": none")
	fs.BoolVar(&o.Profiling, "profiling", o.Profiling, "enable profiling via web interface host:port/debug/pprof/, on -metrics-addr")
	fs.StringVar(&o.LoggingFormat, "logging-format", o.LoggingFormat, "`format` of the log: text or json")
	fs.BoolVar(&o.Version, "version", o.Version, "print the version and exit")
	CleanText(fs)
}

func (l *LeaderElection) addFlags(fs *flag.FlagSet) {
	fs.BoolVar(&l.LeaderElect, "leader-elect", l.LeaderElect, "work only while holding a Lease; without, there must be one process at most")
	fs.DurationVar(&l.LeaseDuration, "leader-elect-lease-duration", l.LeaseDuration, "how long others wait after the last renewal they saw before they take the Lease")
	fs.DurationVar(&l.RenewDeadline, "leader-elect-renew-deadline", l.RenewDeadline, "how long the leader tries to renew before it gives up; less than the lease duration")
	fs.DurationVar(&l.RetryPeriod, "leader-elect-retry-period", l.RetryPeriod, "time between attempts to get or renew the Lease")
	fs.StringVar(&l.ResourceName, "leader-elect-resource-name", l.ResourceName, "`name` of the Lease; <name>-login beside it remembers logins to vCenter. With -controller-name, the default is vmgroup-controller-<controller-name>")
	fs.StringVar(&l.ResourceNamespace, "leader-elect-resource-namespace", l.ResourceNamespace, "`namespace` of the Leases; default: the Pod's, or the kubeconfig's")
}
