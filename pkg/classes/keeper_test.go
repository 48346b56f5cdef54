package classes

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeinformers "k8s.io/client-go/informers"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/fake"
	informers "github.com/vmgroup/vmgroup-controller/pkg/generated/informers/externalversions"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

type noVCenter struct{}

func (noVCenter) SetClasses([]vsphere.ClassSpec) {}

func (noVCenter) Offer(context.Context, string) (vsphere.Offer, error) { return vsphere.Offer{}, nil }

// A class may admit namespaces by a label that they lack. Of a namespace that the informer does not have yet, nobody knows what it lacks.
func TestANamespaceThatIsNotKnownYet(t *testing.T) {
	class := &v1alpha1.VmGroupClass{ObjectMeta: metav1.ObjectMeta{Name: "gold"}, Spec: v1alpha1.VmGroupClassSpec{
		ControllerName: "vc1", AllowedNamespaces: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "tier", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"untrusted"}},
		}},
	}}
	client, kube := fake.NewClientset(class), kubefake.NewClientset()
	ours, theirs := informers.NewSharedInformerFactory(client, 0), kubeinformers.NewSharedInformerFactory(kube, 0)
	namespaces := theirs.Core().V1().Namespaces().Informer()
	c, err := New(Config{
		Name: "vc1", VCenter: noVCenter{}, Client: client.VsphereV1alpha1(), Informer: ours.Vsphere().V1alpha1().VmGroupClasses().Informer(),
		Namespaces: namespaces, Groups: ours.Vsphere().V1alpha1().VmGroups().Informer(),
		Sure: func() error { return nil }, Wake: func(*v1alpha1.VmGroup) {}, Clock: clock.RealClock{},
	})
	if err != nil {
		t.Fatal(err)
	}
	ours.Start(t.Context().Done())
	theirs.Start(t.Context().Done())
	if !cache.WaitForCacheSync(t.Context().Done(), c.HasSynced) {
		t.Fatal("the informers have nothing")
	}
	vg := &v1alpha1.VmGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web"}, Spec: v1alpha1.VmGroupSpec{ClassName: "gold"}}
	if k, err := c.KeeperOf(vg); err == nil {
		t.Errorf("it is kept as %+v", k)
	}
	untrusted := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team", Labels: map[string]string{"tier": "untrusted"}}}
	if err := namespaces.GetIndexer().Add(untrusted); err != nil {
		t.Fatal(err)
	}
	if k, err := c.KeeperOf(vg); err != nil || k.Err == nil || k.Err.Reason != v1alpha1.ReasonClassNotAllowed {
		t.Errorf("it is kept as %+v, %v", k, err)
	}
}
