package invariants

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

const (
	// journalWait is how long a look into the journal waits for something new, and with it how late the checker is at rest.
	journalWait = 500 * time.Millisecond
	// pace is the least time between two looks.
	pace = 50 * time.Millisecond
)

// readJournal reads the journal until ctx ends, or it cannot be read: what was missed cannot be made up for.
func (c *Checker) readJournal(ctx context.Context) {
	for {
		begun, seq := now(), c.position()
		entries, err := c.world.VCenter.Control.Journal(ctx, seq, journalWait)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			c.fail(err)
			return
		}
		c.take(entries, seq, begun)
		if pause(ctx, pace) != nil {
			return
		}
	}
}

// drain reads the journal to its end, as of now.
func (c *Checker) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	for {
		begun, seq := now(), c.position()
		entries, err := c.world.VCenter.Control.Journal(ctx, seq, 0)
		if err != nil {
			c.fail(err)
			return
		}
		c.take(entries, seq, begun)
		if len(entries) == 0 {
			return
		}
	}
}

func (c *Checker) position() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seq
}

func (c *Checker) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = fmt.Errorf("read the simulator's journal: %w", err)
	}
}

// take takes in the entries after seq, unless somebody else was faster. What was asked for at an instant holds all that
// happened before it, or up to its last entry if there are more.
func (c *Checker) take(entries []control.Entry, seq int64, asked time.Time) {
	events := make([]event, len(entries))
	for i, e := range entries {
		events[i] = event{e.Time, e}
	}
	if n := len(entries); n > 0 {
		asked = entries[n-1].Time
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seq != seq {
		return
	}
	c.seq += int64(len(entries))
	c.merge(events, asked)
}

// readGroups watches the VmGroups until ctx ends. While that cannot be done, because their CRD is missing or the API server
// is away, it tries again.
func (c *Checker) readGroups(ctx context.Context) {
	known := map[string]*v1alpha1.VmGroup{}
	for ctx.Err() == nil {
		_ = c.watchGroups(ctx, known) // ended by the server, or to be tried again
		if pause(ctx, pace) != nil {
			return
		}
	}
}

func (c *Checker) watchGroups(ctx context.Context, known map[string]*v1alpha1.VmGroup) error {
	groups := c.world.Client.VsphereV1alpha1().VmGroups(c.o.Namespace)
	list, err := groups.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	listed := map[string]bool{}
	for i := range list.Items {
		vg := &list.Items[i]
		listed[string(vg.UID)] = true
		known[string(vg.UID)] = vg
		c.push(groupSeen{vg: vg})
	}
	for uid, vg := range known {
		if !listed[uid] {
			delete(known, uid)
			c.push(groupSeen{vg: vg, gone: true})
		}
	}
	w, err := groups.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return err
	}
	defer w.Stop()
	for e := range w.ResultChan() {
		vg, ok := e.Object.(*v1alpha1.VmGroup)
		if !ok {
			return apierrors.FromObject(e.Object)
		}
		known[string(vg.UID)] = vg
		if e.Type == watch.Deleted {
			delete(known, string(vg.UID))
		}
		c.push(groupSeen{vg: vg, gone: e.Type == watch.Deleted})
	}
	return nil
}

// liveGroups reads which VmGroups there are.
func (c *Checker) liveGroups() (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	live := map[string]bool{}
	list, err := c.world.Client.VsphereV1alpha1().VmGroups(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return live, nil // without the CRD there is none
	}
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		live[string(list.Items[i].UID)] = true
	}
	return live, nil
}

// pause waits, and returns an error if ctx ends meanwhile.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
