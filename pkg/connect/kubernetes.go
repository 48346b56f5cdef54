package connect

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/options"
)

// Kubernetes returns what says where the API server is and which namespace is meant: the file that the options name, or
// else what kubectl goes by. kubeContext names a context in it; empty means the current one. Nothing is read yet.
func Kubernetes(o *options.Options, kubeContext string) clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: kubeContext}
	overrides.ClusterInfo.Server = o.Master
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
}

// CheckCRD returns an error that says what to do unless the API server at host answers and serves VmGroups, or another resource of
// their group. Everybody may ask for the list of APIs.
func CheckCRD(ctx context.Context, kube kubernetes.Interface, host string, others ...string) error {
	resources, err := kube.Discovery().ServerResourcesForGroupVersionWithContext(ctx, v1alpha1.SchemeGroupVersion.String())
	switch {
	case err == nil:
		return missingCRD(resources.APIResources, append([]string{"vmgroups"}, others...))
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the Kubernetes API server at %s does not accept our credentials; check the kubeconfig or the service account: %w", host, err)
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("the Kubernetes API server at %s does not answer as it should: %w", host, err)
	}
	return missingCRD(nil, []string{"vmgroups"})
}

// missingCRD returns an error that says what to do unless all resources are served.
func missingCRD(served []metav1.APIResource, wanted []string) error {
	for _, name := range wanted {
		if !slices.ContainsFunc(served, func(r metav1.APIResource) bool { return r.Name == name }) {
			kind, verb := "VmGroup", "create"
			if name == "vmgroupclasses" { // an earlier version has installed the other one
				kind, verb = "VmGroupClass", "apply"
			}
			return fmt.Errorf("the CustomResourceDefinition of %s (%s) is not installed; run: kubectl %s -f artifacts/crd.yaml",
				kind, v1alpha1.SchemeGroupVersion, verb)
		}
	}
	return nil
}

// Owner returns what tells the VMs of this cluster from those of a controller in another one.
func Owner(ctx context.Context, kube kubernetes.Interface, o *options.Options) (string, error) {
	if o.OwnerID != "" {
		return o.OwnerID, nil
	}
	namespace, err := kube.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("read the UID of namespace kube-system, the identity that VMs are stamped with; grant get on it (artifacts/rbac.yaml) or give -owner-id: %w", err)
	}
	if namespace.UID == "" {
		return "", errors.New("namespace kube-system has no UID; give -owner-id")
	}
	return string(namespace.UID), nil
}
