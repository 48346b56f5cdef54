package controller

import (
	"errors"
	"testing"
	"time"

	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/fake"
	informers "github.com/vmgroup/vmgroup-controller/pkg/generated/informers/externalversions"
	vsphereinformers "github.com/vmgroup/vmgroup-controller/pkg/generated/informers/externalversions/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/metrics"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

var errBroken = errors.New("broken")

// brokenInformer fails as the test says.
type brokenInformer struct {
	vsphereinformers.VmGroupIndexInformer
	index, handler, get error
}

func (b *brokenInformer) AddTypedIndexers(indexers vsphereinformers.VmGroupIndexers) error {
	if b.index != nil {
		return b.index
	}
	return b.VmGroupIndexInformer.AddTypedIndexers(indexers)
}

func (b *brokenInformer) AddTypedEventHandler(
	handler cache.TypedResourceEventHandler[*v1alpha1.VmGroup], options ...cache.HandlerOptions,
) (cache.ResourceEventHandlerRegistration, error) {
	if b.handler != nil {
		return nil, b.handler
	}
	return b.VmGroupIndexInformer.AddTypedEventHandler(handler, options...)
}

func (b *brokenInformer) GetIndexer() cache.Indexer {
	return brokenIndexer{b.VmGroupIndexInformer.GetIndexer(), b.get}
}

type brokenIndexer struct {
	cache.Indexer
	err error
}

func (b brokenIndexer) GetByKey(string) (any, bool, error) { return nil, false, b.err }

func newBroken(t *testing.T, b *brokenInformer) (*Controller, error) {
	t.Helper()
	b.VmGroupIndexInformer = informers.NewSharedInformerFactory(fake.NewClientset(), 0).Vsphere().V1alpha1().VmGroups().TypedInformer()
	return New(Config{
		Informer: b, Writes: NewWrites(clock.RealClock{}), Metrics: metrics.New(), Clock: clock.RealClock{}, Logger: quiet(t), Workers: 1,
	})
}

// A controller that hears nothing, or cannot tell whom vCenter speaks of, must not run.
func TestNewFailsWithoutItsEars(t *testing.T) {
	for name, b := range map[string]*brokenInformer{"no index": {index: errBroken}, "no handler": {handler: errBroken}} {
		if c, err := newBroken(t, b); !errors.Is(err, errBroken) || c != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// A cache that fails does not say that the VmGroup is gone: what is remembered of it stays, and it is tried again.
func TestACacheThatFailsIsNotEmpty(t *testing.T) {
	s := &syncer{}
	c, err := newBroken(t, &brokenInformer{get: errBroken})
	if err != nil {
		t.Fatal(err)
	}
	defer c.queue.ShutDown()
	key := cache.NewObjectName("default", "a")
	c.writes.Wrote(key, "20")
	c.queue.Add(key)
	if !c.processNextWorkItem(t.Context(), t.Context(), s) {
		t.Fatal("the worker has ended")
	}
	if len(s.synced) > 0 || !c.writes.ahead(group("a")) {
		t.Errorf("synced %v, and our own write is forgotten: %t", s.synced, len(s.synced) == 0)
	}
	if after, n := c.backoff.next(key, vsphere.ClassTransient); n != 2 || after < vsphere.RetryDelay(vsphere.ClassTransient, 2) || after > time.Minute {
		t.Errorf("failures in a row: %d, tried again after %s", n, after)
	}
}
