package cli

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/connect"
	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned"
	client "github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/typed/vsphere/v1alpha1"
)

const (
	// requestTimeout bounds each request that is not a watch.
	requestTimeout = 30 * time.Second
	// groupsPerPage bounds one answer of the API server.
	groupsPerPage = 500
)

// cluster is the user's way to the API server.
type cluster struct {
	host      string
	namespace string // the one that is meant where none is named
	watches   versioned.Interface
	groups    client.VmGroupsGetter
	classes   client.VmGroupClassesGetter
	kube      kubernetes.Interface
}

// connectKubernetes reads the kubeconfig. It makes no request.
func (inv *invocation) connectKubernetes() (*cluster, error) {
	loader := connect.Kubernetes(inv.options, inv.kubeContext)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("find the Kubernetes API server; give -kubeconfig, or set KUBECONFIG: %w", err)
	}
	c := &cluster{host: config.Host, namespace: inv.options.Namespace}
	if c.namespace == "" {
		if c.namespace, _, err = loader.Namespace(); err != nil {
			return nil, fmt.Errorf("find the namespace; give -n: %w", err)
		}
	}
	config.UserAgent = inv.options.UserAgent
	if c.watches, err = versioned.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("make a client for watches: %w", err)
	}
	limited := rest.CopyConfig(config)
	limited.Timeout = requestTimeout
	groups, err := versioned.NewForConfig(limited)
	if err != nil {
		return nil, fmt.Errorf("make a client for VmGroups: %w", err)
	}
	c.groups, c.classes = groups.VsphereV1alpha1(), groups.VsphereV1alpha1()
	if c.kube, err = kubernetes.NewForConfig(limited); err != nil {
		return nil, fmt.Errorf("make a client for Kubernetes: %w", err)
	}
	return c, nil
}

// get reads a VmGroup.
func (c *cluster) get(ctx context.Context, namespace, name string) (*v1alpha1.VmGroup, error) {
	vg, err := c.groups.VmGroups(namespace).Get(ctx, name, metav1.GetOptions{})
	if err == nil {
		return vg, nil
	}
	err = c.explain(ctx, err)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no VmGroup %s in namespace %s; those that are: kubectl get vmgroups -n %s: %w", name, namespace, namespace, err)
	}
	return nil, err
}

// list reads the VmGroups of a namespace, all pages; an empty one means all namespaces.
func (c *cluster) list(ctx context.Context, namespace string) ([]v1alpha1.VmGroup, error) {
	var all []v1alpha1.VmGroup
	for page := ""; ; {
		list, err := c.groups.VmGroups(namespace).List(ctx, metav1.ListOptions{Limit: groupsPerPage, Continue: page})
		if err != nil {
			return nil, c.explain(ctx, err)
		}
		all = append(all, list.Items...)
		if page = list.Continue; page == "" {
			return all, nil
		}
	}
}

// listVisible reads all VmGroups, or, for somebody who may not, those of a namespace.
func (c *cluster) listVisible(ctx context.Context, namespace string) ([]v1alpha1.VmGroup, error) {
	all, err := c.list(ctx, "")
	if apierrors.IsForbidden(err) {
		return c.list(ctx, namespace)
	}
	return all, err
}

// explain finds the cause of an error that the API server answers in few words: to somebody who may do little it denies
// what is not even installed.
func (c *cluster) explain(ctx context.Context, err error) error {
	if missing := connect.CheckCRD(ctx, c.kube, c.host); missing != nil {
		return missing
	}
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("the Kubernetes API server at %s denies it; ask for a role that may: %w", c.host, err)
	}
	return err
}
