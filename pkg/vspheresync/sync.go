package vspheresync

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	appsclient "k8s.io/client-go/kubernetes/typed/apps/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	client "github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/typed/vsphere/v1alpha1"
	listers "github.com/vmgroup/vmgroup-controller/pkg/generated/listers/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Config is what a Syncer needs. All fields are required, except Name, KeeperOf, Sure and ReadOnly.
type Config struct {
	// Name is that of the controller. KeeperOf says who keeps a group: it is left alone unless that is this one. Default: there
	// are no classes, and the controller has the default name.
	Name     string
	KeeperOf func(*v1alpha1.VmGroup) (plan.Keeper, error)
	VCenter  vsphere.Interface
	Client   client.VmGroupsGetter
	Lister   listers.VmGroupLister
	// Revisions returns the ControllerRevisions that a VmGroup controls, from memory. RevisionClient writes them.
	Revisions      func(*v1alpha1.VmGroup) ([]*appsv1.ControllerRevision, error)
	RevisionClient appsclient.ControllerRevisionsGetter
	// UserData reads a key of a Secret live. See SecretReader.
	UserData UserDataReader
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
	// Wrote is told the resourceVersion of each object written, so that nobody syncs from a cache that is older.
	Wrote func(key cache.ObjectName, resourceVersion string)
	// Sure is asked immediately before every write to the API server; if it fails nothing is sent, for another process may
	// be the one to speak by now. vCenter has a guard of its own. Default: always sure.
	Sure func() error
	// ReadOnly holds back every change to vCenter. Plans are made, and statuses are written.
	ReadOnly bool
}

// Syncer syncs VmGroups. It may be used concurrently for different groups, not for the same.
type Syncer struct {
	cfg   Config
	turns *rate.Limiter // of the groups to write progress

	mu       sync.Mutex
	memories map[types.UID]*memory
	sights   map[types.UID]sight // of each group, as last seen
}

// New returns a Syncer.
func New(cfg Config) *Syncer {
	cfg.Name = cmp.Or(cfg.Name, v1alpha1.DefaultControllerName)
	if cfg.KeeperOf == nil {
		cfg.KeeperOf = func(vg *v1alpha1.VmGroup) (plan.Keeper, error) { return plan.KeeperOf(vg, nil, nil), nil }
	}
	if cfg.Sure == nil {
		cfg.Sure = func() error { return nil }
	}
	return &Syncer{cfg: cfg, turns: newTurns(), memories: map[types.UID]*memory{}, sights: map[types.UID]sight{}}
}

// freshFor is how old an input may be that a status is made from: what is submitted in hundreds has changed much of it by the
// time it is reported.
const freshFor = time.Second

// atOnce is when to sync again for what a refusal leads to. The back-off of what was refused is longer.
const atOnce = time.Millisecond

// maxLag is how long the cache may go without the removal of a finalizer. After it, the API server has gone back in time, and
// the group is there again.
const maxLag = 2 * time.Minute

// memory is what is remembered of a group between syncs. Losing it costs an extra read, event or status write, and a VM that
// was about to become available its time; nothing else.
type memory struct {
	since    time.Time // of the first sync
	keeper   plan.Keeper
	verified string // the vCenter in which the VMs that the status recorded before this process started were looked for
	// missing are the VMs that the group has asked the vCenter missingIn to verify. The answer is pending.
	missing   []vsphere.Ref
	missingIn string
	// measured is the generation of the spec with which the disks of all VMs were asked for, and unmeasured those that the group
	// waits for.
	measured   int64
	unmeasured []vsphere.Ref
	// sweep is the sweep that the group has asked for, see plan.Input, and sweepAt when.
	sweep   int
	sweepAt time.Time
	clocks  plan.Clocks
	notices map[plan.Notice]bool
	// announced is what the last event about the condition Ready was about, or what needed none.
	announced *readiness
	report    pace
	// generation is that of the spec as it was last seen, specSince since when.
	generation int64
	specSince  time.Time
	// orphan is true once the deletion was seen to ask for its VMs to stay; history is up to which version of the VmGroup
	// everything was looked at for that.
	orphan  bool
	history string
	// userData are the Secrets that were read lately, without what is in them.
	userData map[secretKey]time.Time
	// proof is of the last version that was the live one. waits is true if the last requests had to wait for their turn.
	proof proof
	waits bool
	// rest is what the last sync went by if it has found the group at rest, see rested. statusStands is true if it found
	// the status to be as it is to be.
	rest         *plan.Input
	statusStands bool
	unsure       bool // the last status write failed: what the API server has may be newer than the cache, without an event to come
	// finished is when the finalizer was removed. The cache learns it later.
	finished time.Time
}

