package classes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	client "github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/typed/vsphere/v1alpha1"
	listers "github.com/vmgroup/vmgroup-controller/pkg/generated/listers/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// VCenter is the part of vsphere.Interface that classes need.
type VCenter interface {
	SetClasses(classes []vsphere.ClassSpec)
	Offer(ctx context.Context, class string) (vsphere.Offer, error)
}

// Config is what a Controller needs. All fields are required.
type Config struct {
	// Name is that of the controller, as classes have it in spec.controllerName.
	Name    string
	VCenter VCenter
	Client  client.VmGroupClassesGetter
	// Informer is that of the VmGroupClasses, Namespaces and Groups those of the namespaces and of the VmGroups. The Controller
	// starts none of them.
	Informer, Namespaces, Groups cache.SharedIndexInformer
	// Sure is asked immediately before every write to the API server; if it fails nothing is sent.
	Sure func() error
	// Wake is called for each group that may have another class, or may be admitted or not any more.
	Wake  func(*v1alpha1.VmGroup)
	Clock clock.WithTicker
}

// Controller keeps the classes of one controller name. KeeperOf may be called concurrently.
type Controller struct {
	cfg        Config
	classes    listers.VmGroupClassLister
	namespaces corelisters.NamespaceLister
	groups     listers.VmGroupLister
	handlers   []cache.ResourceEventHandlerRegistration
	queue      workqueue.TypedRateLimitingInterface[string]

	mu   sync.Mutex
	told map[string]int64 // the generations of the classes that vCenter was told of
}

// New registers handlers with the informers, which must not be running yet.
func New(cfg Config) (*Controller, error) {
	c := &Controller{
		cfg:        cfg,
		classes:    listers.NewVmGroupClassLister(cfg.Informer.GetIndexer()),
		namespaces: corelisters.NewNamespaceLister(cfg.Namespaces.GetIndexer()),
		groups:     listers.NewVmGroupLister(cfg.Groups.GetIndexer()),
		queue: workqueue.NewTypedRateLimitingQueueWithConfig(workqueue.DefaultTypedControllerRateLimiter[string](),
			workqueue.TypedRateLimitingQueueConfig[string]{Name: "vmgroupclass", Clock: cfg.Clock}),
	}
	for _, watched := range []struct {
		informer cache.SharedIndexInformer
		changed  func(before, after any)
	}{
		{cfg.Informer, c.classChanged}, {cfg.Namespaces, c.namespaceChanged}, {cfg.Groups, c.groupChanged},
	} {
		handler, err := watched.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(obj any) { watched.changed(nil, obj) },
			UpdateFunc: watched.changed,
			DeleteFunc: func(obj any) { watched.changed(lastKnown(obj), nil) },
		})
		if err != nil {
			return nil, fmt.Errorf("register a handler for VmGroupClasses: %w", err)
		}
		c.handlers = append(c.handlers, handler)
	}
	return c, nil
}

// lastKnown returns what was last known of an object that is gone.
func lastKnown(obj any) any {
	if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		return unknown.Obj
	}
	return obj
}

// classChanged wakes a class, and the groups for which it may matter. Our own write of a status is no news.
func (c *Controller) classChanged(before, after any) {
	old, _ := before.(*v1alpha1.VmGroupClass)
	class, _ := after.(*v1alpha1.VmGroupClass)
	switch {
	case class == nil && old == nil:
		return
	case class != nil && old != nil && old.ResourceVersion != class.ResourceVersion && sameOffer(old, class):
		return
	case class != nil:
		c.queue.Add(class.Name)
	}
	if c.HasSynced() && (class == nil || old == nil || !sameOffer(old, class)) {
		c.tell()
		classes, err := c.classes.List(labels.Everything())
		if err != nil { // unreachable: the lister reads from memory
			return
		}
		name := cmp.Or(class, old).Name
		c.wake(metav1.NamespaceAll, func(vg *v1alpha1.VmGroup) bool { return plan.DependsOnClass(vg, name, classes) })
	}
}

// wake wakes the groups of a namespace, or of all, that match.
func (c *Controller) wake(namespace string, match func(*v1alpha1.VmGroup) bool) {
	groups, err := c.groups.VmGroups(namespace).List(labels.Everything())
	if err != nil { // unreachable: the lister reads from memory
		return
	}
	for _, vg := range groups {
		if match(vg) {
			c.cfg.Wake(vg)
		}
	}
}

// every matches all groups.
func every(*v1alpha1.VmGroup) bool { return true }

