package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/connect"
)

const (
	firstRecheck = time.Second
	lastRecheck  = 5 * time.Second // after an outage the Lease, too, has to be waited for
	checkTimeout = 15 * time.Second
)

// awaitCluster waits until the API server answers, the CRD is there, and we may do what we must; it logs what it waits for
// whenever that changes, in one line. It returns the owner identity for stamps. It fails only if ctx ends.
func (a *app) awaitCluster(ctx context.Context) (owner string, err error) {
	logger := klog.FromContext(ctx)
	said := ""
	for delay := firstRecheck; ; delay = min(2*delay, lastRecheck) {
		owner, err = a.checkCluster(ctx)
		a.health.cluster.set(err)
		if err == nil {
			return owner, nil
		}
		if err.Error() != said && ctx.Err() == nil {
			said = err.Error()
			logger.Error(err, "Cannot start yet, and goes on trying")
		}
		select {
		case <-a.clock.After(wait.Jitter(delay, 0.2)):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// checkCluster returns the first thing that is missing, and what to do about it.
func (a *app) checkCluster(ctx context.Context) (owner string, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var others []string
	if a.options.Namespace == "" {
		others = append(others, "vmgroupclasses")
	}
	if err := connect.CheckCRD(ctx, a.clients.kube, a.clients.host, others...); err != nil {
		return "", err
	}
	if err := a.checkPermissions(ctx); err != nil {
		return "", err
	}
	return connect.Owner(ctx, a.clients.kube, a.options)
}

// checkPermissions asks the API server what we may do. Events are left out: without them the controller does its work.
func (a *app) checkPermissions(ctx context.Context) error {
	var missing []string
	for _, want := range a.permissions() {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &want}}
		review, err := a.clients.kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
			return nil // whoever may not even ask finds out from the first request that is denied
		}
		if err != nil {
			return fmt.Errorf("ask the Kubernetes API server for our permissions: %w", err)
		}
		if !review.Status.Allowed {
			missing = append(missing, describe(want))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("permissions are missing; run: kubectl apply -f artifacts/rbac.yaml; missing: %s", strings.Join(missing, ", "))
	}
	return nil
}

// permissions are those in artifacts/rbac.yaml.
func (a *app) permissions() []authorizationv1.ResourceAttributes {
	group := func(verb, subresource string) authorizationv1.ResourceAttributes {
		return authorizationv1.ResourceAttributes{
			Verb: verb, Group: v1alpha1.SchemeGroupVersion.Group, Resource: "vmgroups", Subresource: subresource, Namespace: a.options.Namespace,
		}
	}
	class := func(verb, subresource string) authorizationv1.ResourceAttributes {
		return authorizationv1.ResourceAttributes{
			Verb: verb, Group: v1alpha1.SchemeGroupVersion.Group, Resource: "vmgroupclasses", Subresource: subresource,
		}
	}
	namespace := func(verb string) authorizationv1.ResourceAttributes {
		return authorizationv1.ResourceAttributes{Verb: verb, Resource: "namespaces"}
	}
	revision := func(verb string) authorizationv1.ResourceAttributes {
		return authorizationv1.ResourceAttributes{
			Verb: verb, Group: appsv1.GroupName, Resource: "controllerrevisions", Namespace: a.options.Namespace,
		}
	}
	lease := func(verb, name string) authorizationv1.ResourceAttributes {
		return authorizationv1.ResourceAttributes{
			Verb: verb, Group: "coordination.k8s.io", Resource: "leases", Name: name, Namespace: a.clients.namespace,
		}
	}
	name := a.options.LeaseName()
	wanted := []authorizationv1.ResourceAttributes{
		group("list", ""), group("watch", ""), group("get", ""), group("patch", ""), group("update", "status"),
		revision("list"), revision("watch"), revision("create"), revision("delete"),
		lease("create", ""), lease("get", loginLease(name)), lease("update", loginLease(name)),
	}
	if a.options.Namespace == "" { // otherwise there are no classes
		wanted = append(wanted, class("list", ""), class("watch", ""), class("patch", ""), class("update", "status"),
			namespace("list"), namespace("watch"))
	}
	if a.options.LeaderElection.LeaderElect {
		wanted = append(wanted, lease("get", name), lease("update", name))
	}
	return wanted
}

func describe(r authorizationv1.ResourceAttributes) string {
	text := r.Verb + " " + r.Resource + "." + r.Group
	if r.Subresource != "" {
		text = r.Verb + " " + r.Resource + "/" + r.Subresource + "." + r.Group
	}
	if r.Name != "" {
		text += " " + r.Name
	}
	if r.Namespace != "" {
		text += " in namespace " + r.Namespace
	}
	return text
}