// Sync gathers, decides, acts and reports, once. vg is not changed. It returns after how long to sync again if nothing
// happens before (0: no need), and what stopped it: an error of the API server, or a *vsphere.Error, also if nothing could
// be tried for it. The status is written even then.
func (s *Syncer) Sync(ctx context.Context, vg *v1alpha1.VmGroup) (time.Duration, error) {
	logger := klog.FromContext(ctx)
	keeper, err := s.cfg.KeeperOf(vg)
	if err != nil {
		return 0, err
	}
	if !keeper.KeptBy(s.cfg.Name) {
		return 0, nil
	}
	m := s.remember(vg.UID)
	m.keeper = keeper
	if wait := m.finished.Add(maxLag).Sub(s.cfg.Clock.Now()); wait > 0 && slices.Contains(vg.Finalizers, v1alpha1.Finalizer) {
		return wait, nil
	}
	if vg.DeletionTimestamp != nil {
		if err := s.learnWish(ctx, vg, m); err != nil {
			return 0, err
		}
	}
	in, p, err := s.decide(ctx, vg, m)
	if wants, known := plan.AssociationOf(in); known {
		s.cfg.VCenter.Associate(groupID(vg), wants)
	}
	if err == nil && unmoved(m.rest, in) {
		return 0, nil
	}
	m.rest, m.statusStands = nil, false
	logger.V(4).Info("Planned", "requests", p.Counts(), "cancel", len(p.Cancel), "sweep", p.Sweep, "finish", p.RemoveFinalizer,
		"held", p.Held, "retryAfter", p.RetryAfter)

	err = lacks(in, p, err)
	done := s.act(ctx, in, p)
	if done.outdated != nil {
		in, p, done, err = s.actAgain(ctx, m, done)
	}
	in.Group = done.group
	if done.finished {
		m.finished, m.sweep = s.cfg.Clock.Now(), 0
	}
	again := sooner(p.RetryAfter, done.again)
	// What could not be learned is asked again by the next sync, which its error brings about. To learn it here would be to
	// lose the error, and the plan that follows.
	if err == nil && !done.finished && (s.cfg.Clock.Since(in.Now) > freshFor || done.refused()) {
		tried := p.Requests
		in, p, err = s.decide(ctx, done.group, m)
		err = lacks(in, p, err)
		again = sooner(again, p.RetryAfter)
		// A VM was refused another size, and is to be powered on, for example. What was not even tried is the same as before.
		if done.refused() && !m.waits && p.Writes() && !slices.EqualFunc(tried, p.Requests, sameRequest) {
			again = atOnce
		}
	}
	s.recordSight(vg.UID, in, p)
	after, reportErr := s.report(ctx, m, in, p, done)
	again, err = sooner(again, after), joinErrors(done.err, unlessPending(err), reportErr)
	m.rest = rested(in, p, m.statusStands, again, err)
	return again, err
}

// sameRequest reports whether two requests ask for the same operation.
func sameRequest(a, b vsphere.Request) bool {
	return a.Kind == b.Kind && a.VM == b.VM && a.Name == b.Name
}

// unlessPending returns nil for a pending answer: it brings about the next sync.
func unlessPending(err error) error {
	if errors.Is(err, vsphere.ErrPending) {
		return nil
	}
	return err
}

// decide gathers and plans. Where it sees something of a group that goes, another sweep has to begin after that is gone.
func (s *Syncer) decide(ctx context.Context, vg *v1alpha1.VmGroup, m *memory) (plan.Input, plan.Plan, error) {
	in, err := s.gather(ctx, vg, m)
	p := plan.Compute(in)
	m.clocks = p.Clocks
	if in.Unavailable == nil && !p.Finishes() {
		m.sweep = 0
	}
	return in, p, err
}

// actAgain plans anew with the template looked up anew, and carries that out. It does so once: what changes again meanwhile is
// a conflict like any other.
func (s *Syncer) actAgain(ctx context.Context, m *memory, first result) (plan.Input, plan.Plan, result, error) {
	klog.FromContext(ctx).V(2).Info("Planning again", "reason", first.outdated)
	in, p, err := s.decide(ctx, first.group, m)
	err = lacks(in, p, err)
	done := s.act(ctx, in, p)
	if first.failed() {
		done.fail(first.err)
	}
	if done.outdated != nil {
		done.fail(done.outdated)
	}
	return in, p, done, err
}

// joinErrors joins what went wrong. If anything of it is the API server's, all of it is Transient: the classes of vCenter's
// troubles wait for minutes, or for vCenter, and a status that could not be written says meanwhile what is not true.
func joinErrors(errs ...error) error {
	joined := errors.Join(errs...)
	for _, err := range errs {
		if _, ok := errors.AsType[*vsphere.Error](err); err != nil && !ok {
			return &vsphere.Error{Class: vsphere.ClassTransient, Message: joined.Error(), Err: joined}
		}
	}
	return joined
}

// Forget drops what is remembered of a group that exists no more.
func (s *Syncer) Forget(key cache.ObjectName, uid types.UID) {
	s.mu.Lock()
	delete(s.memories, uid)
	delete(s.sights, uid)
	s.mu.Unlock()
	s.cfg.VCenter.Forget(vsphere.GroupID{Namespace: key.Namespace, Name: key.Name, UID: string(uid)})
}

func (s *Syncer) remember(uid types.UID) *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memories[uid] == nil {
		s.memories[uid] = &memory{notices: map[plan.Notice]bool{}, since: s.cfg.Clock.Now()}
	}
	return s.memories[uid]
}

func groupID(vg *v1alpha1.VmGroup) vsphere.GroupID {
	return vsphere.GroupID{Namespace: vg.Namespace, Name: vg.Name, UID: string(vg.UID)}
}

// sooner returns the shorter of two delays. 0 means none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
