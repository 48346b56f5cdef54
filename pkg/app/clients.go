package app

import (
	"fmt"
	"net/http"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"

	"github.com/vmgroup/vmgroup-controller/pkg/connect"
	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned"
	"github.com/vmgroup/vmgroup-controller/pkg/options"
)

// requestTimeout bounds every request that is not a watch.
const requestTimeout = 30 * time.Second

// Events are written at eventQPS, so that those of a thousand groups do not compete with their statuses for the API server. The
// kubelet limits its events in the same way.
const (
	eventQPS   = 20
	eventBurst = 50
)

// clients are our ways to the API server. They share its connections.
type clients struct {
	host      string
	namespace string // where our Leases are

	watches     versioned.Interface // without a timeout, which would end a watch
	kubeWatches kubernetes.Interface
	groups      versioned.Interface
	kube        kubernetes.Interface
	events      kubernetes.Interface // with a rate limit of its own, see eventQPS
	leases      kubernetes.Interface // with a rate limit of its own, so that no burst of work delays a renewal

	transports []*http.Client
}

func newClients(o *options.Options, wrap transport.WrapperFunc) (*clients, error) {
	loader := connect.Kubernetes(o, "")
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("find the Kubernetes API server; give -kubeconfig, or run in a Pod: %w", err)
	}
	c := &clients{host: config.Host, namespace: o.LeaderElection.ResourceNamespace}
	if c.namespace == "" {
		if c.namespace, _, err = loader.Namespace(); err != nil {
			return nil, fmt.Errorf("find the namespace for Leases; give -leader-elect-resource-namespace: %w", err)
		}
	}
	config.UserAgent = o.UserAgent
	config.Wrap(wrap)
	config.QPS, config.Burst = float32(o.KubeAPIQPS), o.KubeAPIBurst
	return c, c.build(config, max(time.Second, o.LeaderElection.RenewDeadline/2))
}

// build makes the clients. A request for the Lease that hangs must not use up all the time there is to renew it.
func (c *clients) build(config *rest.Config, leaseTimeout time.Duration) error {
	client := func(timeout time.Duration) (*rest.Config, *http.Client, error) {
		copied := rest.CopyConfig(config)
		copied.Timeout = timeout
		client, err := rest.HTTPClientFor(copied)
		if err != nil {
			return nil, nil, fmt.Errorf("make a client for the Kubernetes API server: %w", err)
		}
		c.transports = append(c.transports, client)
		return copied, client, nil
	}
	watchConfig, watchClient, err := client(0)
	if err != nil {
		return err
	}
	if c.watches, err = versioned.NewForConfigAndClient(watchConfig, watchClient); err != nil {
		return fmt.Errorf("make a client for watches: %w", err)
	}
	if c.kubeWatches, err = kubernetes.NewForConfigAndClient(watchConfig, watchClient); err != nil {
		return fmt.Errorf("make a client for watches: %w", err)
	}
	callConfig, callClient, err := client(requestTimeout)
	if err != nil {
		return err
	}
	if c.groups, err = versioned.NewForConfigAndClient(callConfig, callClient); err != nil {
		return fmt.Errorf("make a client for VmGroups: %w", err)
	}
	if c.kube, err = kubernetes.NewForConfigAndClient(callConfig, callClient); err != nil {
		return fmt.Errorf("make a client for Kubernetes: %w", err)
	}
	eventConfig := rest.CopyConfig(callConfig)
	eventConfig.QPS, eventConfig.Burst = eventQPS, eventBurst
	if c.events, err = kubernetes.NewForConfigAndClient(eventConfig, callClient); err != nil {
		return fmt.Errorf("make a client for events: %w", err)
	}
	leaseConfig, leaseClient, err := client(leaseTimeout)
	if err != nil {
		return err
	}
	if c.leases, err = kubernetes.NewForConfigAndClient(leaseConfig, leaseClient); err != nil {
		return fmt.Errorf("make a client for Leases: %w", err)
	}
	return nil
}

// close lets go of connections that nobody uses any more.
func (c *clients) close() {
	for _, client := range c.transports {
		utilnet.CloseIdleConnectionsFor(client.Transport)
	}
}
