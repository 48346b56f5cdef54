package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/options"
)

// cluster is a fake one that lacks nothing; tests take away.
type cluster struct {
	*fake.Clientset
	denied map[string]bool // "verb resource/subresource name"
}

func newCluster(t *testing.T) (*app, *cluster) {
	t.Helper()
	c := &cluster{Clientset: fake.NewClientset(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: "cluster-uid"}}), denied: map[string]bool{}}
	c.Resources = []*metav1.APIResourceList{{GroupVersion: v1alpha1.SchemeGroupVersion.String(), APIResources: []metav1.APIResource{{Name: "vmgroups"}, {Name: "vmgroupclasses"}}}}
	c.PrependReactor("create", "selfsubjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
		a := review.Spec.ResourceAttributes
		review.Status.Allowed = !c.denied[strings.TrimSpace(a.Verb+" "+a.Resource+"/"+a.Subresource+" "+a.Name)]
		return true, review, nil
	})
	a := &app{
		options: options.NewOptions(),
		clients: &clients{host: "https://api", namespace: "ns", kube: c},
		health:  newHealth(time.Second),
		clock:   clock.RealClock{},
	}
	return a, c
}

func TestCheckCluster(t *testing.T) {
	forbidden := apierrors.NewForbidden(corev1.Resource("namespaces"), "kube-system", errors.New("no"))
	tests := map[string]struct {
		take func(*app, *cluster)
		want []string // parts of the error
	}{
		"nothing missing": {take: func(*app, *cluster) {}},
		"no CRD":          {take: func(_ *app, c *cluster) { c.Resources = nil }, want: []string{"not installed", "kubectl create -f artifacts/crd.yaml"}},
		"another CRD of the group": {take: func(_ *app, c *cluster) {
			c.Resources[0].APIResources[0].Name = "others"
		}, want: []string{"not installed"}},
		"no permissions": {take: func(_ *app, c *cluster) {
			c.denied = map[string]bool{"list vmgroups/": true, "update vmgroups/status": true, "update leases/ vmgroup-controller-login": true}
		}, want: []string{
			"kubectl apply -f artifacts/rbac.yaml",
			"list vmgroups.vsphere.vmware.com, update vmgroups/status.vsphere.vmware.com, update leases.coordination.k8s.io vmgroup-controller-login in namespace ns",
		}},
		"may not even ask": {take: func(_ *app, c *cluster) {
			c.PrependReactor("create", "selfsubjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, forbidden })
		}},
		"no kube-system": {take: func(_ *app, c *cluster) {
			c.PrependReactor("get", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, forbidden })
		}, want: []string{"kube-system", "give -owner-id"}},
		"kube-system is not asked for": {take: func(a *app, c *cluster) {
			a.options.OwnerID = "me"
			c.PrependReactor("get", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, forbidden })
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a, c := newCluster(t)
			tc.take(a, c)
			owner, err := a.checkCluster(t.Context())
			if len(tc.want) == 0 {
				if err != nil || owner == "" {
					t.Errorf("got %q, %v", owner, err)
				}
				return
			}
			for _, part := range tc.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want it to contain %q", err, part)
				}
			}
		})
	}
}

func TestAwaitCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c := newCluster(t)
		start := time.Now()
		c.PrependReactor("get", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) {
			return time.Since(start) < time.Minute, nil, apierrors.NewServiceUnavailable("not yet")
		})
		owner, err := a.awaitCluster(t.Context())
		if err != nil || owner != "cluster-uid" {
			t.Errorf("got %q, %v", owner, err)
		}
		if took := time.Since(start); took < time.Minute || took > time.Minute+2*lastRecheck {
			t.Errorf("recovered after %v", took)
		}
	})
}

func TestAwaitClusterEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c := newCluster(t)
		c.Resources = nil
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := a.awaitCluster(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := a.health.cluster.get(); err == nil {
			t.Error("ready, although the CRD is missing")
		}
	})
}

func TestGuard(t *testing.T) {
	a, _ := newCluster(t)
	if err := a.guard(alwaysLeader{})(); err != nil {
		t.Errorf("the only process: %v", err)
	}
	a.options.ReadOnly = true
	if err := a.guard(alwaysLeader{})(); err == nil || !strings.Contains(err.Error(), "-read-only") {
		t.Errorf("read-only: %v", err)
	}
	a.options.ReadOnly = false
	if err := a.guard(unsure{})(); !errors.Is(err, errLost) {
		t.Errorf("with a Lease that is not surely ours: %v, want %v", err, errLost)
	}
}

// unsure is a leadership that may have ended.
type unsure struct{ alwaysLeader }

func (unsure) sure() error { return errLost }
