package cli

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
)

// revisionsOf returns a function that reads the ControllerRevisions of a VmGroup, if it keeps any.
func (c *cluster) revisionsOf(ctx context.Context) func(*v1alpha1.VmGroup) ([]*appsv1.ControllerRevision, error) {
	return func(vg *v1alpha1.VmGroup) ([]*appsv1.ControllerRevision, error) {
		if !plan.KeepsHistory(vg) {
			return nil, nil
		}
		list, err := c.kube.AppsV1().ControllerRevisions(vg.Namespace).List(ctx, metav1.ListOptions{
			LabelSelector: labels.Set{v1alpha1.GroupLabel: vg.Name}.String(),
		})
		if err != nil {
			return nil, fmt.Errorf("list its ControllerRevisions: %w", c.explain(ctx, err))
		}
		objects := make([]*appsv1.ControllerRevision, len(list.Items))
		for i := range list.Items {
			objects[i] = &list.Items[i]
		}
		return objects, nil
	}
}
