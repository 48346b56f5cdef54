package cli

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/classes"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// offers are the VmGroupClasses of the cluster, and what is needed to say which one a group has.
type offers struct {
	classes []*v1alpha1.VmGroupClass
	// labelsOf are the labels of the namespace that is looked at, nil if the user may not read them.
	labelsOf labels.Set
}

// offersFor reads the classes, and the labels of a namespace. Who may not read classes sees the flags of the controller in their
// place, as an installation for one namespace does.
func (c *cluster) offersFor(ctx context.Context, namespace string) (offers, error) {
	var o offers
	list, err := c.classes.VmGroupClasses().List(ctx, metav1.ListOptions{})
	switch {
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		return o, nil
	case err != nil:
		return o, fmt.Errorf("list VmGroupClasses: %w", c.explain(ctx, err))
	}
	for i := range list.Items {
		o.classes = append(o.classes, &list.Items[i])
	}
	ns, err := c.kube.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	switch {
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		return o, nil
	case err != nil:
		return o, fmt.Errorf("read the labels of the namespace %s: %w", namespace, c.explain(ctx, err))
	}
	o.labelsOf = labels.Set{}
	for key, value := range ns.Labels {
		o.labelsOf[key] = value
	}
	return o, nil
}

// keeperOf says who keeps a group. Where nobody knows the labels of the namespace, a class is taken to admit it: the controller
// has the last word.
func (o offers) keeperOf(vg *v1alpha1.VmGroup) (plan.Keeper, error) {
	k := plan.KeeperOf(vg, o.classes, o.labelsOf)
	if o.labelsOf == nil && k.Err != nil && k.Err.Reason == v1alpha1.ReasonClassNotAllowed {
		k.Err = nil
	}
	return k, nil
}

// specs returns what the adapter has to know of the classes.
func (o offers) specs() []vsphere.ClassSpec {
	var specs []vsphere.ClassSpec
	for _, class := range o.classes {
		specs = append(specs, classes.SpecOf(class))
	}
	return specs
}
