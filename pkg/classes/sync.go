package classes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// sync brings the finalizer and the status of a class up to date. A class of another controller is left alone.
func (c *Controller) sync(ctx context.Context, name string) error {
	class, err := c.classes.Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get VmGroupClass from the cache: %w", err)
	}
	if class.Spec.ControllerName != c.cfg.Name || c.cfg.Sure() != nil {
		return nil // all classes are woken when it is sure again
	}
	var users []string
	if class.DeletionTimestamp != nil { // otherwise it stays in any case
		if users, err = c.users(class); err != nil {
			return err
		}
	}
	if wanted := len(users) > 0 || class.DeletionTimestamp == nil; wanted != slices.Contains(class.Finalizers, v1alpha1.ClassFinalizer) {
		if !wanted {
			return c.patchFinalizers(ctx, class, slices.DeleteFunc(slices.Clone(class.Finalizers), func(f string) bool { return f == v1alpha1.ClassFinalizer }))
		}
		if class.DeletionTimestamp == nil { // Kubernetes forbids to add one to what is being deleted
			if err := c.patchFinalizers(ctx, class, append(slices.Clone(class.Finalizers), v1alpha1.ClassFinalizer)); err != nil {
				return err
			}
		}
	}
	found, err := c.cfg.VCenter.Offer(ctx, name)
	if vsphere.ClassOf(err) == vsphere.ClassUnavailable || errors.Is(err, vsphere.ErrPending) {
		return nil // the adapter wakes all classes
	}
	if err != nil {
		return fmt.Errorf("find out what a VmGroupClass comes to: %w", err)
	}
	return c.writeStatus(ctx, class, readiness(class, found, users))
}

// users returns the groups that a class keeps or would keep, as <namespace>/<name>, in order. A group that it refuses and that has
// never been one of its own does not hold it: a tenant could keep a class for ever.
func (c *Controller) users(class *v1alpha1.VmGroupClass) ([]string, error) {
	groups, err := c.groups.List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("list VmGroups: %w", err)
	}
	var users []string
	for _, vg := range groups {
		keeper, err := c.KeeperOf(vg)
		if err != nil {
			return nil, err
		}
		if keeper.Class == class.Name && keeper.KeptBy(class.Spec.ControllerName) && (vg.Status.Class != "" || keeper.Err == nil) {
			users = append(users, vg.Namespace+"/"+vg.Name)
		}
	}
	slices.Sort(users)
	return users, nil
}

// readiness returns the condition Ready of a class. In order:
//
//  1. it is being deleted, and groups use it: False, Deleting
//  2. something that it names is not there: False, with the reason of the first
//  3. True
func readiness(class *v1alpha1.VmGroupClass, found vsphere.Offer, users []string) metav1.Condition {
	reason := v1alpha1.ReasonClassResolved
	var wrong []string
	note := func(what string, err *vsphere.Error) {
		if err == nil {
			return
		}
		if len(wrong) == 0 {
			reason = err.Reason
		}
		wrong = append(wrong, what+err.Error())
	}
	for _, zone := range found.Zones {
		note("Zone "+zone.Name+": ", zone.Err)
	}
	for _, network := range found.Networks {
		note("Network "+network.Name+": ", network.Err)
	}
	for _, err := range slices.Concat(found.CustomizationErrs, found.TagErrs) {
		note("", err)
	}
	note("", found.TemplatesErr)
	if class.DeletionTimestamp != nil {
		reason = v1alpha1.ReasonDeleting
		wrong = []string{fmt.Sprintf("The class goes when no group uses it any more: %s.", listUsers(users))}
	}
	ready := metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, ObservedGeneration: class.Generation,
		Reason: reason, Message: "All that the class names is there.",
	}
	if len(wrong) > 0 {
		ready.Status, ready.Message = metav1.ConditionFalse, plan.Bounded(strings.Join(wrong, " "), maxMessage)
	}
	return ready
}

// maxMessage is the most characters of the message of a class. The API server refuses a status with a message of more than 32 KiB as a
// whole: the class would say of itself what was true before.
const maxMessage = 4096

// maxUsersListed is how many groups a message lists.
const maxUsersListed = 5

func listUsers(users []string) string {
	if n := len(users) - maxUsersListed; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(users[:maxUsersListed], ", "), n)
	}
	return strings.Join(users, ", ")
}

// writeStatus writes a class's status if it has changed.
func (c *Controller) writeStatus(ctx context.Context, class *v1alpha1.VmGroupClass, ready metav1.Condition) error {
	updated := class.DeepCopy()
	updated.Status.ObservedGeneration = class.Generation
	ready.LastTransitionTime = metav1.NewTime(c.cfg.Clock.Now())
	meta.SetStatusCondition(&updated.Status.Conditions, ready)
	if equality.Semantic.DeepEqual(class.Status, updated.Status) {
		return nil
	}
	_, err := c.cfg.Client.VmGroupClasses().UpdateStatus(ctx, updated, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write the status of a VmGroupClass: %w", err)
	}
	return nil
}

func (c *Controller) patchFinalizers(ctx context.Context, class *v1alpha1.VmGroupClass, finalizers []string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"finalizers": finalizers, "resourceVersion": class.ResourceVersion, "uid": class.UID,
	}})
	if err != nil { // unreachable: strings always marshal
		return err
	}
	_, err = c.cfg.Client.VmGroupClasses().Patch(ctx, class.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write the finalizer of a VmGroupClass: %w", err)
	}
	return nil
}

// SpecOf returns what the adapter has to know of a class.
func SpecOf(class *v1alpha1.VmGroupClass) vsphere.ClassSpec {
	spec := vsphere.ClassSpec{
		Name: class.Name, TemplateFolder: class.Spec.TemplateFolder, CustomizationSpecs: class.Spec.CustomizationSpecs,
		Tags: class.Spec.Tags,
	}
	for _, zone := range class.Spec.Zones {
		spec.Zones = append(spec.Zones, vsphere.ZoneSpec{
			Name: zone.Name, Cluster: zone.Cluster, ResourcePool: zone.ResourcePool, Datastore: zone.Datastore,
			DatastoreCluster: zone.DatastoreCluster, StoragePolicy: zone.StoragePolicy,
		})
	}
	for _, network := range class.Spec.Networks {
		spec.Networks = append(spec.Networks, vsphere.NetworkSpec{Name: network.Name, Path: network.Path, Subnet: subnetOf(network)})
	}
	if limits := class.Spec.Limits; limits != nil && limits.PerNamespace != nil {
		per := limits.PerNamespace
		spec.PerNamespace = vsphere.NamespaceLimits{VMs: times(per.VMs, 1), CPU: times(per.CPU, 1), MemoryMiB: times(per.Memory, 1024)}
	}
	return spec
}

// times returns a limit in another unit, nil if there is none.
func times(limit *int32, factor int64) *int64 {
	if limit == nil {
		return nil
	}
	return new(int64(*limit) * factor)
}

// subnetOf returns what guests are told of a network. The schema has seen to it that all of it can be read.
func subnetOf(network v1alpha1.ClassNetwork) vsphere.Subnet {
	var subnet vsphere.Subnet
	subnet.CIDR, _ = netip.ParsePrefix(network.CIDR)
	subnet.CIDR = subnet.CIDR.Masked()
	subnet.Gateway, _ = netip.ParseAddr(network.Gateway)
	for _, text := range network.Nameservers {
		if server, err := netip.ParseAddr(text); err == nil {
			subnet.Nameservers = append(subnet.Nameservers, server)
		}
	}
	return subnet
}