// sameOffer reports whether a class has changed in nothing but its status and its finalizers.
func sameOffer(a, b *v1alpha1.VmGroupClass) bool {
	return a.UID == b.UID && a.Generation == b.Generation && a.IsDefault() == b.IsDefault() && a.DeletionTimestamp.Equal(b.DeletionTimestamp)
}

// namespaceChanged wakes the groups of a namespace if a class may admit it by now, or not any more, and the classes in deletion, which
// then may have one user less.
func (c *Controller) namespaceChanged(before, after any) {
	old, _ := before.(*corev1.Namespace)
	namespace, _ := after.(*corev1.Namespace)
	if c.HasSynced() && namespace != nil && (old == nil || !maps.Equal(old.Labels, namespace.Labels)) {
		c.wake(namespace.Name, every)
		c.wakeDeleted()
	}
}

// groupChanged wakes the classes in deletion when a group is gone: it may have been the last one.
func (c *Controller) groupChanged(_, after any) {
	if after == nil {
		c.wakeDeleted()
	}
}

// wakeDeleted wakes the classes in deletion.
func (c *Controller) wakeDeleted() {
	all, err := c.classes.List(labels.Everything())
	if err != nil { // unreachable: the lister reads from memory
		return
	}
	for _, class := range all {
		if class.DeletionTimestamp != nil {
			c.queue.Add(class.Name)
		}
	}
}

// NotifyAll wakes all classes: vCenter may have something else to say of them.
func (c *Controller) NotifyAll() {
	for _, name := range c.cfg.Informer.GetIndexer().ListKeys() {
		c.queue.Add(name)
	}
}

// HasSynced reports whether all classes and namespaces are known that there were at the start.
func (c *Controller) HasSynced() bool {
	for _, handler := range c.handlers {
		if !handler.HasSynced() {
			return false
		}
	}
	return true
}

// KeeperOf says who keeps a group. It fails until HasSynced: unknown is not empty.
func (c *Controller) KeeperOf(vg *v1alpha1.VmGroup) (plan.Keeper, error) {
	if !c.HasSynced() {
		return plan.Keeper{}, errors.New("the VmGroupClasses and namespaces have not been listed yet")
	}
	classes, err := c.classes.List(labels.Everything())
	if err != nil {
		return plan.Keeper{}, fmt.Errorf("list VmGroupClasses: %w", err)
	}
	var namespace labels.Set
	switch ns, err := c.namespaces.Get(vg.Namespace); {
	case err == nil:
		namespace = ns.Labels
	case vg.Status.ControllerName == "" && len(classes) > 0: // a selector may ask for a label that is not there
		return plan.Keeper{}, fmt.Errorf("nothing is known of the namespace %s yet, and so not which classes admit it: %w", vg.Namespace, err)
	}
	return plan.KeeperOf(vg, classes, namespace), nil
}

// Run keeps the classes until ctx ends.
func (c *Controller) Run(ctx context.Context) {
	defer c.queue.ShutDown()
	if !cache.WaitForCacheSync(ctx.Done(), c.HasSynced) {
		return
	}
	c.tell()
	c.wake(metav1.NamespaceAll, every)
	go func() {
		<-ctx.Done()
		c.queue.ShutDown()
	}()
	for c.processNextWorkItem(ctx) {
	}
}

func (c *Controller) processNextWorkItem(ctx context.Context) bool {
	name, shutdown := c.queue.Get()
	if shutdown {
		return false
	}
	defer c.queue.Done(name)
	err := c.sync(ctx, name)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		klog.FromContext(ctx).Info("Sync of a VmGroupClass failed, and is tried again", "vmGroupClass", name, "err", err)
		c.queue.AddRateLimited(name)
	default:
		c.queue.Forget(name)
	}
	return true
}

// tell tells the adapter which classes there are.
func (c *Controller) tell() {
	if !c.HasSynced() {
		return
	}
	c.mu.Lock() // before it lists: of two that tell at once, the last one knows the most
	defer c.mu.Unlock()
	all, err := c.classes.List(labels.Everything())
	if err != nil { // unreachable: the lister reads from memory
		return
	}
	generations := map[string]int64{}
	var specs []vsphere.ClassSpec
	for _, class := range all {
		if class.Spec.ControllerName == c.cfg.Name {
			generations[class.Name+"/"+string(class.UID)] = class.Generation
			specs = append(specs, SpecOf(class))
		}
	}
	if c.told == nil || !maps.Equal(c.told, generations) {
		c.told = generations
		c.cfg.VCenter.SetClasses(specs)
	}
}
